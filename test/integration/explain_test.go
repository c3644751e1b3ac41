// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/archmap/archmap/internal/controller"
)

const (
	podLists = "GET /api/v1/namespaces/default/pods"
	// haste is how much faster the clock of an observer runs in these tests.
	haste = 10
)

// fastClock runs faster than time, and ahead of it.
type fastClock struct {
	clock.RealClock

	start time.Time
	ahead time.Duration
}

func (c fastClock) Now() time.Time {
	return c.start.Add(c.ahead + haste*time.Since(c.start))
}
func (c fastClock) Since(t time.Time) time.Duration        { return c.Now().Sub(t) }
func (c fastClock) NewTimer(d time.Duration) clock.Timer   { return c.RealClock.NewTimer(d / haste) }
func (c fastClock) After(d time.Duration) <-chan time.Time { return c.RealClock.After(d / haste) }
func (c fastClock) Sleep(d time.Duration)                  { c.RealClock.Sleep(d / haste) }

// fast lets an observer live in another time, in which nodes that were just created are as old as told.
func fast(ahead time.Duration) func(*controller.Options) {
	return func(o *controller.Options) {
		o.Observe.Clock = fastClock{start: time.Now(), ahead: ahead}
		o.Observe.SyncTimeout, o.Observe.RetryInterval = haste*o.Observe.SyncTimeout, haste*o.Observe.RetryInterval
		o.Engine.Pace *= haste
	}
}

var _ = Describe("An explanation", func() {
	It("is sought only while a workload is unhealthy, and says why by cause", func() {
		net := &network{}
		startOperator(cfg, net)
		newNode("well", "True")
		newNode("down", "Unknown")
		d := deployment("why", 5)
		pod(d.ObjectMeta, "why-a", "well", crashing)
		pod(d.ObjectMeta, "why-b", "down", corev1.ContainerStatus{Name: "main"})
		pod(d.ObjectMeta, "why-c", "well", crashing)
		pod(d.ObjectMeta, "why-d", "well", corev1.ContainerStatus{Name: "main", Image: "registry.example/why:v9",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}})
		create(mapping("why", checkDeployment("why")))
		Eventually(get("why")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		Expect(net.requests(podLists)).To(BeZero())

		setAvailable(d, 1)
		Eventually(get("why")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "CrashLooping",
			"1/5 available; 2 keep crashing: container main, last exit code 137 (OOMKilled), restarted 5+ times (well)",
			"1 cannot pull image registry.example/why:v9 for container main: ImagePullBackOff (well)",
			"1 on nodes that are unreachable (down)"))
		Expect(net.requests(podLists)).To(Equal(1))
		Expect(net.requests(podLists + "?labelSelector=app%3Dwhy&limit=200")).To(Equal(1))

		By("not listing again at once for a workload that flaps")
		setAvailable(d, 5)
		Eventually(get("why")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		setAvailable(d, 1)
		Eventually(get("why")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable"))
		Expect(net.requests(podLists)).To(Equal(1))
	})

	It("is sought once for every change", func() {
		net := &network{}
		startOperator(cfg, net, fast(time.Hour))
		newNode("well", "True")
		weak := newNode("weak", "True")
		d := deployment("once", 9)
		pod(d.ObjectMeta, "once-a", "well", crashing)
		pod(d.ObjectMeta, "once-b", "weak", crashing)
		create(mapping("once", checkDeployment("once")))
		Eventually(get("once")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))

		setAvailable(d, 3)
		Eventually(get("once")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "CrashLooping", "3/9 available; 2 keep crashing", "(weak, well)"))
		setAvailable(d, 2)
		Eventually(get("once")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "CrashLooping", "2/9 available; 2 keep crashing"))
		Eventually(net.requests).WithArguments(podLists).WithTimeout(soon).Should(Equal(2))
		Consistently(net.requests).WithArguments(podLists).WithTimeout(time.Minute/haste).Should(Equal(2), "it has not changed since")

		By("looking again when one of its nodes changes")
		beat(weak, "Unknown", time.Now())
		Eventually(get("once")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "CrashLooping", "1 keeps crashing", "1 on nodes that are unreachable (weak)"))
		Eventually(net.requests).WithArguments(podLists).WithTimeout(soon).Should(Equal(3))
	})

	It("is sought again while it says too little", func() {
		net := &network{}
		startOperator(cfg, net, fast(time.Hour))
		newNode("well", "True")
		d := deployment("slow", 2)
		starting := pod(d.ObjectMeta, "slow-a", "well", corev1.ContainerStatus{Name: "main",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}})
		create(mapping("slow", checkDeployment("slow")))
		Eventually(get("slow")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		setAvailable(d, 1)
		Eventually(get("slow")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "NotReady", "1 not ready: container main, ContainerCreating (well)"))

		// The Deployment stays as it is; only the pod tells that there is more to it.
		starting.Status.ContainerStatuses = []corev1.ContainerStatus{crashing}
		Expect(k8sClient.Status().Update(ctx, starting)).To(Succeed())
		Eventually(get("slow")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "CrashLooping", "1 keeps crashing: container main"))
		seen := net.requests(podLists)
		Consistently(net.requests).WithArguments(podLists).WithTimeout(time.Minute/haste).Should(Equal(seen), "now it says enough")
	})

	It("is not needed when a DaemonSet grows with its nodes", func() {
		net := &network{}
		startOperator(cfg, net)
		newNode("first", "True")
		ds := daemonSet("grows")
		setDaemons(ds, 1, 1)
		create(mapping("grows", checkDaemonSet("grows")))
		Eventually(get("grows")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		before := net.requests(statusWrite + "grows")

		newNode("second", "False")
		setDaemons(ds, 2, 1)
		Eventually(get("grows")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "Progressing", "1/2 available, growing: "))
		Expect(net.requests(statusWrite+"grows")).To(Equal(before+1), "nothing else was said before the nodes were read")
		Expect(net.requests(podLists)).To(BeZero())
	})

	It("finds what is wrong on a node that joins", func() {
		net := &network{}
		startOperator(cfg, net, fast(5*time.Minute))
		newNode("first", "True")
		ds := daemonSet("new")
		setDaemons(ds, 2, 1)
		pod(ds.ObjectMeta, "new-b", "first", crashing)
		create(mapping("new", checkDaemonSet("new")))
		Eventually(get("new")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "CrashLooping", "1/2 available; 1 keeps crashing: container main"))
	})
})

