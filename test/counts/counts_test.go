// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package counts holds what the controllers do on a cluster to numbers: how often they write, reconcile and evaluate, what
// they watch and what they keep. It measures no time.
package counts

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/controller"
)

// numbers are counts by what is counted.
type numbers map[string]int

// since leaves what has become more.
func (n numbers) since(before numbers) numbers {
	more := numbers{}
	for what, count := range n {
		if d := count - before[what]; d != 0 {
			more[what] = d
		}
	}
	return more
}

// of sums up what begins so.
func (n numbers) of(prefix string) int {
	sum := 0
	for what, count := range n {
		if strings.HasPrefix(what, prefix) {
			sum += count
		}
	}
	return sum
}

func (n numbers) String() string {
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(n)) {
		lines = append(lines, fmt.Sprintf("%s %d", what, n[what]))
	}
	return strings.Join(lines, "\n")
}

// requests counts those that pass, by verb and resource.
type requests struct {
	mu     sync.Mutex
	counts numbers
	// written is when the last status of a mapping was.
	written time.Time
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		what := describe(request.Method, request.URL)
		if isInterim(request) {
			what = interim + what
		}
		r.mu.Lock()
		if r.counts[what]++; what == mappingPatches {
			r.written = time.Now()
		}
		r.mu.Unlock()
		return next.RoundTrip(request)
	})
}

// isInterim says that a request writes a status that only says that facts are being read.
func isInterim(request *http.Request) bool {
	if request.Method != http.MethodPatch || request.GetBody == nil {
		return false
	}
	body, err := request.GetBody()
	if err != nil {
		return false
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	return err == nil && bytes.Contains(text, fmt.Appendf(nil, `"reason":%q`, v1alpha1.ReasonObserving))
}

// describe is a request without names: its verb and its resource.
func describe(method string, u *url.URL) string {
	verb := map[string]string{http.MethodGet: "read", http.MethodPatch: "patch", http.MethodPost: "create"}[method]
	if u.Query().Get("watch") != "" {
		verb = "watch"
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	for i, part := range parts {
		if part == "v1alpha1" && i+1 < len(parts) { // archmap's own
			what := parts[i+1]
			if i+3 < len(parts) {
				what += "/" + parts[i+3]
			}
			return verb + " " + what
		}
	}
	return verb + " " + u.Path
}

// operator is the controllers as they are shipped, in this process.
type operator struct {
	*bed

	t        *testing.T
	began    time.Time
	requests *requests
}

func (b *bed) newOperator(t *testing.T) *operator {
	return &operator{bed: b, t: t, began: time.Now(), requests: &requests{counts: numbers{}}}
}

// start runs the controllers until the test ends.
func (o *operator) start() {
	c := rest.CopyConfig(o.config)
	c.Wrap(o.requests.wrap)
	manager, err := ctrl.NewManager(c, ctrl.Options{
		Scheme: scheme, Cache: cache.Options{ReaderFailOnMissingInformer: true}, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}, // for -count
	})
	o.g.Expect(err).NotTo(HaveOccurred())
	o.g.Expect(controller.Setup(manager, controller.Options{})).To(Succeed())
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Start(o.t.Context()) }()
	o.t.Cleanup(func() { o.g.Eventually(stopped).WithTimeout(patience).Should(Receive(BeNil())) })
}

// counts are what the manager says of itself, and its requests.
func (o *operator) counts() numbers {
	families, err := ctrlmetrics.Registry.Gather()
	o.g.Expect(err).NotTo(HaveOccurred())
	all := numbers{}
	for _, family := range families {
		name := strings.TrimPrefix(family.GetName(), "archmap_")
		if name == family.GetName() && name != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			what := name + " "
			for i, label := range metric.GetLabel() {
				if i > 0 {
					what += " "
				}
				what += label.GetValue()
			}
			all[what] += int(metric.GetCounter().GetValue()+metric.GetGauge().GetValue()) + int(metric.GetHistogram().GetSampleCount())
		}
	}
	o.requests.mu.Lock()
	defer o.requests.mu.Unlock()
	maps.Copy(all, o.requests.counts)
	return all
}

// until waits until something has been counted, and nothing more comes of it; it returns what was counted.
func (o *operator) until(before numbers, done func(numbers) bool) numbers {
	var last numbers
	var since time.Time
	o.g.Eventually(func() bool {
		now := o.counts().since(before)
		if !maps.Equal(now.lasting(), last.lasting()) {
			last, since = now, time.Now()
		}
		quiet := 2 * time.Second
		if now.of(throttled) > 0 { // and written after five seconds
			quiet = 6 * time.Second
		}
		return done(now) && time.Since(since) >= quiet
	}).WithTimeout(patience).WithPolling(50*time.Millisecond).Should(BeTrue(), func() string { return last.String() })
	return last
}

