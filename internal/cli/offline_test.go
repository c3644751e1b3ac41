// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/cli"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// result of a command.
type result struct {
	code        int
	out, errors string
}

func run(stdin string, args ...string) result {
	var out, complaints bytes.Buffer
	code := cli.Run(args, genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &complaints}, "v1.2.3")
	return result{code, out.String(), progress.ReplaceAllString(complaints.String(), "")}
}

// progress is told of what takes longer than a second, and that is the machine's affair.
var progress = regexp.MustCompile(`(?m)^Reading (the cluster|the dump, MiB|clusters|the operator's verdicts)(: \d+ of \d+)?\n`)

// bundle writes a bundle of a shape with faults, ten minutes after they came about.
func bundle(t *testing.T, shape string, faults ...func(*world.World) error) string {
	t.Helper()
	g := NewWithT(t)
	s, err := shapes.Load(shape)
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(s)
	g.Expect(err).NotTo(HaveOccurred())
	for _, fault := range faults {
		g.Expect(fault(w)).To(Succeed())
	}
	w.Advance(10 * time.Minute)
	file := filepath.Join(t.TempDir(), shape+".tar.gz")
	out, err := os.Create(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Bundle(out)).To(Succeed())
	g.Expect(out.Close()).To(Succeed())
	return file
}

var dns = world.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}

func crash(w *world.World) error { return w.SetPods(dns, world.Pods{State: world.CrashLooping}) }
func gone(w *world.World) error  { return w.Delete(dns) }

