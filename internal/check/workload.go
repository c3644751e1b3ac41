// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/workload"
)

// workloadNeeds asks for all workloads of a namespace, so that checks share what is watched; in all namespaces only for those
// with the labels.
func workloadNeeds(e *Evaluator) []facts.Need {
	w := e.Spec.Workload
	need := facts.Need{Kind: appsv1.SchemeGroupVersion.WithKind(string(w.Kind)), Namespace: string(w.Namespace)}
	if need.Namespace == "" {
		need.Selector = e.selector.String()
	}
	return []facts.Need{need}
}

// workloadExplaining asks for what Diagnose looks at, nodes, pods and events of the workloads that were found, and for what
// tells which images they run.
func workloadExplaining(e *Evaluator) []facts.Need {
	w := e.Spec.Workload
	pods := facts.Need{Kind: facts.PodKind, Namespace: string(w.Namespace), Interval: facts.DefaultInterval}
	needs := []facts.Need{facts.Nodes, pods}
	if w.Kind != v1alpha1.WorkloadDeployment { // those say themselves why they cannot make pods
		needs = append(needs, facts.AllEvents(string(w.Namespace)))
	}
	if w.Container != "" {
		needs = append(needs, workload.RevisionsNeed(w.Kind, string(w.Namespace)))
	}
	if needsService(e) {
		needs = append(needs, servicesNeed(string(w.Namespace)))
	}
	return needs
}

func workloadSelector(spec *v1alpha1.Check) *metav1.LabelSelector { return spec.Workload.Selector }

func workloadWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Workload, b.Workload
	switch {
	case x.Kind != y.Kind || !wider(x.Namespace, y.Namespace) || !selectorWithin(x.Selector, y.Selector):
		return false
	case y.ImagePath != "" && (x.ImagePath != y.ImagePath || y.Container != "" && x.Container != y.Container):
		return false
	case len(y.Names) > 0:
		return len(x.Names) > 0 && subset(x.Names, y.Names)
	case len(x.Names) > 0:
		return !slices.ContainsFunc(x.Names, func(n v1alpha1.ObjectName) bool { return !strings.HasPrefix(string(n), y.NamePrefix) })
	}
	return strings.HasPrefix(x.NamePrefix, y.NamePrefix)
}

func workloadSubject(e *Evaluator) string {
	w := e.Spec.Workload
	var names []string
	for _, n := range w.Names {
		names = append(names, string(n))
	}
	name := strings.Join(names, "|")
	if w.NamePrefix != "" {
		name = w.NamePrefix + "*"
	}
	subject := msg.Object(string(w.Kind), string(w.Namespace), name)
	switch {
	case name == "" && w.Namespace == "":
		subject = string(w.Kind)
	case name == "":
		subject = fmt.Sprintf("%s in %s", w.Kind, w.Namespace)
	}
	if w.Selector != nil {
		subject += " with labels " + e.selector.String()
	}
	if w.ImagePath != "" {
		subject += " with image " + w.ImagePath
	}
	return subject
}

func evaluateWorkload(e *Evaluator, given facts.Facts) Evaluation {
	workloads := matchingWorkloads(e, given)
	if len(workloads) == 0 {
		return Evaluation{Result: absent(v1alpha1.ReasonNotFound, "no "+workloadSubject(e))}
	}
	diagnoses := Diagnose(workloads, given)
	verdicts := make([]objectVerdict, len(workloads))
	for i, d := range diagnoses {
		w := workloads[i]
		verdicts[i] = objectVerdict{object: w.Object, kind: string(w.Kind), healthy: d.Healthy, reason: d.Reason, detail: d.Detail}
	}
	reach := reachedOf(e, workloads, verdicts, given)
	r := Evaluation{Result: summarize(verdicts), Further: reach.further}
	r.Explaining, r.Faults = reach.pending, reach.faults
	r.Available = v1alpha1.VerdictFalse
	r.Stopped = !slices.ContainsFunc(workloads, func(w workload.Workload) bool { return w.Desired > 0 })
	r.ExcusedFor, r.Unattributed = excuse(diagnoses)
	for i, d := range diagnoses {
		if workloads[i].Available > 0 {
			r.Available = v1alpha1.VerdictTrue
		}
		r.Explaining = r.Explaining || d.Pending
		r.Faults = append(r.Faults, d.Faults...)
		r.Further = append(r.Further, d.Further...)
		r.RecheckAfter = facts.Earliest(r.RecheckAfter, d.RecheckAfter)
	}
	r.Faults = worstFaults(r.Faults)
	imagesInUse(&r, workloads, e.Spec.Workload.Container, given)
	return r
}

