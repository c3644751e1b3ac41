// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"time"

	"k8s.io/utils/ptr"

	"github.com/archmap/archmap/api/v1alpha1"
)

// The API server fills in the defaults of the API. What was read from a file, or by an older API server, lacks them;
// so every reader of these fields asks here.

// Optional says that a cluster may do without the component. Default: it may not.
func Optional(m *v1alpha1.ComponentMapping) bool { return m.Spec.Presence == v1alpha1.PresenceOptional }

// GracePeriod is how long a check of the mapping may fail before it counts. Default 0.
func GracePeriod(m *v1alpha1.ComponentMapping) time.Duration {
	return time.Duration(ptr.Deref(m.Spec.GracePeriodSeconds, 0)) * time.Second
}

// MaxMinorsBehind is how many minor versions a kubelet or a component may be older than the API server. Default 3,
// which is what Kubernetes supports.
func MaxMinorsBehind(a *v1alpha1.ClusterArchitecture) int {
	return int(ptr.Deref(a.Spec.VersionSkew.MaxMinorsBehind, 3))
}

// Expect says what finding the object of a check means. Default Present.
func Expect(c *v1alpha1.Check) v1alpha1.Expectation { return cmp.Or(c.Expect, v1alpha1.ExpectPresent) }

// Demands says whether the check is as expected only when it finds something.
func Demands(c *v1alpha1.Check) bool {
	return Expect(c) == v1alpha1.ExpectPresent || Expect(c) == v1alpha1.ExpectPrecondition
}

// Belongs says whether what the check finds is a part of the component, and not what must be there, or must not,
// for other reasons.
func Belongs(c *v1alpha1.Check) bool {
	return Expect(c) == v1alpha1.ExpectPresent || Expect(c) == v1alpha1.ExpectOptional
}

// Evidence says how directly the check sees the component. Default Direct.
func Evidence(c *v1alpha1.Check) v1alpha1.Evidence {
	return cmp.Or(c.Evidence, v1alpha1.EvidenceDirect)
}

// Proves says whether what the check finds proves the component, even with nothing else of it there.
func Proves(c *v1alpha1.Check) bool { return Belongs(c) && Evidence(c) != v1alpha1.EvidenceNone }

// Method is the implementation method that the check proves when it finds something; empty when it proves none.
// Default: the kind of its workload.
func Method(c *v1alpha1.Check) v1alpha1.ImplementationMethod {
	switch {
	case c.Method == v1alpha1.CheckMethodNone:
		return ""
	case c.Method == "" && c.Workload != nil:
		return v1alpha1.ImplementationMethod(c.Workload.Kind)
	}
	return v1alpha1.ImplementationMethod(c.Method)
}

// MinHealthyPercent is the part of the nodes that must be healthy, in percent. Default 100.
func MinHealthyPercent(n *v1alpha1.NodesCheck) int { return int(cmp.Or(n.MinHealthyPercent, 100)) }
