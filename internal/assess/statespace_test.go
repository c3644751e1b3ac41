// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
)

// outcome is what a check may come to.
type outcome struct {
	name string
	check.Result
}

const (
	yes     = v1alpha1.VerdictTrue
	no      = v1alpha1.VerdictFalse
	unknown = v1alpha1.VerdictUnknown
	noVote  = v1alpha1.VerdictNotAssessed
)

var (
	runs    = outcome{"runs", check.Result{Present: yes, Healthy: yes, Reason: v1alpha1.ReasonHealthy}}
	stopped = outcome{"has stopped", check.Result{Present: yes, Healthy: no, Reason: v1alpha1.ReasonLeaseStale, Stopped: true}}
	givenUp = outcome{"was given up", check.Result{Present: yes, Healthy: no, Reason: v1alpha1.ReasonNoHolder, Stopped: true}}
	missing = outcome{"is absent", check.Result{Present: no, Healthy: noVote, Reason: v1alpha1.ReasonNotFound}}
	unseen  = outcome{"may not be read", check.Result{Present: unknown, Healthy: noVote, Reason: v1alpha1.ReasonNotPermitted}}
	failed  = outcome{"could not be read", check.Result{Present: unknown, Healthy: noVote, Reason: v1alpha1.ReasonObservationFailed}}
	pending = outcome{"is not read yet", check.Result{Present: unknown, Healthy: noVote, Reason: v1alpha1.ReasonNotYetObserved}}
	awaited = outcome{"is awaited", check.Result{Present: yes, Healthy: unknown, Reason: v1alpha1.ReasonAwaitingRenewal, Awaiting: true}}

	idle     = outcome{"wants no pods", check.Result{Present: yes, Healthy: noVote, Reason: v1alpha1.ReasonIdle, Stopped: true}}
	rollsOut = outcome{"rolls out", check.Result{Present: yes, Healthy: yes, Reason: v1alpha1.ReasonProgressing}}
	fails    = outcome{"fails", check.Result{Present: yes, Healthy: no, Reason: v1alpha1.ReasonWorkloadUnavailable}}
	doubtful = outcome{"has an unknown health", check.Result{Present: yes, Healthy: unknown, Reason: v1alpha1.ReasonExpressionError}}
)

// lies is what a check expects that needs an object which proves nothing, as a CSIDriver.
const lies v1alpha1.Expectation = "Lies"

// sight is a check of a variant, and what it came to.
type sight struct {
	expect v1alpha1.Expectation
	outcome
}

// scene is a variant as it is seen.
type scene struct {
	checks []sight
	// optional says that a cluster may do without the component.
	optional bool
}

// any reports whether what is expected so comes to this, somewhere.
func (s scene) any(comesTo func(sight) bool, expect ...v1alpha1.Expectation) bool {
	return slices.ContainsFunc(s.checks, func(c sight) bool { return slices.Contains(expect, c.expect) && comesTo(c) })
}

func (c sight) there() bool   { return c.Present == yes }
func (c sight) absent() bool  { return c.Present == no }
func (c sight) hidden() bool  { return c.Present == unknown }
func (c sight) running() bool { return c.there() && !c.Stopped && !c.Awaiting }

// might reports whether the check may yet prove the variant.
func (c sight) might() bool { return c.hidden() || c.Awaiting }

// proves reports whether the check proves the variant as long as nothing is missing.
func (s scene) proves(c sight) bool {
	return c.there() && (c.Reason != v1alpha1.ReasonNoHolder && !c.Awaiting || !s.optional)
}

// What is expected of a variant.
const (
	needed    = v1alpha1.ExpectPresent
	optionals = v1alpha1.ExpectOptional
	mustHold  = v1alpha1.ExpectPrecondition
	mustNot   = v1alpha1.ExpectAbsent
)

// variantRules say how much of a variant is there: the first that holds. The table stands in docs/mappings.md.
var variantRules = []struct {
	is, when string
	holds    func(scene) bool
}{{
	"ruled out", "a `Precondition` is absent, or something is there that must be `Absent`",
	func(s scene) bool { return s.any(sight.absent, mustHold) || s.any(sight.there, mustNot) },
}, {
	"complete", "nothing that it needs is missing, nothing that decides is unseen, and something proves it",
	func(s scene) bool {
		return !s.any(sight.absent, needed, lies) && !s.any(sight.hidden, needed, lies, mustHold, mustNot) && s.any(s.proves, needed, optionals)
	},
}, {
	"maybe complete", "nothing that it needs is missing, and something proves it, or might: it cannot be seen, or is awaited",
	func(s scene) bool {
		return !s.any(sight.absent, needed, lies) && (s.any(s.proves, needed, optionals) || s.any(sight.might, needed, optionals))
	},
}, {
	"partial", "something that it needs is missing, something runs that proves it, and no `Precondition` or `Absent` is unseen",
	func(s scene) bool {
		return s.any(sight.absent, needed, lies) && s.any(sight.running, needed, optionals) && !s.any(sight.hidden, mustHold, mustNot)
	},
}, {
	"maybe partial", "something that it needs is missing, and something runs, or might, that proves it: that, or a `Precondition` or `Absent`, cannot be seen, or is awaited",
	func(s scene) bool {
		return s.any(sight.absent, needed, lies) && (s.any(sight.running, needed, optionals) || s.any(sight.might, needed, optionals))
	},
}, {
	"left behind", "something of it is there: an object that proves nothing, or what has stopped",
	func(s scene) bool { return s.any(sight.there, needed, optionals, lies) },
}, {
	"not present", "anything else",
	func(scene) bool { return true },
}}

