// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollouts has the states of workloads and roll-outs, as data: what kind, strategy, numbers, pods and their ages
// come to.
package rollouts

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/workload"
)

//go:embed rollouts.yaml
var file []byte

// Group is the rows about one subject.
type Group struct {
	// Group is the subject.
	Group string `json:"group"`
	// About says what the rows have in common.
	About string `json:"about"`
	// Rows in the order of the page.
	Rows []Row `json:"rows"`
}

// Row is a state of a workload, and what archmap makes of it.
type Row struct {
	// Row says in words what is the case.
	Row string `json:"row"`
	// Kind of the workload.
	Kind v1alpha1.WorkloadKind `json:"kind"`
	// Strategy is how it replaces pods.
	Strategy Strategy `json:"strategy"`
	// Numbers are what its controller says.
	Numbers Numbers `json:"numbers"`
	// Check is what the mapping's author allows.
	Check v1alpha1.WorkloadCheck `json:"check"`
	// Age of the workload; a day if empty.
	Age string `json:"age"`
	// Pods that are not ready: what they do and for how long, and how old they are when that is longer, as in
	// "probing 2m of 5h".
	Pods []string `json:"pods"`
	// Nodes that are not fine, beside those that pods name.
	Nodes []string `json:"nodes"`

	// Verdict is Healthy/Reason.
	Verdict string `json:"verdict"`
	// Excused is for how much longer a verdict of False does not count; empty when it does.
	Excused string `json:"excused"`
	// Turns is when time alone may change the verdict; empty is never.
	Turns string `json:"turns"`
	// Says is the message, without the name of the workload.
	Says string `json:"says"`
}

// Strategy is how a workload replaces its pods. What is left out is as Kubernetes has it by default.
type Strategy struct {
	Type            string              `json:"type,omitempty"`
	MaxUnavailable  *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	MaxSurge        *intstr.IntOrString `json:"maxSurge,omitempty"`
	Partition       *int32              `json:"partition,omitempty"`
	MinReadySeconds int32               `json:"minReadySeconds,omitempty"`
	Paused          bool                `json:"paused,omitempty"`
	Parallel        bool                `json:"parallel,omitempty"`
}

// Numbers are what the controller of a workload says of it.
type Numbers struct {
	// Desired pods; Created and Updated are as many, Ready as many as Available, unless they are given.
	Desired   int32  `json:"desired"`
	Created   *int32 `json:"created,omitempty"`
	Updated   *int32 `json:"updated,omitempty"`
	Ready     *int32 `json:"ready,omitempty"`
	Available int32  `json:"available"`
	// Observed is the generation that it has seen; the newest, which is 2, unless it is given.
	Observed *int64 `json:"observed,omitempty"`
	// Rolling: the revisions of a StatefulSet differ.
	Rolling bool `json:"rolling,omitempty"`
	// Progressing and Failure are what a Deployment says: "reason: message" when it does not progress, "done" when it has
	// rolled out before and only lacks pods since, "-" when it never
	// says anything, and the API server's answer when it cannot make pods.
	Progressing string `json:"progressing,omitempty"`
	Failure     string `json:"failure,omitempty"`
	// Progressed is how long ago a Deployment last made progress; a day unless it is given.
	Progressed string `json:"progressed,omitempty"`
}

// Groups returns all of them.
func Groups() ([]Group, error) {
	var groups []Group
	if err := yaml.UnmarshalStrict(file, &groups); err != nil {
		return nil, fmt.Errorf("rollouts.yaml: %w", err)
	}
	return groups, nil
}

