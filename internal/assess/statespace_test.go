// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
)

// outcomes are all that a check may say.
var outcomes = []check.Finding{
	outcome(check.Result{Present: v1alpha1.VerdictFalse, Healthy: v1alpha1.VerdictNotAssessed, Reason: v1alpha1.ReasonNotFound}),
	outcome(check.Result{Present: v1alpha1.VerdictUnknown, Healthy: v1alpha1.VerdictNotAssessed, Reason: v1alpha1.ReasonNotPermitted}),
	outcome(check.Result{Present: v1alpha1.VerdictUnknown, Healthy: v1alpha1.VerdictNotAssessed, Reason: v1alpha1.ReasonObservationFailed}),
	outcome(check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictTrue, Reason: v1alpha1.ReasonHealthy}),
	outcome(check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictTrue, Reason: v1alpha1.ReasonProgressing}),
	outcome(check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictFalse, Reason: v1alpha1.ReasonWorkloadUnavailable}),
	outcome(check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictUnknown, Reason: v1alpha1.ReasonExpressionError}),
	outcome(check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictNotAssessed, Reason: v1alpha1.ReasonIdle}),
}

// pending is what a check says before anything was read.
var pending = outcome(check.Result{Present: v1alpha1.VerdictUnknown, Healthy: v1alpha1.VerdictNotAssessed, Reason: v1alpha1.ReasonNotYetObserved})

func outcome(r check.Result) check.Finding { return check.Finding{Result: r} }

// shapes are what the two checks of a variant may expect.
var shapes = [][2]v1alpha1.Expectation{
	{v1alpha1.ExpectPresent, v1alpha1.ExpectPresent},
	{v1alpha1.ExpectPresent, v1alpha1.ExpectOptional},
	{v1alpha1.ExpectPresent, v1alpha1.ExpectAbsent},
	{v1alpha1.ExpectPrecondition, v1alpha1.ExpectPresent},
	{v1alpha1.ExpectPrecondition, v1alpha1.ExpectOptional},
	{v1alpha1.ExpectOptional, v1alpha1.ExpectOptional},
	{v1alpha1.ExpectAbsent, v1alpha1.ExpectPrecondition},
}

// TestEveryCombination enumerates all that two variants of two checks each may see, and holds every status to
// what follows from the meaning of the expectations, by trying out what the unknown might turn out to be.
func TestEveryCombination(t *testing.T) {
	for i, first := range shapes {
		for _, second := range shapes[i:] {
			t.Run(fmt.Sprintf("%v and %v", first, second), func(t *testing.T) { tryAll(t, first, second, outcomes) })
		}
	}
	t.Run("before all was read", func(t *testing.T) { tryAll(t, shapes[0], shapes[1], append(slices.Clone(outcomes), pending)) })
}

func tryAll(t *testing.T, first, second [2]v1alpha1.Expectation, outcomes []check.Finding) {
	m := newMapping(t, variants(expecting("a", first), expecting("b", second)))
	compiled, err := check.Compile(&m.Spec)
	if err != nil {
		t.Fatal(err)
	}
	eachCombination(compiled, outcomes, func(findings []check.Finding) {
		visited := *m
		visited.Status, _ = assess.Mapping(m, findings, start)
		problems := flaws(&visited)
		for conditionType, want := range expectedConditions(findings) {
			if got := statusAndReason(visited.Status.Conditions)[conditionType]; got != want {
				problems = append(problems, fmt.Sprintf("%s is %s, want %s", conditionType, got, want))
			}
		}
		if len(problems) > 0 {
			t.Fatalf("%s\nproblems: %q", describe(findings), problems)
		}
	})
}

// expecting returns the YAML of a variant whose checks expect this.
func expecting(name string, shape [2]v1alpha1.Expectation) string {
	return variant(name, checks(
		workload("Deployment", "one", "expect: "+string(shape[0])),
		workload("DaemonSet", "two", "expect: "+string(shape[1]))))
}

// eachCombination calls f with every combination of outcomes of four checks.
func eachCombination(compiled []*check.Check, outcomes []check.Finding, f func([]check.Finding)) {
	n := len(outcomes)
	for i := range n * n * n * n {
		findings := make([]check.Finding, 4)
		for k := range findings {
			findings[k] = outcomes[i%n]
			findings[k].Check = compiled[k]
			findings[k].Message = "as the test has it"
			i /= n
		}
		f(findings)
	}
}

func describe(findings []check.Finding) string {
	var out string
	for _, f := range findings {
		out += fmt.Sprintf("%s expects %s: present %s, healthy %s (%s)\n", f.Check.Name(), f.Check.Expect(), f.Present, f.Healthy, f.Reason)
	}
	return out
}