func TestExitCodes(t *testing.T) {
	healthy, broken := bundle(t, "overlay-cilium"), bundle(t, "overlay-cilium", crash)
	missing, elsewhere := bundle(t, "overlay-cilium", gone), bundle(t, "kubeadm")
	nodes := filepath.Join(t.TempDir(), "nodes.yaml")
	NewWithT(t).Expect(os.WriteFile(nodes, []byte("apiVersion: v1\nkind: Node\nmetadata: {name: a, creationTimestamp: \"2026-11-22T14:30:00Z\", labels: {kubernetes.azure.com/cluster: x}}\n"), 0o600)).To(Succeed())
	for name, c := range map[string]struct {
		args []string
		code int
		says string // on either stream
	}{
		"all is well":                        {[]string{"check", "--from", healthy}, 0, "none unhealthy"},
		"something is unhealthy":             {[]string{"check", "--from", broken}, 1, "CrashLooping"},
		"something is missing":               {[]string{"check", "--from", missing}, 1, "NotFound"},
		"not the platform":                   {[]string{"check", "--from", elsewhere}, 2, "is not Azure Kubernetes Service"},
		"no such dump":                       {[]string{"check", "--from", "nowhere.yaml"}, 2, "nowhere.yaml: no such file"},
		"unknown flag":                       {[]string{"check", "--frmo", healthy}, 3, "unknown flag: --frmo"},
		"unknown format":                     {[]string{"check", "--from", healthy, "-o", "xml"}, 3, `unknown output format "xml"; valid formats: wide, json`},
		"argument too many":                  {[]string{"report", healthy}, 3, "too many arguments"},
		"unknown command":                    {[]string{"chekc"}, 3, `unknown command "chekc"`},
		"no such time":                       {[]string{"check", "--from", healthy, "--at", "yesterday"}, 3, `invalid time --at "yesterday"`},
		"no such component":                  {[]string{"explain", "corends", "--from", healthy}, 3, `no component named "corends"; did you mean coredns?`},
		"nothing like a component":           {[]string{"explain", "xyzzy", "--from", healthy}, 3, `no component named "xyzzy"; the closest are `},
		"an alias":                           {[]string{"explain", "karpenter", "--from", healthy}, 0, "node-auto-provisioning"},
		"part of a name":                     {[]string{"explain", "disk", "--from", healthy}, 3, "did you mean azuredisk-csi-driver?"},
		"no name":                            {[]string{"explain"}, 3, "missing argument: archmap explain COMPONENT"},
		"rights of the built-in catalog":     {[]string{"rbac", "--for", "user"}, 0, "archmap-reader"},
		"a thin dump":                        {[]string{"check", "--from", nodes}, 1, "not in this dump: APIService, "},
		"asked for, not in the dump":         {[]string{"check", "karpenter", "--from", nodes}, 2, "? unknown: AKS, 0 of 1 node ready, 0 of 1 component present, 1 unknown"},
		"asked for, not installed":           {[]string{"check", "karpenter", "--from", healthy}, 0, "– not installed: AKS v1.35.8, 6 of 6 nodes ready, 0 of 1 component"},
		"explained, though broken":           {[]string{"explain", "coredns", "--from", broken}, 0, "CrashLooping"},
		"as documented, or known not":        {[]string{"diff", "--from", healthy}, 0, " known; --strict lists them)\n"},
		"not as documented, strictly":        {[]string{"diff", "--from", healthy, "--strict"}, 1, "known: With Azure CNI Powered by Cilium"},
		"strict about two":                   {[]string{"diff", "--from", healthy, "--to", broken, "--strict"}, 3, "--strict applies to the documentation"},
		"fail on nothing":                    {[]string{"check", "--from", broken, "--fail-on", "none"}, 0, "CrashLooping"},
		"fail on something else":             {[]string{"check", "--from", broken, "--fail-on", "missing,violations"}, 0, "CrashLooping"},
		"not the platform, and that is fine": {[]string{"check", "--from", elsewhere, "--fail-on", "unhealthy"}, 0, "is not Azure Kubernetes Service"},
		"fail on what is not known":          {[]string{"check", "--from", healthy, "--fail-on", "sick"}, 3, "valid values: unhealthy, missing"},
		"a report that fails":                {[]string{"report", "--from", broken, "-o", "-", "--fail-on", "unhealthy"}, 1, "<html"},
		"nothing has changed":                {[]string{"diff", "--from", healthy, "--to", healthy}, 0, "no difference"},
		"something has changed":              {[]string{"diff", "--from", healthy, "--to", broken}, 1, "CrashLooping"},
		"one side is missing":                {[]string{"diff", "--from", healthy, "--to", "nowhere"}, 2, "nowhere: no such file"},
		"operator on a dump":                 {[]string{"table", "--from", healthy, "--source", "operator"}, 3, "--source operator"},
		"unknown source":                     {[]string{"table", "--source", "guess"}, 3, `"guess"`},
		"report without a file":              {[]string{"report", "--from", healthy}, 3, "-o FILE"},
		"mappings that do not exist":         {[]string{"check", "--from", healthy, "-f", "nowhere"}, 2, "nowhere"},
		"no mappings":                        {[]string{"check", "--from", healthy, "-f", t.TempDir()}, 3, "no ComponentMapping in"},
		"time of no dump":                    {[]string{"check", "--at", "2026-11-22T14:30:00Z"}, 3, "name the dump with --from"},
		"standard input twice":               {[]string{"diff", "--from", "-", "--to", "-"}, 3, "only once"},
		"dump and mappings in one":           {[]string{"check", "--from", "-", "-f", "-"}, 3, "only once"},
		"no such context":                    {[]string{"check", "--from", "context:none"}, 3, "no context"},
		"nothing to compare":                 {[]string{"diff", "--from", nodes, "--to", nodes}, 0, "not in this dump: "},
		"help":                               {[]string{"check", "--help"}, 0, "kubectl archmap check"},
		"version":                            {[]string{"--version"}, 0, "v1.2.3"},
		"nothing but one's own, of which there is none": {[]string{"check", "--from", healthy, "--only-mine"}, 3, "name your own mappings with -f"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := run("", c.args...)
			g.Expect(got.out + got.errors).To(ContainSubstring(c.says))
			g.Expect(got.code).To(Equal(c.code), got.errors)
		})
	}
}

