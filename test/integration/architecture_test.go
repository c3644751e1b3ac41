// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
)

var _ = Describe("A ClusterArchitecture explains itself", func() {
	It("counts a node fault once, and tells of versions that are too far apart", func() {
		// The API server makes nodes that are new, and new ones need not be ready yet.
		startOperator(cfg, nil, func(o *controller.Options) { o.Observe.Clock = tomorrow{} })
		down := create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "down", Labels: map[string]string{"platform": "test", "pool": "system"}}})
		down.Status.NodeInfo.KubeletVersion = "v1.20.9"
		beat(down, "Unknown", time.Now())
		well := create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "well", Labels: map[string]string{"platform": "test", "pool": "system"}}})
		well.Status.NodeInfo.KubeletVersion = "v1.21.0"
		beat(well, "True", time.Now())
		for _, name := range []string{"kubelet", "runtime"} {
			create(mapping(name, `
checks:
- name: nodes
  type: Nodes
  method: SystemdService
  nodes: {selector: {matchLabels: {platform: test}}, version: Kubelet, healthy: {conditions: [{type: Ready, status: "True"}]}}
`))
		}
		create(architecture(`{nodeSelector: {matchLabels: {platform: test}}, nodePoolLabel: pool}`))

		const fault = "1 of 2 nodes is not ready: down (Test)"
		Eventually(theArchitecture).WithTimeout(soon).Should(And(
			haveCondition("Healthy", "False", "ComponentsUnhealthy", "2 unhealthy (1 cause): kubelet, runtime: NodeFault: "+fault),
			HaveField("Status.Message", ContainSubstring(fault)),
			HaveField("Status.Causes", HaveExactElements(And(
				HaveField("Reason", "NodeFault"), HaveField("Message", fault), HaveField("Components", HaveExactElements("kubelet", "runtime"))))),
			haveCondition("VersionsSupported", "False", "SkewExceeded", "v1.20.9 is ", "behind the API server", "1 node: down"),
			HaveField("Status.Skews", ContainElement(And(HaveField("Type", v1alpha1.SkewMixedKubelets), HaveField("Name", "system")))),
			HaveField("Status.Abstract", ContainElements(
				ContainSubstring("2 nodes (1 down): 2 of 2 components present, 2 unhealthy (1 cause)"),
				"! kubelet, runtime: NodeFault: "+fault,
				HavePrefix("Networking  kubelet  systemd  unhealthy  v1.20.9 (1)")))))

		beat(down, "True", time.Now())
		Eventually(theArchitecture).WithTimeout(soon).Should(And(
			haveCondition("Healthy", "True", "AllChecksPass"), HaveField("Status.Causes", BeEmpty())))
	})

	It("tells when another fault takes the place of one", func() {
		startOperator(cfg, nil)
		settings := create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: "default"}, Data: map[string]string{"good": "yes"}})
		d := deployment("twofold", 2)
		create(mapping("twofold", checkDeployment("twofold")+`
- name: settings
  type: Object
  method: None
  object: {apiVersion: v1, kind: ConfigMap, namespace: default, name: settings, healthy: "object.data.good == 'yes'"}
`))
		Eventually(get("twofold")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		settings.Data["good"] = "no"
		Expect(k8sClient.Update(ctx, settings)).To(Succeed())
		Eventually(get("twofold")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "ExpressionFalse"))
		setAvailable(d, 0)
		Eventually(get("twofold")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable"))
		Eventually(notesAbout("twofold")).WithTimeout(soon).Should(ConsistOf(
			HavePrefix("twofold became unhealthy (was healthy): ExpressionFalse: settings: "),
			HavePrefix("twofold is still unhealthy; the reason changed from ExpressionFalse to WorkloadUnavailable: ")))
	})

	It("fits into an object when it is as big as it can be, and says what it left out", func() {
		const components, pools = 520, 260
		// Three Deployments that are down, with the longest of names and versions, are what every component is about.
		var names []string
		for i := range 3 {
			name := fmt.Sprintf("%s-%d", strings.Repeat("d", 251), i)
			names = append(names, name)
			labels := map[string]string{"app": "big"}
			setAvailable(create(&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
				Spec: appsv1.DeploymentSpec{
					Replicas: new(int32(1)),
					Selector: &metav1.LabelSelector{MatchLabels: labels},
					Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{
						{Name: "main", Image: "registry.example/main:" + strings.Repeat("v", 127) + fmt.Sprint(i)}}}},
				},
			}), 0)
		}
		all(components, func(i int) client.Object { return bigMapping(i, names) })
		all(pools, func(i int) client.Object {
			return &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%03d", strings.Repeat("n", 249), i), Labels: map[string]string{
					"pool": fmt.Sprintf("%s-%03d", strings.Repeat("p", 59), i), "mode": strings.Repeat("m", 63), "image": strings.Repeat("i", 63)}},
				Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{
					KubeletVersion: fmt.Sprintf("v1.20.%d-%s", i, strings.Repeat("k", 200)), ContainerRuntimeVersion: strings.Repeat("r", 200)}},
			}
		})
		startOperator(cfg, nil)
		create(architecture("{nodePoolLabel: pool, nodeModeLabel: mode, nodeImageLabel: image}"))

		cuts := []string{
			"only the first 512 of 520 components are listed",
			"only the first 64 of 520 components of cause WorkloadUnavailable are listed",
			"only the first 64 of 260 skews are listed",
			"only the first 64 of 260 advisories are listed",
			"only the first 256 of 260 node pools are listed",
		}
		Eventually(theArchitecture).WithTimeout(4 * soon).Should(And(
			haveCondition("Ready", "True", "ListsTruncated", cuts...),
			haveCondition("Healthy", "False", "ComponentsUnhealthy", "520 unhealthy (3 causes)"),
			HaveField("Status.Summary.Text", "520/520 present"),
			HaveField("Status.Components", HaveLen(512)),
			HaveField("Status.NodePools", HaveLen(256)),
			HaveField("Status.Causes", HaveLen(3)),
			HaveField("Status.Skews", HaveLen(64)),
			HaveField("Status.Advisories", HaveLen(64)),
			WithTransform(func(a *v1alpha1.ClusterArchitecture) []string {
				return a.Status.Abstract[max(0, len(a.Status.Abstract)-len(cuts)):]
			}, Equal(cuts))))

		a, err := theArchitecture()
		Expect(err).NotTo(HaveOccurred())
		raw, err := json.Marshal(a)
		Expect(err).NotTo(HaveOccurred())
		AddReportEntry("size of the object", fmt.Sprintf("%d KiB", len(raw)>>10))
		Expect(len(raw)).To(BeNumerically("<", 1<<20), "etcd takes no more than 1.5 MiB")
	})
})

