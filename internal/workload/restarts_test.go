// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// restarted is the status of a container that runs again: it ended some time ago, after it ran for another.
func restarted(restarts int, ran, ago time.Duration) string {
	at := func(d time.Duration) string { return noon.Add(-d).Format(time.RFC3339) }
	return fmt.Sprintf(`{name: web, state: {running: {startedAt: %q}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled, startedAt: %q, finishedAt: %q}}, `+
		`image: "", imageID: "", ready: true, restartCount: %d}`, at(ago), at(ago+ran), at(ago), restarts)
}

func readyPod(name, node, container string) client.Object {
	return pod(name, node, "{phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: ["+isReady+", "+container+"]}")
}

// sifted is the answer to a need for pods, as they are read.
func sifted(pods ...client.Object) facts.Answer {
	answer := facts.Answer{State: facts.Known, ReadAt: noon, ReadyPods: map[facts.PodRevision]int{}}
	for _, p := range pods {
		if Sift(p, answer.ReadyPods, noon) {
			answer.Objects = append(answer.Objects, p)
		}
	}
	return answer
}

// once diagnoses a workload whose pods are read once.
func once(o client.Object, pods ...client.Object) Diagnosis {
	w, _ := Of(o, &v1alpha1.WorkloadCheck{})
	return Diagnose(w, Nodes{}, Pods{Answer: sifted(pods...), Once: true}, noon)
}

func TestRestartsOfReadyPods(t *testing.T) {
	keeps := restarted(41, 4*time.Minute, time.Minute)
	steady := restarted(0, 0, 0)
	for name, test := range map[string]struct {
		containers []string
		want       string
	}{
		"all of them": {[]string{keeps, restarted(12, time.Minute, 59*time.Minute), restarted(5, 59*time.Minute, time.Minute)},
			"True WithinTolerance: Deployment kube-system/web: 3/3 available; 3 of 3 ready pods keep restarting: container web, last exit code 137 (OOMKilled), restarted 20+ times (n0, n1, n2)"},
		"the leader only": {[]string{steady, keeps, steady},
			"True WithinTolerance: Deployment kube-system/web: 3/3 available; 1 of 3 ready pods keeps restarting: container web, last exit code 137 (OOMKilled), restarted 20+ times (n1)"},
		"one of four": {[]string{keeps, steady, steady, steady},
			"True WithinTolerance: Deployment kube-system/web: 4/4 available; 1 of 4 ready pods keeps restarting: container web, last exit code 137 (OOMKilled), restarted 20+ times (n0)"},
		"one of five":      {[]string{keeps, steady, steady, steady, steady}, "True Healthy: Deployment kube-system/web: 5/5 available"},
		"months ago":       {[]string{restarted(200, time.Minute, 60*24*time.Hour)}, "True Healthy: Deployment kube-system/web: 1/1 available"},
		"an hour ago":      {[]string{restarted(200, time.Minute, time.Hour)}, "True Healthy: Deployment kube-system/web: 1/1 available"},
		"by a reboot":      {[]string{restarted(1, time.Minute, time.Minute)}, "True Healthy: Deployment kube-system/web: 1/1 available"},
		"by one more":      {[]string{restarted(201, 30*24*time.Hour, time.Minute)}, "True Healthy: Deployment kube-system/web: 1/1 available"},
		"while it started": {[]string{restarted(4, time.Minute, time.Minute)}, "True Healthy: Deployment kube-system/web: 1/1 available"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var pods []client.Object
			for i, c := range test.containers {
				pods = append(pods, readyPod(fmt.Sprintf("web-%d", i), fmt.Sprintf("n%d", i), c))
			}
			d := once(web(len(pods), len(pods)), pods...)
			g.Expect(summary(d)).To(Equal(test.want))
			g.Expect(d.Faults).To(HaveLen(len(d.Causes)))
		})
	}
}

// The fault is a minor one, that shows the pod to look at, and since when it surely lasts.
func TestFaultOfRestarts(t *testing.T) {
	g := NewWithT(t)
	d := once(web(2, 2), readyPod("a", "n", restarted(9, 4*time.Minute, 8*time.Minute)), readyPod("b", "n", restarted(30, 2*time.Minute, time.Minute)))
	g.Expect(d.Faults).To(HaveLen(1))
	f := d.Faults[0]
	g.Expect([]any{f.Kind, f.Subject.Name, f.Reason, f.Severity, f.Extent}).To(Equal(
		[]any{v1alpha1.FaultWorkload, "web", v1alpha1.ReasonCrashLooping, v1alpha1.SeverityMinor, v1alpha1.ExtentPart}))
	g.Expect(f.Next).To(Equal("kubectl -n kube-system logs b -c web --previous"))
	g.Expect(f.Since.Time).To(BeTemporally("==", noon.Add(-12*time.Minute)))

	others := readyPod("c", "n", restarted(9, time.Minute, time.Minute))
	others.SetOwnerReferences([]metav1.OwnerReference{{Kind: "ReplicaSet", Name: "api-1", Controller: new(true)}})
	g.Expect(summary(once(web(1, 1), others))).To(Equal("True Healthy: Deployment kube-system/web: 1/1 available"), "of another workload with the same labels")
}

