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
	// maxImplementation is the length of status.implementation, in bytes.
	maxImplementation = 1024
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
	candidates []candidate
	// observed are the complete candidates.
	observed []candidate
}

// candidate is a variant with its findings, the shared ones included; a mapping without variants has one,
// without a name.
type candidate struct {
	variant  v1alpha1.Variant
	findings []*check.Finding
}

func newAssessment(m *v1alpha1.ComponentMapping, findings []check.Finding, now time.Time) *assessment {
	a := &assessment{stamp: newStamp(m.Generation, now), mapping: m, findings: findings}
	variants := m.Spec.Variants
	if len(variants) == 0 {
		variants = []v1alpha1.Variant{{}}
	}
	for _, v := range variants {
		c := candidate{variant: v}
		for i := range findings {
			if of := findings[i].Check.Variant; of == "" || of == v.Name {
				c.findings = append(c.findings, &findings[i])
			}
		}
		a.candidates = append(a.candidates, c)
		if c.complete() == v1alpha1.VerdictTrue {
			a.observed = append(a.observed, c)
		}
	}
	return a
}

// complete reports whether everything is as expected and something of it proves the component.
func (c candidate) complete() v1alpha1.Verdict {
	expected := v1alpha1.VerdictTrue
	for _, f := range c.findings {
		switch f.AsExpected() {
		case v1alpha1.VerdictFalse:
			return v1alpha1.VerdictFalse
		case v1alpha1.VerdictUnknown:
			expected = v1alpha1.VerdictUnknown
		}
	}
	if proven := c.proven(); proven != v1alpha1.VerdictTrue {
		return proven
	}
	return expected
}

// proven reports whether something proves the component; Unknown when something that is not known might.
func (c candidate) proven() v1alpha1.Verdict {
	proven := v1alpha1.VerdictFalse
	for _, f := range c.findings {
		switch {
		case f.Proves():
			return v1alpha1.VerdictTrue
		case f.Present == v1alpha1.VerdictUnknown && catalog.Proves(&f.Check.Spec):
			proven = v1alpha1.VerdictUnknown
		}
	}
	return proven
}

// undecided returns the findings that keep the candidate from being decided. Optional ones count only when
// nothing else could prove it.
func (c candidate) undecided() []*check.Finding {
	optionalCounts := c.proven() != v1alpha1.VerdictTrue && len(c.required(v1alpha1.VerdictUnknown)) == 0
	var out []*check.Finding
	for _, f := range c.findings {
		if f.Present == v1alpha1.VerdictUnknown && (optionalCounts || f.Check.Expect() != v1alpha1.ExpectOptional) {
			out = append(out, f)
		}
	}
	return out
}

// ruledOut reports whether the cluster contradicts the variant: a precondition fails, or something exists that
// must not be. What is found of it then belongs to something else.
func (c candidate) ruledOut() bool { return c.condition(v1alpha1.VerdictFalse) != nil }

// perhapsRuledOut returns what is not known and might contradict the variant; nil when there is none.
func (c candidate) perhapsRuledOut() *check.Finding { return c.condition(v1alpha1.VerdictUnknown) }

// condition returns the first finding about what must hold, or must not be there, that is as expected or not.
func (c candidate) condition(asExpected v1alpha1.Verdict) *check.Finding {
	for _, f := range c.findings {
		expect := f.Check.Expect()
		if (expect == v1alpha1.ExpectPrecondition || expect == v1alpha1.ExpectAbsent) && f.AsExpected() == asExpected {
			return f
		}
	}
	return nil
}

// presentFindings and missingFindings are those of the checks that the variant requires.
func (c candidate) presentFindings() []*check.Finding { return c.required(v1alpha1.VerdictTrue) }
func (c candidate) missingFindings() []*check.Finding { return c.required(v1alpha1.VerdictFalse) }

