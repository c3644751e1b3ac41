// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// These are how many of each a status lists.
	maxComponents      = 512
	maxCauses          = 64
	maxCauseComponents = 64
	maxAdvisories      = 64
	maxSkews           = 64

	// maxCell is the length of a text in a row of components or node pools, in bytes.
	maxCell = 128

	// observedAtRefresh is how old observedAt may get while nothing else changes: an older one means that
	// no operator is at work.
	observedAtRefresh = 5 * time.Minute
)

// Architecture derives a ClusterArchitecture's status from the mappings that its componentSelector selects, and from the
// view of the cluster. The duration is when to assess it again although nothing changes; 0 is never.
func Architecture(
	arch *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping, view ClusterView, now time.Time,
) (v1alpha1.ClusterArchitectureStatus, time.Duration) {
	r := newRollup(arch, mappings, now)
	r.view = view
	if view.Pending {
		return r.observing("still reading the nodes"), 0
	}
	// A first picture waits for every first verdict, so that nothing in it turns for want of reading.
	if unvisited := r.filter(unvisited); len(unvisited) > 0 && len(arch.Status.Components) == 0 {
		return r.observing("waiting for the first verdict on " + msg.Shorten(mappingNames(unvisited), ", ")), 0
	}
	status := v1alpha1.ClusterArchitectureStatus{
		ObservedGeneration: arch.Generation,
		KubernetesVersion:  view.KubernetesVersion,
	}
	detected := platformDetected(&arch.Spec, view)
	conditions := []metav1.Condition{detected}
	if detected.Status == metav1.ConditionTrue {
		conditions = append(conditions, r.fill(&status)...)
	} else {
		for _, t := range rolledUp {
			conditions = append(conditions, condition(t, metav1.ConditionUnknown, v1alpha1.ReasonPlatformNotDetected, "not assessed: "+detected.Message))
		}
	}
	status.Conditions = withoutStalled(r.arch.Status.Conditions)
	for _, c := range append([]metav1.Condition{r.ready()}, conditions...) {
		r.set(&status.Conditions, c)
	}
	status.Message = mattersMost(conditions).Message
	status.Abstract = r.abstract(&status)
	return status, facts.Earliest(r.observe(&status), view.recheck(now))
}

// InvalidArchitecture returns the status of a ClusterArchitecture whose spec cannot be used.
func InvalidArchitecture(arch *v1alpha1.ClusterArchitecture, reason error, now time.Time) v1alpha1.ClusterArchitectureStatus {
	r := newRollup(arch, nil, now)
	status := v1alpha1.ClusterArchitectureStatus{ObservedGeneration: arch.Generation, Conditions: arch.Status.DeepCopy().Conditions}
	status.Message = msg.Truncate(reason.Error(), msg.MaxMessage)
	r.set(&status.Conditions, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec, reason.Error()))
	r.set(&status.Conditions, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidSpec, "change the spec: "+reason.Error()))
	for _, t := range append([]string{v1alpha1.ConditionPlatformDetected}, rolledUp...) {
		r.set(&status.Conditions, condition(t, metav1.ConditionUnknown, v1alpha1.ReasonInvalidSpec, "the spec cannot be evaluated"))
	}
	r.observe(&status)
	return status
}

// rolledUp are the conditions that sum up the mappings.
var rolledUp = []string{
	v1alpha1.ConditionComplete, v1alpha1.ConditionVersionsSupported, v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented,
}

// rollup is the work on one ClusterArchitecture.
type rollup struct {
	stamp
	arch *v1alpha1.ClusterArchitecture
	view ClusterView
	// mappings in the order of the table: by category, order and name.
	mappings []*v1alpha1.ComponentMapping
	// faults are what is unhealthy, by cause; gaps are what is missing; tolerated is what is healthy in spite of a fault.
	faults, gaps, tolerated []v1alpha1.Cause
	skews                   skews
	// cuts say what the status has no room for.
	cuts []string
}

