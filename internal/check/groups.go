// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/tally"
)

// countAll is the result for the objects of an answer that are of the type, counted once.
func countAll[O client.Object, T interface{ Result(now time.Time) Result }](
	answer facts.Answer, now time.Time, key func(client.Object) string, count func(*tally.Table[O], time.Time) T,
) Evaluation {
	byKey := make(map[string]O, len(answer.Objects))
	for _, o := range answer.Objects {
		if typed, ok := o.(O); ok {
			byKey[key(o)] = typed
		}
	}
	table := tally.NewTable(func(key string) (O, bool) {
		o, ok := byKey[key]
		return o, ok
	})
	counted := count(table, now)
	for _, o := range answer.Objects {
		table.Update(key(o), now, func(int) {})
	}
	evaluation := Evaluation{Result: counted.Result(now)}
	if due := table.NextDue(); !due.IsZero() {
		evaluation.RecheckAfter = max(due.Sub(now), time.Second)
	}
	return evaluation
}

// rank orders groups: the lower the worse.
type rank struct {
	verdict, reason int
}

// group is the objects that count as the same in a message.
type group[V comparable] struct {
	as    V
	rank  rank
	count int
	// firstOf are the names of the first n.
	firstOf func(n int) []string
}

// groups of objects, the worst first.
type groups[V comparable] []group[V]

// newGroups joins the marks of a tally that count as the same.
func newGroups[O any, M, V comparable](t *tally.Tally[O, M], as func(M) V, rankOf func(V) rank) groups[V] {
	counts, marks := map[V]int{}, map[V][]M{}
	for mark, n := range t.Marks() {
		v := as(mark)
		counts[v] += n
		marks[v] = append(marks[v], mark)
	}
	var out groups[V]
	for v, n := range counts {
		out = append(out, group[V]{as: v, rank: rankOf(v), count: n, firstOf: func(n int) []string { return t.First(n, marks[v]...) }})
	}
	slices.SortFunc(out, func(a, b group[V]) int {
		return cmp.Or(cmp.Compare(a.rank.verdict, b.rank.verdict), cmp.Compare(a.rank.reason, b.rank.reason))
	})
	return out
}

func (g groups[V]) where(match func(V) bool) groups[V] {
	return slices.DeleteFunc(slices.Clone(g), func(g group[V]) bool { return !match(g.as) })
}

func (g groups[V]) count() int {
	n := 0
	for i := range g {
		n += g[i].count
	}
	return n
}

// first are the names of the first n objects, the worst first.
func (g groups[V]) first(n int) []string {
	var names []string
	for i := range g {
		names = append(names, g[i].firstOf(n-len(names))...)
	}
	return names
}

// objects are the first of them as a status lists them.
func (g groups[V]) objects(kind string) []v1alpha1.ObservedObject {
	var out []v1alpha1.ObservedObject
	for _, name := range g.first(MaxObjects) {
		object := ObjectName(name)
		out = append(out, v1alpha1.ObservedObject{Kind: kind, Namespace: object.Namespace, Name: object.Name})
	}
	return out
}

// keySeparator sorts before everything that a name may hold, so that keys are in the order of namespace and name.
const keySeparator = "\x00"

// ObjectKey is the name of an object in a table of objects of any kind. That of a cluster-scoped one is its own, which takes
// no memory of its own.
func ObjectKey(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + keySeparator + name
}

// ObjectName is the object of a key.
func ObjectName(key string) types.NamespacedName {
	namespace, name, namespaced := strings.Cut(key, keySeparator)
	if !namespaced {
		return types.NamespacedName{Name: key}
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}
