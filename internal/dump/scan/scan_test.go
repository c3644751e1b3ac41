// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan_test

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/dump/scan"
)

// recorder writes down what a sink is given.
type recorder []string

func (r *recorder) Document() { *r = append(*r, "document") }

func (r *recorder) Object(it *scan.Item, of *scan.List) error {
	text := fmt.Sprintf("%d %s %s", it.Line, it.APIVersion, it)
	if of != nil {
		text = "- " + text
	}
	*r = append(*r, text)
	return nil
}

func (r *recorder) List(l *scan.List) { *r = append(*r, "list "+l.Kind) }

// Objects come out one by one, whatever holds them.
func TestScan(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
		said int
	}{
		"two documents": {
			"kind: Pod\napiVersion: v1\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: Node\n",
			[]string{"document", "1 v1 Pod a", "document", "document", "6 v1 Node"}, 0,
		},
		"a list": {
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a, namespace: b}\n",
			[]string{"document", "- 4 v1 Pod b/a", "list List"}, 0,
		},
		"elements that leave their kind to the list": {
			`{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],"kind":"PodList","apiVersion":"v1"}`,
			[]string{"document", "- 1 v1 Pod a", "- 1 v1 Pod b", "list PodList"}, 0,
		},
		"an array, and what kubectl says": {
			"Warning: old\n[{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}]",
			[]string{"document", "document", "- 2 v1 Pod", "list "}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var got recorder
			found, err := scan.Scan(bufio.NewReader(strings.NewReader(test.text)), &got)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect([]string(got)).To(Equal(test.want))
			g.Expect(found.Said).To(HaveLen(test.said))
		})
	}
}

// What is wrong is told with its line; a text that holds no objects at all is foreign.
func TestScanProblems(t *testing.T) {
	for text, want := range map[string]scan.Problem{
		"":                     {Text: "is empty", Foreign: true},
		"NAME READY\na 1/1\n":  {Line: 1, Text: "is a table of kubectl for people; get it again with -o yaml", Foreign: true},
		`{"kind":"Pod"}`:       {Line: 1, Text: "JSON is no object of Kubernetes: it has no apiVersion", Foreign: true},
		"\n" + `{"kind":"Pod"`: {Line: 2, Text: "ends in the middle of an object: it is cut off"},
	} {
		_, err := scan.Scan(bufio.NewReader(strings.NewReader(text)), &recorder{})
		NewWithT(t).Expect(err).To(Equal(&want), text)
	}
}

// What is left out of YAML leaves its lines behind, so that an error names the right one.
func TestPruned(t *testing.T) {
	g := NewWithT(t)
	it := &scan.Item{Format: scan.YAML, Raw: []byte("kind: Pod\nstatus:\n  phase: Running\n  images:\n  - a\nspec: {}\n")}
	pruned := it.Pruned(func(path string) bool { return path != "status.images" })
	g.Expect(string(pruned.Raw)).To(Equal("kind: Pod\nstatus:\n  phase: Running\n\n\nspec: {}\n"))
}

func TestNewestTime(t *testing.T) {
	g := NewWithT(t)
	text := "startTime: \"2026-10-02T14:30:00Z\"\nother: \"2027-10-02T14:30:00Z\"\nrenewTime: 2026-10-02T14:30:01.5Z\n"
	names := []string{"startTime", "renewTime"}
	g.Expect(scan.NewestTime([]byte(text), names)).To(Equal(time.Date(2026, 10, 2, 14, 30, 1, 5e8, time.UTC)))
	g.Expect(scan.NewestTime([]byte("startTime: soon"), names)).To(BeZero())
}
