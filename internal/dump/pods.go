// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"hash/maphash"
	"maps"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/archmap/archmap/internal/dump/scan"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/workload"
)

// readyPods are the pods that are ready: a dump may hold a pod several times, and a hundred thousand pods.
type readyPods struct {
	// revisions by the hash of the pod's name.
	revisions map[uint64]unique.Handle[facts.PodRevision]
	// places are the same with the nodes where some of them run.
	places map[facts.PodRevision]int
}

func newReadyPods() readyPods {
	return readyPods{map[uint64]unique.Handle[facts.PodRevision]{}, map[facts.PodRevision]int{}}
}

// add takes those of another file.
func (r readyPods) add(other readyPods) {
	maps.Copy(r.revisions, other.revisions)
	maps.Copy(r.places, other.places)
}

var podSeed = maphash.MakeSeed()

// sift reports whether the item is a pod that needs no explanation, and notes one that is ready. When the dump was made is not known
// yet, so that one that ever kept restarting is kept. size is what is kept of it.
func (r readyPods) sift(it *scan.Item) (done bool, size int, err error) {
	text, err := it.Pruned(func(path string) bool {
		switch path {
		case "metadata", "metadata.labels", "metadata.ownerReferences", "metadata.deletionTimestamp",
			"spec", "spec.nodeName", "status", "status.phase", "status.conditions",
			"status.containerStatuses", "status.initContainerStatuses":
			return true
		}
		return false
	}).JSON()
	if err != nil {
		return false, 0, err
	}
	var small struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			NodeName string `json:"nodeName"`
		} `json:"spec"`
		Status corev1.PodStatus `json:"status"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &small); err != nil {
		return false, 0, it.Misread(err)
	}
	pod := &corev1.Pod{ObjectMeta: small.Metadata, Status: small.Status}
	pod.Namespace = it.Namespace
	if !workload.PodReadyOrFinished(pod) || workload.KeepsRestarting(pod, time.Time{}) {
		return false, 0, nil
	}
	if of, ok := workload.RevisionOf(pod); ok {
		before := len(r.places)
		r.revisions[maphash.String(podSeed, it.Namespace+"/"+it.Name)] = unique.Make(of)
		workload.CountReady(r.places, of, small.Spec.NodeName)
		size = readyPodSize + revisionSize*(len(r.places)-before)
	}
	return true, size, nil
}

// counts returns how many pods there are of each revision.
func (r readyPods) counts() map[facts.PodRevision]int {
	counts := map[facts.PodRevision]int{}
	for _, of := range r.revisions {
		counts[of.Value()]++
	}
	for of, n := range r.places {
		if of.Node != "" {
			counts[of] = n
		}
	}
	return counts
}
