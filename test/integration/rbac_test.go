// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/rbac"
)

// everyRight has a check for each way in which something is read.
const everyRight = `
checks:
- {name: workload, type: Workload, workload: {kind: Deployment, namespace: default, names: [rights], container: main}}
- {name: agent, type: Workload, expect: Optional, workload: {kind: DaemonSet, namespace: default, names: [rights-agent], container: main}}
- {name: silent, type: Workload, expect: Optional, workload: {kind: DaemonSet, namespace: default, names: [rights-silent]}}
- {name: nodes, type: Nodes, method: None, expect: Optional, nodes: {}}
- {name: lease, type: Lease, method: None, expect: Optional, lease: {namespace: kube-system, name: a}}
- {name: endpoint, type: Endpoint, method: None, expect: Optional, endpoint: {path: /readyz/etcd}}
- {name: metrics, type: Endpoint, method: None, expect: Optional, endpoint: {path: /livez/ping}}
- {name: watched, type: Object, method: None, expect: Optional, object: {apiVersion: storage.k8s.io/v1, kind: CSIDriver}}
- {name: config, type: Object, method: None, expect: Optional, object: {apiVersion: v1, kind: ConfigMap, namespace: default, name: a}}
- {name: polled-config, type: Object, method: None, expect: Optional, object: {apiVersion: v1, kind: ConfigMap, namespace: default, name: b, observe: Poll}}
- {name: polled, type: Object, method: None, expect: Optional, object: {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, observe: Poll}}
- {name: review, type: AccessReview, method: None, expect: Optional, accessReview: {verb: delete, resource: nodes, reasonContains: [a]}}
`

var _ = Describe("The least role", func() {
	rulesFor := func(reader rbac.Reader, m *v1alpha1.ComponentMapping) []rbacv1.PolicyRule {
		GinkgoHelper()
		needs := rbac.NewNeeds(reader, nil)
		Expect(needs.AddMapping(m)).To(Succeed())
		var rules []rbacv1.PolicyRule
		for _, r := range needs.ClusterRules() {
			rules = append(rules, r.PolicyRule)
		}
		return rules
	}
	// unreadable are the checks that may not look, or not say why.
	unreadable := func(m *v1alpha1.ComponentMapping) []string {
		var names []string
		for _, c := range m.Status.Checks {
			if c.Reason == v1alpha1.ReasonNotPermitted || strings.Contains(c.Message, "not permitted") {
				names = append(names, c.Name)
			}
		}
		return names
	}

	// silent is a DaemonSet whose pods do not exist, of which only events say why.
	silent := func(name string) {
		GinkgoHelper()
		labels := map[string]string{"app": name}
		ds := create(&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
			Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/agent:v1"}}}}}})
		ds.Status = appsv1.DaemonSetStatus{ObservedGeneration: ds.Generation, DesiredNumberScheduled: 2}
		Expect(k8sClient.Status().Update(ctx, ds)).To(Succeed())
	}

	It("is enough for the operator", func() {
		crash("rights")
		rollingAgent("rights-agent")
		silent("rights-silent")
		m := create(mapping("rights", everyRight))
		startOperator(restrictedUser("least-operator", rulesFor(rbac.Operator, m)...), nil)
		Eventually(get("rights")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Healthy", "False", "CrashLooping"), // which its pods tell
			WithTransform(unreadable, BeEmpty())))
	})

	It("is enough for a user, who misses each right that is taken away", func() {
		crash("rights")
		rollingAgent("rights-agent")
		silent("rights-silent")
		m := create(mapping("rights", everyRight))
		rules := rulesFor(rbac.User, m)
		catalog := judge.Compile(nil, []v1alpha1.ComponentMapping{*m})
		Expect(refused(catalog, restrictedUser("least-user", rules...))).To(BeEmpty())
		for i, rule := range rules {
			if len(rule.Resources) > 0 && rule.Resources[0] == "selfsubjectaccessreviews" {
				continue // everybody may
			}
			less := append(append([]rbacv1.PolicyRule{}, rules[:i]...), rules[i+1:]...)
			name := "less-user-" + string(rune('a'+i))
			Expect(refused(catalog, restrictedUser(name, less...))).NotTo(BeEmpty(), "%v", rule)
		}
	})

	It("names every kind of Kubernetes as the API server does", func() {
		kube, err := kubernetes.NewForConfig(cfg)
		Expect(err).NotTo(HaveOccurred())
		_, lists, err := kube.ServerGroupsAndResources()
		Expect(err).NotTo(HaveOccurred())
		lists = discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, lists)
		Expect(len(lists)).To(BeNumerically(">", 15))
		for _, list := range lists {
			version, err := runtimeschema.ParseGroupVersion(list.GroupVersion)
			Expect(err).NotTo(HaveOccurred())
			for _, r := range list.APIResources {
				Expect(rbac.NewPlurals().Of(version.WithKind(r.Kind))).To(Equal(r.Name))
			}
		}
	})
})

// crash is a Deployment of two pods, of which one crashes, in a roll-out.
func crash(name string) {
	GinkgoHelper()
	newNode(name, "True")
	d := deployment(name, 2)
	pod(d.ObjectMeta, name+"-a", name, crashing)
	rollOut(d, "v1.3.0")
	d.Status.ReadyReplicas, d.Status.AvailableReplicas = 1, 1
	Expect(k8sClient.Status().Update(ctx, d)).To(Succeed())
}

// refused are the reads that a user may not do.
func refused(catalog *judge.Catalog, user *rest.Config) []facts.Need {
	GinkgoHelper()
	reader, err := observe.NewReader(user, func(config *rest.Config, client *http.Client) (meta.RESTMapper, error) {
		return apiutil.NewDynamicRESTMapper(config, client)
	})
	Expect(err).NotTo(HaveOccurred())
	_, read, err := catalog.ReadAndJudge(ctx, reader)
	Expect(err).NotTo(HaveOccurred())
	var needs []facts.Need
	for _, r := range read.Reads {
		if r.State == facts.NotPermitted {
			needs = append(needs, r.Need)
		}
	}
	return needs
}
