// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// ImageCount is an image, with tag or digest, and how many pods run it.
type ImageCount struct {
	Image string
	Count int32
	// Ready is how many of these pods are ready; nil when that is not known, and in a steady state.
	Ready *int32
}

// Images are the images that the pods of a workload run.
type Images struct {
	InUse []ImageCount
	// RollingOut is true while a roll-out replaces pods, so that it passes that several images run.
	RollingOut bool
	// Untold says of how many pods the image is not known, and why; empty when it is known of all.
	Untold string
	// Pending is true while what tells the images is being read for the first time: InUse says nothing yet.
	Pending bool
	// Further is what tells the images; empty when the template does.
	Further []facts.Demand
}

// Images returns the images that run in the named container. In a steady state the template tells it. While not all pods
// are made from it, the ReplicaSets of a Deployment do, which count their pods, or the ControllerRevisions of a DaemonSet
// or StatefulSet, whose pods the status and the pods themselves count. answers are those to Further, where it was asked
// before, and to PodsNeed.
func (w Workload) Images(container string, answers map[facts.Need]facts.Answer) Images {
	n := w.countRevisions()
	if n.created == 0 || (n.updated >= n.created && w.observed) {
		return Images{InUse: imagesOf(w.PodSpec.Containers, container, max(w.Desired, 1), nil)}
	}
	need := w.RevisionsNeed()
	counts := w.Kind == v1alpha1.WorkloadDeployment
	answer := answers[need]
	if answer.State == facts.Pending {
		return Images{Pending: true, Further: []facts.Demand{{Need: need, Refresh: w.refreshRevisions(n, counts, true)}}}
	}
	r := revisions{workload: w, revisionCounts: n, container: container}
	var images Images
	switch {
	case answer.State != facts.Known:
		images = r.certain(n.created, unread(need, answer))
	case counts:
		images = r.ofReplicaSets(answer.Objects)
	default:
		images = r.ofControllerRevisions(answer.Objects, answers)
	}
	images.RollingOut = w.rolling
	demand := facts.Demand{Need: need, Refresh: w.refreshRevisions(n, counts, images.Untold != "")}
	images.Further = append([]facts.Demand{demand}, images.Further...)
	return images
}

// RevisionsNeed returns the need for what tells the images of pods that are not made from the template: one for all workloads
// of a kind in a namespace.
func (w Workload) RevisionsNeed() facts.Need { return RevisionsNeed(w.Kind, w.Object.GetNamespace()) }

// revisionsInterval is the least time between two reads of revisions: short, as a roll-out begins with a change of the
// template, for which they are read, before there is anything to see.
const revisionsInterval = 10 * time.Second

// RevisionsNeed returns the need for what tells the images of workloads of a kind in a namespace.
func RevisionsNeed(kind v1alpha1.WorkloadKind, namespace string) facts.Need {
	need := facts.Need{Kind: facts.ControllerRevisionKind, Namespace: namespace, Interval: revisionsInterval}
	if kind == v1alpha1.WorkloadDeployment {
		need.Kind = facts.ReplicaSetKind
	}
	return need
}

// refreshRevisions says when to read again. What counts pods, as ReplicaSets do, changes as the workload's numbers do;
// ControllerRevisions only come and go.
func (w Workload) refreshRevisions(n revisionCounts, counts, inconclusive bool) facts.Refresh {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, w.Object.GetUID(), w.Object.GetName(), w.Object.GetGeneration(), w.observed, "|", n.updateRevision)
	if counts {
		_, _ = fmt.Fprint(h, "|", n.created, n.updated, w.ready)
	}
	return facts.Refresh{Revision: h.Sum64(), Inconclusive: inconclusive}
}

// unread says why the images are not known when what tells them could not be read.
func unread(need facts.Need, answer facts.Answer) string {
	if answer.State == facts.NotPermitted {
		return "not permitted to read its " + need.Kind.Kind + "s: " + answer.Message
	}
	return "couldn't read its " + need.Kind.Kind + "s: " + answer.Message
}

