// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/trim"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// The sizes at which a change is measured.
var sizes = []int{6, 1000, 5000}

// bench is the whole catalog on a cluster, of which single objects change.
type bench struct {
	*engine.Engine

	sources *changingSources
	// assess is what a reconcile does, by subscriber.
	assess map[engine.Key]func()

	mu       sync.Mutex
	notified []engine.Key
}

// changingSources are those of a snapshot, but for the objects that have changed since.
type changingSources struct {
	*snapshot.Snapshot

	notify func(facts.Need, types.NamespacedName)

	mu      sync.Mutex
	wanted  sets.Set[facts.Need]
	changed map[facts.Need]map[types.NamespacedName]client.Object
}

func (s *changingSources) Notify(f func(facts.Need, types.NamespacedName)) { s.notify = f }
func (*changingSources) Demand(facts.Demand)                               {}

func (s *changingSources) Want(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted.Insert(need)
}

func (s *changingSources) Drop(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted.Delete(need)
}

func (s *changingSources) Answer(need facts.Need) facts.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.Snapshot.Answer(need)
	if changed := s.changed[need.Whole()]; changed != nil {
		objects := make([]client.Object, len(answer.Objects))
		for i, o := range answer.Objects {
			objects[i] = o
			if now := changed[client.ObjectKeyFromObject(o)]; now != nil {
				objects[i] = now
			}
		}
		answer.Objects = objects
	}
	return answer
}

func (s *changingSources) View(need facts.Need) (facts.Answer, facts.Objects) {
	answer := s.Snapshot.Answer(need)
	answer.Objects = nil
	return answer, changingObjects{s, need}
}

// changingObjects are those of a need.
type changingObjects struct {
	sources *changingSources
	need    facts.Need
}

func (o changingObjects) List() []client.Object { return o.sources.Answer(o.need).Objects }

func (o changingObjects) Names() []types.NamespacedName { return trim.Sorted(o.List()).Names() }

func (o changingObjects) Get(name types.NamespacedName) client.Object {
	o.sources.mu.Lock()
	defer o.sources.mu.Unlock()
	if changed := o.sources.changed[o.need.Whole()][name]; changed != nil {
		return changed
	}
	return trim.Find(o.sources.Snapshot.Answer(o.need).Objects, name)
}

// change replaces an object, as the event of a watch does, and tells of it.
func (s *changingSources) change(need facts.Need, o client.Object) {
	name := client.ObjectKeyFromObject(o)
	s.mu.Lock()
	if s.changed[need] == nil {
		s.changed[need] = map[types.NamespacedName]client.Object{}
	}
	s.changed[need][name] = o
	s.mu.Unlock()
	s.tell(need, name)
}

// tell tells all who want the need, with whatever mask.
func (s *changingSources) tell(need facts.Need, name types.NamespacedName) {
	s.mu.Lock()
	wanted := s.wanted.UnsortedList()
	s.mu.Unlock()
	for _, n := range wanted {
		if n.Whole() == need {
			s.notify(n, name)
		}
	}
}

func newBench(b *testing.B, nodes int, more ...v1alpha1.ComponentMapping) *bench {
	b.Helper()
	shape, err := shapes.Load("overlay-cilium")
	must(b, err)
	w, err := world.New(shape)
	must(b, err)
	must(b, w.Resize(world.NodePool{Name: "user", Like: "user", Count: nodes}))
	shown, err := w.Snapshot()
	must(b, err)
	rows, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	must(b, err)

	e := &bench{sources: &changingSources{Snapshot: shown, wanted: sets.New[facts.Need](),
		changed: map[facts.Need]map[types.NamespacedName]client.Object{}}, assess: map[engine.Key]func(){}}
	e.Engine = engine.New(e.sources, func(key engine.Key) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.notified = append(e.notified, key)
	}, engine.Options{Pace: -1})
	mappings := append(rows.Mappings, more...)
	for i := range mappings {
		m := &mappings[i]
		m.Generation = 1
		key, compiled := engine.Key{Kind: "ComponentMapping", Name: m.Name}, engine.CompileMapping(&m.Spec)
		e.assess[key] = func() {
			if status, _, ok := e.Assess(key, compiled, m, shown.Time); ok {
				m.Status = status
			}
		}
	}
	a := &rows.Architectures[0]
	key, compiled := engine.Key{Kind: "ClusterArchitecture"}, engine.CompileArchitecture(&a.Spec)
	e.assess[key] = func() {
		if status, _, ok := e.AssessArchitecture(key, compiled, a, mappings, shown.Time); ok {
			a.Status = status
		}
	}
	for _, assess := range e.assess {
		assess()
	}
	e.EvaluateAll(b.Context())
	e.reconcile()
	return e
}

// reconcile does for each who was notified what a controller does, and returns who that was.
func (e *bench) reconcile() []engine.Key {
	e.mu.Lock()
	keys := e.notified
	e.notified = nil
	e.mu.Unlock()
	for _, key := range keys {
		e.assess[key]()
	}
	return keys
}

// measure makes changes, each until the last subscriber has assessed it.
func (e *bench) measure(b *testing.B, change func(i int)) {
	b.Helper()
	var untilNotified time.Duration
	notified, evaluations, cpu := 0, evaluationsSoFar(b), cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		began := time.Now()
		change(i)
		e.EvaluateAll(context.Background())
		untilNotified += time.Since(began)
		notified += len(e.reconcile())
	}
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(float64(cpuTime(b)-cpu)/n, "cpu-ns/op")
	b.ReportMetric(float64(untilNotified.Nanoseconds())/n, "enqueue-ns/op")
	b.ReportMetric((evaluationsSoFar(b)-evaluations)/n, "evaluations/op")
	b.ReportMetric(float64(notified)/n, "mappings/op")
}

