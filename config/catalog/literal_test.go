// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/facts"
)

// TestDocumentTakenLiterally: a cluster that has what the document names of a component, and nothing more, has that
// component: whole, healthy and as documented, as one of the variants of its mapping.
func TestDocumentTakenLiterally(t *testing.T) {
	for _, m := range load(t, catalog.AKS).Mappings {
		t.Run(m.Name, func(t *testing.T) {
			var why []string
			for _, v := range m.Spec.Variants {
				l, ok := newLiteral(&m, v)
				if !ok {
					why = append(why, v.Name+": needs more than the document names")
					continue
				}
				problem := literalProblem(l.judge(t, []v1alpha1.ComponentMapping{m})[m.Name], v.Name)
				if problem == "" {
					return
				}
				why = append(why, v.Name+": "+problem)
			}
			t.Errorf("what the document names of a component is enough for one of its variants:\n%s", strings.Join(why, "\n"))
		})
	}
}

// literalProblem says why a component is not found whole, healthy and as documented, as this variant alone.
func literalProblem(status v1alpha1.ComponentMappingStatus, variant string) string {
	present := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPresent)
	healthy := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)
	documented := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAsDocumented)
	switch {
	case present.Status != metav1.ConditionTrue || present.Reason == v1alpha1.ReasonPartial:
		return present.Reason + ": " + present.Message
	case healthy.Status == metav1.ConditionFalse || healthy.Reason == v1alpha1.ReasonObservationFailed:
		return healthy.Reason + ": " + healthy.Message
	case documented.Reason != v1alpha1.ReasonMatchesDocumentation:
		return documented.Reason + ": " + documented.Message
	case !slices.Equal(status.Variants, []string{variant}):
		return "found as " + strings.Join(status.Variants, ", ")
	}
	return ""
}

// literal is a cluster made of what a mapping's document says: of each method that it names what a check of that method
// looks for, under the name, in the namespace and of the image that the document gives, if it does, and with no labels but
// those in shipped. What is no implementation comes with what registers it: a metrics server that registers no API is not
// installed.
type literal struct {
	cluster

	row       string
	doc       v1alpha1.Implementation
	node      *corev1.Node
	namespace string
	names     map[v1alpha1.WorkloadKind]string
}

// What a document says of workloads in its details.
var (
	documentedName      = regexp.MustCompile(`\b(Deployment|DaemonSet|StatefulSet) \(([a-z0-9-]+)\)`)
	documentedNamespace = regexp.MustCompile(`^Namespace: (\S+)$`)
)

// newLiteral fails when the variant needs something by a method that the document does not name, or shows nothing of one
// that it does.
func newLiteral(m *v1alpha1.ComponentMapping, v v1alpha1.Variant) (cluster, bool) {
	l := &literal{row: m.Name, doc: m.Spec.Implementation, names: map[v1alpha1.WorkloadKind]string{},
		cluster: cluster{responses: map[string]facts.Response{}}, node: labeled(node("aks-np1-1", nil), aksLabel, "MC_g_c_westeurope")}
	for _, detail := range l.doc.Details {
		for _, found := range documentedName.FindAllStringSubmatch(detail, -1) {
			l.names[v1alpha1.WorkloadKind(found[1])] = found[2]
		}
		if found := documentedNamespace.FindStringSubmatch(detail); found != nil {
			l.namespace = found[1]
		}
	}
	shown := map[v1alpha1.ImplementationMethod]bool{}
	for _, needed := range []bool{true, false} {
		for _, c := range slices.Concat(m.Spec.Checks, v.Checks) {
			method := methodOf(&c)
			switch optional := c.Expect == v1alpha1.ExpectOptional; {
			case c.Expect == v1alpha1.ExpectAbsent || optional == needed,
				optional && (method == "" || shown[method] || !slices.Contains(l.doc.Methods, method)):
				continue
			case method != "" && !slices.Contains(l.doc.Methods, method):
				return cluster{}, false
			case method != "":
				shown[method] = true
			}
			l.show(&c)
		}
	}
	return l.with(l.node), len(shown) == len(l.doc.Methods)
}

// methodOf is the method that a check proves, empty where it proves none.
func methodOf(c *v1alpha1.Check) v1alpha1.ImplementationMethod {
	method := c.Method
	if c.Workload != nil {
		method = cmp.Or(method, v1alpha1.CheckMethod(c.Workload.Kind))
	}
	if method == v1alpha1.CheckMethodNone || c.Expect == v1alpha1.ExpectPrecondition {
		return ""
	}
	return v1alpha1.ImplementationMethod(method)
}

