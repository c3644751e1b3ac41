// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
)

// platform is what is known of a platform beside its catalog: who acts, and where to read on.
type platform struct {
	// registries are those from which the provider ships its components.
	registries []string
	// policies are the prefixes of the names of the ValidatingAdmissionPolicies that the provider sets.
	policies []string
	articles map[v1alpha1.FaultKind]v1alpha1.WebAddress
}

const (
	kubernetesDocs = "https://kubernetes.io/docs/"
	aksArticles    = "https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/"
)

// platforms by the spec.platform of a ClusterArchitecture.
var platforms = map[string]platform{
	"aks": {
		registries: []string{"mcr.microsoft.com"},
		policies:   []string{"aks-managed-"},
		articles: map[v1alpha1.FaultKind]v1alpha1.WebAddress{
			v1alpha1.FaultNode:       aksArticles + "availability-performance/node-not-ready-basic-troubleshooting",
			v1alpha1.FaultNodePool:   aksArticles + "availability-performance/node-not-ready-basic-troubleshooting",
			v1alpha1.FaultRegistry:   aksArticles + "connectivity/basic-troubleshooting-outbound-connections",
			v1alpha1.FaultScheduling: aksArticles + "availability-performance/troubleshoot-pod-scheduler-errors",
		},
	},
}

// articles about faults on any platform. What to do about an object depends on its kind.
var articles = map[v1alpha1.FaultKind]v1alpha1.WebAddress{
	v1alpha1.FaultNode:       kubernetesDocs + "tasks/debug/debug-cluster/",
	v1alpha1.FaultNodePool:   kubernetesDocs + "tasks/debug/debug-cluster/",
	v1alpha1.FaultImage:      kubernetesDocs + "concepts/containers/images/",
	v1alpha1.FaultRegistry:   kubernetesDocs + "concepts/containers/images/",
	v1alpha1.FaultWebhook:    kubernetesDocs + "concepts/cluster-administration/admission-webhooks-good-practices/",
	v1alpha1.FaultScheduling: kubernetesDocs + "tasks/debug/debug-application/debug-pods/",
	v1alpha1.FaultAdmission:  kubernetesDocs + "concepts/policy/",
	v1alpha1.FaultWorkload:   kubernetesDocs + "tasks/debug/debug-application/debug-pods/",
	v1alpha1.FaultRollout:    kubernetesDocs + "concepts/workloads/controllers/deployment/#failed-deployment",
	v1alpha1.FaultAPI:        kubernetesDocs + "reference/using-api/health-checks/",
	v1alpha1.FaultLease:      kubernetesDocs + "concepts/architecture/leases/",
}

// setsPolicy reports whether an object is a policy of the provider's, by its name, which is all that a denial tells.
func (p platform) setsPolicy(o v1alpha1.ObservedObject) bool {
	return o.Kind == kindPolicy && slices.ContainsFunc(p.policies, func(prefix string) bool { return strings.HasPrefix(o.Name, prefix) })
}

func (r *rollup) platform() platform { return platforms[r.arch.Spec.Platform] }

// article about faults like this one; empty where there is none.
func (r *rollup) article(c *v1alpha1.Cause) v1alpha1.WebAddress {
	if c.Kind == v1alpha1.FaultAPI && c.Subject.Kind == kindAPIService {
		return kubernetesDocs + "concepts/extend-kubernetes/api-extension/apiserver-aggregation/"
	}
	return cmp.Or(r.platform().articles[c.Kind], articles[c.Kind])
}

const (
	kindAPIService = "APIService"
	kindPolicy     = "ValidatingAdmissionPolicy"
)