func (c candidate) required(present v1alpha1.Verdict) []*check.Finding {
	var out []*check.Finding
	for _, f := range c.findings {
		if f.Check.Expect() == v1alpha1.ExpectPresent && f.Present == present {
			out = append(out, f)
		}
	}
	return out
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
		return present(metav1.ConditionUnknown, v1alpha1.ReasonNotObservable, "nothing of this component can be seen from inside the cluster")
	}
	if len(a.observed) > 0 {
		return a.observedPresence()
	}
	if f := a.blocking(); f != nil {
		return present(metav1.ConditionUnknown, unknownReason(f), f.Check.Name()+": "+f.Message)
	}
	if c := a.closest(); c != nil {
		return present(metav1.ConditionFalse, v1alpha1.ReasonPartial, partialMessage(c))
	}
	return present(metav1.ConditionFalse, v1alpha1.ReasonNotFound, a.notFoundMessage())
}

func (a *assessment) observedPresence() metav1.Condition {
	reason := v1alpha1.ReasonObserved
	if a.evidence() == v1alpha1.EvidenceIndirect {
		reason = v1alpha1.ReasonObservedIndirectly
	}
	var subjects []string
	for _, f := range a.evident() {
		subjects = append(subjects, f.Check.Subject())
	}
	message := "found: " + strings.Join(subjects, "; ")
	if names := a.variantNames(); len(names) > 0 {
		message = "found as " + strings.Join(names, ", ") + ": " + strings.Join(subjects, "; ")
	}
	for _, c := range a.partials() {
		message += "; " + partialMessage(c)
	}
	return condition(v1alpha1.ConditionPresent, metav1.ConditionTrue, reason, message)
}

// partials returns the variants of which only a part is there, beside those that are whole: something of their own is
// there, and nothing speaks against them.
func (a *assessment) partials() []*candidate {
	var out []*candidate
	for i := range a.candidates {
		c := &a.candidates[i]
		own := slices.ContainsFunc(c.presentFindings(), func(f *check.Finding) bool { return f.Check.Variant == c.variant.Name && f.Proves() })
		if c.complete() == v1alpha1.VerdictFalse && own && c.isPart() {
			out = append(out, c)
		}
	}
	return out
}

// blocking returns the finding that keeps a variant from being decided either way: one that is not permitted
// before one whose read failed.
func (a *assessment) blocking() *check.Finding {
	var first *check.Finding
	for _, c := range a.candidates {
		if c.complete() != v1alpha1.VerdictUnknown {
			continue
		}
		for _, f := range c.undecided() {
			if f.Reason == v1alpha1.ReasonNotPermitted {
				return f
			}
			if first == nil {
				first = f
			}
		}
	}
	return first
}

// closest returns the partly present variant that most likely is meant. What may belong to something else is no part.
func (a *assessment) closest() *candidate {
	var best *candidate
	for i := range a.candidates {
		c := &a.candidates[i]
		if !c.isPart() {
			continue
		}
		if best == nil || c.compare(best) < 0 {
			best = c
		}
	}
	return best
}

// isPart reports whether a part of what the variant needs is there, one that proves something, and that nothing speaks
// against the variant, or may.
func (c *candidate) isPart() bool {
	return !c.ruledOut() && c.perhapsRuledOut() == nil && len(c.missingFindings()) > 0 && slices.ContainsFunc(c.presentFindings(), (*check.Finding).Proves)
}

// compare orders candidates: those that the cluster must be made for, and is, come first, then those that lack
// less, then those of which more is present.
func (c *candidate) compare(other *candidate) int {
	return cmp.Or(
		cmp.Compare(other.preconditions(), c.preconditions()),
		cmp.Compare(len(c.missingFindings()), len(other.missingFindings())),
		cmp.Compare(len(other.presentFindings()), len(c.presentFindings())))
}

// preconditions returns 1 when the variant has any, and they hold; else 0.
func (c *candidate) preconditions() int {
	for _, f := range c.findings {
		if f.Check.Expect() == v1alpha1.ExpectPrecondition && f.Present == v1alpha1.VerdictTrue {
			return 1
		}
	}
	return 0
}

