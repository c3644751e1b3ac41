// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// maxLine is how long a line of the abstract is, in characters: kubectl describe indents it by four.
	maxLine = 106
	// maxTroubles is the most lines about what is wrong.
	maxTroubles = 16
	// columnGap is how many spaces separate the columns.
	columnGap = 2
)

// abstract sums up the whole cluster in lines for users: what the cluster is, what is wrong, causes before
// consequences, and the table. The last line says what the status has no room for.
func (r *rollup) abstract(s *v1alpha1.ClusterArchitectureStatus) []string {
	detected := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionPlatformDetected)
	if detected.Status != metav1.ConditionTrue {
		return []string{shorten(r.arch.Spec.Platform+": not assessed: "+detected.Message, maxLine)}
	}
	lines := slices.Concat([]string{r.summary(s)}, r.troubles(s), r.table(), r.cuts)
	for i := range lines {
		lines[i] = shorten(lines[i], maxLine)
	}
	return lines
}

// summary returns the whole in one line.
func (r *rollup) summary(s *v1alpha1.ClusterArchitectureStatus) string {
	nodes := msg.Count(r.view.Nodes, "node")
	if r.view.Down.Count > 0 {
		nodes += fmt.Sprintf(" (%d down)", r.view.Down.Count)
	}
	line := strings.TrimSpace(r.arch.Spec.Platform+" "+s.KubernetesVersion) + ", " + nodes +
		fmt.Sprintf(": %d of %d components present", *s.Summary.Present, *s.Summary.Total)
	if len(r.faults) > 0 {
		line += ", " + r.countFaults()
	} else if *s.Summary.Healthy > 0 {
		line += ", none unhealthy"
	}
	if len(r.tolerated) > 0 {
		line += ", " + msg.Count(len(r.tolerated), "minor cause")
	}
	if n := len(r.filter(missing)); n > 0 {
		line += fmt.Sprintf(", %d required missing", n)
	}
	var unknown []string
	for _, state := range []catalog.State{catalog.Unknown, catalog.HealthUnknown} {
		unseen := func(m *v1alpha1.ComponentMapping) bool {
			return catalog.StateOf(m) == state && !slices.Contains(undoubted, catalog.Decisive(m).Reason)
		}
		if n := len(r.filter(unseen)); n > 0 {
			unknown = append(unknown, fmt.Sprintf(", %d %s", n, state.Word()))
		}
	}
	return line + strings.Join(unknown, "")
}

// troubles returns a line for each thing that is wrong, and for each that is not but should be known.
func (r *rollup) troubles(s *v1alpha1.ClusterArchitectureStatus) []string {
	var lines []string
	left := 0
	say := func(subject, reason, message string) {
		if len(lines) == maxTroubles {
			left++
			return
		}
		lines = append(lines, oneLine(subject+": "+reason+": "+message))
	}
	for _, c := range slices.Concat(r.faults, r.gaps) {
		say("! "+msg.Shorten(c.Components, ", "), c.Reason, c.Message)
	}
	for _, v := range s.Violations {
		say("! rule", v.Rule, v.Message)
	}
	for _, skew := range r.skews.exceeded {
		say("! "+skew.Name, string(skew.Type), skew.Message)
	}
	for _, d := range r.deadlines() {
		say("! "+d.mapping.Name, string(v1alpha1.AdvisoryRetirement), d.String()+": "+d.message)
	}
	for _, c := range r.tolerated {
		say("~ "+msg.Shorten(c.Components, ", "), c.Reason, c.Message)
	}
	for _, w := range s.Unmapped {
		if w.State == v1alpha1.WorkloadUnhealthy {
			say("~ not in the catalog", w.Reason, w.Message) // which names the workload
		}
	}
	for _, skew := range r.skews.mixed {
		say("~ node pool "+skew.Name, string(skew.Type), skew.Message)
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: see causes, violations and skews", left))
	}
	return lines
}

// deadline is a retirement of something that is there, which is near.
type deadline struct {
	catalog.Deadline
	mapping *v1alpha1.ComponentMapping
	message string
}

// deadlines returns those that are near, the nearest first.
func (r *rollup) deadlines() []deadline {
	var out []deadline
	for _, m := range r.filter(is(v1alpha1.ConditionPresent, metav1.ConditionTrue)) {
		for _, a := range catalog.AdvisoriesOf(m) {
			if d, ok := catalog.DeadlineOf(&a, r.now.Time); ok && d.Near() {
				out = append(out, deadline{d, m, a.Message})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b deadline) int { return cmp.Compare(a.Days, b.Days) })
	return out
}

// column is one of the table.
type column struct {
	title string
	// limit is how wide it may become, in characters.
	limit int
	cell  func(*v1alpha1.ComponentMapping) string
}

// columns of the table. The last one takes what is left of the line.
var columns = []column{
	{"CATEGORY", 13, func(m *v1alpha1.ComponentMapping) string { return string(m.Spec.Category) }},
	{"NAME", 24, func(m *v1alpha1.ComponentMapping) string { return m.Name }},
	{"METHODS", 14, func(m *v1alpha1.ComponentMapping) string { return m.Status.MethodSummary }},
	{"STATE", 15, func(m *v1alpha1.ComponentMapping) string { return catalog.StateOf(m).Word() }},
	{"VERSION", 18, func(m *v1alpha1.ComponentMapping) string { return m.Status.Version }},
	{"SINCE OR REASON", maxLine, reasonOrSince},
}

// table has a row for each component, in its order.
func (r *rollup) table() []string {
	if len(r.mappings) == 0 {
		return nil
	}
	rows := [][]string{nil}
	for _, c := range columns {
		rows[0] = append(rows[0], c.title)
	}
	for _, m := range r.mappings[:min(len(r.mappings), maxComponents)] {
		row := make([]string, 0, len(columns))
		for _, c := range columns {
			row = append(row, shorten(c.cell(m), c.limit))
		}
		rows = append(rows, row)
	}
	return msg.Align(rows, columnGap, nil)
}

// selfExplaining are the reasons that repeat the state.
var selfExplaining = []string{
	v1alpha1.ReasonAllChecksPass, v1alpha1.ReasonProgressing, v1alpha1.ReasonNotFound,
}

func reasonOrSince(m *v1alpha1.ComponentMapping) string {
	c := catalog.Decisive(m)
	if slices.Contains(selfExplaining, c.Reason) {
		return c.LastTransitionTime.UTC().Format(time.DateTime[:len("2006-01-02 15:04")]) + " UTC"
	}
	return c.Reason
}

// oneLine returns a text without line breaks and the like.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// shorten cuts a text to a number of characters, and shows that it did.
func shorten(text string, limit int) string {
	n, cut := 0, 0
	for i := range text {
		if n++; n == limit {
			cut = i
		} else if n > limit {
			return text[:cut] + "…"
		}
	}
	return text
}
