// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// succession is kinds that have the same fields in older versions as now, as far as anybody reads them here.
type succession struct {
	group    string
	versions []string
	kinds    []string
	now      schema.GroupVersion
}

// beta is the version before v1 of nearly all kinds.
const beta = "v1beta1"

var successions = []succession{
	{"extensions", []string{beta}, []string{deployment, daemonSet}, appsv1.SchemeGroupVersion},
	{appsv1.GroupName, []string{beta, "v1beta2"}, []string{deployment, daemonSet, statefulSet}, appsv1.SchemeGroupVersion},
	betaOf("coordination.k8s.io", "Lease"),
	betaOf("discovery.k8s.io", "EndpointSlice"),
	betaOf("storage.k8s.io", "CSIDriver", "CSINode"),
	betaOf("networking.k8s.io", "IngressClass"),
	betaOf("rbac.authorization.k8s.io", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
	betaOf("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
	betaOf("apiregistration.k8s.io", "APIService"),
	betaOf("gateway.networking.k8s.io", "GatewayClass", "Gateway"),
}

func betaOf(group string, kinds ...string) succession {
	return succession{group, []string{beta}, kinds, schema.GroupVersion{Group: group, Version: "v1"}}
}

// current returns the kind in the version in which it is read today.
func current(kind schema.GroupVersionKind) schema.GroupVersionKind {
	for _, s := range successions {
		if s.group == kind.Group && slices.Contains(s.versions, kind.Version) && slices.Contains(s.kinds, kind.Kind) {
			return s.now.WithKind(kind.Kind)
		}
	}
	return kind
}
