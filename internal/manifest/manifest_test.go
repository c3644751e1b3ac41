// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func readText(t *testing.T, text string) *Set {
	t.Helper()
	set, err := Read([]string{Stdin}, strings.NewReader(text))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return set
}

const minimal = `apiVersion: architecture.archmap.dev/v1alpha1
kind: ComponentMapping
metadata: {name: NAME}
spec:
  component: x
  category: Addon
  placement: Cluster
  operatedBy: Customer
  implementation: {name: x, methods: [Deployment], source: {name: x}}
`

func minimalOf(name string) string { return strings.ReplaceAll(minimal, "NAME", name) }

// What is not as it should be is told with its file and line.
func TestBadInput(t *testing.T) {
	for name, tc := range map[string]struct{ text, problem string }{
		"empty":              {"", "<stdin>: is empty"},
		"comments alone":     {"# nothing\n---\n", "<stdin>: is empty"},
		"a tab":              {"a: b\n\tc: d\n", "<stdin>:2: is not valid YAML: found a tab character that violates indentation: YAML is indented with spaces, not with tabs"},
		"a tab in a map":     {"a:\n  b: c\nd:\n\te: f\n", "<stdin>:4: is not valid YAML: found character that cannot start any token: YAML is indented with spaces, not with tabs"},
		"no tab":             {"a:\n  b: @c\n", "<stdin>:2: is not valid YAML: found character that cannot start any token"},
		"a tab further down": {"---\n# none\n---\nd:\n\te: f\n", "<stdin>:5: is not valid YAML: found character that cannot start any token: YAML is indented with spaces, not with tabs"},
		"truncated":          {"---\nkind: a\napiVersion: v1\n---\nx: [\n", "<stdin>:5: is not valid YAML: did not find expected node content"},
		"a key twice":        {"# more\n---\na: 1\na: 2\n", `<stdin>:4: is not valid YAML: key "a" already set in map`},
		"binary":             {"\x00\x01\x02", "<stdin>:1: is not valid YAML: control characters are not allowed"},
		"text":               {"hello", "<stdin>:1:1: is not a Kubernetes object: it has no apiVersion and no kind"},
		"a list":             {"[1, 2]", "<stdin>:1:1: is not a Kubernetes object"},
		"no kind":            {"a: b\napiVersion: v1\n", "<stdin>:1:1: is not a Kubernetes object: it has no kind"},
		"a kind of a number": {"kind: 1\napiVersion: v1\n", "<stdin>:1:1: is not a Kubernetes object: it has no kind"},
		"metadata of words":  {strings.Replace(minimalOf("x"), "{name: x}", "words", 1), "<stdin>:3:1: ComponentMapping: metadata: "},
		"aliases of aliases": {"a: &a [x,x,x,x,x,x,x,x,x]\n" + bomb(), "<stdin>:1: is not valid YAML: document contains excessive aliasing"},
		"an item of a list": {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n",
			"<stdin>:4:3: is not a Kubernetes object: it has no kind"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			set := readText(t, tc.text)
			g.Expect(set.Problems).To(HaveLen(1))
			g.Expect(set.Err()).To(MatchError(HavePrefix(tc.problem)))
		})
	}
}

// bomb has each line hold the one before nine times.
func bomb() string {
	var out strings.Builder
	for c := 'b'; c < 'j'; c++ {
		last := "*" + string(c-1)
		out.WriteString(string(c) + ": &" + string(c) + " [" + strings.Repeat(last+",", 8) + last + "]\n")
	}
	return out.String()
}

// However a file is written, the objects are found, and where they stand.
func TestForms(t *testing.T) {
	windows := strings.ReplaceAll("# first\n---\n"+minimalOf("a")+"--- # second\n"+minimalOf("b"), "\n", "\r\n")
	list := "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n" +
		indent("  - ", minimalOf("a")) + indent("- ", minimalOf("b"))
	for name, tc := range map[string]struct {
		text  string
		lines []int
	}{
		"one after the other":        {minimalOf("a") + "...\n" + minimalOf("b"), []int{3, 13}},
		"with Windows line ends":     {windows, []int{5, 15}},
		"with a byte order mark":     {"\ufeff" + minimalOf("a") + "---\n" + minimalOf("b"), []int{3, 13}},
		"as UTF-16":                  {utf16(minimalOf("a") + "---\n" + minimalOf("b")), []int{3, 13}},
		"in lists":                   {list, []int{9, 18}},
		"with a directive":           {"%YAML 1.1\n---\n" + minimalOf("a") + "---\n" + minimalOf("b"), []int{5, 15}},
		"with templates of metadata": {anchored, []int{3, 15}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			set := readText(t, tc.text)
			g.Expect(set.Err()).NotTo(HaveOccurred())
			var names []string
			var lines []int
			for _, m := range set.Mappings {
				g.Expect(m.Valid).To(BeTrue())
				names = append(names, m.Value.Name)
				lines = append(lines, m.At("metadata.name").Line)
			}
			g.Expect(names).To(Equal([]string{"a", "b"}))
			g.Expect(lines).To(Equal(tc.lines))
		})
	}
}

