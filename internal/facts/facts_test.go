// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestEarliest(t *testing.T) {
	for name, test := range map[string]struct{ a, b, want time.Duration }{
		"never and never": {0, 0, 0},
		"never and soon":  {0, time.Second, time.Second},
		"soon and never":  {time.Second, 0, time.Second},
		"soon and later":  {time.Second, time.Minute, time.Second},
		"later and soon":  {time.Minute, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Earliest(test.a, test.b)).To(Equal(test.want))
		})
	}
}
