// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
)

const statusWrite = "PATCH /apis/architecture.archmap.dev/v1alpha1/componentmappings/"

var _ = Describe("A ComponentMapping", func() {
	It("follows its workload, with one write and one event for each turn", func() {
		net := &network{}
		startOperator(cfg, net)
		d := deployment("web", 2)
		create(mapping("web", checkDeployment("web")))
		Eventually(get("web")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Present", "True", "Observed", "Deployment default/web"),
			haveCondition("Healthy", "True", "AllChecksPass"),
			haveCondition("AsDocumented", "True", "MatchesDocumentation")))
		m, err := get("web")()
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Status.Version).To(Equal("v1.2.3"))
		Expect(m.Status.Methods).To(ConsistOf(v1alpha1.MethodDeployment))
		Expect(m.Status.ObservedGeneration).To(Equal(m.Generation))
		Expect(m.Status.Checks).To(HaveLen(1))
		Expect(m.ManagedFields).To(ContainElement(And(
			HaveField("Manager", "archmap"), HaveField("Operation", metav1.ManagedFieldsOperationApply), HaveField("Subresource", "status"))))

		before := net.requests(statusWrite + "web/status")
		setAvailable(d, 0)
		Eventually(get("web")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable", "Deployment default/web: 0/2 available"))
		Expect(net.requests(statusWrite + "web/status")).To(Equal(before + 1))

		setAvailable(d, 2)
		Eventually(get("web")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		Expect(net.requests(statusWrite + "web/status")).To(Equal(before + 2))

		Eventually(notesAbout("web")).WithTimeout(soon).Should(ConsistOf(
			HavePrefix("web became unhealthy (was healthy): WorkloadUnavailable: controller: Deployment default/web: 0/2 available"),
			Equal("web became healthy (was unhealthy): AllChecksPass: 1 of 1 checks pass")))
	})

	It("says what is absent, and sees it come and go", func() {
		startOperator(cfg, nil)
		create(mapping("late", checkDeployment("late")))
		Eventually(get("late")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Present", "False", "NotFound", "no Deployment default/late"),
			haveCondition("Healthy", "Unknown", "NotPresent")))
		d := deployment("late", 1)
		Eventually(get("late")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		Expect(k8sClient.Delete(ctx, d)).To(Succeed())
		Eventually(get("late")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
	})

	It("is stalled by an expression that does not compile, until the spec is fixed", func() {
		startOperator(cfg, nil)
		m := create(mapping("broken-cel", `
checks:
- name: class
  type: Object
  method: None
  object: {apiVersion: networking.k8s.io/v1, kind: IngressClass, name: some, healthy: "object.spec.controller =="}
`))
		Eventually(get("broken-cel")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "False", "InvalidSpec", "check class: object.healthy", "does not compile"),
			haveCondition("Stalled", "True", "InvalidSpec"),
			haveCondition("Healthy", "Unknown", "InvalidSpec")))
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(m), m)).To(Succeed())
		m.Spec.Checks[0].Object.Healthy = "object.spec.controller == 'example.com/a'"
		Expect(k8sClient.Update(ctx, m)).To(Succeed())
		Eventually(get("broken-cel")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Present", "False", "NotFound"),
			WithTransform(func(m *v1alpha1.ComponentMapping) *metav1.Condition {
				return meta.FindStatusCondition(m.Status.Conditions, "Stalled")
			}, BeNil())))
	})

	It("keeps a condition that another field owner applies", func() {
		startOperator(cfg, nil)
		d := deployment("shared", 1)
		m := create(mapping("shared", checkDeployment("shared")))
		Eventually(get("shared")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		foreign := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "architecture.archmap.dev/v1alpha1", "kind": "ComponentMapping",
			"metadata": map[string]any{"name": m.Name},
			"status": map[string]any{"conditions": []any{map[string]any{
				"type": "Probed", "status": "True", "reason": "Answered", "message": "by somebody else",
				"lastTransitionTime": "2026-01-01T00:00:00Z"}}},
		}}
		Expect(k8sClient.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(foreign), client.FieldOwner("prober"))).To(Succeed())
		setAvailable(d, 0)
		Eventually(get("shared")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable"))
		Expect(get("shared")()).To(haveCondition("Probed", "True", "Answered", "by somebody else"))
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(m), m)).To(Succeed())
		Expect(m.ManagedFields).NotTo(ContainElement(And(
			HaveField("Manager", "archmap"), HaveField("FieldsV1", WithTransform(
				func(f *metav1.FieldsV1) string { return string(f.GetRawBytes()) }, ContainSubstring("Probed"))))))
	})
})

