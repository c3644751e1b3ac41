// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/bundle"
	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/trim"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

var loadShipped = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load(catalog.AKS, catalog.AKSExtras) })

var compileShipped = sync.OnceValue(func() *judge.Catalog {
	loaded, err := loadShipped()
	if err != nil {
		panic(err)
	}
	return judge.Compile(&loaded.Architectures[0], loaded.Mappings)
})

// shipped returns the shipped catalog.
func shipped(g Gomega) (*judge.Catalog, []v1alpha1.ComponentMapping) {
	loaded, err := loadShipped()
	g.Expect(err).NotTo(HaveOccurred())
	return compileShipped(), loaded.Mappings
}

// collect writes a bundle of the world, and returns what was said of the world then.
func collect(t *testing.T, w *world.World) (string, *judge.Verdicts) {
	t.Helper()
	g := NewWithT(t)
	all, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	compiled, mappings := shipped(g)
	verdicts, read, err := compiled.ReadAndJudge(t.Context(), all)
	g.Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	file, err := os.Create(path)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = bundle.Write(file, read, bundle.About{Cluster: "aks-demo", CollectedBy: "v1", Mappings: mappings})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(file.Close()).To(Succeed())
	return path, verdicts
}

// load loads what the shipped catalog needs of a dump.
func load(t *testing.T, path string) (*snapshot.Snapshot, *dump.Info) {
	t.Helper()
	g := NewWithT(t)
	compiled, _ := shipped(g)
	d, info, err := dump.Load(path, nil, dump.Options{Needs: compiled.AllNeeds()})
	g.Expect(err).NotTo(HaveOccurred())
	return d, info
}

// expectSame expects the dump to come to the verdicts.
func expectSame(t *testing.T, path string, want *judge.Verdicts) *dump.Info {
	t.Helper()
	g := NewWithT(t)
	d, info := load(t, path)
	compiled, _ := shipped(g)
	got := compiled.Judge(d)
	for i := range want.Mappings {
		g.Expect(got.Mappings[i].Status).To(Equal(want.Mappings[i].Status), want.Mappings[i].Name)
	}
	g.Expect(got.Architecture.Status).To(Equal(want.Architecture.Status))
	return info
}

func newWorld(g Gomega, name string) *world.World {
	shape, err := shapes.Load(name)
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(shape)
	g.Expect(err).NotTo(HaveOccurred())
	return w
}

// A bundle says what the cluster said, of every shape.
func TestBundleComesToTheVerdictsOfTheCluster(t *testing.T) {
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			path, verdicts := collect(t, newWorld(NewWithT(t), name))
			info := expectSame(t, path, verdicts)
			NewWithT(t).Expect(info).To(HaveValue(And(
				HaveField("Source", dump.Bundle), HaveField("Cluster", "aks-demo"), HaveField("Warnings", BeEmpty()), HaveField("Skipped", BeEmpty()))))
		})
	}
}

// A bundle holds what explains a fault.
func TestBundleExplainsFaults(t *testing.T) {
	dns := world.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}
	node := "aks-system-11091932-vmss000000"
	for name, test := range map[string]struct {
		fault   func(*world.World) error
		mapping string
		reason  string
		words   string
	}{
		"crashes": {func(w *world.World) error { return w.SetPods(dns, world.Pods{State: world.CrashLooping}) },
			"coredns", v1alpha1.ReasonCrashLooping, "crashing: container coredns"},
		"no image": {func(w *world.World) error { return w.SetPods(dns, world.Pods{State: world.ImagePull}) },
			"coredns", v1alpha1.ReasonImagePullFailed, "cannot pull image"},
		"dead node": {func(w *world.World) error { return w.SetNode(node, world.NodeDown) }, "kubelet", v1alpha1.ReasonNodeFault, node},
		"dead leader": {func(w *world.World) error {
			return w.Freeze(world.Ref{Kind: "Lease", Namespace: "kube-system", Name: "kube-scheduler"})
		}, "kube-scheduler", v1alpha1.ReasonLeaseStale, "kube-scheduler"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(g, "overlay-cilium")
			g.Expect(test.fault(w)).To(Succeed())
			w.Advance(5 * time.Minute)
			path, verdicts := collect(t, w)
			expectSame(t, path, verdicts)
			for _, m := range verdicts.Mappings {
				if m.Name == test.mapping {
					g.Expect(m.Status.Conditions).To(ContainElement(And(HaveField("Type", v1alpha1.ConditionHealthy),
						HaveField("Reason", test.reason), HaveField("Message", ContainSubstring(test.words)))))
				}
			}
		})
	}
}

