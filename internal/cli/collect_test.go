// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// A bundle is written whole or not at all, over nothing that is there, for nobody else to read.
func TestCollect(t *testing.T) {
	g := NewWithT(t)
	from, dir := bundle(t, "overlay-cilium", crash), t.TempDir()
	file := filepath.Join(dir, "bundle.tar.gz")
	collect := func(args ...string) result { return run("", append([]string{"collect", "--from", from}, args...)...) }

	expect := func(r result, code int, words string) {
		t.Helper()
		g.Expect(r.code).To(Equal(code), r.errors)
		g.Expect(r.errors).To(ContainSubstring(words))
	}

	expect(collect(), 3, "-o bundle.tar.gz")
	expect(collect("-o", dir), 3, "not a regular file")
	expect(collect("-o", file), 0, " objects of ")
	written, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	found, err := os.Stat(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Mode().Perm()).To(Equal(os.FileMode(0o600)))

	expect(collect("-o", file), 3, "use --force to replace it")
	expect(collect("-o", file, "--force"), 0, "")
	expect(collect("-o", filepath.Join(dir, "nowhere", "b.tar.gz")), 2, "write the bundle")
	expect(run("", "collect", "--from", filepath.Join(dir, "nothing"), "-o", filepath.Join(dir, "b.tar.gz")), 2, "nothing")
	left, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(HaveLen(1), "no half of a bundle stays")

	piped := collect("-o", "-")
	g.Expect(piped.code).To(Equal(0))
	g.Expect(piped.out).To(Equal(string(written)), "the same gives the same")
	checked, again := run("", "check", "--from", from), run(piped.out, "check", "--from", "-")
	g.Expect(again.code).To(Equal(1))
	g.Expect(again.out).To(Equal(checked.out), "and what it says is the same")
}

const (
	privateDump = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: node-1, creationTimestamp: "2026-10-02T14:30:00Z"}}
- {apiVersion: example.com/v1, kind: Thing, metadata: {name: hidden-thing}, spec: {address: hidden}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: kept, uid: d, labels: {env: prod}}
  spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}
  status: {unavailableReplicas: 1}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-1, namespace: kept, labels: {app: web}, creationTimestamp: "2026-10-02T14:00:00Z"}
  status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: hidden-pod, namespace: kept, labels: {app: hidden}, creationTimestamp: "2026-10-02T14:00:00Z"}
  status: {phase: Pending}
`

	ownMapping = `apiVersion: architecture.archmap.dev/v1alpha1
kind: ComponentMapping
metadata: {name: web}
spec:
  component: Web
  category: Addon
  operatedBy: Customer
  placement: Cluster
  presence: Optional
  implementation: {name: Web, methods: [Deployment], source: {name: web}}
`

	ownCheck = `  checks:
  - {name: web, type: Workload, workload: {kind: Deployment, namespace: kept, selector: {matchLabels: {env: prod}}}}
`
)

// collectOwn makes a bundle of a dump for a mapping, and returns where it is, all text in it, and what was said.
func collectOwn(t *testing.T, name, text, mapping string) (file, all string, r result) {
	t.Helper()
	g := NewWithT(t)
	dir := t.TempDir()
	from, mappings, file := filepath.Join(dir, name), filepath.Join(dir, "m.yaml"), filepath.Join(dir, "b.tar.gz")
	g.Expect(os.WriteFile(from, []byte(text), 0o600)).To(Succeed())
	g.Expect(os.WriteFile(mappings, []byte(mapping), 0o600)).To(Succeed())
	r = run("", "collect", "--from", from, "-f", mappings, "--only-mine", "-o", file)
	g.Expect(r.code).To(BeZero(), r.errors)
	packed, err := os.Open(file)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(packed.Close()).To(Succeed()) }()
	unpacked, err := gzip.NewReader(packed)
	g.Expect(err).NotTo(HaveOccurred())
	var out strings.Builder
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return file, out.String(), r
		}
		g.Expect(err).NotTo(HaveOccurred())
		out.WriteString(header.Name + "\n")
		_, err = io.Copy(&out, archive) //nolint:gosec // it is our own
		g.Expect(err).NotTo(HaveOccurred())
	}
}

// Only what the mappings ask for goes in: nothing for one that asks for nothing, and of pods only those that explain.
func TestCollectOnlyWhatIsAsked(t *testing.T) {
	g := NewWithT(t)
	_, all, r := collectOwn(t, "d.yaml", privateDump, ownMapping)
	g.Expect(r.errors).To(MatchRegexp(` holds \d+ objects of d.yaml, collected at`))
	g.Expect(all).NotTo(ContainSubstring(os.TempDir()), "where somebody keeps dumps is private")
	g.Expect(all).NotTo(Or(ContainSubstring("hidden"), ContainSubstring("web-1")))

	file, all, _ := collectOwn(t, "d.yaml", privateDump, ownMapping+ownCheck)
	g.Expect(all).To(And(ContainSubstring("name: web-1"), Not(ContainSubstring("hidden"))))
	checked := run("", "check", "--from", file, "-f", writeText(t, "m.yaml", ownMapping+ownCheck), "--only-mine", "-o", "yaml")
	g.Expect(checked.code).To(Equal(1), checked.errors)
	g.Expect(checked.out).To(ContainSubstring("Unschedulable"), "what the bundle says is what the dump says")
}

// What was left out is not absent: whoever reads it is told.
func TestCheckOfWhatWasLeftOut(t *testing.T) {
	g := NewWithT(t)
	config := `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: node-1, creationTimestamp: "2026-10-02T14:30:00Z"}}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: c, namespace: kept, annotations: {example.com/mode: hidden}}
  data: {mode: fast, other: hidden}
`
	reads := func(expression string) string {
		return ownMapping + "  checks:\n  - {name: c, type: Object, method: None, object: {apiVersion: v1, kind: ConfigMap, namespace: kept, name: c, present: \"" + expression + "\"}}\n"
	}
	file, all, _ := collectOwn(t, "d.yaml", config, reads("object.data.mode == 'fast'"))
	g.Expect(all).NotTo(Or(ContainSubstring("hidden"), ContainSubstring("example.com/mode"), ContainSubstring("other:")))
	for expression, left := range map[string]string{
		"object.data.mode == 'fast'":     "",
		"object.data.mode == 'slow'":     "",
		"object.data.?absent.hasValue()": "",
		"object.data.other == 'x'":       "other of ConfigMap kept/c",
		"object.metadata.annotations['example.com/mode'] == 'x' || 'other' in object.data": "example.com/mode of ConfigMap kept/c, other of ConfigMap kept/c",
	} {
		r := run("", "check", "--from", file, "-f", writeText(t, "m.yaml", reads(expression)), "--only-mine")
		if left == "" {
			g.Expect(r.errors).NotTo(ContainSubstring("Warning"), expression)
		} else {
			g.Expect(r.errors).To(And(ContainSubstring("left out what these read"), ContainSubstring("cannot be seen: "+left)), expression)
		}
	}
}

// A cluster that nobody has named is still one.
func TestCollectOfNoName(t *testing.T) {
	g := NewWithT(t)
	r := run(privateDump, "collect", "--from", "-", "-f", writeText(t, "m.yaml", ownMapping+ownCheck), "--only-mine", "-o", "-")
	g.Expect(r.code).To(BeZero(), r.errors)
	g.Expect(r.errors).To(MatchRegexp(`The bundle holds \d+ objects of the cluster, collected at`))
}

func writeText(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	NewWithT(t).Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
	return file
}
