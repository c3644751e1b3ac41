// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

func nodesNeeds(*Check) []facts.Need { return []facts.Need{facts.Nodes} }

func nodesSubject(c *Check) string {
	n, parts := c.Spec.Nodes, []string{}
	if !c.selector.Empty() {
		parts = append(parts, "labels "+c.selector.String())
	}
	if n.Present != nil {
		parts = append(parts, describeCriteria(n.Present)...)
	}
	if len(parts) == 0 {
		return "Nodes"
	}
	return "Nodes with " + strings.Join(parts, " and ")
}

func describeCriteria(n *v1alpha1.NodeCriteria) []string {
	var parts []string
	for _, m := range n.Conditions {
		parts = append(parts, describeCondition(m))
	}
	for _, m := range n.ForbiddenConditions {
		parts = append(parts, "not "+describeCondition(m))
	}
	for _, t := range n.ForbiddenTaints {
		parts = append(parts, "no taint "+string(t))
	}
	if n.RuntimePrefix != "" {
		parts = append(parts, "container runtime "+n.RuntimePrefix)
	}
	if n.ProviderIDPrefix != "" {
		parts = append(parts, "provider ID "+n.ProviderIDPrefix)
	}
	if n.PodCIDR != "" {
		parts = append(parts, "pod CIDR "+strings.ToLower(string(n.PodCIDR)))
	}
	return parts
}

func describeCondition(m v1alpha1.NodeConditionMatch) string {
	text := fmt.Sprintf("condition %s=%s", m.Type, m.Status)
	if m.Reason != "" {
		text += " (" + m.Reason + ")"
	}
	if m.MessageContains != "" {
		text += fmt.Sprintf(" with %q in its message", m.MessageContains)
	}
	return text
}

func evaluateNodes(c *Check, given facts.Facts) Finding {
	answer := given.Answers[facts.Nodes]
	if f, ok := unseen(answer, nodesSubject(c)); ok {
		return f
	}
	spec := c.Spec.Nodes
	h := heartbeats{now: given.Now}
	js := make([]judged, 0, len(answer.Objects))
	versions := map[string]int{}
	for _, o := range answer.Objects {
		node, ok := o.(*corev1.Node)
		if !ok || !c.selectsNode(node, &h) || h.firstUnmet(spec.Present, node) != "" {
			continue
		}
		js = append(js, h.judge(spec.Healthy, node))
		versions[nodeVersion(node, spec.Version)]++
	}
	f := absent(v1alpha1.ReasonNotFound, fmt.Sprintf("none of %d %s", len(answer.Objects), nodesSubject(c)))
	if len(js) > 0 {
		f = sumUpNodes(spec, js)
		f.Versions = CountVersions(versions)
	}
	f.recheckAfter = h.recheckAfter
	return f
}

func (c *Check) selectsNode(node *corev1.Node, h *heartbeats) bool {
	spec := c.Spec.Nodes
	return c.matchesLabels(node) &&
		!slices.ContainsFunc(spec.IgnoreTaints, func(key v1alpha1.QualifiedName) bool { return nodestate.HasTaint(node, string(key)) }) &&
		!slices.ContainsFunc(spec.IgnoreConditions, func(m v1alpha1.NodeConditionMatch) bool { return h.shows(m, node) != nil })
}

// judge holds a node to the criteria. One that joins the cluster gets time to become ready,
// and one that leaves it need not meet them any more.
func (h *heartbeats) judge(healthy *v1alpha1.NodeCriteria, node *corev1.Node) judged {
	j := judged{object: node, kind: "Node", healthy: v1alpha1.VerdictNotAssessed, reason: v1alpha1.ReasonObserved}
	if healthy == nil {
		return j
	}
	j.healthy, j.reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
	lacking := h.requirementUnmet(healthy, node)
	unmet := cmp.Or(lacking, h.otherUnmet(healthy, node))
	left := nodestate.JoiningFor(node, h.now)
	switch {
	case unmet == "":
	case nodestate.IsLeaving(node):
		j.healthy, j.reason, j.detail = v1alpha1.VerdictNotAssessed, v1alpha1.ReasonObserved, node.Name
	case left > 0 && !nodestate.IsReady(node):
		j.reason, j.detail = v1alpha1.ReasonProgressing, node.Name
		h.recheckAfter = Earliest(h.recheckAfter, left+time.Second)
	default:
		j.healthy, j.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonNodesUnhealthy
		if lacking != "" && nodestate.IsDown(node, h.now) {
			j.reason = v1alpha1.ReasonNodeFault
		}
		j.detail = fmt.Sprintf("%s (%s)", node.Name, unmet)
	}
	return j
}

