// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// Kinds of subjects; most are no kinds of the API server.
const (
	kindImage    = "Image"
	kindRegistry = "Registry"
	kindResource = "Resource"
	kindService  = "Service"
	kindPolicy   = "ValidatingAdmissionPolicy"
	kindWebhook  = "Webhook"
)

// root is what is at fault: of what kind, and which object.
type root struct {
	kind    v1alpha1.FaultKind
	subject v1alpha1.ObservedObject
	// related is the image that a registry keeps back, or the registry that may be why nothing is known of an image.
	related v1alpha1.ObservedObject
}

// tellingReasons are those of workloads that are healthy in spite of a fault.
var tellingReasons = []string{v1alpha1.ReasonWithinTolerance, v1alpha1.ReasonNodesDown, v1alpha1.ReasonRolloutFailing}

// faultsOf returns what is at fault, one for each root, the major ones first. A workload answers for its own faults, so
// nodes are why it fails only when its verdict says so.
func faultsOf(w Workload, nodes Nodes, v Verdict, causes []Cause) []v1alpha1.Fault {
	failing := v.Healthy == v1alpha1.VerdictFalse
	if !failing && (v.Healthy != v1alpha1.VerdictTrue || !slices.Contains(tellingReasons, v.Reason)) {
		return nil
	}
	var out []v1alpha1.Fault
	add := func(severity v1alpha1.Severity, faults ...v1alpha1.Fault) {
		for _, f := range faults {
			f.Severity = severity
			same := func(known v1alpha1.Fault) bool { return known.Kind == f.Kind && known.Subject == f.Subject }
			if i := slices.IndexFunc(out, same); i >= 0 {
				out[i].Since = metav1.NewTime(first(out[i].Since.Time, f.Since.Time))
				continue
			}
			out = append(out, f)
		}
	}
	if failing && v.Reason == v1alpha1.ReasonRolloutStuck && !slices.ContainsFunc(causes, ofRegistry) {
		add(v1alpha1.SeverityMajor, w.rollout(v, causes))
		causes = slices.DeleteFunc(slices.Clone(causes), func(c Cause) bool { return c.Reason != v1alpha1.ReasonNodeFault })
	}
	for _, c := range causes {
		severity := v1alpha1.SeverityMinor
		switch {
		case c.Reason == v1alpha1.ReasonNodeFault:
			if failing && v.Reason == v1alpha1.ReasonNodeFault {
				severity = v1alpha1.SeverityMajor
			}
			add(severity, nodeFaults(nodes, c)...)
		case c.Starting, c.ready && failing: // what it lacks counts
		default:
			if failing {
				severity = v1alpha1.SeverityMajor
			}
			add(severity, w.fault(c))
		}
	}
	if failing && !slices.ContainsFunc(out, func(f v1alpha1.Fault) bool { return f.Severity == v1alpha1.SeverityMajor }) {
		add(v1alpha1.SeverityMajor, w.unexplained(v))
	}
	for i := range out {
		out[i].Extent = v1alpha1.ExtentPart
		if w.Available == 0 {
			out[i].Extent = v1alpha1.ExtentAll
		}
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.Fault) int { return cmp.Compare(a.Severity, b.Severity) }) // Major before Minor
	return out
}

// fault is what a status tells of a cause that is not the nodes'.
func (w Workload) fault(c Cause) v1alpha1.Fault {
	f := v1alpha1.Fault{
		Kind: v1alpha1.FaultWorkload, Subject: w.subject(), Reason: c.Reason, Since: metav1.NewTime(c.began),
		Message: msg.Truncate(w.numbers()+"; "+c.String(), msg.MaxCheckMessage), Next: w.next(c),
	}
	switch {
	case c.root.kind != "":
		f.Kind, f.Subject = c.root.kind, c.root.subject
		if c.root.related.Name != "" {
			f.Related = []v1alpha1.ObservedObject{c.root.related}
		}
	case c.Webhook != "":
		f.Kind, f.Subject = v1alpha1.FaultWebhook, v1alpha1.ObservedObject{Kind: kindWebhook, Name: c.Webhook}
		f.Next = msg.Kubectl("", "get", "mutatingwebhookconfigurations,validatingwebhookconfigurations") // of which it is one
		if c.service.Name != "" {
			f.Related = []v1alpha1.ObservedObject{c.service}
		}
	case c.Reason == v1alpha1.ReasonUnschedulable: // who sizes the pools has to act
		f.Kind, f.OperatedBy, f.Related = v1alpha1.FaultScheduling, v1alpha1.OperatedByCustomer, c.lacking
	case c.Reason == v1alpha1.ReasonAdmissionDenied: // who sets quotas and policies
		f.Kind, f.OperatedBy = v1alpha1.FaultAdmission, v1alpha1.OperatedByCustomer
		if c.policy != "" { // it may deny those of other workloads, too
			f.Subject = v1alpha1.ObservedObject{Kind: kindPolicy, Name: c.policy}
			f.Next = msg.Kubectl("", "get", strings.ToLower(kindPolicy), c.policy, "-o", "yaml")
		}
	}
	return f
}