// stands returns how much of the variant is there.
func (s scene) stands() string {
	for _, r := range variantRules {
		if r.holds(s) {
			return r.is
		}
	}
	panic("the last rule always holds")
}

// componentRules say what follows for the component from its variants: the first that holds. The table stands in
// docs/mappings.md. Where healthy is empty the votes decide.
var componentRules = []struct {
	when, present, healthy string
	holds                  func(cast) bool
}{{
	"anything was not read yet", "as it was, at first Unknown `NotYetObserved`", "as it was",
	func(c cast) bool {
		return c.any(func(s sight) bool { return s.Reason == v1alpha1.ReasonNotYetObserved })
	},
}, {
	"a variant is partial, by something that does not speak for another one: complete, maybe complete, or lacking less", "True `Partial`", "False `PartMissing`",
	func(c cast) bool { return c.ownPart(0) || c.ownPart(1) },
}, {
	"a variant is complete", "True `Observed`", "",
	func(c cast) bool { return c.stands("complete") },
}, {
	"a variant is maybe complete, and something that runs fails, of each such variant", "Unknown, the reason of what is unseen", "False, the worst check's reason",
	func(c cast) bool { return c.stands("maybe complete") && c.failsAnyway("maybe complete") },
}, {
	"a variant is maybe complete", "Unknown, the reason of what is unseen", "Unknown, the same reason",
	func(c cast) bool { return c.stands("maybe complete") },
}, {
	"a variant is maybe partial, and something that runs fails, of each such variant", "Unknown, the reason of what is unseen", "False, the worst check's reason",
	func(c cast) bool { return c.stands("maybe partial") && c.failsAnyway("maybe partial") },
}, {
	"a variant is maybe partial", "Unknown, the reason of what is unseen", "Unknown, the same reason",
	func(c cast) bool { return c.stands("maybe partial") },
}, {
	"anything else", "False `NotFound`, naming what was left behind", "Unknown `NotPresent`",
	func(cast) bool { return true },
}}

// cast is all variants of a mapping.
type cast struct {
	variants [2]scene
	// shared says that the first checks of both look at the same.
	shared bool
}

func (c cast) any(is func(sight) bool) bool {
	return slices.ContainsFunc(c.variants[0].checks, is) || slices.ContainsFunc(c.variants[1].checks, is)
}

func (c cast) stands(as string) bool {
	return c.variants[0].stands() == as || c.variants[1].stands() == as
}

// failsAnyway reports whether something runs and fails that is of each variant that stands so.
func (c cast) failsAnyway(as string) bool {
	failing := func(s sight) bool {
		return s.running() && s.Healthy == no && slices.Contains([]v1alpha1.Expectation{needed, optionals}, s.expect)
	}
	first, second := c.variants[0], c.variants[1]
	switch {
	case first.stands() != as:
		return slices.ContainsFunc(second.checks, failing)
	case second.stands() != as:
		return slices.ContainsFunc(first.checks, failing)
	}
	return c.shared && failing(first.checks[0]) && failing(second.checks[0])
}

// ownPart reports whether the variant is partial, by something that does not speak for the other one. Of two that are partial
// one lacks less.
func (c cast) ownPart(i int) bool {
	self, other := c.variants[i], c.variants[1-i]
	if self.stands() != "partial" {
		return false
	}
	claims := other.stands() == "complete" || other.stands() == "maybe complete"
	own := scene{checks: self.checks}
	if c.shared && claims && slices.Contains([]v1alpha1.Expectation{needed, optionals, lies}, other.checks[0].expect) {
		own.checks = own.checks[1:]
	}
	return own.any(sight.running, needed, optionals)
}

// rule returns what the table says.
func (c cast) rule() (present, healthy string) {
	for _, r := range componentRules {
		if r.holds(c) {
			return r.present, r.healthy
		}
	}
	panic("the last rule always holds")
}

