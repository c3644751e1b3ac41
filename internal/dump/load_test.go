// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/text/encoding/unicode"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/internal/bundle"
	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

var (
	deployments  = schema.FromAPIVersionAndKind("apps/v1", "Deployment")
	leases       = schema.FromAPIVersionAndKind("coordination.k8s.io/v1", "Lease")
	nodePools    = schema.FromAPIVersionAndKind("karpenter.sh/v1", "NodePool")
	ingressClass = schema.FromAPIVersionAndKind("networking.k8s.io/v1", "IngressClass")

	needs = []facts.Need{
		{Kind: deployments, Namespace: "kube-system"}, {Kind: leases, Namespace: "kube-system"}, {Kind: nodePools}, {Kind: ingressClass},
		{Kind: schema.FromAPIVersionAndKind("v1", "ConfigMap"), Namespace: "kube-system", Name: "wanted"},
	}
)

// deploymentIn returns a Deployment as kubectl prints it in a list.
func deploymentIn(namespace, name string) string {
	return fmt.Sprintf(`- apiVersion: apps/v1
  kind: Deployment
  metadata:
    annotations:
      note: |
        items:
        - apiVersion: v1
        kind: Fake
    creationTimestamp: "2026-09-01T08:00:00Z"
    name: %s
    namespace: %s
  spec:
    replicas: 1
    template:
      metadata:
        creationTimestamp: null
  status:
    availableReplicas: 1
    conditions:
    - lastUpdateTime: "2026-10-02T14:30:00Z"
      type: Available
`, name, namespace)
}

const listEnd = `kind: List
metadata:
  resourceVersion: ""
`

// listOf returns what kubectl get -o yaml prints.
func listOf(items ...string) string {
	return "apiVersion: v1\nitems:\n" + strings.Join(items, "") + listEnd
}

var two = listOf(deploymentIn("kube-system", "coredns"), deploymentIn("default", "web"))

