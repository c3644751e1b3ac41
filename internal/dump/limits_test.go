// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/facts"
)

// nodes is a list of so many nodes of which nothing is known.
func nodes(n int) string {
	var out strings.Builder
	out.WriteString(`{"apiVersion":"v1","kind":"NodeList","items":[`)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"metadata":{"name":"n%d","creationTimestamp":"2026-10-02T14:00:00Z"}}`, i)
	}
	out.WriteString("]}")
	return out.String()
}

// files is an archive of so many files.
func files(n int, content string) string {
	members := make([]member, n)
	for i := range members {
		members[i] = member{tar.Header{Name: fmt.Sprintf("d/%d.yaml", i)}, content}
	}
	return archive(members...)
}

// TestLimits: each limit stops the reading, and says which it is and what raises it; what is just within it is read.
func TestLimits(t *testing.T) {
	zeros := archive(member{tar.Header{Name: "zeros.yaml"}, strings.Repeat("\x00", 3<<20)})
	readyPods := func(n int) string {
		var pods strings.Builder
		for i := range n {
			fmt.Fprintf(&pods, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p%[1]d, namespace: kube-system, ownerReferences: [{kind: ReplicaSet, name: r%[1]d, controller: true}]}\n"+
				"spec: {nodeName: n%[1]d}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n", i)
		}
		return pods.String()
	}
	pods := []facts.Need{{Kind: facts.PodKind}}
	for name, test := range map[string]struct {
		dump   string
		limits dump.Limits
		want   string
	}{
		"files":                {files(11, ""), dump.Limits{Files: 10}, "it has more than 10 files; if it is no mistake, raise the limit with --max-files"},
		"files in archives":    {archive(member{tar.Header{Name: "a.tar"}, files(11, "")}), dump.Limits{Files: 11}, "--max-files"},
		"objects":              {nodes(11), dump.Limits{Objects: 10}, "it has more than 10 objects; if it is no mistake, raise the limit with --max-objects"},
		"objects of files":     {files(11, two), dump.Limits{Objects: 21}, "--max-objects"},
		"memory":               {nodes(1000), dump.Limits{Memory: 1}, "its objects take more than 1 MiB of memory; if it is no mistake, raise the limit with --max-memory"},
		"memory of values":     {`{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"n"},"spec":{"list":[` + strings.Repeat(`{},`, 20_000) + `{}]}}`, dump.Limits{Memory: 1}, "--max-memory"},
		"memory of pods":       {readyPods(2000), dump.Limits{Memory: 1}, "--max-memory"},
		"unpacked":             {zipped(zeros), dump.Limits{Unpacked: 2}, "it unpacks to more than 2 MiB; if it is no mistake, raise the limit with --max-unpacked"},
		"unpacked twice":       {zipped(zipped(zeros)), dump.Limits{Unpacked: 2}, "--max-unpacked"},
		"unpacked in archives": {zipped(archive(member{tar.Header{Name: "a.tgz"}, zipped(zeros)})), dump.Limits{Unpacked: 2}, "--max-unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, _, err := dump.Load("-", strings.NewReader(test.dump), dump.Options{Limits: test.limits, Needs: pods})
			g.Expect(err).To(MatchError(ContainSubstring(test.want)))

			dir := t.TempDir()
			write(g, dir, map[string]string{"a": test.dump, "good.yaml": two})
			_, _, err = dump.Load(dir, nil, dump.Options{Limits: test.limits, Needs: pods})
			g.Expect(err).To(MatchError(ContainSubstring(test.want)), "nobody wants to wait for the next")

			higher := dump.Limits{Files: 2 * test.limits.Files, Objects: 2 * test.limits.Objects, Unpacked: 4 * test.limits.Unpacked, Memory: 4 * test.limits.Memory}
			_, _, err = dump.Load("-", strings.NewReader(test.dump), dump.Options{Limits: higher, Needs: pods})
			if err != nil {
				g.Expect(err).NotTo(MatchError(ContainSubstring("raise the limit")))
			}
		})
	}
}

// TestManySmallThings: what is small as a file takes no more memory than a large dump, and is read, or refused, soon.
func TestManySmallThings(t *testing.T) {
	const limit = 512 // MiB
	for name, test := range map[string]struct{ dump, says string }{
		"nodes without fields": {zipped(nodes(200_000)), "its objects take more than 256 MiB of memory"},
		"empty files":          {zipped(files(250_000, "")), "it has more than 200000 files"},
		"as many nodes as fit": {zipped(nodes(120_000)), "objects 120000 kept 120000"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			path := filepath.Join(t.TempDir(), "small.gz")
			g.Expect(os.WriteFile(path, []byte(test.dump), 0o600)).To(Succeed())
			m := measure(g, path)
			t.Logf("%d bytes: %d MiB taken, %d MiB in RAM, %s", len(test.dump), m.takenMiB, m.peakMiB, m.took)
			g.Expect(m.printed).To(ContainSubstring(test.says))
			g.Expect(m.takenMiB).To(BeNumerically("<", limit))
		})
	}
}

// bigNode is a node of 15 KB, as it is in a cloud.
func bigNode(i int) string {
	var labels, conditions, images strings.Builder
	for j := range 40 {
		fmt.Fprintf(&labels, `"kubernetes.azure.com/label-%d":"the-value-of-a-label-%d",`, j, j)
		fmt.Fprintf(&images, `{"names":["registry.example.com/oss/kubernetes/image-%d@sha256:%064d"],"sizeBytes":123456789},`, j, j)
	}
	for j := range 20 {
		fmt.Fprintf(&conditions, `{"type":"Problem%d","status":"False","lastHeartbeatTime":"2026-10-02T14:00:00Z","lastTransitionTime":"2026-10-02T14:00:00Z",`+
			`"reason":"NoProblem","message":"the node has no problem of this kind, as far as is known"},`, j)
	}
	return fmt.Sprintf(`{"metadata":{"name":"node-%d","creationTimestamp":"2026-10-02T14:00:00Z","labels":{%s"a":"b"}},"spec":{"providerID":"azure:///a/b/%d"},`+
		`"status":{"conditions":[%s{"type":"Ready","status":"True"}],"images":[%s{}]}}`, i, labels.String(), i, conditions.String(), images.String())
}

// TestBigCluster: the dump of 5,000 nodes and 150,000 pods is within the limits, and takes little memory.
func TestBigCluster(t *testing.T) {
	g := NewWithT(t)
	const size = 5000
	path := filepath.Join(t.TempDir(), "big.json.gz")
	file, err := os.Create(path)
	g.Expect(err).NotTo(HaveOccurred())
	out, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	g.Expect(err).NotTo(HaveOccurred())
	list := func(apiVersion, kind string, n int, object func(int) string) {
		_, _ = fmt.Fprintf(out, `{"apiVersion":%q,"kind":"%sList","items":[`, apiVersion, kind)
		for i := range n {
			_, _ = fmt.Fprintln(out, map[bool]string{true: ","}[i > 0], object(i))
		}
		_, _ = fmt.Fprintln(out, "]}")
	}
	list("v1", "Node", size, bigNode)
	list("storage.k8s.io/v1", "CSINode", size, func(i int) string {
		return fmt.Sprintf(`{"metadata":{"name":"node-%d"},"spec":{"drivers":[{"name":"disk.csi.azure.com","nodeID":"node-%d","topologyKeys":["zone"],"allocatable":{"count":16}}]}}`, i, i)
	})
	list("v1", "Pod", 30*size, func(i int) string {
		return fmt.Sprintf(`{"metadata":{"name":"pod-%d","namespace":"kube-system","ownerReferences":[{"kind":"DaemonSet","name":"d%d","controller":true}]},`+
			`"spec":{"nodeName":"node-%d"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"%s"}]}}`,
			i, i%30, i/30, map[bool]string{true: "False", false: "True"}[i%100 == 0])
	})
	g.Expect(out.Close()).To(Succeed())
	g.Expect(file.Close()).To(Succeed())
	m := measure(g, path)
	t.Logf("%d MiB taken, %d MiB in RAM, %s", m.takenMiB, m.peakMiB, m.took)
	g.Expect(m.objects).To(Equal(32 * size))
	g.Expect(m.kept).To(Equal(2*size + 30*size/100))
	g.Expect(m.takenMiB).To(BeNumerically("<", 256))
}