// voted returns what the evidence of complete variants says of health: the worst vote decides.
func (c cast) voted() string {
	votes := map[v1alpha1.Verdict]string{}
	for _, v := range c.variants {
		for _, s := range v.checks {
			if v.stands() != "complete" || !s.there() || s.expect == mustHold || s.expect == mustNot {
				continue
			}
			if r := s.Reason; votes[s.Healthy] == "" || slices.Index(worst, r) < slices.Index(worst, votes[s.Healthy]) {
				votes[s.Healthy] = r
			}
		}
	}
	switch {
	case votes[no] != "":
		return "False " + votes[no]
	case votes[unknown] == v1alpha1.ReasonAwaitingRenewal:
		return "Unknown " + v1alpha1.ReasonAwaitingRenewal
	case votes[unknown] != "":
		return "Unknown " + v1alpha1.ReasonObservationFailed
	case votes[yes] == v1alpha1.ReasonProgressing:
		return "True Progressing"
	case votes[yes] != "":
		return "True AllChecksPass"
	}
	return "Unknown HealthNotObservable"
}

// worst are the reasons of votes, the worst first of each verdict.
var worst = []string{
	v1alpha1.ReasonWorkloadUnavailable, v1alpha1.ReasonLeaseStale, v1alpha1.ReasonNoHolder, v1alpha1.ReasonExpressionError,
	v1alpha1.ReasonProgressing, v1alpha1.ReasonHealthy,
}

// pairs returns all unordered pairs of these, each with itself as well.
func pairs[T any](of []T) [][2]T {
	var out [][2]T
	for i, first := range of {
		for _, second := range of[i:] {
			out = append(out, [2]T{first, second})
		}
	}
	return out
}

// shape is what the checks of a variant expect.
type shape []v1alpha1.Expectation

// TestEveryCombination enumerates all that two variants of two checks each, or of three and one, may see, and holds every
// status to the tables.
func TestEveryCombination(t *testing.T) {
	var ones, twos, threes []shape
	for _, e := range []v1alpha1.Expectation{needed, optionals, mustHold, mustNot, lies} {
		ones = append(ones, shape{e})
	}
	for _, p := range pairs(ones) {
		twos = append(twos, slices.Concat(p[0], p[1]))
	}
	for i, one := range ones {
		for _, two := range pairs(ones[i:]) {
			threes = append(threes, slices.Concat(one, two[0], two[1]))
		}
	}
	all := pairs(twos)
	for _, three := range threes {
		for _, one := range ones {
			all = append(all, [2]shape{three, one})
		}
	}
	for _, both := range all {
		t.Run(fmt.Sprintf("presence of %v and %v", both[0], both[1]), func(t *testing.T) {
			tryAll(t, both, runs, stopped, givenUp, missing, unseen)
		})
	}
	for _, both := range pairs([]shape{{needed, needed}, {needed, optionals}, {optionals, optionals}, {needed, mustNot}}) {
		t.Run(fmt.Sprintf("health of %v and %v", both[0], both[1]), func(t *testing.T) {
			tryAll(t, both, runs, rollsOut, fails, doubtful, idle, missing, failed)
		})
	}
	for _, both := range pairs([]shape{{needed, optionals}, {optionals, lies}, {needed, mustHold}}) {
		t.Run(fmt.Sprintf("leases of %v and %v", both[0], both[1]), func(t *testing.T) {
			tryAll(t, both, runs, awaited, givenUp, missing, unseen, fails)
		})
	}
	first := [2]shape{{needed, needed}, {needed, optionals}}
	t.Run("before all was read", func(t *testing.T) { tryAll(t, first, runs, stopped, missing, unseen, failed, pending) })
}

// tryAll has each check come to each outcome: of components that may be missing or not, of variants that share a check or
// not.
func tryAll(t *testing.T, shapes [2]shape, outcomes ...outcome) {
	for _, presence := range []v1alpha1.Presence{v1alpha1.PresenceOptional, v1alpha1.PresenceRequired} {
		outcomes := slices.Clone(outcomes)
		if presence == v1alpha1.PresenceRequired { // then what was given up counts as what has stopped
			outcomes = slices.DeleteFunc(outcomes, func(o outcome) bool { return o.name == stopped.name })
		}
		for _, shared := range []bool{false, true} {
			if shared && (shapes[0][0] == lies || shapes[1][0] == lies) {
				continue
			}
			m := newMapping(t, "presence: "+string(presence)+"\n"+variants(expecting("a", shapes[0], shared), expecting("b", shapes[1], shared)))
			compiled, err := check.Compile(&m.Spec)
			if err != nil {
				t.Fatal(err)
			}
			eachCombination(outcomes, len(compiled), func(seen []outcome) {
				c := cast{shared: shared}
				for i, shape := range shapes {
					c.variants[i].optional = presence == v1alpha1.PresenceOptional
					for k, expect := range shape {
						c.variants[i].checks = append(c.variants[i].checks, sight{expect, seen[i*len(shapes[0])+k]})
					}
				}
				if !shared || c.variants[0].checks[0].name == c.variants[1].checks[0].name {
					holdToTables(t, *m, compiled, c)
				}
			})
		}
	}
}

