// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package judge_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/archmap/archmap/internal/snapshot"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

func newWorld(g Gomega) *world.World {
	shape, err := shapes.Load("overlay-cilium")
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(shape)
	g.Expect(err).NotTo(HaveOccurred())
	return w
}

func shipped(g Gomega) *catalog.Catalog {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	g.Expect(err).NotTo(HaveOccurred())
	return loaded
}

func snapshotOf(g Gomega, w *world.World) *snapshot.Snapshot {
	read, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	return read
}

func healthOf(v *judge.Verdicts, name string) string {
	for i := range v.Mappings {
		if v.Mappings[i].Name == name {
			return shapes.ConditionOf(v.Mappings[i].Status.Conditions, v1alpha1.ConditionHealthy)
		}
	}
	return "no mapping " + name
}

// A single snapshot grants no grace period; one that follows other verdicts does.
func TestGracePeriods(t *testing.T) {
	g := NewWithT(t)
	w, rows := newWorld(g), shipped(g)
	c := judge.Compile(&rows.Architectures[0], rows.Mappings)
	before := c.JudgeAgain(snapshotOf(g, w), nil)
	g.Expect(healthOf(before, "kubelet")).To(Equal("True/AllChecksPass"))

	node, err := w.NodeName("user/0")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.SetNode(node, world.NodeDown)).To(Succeed())
	w.Advance(55 * time.Second) // the node controller has just noticed
	read := snapshotOf(g, w)
	g.Expect(healthOf(c.Judge(read), "kubelet")).To(Equal("False/NodeFault"))
	g.Expect(healthOf(c.JudgeAgain(read, before), "kubelet")).To(Equal("True/WithinGracePeriod"))

	for i, m := range c.Judge(read).Mappings {
		g.Expect(m.Spec).To(Equal(rows.Mappings[i].Spec), "the specs stay as they were written")
	}
}

// reader counts what is read of a world.
type reader struct {
	all   *snapshot.Snapshot
	reads [][]facts.Need
}

func (r *reader) Read(ctx context.Context, needs []facts.Need) (*snapshot.Snapshot, error) {
	r.reads = append(r.reads, needs)
	return r.all.Read(ctx, needs)
}

// Pods are read after their workloads. While all is well, those that may restart are, and what is behind webhooks.
func TestReadAndJudgeReadsWhatExplains(t *testing.T) {
	g := NewWithT(t)
	w, rows := newWorld(g), shipped(g)
	c := judge.Compile(&rows.Architectures[0], rows.Mappings)

	healthy := &reader{all: snapshotOf(g, w)}
	_, _, err := c.ReadAndJudge(t.Context(), healthy)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(healthy.reads).To(HaveLen(2))
	const endpoints, services = "EndpointSlice", "Service" // behind webhooks
	for _, need := range healthy.reads[1] {
		g.Expect(need.Kind.Kind).To(BeElementOf(facts.PodKind.Kind, endpoints, services))
	}

	dns := world.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}
	g.Expect(w.SetPods(dns, world.Pods{State: world.ImagePull})).To(Succeed())
	w.Advance(10 * time.Minute)
	broken := &reader{all: snapshotOf(g, w)}
	verdicts, read, err := c.ReadAndJudge(t.Context(), broken)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(healthOf(verdicts, "coredns")).To(Equal("False/ImagePullFailed"))
	g.Expect(broken.reads).To(HaveLen(2))
	for _, need := range broken.reads[1] {
		g.Expect(need.Kind.Kind).To(BeElementOf(facts.PodKind.Kind, endpoints, services))
	}
	g.Expect(healthOf(c.Judge(read), "coredns")).To(Equal("False/ImagePullFailed"), "what was read is enough")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = c.ReadAndJudge(ctx, broken)
	g.Expect(err).To(MatchError(context.Canceled))
}

// What is invalid is judged as the operator does, and hurts nothing else.
// refusing permits nobody to read pods.
type refusing struct{ reader }

func (r *refusing) Read(ctx context.Context, needs []facts.Need) (*snapshot.Snapshot, error) {
	read, err := r.reader.Read(ctx, needs)
	for i := range read.Reads {
		if read.Reads[i].Need.Kind == facts.PodKind {
			read.Reads[i].State = facts.NotPermitted
		}
	}
	return read, err
}