// What is counted. Names of metrics have no prefix, and the values of their labels.
const (
	mappingPatches         = "patch componentmappings/status"
	architecturePatches    = "patch clusterarchitectures/status"
	interim                = "interim "
	mappingReconciles      = "controller_runtime_reconcile_total componentmapping "
	architectureReconciles = "controller_runtime_reconcile_total clusterarchitecture "
	workloadEvaluations    = "engine_evaluations_total Workload"
	nodeEvaluations        = "engine_evaluations_total Nodes"
	evaluations            = "engine_evaluations_total "
	delays                 = "engine_status_delay_seconds "
	statuses               = "controller_statuses_total "
	writtenMappings        = statuses + "ComponentMapping written"
	writtenArchitectures   = statuses + "ClusterArchitecture written"
	throttled              = statuses + "ClusterArchitecture throttled"
	droppedNodes           = "observer_events_total  Node dropped"
	watches                = "observer_sources watch"
	polls                  = "observer_sources poll"
	kept                   = "observer_objects "
	keptBytes              = "observer_objects_bytes "
)

// often begins what goes on all the time: requests but for writes of statuses.
var often = []string{"read ", "create ", "watch ", "observer_reads_total "}

// lasting leaves out what goes on all the time: that, and evaluations of what is polled.
func (n numbers) lasting() numbers {
	out := maps.Clone(n)
	maps.DeleteFunc(out, func(what string, _ int) bool {
		return slices.ContainsFunc(often, func(prefix string) bool { return strings.HasPrefix(what, prefix) }) ||
			strings.HasPrefix(what, evaluations) && what != workloadEvaluations && what != nodeEvaluations
	})
	return out
}

// limits are the most of what may be counted, by what it begins with.
type limits map[string]int

// spend does something, waits until nothing more comes of it, and holds what was counted to limits. Whatever is written is
// counted by the manager as by its requests, and has a delay.
func (o *operator) spend(name string, do func(), done func(numbers) bool, most limits) {
	o.t.Helper()
	before := o.counts()
	do()
	cost := o.until(before, done)
	o.t.Log(name + ":\n" + cost.String())
	for what, limit := range most {
		o.g.Expect(cost.of(what)).To(BeNumerically("<=", limit), "%s: %s", name, what)
	}
	o.g.Expect(cost[writtenMappings]).To(Equal(cost[mappingPatches]+cost[interim+mappingPatches]), name)
	o.g.Expect(cost[writtenArchitectures]).To(Equal(cost[architecturePatches]+cost[interim+architecturePatches]), name)
	if cost[writtenMappings] > 0 {
		o.g.Expect(cost.of(delays)).To(BeNumerically(">", 0), name)
	}
}

// distinct is how many different checks of each type there are.
func distinct(g Gomega, rows *catalog.Catalog) map[v1alpha1.CheckType]int {
	keys := map[v1alpha1.CheckType]map[string]bool{}
	for i := range rows.Mappings {
		checks, err := check.Compile(&rows.Mappings[i].Spec)
		g.Expect(err).NotTo(HaveOccurred())
		for _, c := range checks {
			if keys[c.Spec.Type] == nil {
				keys[c.Spec.Type] = map[string]bool{}
			}
			keys[c.Spec.Type][c.Key()] = true
		}
	}
	counts := map[v1alpha1.CheckType]int{}
	for kind := range keys {
		counts[kind] = len(keys[kind])
	}
	return counts
}