// rollout is the fault of a roll-out that hangs, whatever its new pods show: it can be undone. Only a registry is a fault of
// its own.
func (w Workload) rollout(v Verdict, causes []Cause) v1alpha1.Fault {
	f := v1alpha1.Fault{Kind: v1alpha1.FaultRollout, Subject: w.subject(), Reason: v.Reason, Message: msg.Truncate(v.Detail, msg.MaxCheckMessage),
		Since: metav1.NewTime(w.unavailableAt), Next: w.kubectl("rollout", "status", w.ref())}
	for _, c := range causes {
		f.Since = metav1.NewTime(first(f.Since.Time, c.began))
		if c.pod != "" {
			f.Next = w.next(c)
		}
	}
	return f
}

// unexplained is the fault of a workload that fails without any of its pods showing why.
func (w Workload) unexplained(v Verdict) v1alpha1.Fault {
	f := v1alpha1.Fault{Kind: v1alpha1.FaultWorkload, Subject: w.subject(), Reason: v.Reason, Message: msg.Truncate(v.Detail, msg.MaxCheckMessage),
		Since: metav1.NewTime(w.unavailableAt), Next: w.kubectl("describe", w.ref())}
	if v.Reason == v1alpha1.ReasonScaledToZero {
		f.Next = w.kubectl("get", w.ref(), "-o", "yaml", "--show-managed-fields") // which says who did it
	}
	return f
}

func ofRegistry(c Cause) bool { return c.root.kind == v1alpha1.FaultRegistry }

func (w Workload) subject() v1alpha1.ObservedObject {
	return v1alpha1.ObservedObject{Kind: string(w.Kind), Namespace: w.Object.GetNamespace(), Name: w.Object.GetName()}
}

// ref names the workload as kubectl takes it.
func (w Workload) ref() string { return strings.ToLower(string(w.Kind)) + "/" + w.Object.GetName() }

func (w Workload) kubectl(args ...string) string {
	return msg.Kubectl(w.Object.GetNamespace(), args...)
}

// next is what shows more of a cause. Where some pods are well, it names one that is not.
func (w Workload) next(c Cause) string {
	switch {
	case c.pod == "" && w.Kind == v1alpha1.WorkloadDeployment: // its ReplicaSet could not make it
		return w.kubectl("describe", "replicasets", "-l", metav1.FormatLabelSelector(w.selector))
	case c.pod == "":
		return w.kubectl("get", "events", "--field-selector", "involvedObject.name="+w.Object.GetName())
	case c.Reason == v1alpha1.ReasonCrashLooping && w.Available == 0:
		return w.kubectl("logs", w.ref(), "-c", c.container, "--previous")
	case c.Reason == v1alpha1.ReasonCrashLooping:
		return w.kubectl("logs", c.pod, "-c", c.container, "--previous")
	}
	return w.kubectl("describe", "pod", c.pod)
}

// nodeFaults are those of the nodes that keep pods of a workload from running: one for each pool.
func nodeFaults(nodes Nodes, c Cause) []v1alpha1.Fault {
	type pool struct {
		first *corev1.Node
		names []string
		since time.Time
	}
	pools := map[string]*pool{}
	for _, name := range c.Places {
		node := nodes.suspect(name)
		key := ""
		if node != nil {
			key = nodestate.Pool(node)
		}
		p := pools[key]
		if p == nil {
			p = &pool{first: node}
			pools[key] = p
		}
		p.names = append(p.names, name)
		if node != nil && !nodestate.IsReady(node) {
			p.since = first(p.since, nodestate.TurnedAt(node))
		}
	}
	var out []v1alpha1.Fault
	for _, key := range slices.Sorted(maps.Keys(pools)) {
		p := pools[key]
		f := nodestate.Fault(p.first, p.names[0], len(p.names))
		f.Reason, f.Since = v1alpha1.ReasonNodeFault, metav1.NewTime(p.since)
		f.Message = msg.Truncate(fmt.Sprintf("%s %s (%s)", msg.Count(len(p.names), "pod"), c.Text, msg.Shorten(p.names, ", ")), msg.MaxCheckMessage)
		out = append(out, f)
	}
	return out
}
