// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// What pages say.
const (
	liveText = `document.getElementById("live").textContent`
	// mark is gone when the page is loaded anew.
	mark   = `globalThis.marked = true`
	marked = `globalThis.marked === true`
)

// stateOf is the state of a component in the table.
func stateOf(name string) string {
	return `document.querySelector('#components [data-name="` + name + `"]')?.dataset.state`
}

// TestServe: what changes in the cluster changes on the page, without a reload and without a request to anybody else.
func TestServe(t *testing.T) {
	api := startAPIServer(t)
	t.Run("the operator's verdicts", func(t *testing.T) { testServeOperator(t, api) })
	t.Run("judged here", func(t *testing.T) { testServeCluster(t, api) })
}

// keepVerdicts does what an operator does that has just looked: it keeps a report in the cluster.
func keepVerdicts(t *testing.T, api *apiServer, r *report.Report) {
	g, now := NewWithT(t), metav1.NewMicroTime(time.Now())
	r.Architecture.Name = "aks"
	r.Architecture.Status.ObservedAt = metav1.NewTime(now.Time)
	api.apply(t.Context(), g, &r.Architecture)
	for i := range r.Mappings {
		api.apply(t.Context(), g, &r.Mappings[i])
	}
	g.Expect(api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "archmap-system"}})).To(Succeed())
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "archmap-system", Name: "manager.archmap.dev"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: new("me"), LeaseDurationSeconds: new(int32(15)), RenewTime: &now},
	}
	g.Expect(api.Create(t.Context(), lease)).To(Succeed())
	go func() {
		for t.Context().Err() == nil {
			lease.Spec.RenewTime = new(metav1.NewMicroTime(time.Now()))
			_ = api.Update(t.Context(), lease)
			time.Sleep(5 * time.Second)
		}
	}()
}

func testServeOperator(t *testing.T, api *apiServer) {
	kept := modern(t)
	keepVerdicts(t, api, kept)
	server := serve(t, "--kubeconfig", api.kubeconfig, "--port", "0")
	p := open(t, server.url)
	p.forgiven = []string{"ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE"}
	eventually[string](p, liveText).Should(HavePrefix("Live"))
	p.Expect(js[string](p, stateOf("coredns"))).To(Equal("healthy"))
	p.Expect(js[string](p, `document.title`)).To(Equal("healthy: AKS test"))

	// The reader sorts, filters, opens, marks and writes.
	js[any](p, mark)
	js[any](p, `document.getElementById("sort-0").click(); document.getElementById("component-coredns").open = true;
	  getSelection().selectAllChildren(document.getElementById("verdict-text")); document.getElementById("filter-text").focus()`)
	p.press("DNS")
	shown := js[[]string](p, visibleRows)

	dns := reporttest.Mapping(kept, "coredns")
	set(kept, "coredns", is(metav1.ConditionTrue, v1alpha1.ReasonObserved), is(metav1.ConditionFalse, v1alpha1.ReasonCrashLooping))
	began := time.Now()
	api.apply(t.Context(), p, dns)
	eventually[string](p, stateOf("coredns")).Should(Equal("unhealthy"))
	t.Logf("shown after %s", time.Since(began).Round(10*time.Millisecond))
	p.Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second))

	p.Expect(js[bool](p, marked)).To(BeTrue(), "no reload")
	eventually[string](p, liveText).Should(MatchRegexp(`^Live\. Changed at .*: DNS unhealthy$`))
	box := `document.querySelector('.drawing [data-component="coredns"]')`
	p.Expect(js[string](p, box+`.textContent`)).To(ContainSubstring("unhealthy"))
	p.Expect(js[string](p, `getComputedStyle(`+box+`).boxShadow`)).NotTo(Equal("none"))
	p.Expect(js[bool](p, `document.getElementById("fold").closest("tfoot").hidden`)).To(BeTrue(), "the reader filters")
	p.Expect(js[string](p, `document.activeElement.id + " " + document.activeElement.value`)).To(Equal("filter-text DNS"))
	p.Expect(js[bool](p, `document.getElementById("component-coredns").open`)).To(BeTrue())
	p.Expect(js[[]string](p, visibleRows)).To(Equal(shown))
	p.Expect(js[string](p, `document.querySelector("#components th[aria-sort]").textContent`)).To(Equal("Component"))
	p.Expect(js[int](p, `document.querySelectorAll("#components thead button").length`)).To(Equal(9), "each column sorts, once")
	p.press("zzz")
	eventually[[]string](p, visibleRows).Should(BeEmpty(), "the filter goes on working")

	// What an update brings is text, too.
	hurt := hostile(t)
	dns.Status.Message = reporttest.Mapping(hurt, "coredns").Status.Message
	api.apply(t.Context(), p, dns)
	eventually[string](p, `document.getElementById("component-coredns").textContent`).Should(ContainSubstring("<script>document.title='taken'</script>"))
	p.Expect(js[string](p, `document.title`)).NotTo(Equal("taken"))
	p.Expect(js[int](p, `document.querySelectorAll("main script, main img").length`)).To(BeZero())

	// The server ends although the page is open. The page says so, and heals.
	port := server.port()
	server.stop()
	eventually[string](p, liveText).Should(HavePrefix("The connection to archmap is lost since "))
	p.Expect(js[string](p, stateOf("coredns"))).To(Equal("unhealthy"), "what was seen last stays")
	serve(t, "--kubeconfig", api.kubeconfig, "--port", port)
	eventually[string](p, liveText).Should(HavePrefix("Live"))
	p.Expect(js[bool](p, marked)).To(BeTrue(), "no reload")
	for _, request := range p.sent() {
		p.Expect(request).To(Or(Equal(server.url+"/"), Equal(server.url+"/events")))
	}
}

