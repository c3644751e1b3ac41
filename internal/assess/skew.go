// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// maxSkewMessage is the length of a skew's message, in bytes.
	maxSkewMessage = 512
	// kubelet names the kubelets among the skews.
	kubelet = "kubelet"
)

// skews are what was found out about versions.
type skews struct {
	// exceeded are not supported; mixed are normal while a node pool is upgraded.
	exceeded, mixed []v1alpha1.VersionSkew
	// compared is what was held to the policy; undecided is what could not be, and why.
	compared, undecided []string
}

func (s *skews) exceed(t v1alpha1.SkewType, name, message string) {
	s.exceeded = append(s.exceeded, v1alpha1.VersionSkew{Type: t, Name: name, Message: msg.Truncate(message, maxSkewMessage)})
}

// findSkews compares the kubelets, and the components that the spec names, with the API server and with each other.
func (r *rollup) findSkews() skews {
	s := skews{mixed: r.view.Mixed}
	server := check.ParseVersion(r.view.KubernetesVersion)
	if server == nil {
		s.undecided = append(s.undecided, "the version of the API server")
		return s
	}
	limit := minorVersions(catalog.MaxMinorsBehind(r.arch))
	kubelets := r.kubeletSkews(&s, server, limit)
	for _, name := range r.arch.Spec.VersionSkew.Components {
		r.componentSkews(&s, string(name), server, kubelets, limit)
	}
	return s
}

// minorVersions is a number of minor versions.
type minorVersions int

func (n minorVersions) String() string { return msg.Count(int(n), "minor version") }

// behind returns how many minor versions one is older than the other; ok is false when that means nothing.
func behind(older, newer *version.Version) (n minorVersions, ok bool) {
	if older == nil || newer == nil || older.Major() != newer.Major() {
		return 0, false
	}
	return minorVersions(newer.Minor()) - minorVersions(older.Minor()), true
}

// kubeletSkews compares the kubelets with the API server, and returns their versions.
func (r *rollup) kubeletSkews(s *skews, server *version.Version, limit minorVersions) []*version.Version {
	var versions []*version.Version
	for _, text := range slices.Sorted(maps.Keys(r.view.Kubelets)) {
		nodes := r.view.Kubelets[text]
		v := check.ParseVersion(text)
		n, ok := behind(v, server)
		if !ok {
			s.undecided = append(s.undecided, fmt.Sprintf("kubelet %q of %s", text, nodes))
			continue
		}
		versions = append(versions, v)
		s.compare(kubelet, text, fmt.Sprintf("; %s: %s", msg.Count(nodes.Count, "node"), nodes), n, limit, r.view.KubernetesVersion)
	}
	if len(versions) > 0 {
		s.compared = append(s.compared, "kubelets")
	} else if len(s.undecided) == 0 {
		s.undecided = append(s.undecided, "the kubelets (no nodes found)")
	}
	return versions
}

// compare notes a version that lies n minor versions behind the API server, when that is not supported.
func (s *skews) compare(name, text, where string, n, limit minorVersions, server string) {
	switch {
	case n < 0:
		s.exceed(v1alpha1.SkewNewerThanAPIServer, name, fmt.Sprintf("%s is newer than the API server (%s), which is never supported%s", text, server, where))
	case n > limit:
		s.exceed(v1alpha1.SkewTooFarBehind, name, fmt.Sprintf("%s is %s behind the API server (%s); the limit is %d%s", text, n, server, limit, where))
	}
}

// componentSkews compares a component, while it is present, with the API server and with the kubelets.
func (r *rollup) componentSkews(s *skews, name string, server *version.Version, kubelets []*version.Version, limit minorVersions) {
	switch r.memberPresent(name) {
	case metav1.ConditionFalse:
		return
	case metav1.ConditionUnknown:
		s.undecided = append(s.undecided, name+" (not known to be present)")
		return
	}
	var versions []*version.Version
	for _, used := range r.mapping(name).Status.Versions {
		v := check.ParseVersion(used.Version)
		if n, ok := behind(v, server); ok {
			versions = append(versions, v)
			s.compare(name, used.Version, "", n, limit, r.view.KubernetesVersion)
		}
	}
	if len(versions) == 0 {
		s.undecided = append(s.undecided, name+" (version unknown)")
		return
	}
	s.compared = append(s.compared, name)
	if len(kubelets) > 0 && (!near(versions, kubelets, limit) || !near(kubelets, versions, limit)) {
		s.exceed(v1alpha1.SkewTooFarFromKubelets, name, fmt.Sprintf("%s (%s) and the kubelets (%s) are more than %s apart",
			name, formatted(versions), formatted(kubelets), limit))
	}
}

// near reports whether each of the versions has one of the others within the limit. Which of them are on the same
// node is not known.
func near(versions, others []*version.Version, limit minorVersions) bool {
	return !slices.ContainsFunc(versions, func(v *version.Version) bool {
		return !slices.ContainsFunc(others, func(o *version.Version) bool {
			n, ok := behind(v, o)
			return ok && -limit <= n && n <= limit
		})
	})
}

func formatted(versions []*version.Version) string {
	var out []string
	for _, v := range versions {
		out = append(out, "v"+v.String())
	}
	return msg.Shorten(out, ", ")
}

func (r *rollup) versionsSupported() metav1.Condition {
	supported := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionVersionsSupported, status, reason, message)
	}
	switch {
	case len(r.skews.exceeded) > 0:
		var messages []string
		for _, s := range r.skews.exceeded {
			messages = append(messages, s.Name+": "+s.Message)
		}
		return supported(metav1.ConditionFalse, v1alpha1.ReasonSkewExceeded, msg.Shorten(messages, "; "))
	case len(r.skews.undecided) > 0:
		return supported(metav1.ConditionUnknown, v1alpha1.ReasonVersionsUnknown, "couldn't compare "+msg.Shorten(r.skews.undecided, "; "))
	}
	return supported(metav1.ConditionTrue, v1alpha1.ReasonWithinSkewPolicy,
		fmt.Sprintf("%s are supported by the API server (%s)", strings.Join(r.skews.compared, ", "), r.view.KubernetesVersion))
}
