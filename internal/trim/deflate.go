// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"compress/flate"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// deflateFrom is how many bytes of content are worth it.
const deflateFrom = 256

// daemonSets are not: there are few, and on many nodes the counters of one that rolls out change dozens of times a second.
var daemonSets = appsv1.SchemeGroupVersion.WithKind("DaemonSet")

// keep keeps content: the same for the same.
func (p *packedObject) keep(content []byte) {
	if p.deflated = len(content) >= deflateFrom && *p.kind != daemonSets; p.deflated {
		p.content = deflate(content)
		return
	}
	p.content = string(content)
}

// kept is what was kept.
func (p *packedObject) kept() []byte {
	if !p.deflated {
		return []byte(p.content)
	}
	return inflate(p.content)
}

// Both hold buffers of some 100 KB, which are made anew after a while without use.
var (
	deflaters = sync.Pool{New: func() any {
		w, err := flate.NewWriterDict(nil, flate.DefaultCompression, typical())
		if err != nil {
			panic(err) // the level is constant
		}
		return w
	}}
	inflaters = sync.Pool{New: func() any { return flate.NewReaderDict(nil, typical()) }}
)

func deflate(content []byte) string {
	var out strings.Builder
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	_, _ = w.Write(content) // a Builder doesn't fail
	_ = w.Close()
	return strings.Clone(out.String())
}

func inflate(text string) []byte {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	_ = r.(flate.Resetter).Reset(strings.NewReader(text), typical()) // never fails
	content, _ := io.ReadAll(r)                                      // was deflated here
	return content
}

// typical is what contents refer to, so that they need not repeat it: objects as most are.
var typical = sync.OnceValue(func() []byte {
	const untyped = `{"metadata":{"annotations":{"meta.helm.sh/release-name":"","meta.helm.sh/release-namespace":"kube-system"},` +
		`"creationTimestamp":"2026-01-01T00:00:00Z","generation":1,"labels":{"app.kubernetes.io/managed-by":"Helm","kubernetes.azure.com/managedby":"aks"}},` +
		`"spec":{"ports":[{"name":"http","port":443,"protocol":"TCP","targetPort":443}],"selector":{"k8s-app":""}},` +
		`"status":{"conditions":[{"lastTransitionTime":"2026-01-01T00:00:00Z","message":"","observedGeneration":1,"reason":"","status":"True","type":"Ready"}]}}`
	workloads := []message{
		&appsv1.DaemonSet{ObjectMeta: typicalMeta(), Spec: appsv1.DaemonSetSpec{Selector: typicalSelector(), Template: typicalTemplate()},
			Status: appsv1.DaemonSetStatus{ObservedGeneration: 1}},
		&appsv1.Deployment{ObjectMeta: typicalMeta(), Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: typicalSelector(), Template: typicalTemplate(), RevisionHistoryLimit: new(int32(10)),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
				MaxUnavailable: new(intstr.FromString("25%")), MaxSurge: new(intstr.FromString("25%"))}},
			ProgressDeadlineSeconds: new(int32(600))},
			Status: typicalStatus()},
	}
	text := []byte(untyped)
	for _, o := range workloads {
		content, err := o.Marshal()
		if err == nil {
			text = slices.Concat(text, content)
		}
	}
	return text
})

const (
	labelName = "app.kubernetes.io/name"
	labelApp  = "k8s-app"
)

func typicalMeta() metav1.ObjectMeta {
	return metav1.ObjectMeta{UID: "00000000-0000-0000-0000-000000000000", Generation: 1, CreationTimestamp: typicalTime(), Labels: map[string]string{
		"app.kubernetes.io/managed-by": "Helm", "kubernetes.azure.com/managedby": "aks", "addonmanager.kubernetes.io/mode": "Reconcile",
		"kubernetes.io/cluster-service": "true", labelName: "", labelApp: ""}}
}

func typicalTime() metav1.Time {
	return metav1.NewTime(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
}

func typicalSelector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{labelName: "", labelApp: ""}}
}

func typicalTemplate() corev1.PodTemplateSpec {
	labels := map[string]string{labelApp: "", "app.kubernetes.io/instance": "", labelName: ""}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
		NodeSelector: map[string]string{corev1.LabelOSStable: "linux"},
		Tolerations: []corev1.Toleration{
			{Key: "CriticalAddonsOnly", Operator: corev1.TolerationOpExists},
			{Effect: corev1.TaintEffectNoExecute, Operator: corev1.TolerationOpExists},
			{Effect: corev1.TaintEffectNoSchedule, Operator: corev1.TolerationOpExists}},
		Containers: []corev1.Container{{Name: "main", Image: "mcr.microsoft.com/oss/v2/kubernetes/:v1.2.3"}},
	}}
}

func typicalStatus() appsv1.DeploymentStatus {
	return appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2,
		Conditions: []appsv1.DeploymentCondition{
			{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, LastUpdateTime: typicalTime(), LastTransitionTime: typicalTime(),
				Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability."},
			{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, LastUpdateTime: typicalTime(), LastTransitionTime: typicalTime(),
				Reason: "NewReplicaSetAvailable", Message: `ReplicaSet "" has successfully progressed.`},
		}}
}
