// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of archmap: how a Kubernetes platform implements the components of
// Kubernetes, as documented and as observed.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=architecture.archmap.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: "architecture.archmap.dev", Version: "v1alpha1"}

	// SchemeGroupVersion is GroupVersion under the name that generated code expects.
	SchemeGroupVersion = GroupVersion

	// SchemeBuilder collects the functions that add this package's kinds to a scheme.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds this package's kinds to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ComponentMapping{}, &ComponentMappingList{},
		&ClusterArchitecture{}, &ClusterArchitectureList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