// TestKnownDifferences: as many are counted as --strict lists.
func TestKnownDifferences(t *testing.T) {
	g, healthy := NewWithT(t), bundle(t, "overlay-cilium")
	rows := strings.Count(run("", "diff", "--from", healthy, "--strict").out, "known: ")
	g.Expect(rows).To(BeNumerically(">", 1))
	g.Expect(run("", "diff", "--from", healthy).errors).To(ContainSubstring("no differences (%d known; --strict lists them)\n", rows))
}

// Every format is what its name says, and tells of every component.
func TestFormats(t *testing.T) {
	from := bundle(t, "documented")
	valid := map[string]func(string) error{
		"json": func(s string) error { return json.Unmarshal([]byte(s), &map[string]any{}) },
		"yaml": func(s string) error { return yaml.UnmarshalStrict([]byte(s), &map[string]any{}) },
		"csv":  func(s string) error { _, err := csv.NewReader(strings.NewReader(s)).ReadAll(); return err },
	}
	for _, format := range []string{"", "wide", "json", "yaml", "name", "markdown", "csv"} {
		t.Run(format, func(t *testing.T) {
			g := NewWithT(t)
			got := run("", "check", "--from", from, "-o", format)
			g.Expect(got.code).To(BeZero(), got.errors)
			for _, name := range []string{"kube-apiserver", "coredns", "image-cleaner"} {
				g.Expect(got.out).To(ContainSubstring(name))
			}
			g.Expect(got.out).NotTo(ContainSubstring("\x1b"), "colors are for terminals")
			if check := valid[format]; check != nil {
				g.Expect(check(got.out)).To(Succeed())
			}
		})
	}
}

// Wide tells of node pools and advisories, too.
func TestWide(t *testing.T) {
	g := NewWithT(t)
	from := bundle(t, "documented")
	wide, narrow := run("", "check", "--from", from, "-o", "wide").out, run("", "check", "--from", from).out
	for _, words := range []string{"userpool", "3/3", "AS-DOCUMENTED"} {
		g.Expect(wide).To(ContainSubstring(words))
		g.Expect(narrow).NotTo(ContainSubstring(words))
	}
}

// Components that are named are looked at alone, as people call them; what is wrong elsewhere does not count.
func TestCheckOfSome(t *testing.T) {
	g := NewWithT(t)
	from := bundle(t, "gke-like")
	g.Expect(run("", "check", "--from", from).code).To(Equal(2), "it is not AKS")
	one := run("", "check", "dns", "nap", "--from", from)
	g.Expect(one.code).To(Equal(0), one.out)
	g.Expect(one.out).To(SatisfyAll(ContainSubstring("coredns "), ContainSubstring("node-auto-provisioning "), Not(ContainSubstring("kubelet "))))
	from = bundle(t, "overlay-cilium")
	only := run("", "check", "--only", "absent", "--from", from)
	g.Expect(only.out).To(SatisfyAll(ContainSubstring("kubenet "), Not(ContainSubstring("coredns "))))
	g.Expect(run("", "check", "--all", "--from", from).out).To(SatisfyAll(ContainSubstring("kubenet "), Not(ContainSubstring("Not installed"))))
	for text, args := range map[string][]string{
		`no component named "corends"; did you mean coredns?`:                        {"corends"},
		`invalid value "bad" for --only; valid values: unhealthy, missing, unknown`:  {"--only", "bad"},
		`--only and --all can't be used with --output csv, which has all components`: {"--all", "-o", "csv"},
		`--watch follows the cluster; it can't be used with a dump`:                  {"--watch"},
		`--output json can't be used with --watch`:                                   {"--watch", "-o", "json"},
		`to check a dump, use --from ./dump.yaml`:                                    {"./dump.yaml"},
	} {
		mistake := run("", append([]string{"check", "--from", from}, args...)...)
		g.Expect(mistake.code).To(Equal(3), text)
		g.Expect(mistake.errors).To(ContainSubstring(text))
	}
}