const oneJSON = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"coredns","namespace":"kube-system","creationTimestamp":"2026-10-02T14:30:00Z"}}`

func asList(text string) string { return `{"apiVersion":"v1","kind":"List","items":[` + text + `]}` }

func write(g Gomega, dir string, files map[string]string) {
	for name, text := range files {
		g.Expect(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
	}
}

func loadText(text string) (*snapshot.Snapshot, *dump.Info, error) {
	return dump.Load("-", strings.NewReader(text), dump.Options{Needs: needs})
}

func namesOf(d *snapshot.Snapshot) []string {
	var names []string
	for _, o := range d.Objects {
		names = append(names, o.GetNamespace()+"/"+o.GetName())
	}
	return names
}

// state returns what a dump says of a need.
func state(d *snapshot.Snapshot, kind schema.GroupVersionKind, namespace string) facts.State {
	need := facts.Need{Kind: kind, Namespace: namespace}
	return d.Facts([]facts.Need{need}).Answers[need].State
}

func utf16(order unicode.Endianness, bom unicode.BOMPolicy, text string) string {
	out, err := unicode.UTF16(order, bom).NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return out
}

// However the same is written, the same is read.
func TestLoadForms(t *testing.T) {
	coredns, web := deploymentIn("kube-system", "coredns"), deploymentIn("default", "web")
	indent := func(text string) string {
		return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
	}
	bare := func(item string) string { return strings.ReplaceAll(strings.Replace(item, "- ", "", 1), "\n  ", "\n") }
	for name, text := range map[string]string{
		"list":                       listOf(coredns, web),
		"indented items":             listOf(indent(coredns), indent(web)),
		"dash on its own line":       listOf("-\n  "+coredns[2:], web),
		"documents":                  "---\n" + bare(coredns) + "---\n# a comment\n" + bare(web) + "...\n",
		"without markers":            bare(coredns) + bare(web),
		"lists, one after the other": listOf(coredns) + listOf(web),
		"nested lists":               listOf("- apiVersion: v1\n  items:\n"+indent(coredns)+indent(listEnd), web),
		"Windows":                    "\xef\xbb\xbf" + strings.ReplaceAll(listOf(coredns, web), "\n", "\r\n"),
		"PowerShell":                 utf16(unicode.LittleEndian, unicode.UseBOM, strings.ReplaceAll(listOf(coredns, web), "\n", "\r\n")),
		"UTF-16 without a mark":      utf16(unicode.BigEndian, unicode.IgnoreBOM, listOf(coredns, web)),
		"JSON":                       asList(oneJSON + "," + strings.NewReplacer("coredns", "web", "kube-system", "default").Replace(oneJSON)),
		"JSON, nested":               asList(asList(oneJSON) + "," + strings.NewReplacer("coredns", "web", "kube-system", "default").Replace(oneJSON)),
		"JSON, one after the other":  oneJSON + "\n" + strings.NewReplacer("coredns", "web", "kube-system", "default").Replace(oneJSON),
		"JSON array":                 "[" + oneJSON + ", " + strings.NewReplacer("coredns", "web", "kube-system", "default").Replace(oneJSON) + "]",
		"JSON and YAML":              asList(oneJSON) + "\n---\n" + listOf(web),
		"typed JSON list": `{"kind":"DeploymentList","apiVersion":"apps/v1","items":[{"metadata":{"name":"coredns","namespace":"kube-system"}},
		  {"metadata":{"name":"web","namespace":"default","creationTimestamp":"2026-10-02T14:30:00Z"}}]}`,
		"typed list that says so late": `{"items":[{"metadata":{"name":"coredns","namespace":"kube-system"}},
		  {"metadata":{"name":"web","namespace":"default","creationTimestamp":"2026-10-02T14:30:00Z"}}],"kind":"DeploymentList","apiVersion":"apps/v1"}`,
		"typed YAML list": "apiVersion: apps/v1\nitems:\n- metadata:\n    name: coredns\n    namespace: kube-system\n" +
			"- metadata:\n    creationTimestamp: \"2026-10-02T14:30:00Z\"\n    name: web\n    namespace: default\nkind: DeploymentList\n",
		"YAML in braces": "{apiVersion: v1, kind: List, items: [\n {apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: kube-system}},\n" +
			" {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default, creationTimestamp: 2026-10-02T14:30:00Z}}]}\n",
		"items in braces": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: kube-system}}\n" +
			"- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default, creationTimestamp: 2026-10-02T14:30:00Z}}\n",
		"quoted keys": "\"apiVersion\": v1\n\"kind\": List\n\"items\":\n- \"apiVersion\": apps/v1\n  \"kind\": Deployment\n  \"metadata\": {name: coredns, namespace: kube-system}\n" +
			"- \"apiVersion\": apps/v1\n  kind: 'Deployment'\n  metadata: {name: web, namespace: default, creationTimestamp: 2026-10-02T14:30:00Z}\n",
		"metadata in braces": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: coredns, namespace: kube-system}\n" +
			"- apiVersion: apps/v1\n  kind: Deployment\n  metadata: # of the web\n    {name: web,\n    namespace: default, creationTimestamp: 2026-10-02T14:30:00Z}\n",
		"anchors":        listOf(strings.NewReplacer("- apiVersion: apps", "- &a\n  apiVersion: apps", "kube-system", "&ns kube-system", "kind: Deployment", "kind: !!str Deployment").Replace(coredns), web),
		"anchored lists": strings.NewReplacer("kind: List", "kind: &list List", "apiVersion: v1\nitems", "apiVersion: &v v1\nitems").Replace(listOf(coredns, web)),
		"quotations": listOf(strings.NewReplacer("kube-system", `"kube\x2dsystem"`, "  kind: D", "  'kind': D").Replace(coredns),
			strings.NewReplacer("  metadata:", `  "metadata":`, "name: web", "name: >-\n      web", "namespace: default", "'namespace':\n      default").Replace(web)),
		"typed list in braces": "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: coredns, namespace: kube-system}\n" +
			"- metadata: {name: web, namespace: default, creationTimestamp: 2026-10-02T14:30:00Z}\n",
		"with logs": asList(oneJSON) + "\n==== START logs for container a of pod b/c ====\n{\"apiVersion\": oops\n==== END logs for container a of pod b/c ====\n" + listOf(web),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d, info, err := dump.Load("-", iotest.OneByteReader(strings.NewReader(text)), dump.Everything(dump.Options{}))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(namesOf(d)).To(ConsistOf("kube-system/coredns", "default/web"))
			g.Expect(d.Time).To(BeTemporally("==", time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)))
			g.Expect(info.Objects).To(Equal(2))
			g.Expect(info.Warnings).To(BeEmpty())

			d, _, err = loadText(text)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(namesOf(d)).To(ConsistOf("kube-system/coredns"), "the catalog needs no other namespace")
		})
	}
}

// What is no dump, or a broken one, is said so, with the file and the line.
func TestLoadRefuses(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                 {"", "is empty"},
		"blank":                   {" \n\n---\n", "is empty"},
		"a picture":               {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is no text"},
		"a page":                  {"\n<!DOCTYPE html><html><title>Sign in</title>", "line 2: is a web page"},
		"an error of kubectl":     {"error: You must be logged in to the server (Unauthorized)\n", "error: You must be logged in"},
		"a refusal":               {"Error from server (Forbidden): nodes is forbidden\n", "line 1: holds no objects, but what kubectl said: Error from server (Forbidden)"},
		"a table":                 {"NAME       READY   STATUS\ncoredns    1/1     Running\n", "get it again with -o yaml"},
		"words":                   {"hello world\n", "neither YAML nor JSON"},
		"other YAML":              {"a: 1\nb: 2\n", "no object of Kubernetes: it has no kind"},
		"other JSON":              {`{"level":"info","msg":"x"}`, "no object of Kubernetes: it has no kind"},
		"a zip archive":           {"PK\x03\x04abc", "is a zip archive"},
		"JSON, cut off":           {asList(oneJSON)[:100], "line 1: ends in the middle of an object: it is cut off"},
		"JSON list, cut off":      {strings.TrimSuffix(asList(oneJSON), "]}"), "it is cut off"},
		"YAML list, cut off":      {strings.TrimSuffix(two, listEnd), "it is cut off"},
		"YAML object, cut off":    {two[:len(two)-len(listEnd)-20], "it is cut off"},
		"YAML, cut in a word":     {"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: coredns\n  namespace: kube-system\nstatus:\n  avail", "Deployment kube-system/coredns cannot be read: json: cannot unmarshal string"},
		"logs, cut off":           {asList(oneJSON) + "\n==== START logs for container a of pod b/c ====\nlog\n", "middle of a container's logs"},
		"JSON with a fault":       {`{"apiVersion":"v1" "kind":"List"}`, `line 1: unexpected '"' in JSON`},
		"an object with a fault":  {asList(strings.Replace(oneJSON, `"metadata"`, `"spec":{"replicas":"two"},"metadata"`, 1)), "line 1: Deployment kube-system/coredns cannot be read"},
		"YAML with a tab":         {strings.Replace(two, "    replicas: 1", "\treplicas: 1", 1), "line 15: is not valid YAML, or indented wrongly: replicas: 1"},
		"wrongly indented items":  {strings.Replace(two, "- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    annotations:\n      note: |\n        items:\n        - apiVersion: v1\n        kind: Fake\n    creationTimestamp: \"2026-09-01T08:00:00Z\"\n    name: web", " - apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: web", 1), "is indented by"},
		"many aliases":            {"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: coredns\n  namespace: kube-system\n" + bomb, "excessive aliasing"},
		"lists in lists in lists": {strings.Repeat(`{"kind":"List","apiVersion":"v1","items":[`, 50), "nested more than 8 deep"},
		"braces in braces":        {"{a: " + strings.Repeat("[", 100000), "is not valid YAML"},
		"no time":                 {asList(strings.ReplaceAll(oneJSON, "creationTimestamp", "x")), "say it with --at"},
		"nothing of use":          {"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n", "none of its 1 objects is one that the catalog needs, by its kind, namespace and name"},
		"a list of nothing":       {listOf(), "holds no objects"},
		"gzip, cut off":           {zipped(two)[:100], "cut off"},
		"gzip, damaged":           {zipped(two)[:100] + "xxxxxxxxxxxxxxxx" + zipped(two)[116:], "standard input: "},
		"packed again and again":  {zipped(zipped(zipped(zipped(zipped(two))))), "is packed more than 4 times"},
		"a line without end":      {"apiVersion: " + strings.Repeat("a", 5<<20), "line 1: has a line of more than 4 MiB, so it is no dump of objects"},
		"an object without end":   {`{"apiVersion":"v1","kind":"List","items":[` + "\n" + oneJSON[:len(oneJSON)-1] + `,"a":"` + strings.Repeat("a", 5<<20), "line 2: Deployment kube-system/coredns has more than 4 MiB"},
		"an object of many lines": {listOf(deploymentIn("kube-system", "coredns") + strings.Repeat("    - a\n", 1<<20)), "line 3: Deployment kube-system/coredns has more than 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, _, err := loadText(test.text)
			g.Expect(err).To(MatchError(And(HavePrefix("standard input: "), ContainSubstring(test.want))))
			g.Expect(len(err.Error())).To(BeNumerically("<", 400))

			path := filepath.Join(t.TempDir(), "dump.yaml")
			g.Expect(os.WriteFile(path, []byte(test.text), 0o600)).To(Succeed())
			_, _, err = dump.Load(path, nil, dump.Options{Needs: needs})
			g.Expect(err).To(MatchError(HavePrefix(path+": ")), "the file is named")
		})
	}
	_, _, err := dump.Load("/nowhere/dump.yaml", nil, dump.Options{AnyTime: true})
	NewWithT(t).Expect(err).To(MatchError("/nowhere/dump.yaml: no such file or directory"))
}

// Whom the time does not matter gets that of the file.
func TestLoadOfAnyTime(t *testing.T) {
	g := NewWithT(t)
	text, written := asList(strings.ReplaceAll(oneJSON, "creationTimestamp", "x")), time.Date(2026, 10, 2, 13, 30, 0, 0, time.UTC)
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.yaml")
	g.Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	for _, p := range []string{path, dir} {
		g.Expect(os.Chtimes(p, written, written)).To(Succeed())
		d, _, err := dump.Load(p, nil, dump.Options{Needs: needs, AnyTime: true})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(d.Time).To(BeTemporally("==", written), p)
	}
	d, _, err := dump.Load("-", strings.NewReader(text), dump.Options{Needs: needs, AnyTime: true})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Time).To(BeTemporally("~", time.Now(), time.Minute))
	d, _, err = dump.Load("-", strings.NewReader(asList(oneJSON)), dump.Options{Needs: needs, AnyTime: true})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Time).To(BeTemporally("==", written.Add(time.Hour)), "what its objects tell counts")
}

