// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// NodeGroup is nodes that are down or cordoned by one cause: those of a pool, or of several when more than their number shows
// that it is the same.
type NodeGroup struct {
	// Pools of the nodes, sorted; empty names those that are in none.
	Pools []string
	// Nodes counts all nodes of the pools.
	Nodes int
	// Down and Cordoned are the nodes, as in a ClusterView.
	Down, Cordoned NodeList
	// Common is what they have in common and hardly any other has.
	Common nodestate.Common
}

// sameTime is how far apart nodes may go down by one cause: it takes the node controller some minutes to tell of many.
const sameTime = 5 * time.Minute

// manyPools is in how many pools nodes may go down at the same time until that is no coincidence any more.
const manyPools = 3

// traitsOf are those of a node, with the image as the scope names it.
func traitsOf(scope *Scope, node *corev1.Node) nodestate.Traits {
	t := nodestate.TraitsOf(node)
	t.Image = cmp.Or(node.Labels[scope.image], t.Image)
	return t
}

// badPool is the nodes of a pool that are down or cordoned.
type badPool struct {
	pools       []string
	marks       []clusterMark
	first, last int64 // when they went down, in minutes; 0 is not known
}

func (p *badPool) add(other *badPool) {
	p.pools, p.marks = append(p.pools, other.pools...), append(p.marks, other.marks...)
	if other.first != 0 && (p.first == 0 || other.first < p.first) {
		p.first = other.first
	}
	p.last = max(p.last, other.last)
}

// alike reports whether the nodes of both went down at the same time.
func (p *badPool) alike(other *badPool) bool {
	return p.first != 0 && other.first != 0 &&
		time.Duration(max(p.last, other.last)-min(p.first, other.first))*time.Minute <= sameTime
}

// cordoned reports whether none of the nodes is down.
func (p *badPool) cordoned() bool {
	return !slices.ContainsFunc(p.marks, func(m clusterMark) bool { return m.state == nodeDown })
}

// groups returns the nodes that are down or cordoned by what they have in common. It costs as much as there are marks.
func (t *ClusterTally) groups() []NodeGroup {
	byPool, good, sizes := map[string]*badPool{}, map[nodestate.Traits]int{}, map[string]int{}
	counts := t.Marks()
	for mark, n := range counts {
		sizes[mark.traits.Pool] += n
		if mark.state != nodeDown && mark.state != nodeCordoned {
			good[mark.traits] += n
			continue
		}
		one := &badPool{marks: []clusterMark{mark}, first: mark.since, last: mark.since}
		if byPool[mark.traits.Pool] == nil {
			byPool[mark.traits.Pool] = &badPool{pools: []string{mark.traits.Pool}}
		}
		byPool[mark.traits.Pool].add(one)
	}
	var pools []*badPool
	for _, name := range slices.Sorted(maps.Keys(byPool)) {
		pools = append(pools, byPool[name])
	}
	var out []NodeGroup
	for _, p := range joinPools(pools, counts, good) {
		out = append(out, t.group(p, counts, good, sizes))
	}
	return out
}

// joinPools joins the pools whose nodes are bad by one cause: all nodes are, or they were cordoned, or they went down at the
// same time, and share what no good node has, or are in many pools.
func joinPools(pools []*badPool, counts map[clusterMark]int, good map[nodestate.Traits]int) []*badPool {
	if len(good) == 0 && len(pools) > 1 {
		for _, p := range pools[1:] {
			pools[0].add(p)
		}
		return pools[:1]
	}
	var out []*badPool
	for _, p := range pools {
		together := 0
		for _, other := range pools {
			if p.alike(other) {
				together++
			}
		}
		i := slices.IndexFunc(out, func(known *badPool) bool {
			both := append(slices.Clone(known.marks), p.marks...)
			return known.cordoned() && p.cordoned() || known.alike(p) && (together >= manyPools || exclusive(common(both, counts, good)))
		})
		if i < 0 {
			out = append(out, p)
			continue
		}
		out[i].add(p)
	}
	return out
}

// common returns what all of the nodes have in common. That they are of one pool is told anyway.
func common(bad []clusterMark, counts map[clusterMark]int, good map[nodestate.Traits]int) nodestate.Common {
	unpooled := func(t nodestate.Traits) nodestate.Traits {
		t.Pool = ""
		return t
	}
	nodes, others := map[nodestate.Traits]int{}, map[nodestate.Traits]int{}
	for _, mark := range bad {
		nodes[unpooled(mark.traits)] += counts[mark]
	}
	for t, n := range good {
		others[unpooled(t)] += n
	}
	return nodestate.CommonOf(nodes, others)
}

// exclusive reports whether no other node has it.
func exclusive(c nodestate.Common) bool { return c.Trait != "" && c.Others == 0 }

func (t *ClusterTally) group(p *badPool, counts map[clusterMark]int, good map[nodestate.Traits]int, sizes map[string]int) NodeGroup {
	slices.Sort(p.pools)
	var down, cordoned []clusterMark
	for _, mark := range p.marks {
		if mark.state == nodeDown {
			down = append(down, mark)
		} else {
			cordoned = append(cordoned, mark)
		}
	}
	g := NodeGroup{Pools: p.pools, Down: t.down(down), Cordoned: t.nodeList(cordoned)}
	for _, pool := range p.pools {
		g.Nodes += sizes[pool]
	}
	g.Common = common(p.marks, counts, good)
	return g
}

// describe says what is wrong with the nodes of the pools; it is empty when nothing is.
func (v *ClusterView) describe(pools []string) string {
	var parts []string
	for i := range v.NodeGroups {
		g := &v.NodeGroups[i]
		if slices.ContainsFunc(g.Pools, func(pool string) bool { return slices.Contains(pools, pool) }) {
			parts = append(parts, g.describe(v.Nodes))
		}
	}
	return strings.Join(parts, "; ")
}

// describe counts against the nodes of the pools, or against all where they are in none.
func (g *NodeGroup) describe(all int) string {
	of := fmt.Sprintf("%d nodes", all)
	if named := slices.DeleteFunc(slices.Clone(g.Pools), func(pool string) bool { return pool == "" }); len(named) == len(g.Pools) {
		of = fmt.Sprintf("%d nodes of the node pool %s", g.Nodes, named[0])
		if len(named) > 1 {
			of = fmt.Sprintf("%d nodes of the node pools %s", g.Nodes, msg.Shorten(named, ", "))
		}
	}
	var parts []string
	say := func(nodes NodeList, what string) {
		if nodes.Count == 1 {
			parts = append(parts, fmt.Sprintf("1 of %s is %s: %s", of, what, nodes))
		} else if nodes.Count > 1 {
			parts = append(parts, fmt.Sprintf("%d of %s are %s: %s", nodes.Count, of, what, nodes))
		}
	}
	say(g.Down, "not ready")
	say(g.Cordoned, "cordoned")
	switch {
	case g.Common.Trait == "":
	case g.Common.Others == 0:
		parts = append(parts, "all of them, and no others, have the "+g.Common.String())
	default:
		parts = append(parts, fmt.Sprintf("all of them have the %s, as %d of the others do", g.Common, g.Common.Others))
	}
	return strings.Join(parts, "; ")
}