const webMapping = `
apiVersion: architecture.archmap.dev/v1alpha1
kind: ComponentMapping
metadata: {name: web}
spec:
  component: web
  category: Addon
  placement: Cluster
  operatedBy: Customer
  presence: Required
  implementation: {name: web, methods: [Deployment], source: {name: example/web}}
  checks:
  - {name: server, type: Workload, workload: {kind: Deployment, namespace: default, names: [web], container: web}}
`

// web is a Deployment with so many replicas that are available.
func web(available int32) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example/web:v1.2.3"}}}},
		},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: available, AvailableReplicas: available,
			UnavailableReplicas: 2 - available},
	}
}

func testServeCluster(t *testing.T, api *apiServer) {
	mappings := filepath.Join(t.TempDir(), "web.yaml")
	NewWithT(t).Expect(os.WriteFile(mappings, []byte(webMapping), 0o600)).To(Succeed())
	server := serve(t, "--kubeconfig", api.kubeconfig, "--port", "0", "-f", mappings, "--only-mine")
	p := open(t, server.url)
	p.Expect(js[string](p, stateOf("web"))).To(Equal("missing"))
	js[any](p, mark)

	for _, step := range []struct {
		available int32
		state     string
	}{{2, "healthy"}, {0, "unhealthy"}, {2, "healthy"}} {
		began := time.Now()
		api.apply(t.Context(), p, web(step.available))
		eventually[string](p, stateOf("web")).Should(Equal(step.state))
		t.Logf("%s after %s", step.state, time.Since(began).Round(10*time.Millisecond))
	}

	// The cluster falls silent: the page says so, and what was seen last stays.
	api.way.cut()
	eventually[string](p, liveText).WithTimeout(2 * patience).Should(HavePrefix("The cluster has not responded since "))
	p.Expect(js[string](p, stateOf("web"))).To(Equal("healthy"))
	api.apply(t.Context(), p, web(0))
	api.way.fix(t)
	eventually[string](p, liveText).Should(HavePrefix("Live"))
	eventually[string](p, stateOf("web")).WithTimeout(2 * patience).Should(Equal("unhealthy"))
	p.Expect(js[bool](p, marked)).To(BeTrue(), "no reload")
}
