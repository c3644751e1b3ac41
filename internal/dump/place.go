// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"path"
	"slices"
	"strings"
)

// place is what the path of a file shows about its objects.
type place struct {
	source Source
	// known: all objects of a kind in the namespace are in the file; the namespace is empty for the whole cluster.
	known     bool
	namespace string
}

// clusterInfoFiles are what kubectl cluster-info dump writes for each namespace.
var clusterInfoFiles = []string{
	"events", "replication-controllers", "services", "daemonsets", "deployments", "replicasets", "pods",
}

// placeOf reads a path: must-gathers have namespaces/<namespace>/<group>/<resource>.yaml and
// cluster-scoped-resources/<group>/<resource>.yaml, dumps of kubectl cluster-info have <namespace>/<resource>.json and
// nodes.json.
func placeOf(name string) place {
	parts := strings.Split(path.Clean(strings.ReplaceAll(name, "\\", "/")), "/")
	n := len(parts)
	base := strings.TrimSuffix(parts[n-1], path.Ext(parts[n-1]))
	if i := slices.Index(parts, "namespaces"); i >= 0 && i+3 < n {
		return place{source: MustGather, known: i+4 == n, namespace: parts[i+1]}
	}
	if i := slices.Index(parts, "cluster-scoped-resources"); i >= 0 {
		return place{source: MustGather, known: i+3 == n}
	}
	switch {
	case base == "nodes":
		return place{known: true}
	case n >= 2 && slices.Contains(clusterInfoFiles, base):
		return place{source: ClusterInfo, known: true, namespace: parts[n-2]}
	}
	return place{}
}

// namespaceIn reads the namespace from the link that old API servers put into lists; known says whether there is a link.
func namespaceIn(selfLink string) (namespace string, known bool) {
	_, rest, found := strings.Cut(selfLink, "/namespaces/")
	if namespace, _, inside := strings.Cut(rest, "/"); found && inside {
		return namespace, true
	}
	return "", selfLink != ""
}
