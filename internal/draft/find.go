// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package draft writes a first mapping for a program, from what of it runs in a cluster: its workloads, and what belongs to
// them. It is pure: it makes a draft of a snapshot.
package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/snapshot"
)

// The labels that charts and manifests set.
const (
	nameLabel      = "app.kubernetes.io/name"
	componentLabel = "app.kubernetes.io/component"
	instanceLabel  = "app.kubernetes.io/instance"
	appLabel       = "app"

	releaseName      = "meta.helm.sh/release-name"
	releaseNamespace = "meta.helm.sh/release-namespace"
)

// Kinds of workloads, in the order in which a name is looked for.
var Kinds = []v1alpha1.WorkloadKind{v1alpha1.WorkloadDeployment, v1alpha1.WorkloadDaemonSet, v1alpha1.WorkloadStatefulSet}

// leaseNamespace is where controllers keep their leases that keep none in their own namespace.
const leaseNamespace = "kube-system"

var (
	serviceKind    = corev1.SchemeGroupVersion.WithKind("Service")
	validatingKind = admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration")
	mutatingKind   = admissionv1.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration")
	sliceKind      = discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
	leaseKind      = coordinationv1.SchemeGroupVersion.WithKind("Lease")
)

// Subject is the workload of which a draft is made.
type Subject struct {
	// Kind may be empty: then it is found by its name.
	Kind            v1alpha1.WorkloadKind
	Namespace, Name string
}

// Needs are what must be read of a cluster to make a draft of a workload. No Secret is among them.
func Needs(namespace string) []facts.Need {
	var needs []facts.Need
	for _, kind := range Kinds {
		needs = append(needs, workloadNeed(kind, namespace))
	}
	return append(needs, others(namespace)...)
}

func workloadNeed(kind v1alpha1.WorkloadKind, namespace string) facts.Need {
	return facts.Need{Kind: appsv1.SchemeGroupVersion.WithKind(string(kind)), Namespace: namespace}
}

// others are the needs without which there is a draft, that says less.
func others(namespace string) []facts.Need {
	return []facts.Need{
		{Kind: serviceKind, Namespace: namespace}, {Kind: leaseKind, Namespace: namespace}, {Kind: leaseKind, Namespace: leaseNamespace},
		{Kind: validatingKind}, {Kind: mutatingKind}, {Kind: snapshot.DefinitionKind}, {Kind: snapshot.APIServiceKind},
	}
}

// workload is one of the family: the subject, or another of the same release.
type workload struct {
	client.Object

	kind     v1alpha1.WorkloadKind
	selector labels.Set // of its pods
	pod      corev1.PodSpec
	// holder matches the names of its pods, with which the identity of a lease's holder begins.
	holder *regexp.Regexp
}

// Pods of a Deployment are named after the ReplicaSet, which is named by a hash, and end in five letters as all do. These
// letters leave out vowels, so that "-cainjector-" is no such hash.
const safe = `[bcdfghjklmnpqrstvwxz2456789]`

var podNames = map[v1alpha1.WorkloadKind]string{
	v1alpha1.WorkloadDeployment:  "-" + safe + "{1,10}-" + safe + "{5}",
	v1alpha1.WorkloadDaemonSet:   "-" + safe + "{5}",
	v1alpha1.WorkloadStatefulSet: "-[0-9]+",
}

func workloadOf(o client.Object) *workload {
	w := &workload{Object: o}
	switch o := o.(type) {
	case *appsv1.Deployment:
		w.kind, w.selector, w.pod = v1alpha1.WorkloadDeployment, o.Spec.Template.Labels, o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		w.kind, w.selector, w.pod = v1alpha1.WorkloadDaemonSet, o.Spec.Template.Labels, o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		w.kind, w.selector, w.pod = v1alpha1.WorkloadStatefulSet, o.Spec.Template.Labels, o.Spec.Template.Spec
	default:
		return nil
	}
	w.holder = regexp.MustCompile("^" + regexp.QuoteMeta(o.GetName()) + podNames[w.kind] + `([^a-z0-9]|$)`)
	return w
}

func (w *workload) String() string { return msg.Object(string(w.kind), w.GetNamespace(), w.GetName()) }