func matchingWorkloads(e *Evaluator, given facts.Facts) []workload.Workload {
	var workloads []workload.Workload
	for _, o := range given.Answers[workloadNeeds(e)[0]].Objects {
		if w, ok := workload.Of(o, e.Spec.Workload); ok && e.matchesWorkload(w) {
			workloads = append(workloads, w)
		}
	}
	return workloads
}

// MatchingWorkloads are the workloads that a check of workloads is about.
func (e *Evaluator) MatchingWorkloads(given facts.Facts) []client.Object {
	var objects []client.Object
	for _, w := range matchingWorkloads(e, given) {
		objects = append(objects, w.Object)
	}
	return objects
}

// excuse returns for how much longer no workload counts that fails, and whether nothing accounts for what one lacks.
func excuse(diagnoses []workload.Diagnosis) (excusedFor time.Duration, unattributed bool) {
	unexcused := false
	for _, d := range diagnoses {
		switch {
		case d.Healthy != v1alpha1.VerdictFalse:
		case d.Unattributed:
			unattributed = true
		case d.ExcusedFor == 0:
			unexcused = true
		default:
			excusedFor = facts.Earliest(excusedFor, d.ExcusedFor)
		}
	}
	if unexcused {
		return 0, false
	}
	return excusedFor, unattributed
}

// Diagnose judges workloads. It looks at nodes only when there is something to explain, and at pods also when they may restart.
func Diagnose(workloads []workload.Workload, given facts.Facts) []workload.Diagnosis {
	var nodes workload.Nodes
	if slices.ContainsFunc(workloads, workload.Workload.Unexplained) {
		nodes = workload.NodesOf(given.Answers[facts.Nodes], given.Now)
	}
	diagnoses := make([]workload.Diagnosis, len(workloads))
	for i, w := range workloads {
		var pods workload.Pods
		if w.Unexplained() || w.MayRestart(given.Now, given.Once) {
			pods.Once, pods.Failed = given.Once, given.Failed
			pods.Answer = given.Answers[w.PodsNeed()]
			pods.Events = given.Answers[w.EventsNeed()]
		}
		diagnoses[i] = workload.Diagnose(w, nodes, pods, given.Now)
	}
	return diagnoses
}

// workloadConcerns says whether the name is one that the check names.
func workloadConcerns(e *Evaluator, name string) bool {
	w := e.Spec.Workload
	return (len(w.Names) == 0 || slices.Contains(w.Names, v1alpha1.ObjectName(name))) && strings.HasPrefix(name, w.NamePrefix)
}

// Covers reports whether the check is of type Workload and finds the workload.
func (e *Evaluator) Covers(candidate workload.Workload) bool {
	w := e.Spec.Workload
	return w != nil && w.Kind == candidate.Kind && (w.Namespace == "" || string(w.Namespace) == candidate.Object.GetNamespace()) &&
		e.matchesWorkload(candidate)
}

func (e *Evaluator) matchesWorkload(candidate workload.Workload) bool {
	w := e.Spec.Workload
	if !workloadConcerns(e, candidate.Object.GetName()) || !e.matchesLabels(candidate.Object) {
		return false
	}
	return w.ImagePath == "" || slices.ContainsFunc(candidate.PodSpec.Containers, func(ct corev1.Container) bool {
		return (w.Container == "" || ct.Name == w.Container) && ImageHasPath(ct.Image, w.ImagePath)
	})
}

// windowsBuild begins what the tag of an image for Windows has beyond the version, as in
// v1.33.5-windows-hpc-1.
const windowsBuild = "-windows"

// imagesInUse adds the images and versions that run in the named container; an idle workload counts only when all are idle.
func imagesInUse(r *Evaluation, workloads []workload.Workload, container string, given facts.Facts) {
	if container == "" {
		return
	}
	idle := !slices.ContainsFunc(workloads, func(w workload.Workload) bool { return w.Desired > 0 })
	var versions []VersionCount
	for _, w := range workloads {
		if w.Desired == 0 && !idle {
			continue
		}
		images := w.Images(container, given.Answers)
		for _, i := range images.InUse {
			image, tag := SplitImage(i.Image)
			tag, _, _ = strings.Cut(tag, windowsBuild)
			r.Images = append(r.Images, image)
			versions = append(versions, VersionCount{Version: tag, Count: int(i.Count), Ready: i.Ready})
		}
		if images.Untold != "" && !images.Pending {
			r.Message += "; " + images.Untold
		}
		r.RollingOut = r.RollingOut || images.RollingOut
		r.VersionsPending = r.VersionsPending || images.Pending
		r.Further = append(r.Further, images.Further...)
	}
	slices.Sort(r.Images)
	r.Images = slices.Compact(r.Images)
	r.Versions = AddVersions(versions)
}
