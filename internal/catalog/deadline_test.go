// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
)

// Days are counted from one midnight to another, and what is near calls for action.
func TestDeadline(t *testing.T) {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for date, want := range map[string]struct {
		text string
		near bool
	}{
		"2026-11-30": {"4 days left, until 2026-11-30", true},
		"2026-11-27": {"1 day left, until 2026-11-27", true},
		"2026-11-26": {"0 days left, until 2026-11-26", true},
		"2026-11-25": {"retired 1 day ago, on 2026-11-25", true},
		"2026-12-26": {"30 days left, until 2026-12-26", true},
		"2026-12-27": {"31 days left, until 2026-12-27", false},
	} {
		for _, at := range []time.Time{noon.Truncate(24 * time.Hour), noon, noon.Add(12*time.Hour - time.Second)} {
			g := NewWithT(t)
			d, ok := catalog.DeadlineOf(&v1alpha1.Advisory{Type: v1alpha1.AdvisoryRetirement, Date: date}, at)
			g.Expect(ok).To(BeTrue())
			g.Expect(d.String()).To(Equal(want.text), "at %s", at)
			g.Expect(d.Near()).To(Equal(want.near), date)
		}
	}
	for _, a := range []v1alpha1.Advisory{{Type: v1alpha1.AdvisoryRetirement}, {Type: v1alpha1.AdvisoryCorrection, Date: "2026-11-30"}} {
		_, ok := catalog.DeadlineOf(&a, noon)
		NewWithT(t).Expect(ok).To(BeFalse(), "%s %s is no deadline", a.Type, a.Date)
	}
}