// findings are what belongs to a workload.
type findings struct {
	subject *workload
	// family has the subject first.
	family   []*workload
	services []service
	webhooks []webhook
	apis     []string
	crds     []definition
	leases   []lease
	// unseen says what could not be looked for, and why.
	unseen []string
}

type service struct {
	name string
	// called says that the API server calls it as an aggregated API or a conversion; webhook, that it does as a webhook, so
	// that a Webhook check looks at its endpoints.
	called, webhook bool
}

type webhook struct{ kind, name string }

type definition struct {
	name, group string
	// byGroup says that nothing but its group tells whose it is.
	byGroup bool
}

type lease struct {
	namespace, name string
	holder          *workload
}

// find looks in a snapshot for what belongs to the subject.
func find(s *snapshot.Snapshot, subject Subject, name string) (*findings, error) {
	all, err := workloads(s, subject.Namespace)
	if err != nil {
		return nil, err
	}
	f := &findings{}
	if f.subject, err = choose(all, subject); err != nil {
		return nil, err
	}
	f.family = append([]*workload{f.subject}, siblings(all, f.subject)...)
	for _, need := range others(subject.Namespace) {
		answer := s.Answer(need)
		if answer.State != facts.Known && answer.State != facts.NotServed {
			f.unseen = append(f.unseen, cmp.Or(answer.Message, need.Kind.Kind))
		}
	}
	slices.Sort(f.unseen)
	f.unseen = slices.Compact(f.unseen)
	f.findServices(s)
	f.findWebhooks(s)
	f.findAPIs(s)
	f.findDefinitions(s, name)
	f.findLeases(s)
	return f, nil
}

func workloads(s *snapshot.Snapshot, namespace string) ([]*workload, error) {
	var all []*workload
	var unread []string
	for _, kind := range Kinds {
		answer := s.Answer(workloadNeed(kind, namespace))
		if answer.State != facts.Known {
			unread = append(unread, cmp.Or(answer.Message, "no "+string(kind)))
		}
		for _, o := range answer.Objects {
			all = append(all, workloadOf(o))
		}
	}
	if len(all) == 0 && len(unread) > 0 {
		return nil, fmt.Errorf("no workloads of namespace %s can be seen: %s", namespace, strings.Join(unread, "; "))
	}
	return all, nil
}

// choose finds the subject among the workloads of its namespace.
func choose(all []*workload, subject Subject) (*workload, error) {
	var found []*workload
	var names []string
	for _, w := range all {
		if w.GetName() == subject.Name && (subject.Kind == "" || w.kind == subject.Kind) {
			found = append(found, w)
		}
		names = append(names, strings.ToLower(string(w.kind))+"/"+w.GetName())
	}
	switch {
	case len(found) > 1:
		return nil, fmt.Errorf("there are %s and %s: say which kind", found[0], found[1])
	case len(found) == 1:
		return found[0], nil
	case len(names) == 0:
		return nil, fmt.Errorf("namespace %s has no Deployment, DaemonSet or StatefulSet", subject.Namespace)
	}
	return nil, fmt.Errorf("namespace %s has no %s %s; it has %s", subject.Namespace,
		cmp.Or(string(subject.Kind), "Deployment, DaemonSet or StatefulSet"), subject.Name, strings.Join(names, ", "))
}

// siblings are the other workloads of the same release: those with the same instance.
func siblings(all []*workload, subject *workload) []*workload {
	instance := subject.GetLabels()[instanceLabel]
	var out []*workload
	for _, w := range all {
		if w != subject && instance != "" && w.GetLabels()[instanceLabel] == instance {
			out = append(out, w)
		}
	}
	return out
}

func (f *findings) namespace() string { return f.subject.GetNamespace() }

// findServices finds those that select pods of the family.
func (f *findings) findServices(s *snapshot.Snapshot) {
	for _, o := range objects[corev1.Service](s, facts.Need{Kind: serviceKind, Namespace: f.namespace()}) {
		selector := labels.Set(o.Spec.Selector).AsSelector()
		if len(o.Spec.Selector) > 0 && slices.ContainsFunc(f.family, func(w *workload) bool { return selector.Matches(w.selector) }) {
			f.services = append(f.services, service{name: o.Name})
		}
	}
}

