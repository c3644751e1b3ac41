// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/judge"
)

// bigPod returns a pod as large as those of real clusters: much of it is what nobody reads.
func bigPod(i int, ready string) string {
	var env, mounts strings.Builder
	for j := range 20 {
		fmt.Fprintf(&env, "      - name: SOME_LONG_NAME_OF_A_VARIABLE_%d\n        valueFrom:\n          secretKeyRef:\n            key: password\n            name: some-secret-%d\n", j, j)
		fmt.Fprintf(&mounts, "      - mountPath: /var/run/secrets/kubernetes.io/some/path/%d\n        name: volume-%d\n        readOnly: true\n", j, j)
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  annotations:
    note: "it's: - items:"
  creationTimestamp: "2026-10-02T14:00:00Z"
  labels:
    app: web
  name: web-%[1]d
  namespace: kube-system
  resourceVersion: "%[1]d"
  uid: 00000000-0000-4000-8000-%012[1]d
spec:
  containers:
  - env:
%[3]s    image: registry.example.com/web:v1
    name: web
    volumeMounts:
%[4]s  nodeName: node-1
status:
  conditions:
  - lastProbeTime: null
    lastTransitionTime: "2026-10-02T14:30:00Z"
    status: "%[2]s"
    type: Ready
  containerStatuses:
  - image: registry.example.com/web:v1
    name: web
    ready: true
    restartCount: 0
  phase: Running
`, i, ready, env.String(), mounts.String())
}

// writeBig writes a list of that many bytes; one pod of so many is not ready.
func writeBig(w io.Writer, size, oneOf int, asJSON bool) error {
	out := bufio.NewWriterSize(w, 1<<20)
	pods := make([]string, oneOf)
	for i := range pods {
		pods[i] = bigPod(i, map[bool]string{true: "False", false: "True"}[i == 0])
		if asJSON {
			var o map[string]any
			if err := yaml.Unmarshal([]byte(pods[i]), &o); err != nil {
				return err
			}
			text, err := json.MarshalIndent(o, "        ", "    ")
			if err != nil {
				return err
			}
			pods[i] = string(text)
		} else {
			pods[i] = "- " + strings.ReplaceAll(strings.TrimSuffix(pods[i], "\n"), "\n", "\n  ") + "\n"
		}
	}
	begin, between, end := "apiVersion: v1\nitems:\n", "", "kind: List\nmetadata:\n  resourceVersion: \"\"\n"
	if asJSON {
		begin, between, end = "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        ", ",\n        ", "\n    ],\n    \"kind\": \"List\"\n}\n"
	}
	written, _ := out.WriteString(begin)
	for i := 0; written < size; i++ {
		if i > 0 {
			_, _ = out.WriteString(between)
		}
		pod := strings.ReplaceAll(pods[i%oneOf], fmt.Sprintf("web-%d", i%oneOf), fmt.Sprintf("web-%d", i))
		n, err := out.WriteString(pod)
		if err != nil {
			return err
		}
		written += n
	}
	_, _ = out.WriteString(end)
	return out.Flush()
}

// bigDump makes a dump in one of the formats.
func bigDump(g Gomega, dir, format string, size, oneOf int) string {
	path := filepath.Join(dir, "big."+format)
	file, err := os.Create(path)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(file.Close()).To(Succeed()) }()
	if format != "tar.gz" {
		g.Expect(writeBig(file, size, oneOf, format == "json")).To(Succeed())
		return path
	}
	plain, err := os.Stat(bigDump(g, dir, "yaml", size, oneOf))
	g.Expect(err).NotTo(HaveOccurred())
	zipped, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	g.Expect(err).NotTo(HaveOccurred())
	archive := tar.NewWriter(zipped)
	g.Expect(archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "dump/pods.yaml", Size: plain.Size(), Mode: 0o600})).To(Succeed())
	in, err := os.Open(filepath.Join(dir, "big.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	_, err = io.Copy(archive, in)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(in.Close()).To(Succeed())
	g.Expect(archive.Close()).To(Succeed())
	g.Expect(zipped.Close()).To(Succeed())
	return path
}

// loadVariable makes the test binary load a dump and tell how much memory that took.
const loadVariable = "ARCHMAP_TEST_LOAD"

func TestMain(m *testing.M) {
	path := os.Getenv(loadVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	shipped, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		panic(err)
	}
	needs := judge.Compile(&shipped.Architectures[0], shipped.Mappings).AllNeeds()
	_, info, err := dump.Load(path, os.Stdin, dump.Options{Needs: needs})
	if err != nil {
		info = &dump.Info{}
		fmt.Println(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Printf("objects %d kept %d taken %d peak %s\n", info.Objects, info.Kept, memory.Sys>>10, peakMemory.FindSubmatch(status)[1])
}

var (
	peakMemory = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	measured   = regexp.MustCompile(`objects (\d+) kept (\d+) taken (\d+) peak (\d+)`)
)

// measurement is what loading a dump took. takenMiB is the memory that Go took from the operating system, which it
// never gives back in this count: the most that it had at once. peakMiB is the most that the process had in RAM; there
// the race detector's own memory counts, which is a multiple, and what the machine has swapped out does not.
type measurement struct {
	objects, kept, takenMiB, peakMiB int
	took                             time.Duration
	printed                          string
}

// measure loads a dump in a process of its own.
func measure(g Gomega, path string) measurement {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), loadVariable+"="+path)
	began := time.Now()
	out, err := command.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	found := measured.FindStringSubmatch(string(out))
	g.Expect(found).NotTo(BeNil(), string(out))
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		g.Expect(err).NotTo(HaveOccurred())
		return n
	}
	return measurement{number(found[1]), number(found[2]), number(found[3]) >> 10, number(found[4]) >> 10, time.Since(began), string(out)}
}

// Of a big dump only what is needed is kept, however it is written.
func TestBigDumpTakesLittleMemory(t *testing.T) {
	for _, format := range []string{"yaml", "json", "tar.gz"} {
		t.Run(format, func(t *testing.T) {
			g := NewWithT(t)
			m := measure(g, bigDump(g, t.TempDir(), format, 30<<20, 50))
			t.Logf("%+v", m)
			g.Expect(m.objects).To(BeNumerically(">", 2000))
			g.Expect(m.kept).To(BeNumerically("~", m.objects/50, 1))
			g.Expect(m.takenMiB).To(BeNumerically("<", 135), "a seventh of 1 GiB for a seventh of 200 MB, the program itself apart")
		})
	}
}

// One object of much that is little takes no more than a dump of many.
func TestBigObjectTakesLittleMemory(t *testing.T) {
	head := "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: big\n  namespace: kube-system\nspec:\n"
	for name, test := range map[string]struct{ text, says string }{
		"refused":            {head + "  list:\n" + strings.Repeat("  - a\n", 5_000_000), "big.yaml: line 1: Deployment kube-system/big has more than 4 MiB"},
		"just read":          {head + "  list:\n" + strings.Repeat("  - a\n", 690_000), "--at"},
		"just read, in rows": {head + "  list: [" + strings.Repeat("a,", 2_000_000) + "]\n", "--at"},
		"just read, of maps": {head + "  list: [" + strings.Repeat("{},", 1_300_000) + "]\n", "--at"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			path := filepath.Join(t.TempDir(), "big.yaml")
			g.Expect(os.WriteFile(path, []byte(test.text), 0o600)).To(Succeed())
			m := measure(g, path)
			t.Logf("%d MiB taken, %d MiB in RAM, %s", m.takenMiB, m.peakMiB, m.took)
			g.Expect(m.printed).To(ContainSubstring(test.says))
			g.Expect(m.takenMiB).To(BeNumerically("<", 675), "what one object takes, in MiB")
		})
	}
}

// BenchmarkLoad200MB is the promise of less than 1 GiB for a dump of 200 MB.
func BenchmarkLoad200MB(b *testing.B) {
	for _, format := range []string{"yaml", "json", "tar.gz"} {
		for name, oneOf := range map[string]int{"well": 50, "all broken": 1} {
			b.Run(format+"/"+name, func(b *testing.B) {
				g := NewWithT(b)
				path := bigDump(g, b.TempDir(), format, 200<<20, oneOf)
				for b.Loop() {
					m := measure(g, path)
					b.ReportMetric(float64(m.peakMiB), "peakMiB")
					g.Expect(m.peakMiB).To(BeNumerically("<", 1024))
				}
			})
		}
	}
}
