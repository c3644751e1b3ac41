// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
	"github.com/archmap/archmap/internal/tally"
)

const (
	// maxNodePools is how many node pools a status lists.
	maxNodePools = 256
	// noPool is where nodes are that are provisioned one by one.
	noPool = "(none)"
	// maxKubernetesVersion is the length of status.kubernetesVersion, in bytes.
	maxKubernetesVersion = 63
)

// VersionNeed is the need for the API server's version. Nodes of a newer one may join soon after it was upgraded.
var VersionNeed = facts.Need{Path: "/version", Interval: 30 * time.Second}

// ClusterNeeds returns the needs of every ClusterArchitecture.
func ClusterNeeds() []facts.Need { return []facts.Need{facts.Nodes, VersionNeed} }

// ClusterView is what a ClusterArchitecture shows of nodes and versions.
type ClusterView struct {
	// Pending: not everything has been read yet.
	Pending bool
	// Problem is why the nodes are not known: a reason and a message.
	Problem, ProblemMessage string

	Nodes, MatchingNodes int
	KubernetesVersion    string
	NodePools            []v1alpha1.NodePool

	// Down are the nodes that are not ready and ought to be, each with the reason of its condition Ready.
	Down NodeList
	// Cordoned are the nodes on which nothing may be scheduled.
	Cordoned NodeList
	// NodeGroups are both by what they have in common.
	NodeGroups []NodeGroup
	// DownAt is when the first of the nodes that join or leave counts as down, unless it is done by then; zero when none does.
	DownAt time.Time
	// Kubelets are the platform's nodes by the version of their kubelet.
	Kubelets map[string]NodeList
	// Mixed are the node pools with several versions.
	Mixed []v1alpha1.VersionSkew

	// Unmapped are the provider's workloads that no mapping covers; nil where nobody looks for them.
	Unmapped *UnmappedView
}

// NodeList counts nodes and names the first of them.
type NodeList struct {
	Count int
	First []string
}

// String names the first nodes and says how many more there are.
func (l NodeList) String() string { return msg.ShortenOf(l.First, l.Count, ", ") }

// recheck returns when another node may count as down although nothing changes; 0 is never.
func (v *ClusterView) recheck(now time.Time) time.Duration {
	if v.DownAt.IsZero() {
		return 0
	}
	return max(v.DownAt.Sub(now), time.Second)
}

// Selectors are the selectors of a ClusterArchitecture, parsed.
type Selectors struct {
	Nodes, Components labels.Selector
	// Marks are those of spec.unmapped.
	Marks []labels.Selector
}

// ParseSelectors parses the selectors of a spec; the error says which of them is invalid.
func ParseSelectors(spec *v1alpha1.ClusterArchitectureSpec) (Selectors, error) {
	s := Selectors{Nodes: labels.Everything()}
	var err error
	if spec.NodeSelector != nil {
		if s.Nodes, err = metav1.LabelSelectorAsSelector(spec.NodeSelector); err != nil {
			return s, fmt.Errorf("spec.nodeSelector: %w", err)
		}
	}
	if s.Components, err = metav1.LabelSelectorAsSelector(&spec.ComponentSelector); err != nil {
		return s, fmt.Errorf("spec.componentSelector: %w", err)
	}
	for i := range spec.Unmapped.Selectors {
		mark, err := metav1.LabelSelectorAsSelector(&spec.Unmapped.Selectors[i])
		if err != nil {
			return s, fmt.Errorf("spec.unmapped.selectors[%d]: %w", i, err)
		}
		s.Marks = append(s.Marks, mark)
	}
	return s, nil
}

// Scope defines which nodes a ClusterArchitecture shows, and how.
type Scope struct {
	key      string
	selector labels.Selector
	// The labels that hold the node pool of a node, its mode and its image; empty when there is none.
	pool, mode, image string
}

// NewScope returns the scope of a spec; selector is its parsed nodeSelector.
func NewScope(spec *v1alpha1.ClusterArchitectureSpec, selector labels.Selector) *Scope {
	s := &Scope{selector: selector, pool: string(spec.NodePoolLabel), mode: string(spec.NodeModeLabel), image: string(spec.NodeImageLabel)}
	s.key = strings.Join([]string{selector.String(), s.pool, s.mode, s.image}, "|")
	return s
}

// Key identifies a scope: scopes with equal keys show the same.
func (s *Scope) Key() string { return s.key }

// ViewCluster sums up the facts about the cluster.
func ViewCluster(scope *Scope, given facts.Facts) ClusterView {
	answer := given.Answers[facts.Nodes]
	nodes := map[string]*corev1.Node{}
	for _, o := range answer.Objects {
		if node, ok := o.(*corev1.Node); ok {
			nodes[node.Name] = node
		}
	}
	table := tally.NewTable(func(name string) (*corev1.Node, bool) {
		node, ok := nodes[name]
		return node, ok
	})
	counted := CountCluster(table, scope, given.Now)
	for _, o := range answer.Objects {
		table.Update(o.GetName(), given.Now, func(int) {})
	}
	return counted.View(answer, given.Answers[VersionNeed])
}

