// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// revised is what can be seen of the revisions of a workload.
type revised struct {
	revisions   []client.Object
	noRevisions facts.State // instead of revisions, unless it is Pending
	// ready counts ready pods by hash; unready are the hashes of the others. No pods are read when noPods says so.
	ready   map[string]int
	unready []string
	noPods  facts.State
}

// imagesOfWeb returns the images of the container web as an observer finds them, in a line, and what was asked for.
func imagesOfWeb(o client.Object, seen revised) (text string, asked []facts.Demand) {
	w, _ := Of(o, &v1alpha1.WorkloadCheck{})
	answers := map[facts.Need]facts.Answer{}
	for {
		images := w.Images("web", answers)
		known := len(answers)
		for _, need := range facts.NeedsOf(images.Further) {
			answers[need] = seen.answer(w, need)
		}
		if len(answers) == known {
			return describeImages(images), images.Further
		}
	}
}

func (r revised) answer(w Workload, need facts.Need) facts.Answer {
	state, objects, ready := r.noRevisions, r.revisions, map[facts.PodRevision]int{}
	if need.Kind == facts.PodKind {
		state, objects = r.noPods, nil
		for hash, n := range r.ready {
			ready[facts.PodRevision{Namespace: "kube-system", Kind: string(w.Kind), Name: w.Object.GetName(), Hash: hash}] = n
		}
		for i, hash := range r.unready {
			objects = append(objects, ofRevision(pod(fmt.Sprint("p", i), "n", containerStatuses(creating)), w, hash))
		}
	}
	if state != facts.Pending {
		return facts.Answer{State: state, Message: "grant the rule"}
	}
	return facts.Answer{State: facts.Known, ReadAt: noon, Objects: objects, ReadyPods: ready}
}

func ofRevision(pod client.Object, w Workload, hash string) client.Object {
	pod.SetLabels(map[string]string{appsv1.ControllerRevisionHashLabelKey: hash})
	return controlled(pod, string(w.Kind), w.Object.GetName())
}

func controlled[T client.Object](o T, kind, name string) T {
	o.SetOwnerReferences([]metav1.OwnerReference{{Kind: kind, Name: name, Controller: new(true)}})
	return o
}

func describeImages(i Images) string {
	if i.Pending {
		return "pending"
	}
	var parts []string
	for _, c := range i.InUse {
		part := fmt.Sprintf("%s %d", strings.TrimPrefix(c.Image, "r/web:"), c.Count)
		if c.Ready != nil {
			part += fmt.Sprintf(" ready %d", *c.Ready)
		}
		parts = append(parts, part)
	}
	slices.Sort(parts)
	text := strings.Join(parts, ", ")
	if i.Untold != "" {
		text += "; " + i.Untold
	}
	return text
}

// replicaSet of the Deployment web.
func replicaSet(tag string, replicas, ready int) client.Object {
	rs := decode[*appsv1.ReplicaSet](manifest("kube-system", "web-"+tag,
		fmt.Sprintf("{template: {spec: {containers: [{name: side, image: 'r/side:v9'}, {name: web, image: 'r/web:%s'}]}}}", tag),
		fmt.Sprintf("{replicas: %d, readyReplicas: %d}", replicas, ready)))
	return controlled(rs, "Deployment", "web")
}

// controllerRevision of a workload that is called web.
func controllerRevision(kind, tag string, number int) client.Object {
	cr := decode[*appsv1.ControllerRevision](fmt.Sprintf("metadata: {namespace: kube-system, name: web-%s}\nrevision: %d\n"+
		"data: {spec: {template: {$patch: replace, spec: {containers: [{name: web, image: 'r/web:%s', env: [{name: A, value: b}]}]}}}}", tag, number, tag))
	return controlled(cr, kind, "web")
}

// history has a revision for each tag, the oldest first.
func history(kind string, tags ...string) []client.Object {
	var out []client.Object
	for i, tag := range tags {
		out = append(out, controllerRevision(kind, tag, i+1))
	}
	return out
}

const templateOf = "selector: {matchLabels: {app: web}}, template: {spec: {containers: [{name: web, image: 'r/web:%s'}]}}"

func webDeployment(tag string, desired int, status, more string) client.Object {
	return deployment("web", fmt.Sprintf("{replicas: %d, "+templateOf+more+"}", desired, tag), "{observedGeneration: 2, "+status+"}")
}

func webDaemonSet(tag, status, more string) client.Object {
	return daemonSet("web", fmt.Sprintf("{"+templateOf+more+"}", tag), "{observedGeneration: 2, "+status+"}")
}