// sumUpNodes holds the number of healthy nodes to minHealthyPercent. Nodes that join or leave count neither way.
func sumUpNodes(spec *v1alpha1.NodesCheck, js []judged) Finding {
	f := found(js)
	if spec.Healthy == nil {
		f.Message = fmt.Sprintf("%d nodes", len(js))
		return f
	}
	var unhealthy, joining, leaving []string
	for _, j := range js {
		switch {
		case j.healthy == v1alpha1.VerdictFalse:
			unhealthy = append(unhealthy, j.detail)
		case j.reason == v1alpha1.ReasonProgressing:
			joining = append(joining, j.detail)
		case j.healthy == v1alpha1.VerdictNotAssessed:
			leaving = append(leaving, j.detail)
		}
	}
	need := catalog.MinHealthyPercent(spec)
	all := len(js) - len(joining) - len(leaving)
	good := all - len(unhealthy)
	enough := good*100 >= need*all
	if enough {
		f.Healthy, f.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
	}
	if enough && len(joining) > 0 {
		f.Reason = v1alpha1.ReasonProgressing
	}
	var moving []string
	if len(joining) > 0 {
		moving = append(moving, fmt.Sprintf("%s joining: %s", msg.Count(len(joining), "node"), msg.Shorten(joining, ", ")))
	}
	if len(leaving) > 0 {
		moving = append(moving, fmt.Sprintf("%s leaving: %s", msg.Count(len(leaving), "node"), msg.Shorten(leaving, ", ")))
	}
	switch {
	case all == 0:
		f.Message = strings.Join(moving, "; ")
		return f
	case len(unhealthy) == 0:
		f.Message = fmt.Sprintf("%d/%d nodes healthy", good, all)
	case enough:
		f.Message = fmt.Sprintf("%d/%d nodes healthy, %d%% are enough; unhealthy: %s", good, all, need, msg.Shorten(unhealthy, ", "))
	default:
		f.Message = fmt.Sprintf("%d/%d nodes unhealthy: %s", len(unhealthy), all, msg.Shorten(unhealthy, ", "))
	}
	f.Message = strings.Join(append([]string{f.Message}, moving...), "; ")
	return f
}

func nodeVersion(node *corev1.Node, field v1alpha1.NodeVersion) string {
	switch field {
	case v1alpha1.NodeVersionKubelet:
		return node.Status.NodeInfo.KubeletVersion
	case v1alpha1.NodeVersionContainerRuntime:
		_, version, _ := strings.Cut(node.Status.NodeInfo.ContainerRuntimeVersion, "://")
		return version
	}
	return ""
}

// heartbeats judges nodes by criteria, and keeps when to look again because of their heartbeats and their age.
type heartbeats struct {
	now          time.Time
	recheckAfter time.Duration
}

// firstUnmet says which part of the criteria the node does not meet; it is empty when all are met.
func (h *heartbeats) firstUnmet(criteria *v1alpha1.NodeCriteria, node *corev1.Node) string {
	if criteria == nil {
		return ""
	}
	return cmp.Or(h.requirementUnmet(criteria, node), h.otherUnmet(criteria, node))
}

// requirementUnmet says which condition the node lacks, as one that is down lacks most.
func (h *heartbeats) requirementUnmet(criteria *v1alpha1.NodeCriteria, node *corev1.Node) string {
	for _, m := range criteria.Conditions {
		if unmet := h.requiredUnmet(m, node); unmet != "" {
			return unmet
		}
	}
	return ""
}

func (h *heartbeats) otherUnmet(criteria *v1alpha1.NodeCriteria, node *corev1.Node) string {
	for _, m := range criteria.ForbiddenConditions {
		if cond := h.shows(m, node); cond != nil {
			return fmt.Sprintf("%s is %s: %s", cond.Type, cond.Status, cond.Reason)
		}
	}
	for _, key := range criteria.ForbiddenTaints {
		if nodestate.HasTaint(node, string(key)) {
			return "has taint " + string(key)
		}
	}
	switch {
	case !strings.HasPrefix(node.Status.NodeInfo.ContainerRuntimeVersion, criteria.RuntimePrefix):
		return "container runtime is " + node.Status.NodeInfo.ContainerRuntimeVersion
	case !strings.HasPrefix(node.Spec.ProviderID, criteria.ProviderIDPrefix):
		return fmt.Sprintf("provider ID is %q", node.Spec.ProviderID)
	case criteria.PodCIDR == v1alpha1.Set && node.Spec.PodCIDR == "":
		return "has no pod CIDR"
	case criteria.PodCIDR == v1alpha1.Unset && node.Spec.PodCIDR != "":
		return "has pod CIDR " + node.Spec.PodCIDR
	}
	return ""
}

// shows is the condition of the node that matches, unless it is not believed.
func (h *heartbeats) shows(m v1alpha1.NodeConditionMatch, node *corev1.Node) *corev1.NodeCondition {
	if cond := nodestate.Condition(node, m.Type); cond != nil && matchesCondition(m, cond) && !h.tooOld(m, cond) {
		return cond
	}
	return nil
}

func (h *heartbeats) requiredUnmet(m v1alpha1.NodeConditionMatch, node *corev1.Node) string {
	cond := nodestate.Condition(node, m.Type)
	switch {
	case cond == nil:
		return "has no condition " + m.Type
	case !matchesCondition(m, cond):
		return fmt.Sprintf("%s is %s: %s", cond.Type, cond.Status, cond.Reason)
	case h.tooOld(m, cond):
		return fmt.Sprintf("heartbeat of %s stopped at %s", cond.Type, cond.LastHeartbeatTime.UTC().Format(time.RFC3339))
	}
	return ""
}

// tooOld says whether the condition's heartbeat is older than the match believes.
func (h *heartbeats) tooOld(m v1alpha1.NodeConditionMatch, cond *corev1.NodeCondition) bool {
	if m.MaxHeartbeatAgeSeconds == 0 {
		return false
	}
	left := time.Duration(m.MaxHeartbeatAgeSeconds)*time.Second - h.now.Sub(cond.LastHeartbeatTime.Time)
	if left < 0 {
		h.recheckAfter = Earliest(h.recheckAfter, timedRecheck) // a heartbeat that goes on causes no event
		return true
	}
	h.recheckAfter = Earliest(h.recheckAfter, left+time.Second)
	return false
}

func matchesCondition(m v1alpha1.NodeConditionMatch, cond *corev1.NodeCondition) bool {
	return string(cond.Status) == m.Status && (m.Reason == "" || m.Reason == cond.Reason) &&
		strings.Contains(strings.ToLower(cond.Message), strings.ToLower(m.MessageContains))
}
