// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/workload"
)

const (
	// maxUnmapped is how many workloads that no mapping covers a status lists.
	maxUnmapped = 32
	// maxUnmappedImage and maxUnmappedMessage are the lengths of their texts, in bytes.
	maxUnmappedImage   = 512
	maxUnmappedMessage = 512
)

// workloadKinds are the kinds of workloads that a provider runs.
var workloadKinds = []v1alpha1.WorkloadKind{v1alpha1.WorkloadDeployment, v1alpha1.WorkloadDaemonSet, v1alpha1.WorkloadStatefulSet}

// unmappedCheck is how a workload is judged of which the catalog knows nothing: 0 may be what somebody wants, and one pod
// of a hundred is no fault of the workload.
var unmappedCheck = &v1alpha1.WorkloadCheck{ScaleToZero: v1alpha1.ScaleToZeroAllowed, Tolerance: v1alpha1.Tolerance{Percent: new(int32(1))}}

// UnmappedNeeds are what must be seen to find the provider's workloads; marks are the parsed selectors of the policy.
func UnmappedNeeds(policy *v1alpha1.UnmappedPolicy, marks []labels.Selector) []facts.Need {
	var needs []facts.Need
	for _, kind := range workloadKinds {
		need := facts.Need{Kind: appsv1.SchemeGroupVersion.WithKind(string(kind))}
		for _, namespace := range policy.Namespaces {
			in := need
			in.Namespace = string(namespace)
			needs = append(needs, in)
		}
		for _, mark := range marks {
			with := need
			with.Selector = mark.String()
			needs = append(needs, with)
		}
	}
	return needs
}

// UnmappedExplaining is what may have to be seen besides to explain how the workloads in the provider's namespaces are. Those
// elsewhere are explained where their pods can be read: that is no reason to ask for the right to read all pods.
func UnmappedExplaining(policy *v1alpha1.UnmappedPolicy) []facts.Need {
	needs := []facts.Need{facts.Nodes}
	for _, namespace := range policy.Namespaces {
		needs = append(needs, facts.Need{Kind: facts.PodKind, Namespace: string(namespace), Interval: facts.DefaultInterval},
			facts.AllEvents(string(namespace)))
	}
	return needs
}

// ArchitectureNeeds are what must be seen for a ClusterArchitecture beside its mappings, and what may have to be seen to explain
// that.
func ArchitectureNeeds(spec *v1alpha1.ClusterArchitectureSpec) ([]facts.Need, error) {
	selectors, err := ParseSelectors(spec)
	if err != nil {
		return nil, err
	}
	return slices.Concat(ClusterNeeds(), UnmappedNeeds(&spec.Unmapped, selectors.Marks), UnmappedExplaining(&spec.Unmapped)), nil
}

// UnmappedScope defines which workloads are the provider's, and which of them the mappings cover.
type UnmappedScope struct {
	key   string
	needs []facts.Need
	marks []labels.Selector
	// covering are the checks of type Workload, by what they are about.
	covering map[workloadPlace][]*check.Evaluator
}

// workloadPlace is where a check of type Workload looks; the namespace is empty for all of them.
type workloadPlace struct {
	kind      v1alpha1.WorkloadKind
	namespace string
}

// NewUnmappedScope returns the scope of a policy; marks are its parsed selectors, and mappings those of the platform. It is
// nil where the policy says nothing.
func NewUnmappedScope(policy *v1alpha1.UnmappedPolicy, marks []labels.Selector, mappings []v1alpha1.ComponentMapping) *UnmappedScope {
	s := &UnmappedScope{needs: UnmappedNeeds(policy, marks), marks: marks, covering: map[workloadPlace][]*check.Evaluator{}}
	if len(s.needs) == 0 {
		return nil
	}
	parts, _ := json.Marshal(policy) // it came as JSON
	keys := []string{string(parts)}
	for i := range mappings {
		for _, evaluator := range workloadChecks(&mappings[i].Spec) {
			w := evaluator.Spec.Workload
			place := workloadPlace{w.Kind, string(w.Namespace)}
			s.covering[place] = append(s.covering[place], evaluator)
			keys = append(keys, evaluator.Key())
		}
	}
	slices.Sort(keys[1:])
	s.key = strings.Join(slices.Compact(keys), "\n")
	return s
}