func newRollup(arch *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping, now time.Time) *rollup {
	sorted := make([]*v1alpha1.ComponentMapping, len(mappings))
	for i := range mappings {
		sorted[i] = &mappings[i]
	}
	slices.SortFunc(sorted, catalog.CompareMappings)
	return &rollup{stamp: newStamp(arch.Generation, now), arch: arch, mappings: sorted}
}

// observing keeps the status, except that a first visit or a new generation shows in Ready.
func (r *rollup) observing(what string) v1alpha1.ClusterArchitectureStatus {
	previous := r.arch.Status
	status := *previous.DeepCopy()
	if previous.ObservedGeneration == r.arch.Generation && meta.IsStatusConditionTrue(previous.Conditions, v1alpha1.ConditionReady) {
		return status
	}
	status.ObservedGeneration = r.arch.Generation
	status.Conditions = withoutStalled(r.arch.Status.Conditions)
	r.set(&status.Conditions, condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonObserving, what))
	for _, t := range append([]string{v1alpha1.ConditionPlatformDetected}, rolledUp...) {
		if c := meta.FindStatusCondition(status.Conditions, t); c == nil || c.Reason == v1alpha1.ReasonInvalidSpec {
			status.Message = what // of what a rejected spec left behind nothing is true
			r.set(&status.Conditions, condition(t, metav1.ConditionUnknown, v1alpha1.ReasonNotYetObserved, "not everything has been read yet"))
		}
	}
	return status
}

// unvisited reports whether a mapping has no verdict yet.
func unvisited(m *v1alpha1.ComponentMapping) bool {
	c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionPresent)
	return c == nil || c.Reason == v1alpha1.ReasonNotYetObserved
}

// ready says what had to be left out, if anything.
func (r *rollup) ready() metav1.Condition {
	if len(r.cuts) > 0 {
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonListsTruncated, strings.Join(r.cuts, "; "))
	}
	return ready()
}

// cut returns as much of a list as the API takes; Ready reports what is left out.
func cut[T any](r *rollup, list []T, limit int, what string) []T {
	if len(list) <= limit {
		return list
	}
	r.cuts = append(r.cuts, fmt.Sprintf("only the first %d of %d %s are listed", limit, len(list), what))
	return list[:limit]
}

func platformDetected(spec *v1alpha1.ClusterArchitectureSpec, view ClusterView) metav1.Condition {
	detected := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionPlatformDetected, status, reason, message)
	}
	switch {
	case view.Problem != "":
		return detected(metav1.ConditionUnknown, view.Problem, "couldn't read the nodes: "+view.ProblemMessage)
	case spec.NodeSelector == nil:
		return detected(metav1.ConditionTrue, v1alpha1.ReasonNoSelector, "no nodeSelector is set")
	case view.Nodes == 0:
		return detected(metav1.ConditionUnknown, v1alpha1.ReasonNotObservable,
			"the cluster has no nodes that could match "+metav1.FormatLabelSelector(spec.NodeSelector))
	case view.MatchingNodes == 0:
		return detected(metav1.ConditionFalse, v1alpha1.ReasonNoNodeMatches,
			fmt.Sprintf("none of %d nodes matches %s", view.Nodes, metav1.FormatLabelSelector(spec.NodeSelector)))
	}
	// The number of nodes changes all the time and says nothing more.
	return detected(metav1.ConditionTrue, v1alpha1.ReasonNodesMatch, "nodes match "+metav1.FormatLabelSelector(spec.NodeSelector))
}

// fill sets everything that sums up the mappings and the nodes, and returns the conditions that do.
func (r *rollup) fill(s *v1alpha1.ClusterArchitectureStatus) []metav1.Condition {
	r.findCauses()
	r.skews = r.findSkews()
	for _, m := range cut(r, r.mappings, maxComponents, "components") {
		s.Components = append(s.Components, summarize(m))
	}
	s.Summary = r.counts()
	s.Categories = r.categories()
	s.Methods = r.methods()
	s.Violations, _ = r.rules()
	s.Causes = r.causes()
	s.Skews = cut(r, slices.Concat(r.skews.exceeded, r.skews.mixed), maxSkews, "skews")
	s.Advisories = cut(r, r.advisories(), maxAdvisories, "advisories")
	s.NodePools = cut(r, r.view.NodePools, maxNodePools, "node pools")
	r.listUnmapped(s)
	return []metav1.Condition{r.complete(), r.versionsSupported(), r.healthy(), r.asDocumented()}
}