// Where pods are listed anyway, those that restart are told as well; what is lacking decides.
func TestRestartsBesideMissingPods(t *testing.T) {
	g := NewWithT(t)
	pods := sifted(readyPod("a", "n1", restarted(9, time.Minute, time.Minute)), pod("b", "n2", containerStatuses(pulling))).Objects
	d := explained(web(2, 1), scene{nodes: pools(), pods: pods})
	g.Expect(summary(d)).To(Equal("False ImagePullFailed: Deployment kube-system/web: 1/2 available; " +
		"1 cannot pull image registry.example/web:v1 for container web: ImagePullBackOff, not found (n2); " +
		"1 of 1 ready pod keeps restarting: container web, last exit code 137 (OOMKilled), restarted 5+ times (n1)"))
	g.Expect(d.Faults).To(HaveLen(1))
	g.Expect(d.Faults[0].Kind).To(Equal(v1alpha1.FaultImage))
}

// flapped is a Deployment that became available a while ago, a day after it was made.
func flapped(ago time.Duration) *appsv1.Deployment {
	d := web(2, 2)
	d.CreationTimestamp = metav1.NewTime(noon.Add(-24 * time.Hour))
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue,
		LastTransitionTime: metav1.NewTime(noon.Add(-ago))}}
	return d
}

// The operator lists the pods of a healthy Deployment only for an hour after it was not available.
func TestPodsOfHealthyWorkloads(t *testing.T) {
	g := NewWithT(t)
	further := func(o client.Object, once bool) (needs []facts.Demand, recheckAfter time.Duration) {
		w, _ := Of(o, &v1alpha1.WorkloadCheck{})
		d := Diagnose(w, Nodes{}, Pods{Once: once}, noon)
		g.Expect(d.Reason).To(BeElementOf(v1alpha1.ReasonHealthy, v1alpha1.ReasonIdle, v1alpha1.ReasonScaledToZero), "nothing waits for its pods")
		return d.Further, d.RecheckAfter
	}
	w, _ := Of(web(2, 2), &v1alpha1.WorkloadCheck{})

	lately, recheckAfter := further(flapped(20*time.Minute), false)
	g.Expect(facts.NeedsOf(lately)).To(Equal([]facts.Need{w.PodsNeed()}))
	g.Expect(lately[0].Spare).To(BeFalse())
	g.Expect(recheckAfter).To(Equal(40 * time.Minute))
	again, _ := further(flapped(10*time.Minute), false)
	g.Expect(again).NotTo(Equal(lately), "they are read again when it flaps again")

	first, many := flapped(5*time.Minute), flapped(5*time.Minute)
	first.CreationTimestamp = metav1.NewTime(noon.Add(-6 * time.Minute))
	many.Spec.Replicas = new(int32(101))
	many.Status.Replicas, many.Status.UpdatedReplicas, many.Status.ReadyReplicas, many.Status.AvailableReplicas = 101, 101, 101, 101
	for name, o := range map[string]client.Object{
		"it never was unavailable": web(2, 2), "that was an hour ago": flapped(time.Hour), "it has just started": first, "there are too many": many,
		"a DaemonSet does not say": cns(3, 3, ""), "there are none": web(0, 0),
	} {
		none, recheckAfter := further(o, false)
		g.Expect(none).To(BeEmpty(), name)
		g.Expect(recheckAfter).To(BeZero(), name)
	}

	spare, _ := further(cns(3, 3, ""), true)
	g.Expect(spare).To(HaveLen(1), "but what is read once is read in full")
	g.Expect(spare[0].Spare).To(BeTrue())
	none, _ := further(cns(0, 0, ""), true)
	g.Expect(none).To(BeEmpty())
}

// A ready pod that keeps restarting is among the objects, and counts as ready all the same.
func TestRestartingPodsCountAsReady(t *testing.T) {
	g := NewWithT(t)
	w, _ := Of(webDaemonSet("v1", "", ""), &v1alpha1.WorkloadCheck{})
	answer := sifted(
		ofRevision(readyPod("a", "n1", restarted(9, time.Minute, time.Minute)), w, "v1"),
		ofRevision(readyPod("b", "n2", restarted(0, 0, 0)), w, "v1"),
		ofRevision(pod("c", "n3", containerStatuses(creating)), w, "v1"))
	g.Expect(answer.Objects).To(HaveLen(2))
	g.Expect(*w.countPods(answer).of("web-v1")).To(Equal(podCount{ready: 2, unready: 1}))
	of := facts.PodRevision{Namespace: "kube-system", Kind: "DaemonSet", Name: "web", Hash: "v1"}
	g.Expect(answer.ReadyPods).To(Equal(map[facts.PodRevision]int{of: 1}), "which is not changed")
	g.Expect(readyPods(answer)).To(Equal(map[facts.PodRevision]int{of: 2}))
}