// The objects of -o json are those that the operator would keep: they can be applied, and judged again.
func TestExportedObjectsAreMappings(t *testing.T) {
	g := NewWithT(t)
	from := bundle(t, "overlay-cilium")
	first := run("", "check", "--from", from, "-o", "yaml")
	own := filepath.Join(t.TempDir(), "own.yaml")
	g.Expect(os.WriteFile(own, []byte(first.out), 0o600)).To(Succeed())
	again := run("", "check", "--from", from, "-f", own, "-o", "yaml")
	g.Expect(again.errors).To(And(
		MatchRegexp(`(?m)^Warning: your ComponentMappings kube-apiserver, etcd, kube-scheduler and \d+ more replace the built-in ones$`),
		ContainSubstring("Warning: your ClusterArchitecture aks replaces the built-in aks\n")))
	g.Expect(verdicts(g, again.out)).To(Equal(verdicts(g, first.out)))
	again = run("", "check", "--from", from, "-f", own, "--only-mine", "-o", "yaml")
	g.Expect(again.errors).To(BeEmpty())
	g.Expect(verdicts(g, again.out)).To(Equal(verdicts(g, first.out)))
}

// Mappings of one's own come to those of the catalog. What takes the name of one of these takes its place, and is told.
func TestMappingsOfOnesOwn(t *testing.T) {
	g := NewWithT(t)
	from := bundle(t, "overlay-cilium")
	mapping := func(name, deployment string) string {
		return `---
apiVersion: architecture.archmap.dev/v1alpha1
kind: ComponentMapping
metadata: {name: ` + name + `, labels: {architecture.archmap.dev/platform: aks}}
spec:
  component: Mine
  category: Addon
  placement: Cluster
  operatedBy: Customer
  presence: Required
  implementation: {name: Mine, methods: [Deployment], source: {name: mine}}
  checks:
  - {name: d, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [` + deployment + `], container: d}}
`
	}
	rows := func(r result) map[string]shapes.Expected {
		out, err := shapes.ListVerdicts([]byte(r.out))
		g.Expect(err).NotTo(HaveOccurred())
		return out
	}
	builtIn := rows(run("", "check", "--from", from, "-o", "yaml"))
	check := func(text string, args ...string) result {
		return run("", append([]string{"check", "--from", from, "-f", writeText(t, "own.yaml", text), "-o", "yaml"}, args...)...)
	}

	added := check(mapping("mine", "coredns"))
	g.Expect(added.code).To(BeZero(), added.errors)
	g.Expect(added.errors).To(BeEmpty())
	g.Expect(rows(added)).To(And(HaveLen(len(builtIn)+1), HaveKey("mine"), HaveKey("coredns")))
	g.Expect(added.out).To(ContainSubstring(fmt.Sprintf(" of %d components present", len(builtIn)+1)), "the built-in architecture takes it in by its label")

	replaced := check(mapping("coredns", "nowhere"))
	g.Expect(replaced.code).To(Equal(1), "what is required of one's own counts: %s", replaced.errors)
	g.Expect(replaced.errors).To(ContainSubstring("Warning: your ComponentMapping coredns replaces the built-in one\n"))
	g.Expect(rows(replaced)).To(HaveLen(len(builtIn)))

	apart := check(strings.ReplaceAll(mapping("mine", "nowhere"), "platform: aks", "platform: other"))
	g.Expect(apart.code).To(Equal(1), "one that the architecture does not take in counts by itself: %s", apart.errors)
	g.Expect(rows(apart)).To(HaveKey("mine"))

	alone := check(mapping("mine", "coredns"), "--only-mine")
	g.Expect(rows(alone)).To(And(HaveLen(1), HaveKey("mine")), alone.errors)
}

func verdicts(g Gomega, text string) map[string]shapes.Expected {
	out, err := shapes.ListVerdicts([]byte(text))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(out)).To(BeNumerically(">", 40))
	return out
}