func webStatefulSet(tag string, desired int, status, more string) client.Object {
	return statefulSet("web", fmt.Sprintf("{replicas: %d, "+templateOf+more+"}", desired, tag), "{observedGeneration: 2, "+status+"}")
}

func TestImagesOfDeployment(t *testing.T) {
	sets := func(objects ...client.Object) revised { return revised{revisions: objects} }
	both := sets(replicaSet("v1", 2, 2), replicaSet("v2", 2, 0))
	const rolling = "replicas: 4, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2"
	for name, test := range map[string]struct {
		object client.Object
		seen   revised
		want   string
	}{
		"a roll-out":                       {webDeployment("v2", 3, rolling, ""), both, "v1 2 ready 2, v2 2 ready 0"},
		"surge, all are ready":             {webDeployment("v2", 3, "replicas: 4, updatedReplicas: 1, readyReplicas: 4", ""), sets(replicaSet("v1", 3, 3), replicaSet("v2", 1, 1)), "v1 3 ready 3, v2 1 ready 1"},
		"none of the new ones yet":         {webDeployment("v2", 2, "replicas: 2, readyReplicas: 2", ""), sets(replicaSet("v1", 2, 2), replicaSet("v2", 0, 0)), "v1 2 ready 2"},
		"paused half-way":                  {webDeployment("v2", 3, rolling, ", paused: true"), both, "v1 2 ready 2, v2 2 ready 0"},
		"changed while it is paused":       {webDeployment("v3", 2, "replicas: 2, readyReplicas: 2", ", paused: true"), sets(replicaSet("v2", 2, 2)), "v2 2 ready 2"},
		"three revisions":                  {webDeployment("v3", 3, rolling, ""), sets(replicaSet("v1", 1, 1), replicaSet("v2", 1, 0), replicaSet("v3", 2, 1)), "v1 1 ready 1, v2 1 ready 0, v3 2 ready 1"},
		"rolled back to an older one":      {webDeployment("v1", 3, "replicas: 4, updatedReplicas: 1, readyReplicas: 4", ""), sets(replicaSet("v1", 1, 1), replicaSet("v2", 3, 3)), "v1 1 ready 1, v2 3 ready 3"},
		"Recreate, the old ones are there": {webDeployment("v2", 3, "replicas: 3, readyReplicas: 3", ", strategy: {type: Recreate}"), sets(replicaSet("v1", 3, 3)), "v1 3 ready 3"},
		"Recreate, the old ones are gone":  {webDeployment("v2", 3, "replicas: 0", ", strategy: {type: Recreate}"), both, "v2 3"},
		"Recreate, the new ones start":     {webDeployment("v2", 3, "replicas: 3, updatedReplicas: 3", ", strategy: {type: Recreate}"), both, "v2 3"},
		"another Deployment's":             {webDeployment("v2", 3, rolling, ""), sets(controlled(replicaSet("v0", 9, 9), "Deployment", "web-2"), replicaSet("v1", 4, 4)), "v1 4 ready 4"},
		"it is scaled to 0 meanwhile":      {webDeployment("v2", 0, "replicas: 1, readyReplicas: 1", ""), sets(replicaSet("v1", 1, 1)), "v1 1 ready 1"},
		"it wants none":                    {webDeployment("v2", 0, "replicas: 0", ""), both, "v2 1"},
		"all are new, some are missing":    {webDeployment("v2", 3, "replicas: 2, updatedReplicas: 2, readyReplicas: 1", ""), both, "v2 3"},
		"the controller has not seen it":   {unobserved(webDeployment("v2", 3, "replicas: 3, updatedReplicas: 3, readyReplicas: 3", "")), sets(replicaSet("v1", 3, 3)), "v1 3 ready 3"},
		"not permitted": {webDeployment("v2", 3, rolling, ""), revised{noRevisions: facts.NotPermitted},
			"v2 2; version of 2 pods unknown: not permitted to read its ReplicaSets: grant the rule"},
		"not permitted, and not observed": {unobserved(webDeployment("v2", 3, "replicas: 1, updatedReplicas: 1", "")), revised{noRevisions: facts.NotPermitted},
			"; version of 1 pod unknown: not permitted to read its ReplicaSets: grant the rule"},
		"not in the dump": {webDeployment("v2", 3, "replicas: 4, updatedReplicas: 3", ""), revised{noRevisions: facts.NotHeld},
			"v2 3; version of 1 pod unknown: couldn't read its ReplicaSets: grant the rule"},
		"not present": {webDeployment("v2", 3, rolling, ""), revised{}, "v2 2; version of 2 pods unknown: found no ReplicaSet with pods"},
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := imagesOfWeb(test.object, test.seen)
			NewWithT(t).Expect(text).To(Equal(test.want))
		})
	}
}