// A dump may be one long line; its objects are not.
func TestLoadOneLine(t *testing.T) {
	g := NewWithT(t)
	padding := `,"spec":{"a":"` + strings.Repeat("a", 1<<20) + `"}`
	var pools []string
	for i := range 10 {
		pools = append(pools, fmt.Sprintf(`{"apiVersion":"karpenter.sh/v1","kind":"NodePool","metadata":{"name":"p%d"}%s}`, i, padding))
	}
	d, _, err := dump.Load("-", strings.NewReader(strings.Repeat(" \n\t", 1000)+asList(strings.Join(pools, ","))), dump.Options{Needs: needs, At: time.Now()})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Objects).To(HaveLen(len(pools)))
}

func zipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.String()
}

// What a dump does not hold is absent only where it tells all.
func TestLoadDistinguishesAbsentFromUnknown(t *testing.T) {
	kubeSystem := "kube-system"
	for name, test := range map[string]struct {
		file, text string
		kind       schema.GroupVersionKind
		namespace  string
		want       facts.State
	}{
		"others of the namespace":            {"d.yaml", listOf(deploymentIn(kubeSystem, "a")), deployments, kubeSystem, facts.Known},
		"another namespace":                  {"d.yaml", listOf(deploymentIn(kubeSystem, "a")), deployments, "other", facts.NotHeld},
		"everywhere":                         {"d.yaml", listOf(deploymentIn(kubeSystem, "a")), deployments, "", facts.NotHeld},
		"another, of a list of all":          {"d.yaml", two, deployments, "other", facts.Known},
		"everywhere, of a list of all":       {"d.yaml", two, deployments, "", facts.Known},
		"everywhere, of two lists":           {"d.yaml", listOf(deploymentIn(kubeSystem, "a")) + listOf(deploymentIn("other", "a")), deployments, "", facts.NotHeld},
		"a kind that is not there":           {"d.yaml", two, leases, kubeSystem, facts.NotHeld},
		"a cluster-scoped kind":              {"d.yaml", listOf("- apiVersion: networking.k8s.io/v1\n  kind: IngressClass\n  metadata:\n    name: a\n"), ingressClass, "", facts.Known},
		"one that was named":                 {"d.yaml", "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: a\n", ingressClass, "", facts.Failed},
		"one of a namespace that was named":  {"d.json", oneJSON, deployments, kubeSystem, facts.Failed},
		"one of cluster-info":                {"kube-system/deployments.json", oneJSON, deployments, kubeSystem, facts.Known},
		"one of a must-gather":               {"q/namespaces/kube-system/apps/deployments/coredns.yaml", oneJSON, deployments, kubeSystem, facts.Known},
		"a cluster-scoped kind, not there":   {"d.yaml", two, nodePools, "", facts.NotHeld},
		"an empty list of cluster-info":      {"kube-system/deployments.json", `{"kind":"DeploymentList","apiVersion":"apps/v1","items":null}`, deployments, kubeSystem, facts.Known},
		"the same, of another namespace":     {"other/deployments.json", `{"kind":"DeploymentList","apiVersion":"apps/v1","items":[]}`, deployments, kubeSystem, facts.NotHeld},
		"an empty list of a must-gather":     {"q/namespaces/kube-system/apps/deployments.yaml", "apiVersion: apps/v1\nitems: []\nkind: DeploymentList\n", deployments, kubeSystem, facts.Known},
		"an empty list of the cluster":       {"q/cluster-scoped-resources/karpenter.sh/nodepools.yaml", "apiVersion: karpenter.sh/v1\nitems: []\nkind: NodePoolList\n", nodePools, "", facts.Known},
		"an empty list of nowhere":           {"d.json", `{"kind":"DeploymentList","apiVersion":"apps/v1","items":[]}`, deployments, kubeSystem, facts.NotHeld},
		"an empty list that says where":      {"d.json", `{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"selfLink":"/apis/apps/v1/namespaces/kube-system/deployments"},"items":[]}`, deployments, kubeSystem, facts.Known},
		"a kind that nobody defines":         {"d.yaml", listOf(definition, apiService), nodePools, "", facts.NotServed},
		"a kind that somebody may define":    {"d.yaml", listOf(definition), nodePools, "", facts.NotHeld},
		"a namespaced object of nowhere":     {"d.yaml", listOf(strings.Replace(deploymentIn(kubeSystem, "a"), "    namespace: kube-system\n", "", 1)), deployments, "", facts.NotHeld},
		"an old version":                     {"d.yaml", listOf(strings.Replace(deploymentIn(kubeSystem, "a"), "apps/v1", "extensions/v1beta1", 1)), deployments, kubeSystem, facts.Known},
		"an old version that is another one": {"d.yaml", listOf(strings.Replace(nodePool, "karpenter.sh/v1", "karpenter.sh/v1beta1", 1)), nodePools, "", facts.NotHeld},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			write(g, dir, map[string]string{test.file: test.text, "node.yaml": "apiVersion: v1\nkind: Node\nmetadata:\n  name: node\n"})
			d, _, err := dump.Load(dir, nil, dump.Options{Needs: needs, At: time.Now()})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(state(d, test.kind, test.namespace)).To(Equal(test.want))
		})
	}
}