// mattersMost returns the condition whose message a person wants first: that nothing is claimed, what is unhealthy,
// missing or unsupported, what of that is unknown, what differs from its documentation, else that all is
// well.
func mattersMost(conditions []metav1.Condition) metav1.Condition {
	of := func(t string) metav1.Condition { return *meta.FindStatusCondition(conditions, t) }
	if detected := of(v1alpha1.ConditionPlatformDetected); detected.Status != metav1.ConditionTrue {
		return detected
	}
	for _, status := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown} {
		for _, t := range []string{v1alpha1.ConditionHealthy, v1alpha1.ConditionComplete, v1alpha1.ConditionVersionsSupported} {
			if c := of(t); c.Status == status {
				return c
			}
		}
	}
	if documented := of(v1alpha1.ConditionAsDocumented); documented.Status == metav1.ConditionFalse {
		return documented
	}
	return of(v1alpha1.ConditionComplete)
}

func summarize(m *v1alpha1.ComponentMapping) v1alpha1.ComponentSummary {
	s := v1alpha1.ComponentSummary{
		Name: m.Name, Component: m.Spec.Component, Category: m.Spec.Category, Placement: m.Spec.Placement,
		Implementation: msg.Truncate(cmp.Or(m.Status.Implementation, m.Spec.Implementation.Name), maxCell),
		OperatedBy:     cmp.Or(m.Status.OperatedBy, m.Spec.OperatedBy),
		Methods:        m.Status.Methods, Version: msg.Truncate(m.Status.Version, maxCell),
		Present: verdict(m, v1alpha1.ConditionPresent), Healthy: verdict(m, v1alpha1.ConditionHealthy),
	}
	decisive := catalog.Decisive(m)
	s.Reason, s.Since = decisive.Reason, decisive.LastTransitionTime
	if s.Reason == v1alpha1.ReasonAllChecksPass {
		s.Reason = "" // nothing is to be explained
	}
	return s
}

// verdict returns the status of a mapping's condition; Unknown when it has not been visited yet.
func verdict(m *v1alpha1.ComponentMapping, conditionType string) metav1.ConditionStatus {
	return catalog.Condition(m, conditionType).Status
}

func isPresent(m *v1alpha1.ComponentMapping) bool {
	return verdict(m, v1alpha1.ConditionPresent) == metav1.ConditionTrue
}

// is reports whether a present mapping's condition has a status.
func is(conditionType string, status metav1.ConditionStatus) func(*v1alpha1.ComponentMapping) bool {
	return func(m *v1alpha1.ComponentMapping) bool {
		return verdict(m, conditionType) == status && (isPresent(m) || status == metav1.ConditionFalse)
	}
}

func (r *rollup) count(keep func(*v1alpha1.ComponentMapping) bool) *int32 {
	return new(int32(len(r.filter(keep))))
}

func (r *rollup) filter(keep func(*v1alpha1.ComponentMapping) bool) []*v1alpha1.ComponentMapping {
	var out []*v1alpha1.ComponentMapping
	for _, m := range r.mappings {
		if keep(m) {
			out = append(out, m)
		}
	}
	return out
}

func (r *rollup) counts() v1alpha1.ComponentCounts {
	present := func(status metav1.ConditionStatus) func(*v1alpha1.ComponentMapping) bool {
		return func(m *v1alpha1.ComponentMapping) bool { return verdict(m, v1alpha1.ConditionPresent) == status }
	}
	c := v1alpha1.ComponentCounts{
		Total:         new(int32(len(r.mappings))),
		Present:       r.count(present(metav1.ConditionTrue)),
		Healthy:       r.count(is(v1alpha1.ConditionHealthy, metav1.ConditionTrue)),
		Degraded:      r.count(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse)),
		HealthUnknown: r.count(is(v1alpha1.ConditionHealthy, metav1.ConditionUnknown)),
		Absent:        r.count(present(metav1.ConditionFalse)),
		Unknown:       r.count(present(metav1.ConditionUnknown)),
	}
	c.Text = fmt.Sprintf("%d/%d present", *c.Present, *c.Total)
	return c
}