func TestImagesOfDaemonSet(t *testing.T) {
	const onDelete = ", updateStrategy: {type: OnDelete}"
	status := func(created, updated, ready int) string {
		return fmt.Sprintf("desiredNumberScheduled: %d, currentNumberScheduled: %d, updatedNumberScheduled: %d, numberReady: %d", created, created, updated, ready)
	}
	seen := func(tags ...string) revised { return revised{revisions: history("DaemonSet", tags...)} }
	with := func(r revised, ready map[string]int, unready ...string) revised {
		r.ready, r.unready = ready, unready
		return r
	}
	for name, test := range map[string]struct {
		object client.Object
		seen   revised
		want   string
	}{
		"a roll-out": {webDaemonSet("v2", status(5, 2, 5), ""), seen("v1", "v2"), "v1 3 ready 3, v2 2 ready 2"},
		"a roll-out whose new pod does not start": {webDaemonSet("v2", status(5, 1, 4), ""),
			with(seen("v0", "v1", "v2"), map[string]int{"v1": 4}, "v2"), "v1 4 ready 4, v2 1 ready 0"},
		"which are ready is not known":                    {webDaemonSet("v2", status(5, 2, 4), ""), seen("v1", "v2"), "v1 3, v2 2"},
		"older revisions that have no pods":               {webDaemonSet("v3", status(5, 2, 5), ""), with(seen("v1", "v2", "v3"), map[string]int{"v2": 3, "v3": 2}), "v2 3 ready 3, v3 2 ready 2"},
		"a stuck roll-out is replaced: not the last one":  {webDaemonSet("v3", status(5, 2, 5), ""), with(seen("v1", "v2", "v3"), map[string]int{"v1": 3, "v3": 2}), "v1 3 ready 3, v3 2 ready 2"},
		"the numbers go on after the pods were read":      {webDaemonSet("v3", status(5, 4, 5), ""), with(seen("v1", "v2", "v3"), map[string]int{"v2": 4, "v3": 1}), "v2 1 ready 1, v3 4 ready 4"},
		"rolled back: the oldest is the newest":           {webDaemonSet("v1", status(5, 2, 5), ""), revised{revisions: append(history("DaemonSet", "v0", "v2"), controllerRevision("DaemonSet", "v1", 9))[1:]}, "v1 2 ready 2, v2 3 ready 3"},
		"OnDelete, with older pods":                       {webDaemonSet("v3", status(3, 1, 3), onDelete), with(seen("v1", "v2", "v3"), map[string]int{"v1": 1, "v2": 1, "v3": 1}), "v1 1 ready 1, v2 1 ready 1, v3 1 ready 1"},
		"OnDelete, four versions":                         {webDaemonSet("v4", status(7, 1, 6), onDelete), with(seen("v1", "v2", "v3", "v4"), map[string]int{"v1": 2, "v2": 2, "v3": 2}, "v4"), "v1 2 ready 2, v2 2 ready 2, v3 2 ready 2, v4 1 ready 0"},
		"only another part of the template was changed":   {webDaemonSet("v1", status(5, 2, 5), ""), revised{revisions: append(history("DaemonSet", "v1"), controlled(renamed(controllerRevision("DaemonSet", "v1", 2), "web-b"), "DaemonSet", "web"))}, "v1 2 ready 2, v1 3 ready 3"},
		"all are new, one is missing":                     {webDaemonSet("v2", status(4, 4, 3), ""), seen("v1", "v2"), "v2 4"},
		"no node":                                         {webDaemonSet("v2", status(0, 0, 0), ""), seen("v1", "v2"), "v2 1"},
		"a pod of a revision that is no more":             {webDaemonSet("v3", status(3, 1, 3), onDelete), with(seen("v1", "v2", "v3"), map[string]int{"v0": 1, "v2": 1, "v1": 1}), "v1 1 ready 1, v2 1 ready 1; version of 1 pod unknown: found no ControllerRevision for them"},
		"the pods may not be read":                        {webDaemonSet("v3", status(3, 1, 3), onDelete), revised{revisions: history("DaemonSet", "v1", "v2", "v3"), noPods: facts.NotPermitted}, "v3 1 ready 1; version of 2 pods unknown: not permitted to read its Pods: grant the rule"},
		"the pods may not be read, and need not be":       {webDaemonSet("v2", status(3, 1, 3), onDelete), revised{revisions: history("DaemonSet", "v1", "v2"), noPods: facts.NotPermitted}, "v1 2 ready 2, v2 1 ready 1"},
		"too many pods to be read for this":               {webDaemonSet("v3", status(5000, 10, 5000), onDelete), with(seen("v1", "v2", "v3"), map[string]int{"v1": 4990}), "v3 10 ready 10; version of 4990 pods unknown: they run several older revisions"},
		"not permitted":                                   {webDaemonSet("v2", status(5, 2, 5), ""), revised{noRevisions: facts.NotPermitted}, "v2 2; version of 3 pods unknown: not permitted to read its ControllerRevisions: grant the rule"},
		"not present":                                     {webDaemonSet("v2", status(5, 2, 5), ""), revised{}, "v2 2; version of 3 pods unknown: found no ControllerRevision"},
		"only the newest is there":                        {webDaemonSet("v2", status(5, 2, 5), ""), seen("v2"), "v2 2 ready 2; version of 3 pods unknown: found no ControllerRevision for them"},
		"the controller has not seen the newest template": {unobserved(webDaemonSet("v2", status(5, 5, 5), "")), seen("v1"), "v1 5 ready 5"},
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := imagesOfWeb(test.object, test.seen)
			NewWithT(t).Expect(text).To(Equal(test.want))
		})
	}
}

