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
	subject := Sought(&f.Check.Spec)
	subject.Name = msg.Truncate(cmp.Or(subject.Name, f.Check.withoutKind(subject.Kind)), maxObjectName)
	return v1alpha1.Fault{
		Kind: v1alpha1.FaultObject, Subject: subject, Severity: v1alpha1.SeverityMajor, Reason: v1alpha1.ReasonNotFound, Message: f.Message,
		Next: f.Check.whereToLook(subject),
	}
}

// withoutKind names what a check looks at where its kind is known: "with labels app=x".
func (e *Evaluator) withoutKind(kind string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(e.Subject(), kind), "s")
	if name, cut := strings.CutPrefix(rest, " "); cut {
		return name
	}
	return e.Subject()
}

// Sought is the object that a check looks for; the first one where it names several. Its name is empty where the check names
// none.
func Sought(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	if t, known := checkTypes[spec.Type]; known && t.isSet(spec) {
		return t.sought(spec)
	}
	return v1alpha1.ObservedObject{}
}

// whereToLook is the command that shows what there is in place of an object that is gone. No event tells who deleted it.
func (e *Evaluator) whereToLook(o v1alpha1.ObservedObject) string {
	words := []string{"get", strings.ToLower(o.Kind)}
	switch {
	case e.Spec.Endpoint != nil:
		return msg.Kubectl("", "get", "--raw", e.Spec.Endpoint.Path)
	case e.Spec.AccessReview != nil:
		return msg.Kubectl("", "auth", "can-i", e.Spec.AccessReview.Verb, o.Name)
	case e.Spec.Object != nil && o.Kind == e.Spec.Object.Kind:
		words[1] = resourceOf(e.Spec.Object)
	}
	if o.Namespace == "" && e.Spec.Workload != nil {
		words = append(words, "-A")
	}
	if !e.selector.Empty() && o.Kind != serviceKind.Kind {
		words = append(words, "-l", e.selector.String())
	}
	return msg.Kubectl(o.Namespace, words...)
}

func soughtWorkload(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	w := spec.Workload
	o := v1alpha1.ObservedObject{Kind: string(w.Kind), Namespace: string(w.Namespace), Name: w.NamePrefix}
	if len(w.Names) > 0 {
		o.Name = string(w.Names[0])
	}
	return o
}

func soughtNodes(*v1alpha1.Check) v1alpha1.ObservedObject {
	return v1alpha1.ObservedObject{Kind: "Node"}
}

func soughtLease(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	return v1alpha1.ObservedObject{Kind: "Lease", Namespace: string(spec.Lease.Namespace), Name: string(spec.Lease.Name)}
}

func soughtPath(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	path, _, _ := strings.Cut(spec.Endpoint.Path, "?")
	return v1alpha1.ObservedObject{Kind: kindPath, Name: path}
}

// soughtObject is the Service where its EndpointSlices are looked for, which go with it.
func soughtObject(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	o := v1alpha1.ObservedObject{Kind: spec.Object.Kind, Namespace: string(spec.Object.Namespace), Name: string(spec.Object.Name)}
	if o.Kind == sliceKind.Kind && spec.Object.Selector != nil {
		if service := spec.Object.Selector.MatchLabels[discoveryv1.LabelServiceName]; service != "" {
			o.Kind, o.Name = serviceKind.Kind, service
		}
	}
	return o
}

func soughtReview(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	r := spec.AccessReview
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	return v1alpha1.ObservedObject{Kind: "SelfSubjectAccessReview", Name: resource}
}

func soughtWebhook(spec *v1alpha1.Check) v1alpha1.ObservedObject {
	w := spec.Webhook
	o := v1alpha1.ObservedObject{Kind: webhookKinds[0].gvk.Kind, Name: string(w.NamePrefix)}
	if len(w.Kinds) > 0 {
		o.Kind = string(w.Kinds[0]) + "WebhookConfiguration"
	}
	if len(w.Names) > 0 {
		o.Name = string(w.Names[0])
	}
	return o
}
