// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
)

// Who is not known, or not let in, is told so, and what to do.
func TestNotLetIn(t *testing.T) {
	for status, words := range map[int]string{
		http.StatusUnauthorized: "you are not logged in; log in",
		http.StatusForbidden:    "you are not permitted to list its API resources; log in",
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			g := NewWithT(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			defer server.Close()
			code, _, complaints := runWith("", "check", "--server", server.URL)
			g.Expect(code).To(Equal(exitUnknown))
			g.Expect(complaints).To(ContainSubstring(words))
		})
	}
}