func renamed[T client.Object](o T, name string) T {
	o.SetName(name)
	return o
}

// unobserved has the controller lag by a generation.
func unobserved[T client.Object](o T) T {
	o.SetGeneration(3)
	return o
}

func TestImagesOfStatefulSet(t *testing.T) {
	status := func(created, current, updated, ready int, from, to string) string {
		return fmt.Sprintf("replicas: %d, currentReplicas: %d, updatedReplicas: %d, readyReplicas: %d, currentRevision: web-%s, updateRevision: web-%s",
			created, current, updated, ready, from, to)
	}
	seen := func(tags ...string) revised { return revised{revisions: history("StatefulSet", tags...)} }
	for name, test := range map[string]struct {
		object client.Object
		seen   revised
		want   string
	}{
		"a roll-out":                         {webStatefulSet("v3", 3, status(3, 2, 1, 3, "v2", "v3"), ""), seen("v1", "v2", "v3"), "v2 2 ready 2, v3 1 ready 1"},
		"partition":                          {webStatefulSet("v3", 5, status(5, 4, 1, 5, "v2", "v3"), ", updateStrategy: {rollingUpdate: {partition: 4}}"), seen("v1", "v2", "v3"), "v2 4 ready 4, v3 1 ready 1"},
		"OnDelete":                           {webStatefulSet("v3", 3, status(3, 3, 0, 3, "v2", "v3"), ", updateStrategy: {type: OnDelete}"), seen("v1", "v2", "v3"), "v2 3 ready 3"},
		"all new, the revisions differ yet":  {webStatefulSet("v3", 3, status(3, 0, 3, 2, "v2", "v3"), ""), seen("v1", "v2", "v3"), "v3 3"},
		"another change before it is over":   {webStatefulSet("v4", 4, status(4, 2, 1, 4, "v2", "v4"), ""), seen("v2", "v3", "v4"), "v2 2 ready 2, v3 1 ready 1, v4 1 ready 1"},
		"rolled back half-way":               {webStatefulSet("v2", 3, status(3, 2, 2, 3, "v2", "v2"), ""), revised{revisions: append(history("StatefulSet", "v1", "v2", "v3"), controllerRevision("StatefulSet", "v2", 4))[2:]}, "v2 2 ready 2, v3 1 ready 1"},
		"the controller has not seen it":     {unobserved(webStatefulSet("v3", 3, status(3, 3, 3, 3, "v2", "v2"), "")), seen("v1", "v2"), "v2 3 ready 3"},
		"one is not ready, of the newest":    {webStatefulSet("v3", 3, status(3, 2, 1, 2, "v2", "v3"), ""), seen("v1", "v2", "v3"), "v2 2, v3 1"},
		"not permitted, and none is updated": {webStatefulSet("v3", 3, status(3, 3, 0, 3, "v2", "v3"), ""), revised{noRevisions: facts.NotPermitted}, "; version of 3 pods unknown: not permitted to read its ControllerRevisions: grant the rule"},
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := imagesOfWeb(test.object, test.seen)
			NewWithT(t).Expect(text).To(Equal(test.want))
		})
	}
}