const (
	definition = `- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  metadata:
    name: a.example.com
  spec:
    group: example.com
    names:
      kind: A
    versions:
    - name: v1
      schema:
        openAPIV3Schema:
          type: object
      served: true
`
	apiService = "- apiVersion: apiregistration.k8s.io/v1\n  kind: APIService\n  metadata:\n    name: v1.apps\n  spec:\n    group: apps\n"
	nodePool   = "- apiVersion: karpenter.sh/v1\n  kind: NodePool\n  metadata:\n    name: a\n"
)

// Who got one object by its name has not looked for the others.
func TestLoadOneByName(t *testing.T) {
	g := NewWithT(t)
	d, _, err := loadText(oneJSON)
	g.Expect(err).NotTo(HaveOccurred())
	all := facts.Need{Kind: deployments, Namespace: "kube-system"}
	one, other := all, all
	one.Name, other.Name = "coredns", "other"
	answers := d.Facts([]facts.Need{all, one, other}).Answers
	g.Expect(answers[one]).To(And(HaveField("State", facts.Known), HaveField("Objects", HaveLen(1))))
	g.Expect(answers[other].State).To(Equal(facts.NotHeld))
	g.Expect(answers[all]).To(And(HaveField("State", facts.Failed),
		HaveField("Message", "the dump has single objects of kind Deployment in namespace kube-system, not a complete list")))
}