// A bundle holds what tells which versions run in a roll-out: ReplicaSets, ControllerRevisions without what they set in the
// environment, and how many pods are ready.
func TestBundleTellsVersions(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(g, "overlay-cilium")
	for ref, container := range map[world.Ref]string{
		{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}:  "coredns",
		{Kind: "DaemonSet", Namespace: "kube-system", Name: "azure-cns"}: "cns-container",
	} {
		g.Expect(w.RollOut(ref, container, "v9.9.9", &world.RollOut{Updated: 1, Pods: &world.Pods{State: world.ImagePull, Container: container}})).To(Succeed())
	}
	w.Advance(5 * time.Minute)
	path, verdicts := collect(t, w)
	expectSame(t, path, verdicts)
	versions := map[string]string{}
	for _, m := range verdicts.Mappings {
		versions[m.Name] = m.Status.Version
	}
	g.Expect(versions["coredns"]).To(MatchRegexp(`^v1\.\S+ \(\d\), v9\.9\.9 \(0 of 1 ready\)$`))
	g.Expect(versions["azure-cni"]).To(MatchRegexp(`^v1\.\S+ \(\d\), v9\.9\.9 \(0 of 1 ready\)$`))

	read := map[string]bool{}
	for name := range members(g, path) {
		read[name] = true
	}
	g.Expect(read).To(HaveKey("archmap-bundle/objects/ReplicaSet.v1.apps/kube-system.yaml"))
	g.Expect(read).To(HaveKey("archmap-bundle/objects/ControllerRevision.v1.apps/kube-system.yaml"))
	d, _ := load(t, path)
	g.Expect(d.ReadyPods).To(ContainElement(BeNumerically(">", 1)), "ready pods are counted, not held")
}

// A bundle may be unpacked, packed again in another way, or lie in a directory.
func TestBundleUnpacked(t *testing.T) {
	g := NewWithT(t)
	path, verdicts := collect(t, newWorld(g, "overlay-cilium"))
	dir := t.TempDir()
	for name, text := range members(g, path) {
		g.Expect(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, name), text, 0o600)).To(Succeed())
	}
	expectSame(t, dir, verdicts)

	packed, err := os.Open(path)
	g.Expect(err).NotTo(HaveOccurred())
	compiled, _ := shipped(g)
	d, info, err := dump.Load("-", packed, dump.Options{Needs: compiled.AllNeeds(), At: time.Now()})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Time).To(Equal(verdicts.At), "the bundle knows it better")
	g.Expect(info.Warnings).To(ConsistOf(ContainSubstring("--at is ignored")))

	g.Expect(os.Remove(filepath.Join(dir, "archmap-bundle/objects/Node.v1.yaml"))).To(Succeed())
	_, _, err = dump.Load(dir, nil, dump.Options{})
	g.Expect(err).To(MatchError(ContainSubstring("it is damaged")), "a part of a bundle would tell lies")
}

// members returns the files of a tar archive, compressed with gzip.
func members(g Gomega, path string) map[string][]byte {
	file, err := os.Open(path)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(file.Close()).To(Succeed()) }()
	unpacked, err := gzip.NewReader(file)
	g.Expect(err).NotTo(HaveOccurred())
	out := map[string][]byte{}
	for archive := tar.NewReader(unpacked); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return out
		}
		g.Expect(err).NotTo(HaveOccurred())
		out[h.Name], err = io.ReadAll(archive)
		g.Expect(err).NotTo(HaveOccurred())
	}
}

func object(g Gomega, text string) client.Object {
	u := &unstructured.Unstructured{}
	g.Expect(yaml.Unmarshal([]byte(text), &u.Object)).To(Succeed())
	return u
}

