// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// unmappedStates are the states of components that look like those of workloads.
var unmappedStates = map[v1alpha1.WorkloadState]catalog.State{
	v1alpha1.WorkloadUnhealthy: catalog.Unhealthy, v1alpha1.WorkloadProgressing: catalog.Progressing,
	v1alpha1.WorkloadScaledToZero: catalog.Absent, v1alpha1.WorkloadHealthy: catalog.Healthy, v1alpha1.WorkloadIdle: catalog.Absent,
}

// unmappedWorkload is one that no mapping covers.
type unmappedWorkload struct{ v1alpha1.UnmappedWorkload }

func (w unmappedWorkload) unhealthy() bool { return w.State == v1alpha1.WorkloadUnhealthy }

// Title names the workload: DaemonSet kube-system/agent.
func (w unmappedWorkload) Title() string {
	return msg.Object(string(w.Kind), string(w.Namespace), string(w.Name))
}

// Owner says who operates the workload, as far as its labels tell.
func (w unmappedWorkload) Owner() string {
	if w.OperatedBy == "" {
		return "not marked"
	}
	return string(w.OperatedBy)
}

// Mark and Words show the state, never by color alone.
func (w unmappedWorkload) Mark() string { return unmappedStates[w.State].Mark() }

// Words are the state and its reason.
func (w unmappedWorkload) Words() string {
	if w.Reason == "" || w.Reason == string(w.State) {
		return string(w.State)
	}
	return fmt.Sprintf("%s (%s)", w.State, w.Reason)
}

// Class colors the state.
func (w unmappedWorkload) Class() catalog.State { return unmappedStates[w.State] }

// unmapped returns the provider's workloads that no mapping covers.
func (r *Report) unmapped() []unmappedWorkload {
	if !r.claimed() {
		return nil
	}
	out := make([]unmappedWorkload, len(r.Architecture.Status.Unmapped))
	for i, w := range r.Architecture.Status.Unmapped {
		out[i] = unmappedWorkload{w}
	}
	return out
}

// hasUnmapped reports whether one of them is unhealthy.
func (r *Report) hasUnmapped() bool {
	return !r.Part && slices.ContainsFunc(r.unmapped(), unmappedWorkload.unhealthy)
}

// unmappedNotes say what is not listed, and what could not be looked at. What a dump lacks says whoever read it.
func (r *Report) unmappedNotes() []string {
	if !r.claimed() {
		return nil
	}
	summary, listed := r.Architecture.Status.UnmappedSummary, len(r.Architecture.Status.Unmapped)
	var notes []string
	if total := int(number(summary.Total)); total > listed {
		notes = append(notes, fmt.Sprintf("There are %d workloads that no mapping covers; the first %d are listed.", total, listed))
	}
	if summary.Message != "" && summary.Reason != v1alpha1.ReasonNotInDump {
		notes = append(notes, "There may be more workloads that no mapping covers: "+summary.Message)
	}
	return notes
}

// Unmapped lists the provider's workloads that no mapping covers: all of them, or those that are unhealthy.
func Unmapped(r *Report, all bool) Grid {
	g := Grid{Header: []string{"Not In The Catalog", "State", "Operated-By", headImage, headMessage}, Notes: r.unmappedNotes()}
	for _, w := range r.unmapped() {
		if all || w.unhealthy() {
			g.Rows = append(g.Rows, []Cell{{Text: w.Title()}, {Text: w.Words(), State: w.Class()}, {Text: w.Owner()}, {Text: w.Image}, {Text: w.Message}})
		}
	}
	return g
}

// LookupUnmapped finds a workload that no mapping covers by its name, or by namespace/name; nil when there is none.
func LookupUnmapped(r *Report, name string) *v1alpha1.UnmappedWorkload {
	for _, w := range r.unmapped() {
		if name == string(w.Name) || name == string(w.Namespace)+"/"+string(w.Name) {
			return &w.UnmappedWorkload
		}
	}
	return nil
}

// ExplainUnmapped writes what is known of a workload that no mapping covers.
func ExplainUnmapped(w io.Writer, r *Report, found *v1alpha1.UnmappedWorkload, color bool) error {
	e := newExplanation(r, ExplainOptions{Color: color})
	one := unmappedWorkload{*found}
	e.line(Clean(one.Title()) + ": not in the catalog")
	e.line("  " + e.paint(one.Class(), one.Mark()+" "+one.Words()))
	e.text(one.Message)
	if words := reasonWords[one.Reason]; words != "" {
		e.text(one.Reason + ": " + words)
	}
	e.section("Observed")
	e.field("Image", one.Image)
	e.section("Who to contact")
	if one.OperatedBy == "" {
		e.text("Whoever installed it in a namespace of " + e.words.provider + ": nothing marks it as " + e.words.provider + "'s.")
	} else {
		e.text(string(one.OperatedBy) + ": " + e.words.call(one.OperatedBy, one.State == v1alpha1.WorkloadUnhealthy))
	}
	e.section("Why it is listed")
	e.text("No check of any ComponentMapping matches it, so it affects no verdict. " +
		"To include it, add a ComponentMapping with a Workload check that names it.")
	_, err := io.WriteString(w, strings.TrimLeft(e.out.String(), "\n"))
	return err
}