// service returns the one of that name; nil when it is none of the family's.
func (f *findings) service(namespace, name string) *service {
	i := slices.IndexFunc(f.services, func(s service) bool { return s.name == name })
	if namespace != f.namespace() || i < 0 {
		return nil
	}
	return &f.services[i]
}

// calls says whether the API server calls one of the services as an API or a conversion, which it notes.
func (f *findings) calls(namespace, name string) bool {
	s := f.service(namespace, name)
	if s != nil {
		s.called = true
	}
	return s != nil
}

// findWebhooks finds the configurations that call one of the services. Both kinds name it in the same place.
func (f *findings) findWebhooks(s *snapshot.Snapshot) {
	for _, kind := range []schema.GroupVersionKind{mutatingKind, validatingKind} {
		for _, o := range objects[admissionv1.ValidatingWebhookConfiguration](s, facts.Need{Kind: kind}) {
			mine := false
			for _, w := range o.Webhooks {
				if w.ClientConfig.Service == nil {
					continue
				}
				if s := f.service(w.ClientConfig.Service.Namespace, w.ClientConfig.Service.Name); s != nil {
					s.webhook, mine = true, true
				}
			}
			if mine {
				f.webhooks = append(f.webhooks, webhook{kind.Kind, o.Name})
			}
		}
	}
}

// apiService is what is read of an object of that kind.
type apiService struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Service *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"service"`
	} `json:"spec"`
}

func (f *findings) findAPIs(s *snapshot.Snapshot) {
	for _, o := range objects[apiService](s, facts.Need{Kind: snapshot.APIServiceKind}) {
		if o.Spec.Service != nil && f.calls(o.Spec.Service.Namespace, o.Spec.Service.Name) {
			f.apis = append(f.apis, o.Name)
		}
	}
}

// findDefinitions finds the kinds that the program brings: by the marks of its release, by the Service that converts them,
// and else by a group that is named like it.
func (f *findings) findDefinitions(s *snapshot.Snapshot, name string) {
	instance := f.subject.GetLabels()[instanceLabel]
	named := []string{name, f.subject.GetName(), f.subject.GetLabels()[nameLabel], instance}
	for _, o := range objects[apiextensionsv1.CustomResourceDefinition](s, facts.Need{Kind: snapshot.DefinitionKind}) {
		marks, group := o.GetLabels()[instanceLabel], o.Spec.Group
		release := o.Annotations[releaseName] == instance && o.Annotations[releaseNamespace] == f.namespace()
		switch {
		case instance != "" && (marks == instance || release), f.converts(&o):
			f.crds = append(f.crds, definition{name: o.Name, group: group})
		case marks == "" && slices.ContainsFunc(strings.Split(group, "."), func(part string) bool { return slices.Contains(named, part) }):
			f.crds = append(f.crds, definition{name: o.Name, group: group, byGroup: true})
		}
	}
}

func (f *findings) converts(o *apiextensionsv1.CustomResourceDefinition) bool {
	c := o.Spec.Conversion
	if c == nil || c.Webhook == nil || c.Webhook.ClientConfig == nil || c.Webhook.ClientConfig.Service == nil {
		return false
	}
	return f.calls(c.Webhook.ClientConfig.Service.Namespace, c.Webhook.ClientConfig.Service.Name)
}

// findLeases finds those that a pod of the family holds.
func (f *findings) findLeases(s *snapshot.Snapshot) {
	for _, namespace := range slices.Compact([]string{f.namespace(), leaseNamespace}) {
		for _, o := range objects[coordinationv1.Lease](s, facts.Need{Kind: leaseKind, Namespace: namespace}) {
			if o.Spec.HolderIdentity == nil {
				continue
			}
			i := slices.IndexFunc(f.family, func(w *workload) bool { return w.holder.MatchString(*o.Spec.HolderIdentity) })
			if i >= 0 {
				f.leases = append(f.leases, lease{o.Namespace, o.Name, f.family[i]})
			}
		}
	}
}

// objects are those that answer a need, as typed ones. What cannot be read as such is none.
func objects[T any](s *snapshot.Snapshot, need facts.Need) []T {
	var out []T
	for _, o := range s.Answer(need).Objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			continue
		}
		typed := new(T)
		if runtime.DefaultUnstructuredConverter.FromUnstructured(content, typed) == nil {
			out = append(out, *typed)
		}
	}
	return out
}
