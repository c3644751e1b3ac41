// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/nodestate"
)

// roots tells which faults are one. A fault is known by its kind and subject; what is told of it by other names is joined
// with it, and what follows from it leads to it.
type roots struct {
	// parent joins: what it names is the same. leadsTo is what something follows from.
	parent, leadsTo map[string]string
}

func newRoots() *roots { return &roots{parent: map[string]string{}, leadsTo: map[string]string{}} }

func (r *roots) find(key string) string {
	for r.parent[key] != "" {
		key = r.parent[key]
	}
	return key
}

func (r *roots) join(a, b string) {
	if a, b = r.find(a), r.find(b); a != b {
		r.parent[b] = a
	}
}

// root is where a key leads to in the end. Two that follow from each other stay where they are.
func (r *roots) root(key string) string {
	key = r.find(key)
	for seen := map[string]bool{}; !seen[key]; {
		seen[key] = true
		next := r.leadsTo[key]
		if next == "" {
			return key
		}
		key = r.find(next)
	}
	return key
}

// add joins all names of a fault.
func (r *roots) add(t tale) {
	key := keyOf(&t.fault)
	switch t.fault.Kind {
	case v1alpha1.FaultNode: // whatever is wrong with one node
		r.join(key, keyOfObject(t.fault.Subject))
	case v1alpha1.FaultWebhook, v1alpha1.FaultObject, v1alpha1.FaultAPI:
		for _, o := range t.fault.Related {
			if o.Kind != kindWebhook { // webhooks of several configurations may have one name
				r.join(key, keyOfObject(o))
			}
		}
	}
}

// joinWebhooks joins a webhook of which only the name is told with the only one of that name that cannot be called.
func (r *roots) joinWebhooks(told []tale) {
	named := map[string]string{}
	for _, t := range told {
		for _, o := range t.fault.Related {
			if o.Kind != kindWebhook {
				continue
			}
			name, key := keyOfObject(o), r.find(keyOf(&t.fault))
			if other, known := named[name]; known && other != key {
				key = "" // which of them is not told
			}
			named[name] = key
		}
	}
	for name, key := range named {
		if key != "" {
			r.join(key, name)
		}
	}
}

// joinPools joins the nodes that are down in some pools.
func (r *roots) joinPools(pools []string) {
	for _, pool := range pools {
		r.join(keyOfNodes(pools[0], v1alpha1.ReasonNodeFault), keyOfNodes(pool, v1alpha1.ReasonNodeFault))
	}
}

// foldImages has an image of which nothing is known lead to its registry, where others tell that no image comes from there.
func (r *roots) foldImages(told []tale) {
	failing := map[string]bool{}
	for _, t := range told {
		if t.fault.Kind == v1alpha1.FaultRegistry {
			failing[keyOf(&t.fault)] = true
		}
	}
	for _, t := range told {
		if t.fault.Kind != v1alpha1.FaultImage || len(t.fault.Related) == 0 {
			continue
		}
		if registry := string(v1alpha1.FaultRegistry) + keyOfObject(t.fault.Related[0]); failing[registry] {
			r.leadsTo[r.find(keyOf(&t.fault))] = registry
		}
	}
}

// fold has what follows from another fault of the same variant lead there: an API, a Service or a webhook without anything
// that runs behind it, and what runs without what a job makes for it.
func (r *roots) fold(told []tale) {
	for len(told) > 0 {
		n := slices.IndexFunc(told, func(t tale) bool { return t.mapping != told[0].mapping })
		if n < 0 {
			n = len(told)
		}
		own := told[:n]
		told = told[n:]
		for _, t := range own {
			i := slices.IndexFunc(own, func(o tale) bool { return t.besides(o) && t.followsFrom(o) })
			if i < 0 {
				continue
			}
			from, to := r.find(keyOf(&t.fault)), r.find(keyOf(&own[i].fault))
			if from != to && r.leadsTo[from] == "" {
				r.leadsTo[from] = to
			}
		}
	}
}

// besides reports whether checks of one variant tell both, or all variants share one of them.
func (t tale) besides(o tale) bool {
	a, _, ofA := strings.Cut(t.check, "/")
	b, _, ofB := strings.Cut(o.check, "/")
	return a == b || !ofA || !ofB
}

// followsFrom reports whether the fault may follow from another one of the component.
func (t tale) followsFrom(o tale) bool {
	if t.fault.Kind == v1alpha1.FaultWorkload {
		return prepares(&o.fault)
	}
	return follows(&t.fault) && leads(&o.fault) && !t.standsAlone()
}

// standsAlone reports whether the check says that its objects follow from no workload.
func (t tale) standsAlone() bool {
	spec := specOf(t.mapping, t.check)
	return spec != nil && spec.Object != nil && spec.Object.RootCause == v1alpha1.RootCauseObject
}

// prepares reports whether the fault is of a job: what runs needs what it makes, such as certificates.
func prepares(f *v1alpha1.Fault) bool {
	return f.Severity == v1alpha1.SeverityMajor && f.Kind == v1alpha1.FaultObject && f.Reason != v1alpha1.ReasonNotFound && slices.Contains(jobKinds, f.Subject.Kind)
}

var jobKinds = []string{"Job", "CronJob"}