var _ = Describe("The observer", func() {
	It("keeps one watch for 64 checks of a kind, and ends it with the last mapping", func() {
		startOperator(cfg, nil)
		var checks strings.Builder
		for i := range 64 {
			fmt.Fprintf(&checks, "- {name: c%d, type: Object, method: None, expect: Optional, object: {apiVersion: storage.k8s.io/v1, kind: CSINode, name: node-%d}}\n", i, i)
		}
		m := create(mapping("many", "checks:\n"+checks.String()))
		other := create(mapping("other", "checks:\n"+checks.String()))
		for _, name := range []string{"many", "other"} {
			Eventually(get(name)).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
		}
		Eventually(watchesOf("csinodes")).WithTimeout(soon).Should(Equal(1))
		Expect(k8sClient.Delete(ctx, m)).To(Succeed())
		Eventually(gone(m)).WithTimeout(soon).Should(BeTrue())
		Expect(watchesOf("csinodes")()).To(Equal(1))
		Expect(k8sClient.Delete(ctx, other)).To(Succeed())
		Eventually(watchesOf("csinodes")).WithTimeout(soon).Should(Equal(0))
	})

	It("finds a program in a namespace of its own by its labels, and holds no other", func() {
		objects := observedObjects("Deployment")
		net := &network{}
		startOperator(cfg, net)
		deployment("bystander", 1)
		create(mapping("anywhere", `
checks:
- name: controller
  type: Workload
  workload: {kind: Deployment, selector: {matchLabels: {program: edge}}, container: main}
`))
		Eventually(get("anywhere")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound", "no Deployment with labels program=edge"))
		Expect(k8sClient.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "its-own"}})).To(Succeed()) // nothing would finish its end
		d := deploymentIn("its-own", "edge", 1, map[string]string{"program": "edge"})
		Eventually(get("anywhere")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		Expect(get("anywhere")()).To(HaveField("Status.Checks", ContainElement(HaveField("Objects", ContainElement(And(
			HaveField("Namespace", "its-own"), HaveField("Name", "edge")))))))
		Expect(observedObjects("Deployment")).To(Equal(objects+1), "of the Deployments in the cluster")
		setAvailable(d, 0)
		Eventually(get("anywhere")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable", "Deployment its-own/edge: 0/1 available"))
		Expect(net.requests("GET /apis/apps/v1/deployments")).To(Equal(net.requests("program%3Dedge")), "the API server selects")

		d.Labels = nil
		Expect(k8sClient.Update(ctx, d)).To(Succeed())
		Eventually(get("anywhere")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
	})

	It("starts and stops watches when a mapping is edited", func() {
		startOperator(cfg, nil)
		m := create(mapping("edited", `
checks:
- {name: c, type: Object, method: None, object: {apiVersion: storage.k8s.io/v1, kind: CSINode, name: a}}
`))
		Eventually(watchesOf("csinodes")).WithTimeout(soon).Should(Equal(1))
		edit(m, func() {
			m.Spec.Checks[0].Object.APIVersion, m.Spec.Checks[0].Object.Kind = "policy/v1", "PodDisruptionBudget"
		})
		Eventually(watchesOf("poddisruptionbudgets")).WithTimeout(soon).Should(Equal(1))
		Eventually(watchesOf("csinodes")).WithTimeout(soon).Should(Equal(0))
	})

	It("says when the limit of watches is reached, and uses the room that another mapping leaves", func() {
		startOperator(cfg, nil, func(o *controller.Options) { o.Observe.MaxSources = 1 })
		first := create(mapping("first", checkDeployment("nowhere")))
		Eventually(get("first")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
		create(mapping("second", `
checks:
- name: plugin
  type: Workload
  workload: {kind: DaemonSet, namespace: default, names: [nowhere]}
`))
		Eventually(get("second")).WithTimeout(soon).Should(haveCondition("Present", "Unknown", "ObservationFailed", "the limit of 1 watches and polls"))
		Expect(k8sClient.Delete(ctx, first)).To(Succeed())
		Eventually(get("second")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
	})

	It("says that a first read does not come to an end, until it does", func() {
		net := &network{}
		release := net.hold("GET /apis/apps/v1/namespaces/default/deployments")
		startOperator(cfg, net, func(o *controller.Options) { o.Observe.SyncTimeout = time.Second })
		create(mapping("slow", checkDeployment("nowhere")))
		Eventually(get("slow")).WithTimeout(soon).Should(haveCondition("Present", "Unknown", "ObservationFailed", "still reading after 1s"))
		release()
		Eventually(get("slow")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
	})

	It("lets a kind that is not served hurt nothing else, and finds it when its CRD appears and goes", func() {
		startOperator(cfg, nil)
		deployment("fine", 1)
		create(mapping("fine", checkDeployment("fine")))
		create(mapping("unserved", `
checks:
- name: widget
  type: Object
  method: None
  evidence: Direct
  object: {apiVersion: things.example.com/v1, kind: Widget, namespace: default, name: w, healthy: "object.spec.good"}
`))
		Eventually(get("unserved")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Present", "False", "NotFound", "does not serve Widget in things.example.com/v1")))
		Eventually(get("fine")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))

		crd := create(widgets())
		widget := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "things.example.com/v1", "kind": "Widget",
			"metadata": map[string]any{"name": "w", "namespace": "default"}, "spec": map[string]any{"good": true}}}
		Eventually(func() error { return k8sClient.Create(ctx, widget) }).WithTimeout(soon).Should(Succeed())
		Eventually(get("unserved")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))

		Expect(k8sClient.Delete(ctx, crd)).To(Succeed())
		Eventually(get("unserved")).WithTimeout(2 * soon).Should(haveCondition("Present", "False", "NotFound"))
		Expect(get("fine")()).To(haveCondition("Healthy", "True", "AllChecksPass"))
	})

	It("sees what is polled for its size come and go within seconds, and kinds that are installed", func() {
		startOperator(cfg, nil, func(o *controller.Options) { o.Observe.RetryInterval = time.Hour })
		create(mapping("polled", `
checks:
- {name: crd, type: Object, method: None, expect: Optional, intervalSeconds: 3600,
   object: {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, name: widgets.things.example.com, observe: Poll}}
- {name: webhook, type: Object, method: None, expect: Optional, intervalSeconds: 3600,
   object: {apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, selector: {matchLabels: {app: polled}}, observe: Poll,
     healthy: "object.?webhooks.orValue([]).size() > 0"}}
- {name: api, type: Object, method: None, expect: Optional, intervalSeconds: 3600,
   object: {apiVersion: apiregistration.k8s.io/v1, kind: APIService, name: v1.polled.example.com, observe: Poll}}
- {name: settings, type: Object, method: None, expect: Optional, intervalSeconds: 3600,
   object: {apiVersion: v1, kind: ConfigMap, namespace: default, name: polled, observe: Poll}}
- {name: kind, type: Object, method: None, expect: Optional, intervalSeconds: 3600,
   object: {apiVersion: things.example.com/v1, kind: Widget, namespace: default, name: w, observe: Poll}}
- {name: watched, type: Object, method: None, expect: Optional,
   object: {apiVersion: things.example.com/v1, kind: Widget, namespace: default, name: w}}
`))
		expect := func(check, present, reason string) {
			GinkgoHelper()
			Eventually(checkOf("polled", check)).WithTimeout(soon).Should(And(
				HaveField("Present", BeEquivalentTo(present)), HaveField("Reason", reason)), check)
		}
		for _, check := range []string{"crd", "webhook", "api", "settings"} {
			expect(check, "False", "NotFound")
		}
		expect("kind", "False", "KindNotServed")
		expect("watched", "False", "KindNotServed")

		By("installing all of it")
		webhook := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "polled", Labels: map[string]string{"app": "polled"}}}
		installed := []client.Object{widgets(), webhook, apiService("v1", "polled.example.com"),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "polled"}}}
		for _, o := range installed {
			create(o)
		}
		expect("crd", "True", "Observed")
		expect("webhook", "True", "ExpressionFalse")
		expect("api", "True", "Observed")
		expect("settings", "True", "Observed")
		expect("kind", "False", "NotFound")
		expect("watched", "False", "NotFound")

		By("changing it")
		webhook.Webhooks = []admissionregistrationv1.MutatingWebhook{{
			Name: "polled.example.com", SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new("https://polled.example.com")}}}
		Expect(k8sClient.Update(ctx, webhook)).To(Succeed())
		expect("webhook", "True", "Healthy")
		create(&unstructured.Unstructured{Object: map[string]any{ // which goes with its kind
			"apiVersion": "things.example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "w", "namespace": "default"}}})
		expect("kind", "True", "Observed")
		expect("watched", "True", "Observed")

		By("removing all of it")
		for _, o := range installed {
			Expect(k8sClient.Delete(ctx, o)).To(Succeed())
		}
		for _, check := range []string{"crd", "webhook", "api", "settings"} {
			expect(check, "False", "NotFound")
		}
		expect("kind", "False", "KindNotServed")
		expect("watched", "False", "KindNotServed")
	})

	It("sees an admission webhook come, fail and go within seconds", func() {
		startOperator(cfg, nil, func(o *controller.Options) { o.Observe.RetryInterval = time.Hour })
		create(mapping("webhooks", `
checks:
- {name: own, type: Webhook, method: None, expect: Optional, webhook: {names: [comes-and-goes]}}
`))
		expect := func(present, reason, message string) {
			GinkgoHelper()
			Eventually(checkOf("webhooks", "own")).WithTimeout(soon).Should(And(
				HaveField("Present", BeEquivalentTo(present)), HaveField("Reason", reason), HaveField("Message", ContainSubstring(message))))
		}
		expect("False", "NotFound", "comes-and-goes")

		By("registering it without a Service")
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "comes-and-goes"},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{
				Name: "things.example.com", SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
				ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "default", Name: "behind"}},
				Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule: admissionregistrationv1.Rule{APIGroups: []string{"things.example.com"}, APIVersions: []string{"v1"}, Resources: []string{"widgets"}}}},
			}},
		}
		create(configuration)
		expect("True", "WebhookUnavailable", "Service default/behind does not exist; the API server rejects all requests to create widgets.things.example.com")

		By("creating the Service, then endpoints that become ready")
		create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "behind"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}}})
		expect("True", "WebhookUnavailable", "Service default/behind has no endpoint")
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "behind-1", Labels: map[string]string{discoveryv1.LabelServiceName: "behind"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.1.2.3"}, Conditions: discoveryv1.EndpointConditions{Ready: new(false)}}},
		}
		create(slice)
		expect("True", "WebhookUnavailable", "has no ready endpoints (1 not ready)")
		slice.Endpoints[0].Conditions.Ready = new(true)
		Expect(k8sClient.Update(ctx, slice)).To(Succeed())
		expect("True", "WebhookUnavailable", "its caBundle is empty")

		By("injecting its certificate")
		configuration.Webhooks[0].ClientConfig.CABundle = cfg.CAData
		Expect(k8sClient.Update(ctx, configuration)).To(Succeed())
		expect("True", "Healthy", "1 webhook can be called")

		By("removing it")
		Expect(k8sClient.Delete(ctx, configuration)).To(Succeed())
		expect("False", "NotFound", "comes-and-goes")
	})

	It("says which right is missing, and heals when it is granted", func() {
		restricted := restrictedUser("forbidden-test", rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"list", "watch"}})
		startOperator(restricted, nil)
		deployment("allowed", 1)
		create(mapping("allowed", checkDeployment("allowed")))
		create(mapping("forbidden", `
checks:
- name: node-plugin
  type: Workload
  workload: {kind: DaemonSet, namespace: default, names: [plugin]}
- name: config
  type: Object
  method: None
  expect: Optional
  object: {apiVersion: v1, kind: ConfigMap, namespace: default, name: settings}
`))
		Eventually(get("forbidden")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Present", "Unknown", "NotPermitted",
				`Role in namespace default`, `apiGroups: ["apps"], resources: ["daemonsets"], verbs: [list, watch]`),
			haveCondition("Healthy", "Unknown", "NotPermitted")))
		Eventually(get("allowed")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))

		grant("forbidden-test-more", "forbidden-test", rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"daemonsets"}, Verbs: []string{"list", "watch"}})
		Eventually(get("forbidden")).WithTimeout(soon).Should(haveCondition("Present", "False", "NotFound"))
		Expect(checkOf("forbidden", "config")()).To(And(HaveField("Reason", "NotPermitted"), HaveField("Message", ContainSubstring(`resourceNames: ["settings"]`))))
	})

	It("reaches no verdict before the first complete read, and a restart turns nothing", func() {
		stop := startOperator(cfg, nil)
		deployment("steady", 1)
		m := create(mapping("steady", checkDeployment("steady")))
		Eventually(get("steady")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		stop()
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(m), m)).To(Succeed())
		written := m.ResourceVersion

		net := &network{}
		release := net.hold("GET /apis/apps/v1/namespaces/default/deployments")
		startOperator(cfg, net)
		fresh := create(mapping("fresh", checkDeployment("steady")))
		Eventually(get("fresh")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "Unknown", "Observing"),
			haveCondition("Present", "Unknown", "NotYetObserved"),
			haveCondition("Healthy", "Unknown", "NotYetObserved")))

		By("editing a mapping while its cache syncs")
		edit(fresh, func() { fresh.Spec.Checks[0].Workload.Names = []v1alpha1.ObjectName{"nowhere"} })
		release()
		Eventually(get("fresh")).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("Present", "False", "NotFound", "nowhere"),
			HaveField("Status.ObservedGeneration", Equal(int64(2)))))
		Expect(get("steady")()).To(HaveField("ResourceVersion", written))
		Expect(net.requests(statusWrite + "steady")).To(BeZero())
	})

	It("writes nothing for heartbeats of nodes", func() {
		net := &network{}
		startOperator(cfg, net)
		node := create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "beating", Labels: map[string]string{"pool": "beating"}}})
		beat(node, "True", time.Now())
		create(mapping("beats", `
checks:
- name: kubelet
  type: Nodes
  method: SystemdService
  nodes:
    selector: {matchLabels: {pool: beating}}
    healthy: {conditions: [{type: Ready, status: "True", maxHeartbeatAgeSeconds: 3600}]}
`))
		Eventually(get("beats")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		before := net.requests(statusWrite)
		for i := range 50 {
			beat(node, "True", time.Now().Add(time.Duration(i)*time.Second))
		}
		beat(node, "Unknown", time.Now())
		Eventually(get("beats")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "NodeFault", "beating (Ready is Unknown: Test)"))
		Expect(net.requests(statusWrite)).To(Equal(before + 1))
	})

	It("throttles counters, but not conditions", func() {
		net := &network{}
		startOperator(cfg, net)
		d := deployment("counted", 40)
		create(mapping("counted", checkDeployment("counted")))
		Eventually(get("counted")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		before := net.requests(statusWrite + "counted/status")
		for i := range int32(10) {
			setAvailable(d, 39-i) // ten of 40 may be missing, by the Deployment's own maxUnavailable
		}
		setAvailable(d, 29)
		Eventually(get("counted")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable", "29/40 available"))
		// Two: the turn, and at most one set of counters if this took longer than five seconds.
		Expect(net.requests(statusWrite + "counted/status")).To(BeNumerically("<=", before+2))

		By("catching up with the last counters")
		setAvailable(d, 28)
		Eventually(get("counted")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable", "28/40 available"))
	})

	It("judges a lease by its movement, and an unreachable API server by nothing", func() {
		net := &network{}
		startOperator(cfg, net)
		lease := create(&coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "leader", Namespace: metav1.NamespaceDefault},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: new("someone"), LeaseDurationSeconds: new(int32(15))},
		})
		renew := func(clock time.Time) {
			GinkgoHelper()
			lease.Spec.RenewTime = new(metav1.NewMicroTime(clock))
			Expect(k8sClient.Update(ctx, lease)).To(Succeed())
		}
		renew(time.Now())
		create(mapping("leading", `
checks:
- name: leader
  type: Lease
  method: PlatformService
  evidence: Indirect
  intervalSeconds: 5
  lease: {namespace: default, name: leader, maxAgeSeconds: 8}
`))
		Eventually(get("leading")).WithTimeout(soon).Should(And(
			haveCondition("Present", "True", "ObservedIndirectly"),
			haveCondition("Healthy", "True", "AllChecksPass")))
		Eventually(get("leading")).WithTimeout(2 * soon).Should(haveCondition("Healthy", "False", "LeaseStale", "Lease default/leader has not been renewed"))

		By("renewing it with a clock that is a day behind")
		renew(time.Now().Add(-24 * time.Hour))
		Eventually(get("leading")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))

		By("cutting the network, watches too, for longer than the lease may stand still")
		deployment("watched", 1)
		create(mapping("watched", checkDeployment("watched")))
		Eventually(get("watched")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
		before := net.requests(statusWrite)
		net.setCut(true)
		Eventually(func() int { return net.failed("/apis/coordination.k8s.io/v1") }).WithTimeout(2 * soon).Should(BeNumerically(">=", 3))
		Expect(net.failed("watch=true")).To(BeNumerically(">", 0))
		renew(time.Now())
		net.setCut(false)
		// What a read told has been judged when the next one is answered.
		reads := net.answered(leases)
		Eventually(func() int { return net.answered(leases) }).WithTimeout(2 * soon).Should(BeNumerically(">=", reads+2))
		for _, name := range []string{"leading", "watched"} {
			Expect(get(name)()).To(haveCondition("Healthy", "True", "AllChecksPass"))
		}
		Expect(net.requests(statusWrite)).To(Equal(before))
	})

	It("reads endpoints and what authorizers say", func() {
		stop := startOperator(cfg, nil)
		create(mapping("endpoints", `
checks:
- name: version
  type: Endpoint
  method: PlatformService
  endpoint: {path: /version, version: json.gitVersion}
- name: etcd
  type: Endpoint
  method: PlatformService
  endpoint: {path: "/readyz?verbose", present: "body.contains(']etcd ')", healthy: "body.contains('[+]etcd ok')"}
`))
		Eventually(get("endpoints")).WithTimeout(soon).Should(And(
			haveCondition("Healthy", "True", "AllChecksPass"), HaveField("Status.Version", HavePrefix("v1."))))
		stop()

		startOperator(restrictedUser("nobody-much"), nil)
		create(mapping("refusal", `
checks:
- name: rbac
  type: AccessReview
  method: PlatformService
  expect: Optional
  accessReview: {verb: delete, resource: nodes, reasonContains: [no opinion of anybody]}
- name: hidden
  type: Endpoint
  method: PlatformService
  endpoint: {path: /readyz/etcd}
`))
		Eventually(get("refusal")).WithTimeout(soon).Should(haveCondition("Present", "Unknown", "NotPermitted", `nonResourceURLs: ["/readyz/etcd"]`))
		Expect(checkOf("refusal", "rbac")()).To(HaveField("Reason", "ReasonDiffers"))
	})

	It("says what cannot be watched, and what cannot be read at all", func() {
		net := &network{}
		startOperator(cfg, net, func(o *controller.Options) { o.Observe.SyncTimeout = time.Second })
		create(mapping("unwatchable", `
checks:
- {name: status, type: Object, method: None, evidence: Direct, object: {apiVersion: v1, kind: ComponentStatus}}
`))
		Eventually(get("unwatchable")).WithTimeout(soon).Should(haveCondition("Present", "Unknown", "ObservationFailed",
			"cannot watch ComponentStatus of v1; set observe: Poll"))
		asked := net.requests("/api/v1/componentstatuses")
		Expect(asked).To(BeNumerically("<=", 4), "until it is known what is wrong")
		known := net.requests("selfsubjectaccessreviews") + net.requests("GET /api/v1")
		Eventually(func() int {
			return net.requests("selfsubjectaccessreviews") + net.requests("GET /api/v1")
		}).WithTimeout(soon).Should(BeNumerically(">", known+2), "it is looked for again")
		Expect(net.requests("/api/v1/componentstatuses")).To(Equal(asked), "and not asked for")

		By("asking for an API whose backend is not there")
		create(apiService("v1", "gone.example.com"))
		create(mapping("backendless", `
checks:
- {name: thing, type: Object, method: None, evidence: Direct, object: {apiVersion: gone.example.com/v1, kind: Thing}}
`))
		Eventually(get("backendless")).WithTimeout(soon).Should(haveCondition("Present", "Unknown", "ObservationFailed", "still reading after 1s"))
	})
})