// ClusterTally counts the nodes of a table for a ClusterArchitecture.
type ClusterTally struct {
	*tally.Tally[*corev1.Node, clusterMark]

	pools bool
}

// clusterMark is what a node counts as.
type clusterMark struct {
	// ours: the node is one of the platform's.
	ours  bool
	ready bool
	state nodeState
	// reason of the condition Ready of a node that is down, and since when it is, in minutes since 1970.
	reason string
	since  int64
	traits nodestate.Traits
	// downAt is when a node that joins or leaves counts as down, in nanoseconds since 1970.
	downAt int64

	pool, mode, os string
	// kubelet, runtime and image run on the node; they are empty when it is stopped.
	kubelet, runtime, image string
}

// nodeState is what a node is to a ClusterArchitecture.
type nodeState int

const (
	nodePlain nodeState = iota
	nodeDown
	nodeStopped
	nodeJoining
	nodeCordoned
)

// CountCluster counts the nodes of a table for the scope, but for virtual ones, which are no machines.
func CountCluster(table *tally.Table[*corev1.Node], scope *Scope, now time.Time) *ClusterTally {
	judge := func(node *corev1.Node, now time.Time) (mark clusterMark, counted bool, until time.Time) {
		if nodestate.IsVirtual(node) {
			return mark, false, until
		}
		mark = stateMark(node, now)
		mark.traits = traitsOf(scope, node)
		if mark.downAt != 0 {
			until = time.Unix(0, mark.downAt).UTC()
		}
		if scope.selector.Matches(labels.Set(node.Labels)) {
			mark.addVersions(scope, node)
		}
		return mark, true, until
	}
	return &ClusterTally{Tally: tally.Add(table, judge, now), pools: scope.pool != ""}
}

func stateMark(node *corev1.Node, now time.Time) clusterMark {
	mark := clusterMark{ready: nodestate.IsReady(node)}
	switch {
	case nodestate.IsDown(node, now):
		mark.state, mark.reason = nodeDown, readyReason(node)
		if turned := nodestate.TurnedAt(node); !turned.IsZero() {
			mark.since = turned.Unix() / 60
		}
	case nodestate.IsStopped(node):
		mark.state = nodeStopped
	case nodestate.IsLeaving(node, now):
		if !mark.ready {
			mark.downAt = nodestate.TurnedAt(node).Add(nodestate.LeavingTime).UnixNano()
		}
	case !mark.ready:
		mark.state, mark.downAt = nodeJoining, node.CreationTimestamp.Add(nodestate.JoiningTime).UnixNano()
	case node.Spec.Unschedulable:
		mark.state = nodeCordoned
	}
	return mark
}

// addVersions notes the pool of a node of the platform and what runs on it.
func (m *clusterMark) addVersions(scope *Scope, node *corev1.Node) {
	m.ours = true
	if scope.pool != "" {
		m.pool = cmp.Or(node.Labels[scope.pool], noPool)
		m.mode, m.os = node.Labels[scope.mode], node.Labels[corev1.LabelOSStable]
	}
	if nodestate.IsStopped(node) {
		return // what it ran says nothing of what runs
	}
	info := node.Status.NodeInfo
	m.kubelet, m.runtime = info.KubeletVersion, info.ContainerRuntimeVersion
	m.image = cmp.Or(node.Labels[scope.image], info.OSImage)
}

// View returns the view of the nodes as they are counted. The answers are those to the needs for nodes and for the version.
func (t *ClusterTally) View(nodes, version facts.Answer) ClusterView {
	view := ClusterView{
		Pending:           nodes.State == facts.Pending || version.State == facts.Pending,
		KubernetesVersion: gitVersion(version.Response.Body),
	}
	if view.Problem = problemOf(nodes.State); view.Problem != "" {
		view.ProblemMessage = nodes.Message
	}
	if nodes.State != facts.Known {
		return view
	}
	kubelets, byState := map[string][]clusterMark{}, map[nodeState][]clusterMark{}
	pools := poolCounter{pools: map[string]*pool{}}
	for mark, n := range t.Marks() {
		view.Nodes += n
		byState[mark.state] = append(byState[mark.state], mark)
		if at := time.Unix(0, mark.downAt).UTC(); mark.downAt != 0 && (view.DownAt.IsZero() || at.Before(view.DownAt)) {
			view.DownAt = at
		}
		if !mark.ours {
			continue
		}
		view.MatchingNodes += n
		if mark.state != nodeStopped {
			kubelets[mark.kubelet] = append(kubelets[mark.kubelet], mark)
		}
		if t.pools {
			pools.add(mark, n, t.First(1, mark)[0])
		}
	}
	view.Down, view.Cordoned = t.down(byState[nodeDown]), t.nodeList(byState[nodeCordoned])
	view.NodeGroups = t.groups()
	for version, marks := range kubelets {
		if view.Kubelets == nil {
			view.Kubelets = map[string]NodeList{}
		}
		view.Kubelets[version] = t.nodeList(marks)
	}
	view.NodePools, view.Mixed = pools.nodePools()
	return view
}

