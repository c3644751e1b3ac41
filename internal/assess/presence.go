// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// maxVersion is the length of a version, and of the text for several of them, in bytes.
	maxVersion = 256
	// maxVersions is how many versions a status lists.
	maxVersions = 64
)

// assessment is the work on one mapping.
type assessment struct {
	stamp
	mapping    *v1alpha1.ComponentMapping
	findings   []check.Finding
	candidates []*candidate
	// observed are the candidates that are present: the complete ones, then, from parts on, those that are there in part.
	observed []*candidate
	parts    []*candidate
}

func newAssessment(m *v1alpha1.ComponentMapping, findings []check.Finding, now time.Time) *assessment {
	a := &assessment{stamp: newStamp(m.Generation, now), mapping: m, findings: findings}
	variants := m.Spec.Variants
	if len(variants) == 0 {
		variants = []v1alpha1.Variant{{}}
	}
	for _, v := range variants {
		c := &candidate{variant: v, optional: catalog.Optional(m),
			own: cmp.Or(v.OperatedBy, m.Spec.OperatedBy) == v1alpha1.OperatedByCustomer}
		for i := range findings {
			if of := findings[i].Check.Variant; of == "" || of == v.Name {
				c.findings = append(c.findings, &findings[i])
			}
		}
		c.standing = c.stand()
		a.candidates = append(a.candidates, c)
	}
	a.observed = a.standing(standsComplete)
	a.parts = a.ownParts()
	a.observed = append(a.observed, a.parts...)
	return a
}

// standing returns the candidates that stand so, in the order of the spec.
func (a *assessment) standing(s standing) []*candidate {
	return slices.DeleteFunc(slices.Clone(a.candidates), func(c *candidate) bool { return c.standing != s })
}

// ownParts returns the variants that are there in part, and of which something runs that does not speak already for
// another one: one that is, or may be, complete, or that lacks less. Variants share parts, as two kinds of controllers
// share the driver on the nodes.
func (a *assessment) ownParts() []*candidate {
	claimed := slices.Concat(a.standing(standsComplete), a.standing(standsOpen))
	partial := a.standing(standsInPart)
	slices.SortStableFunc(partial, (*candidate).compare)
	var out []*candidate
	for _, c := range partial {
		if slices.ContainsFunc(c.running(), func(f *check.Finding) bool { return !speaksFor(f, claimed) }) {
			out = append(out, c)
			claimed = append(claimed, c)
		}
	}
	return out
}

// speaksFor reports whether the finding is evidence of one of the candidates.
func speaksFor(f *check.Finding, candidates []*candidate) bool {
	return slices.ContainsFunc(candidates, func(c *candidate) bool {
		return slices.ContainsFunc(c.findings, func(other *check.Finding) bool { return other.Evident() && f.Same(other) })
	})
}