var _ = Describe("A ClusterArchitecture", func() {
	It("rolls its mappings and nodes up, and follows them", func() {
		startOperator(cfg, nil)
		node := create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "arch-0", Labels: map[string]string{"platform": "test", "pool": "system"}}})
		beat(node, "True", time.Now())
		d := deployment("part", 1)
		create(mapping("part", checkDeployment("part")))
		create(mapping("absent", "presence: Optional\n"+strings.TrimSpace(checkDeployment("nothing"))))
		create(&v1alpha1.ClusterArchitecture{
			ObjectMeta: metav1.ObjectMeta{Name: "test"},
			Spec: v1alpha1.ClusterArchitectureSpec{
				Platform:          "test",
				NodeSelector:      &metav1.LabelSelector{MatchLabels: map[string]string{"platform": "test"}},
				ComponentSelector: metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.PlatformLabel: "test"}},
				NodePoolLabel:     "pool",
				Rules:             []v1alpha1.Rule{{Name: "either", Type: v1alpha1.ExactlyOne, Components: []v1alpha1.ComponentName{"part", "absent"}}},
			},
		})
		architecture := func() (*v1alpha1.ClusterArchitecture, error) {
			var a v1alpha1.ClusterArchitecture
			err := k8sClient.Get(ctx, client.ObjectKey{Name: "test"}, &a)
			return &a, err
		}
		Eventually(architecture).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"),
			haveCondition("PlatformDetected", "True", "NodesMatch"),
			haveCondition("Complete", "True", "AllRequiredPresent"),
			haveCondition("Healthy", "True", "AllChecksPass"),
			HaveField("Status.Summary.Text", "1/2 present"),
			HaveField("Status.KubernetesVersion", HavePrefix("v1.")),
			HaveField("Status.NodePools", ConsistOf(And(HaveField("Name", "system"), HaveField("Ready", HaveValue(Equal(int32(1)))))))))

		setAvailable(d, 0)
		Eventually(architecture).WithTimeout(soon).Should(And(
			haveCondition("Healthy", "False", "ComponentsUnhealthy", "1 unhealthy (1 cause): part: WorkloadUnavailable: "),
			HaveField("Status.Causes", ConsistOf(And(HaveField("Reason", "WorkloadUnavailable"), HaveField("Components", ConsistOf("part")))))))

		deployment("nothing", 1)
		Eventually(architecture).WithTimeout(soon).Should(haveCondition("Complete", "False", "RulesViolated", "either", "found part, absent"))

		Expect(k8sClient.Delete(ctx, node)).To(Succeed())
		Eventually(architecture).WithTimeout(soon).Should(And(
			haveCondition("PlatformDetected", "Unknown", "NotObservable"),
			haveCondition("Healthy", "Unknown", "PlatformNotDetected"),
			HaveField("Status.Components", BeEmpty())))
	})
})