// problemOf returns the reason why what is always there could not be seen; empty when it was, or is being read.
func problemOf(state facts.State) string {
	switch state {
	case facts.NotPermitted:
		return v1alpha1.ReasonNotPermitted
	case facts.NotHeld:
		return v1alpha1.ReasonNotInDump
	case facts.Failed, facts.NotServed:
		return v1alpha1.ReasonObservationFailed
	}
	return ""
}

// nodeList lists the nodes with the marks.
func (t *ClusterTally) nodeList(marks []clusterMark) NodeList {
	l := NodeList{First: t.First(msg.MaxNames, marks...)}
	counts := t.Marks()
	for _, mark := range marks {
		l.Count += counts[mark]
	}
	return l
}

// down lists the nodes with the marks, each with the reason.
func (t *ClusterTally) down(marks []clusterMark) NodeList {
	var l NodeList
	reasons := map[string]string{}
	counts := t.Marks()
	for _, mark := range marks {
		l.Count += counts[mark]
		for _, name := range t.First(msg.MaxNames, mark) {
			reasons[name] = mark.reason
		}
	}
	for _, name := range slices.Sorted(maps.Keys(reasons))[:min(msg.MaxNames, len(reasons))] {
		l.First = append(l.First, fmt.Sprintf("%s (%s)", name, reasons[name]))
	}
	return l
}

func readyReason(node *corev1.Node) string {
	if ready := nodestate.Condition(node, string(corev1.NodeReady)); ready != nil {
		return cmp.Or(ready.Reason, "Ready is "+string(ready.Status))
	}
	return "no Ready condition"
}

func gitVersion(body string) string {
	var v struct{ GitVersion string }
	if json.Unmarshal([]byte(body), &v) != nil {
		return ""
	}
	return msg.Truncate(v.GitVersion, maxKubernetesVersion)
}

// pool counts the nodes of one pool.
type pool struct {
	mode, os                   firstLabel
	nodes, ready               int32
	kubelets, runtimes, images map[string]int
}

// firstLabel is the value of a label on the first node, by name, that has it.
type firstLabel struct {
	value, node string
}

func (l *firstLabel) add(value, node string) {
	if value != "" && (l.value == "" || node < l.node) {
		l.value, l.node = value, node
	}
}

type poolCounter struct {
	pools map[string]*pool
}

// add counts n nodes with the mark, of which first is the first.
func (c *poolCounter) add(mark clusterMark, n int, first string) {
	p := c.pools[mark.pool]
	if p == nil {
		p = &pool{kubelets: map[string]int{}, runtimes: map[string]int{}, images: map[string]int{}}
		c.pools[mark.pool] = p
	}
	p.mode.add(mark.mode, first)
	p.os.add(mark.os, first)
	p.nodes += int32(n)
	if mark.ready {
		p.ready += int32(n)
	}
	if mark.state == nodeStopped {
		return
	}
	p.kubelets[mark.kubelet] += n
	p.runtimes[mark.runtime] += n
	if mark.image != "" {
		p.images[mark.image] += n
	}
}

// nodePools returns the pools by mode and name, and those of them with several versions of kubelets or images.
func (c *poolCounter) nodePools() (pools []v1alpha1.NodePool, mixed []v1alpha1.VersionSkew) {
	format := func(counts map[string]int) string {
		return msg.Truncate(check.FormatVersions(check.CountVersions(counts)), maxCell)
	}
	for name, p := range c.pools {
		pools = append(pools, v1alpha1.NodePool{
			Name: name, Mode: p.mode.value, OS: p.os.value, Nodes: new(p.nodes), Ready: new(p.ready),
			KubeletVersions: format(p.kubelets), ContainerRuntimes: format(p.runtimes), NodeImages: format(p.images),
		})
	}
	slices.SortFunc(pools, func(a, b v1alpha1.NodePool) int {
		return cmp.Or(cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range pools {
		if p.Name == noPool {
			continue // they have nothing in common
		}
		if of := c.pools[p.Name]; len(of.kubelets) > 1 {
			mixed = append(mixed, v1alpha1.VersionSkew{Type: v1alpha1.SkewMixedKubelets, Name: p.Name, Message: "kubelets " + p.KubeletVersions})
		}
		if of := c.pools[p.Name]; len(of.images) > 1 {
			mixed = append(mixed, v1alpha1.VersionSkew{Type: v1alpha1.SkewMixedNodeImages, Name: p.Name, Message: "node images " + p.NodeImages})
		}
	}
	return pools, mixed
}