func holdToTables(t *testing.T, m v1alpha1.ComponentMapping, compiled []*check.Check, c cast) {
	var findings []check.Finding
	for i, of := range compiled {
		s := slices.Concat(c.variants[0].checks, c.variants[1].checks)[i]
		f := check.Finding{Check: of, Result: s.Result}
		f.Message = "as the test has it"
		if s.there() {
			f.Objects = []v1alpha1.ObservedObject{{Kind: "Thing", Name: strings.TrimPrefix(of.Subject(), "Deployment kube-system/")}}
		}
		findings = append(findings, f)
	}
	m.Status, _ = assess.Mapping(&m, findings, start)
	got := statusAndReason(m.Status.Conditions)
	present, healthy := c.rule()
	if healthy == "" {
		healthy = c.voted()
	}
	problems := flaws(&m)
	for conditionType, want := range map[string]string{v1alpha1.ConditionPresent: present, v1alpha1.ConditionHealthy: healthy} {
		if !agrees(got[conditionType], want) {
			problems = append(problems, fmt.Sprintf("%s is %s, want %s", conditionType, got[conditionType], want))
		}
	}
	left := c.stands("left behind")
	if told := strings.Contains(m.Status.Message, "left behind: Thing"); got[v1alpha1.ConditionPresent] == "False NotFound" && told != left {
		problems = append(problems, fmt.Sprintf("what was left behind is told: %t, want %t: %s", told, left, m.Status.Message))
	}
	if len(problems) > 0 {
		t.Fatalf("%s\nproblems: %q", describe(c), problems)
	}
}

// agrees reports whether a status and reason are what a cell of the table says.
func agrees(got, want string) bool {
	want, _, named := strings.Cut(strings.ReplaceAll(want, "`", ""), ",")
	switch {
	case strings.HasPrefix(want, "as it was"):
		return got == "Unknown NotYetObserved"
	case want == "False" && named:
		return got == "False "+fails.Reason
	case want == "Unknown" && named:
		return got == "Unknown NotPermitted" || got == "Unknown ObservationFailed" || got == "Unknown AwaitingRenewal"
	}
	return got == want
}

// expecting returns the YAML of a variant whose checks expect this. The first one may look at what other variants share.
func expecting(name string, of shape, shared bool) string {
	var list []string
	for i, expect := range of {
		object := fmt.Sprintf("%s-%d", name, i)
		if i == 0 && shared {
			object = "shared"
		}
		text := workload("Deployment", object, "expect: "+string(expect))
		if expect == lies {
			text = fmt.Sprintf("{name: %[1]s, type: Object, method: None, object: {apiVersion: example.com/v1, kind: Thing, name: %[1]s}}", object)
		}
		list = append(list, text)
	}
	return variant(name, checks(list...))
}

// eachCombination calls f with every combination of outcomes of so many checks.
func eachCombination(outcomes []outcome, checks int, f func([]outcome)) {
	seen := make([]outcome, checks)
	var choose func(k int)
	choose = func(k int) {
		if k == checks {
			f(seen)
			return
		}
		for _, o := range outcomes {
			seen[k] = o
			choose(k + 1)
		}
	}
	choose(0)
}

func describe(c cast) string {
	var out strings.Builder
	for i, v := range c.variants {
		for _, s := range v.checks {
			fmt.Fprintf(&out, "variant %d, which stands as %s: expects %s, and it %s\n", i+1, v.stands(), s.expect, s.name)
		}
	}
	fmt.Fprintf(&out, "the first checks are shared: %t; the component is optional: %t", c.shared, c.variants[0].optional)
	return out.String()
}

// TestTheTablesAreDocumented holds the tables of docs/mappings.md to the rules.
func TestTheTablesAreDocumented(t *testing.T) {
	var tables strings.Builder
	tables.WriteString("| a variant is | when |\n|---|---|\n")
	for _, r := range variantRules {
		fmt.Fprintf(&tables, "| **%s** | %s |\n", r.is, r.when)
	}
	ofVariants := tables.String()
	tables.Reset()
	tables.WriteString("| when | `Present` | `Healthy` |\n|---|---|---|\n")
	for _, r := range componentRules {
		healthy := r.healthy
		if healthy == "" {
			healthy = "by the votes"
		}
		fmt.Fprintf(&tables, "| %s | %s | %s |\n", r.when, r.present, healthy)
	}
	g := NewWithT(t)
	text, err := os.ReadFile("../../docs/mappings.md")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text)).To(ContainSubstring(ofVariants))
	g.Expect(string(text)).To(ContainSubstring(tables.String()))
}
