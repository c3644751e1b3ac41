// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
)

const (
	// maxNodePools is how many node pools a status lists.
	maxNodePools = 256
	// maxKubernetesVersion is the length of status.kubernetesVersion, in bytes.
	maxKubernetesVersion = 63
)

// versionNeed is the need for the API server's version.
var versionNeed = check.Need{Path: "/version", Interval: 5 * time.Minute}

// ClusterNeeds is what a ClusterArchitecture must see of the cluster itself.
func ClusterNeeds() []check.Need { return []check.Need{check.NodesNeed, versionNeed} }

// ClusterView is what a ClusterArchitecture shows of the cluster itself.
type ClusterView struct {
	// Pending: not everything has been read yet.
	Pending bool
	// Problem is why the nodes cannot be seen: a reason and a message.
	Problem, ProblemMessage string

	Nodes, MatchingNodes int
	KubernetesVersion    string
	NodePools            []v1alpha1.NodePool
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
func ViewCluster(spec *v1alpha1.ClusterArchitectureSpec, selector labels.Selector, facts check.Facts) ClusterView {
	nodes, version := facts.Answers[check.NodesNeed], facts.Answers[versionNeed]
	view := ClusterView{
		Pending:           nodes.State == check.Pending || version.State == check.Pending,
		Nodes:             len(nodes.Objects),
		KubernetesVersion: gitVersion(version.Response.Body),
	}
	switch nodes.State {
	case check.NotPermitted:
		view.Problem, view.ProblemMessage = v1alpha1.ReasonNotPermitted, nodes.Message
	case check.Failed, check.NotServed:
		view.Problem, view.ProblemMessage = v1alpha1.ReasonObservationFailed, nodes.Message
	}
	pools := poolCounter{spec: spec, pools: map[string]*pool{}}
	for _, o := range nodes.Objects {
		if node, ok := o.(*corev1.Node); ok && selector.Matches(labels.Set(node.Labels)) {
			view.MatchingNodes++
			pools.add(node)
		}
	}
	view.NodePools = pools.list()
	return view
}

func gitVersion(body string) string {
	var v struct{ GitVersion string }
	if json.Unmarshal([]byte(body), &v) != nil {
		return ""
	}
	return check.Truncate(v.GitVersion, maxKubernetesVersion)
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
	name := node.Labels[string(c.spec.NodePoolLabel)]
	if c.spec.NodePoolLabel == "" {
		return
	}
	if name == "" {
		name = "(none)" // as nodes that are provisioned one by one
	}
	p := c.pools[name]
	if p == nil {
		p = &pool{kubelets: map[string]int{}, runtimes: map[string]int{}, images: map[string]int{}}
		c.pools[name] = p
	}
	p.mode = cmp.Or(p.mode, node.Labels[string(c.spec.NodeModeLabel)])
	p.os = cmp.Or(p.os, node.Labels[corev1.LabelOSStable])
	p.nodes++
	if slices.ContainsFunc(node.Status.Conditions, func(nc corev1.NodeCondition) bool {
		return nc.Type == corev1.NodeReady && nc.Status == corev1.ConditionTrue
	}) {
		p.ready++
	}
	info := node.Status.NodeInfo
	p.kubelets[info.KubeletVersion]++
	p.runtimes[info.ContainerRuntimeVersion]++
	p.images[cmp.Or(node.Labels[string(c.spec.NodeImageLabel)], info.OSImage)]++
}

func (c *poolCounter) list() []v1alpha1.NodePool {
	format := func(counts map[string]int) string {
		return check.Truncate(check.FormatVersions(check.CountVersions(counts)), 256)
	}
	var out []v1alpha1.NodePool
	for name, p := range c.pools {
		out = append(out, v1alpha1.NodePool{
			Name: name, Mode: p.mode, OS: p.os, Nodes: new(p.nodes), Ready: new(p.ready),
			KubeletVersions: format(p.kubelets), ContainerRuntimes: format(p.runtimes), NodeImages: format(p.images),
		})
	}
	slices.SortFunc(out, func(a, b v1alpha1.NodePool) int {
		return cmp.Or(cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Name, b.Name))
	})
	return out
}