// revisionCounts are the pods of a workload by revision, as its status has them.
type revisionCounts struct {
	// created counts all, updated those of the newest revision that the controller has observed.
	created, updated int32
	// current counts those of currentRevision, if it is not the newest. Only a StatefulSet names its revisions.
	current                         int32
	currentRevision, updateRevision string
}

func (w Workload) countRevisions() revisionCounts {
	n := revisionCounts{created: w.created}
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		n.updated = o.Status.UpdatedReplicas
	case *appsv1.DaemonSet:
		n.updated = o.Status.UpdatedNumberScheduled
	case *appsv1.StatefulSet:
		n.updated, n.updateRevision = o.Status.UpdatedReplicas, o.Status.UpdateRevision
		if o.Status.CurrentRevision != n.updateRevision {
			n.current, n.currentRevision = o.Status.CurrentReplicas, o.Status.CurrentRevision
		}
	}
	return n
}

// imagesOf counts the image of the named container, if there is one.
func imagesOf(containers []corev1.Container, name string, count int32, ready *int32) []ImageCount {
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 || count <= 0 {
		return nil
	}
	return []ImageCount{{Image: containers[i].Image, Count: count, Ready: ready}}
}

// revisions find the images of a workload not all of whose pods are made from its template.
type revisions struct {
	revisionCounts

	workload  Workload
	container string
}

// certain counts what the status alone tells: the pods made from the template, once the controller has observed it.
func (r revisions) certain(all int32, why string) Images {
	var known Images
	updated := int32(0)
	if r.workload.observed {
		updated = min(r.updated, all)
		known.InUse = imagesOf(r.workload.PodSpec.Containers, r.container, updated, nil)
	}
	return known.untold(all-updated, why)
}

func (i Images) untold(pods int32, why string) Images {
	if pods > 0 {
		i.Untold = fmt.Sprintf("version of %s unknown: %s", msg.Count(int(pods), "pod"), why)
	}
	return i
}

// ofReplicaSets counts the pods by what their ReplicaSets say, all of which were read at one time.
func (r revisions) ofReplicaSets(objects []client.Object) Images {
	var images Images
	pods := int32(0)
	for _, o := range objects {
		if rs, ok := o.(*appsv1.ReplicaSet); ok && r.workload.controls(rs) {
			pods += rs.Status.Replicas
			images.InUse = append(images.InUse, imagesOf(rs.Spec.Template.Spec.Containers, r.container, rs.Status.Replicas, &rs.Status.ReadyReplicas)...)
		}
	}
	if pods == 0 {
		return r.certain(r.created, "found no ReplicaSet with pods")
	}
	return images
}

// controls reports whether the workload is the controller of the object.
func (w Workload) controls(o client.Object) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && owner.Kind == string(w.Kind) && owner.Name == w.Object.GetName() && o.GetNamespace() == w.Object.GetNamespace() &&
		(owner.UID == "" || w.Object.GetUID() == "" || owner.UID == w.Object.GetUID())
}

// revision is a ControllerRevision.
type revision struct {
	name       string
	number     int64
	containers []corev1.Container
}

// image of the named container; empty when there is none.
func (v revision) image(container string) string {
	for _, c := range v.containers {
		if c.Name == container {
			return c.Image
		}
	}
	return ""
}

// revisionsOf returns the revisions of the workload, the newest first.
func (w Workload) revisionsOf(objects []client.Object) []revision {
	var out []revision
	for _, o := range objects {
		if cr, ok := o.(*appsv1.ControllerRevision); ok && w.controls(cr) {
			out = append(out, revision{cr.Name, cr.Revision, containersIn(cr)})
		}
	}
	slices.SortFunc(out, func(a, b revision) int { return int(b.number - a.number) })
	return out
}

