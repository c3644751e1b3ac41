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

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
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
	var rollouts []rollout
	for _, o := range answer.Objects {
		if r, ok := newRollout(o); ok && c.matchesWorkload(r) {
			rollouts = append(rollouts, r)
		}
	}
	if len(rollouts) == 0 {
		return Evaluation{Result: absent(v1alpha1.ReasonNotFound, "no "+workloadSubject(c))}
	}
	js := make([]judged, len(rollouts))
	var further []facts.Demand
	var recheck time.Duration
	explaining := false
	for i := range rollouts {
		r := &rollouts[i]
		js[i] = r.judge(c.Spec.Workload.MinAvailable)
		if js[i].healthy == v1alpha1.VerdictFalse || r.endless {
			e := explain(r, given, &js[i])
			further = append(further, e.further...)
			recheck = Earliest(recheck, e.recheckAfter)
			explaining = explaining || e.pending
		}
	}
	f := found(js)
	f.Settling = !slices.ContainsFunc(js, func(j judged) bool { return j.healthy == v1alpha1.VerdictFalse && !j.settling })
	f.Outage = !slices.ContainsFunc(rollouts, func(r rollout) bool { return r.available > 0 })
	f.Explaining = explaining
	f.Versions, f.Images = imagesInUse(rollouts, c.Spec.Workload.Container)
	return Evaluation{Result: f, Further: further, RecheckAfter: recheck}
}

func (c *Evaluator) matchesWorkload(r rollout) bool {
	w, name := c.Spec.Workload, r.object.GetName()
	switch {
	case len(w.Names) > 0 && !slices.Contains(w.Names, v1alpha1.ObjectName(name)):
		return false
	case !strings.HasPrefix(name, w.NamePrefix):
		return false
	case !c.matchesLabels(r.object):
		return false
	}
	return w.ImagePath == "" || slices.ContainsFunc(r.podSpec.Containers, func(ct corev1.Container) bool {
		return (w.Container == "" || ct.Name == w.Container) && ImageHasPath(ct.Image, w.ImagePath)
	})
}

// windowsBuild begins what the tag of an image for Windows has beyond the version, as in
// v1.33.5-windows-hpc-1.
const windowsBuild = "-windows"

// imagesInUse reports the images and versions of the named container; an idle workload counts only when all
// are idle.
func imagesInUse(rollouts []rollout, container string) ([]VersionCount, []string) {
	idle := !slices.ContainsFunc(rollouts, func(r rollout) bool { return r.desired > 0 })
	counts := map[string]int{}
	var images []string
	for _, r := range rollouts {
		if r.desired == 0 && !idle {
			continue
		}
		for _, ct := range r.podSpec.Containers {
			if ct.Name != container {
				continue
			}
			image, tag := SplitImage(ct.Image)
			tag, _, _ = strings.Cut(tag, windowsBuild)
			images = append(images, image)
			counts[tag] += max(int(r.desired), 1)
		}
	}
	slices.Sort(images)
	return CountVersions(counts), slices.Compact(images)
}