// edit changes a mapping's spec.
func edit(m *v1alpha1.ComponentMapping, change func()) {
	GinkgoHelper()
	Eventually(func() error {
		if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(m), m); err != nil {
			return err
		}
		change()
		return k8sClient.Update(ctx, m)
	}).WithTimeout(soon).Should(Succeed())
}

// checkOf reads the verdict of one check.
func checkOf(mapping, check string) func() (v1alpha1.CheckStatus, error) {
	return func() (v1alpha1.CheckStatus, error) {
		m, err := get(mapping)()
		for _, c := range m.Status.Checks {
			if c.Name == check {
				return c, err
			}
		}
		return v1alpha1.CheckStatus{}, err
	}
}

// notesAbout lists the texts of the events about a mapping.
func notesAbout(name string) func() ([]string, error) {
	return func() ([]string, error) {
		var list eventsv1.EventList
		err := k8sClient.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault))
		var notes []string
		for _, e := range list.Items {
			if e.Regarding.Kind == "ComponentMapping" && e.Regarding.Name == name {
				notes = append(notes, e.Note)
			}
		}
		return notes, err
	}
}

// beat writes a node's Ready condition as the kubelet does.
func beat(node *corev1.Node, status corev1.ConditionStatus, heartbeat time.Time) {
	GinkgoHelper()
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: status, Reason: "Test",
		LastHeartbeatTime: metav1.NewTime(heartbeat), LastTransitionTime: metav1.NewTime(heartbeat)}}
	Expect(k8sClient.Status().Update(ctx, node)).To(Succeed())
}

