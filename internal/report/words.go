// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
)

// platform is the names of a platform and its provider.
type platform struct {
	name, short, provider, api string
}

// someProvider is the provider of a platform that is not among platforms.
const someProvider = "Provider"

// someplace is any cluster.
var someplace = platform{name: "Kubernetes", short: "Kubernetes", provider: someProvider, api: "Cloud API"}

// platforms by the spec.platform of a ClusterArchitecture. One that is not here is spoken of in general words.
var platforms = map[string]platform{
	"aks": {name: "Azure Kubernetes Service (AKS)", short: "AKS", provider: "Azure", api: "Azure Resource Manager (ARM) API"},
}

func (r *Report) platform() platform {
	name := Clean(r.Architecture.Spec.Platform)
	if known, ok := platforms[name]; ok {
		return known
	}
	if name == "" {
		return someplace
	}
	return platform{name: name, short: name, provider: someplace.provider, api: someplace.api}
}

// Words that several listings have as headings.
const (
	headName           = "Name"
	headComponent      = "Component"
	headImplementation = "Implementation"
	headMethod         = "Method"
	headVersion        = "Version"
	headImage          = "Image"
	headMessage        = "Message"
)

// methodWords are the implementation methods in the order in which the mapping document explains them. The explanation
// of one has room for the provider's name.
var methodWords = []struct {
	method      v1alpha1.ImplementationMethod
	name        string
	explanation func(provider string) string
}{
	{v1alpha1.MethodPlatformService, "Platform Service", func(provider string) string {
		return "components fully managed by the control plane of " + provider + " or beside it, with no customer visibility and no customer control. " +
			"They show only in traces, such as a leader lease that is renewed"
	}},
	{v1alpha1.MethodSystemdService, "systemd service",
		always("the traditional Linux way: system services running directly on the host OS of each node, started by systemd and not by Kubernetes")},
	{v1alpha1.MethodDaemonSet, "DaemonSet",
		always("a Kubernetes workload, which ensures that one pod runs on every node of the cluster, or on every selected one")},
	{v1alpha1.MethodDeployment, "Deployment", always("the standard Kubernetes workload, with replica management and rolling updates")},
	{v1alpha1.MethodStatefulSet, "StatefulSet", always("a Kubernetes workload whose replicas each keep a name and their storage")},
	{v1alpha1.MethodHostBinary, "Host Binary",
		always("a binary executable, installed directly on the host OS (typically in `/opt/cni/bin/`) and called when it is needed")},
}

func always(text string) func(string) string { return func(string) string { return text } }

// methodName returns a method as a document writes it: Azure Platform Service.
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

// call says who runs what is operated so, and, of what is bad, whom to call.
func (p platform) call(o v1alpha1.Operator, bad bool) string {
	provider := "the provider"
	if p.provider != someProvider {
		provider = p.provider
	}
	who, then := "not specified", ""
	switch o {
	case v1alpha1.OperatedByProvider:
		who, then = provider+" runs it", ": open a support request with this evidence"
	case v1alpha1.OperatedByCustomer:
		who = "the cluster owner installed it and runs it"
	case v1alpha1.OperatedByShared:
		who, then = provider+" ships it, and the cluster owner configures it", ": check the settings first, then ask "+provider
	}
	if !bad {
		return who
	}
	return who + then
}

// act says who has to act on a cause.
func (p platform) act(o v1alpha1.Operator) string {
	provider := "the provider"
	if p.provider != someProvider {
		provider = p.provider
	}
	switch o {
	case v1alpha1.OperatedByProvider:
		return "open a support request with " + provider + ", with this evidence"
	case v1alpha1.OperatedByCustomer:
		return "the cluster owner"
	case v1alpha1.OperatedByShared:
		return "the cluster owner checks the settings first, then asks " + provider
	}
	return "not specified"
}

// evidenceWords say how far a verdict can be trusted.
var evidenceWords = map[v1alpha1.Evidence]string{
	v1alpha1.EvidenceDirect:   "the component itself was observed",
	v1alpha1.EvidenceIndirect: "only indirect signs of it were observed",
	v1alpha1.EvidenceNone:     "nothing of it was observed",
}

// reasonWords say what the reason of a fault means, and what to do.
var reasonWords = map[string]string{
	v1alpha1.ReasonNodeFault:           "fix the nodes; what runs on them recovers with them",
	v1alpha1.ReasonNodesUnhealthy:      "nodes do not meet the requirements; check their conditions",
	v1alpha1.ReasonUnschedulable:       "no node accepts the pods; check capacity, taints and selectors",
	v1alpha1.ReasonImagePullFailed:     "an image cannot be pulled; check its name, the registry and the network path to it",
	v1alpha1.ReasonCrashLooping:        "a container keeps crashing; check the log of its last run (kubectl logs --previous)",
	v1alpha1.ReasonNotReady:            "the containers run but are not ready; check their probes and logs",
	v1alpha1.ReasonAdmissionDenied:     "the API server rejects the pods; check quotas and policies",
	v1alpha1.ReasonWebhookCallFailed:   "the API server rejects the pods because it can't call an admission webhook; fix that webhook",
	v1alpha1.ReasonWebhookUnavailable:  "the API server can't call an admission webhook; get what answers it to run",
	v1alpha1.ReasonNoService:           "clients do not reach the pods; create the Service again, or fix its selector",
	v1alpha1.ReasonFailureReported:     "its events report the failure, its status doesn't; check its events (kubectl events)",
	v1alpha1.ReasonRolloutStuck:        "a rollout does not finish; check its newest pods",
	v1alpha1.ReasonWorkloadUnavailable: "pods are missing for an unknown reason; check the events of the workload",
	v1alpha1.ReasonLeaseStale:          "its leader has stopped renewing; it is down, or cut off from the API server",
	v1alpha1.ReasonNoHolder:            "it has no leader; it is not running",
	v1alpha1.ReasonEndpointFailing:     "the API server itself reports it",
	v1alpha1.ReasonPartMissing:         "an installation, upgrade or removal stopped halfway, or a part was deleted",
	v1alpha1.ReasonScaledToZero:        "scale it up, or allow it in the mapping (scaleToZero)",
	v1alpha1.ReasonWithinTolerance:     "it works, and its faults are within tolerance; fix them before there are more",
	v1alpha1.ReasonNodesDown:           "pods are missing only because of their nodes; they come back with the nodes",
}