// The time is the newest at which something has happened, not one that somebody has written.
func TestLoadTime(t *testing.T) {
	at := time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)
	future := "2031-01-01T00:00:00Z"
	lease := func(name, renewed string) string {
		return "- apiVersion: coordination.k8s.io/v1\n  kind: Lease\n  metadata:\n    name: " + name + "\n    namespace: kube-system\n  spec:\n    renewTime: \"" + renewed + "\"\n"
	}
	for name, test := range map[string]struct {
		items []string
		at    time.Time
		want  time.Time
		read  time.Time
	}{
		"a lease":               {[]string{lease("a", "2026-10-02T14:30:00.000000Z"), lease("b", "2026-10-02T14:00:00.000000Z")}, time.Time{}, at, at},
		"what is not kept":      {[]string{lease("a", "2026-10-02T14:20:00.000000Z"), "- apiVersion: v1\n  kind: Event\n  lastTimestamp: \"2026-10-02T14:30:00Z\"\n  metadata:\n    name: e\n"}, time.Time{}, at, at},
		"given":                 {[]string{lease("a", "2026-10-02T14:20:00.000000Z")}, at, at, at},
		"what is planned":       {[]string{lease("a", "2026-10-02T14:30:00.000000Z"), "- apiVersion: example.com/v1\n  kind: Thing\n  metadata:\n    name: t\n  spec:\n    startTime: \"" + future + "\"\n    time: \"" + future + "\"\n"}, time.Time{}, at, at},
		"what is written":       {[]string{lease("a", "2026-10-02T14:30:00.000000Z"), "- apiVersion: v1\n  data:\n    a: |\n      lastUpdateTime: \"" + future + "\"\n  kind: ConfigMap\n  metadata:\n    name: wanted\n    namespace: kube-system\n"}, time.Time{}, at, at},
		"when it runs out":      {[]string{lease("a", "2026-10-02T14:30:00.000000Z"), "- apiVersion: apps/v1\n  kind: ReplicaSet\n  metadata:\n    name: a\n  status:\n    notAfter: \"" + future + "\"\n"}, time.Time{}, at, at},
		"who has changed it":    {[]string{lease("a", "2026-10-02T14:20:00.000000Z"), "- apiVersion: example.com/v1\n  kind: Thing\n  metadata:\n    managedFields:\n    - apiVersion: example.com/v1\n      fieldsType: FieldsV1\n      manager: kubectl\n      operation: Update\n      time: \"2026-10-02T14:30:00Z\"\n    name: t\n"}, time.Time{}, at, at},
		"without quotation":     {[]string{strings.ReplaceAll(lease("a", "2026-10-02T14:30:00.000000Z"), `"`, "")}, time.Time{}, at, at},
		"not in UTC is ignored": {[]string{lease("a", "2026-10-02T14:30:00.000000Z"), strings.ReplaceAll(deploymentIn("kube-system", "d"), "14:30:00Z", "19:30:00+02:00")}, time.Time{}, at, at},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d, _, err := dump.Load("-", strings.NewReader(listOf(test.items...)), dump.Options{Needs: needs, At: test.at})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(d.Time).To(BeTemporally("==", test.want))
			need := facts.Need{Kind: leases, Namespace: "kube-system"}
			g.Expect(d.Facts([]facts.Need{need}).Answers[need].ReadAt).To(BeTemporally("==", test.read), "leases are as old as when they were read")
		})
	}
}