// workloadChecks are the checks of type Workload of a mapping. One that cannot be used covers nothing.
func workloadChecks(spec *v1alpha1.ComponentMappingSpec) []*check.Evaluator {
	var out []*check.Evaluator
	add := func(checks []v1alpha1.Check) {
		for i := range checks {
			if checks[i].Type != v1alpha1.CheckWorkload {
				continue
			}
			if c, err := check.New("", checks[i]); err == nil {
				out = append(out, c.Evaluator)
			}
		}
	}
	add(spec.Checks)
	for i := range spec.Variants {
		add(spec.Variants[i].Checks)
	}
	return out
}

// Key identifies a scope: scopes with equal keys list the same. That of none is empty.
func (s *UnmappedScope) Key() string {
	if s == nil {
		return ""
	}
	return s.key
}

// Needs are what must be seen in any case.
func (s *UnmappedScope) Needs() []facts.Need { return s.needs }

// Unmapped returns the workload of an object, unless a mapping covers it.
func (s *UnmappedScope) Unmapped(o client.Object) (w workload.Workload, unmapped bool) {
	if w, unmapped = workload.Of(o, unmappedCheck); !unmapped {
		return w, false
	}
	covers := func(e *check.Evaluator) bool { return e.Covers(w) }
	for _, namespace := range []string{o.GetNamespace(), ""} {
		if slices.ContainsFunc(s.covering[workloadPlace{w.Kind, namespace}], covers) {
			return w, false
		}
	}
	return w, true
}

// UnmappedView is what a ClusterArchitecture lists of the provider's workloads that no mapping covers.
type UnmappedView struct {
	// Pending: not everything has been read yet.
	Pending bool
	// Workloads are the first of them, and there are Total.
	Workloads        []v1alpha1.UnmappedWorkload
	Total, Unhealthy int
	// Problem and Unread are why something could not be looked at, and what; empty when all of it was.
	Problem, Unread string
}

// View lists workloads that no mapping covers, the unhealthy ones first; one that is found twice is listed once. It also returns
// what would explain more, and when the view may change although nothing else does.
func (s *UnmappedScope) View(found []workload.Workload, given facts.Facts) (view UnmappedView, further []facts.Demand, recheckAfter time.Duration) {
	compare := func(a, b workload.Workload) int {
		return cmp.Or(cmp.Compare(a.Object.GetNamespace(), b.Object.GetNamespace()), cmp.Compare(a.Object.GetName(), b.Object.GetName()),
			cmp.Compare(a.Kind, b.Kind))
	}
	found = slices.SortedFunc(slices.Values(found), compare)
	found = slices.CompactFunc(found, func(a, b workload.Workload) bool { return compare(a, b) == 0 })
	view.Pending, view.Problem, view.Unread = s.unread(given)
	for i, d := range check.Diagnose(found, given) {
		w := s.describe(found[i], d)
		view.Total++
		if w.State == v1alpha1.WorkloadUnhealthy {
			view.Unhealthy++
		}
		view.Pending = view.Pending || d.Pending && d.Healthy == v1alpha1.VerdictUnknown
		view.Workloads = append(view.Workloads, w)
		further = append(further, d.Further...)
		recheckAfter = facts.Earliest(recheckAfter, facts.Earliest(d.RecheckAfter, d.ExcusedFor))
	}
	slices.SortStableFunc(view.Workloads, func(a, b v1alpha1.UnmappedWorkload) int { return rank(a) - rank(b) })
	view.Workloads = slices.Clone(view.Workloads[:min(len(view.Workloads), maxUnmapped)]) // the others are not held
	return view, further, recheckAfter
}

// workloadStates are in the order in which somebody wants to know of them.
var workloadStates = []v1alpha1.WorkloadState{
	v1alpha1.WorkloadUnhealthy, v1alpha1.WorkloadProgressing, v1alpha1.WorkloadScaledToZero, v1alpha1.WorkloadHealthy, v1alpha1.WorkloadIdle,
}

// rank puts the worst state first, and of the same state what is surely the provider's.
func rank(w v1alpha1.UnmappedWorkload) int {
	at := 2 * slices.Index(workloadStates, w.State)
	if w.OperatedBy == "" {
		at++
	}
	return at
}