func (r *rollup) categories() []v1alpha1.CategorySummary {
	var out []v1alpha1.CategorySummary
	for _, category := range v1alpha1.Categories {
		in := &rollup{mappings: r.filter(func(m *v1alpha1.ComponentMapping) bool { return m.Spec.Category == category })}
		if len(in.mappings) == 0 {
			continue
		}
		c := in.counts()
		out = append(out, v1alpha1.CategorySummary{Name: category, Total: c.Total, Present: c.Present, Healthy: c.Healthy})
	}
	return out
}

func (r *rollup) methods() []v1alpha1.MethodSummary {
	var out []v1alpha1.MethodSummary
	for _, method := range catalog.Methods {
		documented := r.count(func(m *v1alpha1.ComponentMapping) bool {
			return slices.Contains(m.Spec.Implementation.Methods, method)
		})
		observed := r.count(func(m *v1alpha1.ComponentMapping) bool { return slices.Contains(m.Status.Methods, method) })
		if *documented+*observed > 0 {
			out = append(out, v1alpha1.MethodSummary{Name: method, Documented: documented, Observed: observed})
		}
	}
	return out
}

// advisories that concern a variant which is present: those with a date by date, then the others in the order
// of the table.
func (r *rollup) advisories() []v1alpha1.ComponentAdvisory {
	var out []v1alpha1.ComponentAdvisory
	for _, m := range r.filter(isPresent) {
		for _, a := range catalog.AdvisoriesOf(m) {
			out = append(out, v1alpha1.ComponentAdvisory{Component: m.Name, Type: a.Type, Date: a.Date, Message: a.Message, URL: a.URL})
		}
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.ComponentAdvisory) int { return catalog.CompareDates(a.Date, b.Date) })
	return out
}

// missing reports whether a required component is absent.
func missing(m *v1alpha1.ComponentMapping) bool { return catalog.StateOf(m) == catalog.Missing }

func required(m *v1alpha1.ComponentMapping) bool { return !catalog.Optional(m) }

func (r *rollup) complete() metav1.Condition {
	complete := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionComplete, status, reason, message)
	}
	var reasons, parts []string
	say := func(reason, what string, names []string) {
		if len(names) > 0 {
			reasons = append(reasons, reason)
			parts = append(parts, what+msg.Shorten(names, ", "))
		}
	}
	say(v1alpha1.ReasonComponentsMissing, "missing: ", mappingNames(r.filter(missing)))
	violations, undecidedRules := r.rules()
	var broken []string
	for _, v := range violations {
		broken = append(broken, v.Rule+" ("+v.Message+")")
	}
	say(v1alpha1.ReasonRulesViolated, "violated rules: ", broken)
	if len(reasons) > 0 {
		return complete(metav1.ConditionFalse, reasons[0], strings.Join(parts, "; "))
	}
	if len(r.mappings) == 0 {
		return complete(metav1.ConditionUnknown, v1alpha1.ReasonNoComponents,
			"no ComponentMapping matches "+metav1.FormatLabelSelector(&r.arch.Spec.ComponentSelector)+"; apply a catalog of mappings")
	}
	undecided := r.filter(func(m *v1alpha1.ComponentMapping) bool {
		return required(m) && verdict(m, v1alpha1.ConditionPresent) == metav1.ConditionUnknown
	})
	if len(undecided) > 0 {
		return complete(metav1.ConditionUnknown, whyUnknown(undecided, v1alpha1.ConditionPresent),
			"couldn't tell whether these are present: "+msg.Shorten(mappingNames(undecided), ", "))
	}
	if len(undecidedRules) > 0 {
		return complete(metav1.ConditionUnknown, whyUnknown(r.unknownMembers(undecidedRules), v1alpha1.ConditionPresent),
			"couldn't check these rules: "+msg.Shorten(undecidedRules, ", "))
	}
	return complete(metav1.ConditionTrue, v1alpha1.ReasonAllRequiredPresent, "all required components are present and no rule is violated")
}