// Leases are as old as when they were read, if somebody has read the rest minutes later. That does not make them healthy.
func TestLoadTimeOfLeases(t *testing.T) {
	at := time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)
	lease := func(renewed string) string {
		return listOf("- apiVersion: coordination.k8s.io/v1\n  kind: Lease\n  metadata:\n    name: a\n    namespace: kube-system\n  spec:\n    renewTime: \"" + renewed + "\"\n")
	}
	rest, leasesFile := listOf(deploymentIn("kube-system", "d")), "namespaces/kube-system/coordination.k8s.io/leases.yaml"
	for name, test := range map[string]struct {
		files map[string]string
		at    time.Time
		read  time.Time
	}{
		"in another file":           {map[string]string{leasesFile: lease("2026-10-02T14:25:00.000000Z"), "b.yaml": rest}, time.Time{}, at.Add(-5 * time.Minute)},
		"in another document":       {map[string]string{"a.yaml": lease("2026-10-02T14:25:00.000000Z") + "---\n" + rest}, time.Time{}, at.Add(-5 * time.Minute)},
		"in two files":              {map[string]string{"a.yaml": lease("2026-10-02T14:25:00.000000Z"), "b.yaml": lease("2026-10-02T14:20:00.000000Z"), "c.yaml": rest}, time.Time{}, at.Add(-5 * time.Minute)},
		"at the given time":         {map[string]string{leasesFile: lease("2026-10-02T14:25:00.000000Z"), "b.yaml": rest}, at, at},
		"stale, in another file":    {map[string]string{leasesFile: lease("2026-10-02T07:30:00.000000Z"), "b.yaml": rest}, time.Time{}, at},
		"stale, in the same list":   {map[string]string{"a.yaml": listOf(deploymentIn("kube-system", "d"), lease("2026-10-02T14:25:00.000000Z")[len("apiVersion: v1\nitems:\n"):len(lease("2026-10-02T14:25:00.000000Z"))-len(listEnd)])}, time.Time{}, at},
		"stale, in another of late": {map[string]string{"a.yaml": lease("2026-10-02T14:14:59.000000Z"), "b.yaml": rest}, time.Time{}, at},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			write(g, dir, test.files)
			d, _, err := dump.Load(dir, nil, dump.Options{Needs: needs, At: test.at})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(d.Time).To(BeTemporally("==", at))
			need := facts.Need{Kind: leases, Namespace: "kube-system"}
			g.Expect(d.Facts([]facts.Need{need}).Answers[need].ReadAt).To(BeTemporally("==", test.read))

			// A bundle made of it says the same.
			part, err := d.Read(t.Context(), []facts.Need{need})
			g.Expect(err).NotTo(HaveOccurred())
			var out bytes.Buffer
			_, err = bundle.Write(&out, part, bundle.About{CollectedBy: "v1"})
			g.Expect(err).NotTo(HaveOccurred())
			again, _, err := dump.Load("-", &out, dump.Options{Needs: needs})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(again.Facts([]facts.Need{need}).Answers[need].ReadAt).To(BeTemporally("==", test.read))
		})
	}
}

