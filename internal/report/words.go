// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
)

// platform is how people speak of a platform and its provider.
type platform struct {
	name, short, provider, api string
}

// someProvider is the provider of a platform that is not among platforms.
const someProvider = "Provider"

// platforms by the spec.platform of a ClusterArchitecture. One that is not here is spoken of in general words.
var platforms = map[string]platform{
	"aks": {name: "Azure Kubernetes Service (AKS)", short: "AKS", provider: "Azure", api: "Azure Resource Manager (ARM) API"},
}

func (p *Picture) platform() platform {
	name := clean(p.Architecture.Spec.Platform)
	if known, ok := platforms[name]; ok {
		return known
	}
	name = cmp.Or(name, "Kubernetes")
	return platform{name: name, short: name, provider: someProvider, api: "Cloud API"}
}

// Words that several listings have as headings.
const (
	headName      = "Name"
	headComponent = "Component"
	headVersion   = "Version"
	headImage     = "Image"
)

// methodWords are the implementation methods in the order of listings.
var methodWords = []struct {
	method      v1alpha1.ImplementationMethod
	short, name string
	explanation string
}{
	{v1alpha1.MethodPlatformService, "hosted", "Platform Service",
		"fully managed by the provider beside or inside its control plane: the customer has no visibility of it and no control over it. " +
			"It shows only in traces, such as a leader lease that is renewed"},
	{v1alpha1.MethodSystemdService, "systemd", "systemd service",
		"a Linux system service directly on the host OS of each node, started by systemd and not by Kubernetes"},
	{v1alpha1.MethodDaemonSet, "ds", "DaemonSet", "a workload of Kubernetes that keeps one pod on every node, or on every selected one"},
	{v1alpha1.MethodDeployment, "deploy", "Deployment", "the usual workload of Kubernetes, with replica management and rolling updates"},
	{v1alpha1.MethodStatefulSet, "sts", "StatefulSet", "a workload of Kubernetes whose replicas each keep a name and their storage"},
	{v1alpha1.MethodHostBinary, "binary", "Host Binary",
		"an executable on the disk of the host OS, typically in `/opt/cni/bin/`, that is called when it is needed"},
}

// methodName is a method as a document writes it: Azure Platform Service.
func (p platform) methodName(method v1alpha1.ImplementationMethod) string {
	for _, m := range methodWords {
		if m.method != method {
			continue
		}
		if method == v1alpha1.MethodPlatformService {
			return p.provider + " " + m.name
		}
		return m.name
	}
	return string(method)
}

// methodNames joins methods as a document does: DaemonSet + Deployment.
func (p platform) methodNames(methods []v1alpha1.ImplementationMethod) string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = p.methodName(m)
	}
	return strings.Join(names, " + ")
}

// shortMethods joins methods as kubectl shows them: hosted,ds.
func shortMethods(methods []v1alpha1.ImplementationMethod) string {
	names := make([]string, len(methods))
	for i, method := range methods {
		names[i] = string(method)
		for _, m := range methodWords {
			if m.method == method {
				names[i] = m.short
			}
		}
	}
	return strings.Join(names, ",")
}

var categoryTitles = map[v1alpha1.Category]string{
	v1alpha1.CategoryControlPlane:  "Control Plane Components",
	v1alpha1.CategoryNode:          "Node Components",
	v1alpha1.CategoryStorage:       "Storage Components",
	v1alpha1.CategoryNetworking:    "Networking Components",
	v1alpha1.CategoryObservability: "Monitoring & Observability",
	v1alpha1.CategoryIdentity:      "Authentication & Authorization",
	v1alpha1.CategoryServiceMesh:   "Service Mesh",
	v1alpha1.CategoryAddon:         "Add-ons & Extensions",
}

func categoryTitle(c v1alpha1.Category) string { return cmp.Or(categoryTitles[c], string(c), "Other") }

// call says whom to call.
func (p platform) call(o v1alpha1.Operator) string {
	provider := "the provider"
	if p.provider != someProvider {
		provider = p.provider
	}
	switch o {
	case v1alpha1.OperatedByProvider:
		return provider + " runs it: open a support request, with this evidence"
	case v1alpha1.OperatedByCustomer:
		return "the owner of the cluster installed it and runs it"
	case v1alpha1.OperatedByShared:
		return provider + " ships it, the owner of the cluster configures it: look at the settings first, then ask " + provider
	}
	return "nobody is named"
}

// evidenceWords say how far a verdict can be trusted.
var evidenceWords = map[v1alpha1.Evidence]string{
	v1alpha1.EvidenceDirect:   "the component itself was seen",
	v1alpha1.EvidenceIndirect: "only traces of it were seen",
	v1alpha1.EvidenceNone:     "nothing of it was seen",
}
