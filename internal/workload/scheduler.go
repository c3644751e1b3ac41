// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"regexp"
	"slices"
	"strings"

	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// schedulerText is what the scheduler says of a pod for which it finds no node, such as "0/3 nodes are available:
// 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: 0/3 nodes are available: ...".
type schedulerText struct {
	// message without what preemption would not change either.
	message string
	// states of the nodes that the message names as blocking.
	states []nodestate.State
	// anyTaint says that it names taints as blocking, but not which.
	anyTaint bool
	// other says that it names what does not go away when nodes recover.
	other bool
	// lacking is the resource of which it says that no node has enough, such as cpu; pods where none takes more of them.
	lacking string
}

// The reasons of the scheduler's plugins, in the words of all versions in use. What matches none of them, such as
// "Insufficient cpu", is a reason of its own.
var (
	// blockers go away when nodes recover, as the taints do that nodestate knows.
	blockers = []struct {
		state nodestate.State
		text  string
	}{
		{nodestate.Cordoned, "were unschedulable"},
		{nodestate.NotReady, "were not ready"},
		{nodestate.UnderPressure, " pressure"},
	}
	// namedTaint is a taint that the pod does not tolerate, by its key.
	namedTaint = regexp.MustCompile(`taint \{([^:}]+)`)
	// unnamedTaints mention taints without naming them.
	unnamedTaints = []string{"untolerated taint(s)", "taints that the pod didn't tolerate"}
	// exclusions are of nodes that the pod is not meant for, or not meant to share with its like.
	exclusions = []string{
		"untolerated taint {", "had taint {", "node affinity", "node selector", "requested node name", "didn't satisfy plugin",
		"that the pod didn't tolerate",
		"pod affinity rules", "anti-affinity rules", "topology spread constraints",
	}
)

var leadingCount = regexp.MustCompile(`^\d+ `)

func parseSchedulerText(message string) schedulerText {
	// The reasons are the first sentence; what follows is about preemption.
	sentence, _, _ := strings.Cut(msg.FirstLine(message), ". ")
	text := schedulerText{message: strings.TrimSuffix(sentence, ".")}
	_, reasons, found := strings.Cut(text.message, " nodes are available: ")
	if !found {
		text.other = true
		return text
	}
	for reason := range strings.SplitSeq(reasons, ", ") {
		text.add(leadingCount.ReplaceAllString(reason, ""))
	}
	return text
}

func (t *schedulerText) add(reason string) {
	if taint := namedTaint.FindStringSubmatch(reason); taint != nil {
		if state, ok := nodestate.OfTaint(taint[1]); ok {
			t.states = append(t.states, state)
			return
		}
	}
	for _, h := range blockers {
		if strings.Contains(reason, h.text) {
			t.states = append(t.states, h.state)
			return
		}
	}
	if resource, ok := strings.CutPrefix(reason, "Insufficient "); ok {
		t.lacking = resource
	} else if reason == "Too many pods" {
		t.lacking = "pods"
	}
	switch {
	case containsAny(reason, unnamedTaints):
		t.anyTaint = true
	case !containsAny(reason, exclusions):
		t.other = true
	}
}

// mayBeNodes reports whether nothing but nodes that are down or cordoned may keep the pod from being scheduled.
func (t *schedulerText) mayBeNodes() bool { return !t.other && (t.anyTaint || len(t.states) > 0) }

func containsAny(s string, texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(s, text) })
}

// numbers differ between pods that wait for the same.
var numbers = regexp.MustCompile(`\d+`)

func withoutNumbers(s string) string { return numbers.ReplaceAllString(s, "") }
