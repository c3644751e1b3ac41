// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// maxObjectName and maxReason are the lengths of those of a fault, in bytes.
	maxObjectName = 253
	maxReason     = 316

	// kindWebhook is the kind of a webhook as a subject: one of a configuration, by its name.
	kindWebhook = "Webhook"
)

// worstFaults are the first MaxObjects faults, the major ones first.
func worstFaults(faults []v1alpha1.Fault) []v1alpha1.Fault {
	slices.SortStableFunc(faults, func(a, b v1alpha1.Fault) int { return cmp.Compare(a.Severity, b.Severity) }) // Major before Minor
	return faults[:min(len(faults), MaxObjects)]
}

// Lost is the fault of what the check looks for and did not find.
func (f *Finding) Lost() v1alpha1.Fault {
	subject, next := f.Check.checkType.lost(f.Check.Evaluator)
	subject.Name = msg.Truncate(cmp.Or(subject.Name, f.Check.Subject()), maxObjectName)
	return v1alpha1.Fault{
		Kind: v1alpha1.FaultObject, Subject: subject, Severity: v1alpha1.SeverityMajor, Reason: v1alpha1.ReasonNotFound, Message: f.Message, Next: next,
	}
}

func lostWorkload(e *Evaluator) (v1alpha1.ObservedObject, string) {
	w := e.Spec.Workload
	o := v1alpha1.ObservedObject{Kind: string(w.Kind), Namespace: string(w.Namespace), Name: string(w.NamePrefix)}
	if len(w.Names) > 0 {
		o.Name = string(w.Names[0])
	}
	if o.Namespace == "" {
		return o, msg.Kubectl("", "get", strings.ToLower(o.Kind)+"s", "-A", "-l", e.selector.String())
	}
	if len(w.Names) > 0 {
		return o, msg.Kubectl(o.Namespace, "get", "events", "--field-selector", "involvedObject.name="+o.Name)
	}
	return o, msg.Kubectl(o.Namespace, "get", strings.ToLower(o.Kind)+"s")
}

func lostNodes(e *Evaluator) (v1alpha1.ObservedObject, string) {
	o := v1alpha1.ObservedObject{Kind: "Node"}
	if e.selector.Empty() {
		return o, msg.Kubectl("", "get", "nodes")
	}
	return o, msg.Kubectl("", "get", "nodes", "-l", e.selector.String())
}

func lostLease(e *Evaluator) (v1alpha1.ObservedObject, string) {
	l := e.Spec.Lease
	return v1alpha1.ObservedObject{Kind: "Lease", Namespace: string(l.Namespace), Name: string(l.Name)}, msg.Kubectl(string(l.Namespace), "get", "leases")
}

func lostEndpoint(e *Evaluator) (v1alpha1.ObservedObject, string) {
	return v1alpha1.ObservedObject{Kind: kindPath, Name: e.Spec.Endpoint.Path}, msg.Kubectl("", "get", "--raw", e.Spec.Endpoint.Path)
}

// lostObject is the Service where its EndpointSlices are lost, which go with it.
func lostObject(e *Evaluator) (v1alpha1.ObservedObject, string) {
	spec := e.Spec.Object
	o := v1alpha1.ObservedObject{Kind: spec.Kind, Namespace: string(spec.Namespace), Name: string(spec.Name)}
	if service, ok := e.selector.RequiresExactMatch(discoveryv1.LabelServiceName); ok && spec.Kind == sliceKind.Kind {
		o.Kind, o.Name = serviceKind.Kind, service
		return o, msg.Kubectl(o.Namespace, "get", "services")
	}
	words := []string{"get", resourceOf(spec)}
	if o.Name == "" && !e.selector.Empty() {
		words = append(words, "-l", e.selector.String())
	}
	return o, msg.Kubectl(o.Namespace, words...)
}

func lostReview(e *Evaluator) (v1alpha1.ObservedObject, string) {
	r := e.Spec.AccessReview
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	return v1alpha1.ObservedObject{Kind: "SelfSubjectAccessReview"}, msg.Kubectl("", "auth", "can-i", r.Verb, resource)
}

func lostWebhook(e *Evaluator) (v1alpha1.ObservedObject, string) {
	w := e.Spec.Webhook
	o := v1alpha1.ObservedObject{Kind: webhookNeeds(e)[0].Kind.Kind, Name: string(w.NamePrefix)}
	if len(w.Names) > 0 {
		o.Name = string(w.Names[0])
	}
	return o, msg.Kubectl("", "get", strings.ToLower(o.Kind)+"s")
}