// tomorrow is a clock that is a day ahead.
type tomorrow struct{ clock.RealClock }

func (c tomorrow) Now() time.Time                  { return c.RealClock.Now().Add(24 * time.Hour) }
func (c tomorrow) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// architecture is that of the components of the tests; the YAML says the rest of its spec.
func architecture(spec string) *v1alpha1.ClusterArchitecture {
	GinkgoHelper()
	a := &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "test"}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &a.Spec)).To(Succeed())
	a.Spec.Platform = "test"
	a.Spec.ComponentSelector = metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.PlatformLabel: "test"}}
	return a
}

// theArchitecture reads it anew.
func theArchitecture() (*v1alpha1.ClusterArchitecture, error) {
	var a v1alpha1.ClusterArchitecture
	err := k8sClient.Get(ctx, client.ObjectKey{Name: "test"}, &a)
	return &a, err
}

// bigMapping is the i-th of many mappings, with texts as long as the API takes them.
func bigMapping(i int, deployments []string) *v1alpha1.ComponentMapping {
	GinkgoHelper()
	m := mapping("big", checkDeployment("none"))
	m.Name = fmt.Sprintf("%s-%03d", strings.Repeat("m", 249), i)
	m.Spec.Component = strings.Repeat("c", 63)
	check := &m.Spec.Checks[0]
	check.Name = fmt.Sprintf("%s-%03d", strings.Repeat("k", 59), i)
	check.Workload.Names = nil
	for _, name := range deployments {
		check.Workload.Names = append(check.Workload.Names, v1alpha1.ObjectName(name))
	}
	if i%2 == 0 {
		m.Spec.Implementation.Advisories = []v1alpha1.Advisory{{
			Type: v1alpha1.AdvisoryGeneralAvailability, Date: "2028-03-31", Message: strings.Repeat("a", 512),
			URL: v1alpha1.WebAddress("https://example.com/" + strings.Repeat("u", 490))}}
	}
	return m
}

// all creates n objects, and deletes them when the spec ends.
func all(n int, object func(i int) client.Object) {
	GinkgoHelper()
	for i := range n {
		o := object(i)
		Expect(k8sClient.Create(ctx, o)).To(Succeed())
		if node, ok := o.(*corev1.Node); ok {
			node.Status = object(i).(*corev1.Node).Status
			Expect(k8sClient.Status().Update(ctx, node)).To(Succeed())
		}
		DeferCleanup(func() { Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, o))).To(Succeed()) })
	}
}