// expectedConditions returns Present and Healthy as they must be.
func expectedConditions(findings []check.Finding) map[string]string {
	if slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Pending() }) {
		return map[string]string{v1alpha1.ConditionPresent: "Unknown NotYetObserved", v1alpha1.ConditionHealthy: "Unknown NotYetObserved"}
	}
	present := expectedPresence(findings[:2], findings[2:])
	healthy := present
	switch present {
	case "True Observed":
		healthy = expectedHealth(findings[:2], findings[2:])
	case "False NotFound", "False Partial":
		healthy = "Unknown NotPresent"
	}
	return map[string]string{v1alpha1.ConditionPresent: present, v1alpha1.ConditionHealthy: healthy}
}

// expectedPresence: what holds whatever the unknown turns out to be is known.
func expectedPresence(variants ...[]check.Finding) string {
	answer, reason := "False", v1alpha1.ReasonNotFound
	for _, v := range variants {
		switch {
		case allWorlds(v, complete):
			return "True Observed"
		case anyWorld(v, complete):
			answer = "Unknown"
		case part(v) && reason == v1alpha1.ReasonNotFound:
			reason = v1alpha1.ReasonPartial
		}
	}
	if answer == "False" {
		return "False " + reason
	}
	for _, v := range variants {
		for i, f := range v {
			if f.Reason == v1alpha1.ReasonNotPermitted && matters(v, i) {
				return "Unknown NotPermitted"
			}
		}
	}
	return "Unknown ObservationFailed"
}

// expectedHealth: the evidence of the complete variants votes, and the worst vote decides.
func expectedHealth(variants ...[]check.Finding) string {
	votes := map[v1alpha1.Verdict]bool{}
	progressing := false
	for _, v := range variants {
		if !allWorlds(v, complete) {
			continue
		}
		for _, f := range v {
			if f.Present == v1alpha1.VerdictTrue && evidence(f.Check.Expect()) {
				votes[f.Healthy] = true
				progressing = progressing || f.Reason == v1alpha1.ReasonProgressing
			}
		}
	}
	switch {
	case votes[v1alpha1.VerdictFalse]:
		return "False WorkloadUnavailable"
	case votes[v1alpha1.VerdictUnknown]:
		return "Unknown ObservationFailed"
	case progressing:
		return "True Progressing"
	case votes[v1alpha1.VerdictTrue]:
		return "True AllChecksPass"
	}
	return "Unknown HealthNotObservable"
}

// world is what is really there, check by check.
type world []bool

// worlds returns those that the findings do not rule out.
func worlds(findings []check.Finding) []world {
	out := []world{{}}
	for _, f := range findings {
		var next []world
		for _, w := range out {
			if f.Present != v1alpha1.VerdictFalse {
				next = append(next, append(slices.Clone(w), true))
			}
			if f.Present != v1alpha1.VerdictTrue {
				next = append(next, append(slices.Clone(w), false))
			}
		}
		out = next
	}
	return out
}

func anyWorld(findings []check.Finding, holds func([]check.Finding, world) bool) bool {
	return slices.ContainsFunc(worlds(findings), func(w world) bool { return holds(findings, w) })
}

func allWorlds(findings []check.Finding, holds func([]check.Finding, world) bool) bool {
	return !anyWorld(findings, func(f []check.Finding, w world) bool { return !holds(f, w) })
}

// complete reports whether a variant is complete in a world.
func complete(findings []check.Finding, w world) bool {
	proven := false
	for i, f := range findings {
		expect := f.Check.Expect()
		if expect == v1alpha1.ExpectAbsent && w[i] || (expect == v1alpha1.ExpectPresent || expect == v1alpha1.ExpectPrecondition) && !w[i] {
			return false
		}
		proven = proven || w[i] && evidence(expect)
	}
	return proven
}

// matters reports whether it depends on the i-th check alone, in some world, whether the variant is complete.
func matters(findings []check.Finding, i int) bool {
	return anyWorld(findings, func(f []check.Finding, w world) bool {
		other := slices.Clone(w)
		other[i] = !w[i]
		return complete(f, w) != complete(f, other)
	})
}

// part reports whether a variant is there in part, and that it is surely not another one's.
func part(findings []check.Finding) bool {
	there, missing := false, false
	for _, f := range findings {
		switch f.Check.Expect() {
		case v1alpha1.ExpectPresent:
			there = there || f.Present == v1alpha1.VerdictTrue
			missing = missing || f.Present == v1alpha1.VerdictFalse
		case v1alpha1.ExpectPrecondition:
			if f.Present != v1alpha1.VerdictTrue {
				return false
			}
		case v1alpha1.ExpectAbsent:
			if f.Present != v1alpha1.VerdictFalse {
				return false
			}
		}
	}
	return there && missing
}

func evidence(e v1alpha1.Expectation) bool {
	return e == v1alpha1.ExpectPresent || e == v1alpha1.ExpectOptional
}