// show adds what the check looks for.
func (l *literal) show(c *v1alpha1.Check) {
	switch {
	case c.Workload != nil:
		l.add(l.workload(c.Workload))
	case c.Nodes != nil:
		l.showNode(c.Nodes)
	case c.Lease != nil:
		l.add(lease(cmp.Or(string(c.Lease.Name), "holder")))
	case c.Endpoint != nil:
		l.responses[c.Endpoint.Path] = signedIn(kubernetes()).responses[c.Endpoint.Path]
	case c.AccessReview != nil:
		l.refusal = c.AccessReview.ReasonContains[0]
	case c.Object != nil:
		o := c.Object
		l.add(object(o.APIVersion, o.Kind, string(o.Namespace), cmp.Or(string(o.Name), "one"), l.registration(o.Kind)))
	case c.Webhook != nil:
		w := c.Webhook
		name := string(w.NamePrefix) + "1"
		if len(w.Names) > 0 {
			name = string(w.Names[0])
		}
		namespace, service := cmp.Or(string(w.ServiceNamespace), "kube-system"), "webhook"
		l.add(mutating(name, namespace, service))
		l.objects = append(l.objects, behind(namespace, service))
	}
}

// add an object with the labels with which it is shipped.
func (l *literal) add(o client.Object) {
	kind := o.GetObjectKind().GroupVersionKind().Kind
	switch o.(type) {
	case *appsv1.Deployment:
		kind = "Deployment"
	case *appsv1.DaemonSet:
		kind = "DaemonSet"
	}
	l.objects = append(l.objects, labeledAll(o, shipped[l.row+" "+kind]))
}

// shipped are the labels that tell objects of a component apart wherever it runs as documented, by its name and their kind.
// They are facts, and no check is asked for them: what a check demands besides is not enough for what the document names.
// All others need none.
var shipped = map[string]map[string]string{
	// The controller of EndpointSlices, in every Kubernetes: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
	"coredns EndpointSlice": {"kubernetes.io/service-name": "kube-dns"},
	// Istio's chart sets app, https://github.com/istio/istio/tree/master/manifests/charts/istio-control/istio-discovery, and
	// AKS marks what it manages, as kubectl describe of an istiod-asm-1-17 shows that somebody published in November 2023.
	"istio Deployment": {"app": "istiod", managedAKS: "aks"},
}

func (l *literal) workload(w *v1alpha1.WorkloadCheck) client.Object {
	name := w.NamePrefix + "1"
	if len(w.Names) > 0 {
		name = string(w.Names[0])
	}
	name = cmp.Or(l.names[w.Kind], name)
	namespace := cmp.Or(l.namespace, string(w.Namespace), "default")
	image := cmp.Or(w.ImagePath, name) + ":v1"
	if l.doc.Image != "" {
		image = l.doc.Image + ":" + cmp.Or(l.doc.MinVersion, "v1")
	}
	container := cmp.Or(w.Container, name)
	var o client.Object = deployment(namespace, name, container, image)
	switch w.Kind {
	case v1alpha1.WorkloadDaemonSet:
		o = daemonSet(namespace, name, container, image)
	case v1alpha1.WorkloadStatefulSet:
		o = statefulSet(namespace, name)
	}
	return o
}

// showNode gives the node what the check asks for.
func (l *literal) showNode(c *v1alpha1.NodesCheck) {
	if c.Present == nil {
		return
	}
	if c.Present.PodCIDR == v1alpha1.Set {
		l.node.Spec.PodCIDR = "10.244.0.0/24"
	}
	for _, wanted := range c.Present.Conditions {
		l.node.Status.Conditions = append(l.node.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(wanted.Type), Status: corev1.ConditionStatus(wanted.Status), Reason: wanted.Reason, LastHeartbeatTime: metav1.NewTime(now)})
	}
}

// registration is what an object of the kind shows, besides its metadata, when all is well.
func (l *literal) registration(kind string) map[string]any {
	switch kind {
	case "APIService":
		return map[string]any{"spec": map[string]any{"service": map[string]any{"name": l.doc.Name, "namespace": "kube-system"}},
			"status": condition("Available", "True")}
	case "EndpointSlice":
		return map[string]any{"endpoints": []any{map[string]any{"conditions": map[string]any{"ready": true}}}}
	}
	return nil
}

func labeledAll(o client.Object, more map[string]string) client.Object {
	for key, value := range more {
		o = labeled(o, key, value)
	}
	return o
}