// Of several states of an object the newest counts, wherever it is.
func TestLoadDuplicates(t *testing.T) {
	g := NewWithT(t)
	pool := func(version, ready string) string {
		return "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata:\n  creationTimestamp: \"2026-10-02T14:30:00Z\"\n  name: a\n  resourceVersion: \"" + version + "\"\nstatus:\n  ready: " + ready + "\n"
	}
	for _, text := range []string{pool("9", "old") + pool("10", "new"), pool("10", "new") + "---\n" + pool("9", "old")} {
		d, info, err := loadText(text)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(d.Objects).To(HaveLen(1))
		g.Expect(d.Objects[0]).To(HaveField("Object", HaveKeyWithValue("status", HaveKeyWithValue("ready", "new"))))
		g.Expect(info.Warnings).To(ConsistOf(ContainSubstring("1 objects are held more than once, in different states, such as NodePool /a")))
	}
	_, info, err := loadText(pool("9", "same") + pool("9", "same"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Warnings).To(BeEmpty(), "the same twice is nothing to tell")
}

// Pods that are ready are not kept, but counted, each of them once: must-gather has them in several files.
func TestLoadCountsReadyPods(t *testing.T) {
	g := NewWithT(t)
	pod := func(name, hash, more string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  namespace: kube-system\n  labels: {controller-revision-hash: %s}\n"+
			"  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: cns, uid: u, controller: true}]\n%s", name, hash, more)
	}
	const ready = "status: {phase: Running, conditions: [{type: Ready, status: 'True', lastTransitionTime: '2026-10-02T14:30:00Z'}]}\n"
	dir := t.TempDir()
	write(g, dir, map[string]string{
		"a.yaml": strings.Join([]string{pod("a", "old", ready), pod("b", "new", ready), pod("c", "new", "status: {phase: Pending}\n"), pod("d", "new", "status: {phase: Failed}\n")}, "---\n"),
		"b.yaml": strings.Join([]string{pod("b", "new", ready), pod("e", "new", ready)}, "---\n"),
		"c.yaml": pod("lost", "new", ready) + "---\n{",
	})
	need := facts.Need{Kind: facts.PodKind, Namespace: "kube-system"}
	d, _, err := dump.Load(dir, nil, dump.Options{Needs: []facts.Need{need}, At: time.Now()})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(namesOf(d)).To(ConsistOf(ContainSubstring("c")))
	of := func(hash string) facts.PodRevision {
		return facts.PodRevision{Namespace: "kube-system", Kind: "DaemonSet", Name: "cns", Hash: hash}
	}
	g.Expect(d.ReadyPods).To(Equal(map[facts.PodRevision]int{of("old"): 1, of("new"): 2}))
}