// What is asked for, and when it is read again.
func TestImagesAsk(t *testing.T) {
	g := NewWithT(t)
	ds := func(created, updated int) client.Object {
		return webDaemonSet("v2", fmt.Sprintf("desiredNumberScheduled: %d, currentNumberScheduled: %d, updatedNumberScheduled: %d, numberReady: %d", created, created, updated, created), "")
	}
	asked := func(o client.Object, seen revised) []facts.Demand {
		_, demands := imagesOfWeb(o, seen)
		return demands
	}
	revisions := revised{revisions: history("DaemonSet", "v1", "v2")}
	many := revised{revisions: history("DaemonSet", "v0", "v1", "v2"), ready: map[string]int{"v1": 1}}

	g.Expect(asked(ds(5, 5), revisions)).To(BeEmpty(), "in a steady state nothing")
	one := facts.Need{Kind: facts.ControllerRevisionKind, Namespace: "kube-system", Interval: revisionsInterval}
	g.Expect(facts.NeedsOf(asked(ds(5000, 7), revisions))).To(Equal([]facts.Need{one}), "all of the namespace, no pods")
	g.Expect(asked(ds(5000, 8), revisions)).To(Equal(asked(ds(5000, 7), revisions)), "that a roll-out goes on is no news: revisions only come and go")
	g.Expect(facts.NeedsOf(asked(ds(5000, 7), many))).To(Equal([]facts.Need{one}), "nor are 5,000 pods read when the revisions do not tell")
	w, _ := Of(ds(500, 7), &v1alpha1.WorkloadCheck{})
	g.Expect(facts.NeedsOf(asked(ds(500, 7), many))).To(Equal([]facts.Need{one, w.PodsNeed()}), "a page of pods is")

	web := func(updated int) client.Object {
		return webDeployment("v2", 3, fmt.Sprintf("replicas: 4, updatedReplicas: %d", updated), "")
	}
	sets := revised{revisions: []client.Object{replicaSet("v1", 2, 2), replicaSet("v2", 2, 0)}}
	g.Expect(asked(web(2), sets)).To(HaveLen(1))
	g.Expect(asked(web(2), sets)[0].Kind).To(Equal(facts.ReplicaSetKind))
	g.Expect(asked(web(1), sets)).NotTo(Equal(asked(web(2), sets)), "ReplicaSets count pods: they are read again when the numbers move")
	g.Expect(asked(web(2), sets)[0].Refresh.Inconclusive).To(BeFalse())
	g.Expect(asked(web(2), revised{noRevisions: facts.Failed})[0].Refresh.Inconclusive).To(BeTrue(), "it is tried again")

	w, _ = Of(web(2), &v1alpha1.WorkloadCheck{})
	g.Expect(describeImages(w.Images("web", nil))).To(Equal("pending"), "before they are read, nothing is said")
	g.Expect(w.Images("none", map[facts.Need]facts.Answer{w.RevisionsNeed(): {State: facts.Known, Objects: sets.revisions}}).InUse).To(BeEmpty())
}

func TestSift(t *testing.T) {
	g := NewWithT(t)
	w, _ := Of(webDaemonSet("v1", "", ""), &v1alpha1.WorkloadCheck{})
	ready := func(name, hash string) *corev1.Pod {
		return ofRevision(pod(name, "n", "{phase: Running, conditions: [{type: Ready, status: 'True'}]}"), w, hash).(*corev1.Pod)
	}
	finished, ends := ready("finished", "v1"), ready("ends", "v1")
	finished.Status.Phase = corev1.PodFailed
	ends.DeletionTimestamp = new(metav1.NewTime(noon))
	counts, kept := map[facts.PodRevision]int{}, []string{}
	for _, o := range []client.Object{ready("a", "v1"), ready("b", "v1"), ready("c", "v2"), finished, ends, ready("unlabeled", ""),
		ofRevision(pod("unready", "n", containerStatuses(creating)), w, "v2"), replicaSet("v0", 0, 0), replicaSet("v1", 1, 0), controllerRevision("DaemonSet", "v1", 1)} {
		if Sift(o, counts, noon) {
			kept = append(kept, o.GetName())
		}
	}
	g.Expect(kept).To(Equal([]string{"unready", "web-v1", "web-v1"}))
	of := func(hash string) facts.PodRevision {
		return facts.PodRevision{Namespace: "kube-system", Kind: "DaemonSet", Name: "web", Hash: hash}
	}
	g.Expect(maps.Equal(counts, map[facts.PodRevision]int{of("v1"): 2, of("v2"): 1})).To(BeTrue(), "%v", counts)
}
