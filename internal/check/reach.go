// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/workload"
)

// needsService says whether clients reach the pods of the workloads through a Service.
func needsService(e *Evaluator) bool { return len(e.Spec.Workload.Service.IgnorePorts) > 0 }

// servicesNeed asks for the Services that may lead to the pods of a workload: all of its namespace, as any name and any
// labels will do.
func servicesNeed(namespace string) facts.Need {
	return facts.Need{Kind: serviceKind, Namespace: namespace}
}

// reach is what is known of the Services of workloads.
type reach struct {
	further []facts.Demand
	faults  []v1alpha1.Fault
	// pending says that Services are read for the first time.
	pending bool
}

// reachedOf turns the verdict on each healthy workload that lacks a Service. Where Services cannot be read nothing can be said.
func reachedOf(e *Evaluator, workloads []workload.Workload, verdicts []objectVerdict, given facts.Facts) (r reach) {
	if !needsService(e) {
		return r
	}
	for i, w := range workloads {
		if w.Desired == 0 || onNode(w.PodSpec) {
			continue
		}
		need := servicesNeed(w.Object.GetNamespace())
		r.further = append(r.further, facts.Demand{Need: need})
		services, verdict := given.Answers[need], &verdicts[i]
		switch {
		case verdict.healthy != v1alpha1.VerdictTrue:
		case services.State == facts.Pending:
			r.pending = true
			verdict.healthy, verdict.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonNotYetObserved
		case services.State == facts.Known && !slices.ContainsFunc(services.Objects, func(o client.Object) bool { return e.leadsTo(o, w) }):
			verdict.healthy, verdict.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonNoService
			verdict.detail = fmt.Sprintf("%s: no Service leads to its pods", msg.Object(string(w.Kind), w.Object.GetNamespace(), w.Object.GetName()))
			r.faults = append(r.faults, unreached(w, verdict))
		}
	}
	return r
}

func unreached(w workload.Workload, verdict *objectVerdict) v1alpha1.Fault {
	return v1alpha1.Fault{
		Kind: v1alpha1.FaultWorkload, Severity: v1alpha1.SeverityMajor, Reason: verdict.reason, Message: msg.Truncate(verdict.detail, msg.MaxCheckMessage),
		Subject: v1alpha1.ObservedObject{Kind: string(w.Kind), Namespace: w.Object.GetNamespace(), Name: w.Object.GetName()},
		Next:    msg.Kubectl(w.Object.GetNamespace(), "get", "services", "-o", "wide"),
	}
}

// onNode says whether clients may reach the pods by their node.
func onNode(pod *corev1.PodSpec) bool {
	return pod.HostNetwork || slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 })
	})
}

// leadsTo says whether the Service leads clients to pods of the workload. One without a selector leads where nobody can tell.
func (e *Evaluator) leadsTo(o client.Object, w workload.Workload) bool {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return false
	}
	var service corev1.Service
	if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &service) != nil {
		return true
	}
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		return false
	case len(service.Spec.Selector) == 0:
		return true
	case !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(w.PodLabels())):
		return false
	}
	return len(service.Spec.Ports) == 0 || slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return !slices.Contains(e.Spec.Workload.Service.IgnorePorts, v1alpha1.PortName(portName(p, w.PodSpec)))
	})
}

// portName is the name of the container port that the port of a Service leads to, empty for one without.
func portName(p corev1.ServicePort, pod *corev1.PodSpec) string {
	if p.TargetPort.Type == intstr.String {
		return p.TargetPort.StrVal
	}
	target := p.TargetPort.IntVal
	if target == 0 {
		target = p.Port
	}
	for _, c := range pod.Containers {
		for _, port := range c.Ports {
			if port.ContainerPort == target {
				return port.Name
			}
		}
	}
	return ""
}
