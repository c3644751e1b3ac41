// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/catalog"
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
		"well":                 {verdictOf(catalog.Healthy), end{exitHealthy, false}},
		"unhealthy":            {verdictOf(catalog.Unhealthy), end{exitUnhealthy, false}},
		"cannot be told":       {verdictOf(catalog.Unknown), end{exitUnknown, false}},
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
