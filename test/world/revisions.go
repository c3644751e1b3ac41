// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// appsVersion is that of workloads and of what their controllers make.
var appsVersion = appsv1.SchemeGroupVersion.String()

// ancientTag is that of the images that every workload ran before anything was read: its controller keeps the revision.
const ancientTag = "v0.0.1"

// before returns the template of the pods that are not of the newest one.
func (l *workload) before() *corev1.PodTemplateSpec {
	if l.old == nil {
		return l.template
	}
	return l.old
}

// isNew reports whether pods that a roll-out has reached, or not, are of the newest template.
func (l *workload) isNew(updated bool) bool { return updated || l.rollOut == nil }

// outdate makes a pod one that the roll-out has not reached.
func (l *workload) outdate(p *pod) {
	p.updated, p.template, p.revision = false, l.before(), suffix(l.ref, l.isNew(false))
	if l.ref.Kind == deploymentKind {
		p.own(l.ref.Name + "-" + p.revision)
	}
}

// own makes a pod that of a ReplicaSet, whose name its own begins with.
func (p *pod) own(replicaSet string) {
	p.name = replicaSet + strings.TrimPrefix(p.name, p.owner.Name)
	p.owner.Name = replicaSet
}

// label is the label by which a pod tells its revision.
func (p *pod) label() (name, value string) {
	switch p.owner.Kind {
	case daemonSetKind:
		return appsv1.ControllerRevisionHashLabelKey, p.revision
	case statefulSetKind:
		return appsv1.ControllerRevisionHashLabelKey, p.owner.Name + "-" + p.revision
	}
	return appsv1.DefaultDeploymentUniqueLabelKey, p.revision
}

// revisions returns the ReplicaSets or ControllerRevisions of the workload: one that it ran long ago, and one for each
// template that it has pods of or is about to have.
func (l *workload) revisions() ([]client.Object, error) {
	ancient := l.template.DeepCopy()
	for i := range ancient.Spec.Containers {
		c := &ancient.Spec.Containers[i]
		repository, _, _ := strings.Cut(c.Image, ":")
		c.Image = repository + ":" + ancientTag
	}
	made := l.made(1, ancient, suffix(l.ref, "ancient"))
	if l.rollOut != nil {
		made = append(made, l.made(2, l.before(), suffix(l.ref, false))...)
	}
	if l.rollOut == nil || !l.rollOut.Unobserved {
		made = append(made, l.made(3, l.template, suffix(l.ref, true))...)
	}
	for _, o := range made {
		if cr, ok := o.(*appsv1.ControllerRevision); ok {
			patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": cr.Data.Object.(*corev1.PodTemplate).Template}})
			if err != nil {
				return nil, err
			}
			cr.Data = runtime.RawExtension{Raw: patch}
		}
	}
	return made, nil
}

// made returns what a controller makes of a template.
func (l *workload) made(number int64, template *corev1.PodTemplateSpec, hash string) []client.Object {
	meta := metav1.ObjectMeta{
		Namespace: l.ref.Namespace, Name: fmt.Sprintf("%s-%s", l.ref.Name, hash), Labels: template.Labels, CreationTimestamp: metaTime(birth),
		OwnerReferences: []metav1.OwnerReference{{APIVersion: appsVersion, Kind: l.ref.Kind, Name: l.ref.Name, Controller: new(true)}},
	}
	if l.ref.Kind != deploymentKind {
		return []client.Object{&appsv1.ControllerRevision{
			TypeMeta: metav1.TypeMeta{APIVersion: appsVersion, Kind: "ControllerRevision"}, ObjectMeta: meta,
			Revision: number, Data: runtime.RawExtension{Object: &corev1.PodTemplate{Template: *template}},
		}}
	}
	of := func(keep func(*pod) bool) int32 {
		return l.count(func(p *pod) bool { return p.exists() && p.revision == hash && keep(p) })
	}
	replicas := of(func(*pod) bool { return true })
	return []client.Object{&appsv1.ReplicaSet{
		TypeMeta: metav1.TypeMeta{APIVersion: appsVersion, Kind: "ReplicaSet"}, ObjectMeta: meta,
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: *template},
		Status: appsv1.ReplicaSetStatus{
			Replicas: replicas, ReadyReplicas: of((*pod).available), AvailableReplicas: of((*pod).available),
		},
	}}
}