// now is when all rows are looked at.
var now = time.Date(2026, time.October, 2, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// Diagnose returns what archmap makes of the row.
func (r Row) Diagnose() (workload.Diagnosis, error) {
	var pods, nodes []client.Object
	for i, text := range append(append([]string{}, r.Pods...), r.Nodes...) {
		pod, node, err := r.parse(i, text)
		if err != nil {
			return workload.Diagnosis{}, err
		}
		if node != nil {
			nodes = append(nodes, node)
		}
		if i < len(r.Pods) {
			pods = append(pods, pod)
		}
	}
	nodes = append(nodes, nodeOf("zz-ready", corev1.ConditionTrue, day))
	o, err := r.object()
	if err != nil {
		return workload.Diagnosis{}, err
	}
	w, _ := workload.Of(o, &r.Check)
	read := workload.Pods{Answer: facts.Answer{State: facts.Known, ReadAt: now, Objects: pods}, Events: facts.Answer{State: facts.NotHeld}}
	return workload.Diagnose(w, workload.NodesOf(facts.Answer{State: facts.Known, Objects: nodes}, now), read, now), nil
}

// Name of the workload in every row.
const Name = "app"

func (r Row) object() (client.Object, error) {
	age, err := duration(r.Age, day)
	if err != nil {
		return nil, err
	}
	n, s := r.Numbers, r.Strategy
	progressed, err := duration(n.Progressed, day)
	if err != nil {
		return nil, err
	}
	meta := metav1.ObjectMeta{Namespace: "kube-system", Name: Name, Generation: 2, CreationTimestamp: metav1.NewTime(now.Add(-age))}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": Name}}
	observed := or(n.Observed, 2)
	created, updated, ready := or(n.Created, n.Desired), or(n.Updated, n.Desired), or(n.Ready, n.Available)
	switch r.Kind {
	case v1alpha1.WorkloadDeployment:
		return &appsv1.Deployment{ObjectMeta: meta,
			Spec: appsv1.DeploymentSpec{Replicas: &n.Desired, Selector: selector, MinReadySeconds: s.MinReadySeconds, Paused: s.Paused,
				Strategy: appsv1.DeploymentStrategy{Type: appsv1.DeploymentStrategyType(s.Type),
					RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: s.MaxUnavailable, MaxSurge: s.MaxSurge}}},
			Status: appsv1.DeploymentStatus{ObservedGeneration: observed, Replicas: created, UpdatedReplicas: updated, ReadyReplicas: ready,
				AvailableReplicas: n.Available, Conditions: n.conditions(progressed)}}, nil
	case v1alpha1.WorkloadDaemonSet:
		d := &appsv1.DaemonSet{ObjectMeta: meta,
			Spec: appsv1.DaemonSetSpec{Selector: selector, MinReadySeconds: s.MinReadySeconds,
				UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.DaemonSetUpdateStrategyType(s.Type),
					RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxUnavailable: s.MaxUnavailable, MaxSurge: s.MaxSurge}}},
			Status: appsv1.DaemonSetStatus{ObservedGeneration: observed, DesiredNumberScheduled: n.Desired, CurrentNumberScheduled: created,
				UpdatedNumberScheduled: updated, NumberReady: ready, NumberAvailable: n.Available}}
		d.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		return d, nil
	}
	set := &appsv1.StatefulSet{ObjectMeta: meta,
		Spec: appsv1.StatefulSetSpec{Replicas: &n.Desired, Selector: selector, MinReadySeconds: s.MinReadySeconds,
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.StatefulSetUpdateStrategyType(s.Type),
				RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: s.Partition, MaxUnavailable: s.MaxUnavailable}}},
		Status: appsv1.StatefulSetStatus{ObservedGeneration: observed, Replicas: created, UpdatedReplicas: updated, ReadyReplicas: ready,
			AvailableReplicas: n.Available, CurrentRevision: "a", UpdateRevision: "a"}}
	if n.Rolling {
		set.Status.UpdateRevision = "b"
	}
	if s.Parallel {
		set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	}
	return set, nil
}

func (n Numbers) conditions(progressed time.Duration) []appsv1.DeploymentCondition {
	progressing := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable",
		LastUpdateTime: metav1.NewTime(now.Add(-progressed))}
	if n.Updated != nil && n.Progressing == "" {
		progressing.Reason = "ReplicaSetUpdated"
	}
	if reason, message, not := strings.Cut(n.Progressing, ": "); not {
		progressing.Status, progressing.Reason, progressing.Message = corev1.ConditionFalse, reason, message
	}
	conditions := []appsv1.DeploymentCondition{progressing}
	if n.Progressing == "-" {
		conditions = nil
	}
	if n.Failure != "" {
		conditions = append(conditions, appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue,
			Reason: "FailedCreate", Message: n.Failure})
	}
	return conditions
}

func or[T any](given *T, otherwise T) T {
	if given != nil {
		return *given
	}
	return otherwise
}

func duration(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	return time.ParseDuration(text)
}
