// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/unicode"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/dump"
)

// FuzzLoad reads anything: it ends, takes little memory, and says something about what it cannot read.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", two, listOf(), asList(oneJSON), asList(asList(oneJSON)), "[" + oneJSON + "]", "{a: b}", "---\n---\n", "-\n-", "items:\n- - -\n",
		strings.ReplaceAll(two, "\n", "\r\n"), utf16(unicode.LittleEndian, unicode.UseBOM, two), zipped(two), archive(member{text: two}), zipped(archive(member{text: oneJSON})),
		"==== START logs for container \n==== END logs for container \n", "error: x\n", "apiVersion: v1\nkind: List\nitems:\n  - a: |\n     b\n   - c\n", two[:200],
		`{"apiVersion":"bundle.archmap.dev/v1","kind":"Bundle","collectedAt":"2026-10-02T14:30:00Z"}`, `{"items":null}`, "{\"a\":\"\\", "\xff\xfe", "\x1f\x8b",
		"a: &a [*a]\napiVersion: v1\nkind: Pod\n", "? a\n: b\n", "\"kind\": x\n", "kind: Pod\napiVersion: v1\nmetadata:\n\tname: x\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, info, err := dump.Load("-", bytes.NewReader(text), dump.Options{Needs: needs, At: time.Unix(0, 0)})
		if (err == nil) == (d == nil) || (err == nil) == (info == nil) {
			t.Fatalf("neither or both: %v, %v", d, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "standard input: ") || len(err.Error()) > 2000) {
			t.Fatalf("error: %s", err)
		}
	})
}

// FuzzLoadAgrees holds the reader against the whole document decoded at once: of a list, the same objects come out.
func FuzzLoadAgrees(f *testing.F) {
	f.Add("coredns", "some: text", "a: |\n  b\n", int8(3))
	f.Add("x", "- items:\n- kind: Pod", "---", int8(1))
	f.Add("x", "#", "'\"{}[]&*", int8(0))
	f.Fuzz(func(t *testing.T, name, value, key string, n int8) {
		if strings.ContainsAny(name, "\x00") || n < 0 {
			t.Skip("no name")
		}
		items := []any{}
		for range n % 5 {
			items = append(items, map[string]any{"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": map[string]any{
				"name": "n" + name, "annotations": map[string]any{key: value}, "labels": map[string]any{"items": key},
			}, "spec": map[string]any{"items": []any{value, map[string]any{"items": []any{key}}}, "text": key + "\n" + value + "\n"}})
		}
		items = append(items, map[string]any{"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": map[string]any{"name": "last"}})
		text, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
		if err != nil || yaml.Unmarshal(text, &map[string]any{}) != nil {
			t.Skip("cannot be written as YAML")
		}
		d, info, err := dump.Load("-", bytes.NewReader(text), dump.Options{Needs: needs, At: time.Unix(0, 0)})
		if err != nil {
			t.Fatalf("%s\n%s", err, text)
		}
		if info.Objects != len(items) || len(d.Objects) != min(len(items), 2) {
			t.Fatalf("%d objects, %d kept, of %d\n%s", info.Objects, len(d.Objects), len(items), text)
		}
	})
}