// describe has a message only where something is to be explained: the numbers of one that is healthy, or rolls out, move all
// the time and say nothing.
func (s *UnmappedScope) describe(w workload.Workload, d workload.Diagnosis) v1alpha1.UnmappedWorkload {
	out := v1alpha1.UnmappedWorkload{
		Kind: w.Kind, Namespace: v1alpha1.NamespaceName(w.Object.GetNamespace()), Name: v1alpha1.ObjectName(w.Object.GetName()),
		State: stateOf(w, d), Reason: d.Reason,
	}
	if len(w.PodSpec.Containers) > 0 {
		out.Image = msg.Truncate(w.PodSpec.Containers[0].Image, maxUnmappedImage)
	}
	if slices.ContainsFunc(s.marks, func(mark labels.Selector) bool { return mark.Matches(labels.Set(w.Object.GetLabels())) }) {
		out.OperatedBy = v1alpha1.OperatedByProvider
	}
	switch out.State {
	case v1alpha1.WorkloadUnhealthy:
		out.Message = msg.Truncate(d.Detail, maxUnmappedMessage)
	case v1alpha1.WorkloadHealthy:
		if out.Reason == v1alpha1.ReasonHealthy {
			out.Reason = ""
		}
	default:
		out.Reason = ""
	}
	return out
}

func stateOf(w workload.Workload, d workload.Diagnosis) v1alpha1.WorkloadState {
	switch {
	case d.Healthy == v1alpha1.VerdictNotAssessed && w.Kind == v1alpha1.WorkloadDaemonSet:
		return v1alpha1.WorkloadIdle
	case d.Healthy == v1alpha1.VerdictNotAssessed:
		return v1alpha1.WorkloadScaledToZero
	case d.Healthy == v1alpha1.VerdictUnknown, // its controller has not seen it yet
		d.Healthy == v1alpha1.VerdictFalse && (d.ExcusedFor > 0 || d.Unattributed), d.Reason == v1alpha1.ReasonProgressing:
		return v1alpha1.WorkloadProgressing
	case d.Healthy == v1alpha1.VerdictFalse:
		return v1alpha1.WorkloadUnhealthy
	}
	return v1alpha1.WorkloadHealthy
}

// unread says what could not be looked at, and why not the first of it. That a dump does not hold something is the least of
// the reasons.
func (s *UnmappedScope) unread(given facts.Facts) (pending bool, problem, message string) {
	var what []string
	why := ""
	for _, need := range s.needs {
		answer := given.Answers[need]
		reason := problemOf(answer.State)
		switch {
		case answer.State == facts.Pending:
			pending = true
		case reason == "":
		case problem == "", problem == v1alpha1.ReasonNotInDump && reason != problem:
			what, problem, why = []string{placeOf(need)}, reason, answer.Message
		case reason == problem:
			what = append(what, placeOf(need))
		}
	}
	if problem == "" {
		return pending, "", ""
	}
	return pending, problem, msg.Truncate("couldn't read "+msg.Shorten(what, ", ")+": "+why, msg.MaxMessage)
}

// placeOf returns where a need looks: DaemonSets in kube-system.
func placeOf(need facts.Need) string {
	if need.Selector != "" {
		return fmt.Sprintf("%ss with %s", need.Kind.Kind, need.Selector)
	}
	return fmt.Sprintf("%ss in %s", need.Kind.Kind, need.Namespace)
}

// listUnmapped lists what the view has; until everything has been read, what was listed before.
func (r *rollup) listUnmapped(s *v1alpha1.ClusterArchitectureStatus) {
	view := r.view.Unmapped
	switch {
	case view == nil:
	case view.Pending:
		before := r.arch.Status.DeepCopy()
		s.Unmapped, s.UnmappedSummary = before.Unmapped, before.UnmappedSummary
	default:
		s.Unmapped = view.Workloads
		s.UnmappedSummary = v1alpha1.UnmappedSummary{
			Total: new(int32(view.Total)), Unhealthy: new(int32(view.Unhealthy)), Reason: view.Problem, Message: view.Unread,
		}
	}
}
