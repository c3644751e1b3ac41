// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/test/mistakes"
)

// example is a file of testdata: some YAML, and the findings that it must have, as rule, severity and place before words
// of the message.
type example struct {
	Name  string `json:"name"`
	Files string `json:"files"`
	// Against is a dump to which they are held.
	Against string   `json:"against"`
	Want    []string `json:"want"`
}

// mappingHead begins a mapping of which the examples give the name and the end of its spec.
const mappingHead = `apiVersion: architecture.archmap.dev/v1alpha1
kind: ComponentMapping
metadata: {name: %s, labels: {architecture.archmap.dev/platform: aks}}
spec:
  component: x
  category: Addon
  placement: Cluster
  operatedBy: Customer
  implementation: {name: x, methods: [Deployment], source: {name: x}}
`

// expand puts mappingHead in the place of a line "# mapping NAME".
func expand(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if name, found := strings.CutPrefix(line, "# mapping "); found {
			line = fmt.Sprintf(mappingHead, strings.TrimSpace(name))
		}
		out.WriteString(line)
	}
	return out.String()
}

func lintText(t *testing.T, text string, o Options) []Finding {
	t.Helper()
	g := NewWithT(t)
	set, err := manifest.Read([]string{manifest.Stdin}, strings.NewReader(text))
	g.Expect(err).NotTo(HaveOccurred())
	findings, err := Run(set, o)
	g.Expect(err).NotTo(HaveOccurred())
	return findings
}

// dumpOf reads the dump of an example; nil when it has none.
func dumpOf(t *testing.T, e example) *Dump {
	t.Helper()
	if e.Against == "" {
		return nil
	}
	g := NewWithT(t)
	set, err := manifest.Read([]string{manifest.Stdin}, strings.NewReader(expand(e.Files)))
	g.Expect(err).NotTo(HaveOccurred())
	read, info, err := dump.Load("-", strings.NewReader(e.Against), dump.Options{Needs: Needs(set), Schemas: true})
	g.Expect(err).NotTo(HaveOccurred())
	return &Dump{Snapshot: read, Definitions: info.Definitions}
}

func TestRules(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "rules.yaml"))
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	var examples []example
	g.Expect(yaml.UnmarshalStrict(data, &examples)).To(Succeed())
	seen := map[string]bool{}
	for _, e := range examples {
		t.Run(e.Name, func(t *testing.T) {
			g := NewWithT(t)
			findings := lintText(t, expand(e.Files), Options{Against: dumpOf(t, e)})
			var got []string
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%s %s %d:%d %s", f.Rule, f.Severity, f.Line, f.Column, f.Message))
				seen[f.Rule] = true
			}
			g.Expect(got).To(HaveLen(len(e.Want)), "an example of testdata/rules.yaml has the findings that it wants, and no others")
			for i, want := range e.Want {
				g.Expect(got[i]).To(HavePrefix(want), "finding %d of the example", i)
			}
		})
	}
	for _, rule := range RuleNames() {
		g.Expect(seen).To(HaveKey(rule), "testdata/rules.yaml has an example of every rule: %s", rule)
	}
}

// withoutVersion are the shipped mappings of which nothing tells a version: which containers their workloads have is known
// from no cluster and no documentation.
var withoutVersion = []string{
	"ComponentMapping image-cleaner", "ComponentMapping node-auto-provisioning", "ComponentMapping retina", "ComponentMapping snapshot-controller",
	"ComponentMapping entra-id", "ComponentMapping kubenet", "ComponentMapping azure-backup", "ComponentMapping azure-container-storage",
	"ComponentMapping cost-analysis", "ComponentMapping defender-sensor", "ComponentMapping extension-manager", "ComponentMapping kaito",
	"ComponentMapping static-egress-gateway", "ComponentMapping virtual-node", "ComponentMapping app-monitoring",
	"ComponentMapping cluster-health-monitor", "ComponentMapping image-integrity",
}

