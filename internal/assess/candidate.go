// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"slices"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// candidate is a variant with its findings, the shared ones included; a mapping without variants has one,
// without a name.
type candidate struct {
	variant  v1alpha1.Variant
	findings []*check.Finding
	standing standing
	// optional says that a cluster may do without the component, so that it may have been removed.
	optional bool
	// own says that the cluster's owner runs the variant, and may have put it anywhere.
	own bool
}

// standing says how much of a variant is there. The table in docs/mappings.md has the rules.
type standing string

const (
	// standsRuledOut: the cluster contradicts it. What is found of it belongs to something else.
	standsRuledOut standing = "ruled out"
	// standsComplete: everything is as expected, and something of it proves the component.
	standsComplete standing = "complete"
	// standsOpen: it may be complete, as far as can be seen.
	standsOpen standing = "maybe complete"
	// standsInPart: a part is missing, while another one runs.
	standsInPart standing = "partial"
	// standsPerhapsInPart: a part is missing, and whether another one runs, or is of this variant, cannot be seen.
	standsPerhapsInPart standing = "maybe partial"
	// standsNot: nothing of it was found, or nothing but what was left behind.
	standsNot standing = "not present"
)

// stand says how much of the variant is there.
func (c *candidate) stand() standing {
	if c.condition(v1alpha1.VerdictFalse) != nil {
		return standsRuledOut
	}
	doubtful := c.condition(v1alpha1.VerdictUnknown) != nil
	if len(c.required(v1alpha1.VerdictFalse)) == 0 {
		switch proven := c.proven(c.stands); {
		case proven == v1alpha1.VerdictFalse:
			return standsNot
		case proven == v1alpha1.VerdictTrue && !doubtful && len(c.required(v1alpha1.VerdictUnknown)) == 0:
			return standsComplete
		}
		return standsOpen
	}
	switch runs := c.proven((*check.Finding).Runs); {
	case runs == v1alpha1.VerdictFalse:
		return standsNot
	case runs == v1alpha1.VerdictTrue && !doubtful:
		return standsInPart
	}
	return standsPerhapsInPart
}

// stands reports whether the finding proves the variant while nothing that it needs is missing: then it counts, too, when
// it has stopped. Only leases that nobody holds are also what an orderly removal leaves, and one that is awaited may be such.
func (c *candidate) stands(f *check.Finding) bool {
	return f.Proves() && (!c.optional || !f.GivenUp() && !f.Awaiting)
}

// proven reports whether a finding proves the component; Unknown when one that is not known might.
func (c *candidate) proven(proves func(*check.Finding) bool) v1alpha1.Verdict {
	proven := v1alpha1.VerdictFalse
	for _, f := range c.findings {
		switch {
		case proves(f):
			return v1alpha1.VerdictTrue
		case f.MayProve():
			proven = v1alpha1.VerdictUnknown
		}
	}
	return proven
}

// condition returns the first finding about what must hold, or must not be there, that is as expected or not.
func (c *candidate) condition(asExpected v1alpha1.Verdict) *check.Finding {
	for _, f := range c.findings {
		expect := f.Check.Expect()
		if (expect == v1alpha1.ExpectPrecondition || expect == v1alpha1.ExpectAbsent) && f.AsExpected() == asExpected {
			return f
		}
	}
	return nil
}

// required returns the findings of the checks that the variant requires, and that found something or not.
func (c *candidate) required(present v1alpha1.Verdict) []*check.Finding {
	var out []*check.Finding
	for _, f := range c.findings {
		if f.Check.Expect() == v1alpha1.ExpectPresent && f.Present == present {
			out = append(out, f)
		}
	}
	return out
}

// running returns the findings that prove the variant though others are missing.
func (c *candidate) running() []*check.Finding {
	return slices.DeleteFunc(slices.Clone(c.findings), func(f *check.Finding) bool { return !f.Runs() })
}

// undecided returns the findings that keep the candidate from being decided. Those that are not needed count only when
// nothing else could prove it.
func (c *candidate) undecided() []*check.Finding {
	proven := c.proven(c.stands)
	if c.standing == standsPerhapsInPart {
		proven = c.proven((*check.Finding).Runs)
	}
	var needed, other []*check.Finding
	for _, f := range c.findings {
		switch {
		case f.Present == v1alpha1.VerdictUnknown && f.Check.Expect() != v1alpha1.ExpectOptional:
			needed = append(needed, f)
		case proven != v1alpha1.VerdictTrue && f.MayProve():
			other = append(other, f)
		}
	}
	if len(needed) > 0 {
		return needed
	}
	return other
}

// compare orders candidates: those that the cluster must be made for, and is, come first, then those that lack
// less, then those of which more is present.
func (c *candidate) compare(other *candidate) int {
	return cmp.Or(
		cmp.Compare(other.preconditions(), c.preconditions()),
		cmp.Compare(len(c.required(v1alpha1.VerdictFalse)), len(other.required(v1alpha1.VerdictFalse))),
		cmp.Compare(len(other.required(v1alpha1.VerdictTrue)), len(c.required(v1alpha1.VerdictTrue))))
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

// whyNot says why the variant is not there.
func (c *candidate) whyNot() string {
	i := slices.IndexFunc(c.findings, func(f *check.Finding) bool { return f.AsExpected() == v1alpha1.VerdictFalse })
	switch {
	case i >= 0 && c.findings[i].Check.Expect() == v1alpha1.ExpectAbsent:
		return "found " + c.findings[i].Check.Subject() + ", which rules it out"
	case i >= 0:
		return c.findings[i].Message
	}
	var lacking []string
	for _, f := range c.findings {
		if f.Present == v1alpha1.VerdictFalse && catalog.Proves(&f.Check.Spec) {
			lacking = append(lacking, f.Message)
		}
	}
	switch {
	case len(lacking) > 0:
		return msg.Shorten(lacking, ", ")
	case len(c.leftBehind()) > 0:
		return "nothing of it is running"
	}
	return "nothing of it was found"
}

// mayRunElsewhere reports whether the variant may be at work where no check looks for it: the cluster's owner runs it, no
// workload of it is where its charts and manifests put it, and it is not looked for everywhere.
func (c *candidate) mayRunElsewhere() bool {
	return c.own && !c.soughtEverywhere() && slices.ContainsFunc(c.findings, func(f *check.Finding) bool {
		return f.Check.Spec.Workload != nil && f.Present == v1alpha1.VerdictFalse && catalog.Belongs(&f.Check.Spec)
	})
}

// soughtEverywhere reports whether a workload of the variant is looked for in all namespaces.
func (c *candidate) soughtEverywhere() bool {
	return slices.ContainsFunc(c.findings, func(f *check.Finding) bool {
		return f.Check.Spec.Workload != nil && f.Check.Spec.Workload.Namespace == "" && catalog.Belongs(&f.Check.Spec)
	})
}

func (c *candidate) leftBehind() []*check.Finding {
	return slices.DeleteFunc(slices.Clone(c.findings), func(f *check.Finding) bool { return !f.LeftBehind() })
}