var anchored = strings.Replace(minimalOf("a"), "spec:\n", "spec: &spec\n", 1) + "---\n" +
	"apiVersion: architecture.archmap.dev/v1alpha1\nkind: ComponentMapping\nmetadata:\n  <<: &m {labels: {a: b}}\n  name: b\n" +
	strings.Join(strings.Split(minimal, "\n")[3:], "\n")

func indent(first, text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return first + strings.Join(lines, "\n"+strings.Repeat(" ", len(first))) + "\n"
}

func utf16(text string) string {
	var out strings.Builder
	out.WriteString("\xff\xfe")
	for _, c := range []byte(text) {
		out.Write([]byte{c, 0})
	}
	return out.String()
}

func TestJSONWithTabs(t *testing.T) {
	g := NewWithT(t)
	set := readText(t, "{\n\t\"apiVersion\": \"architecture.archmap.dev/v1alpha1\",\n\t\"kind\": \"ComponentMapping\",\n\t\"metadata\": {\"name\": \"a\"}\n}\n")
	g.Expect(set.Mappings).To(HaveLen(1))
	g.Expect(set.Mappings[0].At("metadata.name")).To(Equal(Place{File: "<stdin>", Line: 4, Column: 15}))
	g.Expect(set.Err()).To(MatchError(ContainSubstring("<stdin>:1:1: ComponentMapping a: spec: Required value")))
}

func TestPlaces(t *testing.T) {
	g := NewWithT(t)
	set := readText(t, `apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  labels: {a.b/c: d}
data:
  dotted.key: |
    first
    second
  quoted: "a b"
  folded: >
    a
    b
  list: [x, {y: z}]
`)
	o := set.Ignored[0]
	for field, place := range map[string]string{
		"": "1:1", "metadata.name": "4:3", "metadata.labels[a.b/c]": "5:12", "metadata.annotations[x]": "3:1", "spec.checks[0]": "1:1",
		"data.dotted.key": "7:3", "data.list[1].y": "14:14", "data.list[7]": "14:3",
	} {
		g.Expect(o.At(field).String()).To(Equal("<stdin>:"+place), field)
	}
	for _, tc := range []struct {
		field        string
		line, column int
		place        string
	}{
		{"data.dotted.key", 2, 3, "9"}, {"data.quoted", 1, 3, "10:14"}, {"data.folded", 1, 3, "11:11"}, {"data.quoted", 0, 0, "10:11"},
		{"metadata.name", 1, 1, "4:9"},
	} {
		g.Expect(o.InText(tc.field, tc.line, tc.column).String()).To(Equal("<stdin>:"+tc.place), tc.field)
	}
}

func TestDirectories(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.yaml": minimalOf("b"), "sub/a.yml": minimalOf("a"), "c.json": `{"apiVersion": "v1", "kind": "Service"}`,
		"values.yaml": "replicas: 3\n", "kustomization.yaml": "resources: [b.yaml]\n", "notes.txt": "a: b: c\n", ".git/x.yaml": "a: b: c\n",
		"empty.yaml": "",
	} {
		path := filepath.Join(dir, name)
		g.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	}
	g.Expect(os.Symlink(filepath.Join(dir, "sub"), filepath.Join(dir, "loop"))).To(Succeed())
	set, err := Read([]string{dir, filepath.Join(dir, "b.yaml")}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(set.Err()).NotTo(HaveOccurred())
	var files []string
	for _, m := range set.Mappings {
		relative, err := filepath.Rel(dir, m.At("").File)
		g.Expect(err).NotTo(HaveOccurred())
		files = append(files, relative)
	}
	g.Expect(files).To(Equal([]string{"b.yaml", filepath.Join("sub", "a.yml")}), "each once")
	g.Expect(set.Ignored).To(HaveLen(1))
	g.Expect(set.Ignored[0].GetKind()).To(Equal("Service"))
}

func TestWhatCannotBeRead(t *testing.T) {
	g := NewWithT(t)
	_, err := Read([]string{"nowhere.yaml"}, nil)
	g.Expect(err).To(MatchError(os.ErrNotExist))
	_, err = Read([]string{Stdin}, infinite{})
	g.Expect(err).To(MatchError(ContainSubstring("<stdin> is larger than 32 MiB")))
}

type infinite struct{}

func (infinite) Read(p []byte) (int, error) { return len(p), nil }

func TestDefaultsAreFilledInAndStatusIsDropped(t *testing.T) {
	g := NewWithT(t)
	set := readText(t, minimalOf("a")+"  checks: [{name: a, type: Nodes, method: None, nodes: {}}]\nstatus: {message: old}\n")
	g.Expect(set.Err()).NotTo(HaveOccurred())
	m := set.Mappings[0].Value
	g.Expect(m.Status.Message).To(BeEmpty())
	g.Expect(m.Spec.Presence).NotTo(BeEmpty())
}