// What support need not see is not in a bundle, wherever it was.
func TestBundleHoldsNothingPrivate(t *testing.T) {
	g := NewWithT(t)
	const (
		subscription = "8f1c2f0a-1111-4222-8333-444455556666"
		network      = "8f1c2f0a-2222-4222-8333-444455556666"
		identity     = "8f1c2f0a-3333-4222-8333-444455556666"
	)
	d := &snapshot.Snapshot{
		Time: time.Date(2026, 10, 2, 14, 30, 0, 123456789, time.UTC),
		Objects: []client.Object{
			object(g, `{apiVersion: v1, kind: ConfigMap, metadata: {name: cluster-autoscaler-status, namespace: kube-system, annotations:
			  {cluster-autoscaler.kubernetes.io/last-updated: kept, other: hidden-1}}, data: {status: kept, other: hidden-2}, binaryData: {a: hidden-3}}`),
			object(g, `{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config, namespace: kube-system, annotations:
			  {cluster-autoscaler.kubernetes.io/last-updated: hidden-26}}, data: {status: hidden-27}}`),
			object(g, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, labels: {env: kept-1, args: kept-2, token: kept-3, jwt: eyJoaWRkZW4.eyJoaWRkZW4hidden-28.abc}},
			  spec: {selector: {matchLabels: {env: kept-4}, matchExpressions: [{key: password, operator: In, values: [kept-5]}]}, template: {metadata: {labels: {env: kept-6}},
			  spec: {nodeSelector: {secret: kept-7}, containers: [{name: kept, env: [{name: hidden-29}]}]}}}}`),
			object(g, `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: w,
			  managedFields: [{manager: hidden-4}], annotations: {kubectl.kubernetes.io/last-applied-configuration: hidden-5}},
			  webhooks: [{name: kept, clientConfig: {caBundle: hidden-6, url: "https://hidden-7:hidden-8@kept/path?a=kept&sig=hidden-9&b=kept"}}]}`),
			object(g, `{apiVersion: example.com/v1, kind: Thing, metadata: {name: t}, spec: {password: hidden-10, clientSecret: hidden-11,
			  template: {containers: [{name: kept, env: [{name: A, value: hidden-12}], args: [hidden-13], command: [hidden-14]}]},
			  subnet: /subscriptions/`+subscription+`/resourceGroups/kept, note: "Authorization: Bearer hidden-15-abcdefghijklmn",
			  connection: "AccountName=kept;AccountKey=hidden-16", jwt: eyJoaWRkZW4.eyJoaWRkZW4hidden-17.abc, image: "kept.io/a@sha256:0123"}}`),
			object(g, `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, subjects: [
			  {kind: User, name: hidden-18}, {kind: Group, name: "system:kept"}, {kind: ServiceAccount, name: kept}]}`),
			object(g, `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: e}, endpoints: [{addresses: [hidden-19], conditions: {ready: true}}]}`),
			object(g, `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: kube-system, labels: {k8s-app: kept}}, status: {podIP: hidden-20, containerStatuses: [
			  {name: c, lastState: {terminated: {exitCode: 1, reason: kept, message: hidden-21}}, state: {waiting: {reason: kept, message: kept}}}]}}`),
			&corev1.Node{},
		},
		Reads: []snapshot.Read{
			{Need: facts.Need{Kind: schema.FromAPIVersionAndKind("apps/v1", "Deployment"), Namespace: "kept"}, State: facts.NotPermitted,
				Message: `user "hidden-22@example.com" may not`},
			{Need: facts.Need{Path: "/readyz"}, State: facts.Failed, Message: "kept in " + network},
			{Need: facts.Need{Path: "/livez"}, State: facts.NotHeld, Message: "the dump has no such answer"},
		},
		Responses: map[string]facts.Response{"/api/v1/secrets": {Status: 200, Body: "hidden-23"}, "/readyz": {Status: 200, Body: "kept"}},
		Reviews:   map[facts.Review]snapshot.ReviewAnswer{{Verb: "delete", Resource: "nodes"}: {Reason: "User hidden-24@example.com: kept"}},
	}
	node := d.Objects[len(d.Objects)-1].(*corev1.Node)
	node.Name, node.Spec.ProviderID = "n", "azure:///subscriptions/"+subscription+"/resourceGroups/kept"
	node.Labels = map[string]string{
		"kubernetes.azure.com/network-subscription": network, "kubernetes.azure.com/podnetwork-subscription": strings.ToUpper(network),
		"kubernetes.azure.com/kubelet-identity-client-id": identity, "example.com/tenant-id": "hidden-25", "note": "of-" + network,
	}
	_, mappings := shipped(g)

	var out, again bytes.Buffer
	m, err := bundle.Write(&out, d, bundle.About{Cluster: "c", CollectedBy: "v1", Mappings: mappings})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = bundle.Write(&again, d, bundle.About{Cluster: "c", CollectedBy: "v1", Mappings: mappings})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again.Bytes()).To(Equal(out.Bytes()), "the same gives the same")
	g.Expect(m.Unread()).To(ConsistOf(`Deployment in namespace kept: user "(somebody)" may not`, HavePrefix("GET /readyz: kept in 0000"),
		"GET /livez: the dump has no such answer"))

	path := filepath.Join(t.TempDir(), "b.tar.gz")
	g.Expect(os.WriteFile(path, out.Bytes(), 0o600)).To(Succeed())
	var all strings.Builder
	for name, text := range members(g, path) {
		all.WriteString(name + "\n")
		all.Write(text)
	}
	g.Expect(strings.ToLower(all.String())).NotTo(Or(ContainSubstring("hidden"), ContainSubstring("8f1c2f0a"), ContainSubstring("example.com\"")))
	written := &corev1.Node{}
	g.Expect(yaml.Unmarshal(members(g, path)["archmap-bundle/objects/Node.v1.yaml"], written)).To(Succeed())
	g.Expect(written.Labels).To(HaveLen(len(node.Labels)))
	for _, value := range written.Labels {
		g.Expect(validation.IsValidLabelValue(value)).To(BeEmpty(), value)
	}
	g.Expect(written.Labels["kubernetes.azure.com/network-subscription"]).To(
		And(Equal(written.Labels["kubernetes.azure.com/podnetwork-subscription"]), Not(ContainSubstring(written.Labels["kubernetes.azure.com/kubelet-identity-client-id"])),
			Equal(strings.TrimPrefix(written.Labels["note"], "of-"))), "the same stays the same")
	for _, kept := range []string{
		"last-updated: kept", "status: kept", "url: https://(removed)@kept/path?a=kept&sig=(removed)&b=kept", "resourceGroups/kept", "AccountName=kept",
		"kept.io/a@sha256:0123", "system:kept", "k8s-app: kept", "ready: true", "exitCode: 1", "message: kept", `"body": "kept"`, "caBundle: " + trim.CABundle,
		"2 October 2026 at 14:30:00 UTC", "env: kept-1", "args: kept-2", "token: kept-3", "jwt: removed", "env: kept-4", "kept-5", "env: kept-6", "secret: kept-7", "archmap-bundle/objects/Node.v1.yaml", "Deployment in namespace kept",
	} {
		g.Expect(all.String()).To(ContainSubstring(kept))
	}
}

// TestBundleKeepsEvents: the events that a judgement has asked for answer those who read the bundle, and no others are missed.
func TestBundleKeepsEvents(t *testing.T) {
	g := NewWithT(t)
	need := facts.EventsOf("NodePool", "default", "")
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "e"}, Type: corev1.EventTypeWarning, Reason: "R",
		InvolvedObject: corev1.ObjectReference{Kind: "NodePool", Name: "default"}, Message: "it fails"}
	collected := snapshot.NewRecord()
	collected.Time = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)
	collected.Record(need, facts.Answer{State: facts.Known, Objects: []client.Object{event}})
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	var out bytes.Buffer
	_, err := bundle.Write(&out, collected, bundle.About{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(path, out.Bytes(), 0o600)).To(Succeed())
	loaded, _, err := dump.Load(path, nil, dump.Options{Needs: []facts.Need{facts.AllEvents("default")}})
	g.Expect(err).NotTo(HaveOccurred())
	answer := loaded.Answer(need)
	g.Expect(answer.State).To(Equal(facts.Known), answer.Message)
	g.Expect(facts.Events(answer)).To(HaveExactElements(And(HaveField("Reason", "R"), HaveField("Message", "it fails"), HaveField("Object.Name", "default"))))
	g.Expect(loaded.Answer(facts.EventsOf("Node", "default", "")).State).To(Equal(facts.NotHeld))
}

// TestBundleKeepsStates: what came of a read is the same for those who read the bundle.
func TestBundleKeepsStates(t *testing.T) {
	g := NewWithT(t)
	collected := &snapshot.Snapshot{Time: time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)}
	want := map[facts.Need]facts.Answer{}
	for _, state := range []facts.State{facts.NotServed, facts.NotPermitted, facts.Failed, facts.NotHeld} {
		need := facts.Need{Path: fmt.Sprintf("/%d", state)}
		collected.Reads = append(collected.Reads, snapshot.Read{Need: need, State: state, Message: "because"})
		want[need] = facts.Answer{State: state, Message: "because"}
	}
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	var out bytes.Buffer
	_, err := bundle.Write(&out, collected, bundle.About{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(path, out.Bytes(), 0o600)).To(Succeed())
	loaded, _, err := dump.Load(path, nil, dump.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(loaded.Facts(slices.Collect(maps.Keys(want))).Answers).To(Equal(want))
}

func TestBundleOfAnotherVersion(t *testing.T) {
	g := NewWithT(t)
	for text, want := range map[string]string{
		`{"apiVersion":"bundle.archmap.dev/v2","kind":"Bundle"}`:                                                                "use a newer archmap",
		`{"apiVersion":"bundle.archmap.dev/v1","kind":"Bundle"}`:                                                                "when the bundle was collected",
		`{"apiVersion":"bundle.archmap.dev/v1","kind":"Bundle","collectedAt":"2026-10-02T14:30:00Z","reads":[{"state":"Odd"}]}`: "unknown state",
		`{"apiVersion":"bundle.archmap.dev/v1","kind":"Bundle","collectedAt":"yesterday"}`:                                      "not valid JSON",
	} {
		_, _, err := dump.Load("-", strings.NewReader(text), dump.Options{})
		g.Expect(err).To(MatchError(ContainSubstring(want)))
	}
}