// Whoever reads once sees the restarts of ready pods, also of a DaemonSet, whose status shows nothing of them. That they could not
// be read is told to nobody, as they would only tell more; in a big cluster they are not read.
func TestReadAndJudgeReadsRestarts(t *testing.T) {
	g := NewWithT(t)
	w, rows := newWorld(g), shipped(g)
	c := judge.Compile(&rows.Architectures[0], rows.Mappings)
	cilium := world.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "cilium"}
	g.Expect(w.SetPods(cilium, world.Pods{State: world.Restarting, ExitCode: 1, Restarts: 20})).To(Succeed())
	verdicts, _, err := c.ReadAndJudge(t.Context(), &reader{all: snapshotOf(g, w)})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(healthOf(verdicts, "azure-cni")).To(Equal("True/WithinTolerance"))
	g.Expect(healthOf(c.JudgeAgain(snapshotOf(g, w), nil), "azure-cni")).To(Equal("True/AllChecksPass"), "the operator reads no pods of a healthy DaemonSet")

	refused := &refusing{reader{all: snapshotOf(g, w)}}
	verdicts, read, err := c.ReadAndJudge(t.Context(), refused)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(healthOf(verdicts, "azure-cni")).To(Equal("True/AllChecksPass"))
	g.Expect(refused.reads).To(HaveLen(2), "and it is not tried again")
	for _, r := range read.Reads {
		g.Expect(r.Need.Kind).NotTo(Equal(facts.PodKind))
	}

	big := newWorld(g)
	g.Expect(big.Resize(world.NodePool{Name: "system", Like: "system", Count: 3}, world.NodePool{Name: "user", Like: "user", Count: 98})).To(Succeed())
	live := &reader{all: snapshotOf(g, big)}
	_, _, err = c.ReadAndJudge(t.Context(), live)
	g.Expect(err).NotTo(HaveOccurred())
	for _, need := range live.reads[1] {
		g.Expect(need.Kind).NotTo(Equal(facts.PodKind))
	}
}

func TestInvalid(t *testing.T) {
	g := NewWithT(t)
	rows := shipped(g)
	bad := v1alpha1.ComponentMapping{Spec: v1alpha1.ComponentMappingSpec{Checks: []v1alpha1.Check{{
		Name: "odd", Type: v1alpha1.CheckObject, Object: &v1alpha1.ObjectCheck{APIVersion: "v1", Kind: "ConfigMap", Name: "x", Healthy: "1 +"},
	}}}}
	bad.Name = "bad"
	architecture := rows.Architectures[0].DeepCopy()
	architecture.Spec.NodeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"no label": ""}}
	v := judge.Compile(architecture, append(rows.Mappings, bad)).Judge(snapshotOf(g, newWorld(g)))
	g.Expect(healthOf(v, "bad")).To(Equal("Unknown/InvalidSpec"))
	g.Expect(healthOf(v, "coredns")).To(Equal("True/AllChecksPass"))
	g.Expect(meta.FindStatusCondition(v.Architecture.Status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonInvalidSpec))
}

// An architecture takes in the mappings that it selects.
func TestSelection(t *testing.T) {
	g := NewWithT(t)
	rows := shipped(g)
	stranger := *rows.Mappings[0].DeepCopy()
	stranger.Name, stranger.Labels = "stranger", nil
	v := judge.Compile(&rows.Architectures[0], append(rows.Mappings, stranger)).Judge(snapshotOf(g, newWorld(g)))
	g.Expect(v.Mappings).To(HaveLen(len(rows.Mappings) + 1))
	g.Expect(v.Architecture.Status.Summary.Total).To(HaveValue(BeEquivalentTo(len(rows.Mappings))))
}

// Without an architecture nothing is read for one.
func TestWithoutArchitecture(t *testing.T) {
	g := NewWithT(t)
	rows := shipped(g)
	with, without := judge.Compile(&rows.Architectures[0], nil), judge.Compile(nil, nil)
	g.Expect(with.Needs()).To(ContainElement(facts.Nodes))
	g.Expect(without.Needs()).To(BeEmpty())
	g.Expect(without.Judge(snapshotOf(g, newWorld(g))).Architecture).To(BeNil())
}

// Of two mappings with the same name, as two files may have them, each is judged.
func TestSameNames(t *testing.T) {
	g := NewWithT(t)
	rows := shipped(g)
	i := slices.IndexFunc(rows.Mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == "coredns" })
	first, second := *rows.Mappings[i].DeepCopy(), *rows.Mappings[i].DeepCopy()
	second.Spec.Checks[0].Workload.Names = []v1alpha1.ObjectName{"nowhere"}
	v := judge.Compile(nil, []v1alpha1.ComponentMapping{first, second}).Judge(snapshotOf(g, newWorld(g)))
	g.Expect(meta.IsStatusConditionTrue(v.Mappings[0].Status.Conditions, v1alpha1.ConditionPresent)).To(BeTrue(), "the first")
	g.Expect(meta.IsStatusConditionTrue(v.Mappings[1].Status.Conditions, v1alpha1.ConditionPresent)).To(BeFalse(), "the second")
	g.Expect(v.Mappings[1].Status.Conditions).NotTo(BeEmpty())
}