// foldTunnel has what the API server cannot reach lead to the tunnel through which it would, while nothing of that runs: an API,
// or a webhook with a Service, of which nothing else tells why.
func (r *roots) foldTunnel(told []tale) {
	i := slices.IndexFunc(told, func(t tale) bool {
		return slices.Contains(t.mapping.Spec.Provides, v1alpha1.ProvidesTunnel) && t.fault.Extent == v1alpha1.ExtentAll && t.loss == 0
	})
	if i < 0 {
		return
	}
	known := map[string]bool{} // without the tunnel
	for _, t := range told {
		known[r.find(keyOf(&t.fault))] = known[r.find(keyOf(&t.fault))] || !throughTunnel(&t.fault)
	}
	to := r.find(keyOf(&told[i].fault))
	for _, t := range told {
		if from := r.find(keyOf(&t.fault)); from != to && !known[from] && r.leadsTo[from] == "" {
			r.leadsTo[from] = to
		}
	}
}

// throughTunnel reports whether the fault may be that the API server reaches no pods: it tells of a call that failed.
func throughTunnel(f *v1alpha1.Fault) bool {
	switch f.Kind {
	case v1alpha1.FaultAPI:
		return f.Subject.Kind == kindAPIService && f.Reason != v1alpha1.ReasonNotFound
	case v1alpha1.FaultWebhook:
		return f.Reason == v1alpha1.ReasonWebhookCallFailed && len(f.Related) > 0
	}
	return false
}

// leads reports whether other faults of the component follow from the fault: nothing runs that would serve.
func leads(f *v1alpha1.Fault) bool {
	if f.Severity != v1alpha1.SeverityMajor {
		return false
	}
	switch f.Kind {
	case v1alpha1.FaultLease, v1alpha1.FaultAPI:
		return false
	case v1alpha1.FaultNode, v1alpha1.FaultNodePool:
		return f.Reason == v1alpha1.ReasonNodeFault
	case v1alpha1.FaultWebhook:
		return f.Reason == v1alpha1.ReasonWebhookCallFailed
	case v1alpha1.FaultObject:
		return f.Reason == v1alpha1.ReasonNotFound && slices.Contains(leadingKinds, f.Subject.Kind)
	}
	return true
}

// leadingKinds are those of objects without which nothing serves.
var leadingKinds = []string{
	string(v1alpha1.WorkloadDeployment), string(v1alpha1.WorkloadDaemonSet), string(v1alpha1.WorkloadStatefulSet), kindService,
}

const (
	kindService = "Service"
	// kindWebhook is that of a webhook of which only the name is told.
	kindWebhook = "Webhook"
)

// follows reports whether the fault may follow from another one of the component: an object that is there and says so.
func follows(f *v1alpha1.Fault) bool {
	switch f.Kind {
	case v1alpha1.FaultWebhook:
		return f.Reason == v1alpha1.ReasonWebhookUnavailable
	case v1alpha1.FaultObject, v1alpha1.FaultAPI:
		return f.Reason != v1alpha1.ReasonNotFound && !slices.Contains(jobKinds, f.Subject.Kind)
	}
	return false
}

// family is the faults that have one root. The first ones tell that root itself, the others follow from it.
type family struct{ first, others []tale }

func (f *family) all() []tale { return slices.Concat(f.first, f.others) }

// root is what tells most of the root itself.
func (f *family) root() tale {
	return slices.MinFunc(f.first, func(a, b tale) int { return cmp.Compare(rootRank(&a.fault), rootRank(&b.fault)) })
}

// lossRank is that of the component that loses most.
func (f *family) lossRank() int {
	rank := 2
	for _, t := range f.all() {
		rank = min(rank, t.loss)
	}
	return rank
}

// down are the components of which nothing is left, those that all others need first.
func (f *family) down() []string {
	var out []string
	for rank := range 2 {
		for _, t := range f.all() {
			if t.loss == rank && t.fault.Extent == v1alpha1.ExtentAll && !slices.Contains(out, t.mapping.Name) {
				out = append(out, t.mapping.Name)
			}
		}
	}
	return out
}

// families returns the faults by their roots, in the order in which the roots were told first.
func (r *roots) families(told []tale) []family {
	var out []family
	index := map[string]int{}
	for _, t := range told {
		key := r.find(keyOf(&t.fault))
		root := r.root(key)
		i, known := index[root]
		if !known {
			i = len(out)
			index[root] = i
			out = append(out, family{})
		}
		if key == root {
			out[i].first = append(out[i].first, t)
		} else {
			out[i].others = append(out[i].others, t)
		}
	}
	return out
}

// keyOf is what a fault is known by. Nodes of a pool that are down are one fault however many of them each component sees, and
// so are workloads for which the cluster lacks the same.
func keyOf(f *v1alpha1.Fault) string {
	switch f.Kind {
	case v1alpha1.FaultNode, v1alpha1.FaultNodePool:
		return keyOfNodes(poolOf(f), f.Reason)
	case v1alpha1.FaultScheduling:
		if len(f.Related) > 0 {
			return string(f.Kind) + keyOfObject(f.Related[0])
		}
	case v1alpha1.FaultWebhook, v1alpha1.FaultObject, v1alpha1.FaultAPI: // other names of them may be those of objects
		if f.Reason == v1alpha1.ReasonWebhookCallFailed && len(f.Related) > 0 {
			return keyOfObject(f.Related[0]) // its Service
		}
		return keyOfObject(f.Subject)
	}
	return string(f.Kind) + keyOfObject(f.Subject)
}

func keyOfObject(o v1alpha1.ObservedObject) string {
	return "|" + o.Kind + "|" + o.Namespace + "|" + o.Name
}

func keyOfNodes(pool, reason string) string { return "nodes|" + pool + "|" + reason }

// poolOf is the pool of nodes; empty for those that are in none.
func poolOf(f *v1alpha1.Fault) string {
	for _, o := range append([]v1alpha1.ObservedObject{f.Subject}, f.Related...) {
		if o.Kind == nodestate.KindPool {
			return o.Name
		}
	}
	return ""
}