// A pod that is ready between restarts is kept, and told while that is no longer ago than an hour before the dump was made; then it
// counts as ready.
func TestLoadKeepsPodsThatKeepRestarting(t *testing.T) {
	g := NewWithT(t)
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"kube-system","labels":{"controller-revision-hash":"v1"},
		"ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":"cns","uid":"u","controller":true}]},
		"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"c","ready":true,"restartCount":9,
		"state":{"running":{"startedAt":"2026-10-02T14:30:00Z"}},
		"lastState":{"terminated":{"exitCode":1,"startedAt":"2026-10-02T14:20:00Z","finishedAt":"2026-10-02T14:30:00Z"}}}]}}`
	need := facts.Need{Kind: facts.PodKind, Namespace: "kube-system"}
	of := facts.PodRevision{Namespace: "kube-system", Kind: "DaemonSet", Name: "cns", Hash: "v1"}
	for age, want := range map[time.Duration]struct{ kept, counted int }{59 * time.Minute: {1, 0}, time.Hour: {0, 1}} {
		at := time.Date(2026, time.October, 2, 14, 30, 0, 0, time.UTC).Add(age)
		d, _, err := dump.Load("-", strings.NewReader(`{"apiVersion":"v1","kind":"PodList","items":[`+pod+`]}`), dump.Options{Needs: []facts.Need{need}, At: at})
		g.Expect(err).NotTo(HaveOccurred())
		answer := d.Answer(need)
		g.Expect(answer.Objects).To(HaveLen(want.kept), age.String())
		g.Expect(answer.ReadyPods[of]).To(Equal(want.counted), age.String())
	}
}

// Who needs nothing gets nothing, but what says which kinds there are.
func TestLoadNeedsNothing(t *testing.T) {
	g := NewWithT(t)
	d, info, err := dump.Load("-", strings.NewReader(listOf(deploymentIn("kube-system", "a"), definition, apiService)), dump.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Objects).To(Equal(3))
	g.Expect(namesOf(d)).To(ConsistOf("/a.example.com", "/v1.apps"))
}

func TestLoadSaysWhatItDoesNotRead(t *testing.T) {
	g := NewWithT(t)
	secret := "- apiVersion: v1\n  data:\n    a: aGlkZGVu\n  kind: Secret\n  metadata:\n    name: hidden\n    namespace: kube-system\n"
	text := "Warning: v1 ComponentStatus is deprecated\n" +
		listOf(secret, deploymentIn("kube-system", "coredns"), strings.Replace(nodePool, "/v1", "/v1beta1", 1)) + "Error from server (NotFound): leases \"x\" not found\n"
	for _, options := range []dump.Options{{Needs: needs}, dump.Everything(dump.Options{}), {Needs: append(needs, facts.Need{Kind: schema.FromAPIVersionAndKind("v1", "Secret")})}} {
		d, info, err := dump.Load("-", strings.NewReader(text), options)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(namesOf(d)).NotTo(ContainElement("kube-system/hidden"), "Secrets are never kept")
		g.Expect(info.Warnings).To(ContainElements(ContainSubstring("Error from server (NotFound)"), ContainSubstring("ComponentStatus is deprecated")))
		if len(options.Needs) > 0 {
			g.Expect(info.Warnings).To(ContainElement("not read: 1 NodePool of karpenter.sh/v1beta1, of which v1 is read"))
		}
	}
}

// In a directory or an archive, what cannot be read does not hurt the rest.
func TestLoadDirectory(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	write(g, dir, map[string]string{
		"good/deployments.yaml": two, "good/more.json.gz": zipped(asList(strings.Replace(oneJSON, "coredns", "more", 1))),
		"cut.yaml": strings.TrimSuffix(listOf(deploymentIn("kube-system", "cut")), listEnd), "cut.gz": zipped(two)[:50], "picture.png": "\x89PNG\x00", "notes.txt": "hello world",
		"secret.yaml": two, "kube-system/p/logs.txt": "apiVersion: no", "x.log": "{}", ".git/config": "a: b",
	})
	g.Expect(os.Symlink(dir, filepath.Join(dir, "loop"))).To(Succeed())
	g.Expect(os.Symlink("/etc/hosts", filepath.Join(dir, "elsewhere.yaml"))).To(Succeed())
	g.Expect(os.Symlink("nowhere", filepath.Join(dir, "broken.yaml"))).To(Succeed())
	g.Expect(syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600)).To(Succeed())
	d, info, err := dump.Load(dir, nil, dump.Options{Needs: needs})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(namesOf(d)).To(ConsistOf("kube-system/coredns", "kube-system/more"), "and nothing of the file that is cut off")
	g.Expect(info.Skipped).To(ConsistOf(
		"loop: is a symbolic link, which is not followed", "elsewhere.yaml: is a symbolic link, which is not followed", "broken.yaml: is a symbolic link, which is not followed",
		"pipe.yaml: is no file", "cut.yaml: line 24: ends in the middle of a list: it is cut off", "cut.gz: ends too early: it is cut off",
		"picture.png: is no text, so neither YAML nor JSON", ContainSubstring("notes.txt: line 1: is neither YAML nor JSON"),
	))
	g.Expect(info.Warnings).To(ConsistOf(HavePrefix("cut.yaml is not read: line 24"), HavePrefix("cut.gz is not read: ")), "what was meant to be read")

	link := filepath.Join(t.TempDir(), "link")
	g.Expect(os.Symlink(dir, link)).To(Succeed())
	d, _, err = dump.Load(link, nil, dump.Options{Needs: needs})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Objects).To(HaveLen(2), "the link that was named is followed")

	_, _, err = dump.Load(t.TempDir(), nil, dump.Options{})
	g.Expect(err).To(MatchError(ContainSubstring("it holds no objects of Kubernetes")))
}

func TestLoadUnreadableFile(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	write(g, dir, map[string]string{"a.yaml": two})
	g.Expect(os.Symlink("self", filepath.Join(dir, "self"))).To(Succeed())
	_, _, err := dump.Load(filepath.Join(dir, "self"), nil, dump.Options{})
	g.Expect(err).To(MatchError(And(HavePrefix(dir), ContainSubstring("too many levels of symbolic links"))))
}

type member struct {
	header tar.Header
	text   string
}

func archive(members ...member) string {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		h := m.header
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(m.text))
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		_, _ = w.Write([]byte(m.text))
	}
	_ = w.Close()
	return out.String()
}

// An archive may hold anything; nothing of it is written anywhere.
func TestLoadArchive(t *testing.T) {
	g := NewWithT(t)
	t.Chdir(t.TempDir())
	file := func(name, text string) member { return member{tar.Header{Name: name}, text} }
	text := archive(
		file("../../evil.yaml", two), file("/etc/evil.yaml", two), file(`..\evil.yaml`, two),
		member{tar.Header{Name: "link.yaml", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""},
		member{tar.Header{Name: "hard.yaml", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}, ""},
		member{tar.Header{Name: "device", Typeflag: tar.TypeBlock}, ""},
		member{tar.Header{Name: "dir/", Typeflag: tar.TypeDir}, ""},
		file("dir/good.yaml", listOf(deploymentIn("kube-system", "good"))), file("dir/inner.tgz", zipped(archive(file("x.json", asList(oneJSON))))),
		file("dir/cut.json", oneJSON[:50]), file("dir/a.bin", "\x00\x01"),
	)
	for _, packed := range []string{text, zipped(text)} {
		d, info, err := loadText(packed)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(namesOf(d)).To(ConsistOf("kube-system/good", "kube-system/coredns"))
		g.Expect(info.Skipped).To(ConsistOf(
			"../../evil.yaml: its name leads out of the archive", "/etc/evil.yaml: its name leads out of the archive", `..\evil.yaml: its name leads out of the archive`,
			"link.yaml: is a symbolic link, which is not followed", "hard.yaml: is a link, which is not followed", "device: is no file",
			HavePrefix("dir/cut.json: line 1: ends in the middle"), HavePrefix("dir/a.bin: is no text"),
		))
	}
	for _, cut := range []int{1000, len(text) - 4000} {
		_, _, err := loadText(text[:cut])
		g.Expect(err).To(MatchError(ContainSubstring("cut off")), "at %d", cut)
	}
	left, err := os.ReadDir(".")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())
}