// evident lists the findings that show parts of the observed variants, each once.
func (a *assessment) evident() []*check.Finding {
	var out []*check.Finding
	for _, c := range a.observed {
		for _, f := range c.findings {
			if f.Evident() && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

func (a *assessment) presence() metav1.Condition {
	present := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionPresent, status, reason, message)
	}
	if len(a.findings) == 0 {
		return present(metav1.ConditionUnknown, v1alpha1.ReasonNotObservable, "this component can't be seen from inside the cluster")
	}
	if len(a.observed) > 0 {
		return a.observedPresence()
	}
	if f := a.blocking(); f != nil {
		return present(metav1.ConditionUnknown, unknownReason(f), f.Check.Name()+": "+f.Message)
	}
	return present(metav1.ConditionFalse, v1alpha1.ReasonNotFound, a.notFoundMessage())
}

func (a *assessment) observedPresence() metav1.Condition {
	reason := v1alpha1.ReasonObserved
	switch {
	case len(a.parts) > 0:
		reason = v1alpha1.ReasonPartial
	case a.evidence() == v1alpha1.EvidenceIndirect:
		reason = v1alpha1.ReasonObservedIndirectly
	}
	if len(a.parts) == len(a.observed) {
		return condition(v1alpha1.ConditionPresent, metav1.ConditionTrue, reason, a.partsMessage())
	}
	var subjects []string
	for _, f := range a.evident() {
		subjects = append(subjects, f.Check.Subject())
	}
	message := "found: " + strings.Join(subjects, "; ")
	if names := a.variantNames(); len(names) > 0 {
		message = "found as " + strings.Join(names, ", ") + ": " + strings.Join(subjects, "; ")
	}
	if len(a.parts) > 0 {
		message = a.partsMessage() + "; " + message
	}
	return condition(v1alpha1.ConditionPresent, metav1.ConditionTrue, reason, message)
}

// undecided returns the variants that may be there: those that may be complete, else those that may be there in part.
func (a *assessment) undecided() []*candidate {
	if open := a.standing(standsOpen); len(open) > 0 {
		return open
	}
	return a.standing(standsPerhapsInPart)
}

// failingAnyway returns the findings of what runs and fails whichever of the variants is there that may be.
func (a *assessment) failingAnyway() []*check.Finding {
	var out []*check.Finding
	undecided := a.undecided()
	for i := range a.findings {
		f := &a.findings[i]
		if f.Runs() && f.Votes() && f.Healthy == v1alpha1.VerdictFalse && !slices.ContainsFunc(undecided, func(c *candidate) bool {
			return !speaksFor(f, []*candidate{c})
		}) {
			out = append(out, f)
		}
	}
	return out
}

// blocking returns the finding that keeps a variant from being decided either way: one that is not permitted
// before one whose read failed, and that before one that a dump does not hold.
func (a *assessment) blocking() *check.Finding {
	var first *check.Finding
	for _, c := range a.undecided() {
		for _, f := range c.undecided() {
			if f.Reason == v1alpha1.ReasonNotPermitted {
				return f
			}
			if first == nil || first.Reason == v1alpha1.ReasonNotInDump {
				first = f
			}
		}
	}
	return first
}

// partsMessage names every missing part of what is there in part, and what of it cannot be seen.
func (a *assessment) partsMessage() string {
	var parts []string
	for _, c := range a.parts {
		head := "only partly present: "
		if c.variant.Name != "" {
			head = "variant " + c.variant.Name + ": " + head
		}
		for _, f := range c.required(v1alpha1.VerdictFalse) {
			parts = append(parts, head+f.Message)
			head = ""
		}
		if unseen := c.required(v1alpha1.VerdictUnknown); len(unseen) > 0 {
			parts = append(parts, "couldn't check: "+msg.Shorten(subjects(unseen), ", "))
		}
		parts = append(parts, "found: "+msg.Shorten(subjects(c.running()), ", "))
	}
	return joinShares(parts)
}

func subjects(findings []*check.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Check.Subject())
	}
	return out
}

// notFoundMessage says what was left behind, or is there all the same, and why no variant is there: each reason once.
func (a *assessment) notFoundMessage() string {
	var parts []string
	left, used := a.leftBehind()
	if len(used) > 0 {
		parts = append(parts, "not found where expected, but found: "+msg.Shorten(used, ", ")+
			" (its controller may run in another namespace; name that namespace in a mapping of your own)")
	}
	switch {
	case len(left) > 0 && len(used) > 0:
		parts = append(parts, "left behind: "+msg.Shorten(left, ", "))
	case len(left) > 0:
		parts = append(parts, "not installed; left behind: "+msg.Shorten(left, ", "))
	case len(used) == 0:
		parts = append(parts, "not found")
	}
	var reasons []string
	variants := map[string][]string{}
	for _, c := range a.candidates {
		why := c.whyNot()
		if !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
		if c.variant.Name != "" {
			variants[why] = append(variants[why], c.variant.Name)
		}
	}
	for _, why := range reasons {
		if names := variants[why]; len(names) > 0 {
			why = strings.Join(names, ", ") + ": " + why
		}
		parts = append(parts, why)
	}
	return strings.Join(parts, "; ")
}

// leftBehind names what was left of variants that are not there, each object once, and apart from it what may be in use, as
// its variant may run elsewhere. What has stopped is not in use, nor is what a variant has, too, that is looked for everywhere.
func (a *assessment) leftBehind() (left, used []string) {
	var unused []string
	add := func(names *[]string, f *check.Finding) {
		for _, o := range f.Objects {
			if name := msg.Object(o.Kind, o.Namespace, o.Name) + leftWords[f.Reason]; !slices.Contains(*names, name) {
				*names = append(*names, name)
			}
		}
	}
	for _, c := range a.standing(standsNot) {
		for _, f := range c.leftBehind() {
			add(&left, f)
			switch {
			case f.Stopped:
			case c.mayRunElsewhere():
				add(&used, f)
			case c.own:
				add(&unused, f)
			}
		}
	}
	used = slices.DeleteFunc(used, func(name string) bool { return slices.Contains(unused, name) })
	return slices.DeleteFunc(left, func(name string) bool { return slices.Contains(used, name) }), used
}

