// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/archmap/archmap/config/catalog"
)

const (
	validMapping = `apiVersion: architecture.archmap.dev/v1alpha1
kind: ComponentMapping
metadata: {name: redis}
spec:
  component: Redis
  category: Addon
  placement: Cluster
  operatedBy: Customer
  implementation: {name: Redis, methods: [StatefulSet], source: {name: redis/redis}}
  checks:
  - {name: redis, type: Workload, workload: {kind: %s, namespace: redis, names: [redis], container: redis}}
`
	someCatalog = "../../config/catalog"
)

// runWith runs the plugin and returns its exit code and what it printed.
func runWith(input string, args ...string) (code int, out, errOut string) {
	streams, in, stdout, stderr := genericiooptions.NewTestIOStreams()
	in.WriteString(input)
	code = Run(args, streams, "v0.0.0-test")
	return code, stdout.String(), stderr.String()
}

// mappingWith returns a mapping of a workload of that kind.
func mappingWith(kind string) string { return fmt.Sprintf(validMapping, kind) }

// mappingBeyondRights returns one that names what the operator may not look at as it is shipped.
func mappingBeyondRights() string {
	return mappingWith("StatefulSet") + "  - {name: scaling, type: Object, method: None, object: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, namespace: redis}}\n"
}

// shipped is what lint says of the shipped catalog and so many mappings more.
func shipped(more int) string {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("in %d mappings and 1 architecture", len(loaded.Mappings)+more)
}

func TestLintExitCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		input string
		args  []string
		code  int
		words string
	}{
		"clean":                 {mappingWith("Deployment"), []string{"-f", "-"}, exitNothing, "0 errors, 0 warnings, 0 notes in 1 mapping and 0 architectures"},
		"the catalog":           {"", []string{"-f", someCatalog, "--strict"}, exitNothing, shipped(0)},
		"a warning":             {mappingBeyondRights(), []string{"-f", "-"}, exitNothing, "1 warning"},
		"a warning, strictly":   {mappingBeyondRights(), []string{"-f", "-", "--strict"}, exitAct, "1 warning"},
		"a rule left out":       {mappingBeyondRights(), []string{"-f", "-", "--strict", "--disable", "rbac"}, exitNothing, "0 warnings"},
		"an error":              {mappingWith("Pod"), []string{"-f", "-"}, exitAct, "1 error,"},
		"not YAML":              {"a: b: c", []string{"-f", "-"}, exitAct, "1 error,"},
		"no such file":          {"", []string{"-f", "nowhere"}, exitUnknown, "nowhere"},
		"no mapping":            {"apiVersion: v1\nkind: Service\n", []string{"-f", "-"}, exitUnknown, "no ComponentMapping"},
		"no files":              {"", nil, exitUsage, "name files or directories with mappings"},
		"an unknown rule":       {"", []string{"-f", "-", "--disable", "color"}, exitUsage, `unknown rule "color"`},
		"an unknown format":     {"", []string{"-f", "-", "-o", "xml"}, exitUsage, `"xml"`},
		"an argument":           {"", []string{someCatalog, "--strict"}, exitNothing, shipped(0)},
		"an argument and a -f":  {mappingWith("Deployment"), []string{someCatalog, "-f", "-"}, exitNothing, shipped(1)},
		"no such argument":      {"", []string{"mappings/"}, exitUnknown, "mappings/"},
		"a directory of others": {"", []string{"-f", "../../config/manager"}, exitUnknown, "no ComponentMapping"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			code, _, errOut := runWith(tc.input, append([]string{"lint"}, tc.args...)...)
			g.Expect(code).To(Equal(tc.code), errOut)
			g.Expect(errOut).To(ContainSubstring(tc.words))
		})
	}
}

func TestLintFormats(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "redis.yaml")
	g.Expect(os.WriteFile(file, []byte(mappingWith("Pod")), 0o600)).To(Succeed())
	_, out, _ := runWith("", "lint", "-f", file)
	g.Expect(out).To(HavePrefix(file + ":11:46: error: ComponentMapping redis: spec.checks[0].workload.kind: Unsupported value"))
	for _, format := range []string{"json", "sarif"} {
		code, out, errOut := runWith("", "lint", "-f", file, "-o", format)
		g.Expect(code).To(Equal(exitAct))
		g.Expect(json.Valid([]byte(out))).To(BeTrue(), format)
		g.Expect(errOut).To(BeEmpty(), "standard output is for machines, and they read nothing else")
	}
}