// revisionData is what is read of the data of a ControllerRevision: a patch of the template.
type revisionData struct {
	Spec struct {
		Template struct {
			Spec struct {
				Containers []revisionContainer `json:"containers,omitempty"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

type revisionContainer struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
}

// TrimRevision keeps of the template in a ControllerRevision names and images of the containers.
func TrimRevision(cr *appsv1.ControllerRevision) error {
	trimmed, err := json.Marshal(dataOf(cr))
	cr.Data = runtime.RawExtension{Raw: trimmed}
	return err
}

// dataOf returns what is read of the data; data that is no template has no containers.
func dataOf(cr *appsv1.ControllerRevision) (data revisionData) {
	if json.Unmarshal(cr.Data.Raw, &data) != nil {
		return revisionData{}
	}
	return data
}

func containersIn(cr *appsv1.ControllerRevision) []corev1.Container {
	var out []corev1.Container
	for _, c := range dataOf(cr).Spec.Template.Spec.Containers {
		out = append(out, corev1.Container{Name: c.Name, Image: c.Image})
	}
	return out
}

// share is a number of pods of one of some revisions.
type share struct {
	pods int32
	of   []revision
}

// maxPodsRead is how many pods a workload may have that are read for their versions: a list of one page.
const maxPodsRead = 500

// ofControllerRevisions counts the pods by the numbers in the status, as far as these tell of which revision they are; else
// by the pods, when they have been read.
func (r revisions) ofControllerRevisions(objects []client.Object, answers map[facts.Need]facts.Answer) Images {
	all := r.workload.revisionsOf(objects)
	if len(all) == 0 {
		return r.certain(r.created, "found no ControllerRevision")
	}
	need := r.workload.PodsNeed()
	pods, asked := answers[need]
	live := r.workload.countPods(pods)
	why := "they run several older revisions"
	if asked && pods.State > facts.Known && pods.State != facts.Deferred {
		why = unread(need, pods)
	}
	shares := r.shares(all, live)
	images := r.byStatus(shares, live, why)
	byPods := !r.clear(shares) && len(live) > 0
	if byPods {
		images = r.byPods(all, live)
	}
	if r.clear(r.shares(all, nil)) {
		return images
	}
	few := r.created <= maxPodsRead
	images.Pending = pods.State == facts.Pending && (asked || few)
	if few {
		images.Further = []facts.Demand{{Need: need, Refresh: r.workload.refreshRevisions(r.revisionCounts, byPods, images.Untold != "")}}
	}
	return images
}

// shares parts the pods by the numbers in the status: those of the newest revision, those of the one that a StatefulSet
// calls current, and the rest, which is of one of the others; of one that has pods, if the pods are known.
func (r revisions) shares(all []revision, live podCounts) []share {
	newest := all[0]
	if i := slices.IndexFunc(all, func(v revision) bool { return v.name == r.updateRevision }); i >= 0 {
		newest = all[i]
	}
	updated := min(r.updated, r.created)
	shares, rest := []share{{updated, []revision{newest}}}, r.created-updated
	var others []revision
	for _, v := range all {
		switch {
		case v.name == newest.name:
		case v.name == r.currentRevision && r.current > 0:
			current := min(r.current, rest)
			shares, rest = append(shares, share{current, []revision{v}}), rest-current
		default:
			others = append(others, v)
		}
	}
	if running := slices.DeleteFunc(slices.Clone(others), func(v revision) bool { return live[v.name] == nil }); len(running) > 0 {
		others = running
	}
	return append(shares, share{rest, others})
}

// clear reports whether the image of every pod is known.
func (r revisions) clear(shares []share) bool {
	return !slices.ContainsFunc(shares, func(s share) bool { return s.pods > 0 && !r.sameImage(s.of) })
}

// sameImage reports whether it does not matter which of the revisions it is.
func (r revisions) sameImage(of []revision) bool {
	return !slices.ContainsFunc(of, func(v revision) bool { return v.image(r.container) != of[0].image(r.container) })
}

// byStatus counts by the status; the pods tell which are ready, as far as they agree with it. why says why a pod's revision is
// not known.
func (r revisions) byStatus(shares []share, live podCounts, why string) Images {
	var images Images
	untold := int32(0)
	unready := r.created - r.workload.ready
	agree := unready <= 0 || unready == live.unready()
	for _, s := range shares {
		if len(s.of) == 0 || !r.sameImage(s.of) {
			untold += s.pods
			if len(s.of) == 0 {
				why = "found no ControllerRevision for them"
			}
			continue
		}
		var ready *int32
		if agree {
			ready = new(s.pods)
			for _, v := range s.of {
				if n := live[v.name]; n != nil && unready > 0 {
					*ready = max(0, *ready-n.unready)
				}
			}
		}
		images.InUse = append(images.InUse, imagesOf(s.of[0].containers, r.container, s.pods, ready)...)
	}
	return images.untold(untold, why)
}

// byPods counts by the pods, all of which were read at one time.
func (r revisions) byPods(all []revision, live podCounts) Images {
	var images Images
	untold := int32(0)
	for _, name := range slices.Sorted(maps.Keys(live)) {
		n := live[name]
		i := slices.IndexFunc(all, func(v revision) bool { return v.name == name })
		if i < 0 {
			untold += n.ready + n.unready
			continue
		}
		images.InUse = append(images.InUse, imagesOf(all[i].containers, r.container, n.ready+n.unready, &n.ready)...)
	}
	return images.untold(untold, "found no ControllerRevision for them")
}

// podCount is how many pods there are of a revision.
type podCount struct{ ready, unready int32 }

// podCounts counts pods by the name of their ControllerRevision.
type podCounts map[string]*podCount

func (c podCounts) of(name string) *podCount {
	if c[name] == nil {
		c[name] = &podCount{}
	}
	return c[name]
}

func (c podCounts) unready() int32 {
	n := int32(0)
	for _, of := range c {
		n += of.unready
	}
	return n
}

// countPods counts the pods; there are none while they are not known.
func (w Workload) countPods(pods facts.Answer) podCounts {
	counts := podCounts{}
	for of, n := range readyPods(pods) {
		if of.Namespace == w.Object.GetNamespace() && of.Kind == string(w.Kind) && of.Name == w.Object.GetName() {
			counts.of(w.revisionName(of.Hash)).ready += int32(n)
		}
	}
	for _, o := range pods.Objects {
		pod, ok := o.(*corev1.Pod)
		if hash := o.GetLabels()[appsv1.ControllerRevisionHashLabelKey]; ok && hash != "" && w.lacks(pod) {
			counts.of(w.revisionName(hash)).unready++
		}
	}
	return counts
}

// revisionName is the name of the ControllerRevision of pods with the hash: those of a DaemonSet do not have all of it.
func (w Workload) revisionName(hash string) string {
	if w.Kind == v1alpha1.WorkloadDaemonSet {
		return w.Object.GetName() + "-" + hash
	}
	return hash
}

// maxPlaces is of how many ready pods of a ReplicaSet it is kept where they run: enough to see what they have in common.
const maxPlaces = 32

// Sift reports whether an object that was read on demand, at a time, tells anything: a pod that is ready or has finished does
// not, unless it keeps restarting, nor does a ReplicaSet without pods. Ready pods that tell nothing are counted.
func Sift(o client.Object, ready map[facts.PodRevision]int, at time.Time) (keep bool) {
	switch o := o.(type) {
	case *corev1.Pod:
		if !PodReadyOrFinished(o) || KeepsRestarting(o, at) {
			return true
		}
		if of, ok := RevisionOf(o); ok {
			CountReady(ready, of, o.Spec.NodeName)
		}
		return false
	case *appsv1.ReplicaSet:
		return o.Status.Replicas > 0
	}
	return true
}

// CountReady counts a ready pod that runs on a node.
func CountReady(ready map[facts.PodRevision]int, of facts.PodRevision, node string) {
	ready[of]++
	if of.Kind == facts.ReplicaSetKind.Kind && node != "" && ready[of] <= maxPlaces {
		of.Node = strings.Clone(node)
		ready[of]++
	}
}

// RevisionOf returns the revision of a ready pod; ok is false for one that has finished or ends, and for one that does not
// say its revision.
func RevisionOf(pod *corev1.Pod) (of facts.PodRevision, ok bool) {
	owner, hash := metav1.GetControllerOf(pod), pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	if owner == nil || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return of, false
	}
	if owner.Kind == facts.ReplicaSetKind.Kind {
		hash = ""
	} else if hash == "" {
		return of, false
	}
	return facts.PodRevision{Namespace: pod.Namespace, Kind: owner.Kind, Name: strings.Clone(owner.Name), Hash: strings.Clone(hash)}, true
}
