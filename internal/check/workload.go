// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/workload"
)

func workloadNeeds(c *Evaluator) []facts.Need {
	w := c.Spec.Workload
	return []facts.Need{{Kind: appsv1.SchemeGroupVersion.WithKind(string(w.Kind)), Namespace: string(w.Namespace)}}
}

func workloadSubject(c *Evaluator) string {
	w := c.Spec.Workload
	var names []string
	for _, n := range w.Names {
		names = append(names, string(n))
	}
	name := strings.Join(names, "|")
	if w.NamePrefix != "" {
		name = w.NamePrefix + "*"
	}
	subject := msg.Object(string(w.Kind), string(w.Namespace), name)
	if name == "" {
		subject = fmt.Sprintf("%s in %s", w.Kind, w.Namespace)
	}
	if w.Selector != nil {
		subject += " with labels " + c.selector.String()
	}
	if w.ImagePath != "" {
		subject += " with image " + w.ImagePath
	}
	return subject
}

func evaluateWorkload(c *Evaluator, given facts.Facts) Evaluation {
	answer := given.Answers[workloadNeeds(c)[0]]
	if f, ok := unseen(answer, workloadSubject(c)); ok {
		return Evaluation{Result: f}
	}
	var workloads []workload.Workload
	for _, o := range answer.Objects {
		if w, ok := workload.Of(o, c.Spec.Workload.MinAvailable); ok && c.matchesWorkload(w) {
			workloads = append(workloads, w)
		}
	}
	if len(workloads) == 0 {
		return Evaluation{Result: absent(v1alpha1.ReasonNotFound, "no "+workloadSubject(c))}
	}
	diagnoses := diagnose(workloads, given)
	js := make([]judged, len(workloads))
	for i, d := range diagnoses {
		w := workloads[i]
		js[i] = judged{object: w.Object, kind: string(w.Kind), healthy: d.Healthy, reason: d.Reason, detail: d.Detail}
	}
	f := Evaluation{Result: found(js)}
	f.Settling, f.Outage = true, true
	for i, d := range diagnoses {
		f.Settling = f.Settling && (d.Healthy != v1alpha1.VerdictFalse || d.Settling)
		f.Outage = f.Outage && workloads[i].Available <= 0
		f.Explaining = f.Explaining || d.Pending
		f.Further = append(f.Further, d.Further...)
		f.RecheckAfter = Earliest(f.RecheckAfter, d.RecheckAfter)
	}
	f.Versions, f.Images = imagesInUse(workloads, c.Spec.Workload.Container)
	return f
}

// diagnose looks at nodes and pods only when there is something to explain.
func diagnose(workloads []workload.Workload, given facts.Facts) []workload.Diagnosis {
	var nodes workload.Nodes
	if slices.ContainsFunc(workloads, workload.Workload.Unexplained) {
		nodes = workload.NodesOf(given.Answers[facts.Nodes], given.Now)
	}
	diagnoses := make([]workload.Diagnosis, len(workloads))
	for i, w := range workloads {
		var pods workload.Pods
		if w.Unexplained() {
			pods.Answer, pods.Asked = given.Answers[w.PodsNeed()]
		}
		diagnoses[i] = workload.Diagnose(w, nodes, pods, given.Now)
	}
	return diagnoses
}

func (c *Evaluator) matchesWorkload(candidate workload.Workload) bool {
	w, name := c.Spec.Workload, candidate.Object.GetName()
	switch {
	case len(w.Names) > 0 && !slices.Contains(w.Names, v1alpha1.ObjectName(name)):
		return false
	case !strings.HasPrefix(name, w.NamePrefix):
		return false
	case !c.matchesLabels(candidate.Object):
		return false
	}
	return w.ImagePath == "" || slices.ContainsFunc(candidate.PodSpec.Containers, func(ct corev1.Container) bool {
		return (w.Container == "" || ct.Name == w.Container) && ImageHasPath(ct.Image, w.ImagePath)
	})
}

// windowsBuild begins what the tag of an image for Windows has beyond the version, as in
// v1.33.5-windows-hpc-1.
const windowsBuild = "-windows"

// imagesInUse reports the images and versions of the named container; an idle workload counts only when all
// are idle.
func imagesInUse(workloads []workload.Workload, container string) ([]VersionCount, []string) {
	idle := !slices.ContainsFunc(workloads, func(w workload.Workload) bool { return w.Desired > 0 })
	counts := map[string]int{}
	var images []string
	for _, w := range workloads {
		if w.Desired == 0 && !idle {
			continue
		}
		for _, ct := range w.PodSpec.Containers {
			if ct.Name != container {
				continue
			}
			image, tag := SplitImage(ct.Image)
			tag, _, _ = strings.Cut(tag, windowsBuild)
			images = append(images, image)
			counts[tag] += max(int(w.Desired), 1)
		}
	}
	slices.Sort(images)
	return CountVersions(counts), slices.Compact(images)
}
