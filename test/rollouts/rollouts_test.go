// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollouts_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/test/rollouts"
)

// TestRows holds what archmap makes of every row to what the row says.
func TestRows(t *testing.T) {
	g := NewWithT(t)
	groups, err := rollouts.Groups()
	g.Expect(err).NotTo(HaveOccurred())
	rows := map[string]bool{}
	for _, group := range groups {
		g.Expect(group.About).NotTo(BeEmpty(), group.Group)
		for _, r := range group.Rows {
			g.Expect(rows[r.Row]).To(BeFalse(), "every row says what it stands for: "+r.Row)
			rows[r.Row] = true
			t.Run(r.Row, func(t *testing.T) {
				d, err := r.Diagnose()
				g := NewWithT(t)
				g.Expect(err).NotTo(HaveOccurred())
				_, says, _ := strings.Cut(d.Detail, string(r.Kind)+" kube-system/app: ")
				g.Expect([]string{fmt.Sprintf("%s/%s", d.Healthy, d.Reason), says, written(d.ExcusedFor), written(d.RecheckAfter)}).To(
					Equal([]string{r.Verdict, r.Says, r.Excused, r.Turns}))
			})
		}
	}
	g.Expect(len(rows)).To(BeNumerically(">=", 70))
}

// shortened is the end of a duration of whole minutes.
var shortened = regexp.MustCompile("m0s$")

// written returns a duration as rows have it, the second apart by which time is over.
func written(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return shortened.ReplaceAllString(d.Truncate(30*time.Second).String(), "m")
}