// observedObjects is how many objects of a kind the operator holds in memory, by its own account.
func observedObjects(kind string) float64 {
	GinkgoHelper()
	families, err := ctrlmetrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() != "archmap_observer_objects" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "kind" && label.GetValue() == kind {
					return m.GetGauge().GetValue()
				}
			}
		}
	}
	return 0
}

var watchGauge = regexp.MustCompile(`(?m)^apiserver_longrunning_requests\{.*resource="([a-z]+)".*verb="WATCH".*\} (\d+)`)

// watchesOf counts the open watches of a resource by the API server's own account. It watches some kinds
// itself, for its admission plugins: none of those that the tests ask for.
func watchesOf(resource string) func() (int, error) {
	kube, err := kubernetes.NewForConfig(cfg)
	Expect(err).NotTo(HaveOccurred())
	return func() (int, error) {
		body, err := kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
		if err != nil {
			return 0, err
		}
		total := 0
		for _, match := range watchGauge.FindAllStringSubmatch(string(body), -1) {
			if match[1] == resource {
				n, _ := strconv.Atoi(match[2])
				total += n
			}
		}
		return total, nil
	}
}

// restrictedUser may do what the operator's own role allows, and the rules given.
func restrictedUser(name string, rules ...rbacv1.PolicyRule) *rest.Config {
	GinkgoHelper()
	own := []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"componentmappings", "clusterarchitectures"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"componentmappings/status", "clusterarchitectures/status"}, Verbs: []string{"patch"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
	grant(name, name, append(own, rules...)...)
	user, err := testEnv.AddUser(envtest.User{Name: name}, cfg)
	Expect(err).NotTo(HaveOccurred())
	return user.Config()
}

// grant binds a role of its own to a user.
func grant(role, user string, rules ...rbacv1.PolicyRule) {
	GinkgoHelper()
	create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: rules})
	create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
}

// apiService is an API whose backend is not there.
func apiService(version, group string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": version + "." + group},
		"spec": map[string]any{
			"group": group, "version": version, "groupPriorityMinimum": int64(1000), "versionPriority": int64(10),
			"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": "default", "name": "gone"}}}}
}

// widgets is the CRD of a kind that no cluster has.
func widgets() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.things.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "things.example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Kind: "Widget"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true)}},
			}},
		},
	}
}