func TestTheShippedFilesAreClean(t *testing.T) {
	for _, dir := range []string{"catalog", "catalog/aks", "catalog/aks-extras", "samples"} {
		g := NewWithT(t)
		set, err := manifest.Read([]string{filepath.Join("..", "..", "config", dir)}, nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(set.Mappings).NotTo(BeEmpty(), "there are mappings in config/%s", dir)
		findings, err := Run(set, Options{})
		g.Expect(err).NotTo(HaveOccurred())
		if dir == "catalog/aks-extras" || dir == "catalog/aks" {
			// Each half names components of the other.
			findings = slices.DeleteFunc(findings, func(f Finding) bool { return f.Rule == ruleReference })
		}
		findings = slices.DeleteFunc(findings, func(f Finding) bool {
			return f.Rule == ruleVersion && slices.Contains(withoutVersion, f.Object)
		})
		g.Expect(findings).To(BeEmpty(), "the shipped files have no findings: config/%s", dir)
	}
}

// No mistake may keep the linter from its work, and each is an error.
func TestSurvivesMistakes(t *testing.T) {
	for _, file := range mistakes.Files() {
		for _, mistake := range file.Cases {
			spoiled, err := mistake.Spoil(file.Base)
			g := NewWithT(t)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(Worst(lintText(t, string(spoiled), Options{}))).To(Equal(Error), "every mistake of test/mistakes is an error: %s", mistake.Name)
		}
	}
}

func TestRulesCanBeLeftOut(t *testing.T) {
	g := NewWithT(t)
	text := expand("# mapping a\n---\n# mapping a\n")
	g.Expect(lintText(t, text, Options{})).To(HaveLen(1), "two mappings of one name are a finding")
	g.Expect(lintText(t, text, Options{Without: []string{ruleClash}})).To(BeEmpty(), "a rule that is left out has no findings")
}

var someFindings = []Finding{
	{Place: manifest.Place{File: "a dir/x.yaml", Line: 3, Column: 5}, Rule: ruleSchema, Severity: Error, Object: "ComponentMapping <x>",
		Field: "spec.order", Message: "is wrong"},
	{Place: manifest.Place{File: "y.yaml"}, Rule: ruleSyntax, Severity: Error, Message: "is empty"},
	{Place: manifest.Place{File: "y.yaml", Line: 1}, Rule: ruleRBAC, Severity: Warning, Object: "ComponentMapping y", Message: "may not", Fix: "grant it"},
}

func TestText(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(WriteText(&out, someFindings)).To(Succeed())
	g.Expect(out.String()).To(Equal(`a dir/x.yaml:3:5: error: ComponentMapping <x>: spec.order: is wrong [schema]
y.yaml: error: is empty [syntax]
y.yaml:1: warning: ComponentMapping y: may not; grant it [rbac]
`))
}

func TestJSON(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(WriteJSON(&out, someFindings)).To(Succeed())
	g.Expect(out.String()).To(ContainSubstring(`"object": "ComponentMapping <x>"`))
	var content jsonReport
	g.Expect(json.Unmarshal(out.Bytes(), &content)).To(Succeed())
	g.Expect([]int{content.Errors, content.Warnings, content.Notes, len(content.Findings)}).To(Equal([]int{2, 1, 0, 3}))
	out.Reset()
	g.Expect(WriteJSON(&out, nil)).To(Succeed())
	g.Expect(out.String()).To(ContainSubstring(`"findings": []`))
}

// What the SARIF schema demands: version, runs, tool.driver.name; of each rule its id, of each result its message; levels
// and positions of the allowed kind; results that refer to the rules they name.
func TestSARIF(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	findings := append(slices.Clone(someFindings), Finding{Place: manifest.Place{File: "/repo/sub/z.yaml", Line: 1}, Rule: ruleKind, Severity: Note, Message: "m"},
		Finding{Place: manifest.Place{File: "/elsewhere/z.yaml", Line: 1}, Rule: ruleKind, Severity: Note, Message: "m"})
	g.Expect(WriteSARIF(&out, findings, "v1.2.3", "/repo")).To(Succeed())
	var log sarifLog
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	g.Expect(decoder.Decode(&log)).To(Succeed())
	g.Expect(log.Version).To(Equal("2.1.0"), "the version of SARIF")
	g.Expect(log.Runs).To(HaveLen(1), "there is one run")
	driver := log.Runs[0].Tool.Driver
	g.Expect(driver.Name).To(Equal("archmap"))
	for _, rule := range driver.Rules {
		g.Expect(rule.ID).NotTo(BeEmpty(), "every rule has an ID")
		g.Expect(rule.ShortDescription.Text).NotTo(BeEmpty(), "every rule has a description: %s", rule.ID)
		g.Expect(rule.Help.Text).NotTo(BeEmpty(), "every rule has a help: %s", rule.ID)
		g.Expect(rule.DefaultConfiguration.Level).To(BeElementOf(Error, Warning, Note), "every rule has a level of SARIF: %s", rule.ID)
	}
	var uris []string
	for i, result := range log.Runs[0].Results {
		g.Expect(driver.Rules[result.RuleIndex].ID).To(Equal(result.RuleID), "every result refers to its rule: result %d", i)
		g.Expect(result.Level).To(Equal(findings[i].Severity), "every result has the severity of its finding: result %d", i)
		g.Expect(result.Message.Text).NotTo(BeEmpty(), "every result has a message: result %d", i)
		g.Expect(result.Locations).To(HaveLen(1), "every result has one place: result %d", i)
		physical := result.Locations[0].PhysicalLocation
		uris = append(uris, physical.ArtifactLocation.URI)
		if physical.Region != nil {
			g.Expect(physical.Region.StartLine).To(BeNumerically(">=", 1), "lines are counted from 1: result %d", i)
		}
	}
	g.Expect(uris).To(Equal([]string{"a%20dir/x.yaml", "y.yaml", "y.yaml", "sub/z.yaml", "file:///elsewhere/z.yaml"}))
	g.Expect(log.Runs[0].Results[1].Locations[0].PhysicalLocation.Region).To(BeNil(), "a file as a whole has no region")
}
