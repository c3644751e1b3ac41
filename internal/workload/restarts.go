// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// restartWindow is how long ago the last restart of a container that keeps restarting may be, and how long it ran before:
	// an hour, as the longest pause of the kubelet is 5 minutes. A container that ran for longer ended once, as at the reboot
	// of its node.
	restartWindow = time.Hour
	// minRestarts are more than a container needs that waits for what starts beside it: the kubelet's pauses before the
	// fifth restart are 5 minutes together.
	minRestarts = 5
	// restartingShare is which part of the pods must keep restarting: one in four. In a big cluster there is always a node
	// on which one does.
	restartingShare = 4
	// maxPodsLooked is the most pods of a healthy workload that are listed in the operator just to see whether they restart.
	maxPodsLooked = 100
)

// KeepsRestarting reports whether a pod is ready between restarts at a time; zero is at any time.
func KeepsRestarting(pod *corev1.Pod, at time.Time) bool {
	keeps := func(s corev1.ContainerStatus) bool { return keepsRestarting(&s, at) }
	return readyNow(pod) && pod.DeletionTimestamp == nil &&
		(slices.ContainsFunc(pod.Status.ContainerStatuses, keeps) || slices.ContainsFunc(pod.Status.InitContainerStatuses, keeps))
}

// keepsRestarting reports whether a container that runs has restarted often, and not only long ago: the kubelet tells of
// the last run alone, so that both of its ends must show it.
func keepsRestarting(s *corev1.ContainerStatus, at time.Time) bool {
	last := s.LastTerminationState.Terminated
	return s.State.Running != nil && s.RestartCount >= minRestarts && last != nil && !last.StartedAt.IsZero() &&
		last.FinishedAt.Sub(last.StartedAt.Time) < restartWindow && (at.IsZero() || at.Sub(last.FinishedAt.Time) < restartWindow)
}

// turnedLately is for how much longer it counts that a Deployment has become available: its pods may be ready between
// restarts. It is 0 for one that did not, and for one that started then.
func (w Workload) turnedLately(now time.Time) time.Duration {
	if w.availableAt.Sub(w.Object.GetCreationTimestamp().Time) < StartTime {
		return 0
	}
	return max(0, restartWindow-now.Sub(w.availableAt))
}

// MayRestart reports whether the pods of a workload that lacks none are worth a list: it has become available lately, or all is
// read once.
func (w Workload) MayRestart(now time.Time, once bool) bool {
	return w.Desired > 0 && (once || w.Desired <= maxPodsLooked && w.turnedLately(now) > 0)
}

// healthyByNumbers diagnoses a workload whose numbers leave nothing to explain. Pods that keep restarting are ready most of the time.
func healthyByNumbers(w Workload, nodes Nodes, pods Pods, now time.Time) Diagnosis {
	v, recheckAfter := w.byNumbers(now)
	d := Diagnosis{Verdict: v, RecheckAfter: recheckAfter}
	if v.Reason == v1alpha1.ReasonHealthy && w.MayRestart(now, pods.Once) {
		lately := w.turnedLately(now)
		d.Further = []facts.Demand{{Need: w.PodsNeed(), Refresh: facts.Refresh{Revision: uint64(w.availableAt.Unix())}, Spare: lately == 0}}
		d.RecheckAfter = lately
		e := evidence{workload: w, now: now, pods: pods.Answer, restarts: restartsOf(w, pods.Answer)}
		if len(e.restarts) > 0 {
			d.Verdict, d.Causes = e.fine(v1alpha1.ReasonWithinTolerance, e.why()), e.restarts
		}
	}
	d.Faults = faultsOf(w, nodes, d.Verdict, d.Causes)
	return d
}

// restartsOf is the cause of the ready pods that keep restarting, if they are many. It costs as much as there are pods among the
// objects.
func restartsOf(w Workload, pods facts.Answer) []Cause {
	c := Cause{Reason: v1alpha1.ReasonCrashLooping, ready: true}
	var worst container
	for _, o := range pods.Objects {
		pod, ok := o.(*corev1.Pod)
		if !ok || !KeepsRestarting(pod, pods.ReadAt) || !w.owns(pod) {
			continue
		}
		c.Count++
		c.Places = append(c.Places, pod.Spec.NodeName)
		for _, s := range containersOf(pod) {
			if !keepsRestarting(&s.ContainerStatus, pods.ReadAt) {
				continue
			}
			c.began = first(c.began, s.LastTerminationState.Terminated.StartedAt.Time)
			if s.RestartCount > worst.RestartCount {
				worst, c.pod, c.container, c.Restarts = s, pod.Name, s.Name, s.RestartCount
			}
		}
	}
	if c.Count == 0 || c.Count*restartingShare < int(w.Desired) {
		return nil
	}
	keep := "keep"
	if c.Count == 1 {
		keep = "keeps"
	}
	c.Text = fmt.Sprintf("of %s %s restarting: %s, last exit code %s", msg.Count(max(int(w.ready), c.Count), "ready pod"), keep,
		worst.title, exit(worst.LastTerminationState.Terminated))
	slices.Sort(c.Places)
	c.Places = slices.Compact(c.Places)
	return []Cause{c}
}

// readyPods counts all ready pods of an answer: those that keep restarting are among its objects.
func readyPods(pods facts.Answer) map[facts.PodRevision]int {
	ready, copied := pods.ReadyPods, false
	for _, o := range pods.Objects {
		pod, ok := o.(*corev1.Pod)
		if !ok || !readyNow(pod) {
			continue
		}
		if !copied { // others read it, too
			ready, copied = map[facts.PodRevision]int{}, true
			maps.Copy(ready, pods.ReadyPods)
		}
		if of, ok := RevisionOf(pod); ok {
			CountReady(ready, of, pod.Spec.NodeName)
		}
	}
	return ready
}