// crashing is a container that ends again and again.
var crashing = corev1.ContainerStatus{
	Name: "main", RestartCount: 7,
	State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
	LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}},
}

// newNode is a node whose Ready condition has the status.
func newNode(name string, ready corev1.ConditionStatus) *corev1.Node {
	GinkgoHelper()
	n := create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	beat(n, ready, n.CreationTimestamp.Time)
	return n
}

// pod is a pod of a workload, with one container.
func pod(workload metav1.ObjectMeta, name, node string, status corev1.ContainerStatus) *corev1.Pod {
	GinkgoHelper()
	p := create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: workload.Namespace, Labels: map[string]string{"app": workload.Name}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "registry.example/" + workload.Name + ":v1"}},
			TerminationGracePeriodSeconds: new(int64(0))},
	})
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{status}}
	Expect(k8sClient.Status().Update(ctx, p)).To(Succeed())
	return p
}

// daemonSet is a DaemonSet in the default namespace that tolerates every taint.
func daemonSet(name string) *appsv1.DaemonSet {
	GinkgoHelper()
	labels := map[string]string{"app": name}
	return create(&appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers:  []corev1.Container{{Name: "main", Image: "registry.example/" + name + ":v1"}},
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
				},
			},
		},
	})
}

// setDaemons plays the DaemonSet controller, which does not run here.
func setDaemons(d *appsv1.DaemonSet, desired, available int32) {
	GinkgoHelper()
	d.Status = appsv1.DaemonSetStatus{
		ObservedGeneration: d.Generation, DesiredNumberScheduled: desired, CurrentNumberScheduled: desired, UpdatedNumberScheduled: desired,
		NumberReady: available, NumberAvailable: available, NumberUnavailable: desired - available,
	}
	Expect(k8sClient.Status().Update(ctx, d)).To(Succeed())
}

func checkDaemonSet(name string) string {
	return `
checks:
- {name: agent, type: Workload, workload: {kind: DaemonSet, namespace: default, names: [` + name + `], container: main}}
`
}
