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
)

const (
	// maxNodePools is how many node pools a status lists.
	maxNodePools = 256
	// noPool is where nodes are that are provisioned one by one.
	noPool = "(none)"
	// maxKubernetesVersion is the length of status.kubernetesVersion, in bytes.
	maxKubernetesVersion = 63
)

// versionNeed is the need for the API server's version. Nodes of a newer one may join soon after it was upgraded.
var versionNeed = facts.Need{Path: "/version", Interval: 30 * time.Second}

// ClusterNeeds is what a ClusterArchitecture must see of the cluster itself.
func ClusterNeeds() []facts.Need { return []facts.Need{facts.Nodes, versionNeed} }

// ClusterView is what a ClusterArchitecture shows of the cluster itself.
type ClusterView struct {
	// Pending: not everything has been read yet.
	Pending bool
	// Problem is why the nodes cannot be seen: a reason and a message.
	Problem, ProblemMessage string

	Nodes, MatchingNodes int
	KubernetesVersion    string
	NodePools            []v1alpha1.NodePool

	// Down are the nodes that are not ready and ought to be, each with the reason of its condition Ready.
	Down map[string]string
	// Cordoned are the nodes on which nothing may be scheduled.
	Cordoned []string
	// JoinEnds is when the first of the nodes that join now ought to be ready; zero when none joins.
	JoinEnds time.Time
	// Kubelets are the names of the platform's nodes by the version of their kubelet.
	Kubelets map[string][]string
	// Mixed are the node pools with several versions.
	Mixed []v1alpha1.VersionSkew
}

// nodeFault says what is wrong with the nodes; it is empty when nothing is.
func (v *ClusterView) nodeFault() string {
	var parts []string
	say := func(names []string, what string) {
		if len(names) == 1 {
			parts = append(parts, fmt.Sprintf("1 of %d nodes is %s: %s", v.Nodes, what, names[0]))
		} else if len(names) > 1 {
			parts = append(parts, fmt.Sprintf("%d of %d nodes are %s: %s", len(names), v.Nodes, what, msg.Shorten(names, ", ")))
		}
	}
	var down []string
	for _, name := range slices.Sorted(maps.Keys(v.Down)) {
		down = append(down, fmt.Sprintf("%s (%s)", name, v.Down[name]))
	}
	say(down, "not ready")
	say(v.Cordoned, "cordoned")
	return strings.Join(parts, "; ")
}

// recheck is when another node may count as down although nothing changes; 0 is never.
func (v *ClusterView) recheck(now time.Time) time.Duration {
	if v.JoinEnds.IsZero() {
		return 0
	}
	return max(v.JoinEnds.Sub(now), time.Second)
}

// Selectors are the selectors of a ClusterArchitecture, parsed.
type Selectors struct {
	Nodes, Components labels.Selector
}

// ParseSelectors reads the selectors of a spec; the error says which of them cannot be used.
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
	return s, nil
}

// ViewCluster sums up the facts about the cluster; selector picks the nodes of the platform.
func ViewCluster(spec *v1alpha1.ClusterArchitectureSpec, selector labels.Selector, given facts.Facts) ClusterView {
	nodes, version := given.Answers[facts.Nodes], given.Answers[versionNeed]
	view := ClusterView{
		Pending:           nodes.State == facts.Pending || version.State == facts.Pending,
		Nodes:             len(nodes.Objects),
		KubernetesVersion: gitVersion(version.Response.Body),
	}
	switch nodes.State {
	case facts.NotPermitted:
		view.Problem, view.ProblemMessage = v1alpha1.ReasonNotPermitted, nodes.Message
	case facts.Failed, facts.NotHeld, facts.NotServed:
		view.Problem, view.ProblemMessage = v1alpha1.ReasonObservationFailed, nodes.Message
	}
	pools := poolCounter{spec: spec, pools: map[string]*pool{}}
	for _, o := range nodes.Objects {
		node, ok := o.(*corev1.Node)
		if !ok {
			continue
		}
		view.addState(node, given.Now)
		if selector.Matches(labels.Set(node.Labels)) {
			view.MatchingNodes++
			view.addKubelet(node)
			pools.add(node)
		}
	}
	view.NodePools, view.Mixed = pools.list()
	return view
}

// addState notes a node that is down, cordoned or joining.
func (v *ClusterView) addState(node *corev1.Node, now time.Time) {
	switch {
	case nodestate.IsDown(node, now):
		if v.Down == nil {
			v.Down = map[string]string{}
		}
		v.Down[node.Name] = readyReason(node)
	case nodestate.IsStopped(node), nodestate.IsLeaving(node):
	case !nodestate.IsReady(node): // it joins
		if ends := node.CreationTimestamp.Add(nodestate.JoiningTime); v.JoinEnds.IsZero() || ends.Before(v.JoinEnds) {
			v.JoinEnds = ends
		}
	case node.Spec.Unschedulable:
		v.Cordoned = append(v.Cordoned, node.Name)
	}
}

func readyReason(node *corev1.Node) string {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return cmp.Or(c.Reason, "Ready is "+string(c.Status))
		}
	}
	return "no condition Ready"
}

// addKubelet notes the version of a kubelet that runs.
func (v *ClusterView) addKubelet(node *corev1.Node) {
	if nodestate.IsStopped(node) {
		return
	}
	if v.Kubelets == nil {
		v.Kubelets = map[string][]string{}
	}
	version := node.Status.NodeInfo.KubeletVersion
	v.Kubelets[version] = append(v.Kubelets[version], node.Name)
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
	mode, os                   string
	nodes, ready               int32
	kubelets, runtimes, images map[string]int
}

type poolCounter struct {
	spec  *v1alpha1.ClusterArchitectureSpec
	pools map[string]*pool
}

func (c *poolCounter) add(node *corev1.Node) {
	if c.spec.NodePoolLabel == "" {
		return
	}
	name := cmp.Or(node.Labels[string(c.spec.NodePoolLabel)], noPool)
	p := c.pools[name]
	if p == nil {
		p = &pool{kubelets: map[string]int{}, runtimes: map[string]int{}, images: map[string]int{}}
		c.pools[name] = p
	}
	p.mode = cmp.Or(p.mode, node.Labels[string(c.spec.NodeModeLabel)])
	p.os = cmp.Or(p.os, node.Labels[corev1.LabelOSStable])
	p.nodes++
	if nodestate.IsReady(node) {
		p.ready++
	}
	if nodestate.IsStopped(node) {
		return // what it ran says nothing of what runs
	}
	info := node.Status.NodeInfo
	p.kubelets[info.KubeletVersion]++
	p.runtimes[info.ContainerRuntimeVersion]++
	if image := cmp.Or(node.Labels[string(c.spec.NodeImageLabel)], info.OSImage); image != "" {
		p.images[image]++
	}
}

// list is the pools by mode and name, and those of them with several versions of kubelets or images.
func (c *poolCounter) list() (pools []v1alpha1.NodePool, mixed []v1alpha1.VersionSkew) {
	format := func(counts map[string]int) string {
		return msg.Truncate(check.FormatVersions(check.CountVersions(counts)), maxCell)
	}
	for name, p := range c.pools {
		pools = append(pools, v1alpha1.NodePool{
			Name: name, Mode: p.mode, OS: p.os, Nodes: new(p.nodes), Ready: new(p.ready),
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