func partialMessage(c *candidate) string {
	var missing, found []string
	for _, f := range c.missingFindings() {
		missing = append(missing, f.Message)
	}
	for _, f := range c.presentFindings() {
		found = append(found, f.Check.Subject())
	}
	message := "only a part is there, missing: " + strings.Join(missing, "; ") + "; found: " + msg.Shorten(found, ", ")
	if c.variant.Name != "" {
		return "variant " + c.variant.Name + ": " + message
	}
	return message
}

// notFoundMessage says of every variant why it is not there.
func (a *assessment) notFoundMessage() string {
	var parts []string
	for _, c := range a.candidates {
		why := "nothing of it is there"
		for _, f := range c.findings {
			if f.AsExpected() == v1alpha1.VerdictFalse {
				why = contradiction(f)
				break
			}
		}
		if f := c.perhapsRuledOut(); f != nil && !c.ruledOut() && len(c.presentFindings()) > 0 {
			why += ", and whether what is there belongs to it cannot be told: " + f.Message
		}
		if c.variant.Name != "" {
			why = c.variant.Name + ": " + why
		}
		parts = append(parts, why)
	}
	return "not found; " + strings.Join(parts, "; ")
}

// contradiction returns what a finding says that is not as expected.
func contradiction(f *check.Finding) string {
	if f.Check.Expect() == v1alpha1.ExpectAbsent {
		return "it goes without " + f.Check.Subject() + ", which is there"
	}
	return f.Message
}

// describe fills in what the observed variants say of themselves.
func (a *assessment) describe(s *v1alpha1.ComponentMappingStatus) {
	s.Variants = a.variantNames()
	if len(s.Variants) > 0 {
		s.Variant = s.Variants[0]
	}
	if names := a.implementations(); len(names) > 0 {
		s.Implementation = msg.Truncate(strings.Join(names, ", "), maxImplementation)
	}
	if o := a.observed[0].variant.OperatedBy; o != "" {
		s.OperatedBy = o
	}
	s.Evidence = a.evidence()
	s.Methods = a.methods()
	s.MethodSummary = catalog.ShortMethods(s.Methods)
	versions, images := a.inUse()
	s.Version = msg.Truncate(check.FormatVersions(versions), maxVersion)
	for _, v := range versions[:min(len(versions), maxVersions)] {
		s.Versions = append(s.Versions, v1alpha1.VersionCount{Version: v.Version, Count: int32(v.Count)})
	}
	s.Image = msg.Truncate(msg.Shorten(images, ", "), 512)
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

func (a *assessment) implementations() []string {
	var names []string
	for _, c := range a.observed {
		if n := c.variant.Implementation; n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
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

// inUse adds up versions and images of all evidence. Workloads that want no pods, as those for Windows on a
// cluster without, count only when there are no others.
func (a *assessment) inUse() ([]check.VersionCount, []string) {
	counts := map[string]int{}
	var images []string
	evident := a.evident()
	busy := slices.DeleteFunc(slices.Clone(evident), func(f *check.Finding) bool { return f.Reason == v1alpha1.ReasonIdle })
	if len(busy) == 0 {
		busy = evident
	}
	for _, f := range busy {
		for _, v := range f.Versions {
			counts[msg.Truncate(v.Version, maxVersion)] += v.Count
		}
		images = append(images, f.Images...)
	}
	slices.Sort(images)
	return check.CountVersions(counts), slices.Compact(images)
}

// unknownReason returns the reason of an undecided finding as a condition's reason.
func unknownReason(f *check.Finding) string {
	switch f.Reason {
	case v1alpha1.ReasonNotPermitted, v1alpha1.ReasonNotYetObserved, v1alpha1.ReasonGenerationNotObserved:
		return f.Reason
	}
	return v1alpha1.ReasonObservationFailed
}
