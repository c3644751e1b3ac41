// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Methods by which components are implemented, in the order of listings.
var Methods = []v1alpha1.ImplementationMethod{
	v1alpha1.MethodPlatformService, v1alpha1.MethodSystemdService, v1alpha1.MethodHostBinary,
	v1alpha1.MethodDaemonSet, v1alpha1.MethodDeployment, v1alpha1.MethodStatefulSet,
}

// shortNames are the methods as kubectl shows them.
var shortNames = map[v1alpha1.ImplementationMethod]string{
	v1alpha1.MethodPlatformService: "hosted",
	v1alpha1.MethodSystemdService:  "systemd",
	v1alpha1.MethodHostBinary:      "binary",
	v1alpha1.MethodDaemonSet:       "ds",
	v1alpha1.MethodDeployment:      "deploy",
	v1alpha1.MethodStatefulSet:     "sts",
}

// ShortMethods joins methods, in the order in which they are given, as kubectl shows them: hosted,ds.
func ShortMethods(methods []v1alpha1.ImplementationMethod) string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = cmp.Or(shortNames[m], string(m))
	}
	return strings.Join(names, ",")
}
