// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/source"
)

func TestExitCodes(t *testing.T) {
	type end struct {
		code int
		show bool
	}
	for name, tc := range map[string]struct {
		err  error
		want end
	}{
		"nothing to do":        {nil, end{exitNothing, false}},
		"action needed":        {verdictError{exitAct}, end{exitAct, false}},
		"cannot be told":       {verdictError{exitUnknown}, end{exitUnknown, false}},
		"failed":               {errors.New("no answer"), end{exitUnknown, true}},
		"not understood":       {usagef("unknown command"), end{exitUsage, true}},
		"asks for what is not": {fmt.Errorf("status: %w", source.InputError{Err: errors.New("no such architecture")}), end{exitUsage, true}},
	} {
		t.Run(name, func(t *testing.T) {
			code, show := exitCode(tc.err)
			NewWithT(t).Expect(end{code, show}).To(Equal(tc.want))
		})
	}
}

// TestFailOn: what is of concern counts as far as it was chosen; that action needed weighs more than what is unknown.
func TestFailOn(t *testing.T) {
	all, about := report.AllConcerns()
	byDefault := concernNames(report.DefaultConcerns())
	NewWithT(t).Expect(byDefault).To(Equal([]string{"unhealthy", "missing", "violations", "unknown"}))
	for _, c := range all {
		g := NewWithT(t)
		code := exitAct
		if c == report.ConcernUnknown {
			code = exitUnknown
		}
		alone, rest := &failOn{[]string{string(c)}}, &failOn{}
		for _, other := range all {
			if other != c {
				rest.chosen = append(rest.chosen, string(other))
			}
		}
		got, _ := exitCode(alone.end(all))
		g.Expect(got).To(Equal(code), "chosen alone: %s", c)
		got, _ = exitCode(rest.end([]report.Concern{c}))
		g.Expect(got).To(Equal(exitNothing), "not chosen: %s", c)
		got, _ = exitCode((&failOn{[]string{failOnAll}}).end([]report.Concern{c}))
		g.Expect(got).To(Equal(code), "all: %s", c)
		g.Expect((&failOn{[]string{failOnNone}}).end([]report.Concern{c})).To(Succeed(), "none: %s", c)
		g.Expect(about[c]).NotTo(BeEmpty(), "every concern is explained: %s", c)
	}
	g := NewWithT(t)
	code, _ := exitCode((&failOn{byDefault}).end([]report.Concern{report.ConcernUnknown, report.ConcernMissing}))
	g.Expect(code).To(Equal(exitAct))
	g.Expect((&failOn{byDefault}).end(nil)).To(Succeed())
}

func TestFailOnIsUnderstood(t *testing.T) {
	for value, says := range map[string]string{
		"unhealthy,minor": "", "all": "", "none": "",
		"sick":       `unknown value "sick" for --fail-on; valid values: unhealthy, missing, violations, unknown, minor, unmapped, differences, versions, all, none`,
		"none,minor": "--fail-on none can't be combined with other values",
	} {
		g, f := NewWithT(t), &failOn{}
		command := &cobra.Command{}
		f.addFlag(command, concernNames(report.DefaultConcerns())...)
		g.Expect(command.ParseFlags([]string{"--fail-on", value})).To(Succeed())
		if err := f.validate(); says == "" {
			g.Expect(err).NotTo(HaveOccurred(), value)
		} else {
			g.Expect(err).To(MatchError(says))
			code, _ := exitCode(err)
			g.Expect(code).To(Equal(exitUsage))
		}
	}
	g := NewWithT(t)
	all, _ := report.AllConcerns()
	for _, c := range all {
		g.Expect(flagHelp()).To(ContainSubstring(string(c)))
	}
}

// flagHelp returns the help of the flag.
func flagHelp() string {
	command := &cobra.Command{}
	(&failOn{}).addFlag(command)
	return command.Flags().FlagUsages()
}

// What exit codes and concerns mean is the same in the help, in the documentation and in what decides.
func TestExitCodesAreDocumented(t *testing.T) {
	g := NewWithT(t)
	page, err := os.ReadFile("../../docs/plugin.md")
	g.Expect(err).NotTo(HaveOccurred())
	_, help, _ := runWith("", "check", "--help")
	names, about := report.AllConcerns()
	var acts []string
	for _, name := range names {
		code, byDefault := exitAct, "no"
		if name == report.ConcernUnknown {
			code = exitUnknown
		}
		if slices.Contains(report.DefaultConcerns(), name) {
			byDefault = "yes"
			if code == exitAct {
				acts = append(acts, about[name])
			}
		}
		g.Expect(string(page)).To(ContainSubstring(fmt.Sprintf("| `%s` | %d | %s | %s |\n", name, code, byDefault, about[name])))
		g.Expect(help).To(ContainSubstring(about[name]))
	}
	last := len(acts) - 1
	g.Expect(string(page)).To(ContainSubstring(fmt.Sprintf("| %d | action needed: %s, or %s;", exitAct, strings.Join(acts[:last], ", "), acts[last])))
	g.Expect(string(page)).To(ContainSubstring(fmt.Sprintf("| %d | %s", exitUnknown, about[report.ConcernUnknown])))
	g.Expect(help).To(ContainSubstring(exitCodes()))
}