// BenchmarkNodeChange: a node turns not ready and back.
func BenchmarkNodeChange(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint("nodes=", size), func(b *testing.B) {
			e := newBench(b, size)
			ready := e.sources.Answer(facts.Nodes).Objects[0].(*corev1.Node)
			down := ready.DeepCopy()
			for i := range down.Status.Conditions {
				if c := &down.Status.Conditions[i]; c.Type == corev1.NodeReady {
					c.Status, c.Reason = corev1.ConditionUnknown, "NodeStatusUnknown"
				}
			}
			e.measure(b, func(i int) {
				if i%2 == 0 {
					e.sources.change(facts.Nodes, down)
				} else {
					e.sources.change(facts.Nodes, ready)
				}
			})
		})
	}
}

// BenchmarkNodeLabelChange: a node gets a label that nobody asks for.
func BenchmarkNodeLabelChange(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint("nodes=", size), func(b *testing.B) {
			e := newBench(b, size)
			node := e.sources.Answer(facts.Nodes).Objects[0].(*corev1.Node)
			e.measure(b, func(i int) {
				labeled := node.DeepCopy()
				labeled.Labels["example.com/team"] = fmt.Sprint(i)
				e.sources.change(facts.Nodes, labeled)
			})
		})
	}
}

// BenchmarkHeartbeat: what a node costs that is as it was: it is packed, and compared with what is held. The engine is not told
// of it.
func BenchmarkHeartbeat(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint("nodes=", size), func(b *testing.B) {
			e := newBench(b, size)
			node := e.sources.Answer(facts.Nodes).Objects[0].(*corev1.Node)
			beat := node.DeepCopy()
			for i := range beat.Status.Conditions {
				beat.Status.Conditions[i].LastHeartbeatTime.Time = e.sources.Time
			}
			pack := trim.Pack(facts.Nodes.Kind, nil)
			held, err := pack(node)
			must(b, err)
			e.measure(b, func(int) {
				arrived, err := pack(beat)
				must(b, err)
				if !trim.Same(held, arrived) {
					b.Fatal("a heartbeat is a change")
				}
			})
		})
	}
}

// BenchmarkDeploymentChange: a pod of CoreDNS goes away and comes back.
func BenchmarkDeploymentChange(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint("nodes=", size), func(b *testing.B) {
			e := newBench(b, size)
			e.measure(b, e.dnsChange(b))
		})
	}
}

// dnsChange has one pod of CoreDNS less, and then again as many as before.
func (e *bench) dnsChange(b *testing.B) func(i int) {
	need := facts.Need{Kind: appsv1.SchemeGroupVersion.WithKind("Deployment"), Namespace: "kube-system"}
	whole, ok := objectsOf(e.sources, need).Get(types.NamespacedName{Namespace: "kube-system", Name: "coredns"}).(*appsv1.Deployment)
	if !ok {
		b.Fatal("there is no CoreDNS")
	}
	less := whole.DeepCopy()
	less.Status.AvailableReplicas--
	return func(i int) {
		if i%2 == 0 {
			e.sources.change(need, less)
		} else {
			e.sources.change(need, whole)
		}
	}
}

// BenchmarkBesideCostlyExpression: how long a change of CoreDNS waits while somebody's expression takes a thousand steps for
// each of 5,000 objects.
func BenchmarkBesideCostlyExpression(b *testing.B) {
	costly := v1alpha1.ComponentMapping{}
	costly.Name = "costly"
	costly.Spec.Checks = []v1alpha1.Check{{Name: "all", Type: v1alpha1.CheckObject, Object: &v1alpha1.ObjectCheck{
		APIVersion: "storage.k8s.io/v1", Kind: "CSINode",
		Healthy: "[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, a+b+c >= 0)))",
	}}}
	e := newBench(b, 5000, costly)
	change := e.dnsChange(b)
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan engine.Key, 1000)
	live := engine.New(e.sources, func(key engine.Key) { arrived <- key }, engine.Options{Pace: -1})
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = live.Start(ctx) }()
	defer func() { cancel(); <-stopped }()
	e.Engine = live
	for _, assess := range e.assess {
		assess()
	}
	dns := engine.Key{Kind: "ComponentMapping", Name: "coredns"}
	await := func(key engine.Key) {
		for k := range arrived {
			if k == key {
				e.assess[k]()
				return
			}
		}
	}
	await(engine.Key{Kind: "ComponentMapping", Name: "costly"})
	csiNodes := facts.Need{Kind: csiNodeKind}
	var waited time.Duration
	for i := range b.N {
		e.sources.tell(csiNodes, types.NamespacedName{}) // all are to be looked at
		runtime.Gosched()
		began := time.Now()
		change(i)
		await(dns)
		waited += time.Since(began)
	}
	b.ReportMetric(float64(waited.Nanoseconds())/float64(b.N), "delay-ns/op")
}

var csiNodeKind = schema.FromAPIVersionAndKind("storage.k8s.io/v1", "CSINode")

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// evaluationsSoFar is what the engine's metric says.
func evaluationsSoFar(b *testing.B) float64 {
	b.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	must(b, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() == "archmap_engine_evaluations_total" {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// cpuTime is what this process has used, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func objectsOf(s engine.Sources, need facts.Need) facts.Objects {
	_, objects := s.View(need)
	return objects
}