// leftWords say why what was left behind is not at work.
var leftWords = map[string]string{
	v1alpha1.ReasonIdle: " (idle)", v1alpha1.ReasonScaledToZero: " (scaled to 0)",
	v1alpha1.ReasonLeaseStale: " (not renewed)", v1alpha1.ReasonNoHolder: " (no holder)",
	v1alpha1.ReasonWebhookUnavailable: " (cannot be called)",
}

// describe fills in what the observed variants say of themselves.
func (a *assessment) describe(s *v1alpha1.ComponentMappingStatus) {
	s.Variants = a.variantNames()
	if len(s.Variants) > 0 {
		s.Variant = s.Variants[0]
	}
	s.Implementation = msg.Brief(a.implementations(), ", ")
	s.OperatedBy = a.operatedBy()
	s.Evidence = a.evidence()
	s.Methods = a.methods()
	s.MethodSummary = catalog.ShortMethods(s.Methods)
	versions, images := a.inUse()
	s.Version = msg.Truncate(check.BriefVersions(versions), maxVersion)
	for _, v := range versions[:min(len(versions), maxVersions)] {
		used := v1alpha1.VersionCount{Version: v.Version, Count: int32(v.Count)}
		if len(versions) > 1 {
			used.Ready = v.Ready
		}
		s.Versions = append(s.Versions, used)
	}
	s.Image = msg.Truncate(msg.Shorten(images, ", "), 512)
}

// operatedBy says who can act: who answers for all the checks that fail, else who runs the variant.
func (a *assessment) operatedBy() v1alpha1.Operator {
	runs := cmp.Or(a.telling().variant.OperatedBy, a.mapping.Spec.OperatedBy)
	var by []v1alpha1.Operator
	for _, f := range a.votes() {
		if o := cmp.Or(f.Check.Spec.OperatedBy, runs); f.Healthy == v1alpha1.VerdictFalse && !slices.Contains(by, o) {
			by = append(by, o)
		}
	}
	if len(by) != 1 {
		return runs
	}
	return by[0]
}

// telling returns the observed variant whose operator can act: the first one of which a check of its own fails, else the
// first.
func (a *assessment) telling() *candidate {
	fails := func(c *candidate) bool {
		return slices.ContainsFunc(c.findings, func(f *check.Finding) bool {
			return f.Check.Variant != "" && f.Votes() && f.Healthy == v1alpha1.VerdictFalse
		})
	}
	return a.observed[max(0, slices.IndexFunc(a.observed, fails))]
}

func (a *assessment) variantNames() []string {
	var names []string
	for _, c := range a.observed {
		if c.variant.Name != "" {
			names = append(names, c.variant.Name)
		}
	}
	return names
}

// implementations are what the observed variants call themselves, else what is documented.
func (a *assessment) implementations() []string {
	var names []string
	for _, c := range a.observed {
		if n := c.variant.Implementation; n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return []string{a.mapping.Spec.Implementation.Name}
	}
	return names
}

func (a *assessment) evidence() v1alpha1.Evidence {
	evidence := v1alpha1.EvidenceNone
	for _, f := range a.evident() {
		switch f.Check.Evidence() {
		case v1alpha1.EvidenceDirect:
			return v1alpha1.EvidenceDirect
		case v1alpha1.EvidenceIndirect:
			evidence = v1alpha1.EvidenceIndirect
		}
	}
	return evidence
}

// inUse adds up versions and images of all evidence. Workloads that want no pods, as those for Windows on a cluster without,
// or one that was scaled to 0, count only when there are no others.
func (a *assessment) inUse() ([]check.VersionCount, []string) {
	var versions []check.VersionCount
	var images []string
	evident := a.evident()
	busy := slices.DeleteFunc(slices.Clone(evident), func(f *check.Finding) bool { return f.Stopped })
	if len(busy) == 0 {
		busy = evident
	}
	for _, f := range busy {
		for _, v := range f.Versions {
			v.Version = msg.Truncate(v.Version, maxVersion)
			versions = append(versions, v)
		}
		images = append(images, f.Images...)
	}
	slices.Sort(images)
	return check.AddVersions(versions), slices.Compact(images)
}

// unknownReason returns the reason of an undecided finding as a condition's reason.
func unknownReason(f *check.Finding) string {
	switch f.Reason {
	case v1alpha1.ReasonNotPermitted, v1alpha1.ReasonNotYetObserved, v1alpha1.ReasonNotInDump, v1alpha1.ReasonGenerationNotObserved,
		v1alpha1.ReasonNotObservable, v1alpha1.ReasonAwaitingRenewal:
		return f.Reason
	}
	return v1alpha1.ReasonObservationFailed
}