func TestDrawings(t *testing.T) {
	from := bundle(t, "overlay-cilium")
	g := NewWithT(t)
	ascii := run("", "diagram", "--from", from, "--plain", "--width", "80")
	for line := range strings.Lines(ascii.out) {
		g.Expect(len(strings.TrimRight(line, "\n"))).To(BeNumerically("<=", 80), line)
	}
	g.Expect(ascii.out).To(MatchRegexp(`^\+ aks v1\.35\.8, 6 nodes: [\n -~]*\nAKS cluster architecture\n`), "the verdict comes first")
	g.Expect(run("", "diagram", "--from", from, "-o", "mermaid").out).To(HavePrefix("flowchart"))
	svg := run("", "diagram", "--from", from, "-o", "svg").out
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := decoder.Token()
		if err == io.EOF {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(run("", "diagram", "--documented").out).To(And(HavePrefix("AKS cluster architecture\n"), ContainSubstring("kube-apiserver")), "which needs no cluster")
	g.Expect(run("", "table", "--documented").out).To(ContainSubstring("## References"), "which needs no cluster")
}

// A report is there whole, or not at all; nothing else is left behind.
func TestReportFile(t *testing.T) {
	g := NewWithT(t)
	from, dir := bundle(t, "overlay-cilium"), t.TempDir()
	file := filepath.Join(dir, "report.html")
	got := run("", "report", "--from", from, "-o", file)
	g.Expect(got.code).To(BeZero(), got.errors)
	g.Expect(got.errors).To(MatchRegexp(`^Wrote %s: healthy: AKS v1\.35\.8, 6 of 6 nodes ready, \d+ of \d+ components present`, regexp.QuoteMeta(file)))
	page, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(page)).To(HaveSuffix("</html>\n"))
	g.Expect(run("", "report", "--from", from, "-o", "-").out).To(Equal(string(page)))

	g.Expect(run("", "report", "--from", from, "-o", filepath.Join(dir, "none", "report.html")).code).To(Equal(2))
	entries, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(entries).To(HaveLen(1))
}

// What is there and no file is written to; what is linked to stays linked to, with the rights that it has.
func TestReportGoesWhereItIsSent(t *testing.T) {
	g := NewWithT(t)
	from, dir := bundle(t, "overlay-cilium"), t.TempDir()
	target, link, pipe := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	g.Expect(os.WriteFile(target, nil, 0o640)).To(Succeed())
	g.Expect(os.Symlink(target, link)).To(Succeed())
	g.Expect(run("", "report", "--from", from, "-o", link).code).To(BeZero())
	found, err := os.Lstat(link)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Mode().Type()).To(Equal(os.ModeSymlink))
	found, err = os.Stat(target)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Mode()).To(Equal(os.FileMode(0o640)))
	g.Expect(found.Size()).To(BeNumerically(">", 1000))

	g.Expect(syscall.Mkfifo(pipe, 0o600)).To(Succeed())
	read := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(pipe)
		read <- string(text)
	}()
	g.Expect(run("", "report", "--from", from, "-o", pipe).code).To(BeZero())
	g.Eventually(read).Should(Receive(HaveSuffix("</html>\n")))
}

// Names and messages of clusters and files cannot steer the terminal of whoever reads about them.
func TestOutputIsPlain(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "hostile.yaml")
	const escape = "\x1b]0;owned\a\u202e"
	g.Expect(os.WriteFile(file, []byte("apiVersion: architecture.archmap.dev/v1alpha1\nkind: ComponentMapping\nmetadata: {name: \"\\e]0;owned\\a\\u202e\"}\n"), 0o600)).To(Succeed())
	for _, args := range [][]string{{"lint", "-f", file}, {"check", "-f", file}, {"explain", escape, "--from", file}, {"check", "--from", escape}} {
		got := run("", args...)
		g.Expect(got.out+got.errors).NotTo(ContainSubstring("\x1b"), "%q", args)
		g.Expect(got.out+got.errors).NotTo(ContainSubstring("\u202e"), "%q", args)
		g.Expect(got.code).NotTo(BeZero(), "%q", args)
	}
}

// A dump may come through a pipe.
func TestStandardInput(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile(bundle(t, "overlay-cilium"))
	g.Expect(err).NotTo(HaveOccurred())
	got := run(string(text), "check", "--from", "-")
	g.Expect(got.code).To(BeZero(), got.errors)
	g.Expect(got.out).To(MatchRegexp(`\d+ of \d+ components present, none unhealthy`))
}