func (r *rollup) healthy() metav1.Condition {
	healthy := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionHealthy, status, reason, message)
	}
	if len(r.faults) > 0 {
		return healthy(metav1.ConditionFalse, v1alpha1.ReasonComponentsUnhealthy, r.sumUpFaults())
	}
	undecided := r.filter(inDoubt)
	switch {
	case len(undecided) > 0:
		return healthy(metav1.ConditionUnknown, whyUnknown(undecided, v1alpha1.ConditionHealthy),
			"health unknown: "+msg.Shorten(mappingNames(undecided), ", "))
	case len(r.filter(isPresent)) == 0:
		return healthy(metav1.ConditionUnknown, v1alpha1.ReasonNotPresent, "no component is present")
	}
	return healthy(metav1.ConditionTrue, v1alpha1.ReasonAllChecksPass, "no problems detected")
}

// inDoubt reports whether a component's health could not be observed. That it can never be observed
// is no reason for doubt, nor that it has no health.
func inDoubt(m *v1alpha1.ComponentMapping) bool {
	c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy)
	return c != nil && c.Status == metav1.ConditionUnknown && !slices.Contains(undoubted, c.Reason)
}

// whyUnknown returns the reason for which a condition of the components is Unknown in sum: NotInDump when nothing else
// hides any of them.
func whyUnknown(undecided []*v1alpha1.ComponentMapping, conditionType string) string {
	for _, m := range undecided {
		if catalog.Condition(m, conditionType).Reason != v1alpha1.ReasonNotInDump {
			return v1alpha1.ReasonComponentsUnknown
		}
	}
	return v1alpha1.ReasonNotInDump
}

var undoubted = []string{
	v1alpha1.ReasonNotPresent, v1alpha1.ReasonNotObservable, v1alpha1.ReasonHealthNotObservable, v1alpha1.ReasonNotYetObserved,
}

// asDocumented speaks of the differences that nothing explains; those that are known it only names.
func (r *rollup) asDocumented() metav1.Condition {
	different := mappingNames(r.filter(func(m *v1alpha1.ComponentMapping) bool { return len(catalog.Unexplained(m.Status.Differences)) > 0 }))
	if len(different) > 0 {
		return condition(v1alpha1.ConditionAsDocumented, metav1.ConditionFalse, v1alpha1.ReasonComponentsDiffer,
			msg.Count(len(different), "component")+" not as documented: "+strings.Join(different, ", "))
	}
	if len(r.filter(is(v1alpha1.ConditionAsDocumented, metav1.ConditionTrue))) == 0 {
		return condition(v1alpha1.ConditionAsDocumented, metav1.ConditionUnknown, v1alpha1.ReasonNothingToCompare,
			"no component can be compared with its documentation")
	}
	known := mappingNames(r.filter(func(m *v1alpha1.ComponentMapping) bool { return len(m.Status.Differences) > 0 }))
	if len(known) > 0 {
		return condition(v1alpha1.ConditionAsDocumented, metav1.ConditionTrue, v1alpha1.ReasonKnownDifference,
			"only known differences: "+strings.Join(known, ", "))
	}
	return condition(v1alpha1.ConditionAsDocumented, metav1.ConditionTrue, v1alpha1.ReasonMatchesDocumentation, "no differences")
}

func mappingNames(mappings []*v1alpha1.ComponentMapping) []string {
	var out []string
	for _, m := range mappings {
		out = append(out, m.Name)
	}
	return out
}

// observe sets observedAt: anew when the status changes or the time is old, else as it was. It returns when
// it must be refreshed.
func (r *rollup) observe(status *v1alpha1.ClusterArchitectureStatus) time.Duration {
	status.ObservedAt = r.arch.Status.ObservedAt
	age := r.now.Sub(status.ObservedAt.Time)
	if age >= observedAtRefresh || !equality.Semantic.DeepEqual(*status, r.arch.Status) {
		status.ObservedAt = r.now
		return observedAtRefresh
	}
	return observedAtRefresh - age
}
