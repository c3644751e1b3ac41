// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"
	"testing/synctest"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/workload"
)

var (
	replicaSets = workload.RevisionsNeed(v1alpha1.WorkloadDeployment, "kube-system")
	revisions   = workload.RevisionsNeed(v1alpha1.WorkloadDaemonSet, "kube-system")
)

func template(tag string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "r/main:" + tag}}}}
}

// versioned is a Deployment of 4 pods, of which some are made from the template.
func versioned(name, tag string, updated int32) *appsv1.Deployment {
	d := deployment(name, 4)
	d.Spec.Template, d.Status.UpdatedReplicas = template(tag), updated
	return d
}

func replicaSet(of, tag string, replicas int32) client.Object {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: of + "-" + tag,
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: of, Controller: new(true)}}},
		Spec: appsv1.ReplicaSetSpec{Template: template(tag)}, Status: appsv1.ReplicaSetStatus{Replicas: replicas, ReadyReplicas: replicas},
	}
}

func versionCheck(kind, name string) string {
	return "{name: c, type: Workload, workload: {kind: " + kind + ", namespace: kube-system, names: [" + name + "], container: main}}"
}

func (o *operator) versions(subscriber string) string {
	return check.FormatVersions(o.results(subscriber)[0].Versions)
}

// In a steady state nothing is read for versions; in roll-outs one list for each namespace and kind, however many there are.
// While it is read, the versions stay.
func TestVersionsInRollOuts(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		ds := newDaemonSet("cns")
		ds.Spec.Template, ds.Status.NumberReady, ds.Status.NumberAvailable = template("v1"), 2, 2
		o.show(deployments, versioned("web", "v1", 4), versioned("api", "v1", 4))
		o.show(daemonSets, ds)
		o.show(facts.Nodes)
		o.start()
		o.subscribe("web", versionCheck("Deployment", "web"))
		o.subscribe("api", versionCheck("Deployment", "api"))
		o.subscribe("cns", versionCheck("DaemonSet", "cns"))
		o.expectNotified("the first findings", "api", "cns", "web")
		o.g.Expect(o.wants()).To(Equal([]string{"DaemonSet", "Deployment"}))
		o.g.Expect(o.engine.Demands()).To(BeEmpty())

		o.put(deployments, versioned("web", "v2", 1))
		o.put(deployments, versioned("api", "v2", 1))
		synctest.Wait()
		o.g.Expect(o.wants()).To(Equal([]string{"DaemonSet", "Deployment", "Node", "Pod", "Pod", "ReplicaSet"}), "the pods tell whether new ones start")
		o.g.Expect(o.begun[replicaSets]).To(Equal(1))
		o.g.Expect([]string{o.versions("web"), o.versions("api")}).To(Equal([]string{"v1", "v1"}), "they stay while ReplicaSets are read")
		o.g.Expect(o.results("web")[0].Message).To(ContainSubstring("1/4 updated"), "its health does not wait")

		o.show(replicaSets, replicaSet("web", "v1", 3), replicaSet("web", "v2", 1), replicaSet("api", "v1", 4))
		synctest.Wait()
		o.g.Expect([]string{o.versions("web"), o.versions("api")}).To(Equal([]string{"v1 (3), v2 (1)", "v1"}))

		rolling := ds.DeepCopy()
		rolling.Status.UpdatedNumberScheduled = 1
		o.put(daemonSets, rolling)
		synctest.Wait()
		o.g.Expect(o.begun[revisions]).To(Equal(1))

		o.put(deployments, versioned("web", "v2", 4))
		synctest.Wait()
		o.g.Expect(o.versions("web")).To(Equal("v2"))
		o.g.Expect(o.wants()).To(ContainElement("ReplicaSet"), "api rolls on")
		o.put(deployments, versioned("api", "v2", 4))
		o.put(daemonSets, ds)
		synctest.Wait()
		o.g.Expect(o.wants()).To(Equal([]string{"DaemonSet", "Deployment"}), "when all is steady, nothing is read")
	})
}

// After a restart in the middle of a roll-out nothing is said before the versions are known.
func TestVersionsAfterARestart(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, versioned("web", "v2", 1))
		o.start()
		o.subscribe("web", versionCheck("Deployment", "web"))
		synctest.Wait()
		o.g.Expect(o.results("web")[0].VersionsPending).To(BeTrue())
		o.show(replicaSets, replicaSet("web", "v1", 3), replicaSet("web", "v2", 1))
		synctest.Wait()
		o.g.Expect(o.results("web")[0].VersionsPending).To(BeFalse())
		o.g.Expect(o.versions("web")).To(Equal("v1 (3), v2 (1)"))
	})
}
