// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
	"github.com/archmap/archmap/internal/tally"
)

// msgNoNodes is what a check of nodes says without any.
const msgNoNodes = "the cluster has no nodes to check"

func nodesNeeds(*Evaluator) []facts.Need { return []facts.Need{facts.Nodes} }

func nodesSubject(e *Evaluator) string {
	n, parts := e.Spec.Nodes, []string{}
	if !e.selector.Empty() {
		parts = append(parts, "labels "+e.selector.String())
	}
	if n.VirtualNodes == v1alpha1.VirtualNodesOnly {
		parts = append(parts, "virtual kubelets")
	}
	if n.Present != nil {
		parts = append(parts, describeCriteria(n.Present)...)
	}
	if len(parts) == 0 {
		return "Nodes"
	}
	return "Nodes with " + strings.Join(parts, " and ")
}

func nodesSelector(spec *v1alpha1.Check) *metav1.LabelSelector { return spec.Nodes.Selector }

func nodesWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Nodes, b.Nodes
	return selectorWithin(x.Selector, y.Selector) && wider(x.Present, y.Present) &&
		(x.VirtualNodes == v1alpha1.VirtualNodesOnly) == (y.VirtualNodes == v1alpha1.VirtualNodesOnly) &&
		equality.Semantic.DeepEqual(x.IgnoreTaints, y.IgnoreTaints) && equality.Semantic.DeepEqual(x.IgnoreConditions, y.IgnoreConditions)
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
	if n.MinKubelet != "" {
		parts = append(parts, "kubelet "+string(n.MinKubelet)+" or later")
	}
	if n.MaxKubelet != "" {
		parts = append(parts, "kubelet "+string(n.MaxKubelet)+" or earlier")
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

func evaluateNodes(e *Evaluator, given facts.Facts) Evaluation {
	return countAll(given.Answers[facts.Nodes], given.Now, client.Object.GetName, e.CountNodes)
}

// NodeTally counts the nodes of a table for a check of nodes.
type NodeTally struct {
	*tally.Tally[*corev1.Node, nodeMark]

	evaluator *Evaluator
	table     *tally.Table[*corev1.Node]
}

// nodeMark is what a node counts as.
type nodeMark struct {
	nodeClass
	nodeTrouble

	group   nodeGroup
	version string
}

// nodeGroup is a group of groupBy: a label and its value. It is empty for nodes that carry none of the labels.
type nodeGroup struct {
	label v1alpha1.QualifiedName
	name  string
}

// groupOf is the group that the first of the labels names that the node carries with a value.
func groupOf(node *corev1.Node, groupBy []v1alpha1.QualifiedName) nodeGroup {
	for _, label := range groupBy {
		if name := node.Labels[string(label)]; name != "" {
			return nodeGroup{label, name}
		}
	}
	return nodeGroup{}
}

// describe returns the group as a message names it.
func (g nodeGroup) describe(groupBy []v1alpha1.QualifiedName) string {
	if g.name != "" {
		return shortLabel(g.label) + " " + g.name
	}
	var labels []string
	for _, label := range groupBy {
		labels = append(labels, shortLabel(label))
	}
	return "no " + strings.Join(labels, " or ")
}

// compare orders groups by their names; those of the same name by their labels.
func (g nodeGroup) compare(other nodeGroup) int {
	return cmp.Or(cmp.Compare(g.name, other.name), cmp.Compare(g.label, other.label))
}

// shortLabel is the name of a label without its prefix.
func shortLabel(label v1alpha1.QualifiedName) string {
	return string(label[strings.LastIndex(string(label), "/")+1:])
}

// nodeClass is what is made of a node by itself.
type nodeClass struct {
	healthy v1alpha1.Verdict
	reason  string
}

// CountNodes has a check of nodes count the nodes of a table.
func (e *Evaluator) CountNodes(table *tally.Table[*corev1.Node], now time.Time) *NodeTally {
	return &NodeTally{evaluator: e, table: table, Tally: tally.Add(table, e.countNode, now)}
}

// Result is the result for the nodes as they are counted. Where there is no machine, as in a cluster that starts or was
// stopped, nothing that only nodes show is known: neither that it is there nor that it is not. The node of a virtual kubelet
// stays while a cluster is stopped.
func (t *NodeTally) Result(now time.Time) Result {
	if len(t.Marks()) == 0 && !t.table.Any(nodestate.IsMachine) {
		return unknown(v1alpha1.ReasonNotObservable, msgNoNodes)
	}
	pools := t.pools()
	told := newGroups(t.Tally, func(m nodeMark) toldNode {
		return toldNode{m.nodeClass, m.healthy == v1alpha1.VerdictFalse && pools[m.group].beyond}
	}, rankOfNode)
	r := absent(v1alpha1.ReasonNotFound, fmt.Sprintf("no %s among %s", nodesSubject(t.evaluator), msg.Count(t.table.Len(), "node")))
	if len(told) > 0 {
		r = t.summarize(told, pools, now)
	}
	r.Message = msg.Truncate(r.Message, msg.MaxCheckMessage)
	return r
}

// toldNode is what a message tells nodes apart by.
type toldNode struct {
	nodeClass

	// beyond: it is unhealthy, and more of its group are than is tolerated.
	beyond bool
}

// rankOfNode puts what is not tolerated before all that is.
func rankOfNode(n toldNode) rank {
	verdict := healthRank[n.healthy]
	if n.beyond {
		verdict = -1
	}
	return rank{verdict, reasonRank(n.reason)}
}

// nodePool counts the nodes of one group of groupBy, but for those that join or leave.
type nodePool struct {
	nodes, unhealthy int
	// beyond: more are unhealthy than is tolerated.
	beyond bool
}

// pools counts the nodes by their groups. It costs as much as there are marks, not nodes.
func (t *NodeTally) pools() map[nodeGroup]nodePool {
	pools := map[nodeGroup]nodePool{}
	for mark, n := range t.Marks() {
		p := pools[mark.group]
		if !mark.joins() && !mark.leaves() {
			p.nodes += n
		}
		if mark.healthy == v1alpha1.VerdictFalse {
			p.unhealthy += n
		}
		pools[mark.group] = p
	}
	for group, p := range pools {
		p.beyond = p.unhealthy > catalog.Tolerated(t.evaluator.Spec.Nodes.Tolerance, p.nodes)
		pools[group] = p
	}
	return pools
}

// joins and leaves say that the node counts neither as healthy nor as unhealthy.
func (c nodeClass) joins() bool  { return c.reason == v1alpha1.ReasonProgressing }
func (c nodeClass) leaves() bool { return c.healthy == v1alpha1.VerdictNotAssessed }

// countNode says what a node counts as.
func (e *Evaluator) countNode(node *corev1.Node, now time.Time) (mark nodeMark, counted bool, until time.Time) {
	h := heartbeats{now: now}
	if counted = e.selectsNode(node, &h) && h.firstUnmet(e.Spec.Nodes.Present, node) == ""; counted {
		mark.nodeClass, _ = h.classify(e.Spec.Nodes, node)
		mark.nodeTrouble = h.trouble(e.Spec.Nodes, node, mark.nodeClass)
		mark.group, mark.version = groupOf(node, e.Spec.Nodes.GroupBy), nodeVersion(node, e.Spec.Nodes.Version)
	}
	if h.recheckAfter > 0 {
		until = now.Add(h.recheckAfter)
	}
	return mark, counted, until
}

func (e *Evaluator) selectsNode(node *corev1.Node, h *heartbeats) bool {
	spec := e.Spec.Nodes
	return e.matchesLabels(node) && nodestate.IsVirtual(node) == (spec.VirtualNodes == v1alpha1.VirtualNodesOnly) &&
		!slices.ContainsFunc(spec.IgnoreTaints, func(key v1alpha1.QualifiedName) bool { return nodestate.HasTaint(node, string(key)) }) &&
		!slices.ContainsFunc(spec.IgnoreConditions, func(m v1alpha1.NodeConditionMatch) bool { return h.shows(m, node) != nil })
}

// classify holds a node to the criteria, and says of one that is not plainly healthy what a message tells. One that joins
// the cluster gets time to become ready, and one that leaves it need not meet them any more.
func (h *heartbeats) classify(spec *v1alpha1.NodesCheck, node *corev1.Node) (c nodeClass, detail string) {
	healthy := spec.Healthy
	if healthy == nil {
		return nodeClass{v1alpha1.VerdictNotAssessed, v1alpha1.ReasonObserved}, ""
	}
	lacking := h.requirementUnmet(healthy, node)
	unmet := cmp.Or(lacking, h.otherUnmet(healthy, node))
	joining, leaving := nodestate.JoiningFor(node, h.now), nodestate.LeavingFor(node, h.now)
	switch {
	case unmet == "":
		if notice := h.notice(spec, node); notice != "" && leaving == 0 {
			return nodeClass{v1alpha1.VerdictTrue, v1alpha1.ReasonWithinTolerance}, fmt.Sprintf("%s (%s)", node.Name, notice)
		}
		return nodeClass{v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy}, ""
	case leaving > 0:
		h.recheckAfter = facts.Earliest(h.recheckAfter, leaving+time.Second)
		return nodeClass{v1alpha1.VerdictNotAssessed, v1alpha1.ReasonObserved}, node.Name
	case joining > 0 && !nodestate.IsReady(node):
		h.recheckAfter = facts.Earliest(h.recheckAfter, joining+time.Second)
		return nodeClass{v1alpha1.VerdictTrue, v1alpha1.ReasonProgressing}, node.Name
	}
	detail = fmt.Sprintf("%s (%s)", node.Name, unmet)
	if lacking != "" && nodestate.IsDown(node, h.now) && !nodestate.IsVirtual(node) { // no machine is at fault
		return nodeClass{v1alpha1.VerdictFalse, v1alpha1.ReasonNodeFault}, detail
	}
	return nodeClass{v1alpha1.VerdictFalse, v1alpha1.ReasonNodesUnhealthy}, detail
}

// notice says which problem a node that meets the criteria reports all the same; it is empty when it reports none.
func (h *heartbeats) notice(spec *v1alpha1.NodesCheck, node *corev1.Node) string {
	if cond := h.noticed(spec, node); cond != nil {
		return describeProblem(cond)
	}
	return ""
}

func (h *heartbeats) noticed(spec *v1alpha1.NodesCheck, node *corev1.Node) *corev1.NodeCondition {
	for _, m := range spec.Healthy.ForbiddenConditions {
		if cond := nodestate.Condition(node, m.Type); m.MinAgeSeconds > 0 && cond != nil && matchesCondition(m, cond) &&
			!h.tooOld(m.MaxHeartbeatAgeSeconds, cond) { // it does not count yet, or the criteria were not met
			return cond
		}
	}
	if spec.Notices == nil {
		return nil
	}
	for i := range node.Status.Conditions {
		cond := &node.Status.Conditions[i]
		if reportsProblem(cond) && !slices.Contains(spec.Notices.Except, string(cond.Type)) &&
			!h.tooOld(spec.Notices.MaxHeartbeatAgeSeconds, cond) {
			return cond
		}
	}
	return nil
}

// reportsProblem says whether a condition of a type that is not known tells of a problem. Problem detectors name
// conditions after what is wrong, a few after what is right: their names end in Ready.
func reportsProblem(cond *corev1.NodeCondition) bool {
	if strings.HasSuffix(string(cond.Type), string(corev1.NodeReady)) {
		return cond.Type != corev1.NodeReady && cond.Status == corev1.ConditionFalse
	}
	return cond.Status == corev1.ConditionTrue
}

// maxProblem is the most of a problem detector's words that is told of one node, in bytes.
const maxProblem = 160

// describeProblem says what a condition reports, and since when. What is True is said by its type, and a reason that only
// repeats the type is left out: "GPUMissing since 2026-10-02T14:31:00Z: expected 8, found 7".
func describeProblem(cond *corev1.NodeCondition) string {
	text := string(cond.Type)
	if cond.Status != corev1.ConditionTrue {
		text += " is " + string(cond.Status)
	}
	if !cond.LastTransitionTime.IsZero() {
		text += " since " + cond.LastTransitionTime.UTC().Format(time.RFC3339)
	}
	var why []string
	if cond.Reason != "" && cond.Reason != string(cond.Type) {
		why = append(why, cond.Reason)
	}
	if cond.Message != "" {
		why = append(why, msg.Truncate(cond.Message, maxProblem))
	}
	if len(why) > 0 {
		text += ": " + strings.Join(why, ", ")
	}
	return text
}

// summarize holds each group of nodes to the tolerance.
func (t *NodeTally) summarize(told groups[toldNode], pools map[nodeGroup]nodePool, now time.Time) Result {
	r := Result{Present: v1alpha1.VerdictTrue, Healthy: told[0].as.healthy, Reason: told[0].as.reason, ObjectCount: told.count(),
		Objects: told.objects("Node"), Versions: t.versions()}
	if t.evaluator.Spec.Nodes.Healthy == nil {
		r.Message = msg.Count(r.ObjectCount, "node")
		return r
	}
	beyond := told.where(func(n toldNode) bool { return n.beyond })
	tolerated := told.where(func(n toldNode) bool { return n.healthy == v1alpha1.VerdictFalse && !n.beyond })
	noticed := told.where(func(n toldNode) bool { return n.reason == v1alpha1.ReasonWithinTolerance })
	joining := told.where(func(n toldNode) bool { return n.joins() })
	leaving := told.where(func(n toldNode) bool { return n.leaves() })
	switch {
	case len(beyond) > 0:
	case len(tolerated.where(func(n toldNode) bool { return n.reason != v1alpha1.ReasonNodeFault })) > 0:
		r.Healthy, r.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonWithinTolerance
	case len(tolerated) > 0:
		r.Healthy, r.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonNodesDown
	case len(noticed) > 0:
		r.Healthy, r.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonWithinTolerance
	case len(joining) > 0:
		r.Healthy, r.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonProgressing
	default:
		r.Healthy, r.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
	}
	r.Faults = t.faults(pools, now)
	var parts []string
	if all := r.ObjectCount - joining.count() - leaving.count(); len(beyond)+len(tolerated) == 0 && all > 0 {
		parts = append(parts, fmt.Sprintf("%d/%d nodes healthy", all, all))
	}
	if len(beyond) > 0 {
		parts = append(parts, fmt.Sprintf("%s: %s", t.countUnhealthy(pools, true), t.shorten(beyond, now)))
	}
	if len(tolerated) > 0 {
		parts = append(parts, fmt.Sprintf("%s, within tolerance: %s", t.countUnhealthy(pools, false), t.shorten(tolerated, now)))
	}
	if len(noticed) > 0 {
		parts = append(parts, fmt.Sprintf("problems reported by %s: %s", msg.Count(noticed.count(), "node"), t.shorten(noticed, now)))
	}
	if len(joining) > 0 {
		parts = append(parts, fmt.Sprintf("%s joining: %s", msg.Count(joining.count(), "node"), t.shorten(joining, now)))
	}
	if len(leaving) > 0 {
		parts = append(parts, fmt.Sprintf("%s leaving: %s", msg.Count(leaving.count(), "node"), t.shorten(leaving, now)))
	}
	r.Message = strings.Join(parts, "; ")
	return r
}

// countUnhealthy says of each group of which more nodes are unhealthy than is tolerated, or of each other one, how many are.
// Where there is one group only it goes without saying.
func (t *NodeTally) countUnhealthy(pools map[nodeGroup]nodePool, beyond bool) string {
	var counts []string
	for _, group := range slices.SortedFunc(maps.Keys(pools), nodeGroup.compare) {
		p := pools[group]
		if p.unhealthy == 0 || p.beyond != beyond {
			continue
		}
		text := fmt.Sprintf("%d/%d nodes unhealthy", p.unhealthy, p.nodes)
		if len(pools) > 1 {
			text = group.describe(t.evaluator.Spec.Nodes.GroupBy) + ": " + text
		}
		counts = append(counts, text)
	}
	return msg.Shorten(counts, ", ")
}

// shorten tells of the first nodes, and how many more there are.
func (t *NodeTally) shorten(told groups[toldNode], now time.Time) string {
	var details []string
	for _, name := range told.first(msg.MaxNames) {
		if node, ok := t.table.Get(name); ok {
			_, detail := (&heartbeats{now: now}).classify(t.evaluator.Spec.Nodes, node)
			details = append(details, detail)
		}
	}
	return msg.ShortenOf(details, told.count(), ", ")
}

func (t *NodeTally) versions() []VersionCount {
	counts := map[string]int{}
	for mark, n := range t.Marks() {
		counts[mark.version] += n
	}
	return CountVersions(counts)
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

// heartbeats holds nodes to criteria, and keeps when to look again because of their heartbeats and their age.
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
			return describeProblem(cond)
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
	return kubeletUnmet(criteria, node.Status.NodeInfo.KubeletVersion)
}

// kubeletUnmet compares minor versions; what is no version meets no limit.
func kubeletUnmet(criteria *v1alpha1.NodeCriteria, kubelet string) string {
	if criteria.MinKubelet == "" && criteria.MaxKubelet == "" {
		return ""
	}
	lowest, highest := ParseVersion(string(criteria.MinKubelet)), ParseVersion(string(criteria.MaxKubelet))
	switch v := ParseVersion(kubelet); {
	case v == nil, lowest != nil && v.LessThan(lowest),
		highest != nil && v.Major() >= highest.Major() && (v.Major() > highest.Major() || v.Minor() > highest.Minor()):
		return fmt.Sprintf("kubelet is %q", kubelet)
	}
	return ""
}

// shows is the condition of the node that matches, unless it is not believed.
func (h *heartbeats) shows(m v1alpha1.NodeConditionMatch, node *corev1.Node) *corev1.NodeCondition {
	if cond := nodestate.Condition(node, m.Type); cond != nil && matchesCondition(m, cond) && !h.tooOld(m.MaxHeartbeatAgeSeconds, cond) && !h.tooYoung(m, cond) {
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
	case h.tooOld(m.MaxHeartbeatAgeSeconds, cond):
		return fmt.Sprintf("%s has had no heartbeat since %s", cond.Type, cond.LastHeartbeatTime.UTC().Format(time.RFC3339))
	}
	return ""
}

// tooYoung says whether the condition has not had its status for as long as the match wants. One that does not say since
// when it has had it is old enough.
func (h *heartbeats) tooYoung(m v1alpha1.NodeConditionMatch, cond *corev1.NodeCondition) bool {
	left := time.Duration(m.MinAgeSeconds)*time.Second - h.now.Sub(cond.LastTransitionTime.Time)
	if m.MinAgeSeconds == 0 || left <= 0 {
		return false
	}
	h.recheckAfter = facts.Earliest(h.recheckAfter, left+time.Second)
	return true
}

// tooOld says whether the condition's heartbeat is older than is believed; 0 seconds is that any is.
func (h *heartbeats) tooOld(maxSeconds int32, cond *corev1.NodeCondition) bool {
	if maxSeconds == 0 {
		return false
	}
	left := time.Duration(maxSeconds)*time.Second - h.now.Sub(cond.LastHeartbeatTime.Time)
	if left < 0 {
		h.recheckAfter = facts.Earliest(h.recheckAfter, timedRecheck) // a heartbeat that goes on causes no event
		return true
	}
	h.recheckAfter = facts.Earliest(h.recheckAfter, left+time.Second)
	return false
}

func matchesCondition(m v1alpha1.NodeConditionMatch, cond *corev1.NodeCondition) bool {
	return string(cond.Status) == m.Status && (m.Reason == "" || m.Reason == cond.Reason) &&
		strings.Contains(strings.ToLower(cond.Message), strings.ToLower(m.MessageContains))
}
