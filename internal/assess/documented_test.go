// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

func TestAsDocumented(t *testing.T) { runMappings(t, documentedCases()) }

// documentedCases are about AsDocumented.
func documentedCases() []mappingCase {
	documented := func(text string, list ...string) string { return lines("implementation: {"+text+"}", checks(list...)) }
	image := "image: mcr.microsoft.com/oss/kubernetes/coredns, minVersion: v1.11.1"
	family := `{name: servers, type: Workload, workload: {kind: Deployment, namespace: kube-system, namePrefix: coredns, container: main}}`
	apiServer := `{name: api, type: Endpoint, method: None, endpoint: {path: /version, version: "json.gitVersion"}}`
	with2 := func(a, b string) cluster {
		return with(deployment("coredns", 1, 1, a), deployment("coredns-autoscaler", 1, 1, b))
	}
	type verdict struct {
		name, spec       string
		cluster          cluster
		documented, says string
		// healthy is that all checks pass, if nothing else is said.
		healthy string
		// differs lists the differences, in the words of told; nil is not looked at.
		differs []string
	}
	correction := func(text string) string { return "advisories: [" + text + "]" }
	otherMethod := `{type: Correction, message: DNS is an agent., explains: [Method]}`
	variantOf := func(text string, checks ...string) string {
		return lines("implementation: {"+text+"}", variants(variant("here", "checks: ["+strings.Join(checks, ", ")+"]"),
			variant("elsewhere", "checks: ["+agent+"]")))
	}
	rollingOut := rolling("coredns")
	rollingOut.Spec.Template = running([]string{"r/coredns:v1.11.1"})
	upgrading := with(kubeletOf("a", "v1.32.1"), kubeletOf("b", "v1.33.1"))
	kubelets := `{name: nodes, type: Nodes, method: SystemdService, nodes: {version: Kubelet, healthy: {conditions: [{type: Ready, status: "True"}]}}}`
	var cases []mappingCase
	for _, v := range []verdict{{
		name: "methods are a set", spec: documented("methods: [DaemonSet, Deployment]", dns, agent),
		cluster: with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)), documented: "True MatchesDocumentation",
	}, {
		name: "another method", spec: documented("methods: [DaemonSet]", dns), cluster: with(deployment("coredns", 1, 1)),
		documented: "False MethodDiffers", says: "documented as DaemonSet, observed as Deployment",
	}, {
		name: "one method more than documented", spec: documented("methods: [Deployment]", dns, agent),
		cluster:    with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)),
		documented: "False MethodDiffers", says: "documented as Deployment, observed as DaemonSet + Deployment",
	}, {
		name: "one method less than documented", spec: documented("methods: [Deployment, DaemonSet]", dns),
		cluster: with(deployment("coredns", 1, 1)), documented: "False MethodDiffers", says: "documented as DaemonSet + Deployment, observed as Deployment",
	}, {
		name: "nothing says how it is implemented", spec: checks(driver), cluster: with(aDriver("d", map[string]any{"up": true})),
		documented: "Unknown NothingToCompare",
	}, {
		name:    "what is no implementation says nothing, its image neither",
		spec:    documented(image, workload("Deployment", "coredns", "method: None")),
		cluster: with(deployment("coredns", 1, 1, "r/hubble:v1")), documented: "Unknown NothingToCompare",
	}, {
		name: "the documented image", spec: documented(image, dns),
		cluster: with(deployment("coredns", 1, 1, "mcr.microsoft.com/oss/kubernetes/coredns:v1.11.1")), documented: "True MatchesDocumentation",
	}, {
		name: "the image in another registry and folder", spec: documented(image, dns),
		cluster: with(deployment("coredns", 1, 1, "mirror.example:5000/v2/coredns:v1.12.0")), documented: "True MatchesDocumentation",
	}, {
		name: "another image", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1, "r/kube-dns:v1.12.0")),
		documented: "False ImageDiffers", says: "documented image mcr.microsoft.com/oss/kubernetes/coredns, observed r/kube-dns",
	}, {
		name: "an image whose name only ends alike", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1, "r/my-coredns:v1.12.0")),
		documented: "False ImageDiffers",
	}, {
		name: "the documented image among others", spec: documented(image, dns, scaler), cluster: with2("r/coredns:v1.11.1", "r/scaler:v1.8"),
		documented: "True MatchesDocumentation",
	}, {
		name: "no image is seen", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1)), documented: "True MatchesDocumentation",
	}, {
		name: "no image is documented", spec: checks(dns), cluster: with(deployment("coredns", 1, 1, "r/anything:v0.1")), documented: "True MatchesDocumentation",
	}, {
		name: "method and image: both are told, the method first", spec: documented(image+", methods: [DaemonSet]", dns),
		cluster: with(deployment("coredns", 1, 1, "r/other:v1.0")), documented: "False MethodDiffers",
		says:    "documented as DaemonSet, observed as Deployment; documented image mcr.microsoft.com/oss/kubernetes/coredns, observed r/other",
		differs: []string{"Method: DaemonSet, but Deployment", "Image: mcr.microsoft.com/oss/kubernetes/coredns, but r/other"},
	}, {
		name: "the version of another image is not compared", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1, "r/other:v1.0.0")),
		documented: "False ImageDiffers", differs: []string{"Image: mcr.microsoft.com/oss/kubernetes/coredns, but r/other"},
	}, {
		name: "an older version", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1, "r/coredns:v1.9.4")),
		documented: "False VersionBelowDocumented", says: "documented version v1.11.1 or newer, observed v1.9.4",
	}, {
		name: "only the older versions are named", spec: documented(image, family), cluster: with2("r/coredns:v1.11.0", "r/coredns:v1.11.2"),
		documented: "False VersionBelowDocumented", says: "observed v1.11.0",
	}, {
		name: "a build suffix of the provider is no older version", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1, "r/coredns:v1.11.1-20")),
		documented: "True MatchesDocumentation",
	}, {
		name: "numbers are not compared as text", spec: documented("minVersion: v1.9.0", dns), cluster: with(deployment("coredns", 1, 1, "r/coredns:v1.10.0")),
		documented: "True MatchesDocumentation",
	}, {
		name: "what is no version is not compared", spec: documented(image, dns), cluster: with(deployment("coredns", 1, 1, "r/coredns:latest")),
		documented: "True MatchesDocumentation",
	}, {
		name: "versions of other images do not count", spec: documented(image, dns, scaler), cluster: with2("r/coredns:v1.11.1", "r/scaler:v1.8.5"),
		documented: "True MatchesDocumentation",
	}, {
		name: "versions of every image count when none is documented", spec: documented("minVersion: v1.11.1", dns, scaler),
		cluster:    with2("r/coredns:v1.11.1", "r/scaler:v1.8.5"),
		documented: "False VersionBelowDocumented", says: "observed v1.8.5",
	}, {
		name:       "a version without an image counts when no image is documented",
		spec:       documented("minVersion: v1.33.0", dns, apiServer),
		cluster:    answering("/version", `{"gitVersion": "v1.32.9"}`, deployment("coredns", 1, 1)),
		documented: "False VersionBelowDocumented", says: "observed v1.32.9",
	}, {
		name: "several minors at once", spec: documented(image, family), cluster: with2("r/coredns:v1.11.1", "r/coredns:v1.12.0"),
		documented: "False VersionSkew", says: "several minor versions are in use at once: v1.11.1 (1), v1.12.0 (1)",
	}, {
		name: "several patches at once", spec: documented(image, family), cluster: with2("r/coredns:v1.11.1", "r/coredns:v1.11.3"),
		documented: "True MatchesDocumentation",
	}, {
		name: "the same minor of another major", spec: documented(image, family), cluster: with2("r/coredns:v1.11.1", "r/coredns:v2.11.1"),
		documented: "False VersionSkew",
	}, {
		name: "version and skew: both are told, the version first", spec: documented(image, family), cluster: with2("r/coredns:v1.10.0", "r/coredns:v1.12.0"),
		documented: "False VersionBelowDocumented",
		says:       "observed v1.10.0; several minor versions are in use at once: v1.10.0 (1), v1.12.0 (1)",
		differs:    []string{"MinVersion: v1.11.1, but v1.10.0", "VersionSkew: , but v1.10.0 (1), v1.12.0 (1)"},
	}, {
		name: "several minors while it rolls out are what a roll-out is", spec: documented("", family), healthy: "True Progressing",
		cluster:    with(rollingOut, deployment("coredns-autoscaler", 1, 1, "r/coredns:v1.12.0")),
		documented: "True MatchesDocumentation", differs: []string{},
	}, {
		name: "nodes of several minors, as while they are upgraded", spec: documented("methods: [SystemdService]", kubelets),
		cluster: upgrading, documented: "True MatchesDocumentation", differs: []string{},
	}, {
		name: "nodes older than documented", spec: documented("methods: [SystemdService], minVersion: v1.33.0", kubelets),
		cluster: upgrading, documented: "False VersionBelowDocumented", differs: []string{"MinVersion: v1.33.0, but v1.32.1"},
	}, {
		name: "a difference that a Correction explains is known", spec: documented("methods: [DaemonSet], "+correction(otherMethod), dns),
		cluster: with(deployment("coredns", 1, 1)), documented: "True KnownDifference", says: "found: Deployment kube-system/coredns",
		differs: []string{"Method: DaemonSet, but Deployment, known: DNS is an agent."},
	}, {
		name: "one that nothing explains gives the reason, and is told before what is known",
		spec: documented(image+", methods: [DaemonSet], "+correction(otherMethod), dns), cluster: with(deployment("coredns", 1, 1, "r/other:v1.0")),
		documented: "False ImageDiffers",
		says: "documented image mcr.microsoft.com/oss/kubernetes/coredns, observed r/other; " +
			"known: documented as DaemonSet, observed as Deployment (DNS is an agent.)",
		differs: []string{"Method: DaemonSet, but Deployment, known: DNS is an agent.", "Image: mcr.microsoft.com/oss/kubernetes/coredns, but r/other"},
	}, {
		name:    "what explains nothing of the kind, or is no Correction of it",
		spec:    documented("methods: [DaemonSet], "+correction(`{type: Correction, message: a, explains: [Image]}, {type: Correction, message: b}`), dns),
		cluster: with(deployment("coredns", 1, 1)), documented: "False MethodDiffers", differs: []string{"Method: DaemonSet, but Deployment"},
	}, {
		name: "a Correction of the variant that is present",
		spec: variantOf("methods: [StatefulSet], "+correction(`{type: Correction, message: a, variants: [elsewhere], explains: [Method]},
			{type: Correction, message: b, variants: [here], explains: [Method]}`), dns),
		cluster: with(deployment("coredns", 1, 1)), documented: "True KnownDifference", differs: []string{"Method: StatefulSet, but Deployment, known: b"},
	}, {
		name:    "a Correction of another variant explains nothing",
		spec:    variantOf("methods: [StatefulSet], "+correction(`{type: Correction, message: a, variants: [elsewhere], explains: [Method]}`), dns),
		cluster: with(deployment("coredns", 1, 1)), documented: "False MethodDiffers", differs: []string{"Method: StatefulSet, but Deployment"},
	}, {
		name:    "a Correction of one variant explains nothing that another one may cause",
		spec:    variantOf("methods: [StatefulSet], "+correction(`{type: Correction, message: b, variants: [here], explains: [Method]}`), dns),
		cluster: with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)), documented: "False MethodDiffers",
		differs: []string{"Method: StatefulSet, but DaemonSet + Deployment"},
	}, {
		name:    "a Correction of all that are present",
		spec:    variantOf("methods: [StatefulSet], "+correction(`{type: Correction, message: b, variants: [here, elsewhere], explains: [Method]}`), dns),
		cluster: with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)), documented: "True KnownDifference",
		differs: []string{"Method: StatefulSet, but DaemonSet + Deployment, known: b"},
	}, {
		name: "version before skew, whichever check comes first", spec: documented("methods: [Deployment, DaemonSet], minVersion: v1.11.1", family, agent),
		cluster: with(deployment("coredns", 1, 1, "r/coredns:v1.11.1"), deployment("coredns-autoscaler", 1, 1, "r/coredns:v1.12.0"),
			daemonSet("agent", 1, 1, "r/agent:v1.8.0")),
		documented: "False VersionBelowDocumented", says: "observed v1.8.0",
	}, {
		name: "pieces of different versions are no skew", spec: documented("", dns, scaler), cluster: with2("r/coredns:v1.11.1", "r/scaler:v1.8.5"),
		documented: "True MatchesDocumentation",
	}} {
		c := mappingCase{name: v.name, spec: v.spec, cluster: v.cluster, present: "True Observed",
			healthy: cmp.Or(v.healthy, "True AllChecksPass"), documented: v.documented, says: v.says}
		if v.differs != nil {
			c.also = func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
				g.Expect(told(s.Differences)).To(Equal(v.differs))
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// answering returns the cluster whose API server answers this to a GET of the path.
func answering(path, body string, objects ...object) cluster {
	return cluster{objects: objects, responses: map[string]facts.Response{path: {Status: 200, Body: body}}}
}

// kubeletOf returns a node whose kubelet has a version.
func kubeletOf(name, version string) *corev1.Node {
	n := node(name, corev1.ConditionTrue, nil)
	n.Status.NodeInfo.KubeletVersion = version
	return n
}

// told returns differences in words.
func told(differences []v1alpha1.Difference) []string {
	out := []string{}
	for _, d := range differences {
		text := fmt.Sprintf("%s: %s, but %s", d.Type, d.Documented, d.Observed)
		if d.Correction != "" {
			text += ", known: " + d.Correction
		}
		out = append(out, text)
	}
	return out
}