// TestCounts holds the controllers to numbers. Those that depend on no timing are what is right; where changes that come
// together are evaluated together or not, as the machine has it, they are the most that is right. A number that grows is a
// change of what each cluster pays.
func TestCounts(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	b := newBed(t)
	o := b.newOperator(t)
	checks := distinct(b.g, b.rows)
	nodes, mappings := len(b.nodes), len(b.rows.Mappings)
	o.spend("a start", o.start, func(n numbers) bool {
		return n[mappingPatches] >= mappings && n[architecturePatches] > 0
	}, limits{
		// One each; but the architecture may be complete before its last row has all it says.
		mappingPatches: mappings, architecturePatches: 2,
		// Each of the sources of a check may become known by itself, and so may each check of a mapping.
		mappingReconciles: 6 * mappings, workloadEvaluations: 5 * checks[v1alpha1.CheckWorkload], nodeEvaluations: 8 * checks[v1alpha1.CheckNodes],
		watches: 150, polls: 14, kept: 138,
	})
	interims := o.counts()[interim+mappingPatches]
	o.requests.mu.Lock()
	took := o.requests.written.Sub(o.began)
	o.requests.mu.Unlock()
	t.Log("all rows were written after", took)
	if took < 6*time.Second { // each may say after three seconds that facts are being read, as it does on a slower machine
		b.g.Expect(interims).To(BeNumerically("<=", 5), "rows that were written before all was read")
	}
	size, now := 0, o.counts()
	for _, kind := range []string{" Node", "storage.k8s.io CSINode", "acn.azure.com NodeNetworkConfig"} {
		b.g.Expect(now[kept+kind]).To(Equal(nodes), kind)
		size += now[keptBytes+kind]
	}
	b.g.Expect(size/nodes).To(BeNumerically("<", 1536), "what is kept of a node and of what there is for each")

	written := func(n numbers) bool { return n[writtenMappings] > 0 && n[writtenArchitectures] > 0 }
	o.spend("heartbeats", func() {
		for i := range 3 {
			for _, node := range o.nodes {
				o.turn(node, corev1.ConditionTrue, "KubeletReady", i)
			}
		}
	}, func(n numbers) bool { return n[droppedNodes] == 3*nodes }, limits{
		// A time that was set before, as that of a grace period, may run out meanwhile.
		mappingReconciles: 1, architectureReconciles: 1, mappingPatches: 0, architecturePatches: 0, workloadEvaluations: 0, nodeEvaluations: 0,
		delays: 0, watches: 0, polls: 0, kept: 0,
	})
	// Two watches show it, each to its checks: that of the namespace, and that of what carries the label of the provider. It
	// is evaluated again with its pods, and its row is written when they have been read.
	o.spend("a Deployment that lacks its pods", func() { o.scale(0) }, written, limits{
		mappingPatches: 1, architecturePatches: 1, mappingReconciles: 3, architectureReconciles: 2, workloadEvaluations: 8, nodeEvaluations: 0,
		watches: 0, polls: 0, kept: 0,
	})
	o.spend("a Deployment that has its pods", func() { o.scale(2) }, written, limits{
		mappingPatches: 1, architecturePatches: 1, mappingReconciles: 2, architectureReconciles: 2, workloadEvaluations: 5, nodeEvaluations: 0,
		watches: 0, polls: 0, kept: 0,
	})
	// The architecture lists what no mapping covers, of the namespaces of the provider. Two checks find Deployments there by
	// more than their names.
	o.spend("a Deployment that no mapping names", func() { o.create(metav1.NamespaceSystem) }, func(n numbers) bool { return n[writtenArchitectures] > 0 }, limits{
		mappingPatches: 0, architecturePatches: 2, mappingReconciles: 1, architectureReconciles: 3, workloadEvaluations: 2, nodeEvaluations: 0,
		watches: 0, polls: 0, kept: 1,
	})
	o.spend("a Deployment in a namespace that no mapping names", func() { o.create(metav1.NamespaceDefault) }, func(numbers) bool { return true }, limits{
		mappingPatches: 0, architecturePatches: 0, mappingReconciles: 1, architectureReconciles: 1, workloadEvaluations: 0, nodeEvaluations: 0,
		"observer_events_total ": 0, kept: 0,
	})
	// The rows of the kubelet and of the container runtime; the architecture follows each of them and the nodes.
	turned := limits{
		mappingPatches: 2, architecturePatches: 3, mappingReconciles: 3, architectureReconciles: 5, workloadEvaluations: 0,
		nodeEvaluations: checks[v1alpha1.CheckNodes], watches: 0, polls: 0, kept: 0,
	}
	o.spend("a node that is down", func() { o.turn(o.nodes[0], corev1.ConditionUnknown, "NodeStatusUnknown", 3) }, written, turned)
	o.spend("a node that is back", func() { o.turn(o.nodes[0], corev1.ConditionTrue, "KubeletReady", 4) }, written, turned)
}

// scale has so many pods of CoreDNS be available.
func (o *operator) scale(available int) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "coredns"}}
	o.g.Expect(o.client.Status().Patch(o.t.Context(), d, client.RawPatch(types.MergePatchType,
		fmt.Appendf(nil, `{"status":{"readyReplicas":%d,"availableReplicas":%d,"unavailableReplicas":%d}}`, available, available, 2-available)))).To(Succeed())
}

// create makes a Deployment of one pod, which does not exist yet.
func (o *operator) create(namespace string) {
	labels := map[string]string{"app": "somebody"}
	o.g.Expect(o.client.Create(o.t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "somebody"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example.com/somebody:v1"}}}},
		},
	})).To(Succeed())
}

// turn writes the condition Ready of a node, as its kubelet does, or whoever misses it; so many seconds after the start by its
// own clock, as a heartbeat of the same second is none.
func (o *operator) turn(node string, status corev1.ConditionStatus, reason string, seconds int) {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}
	o.g.Expect(o.client.Status().Patch(o.t.Context(), n, client.RawPatch(types.StrategicMergePatchType,
		fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":%q,"reason":%q,"lastHeartbeatTime":%q}]}}`,
			status, reason, o.began.Add(time.Duration(seconds)*time.Second).UTC().Format(time.RFC3339))))).To(Succeed())
}
