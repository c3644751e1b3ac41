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

// Optional reports whether a cluster may do without the component. Default: it may not.
func Optional(m *v1alpha1.ComponentMapping) bool { return m.Spec.Presence == v1alpha1.PresenceOptional }

// GracePeriod returns how long a check of the mapping may fail before it counts. Default 0.
func GracePeriod(m *v1alpha1.ComponentMapping) time.Duration {
	return time.Duration(ptr.Deref(m.Spec.GracePeriodSeconds, 0)) * time.Second
}

// MaxMinorsBehind returns how many minor versions a kubelet or a component may be older than the API server. Default 3,
// which is what Kubernetes supports.
func MaxMinorsBehind(a *v1alpha1.ClusterArchitecture) int {
	return int(ptr.Deref(a.Spec.VersionSkew.MaxMinorsBehind, 3))
}

// Expect returns what the presence of the check's object means. Default Present.
func Expect(c *v1alpha1.Check) v1alpha1.Expectation { return cmp.Or(c.Expect, v1alpha1.ExpectPresent) }

// Demands reports whether the check is as expected only when it finds something.
func Demands(c *v1alpha1.Check) bool {
	return Expect(c) == v1alpha1.ExpectPresent || Expect(c) == v1alpha1.ExpectPrecondition
}

// Belongs reports whether the object of the check is a part of the component, not a precondition or something that must
// be absent.
func Belongs(c *v1alpha1.Check) bool {
	return Expect(c) == v1alpha1.ExpectPresent || Expect(c) == v1alpha1.ExpectOptional
}

// Evidence returns how directly the check observes the component. Default: None for objects that merely lie there, Direct
// for everything else.
func Evidence(c *v1alpha1.Check) v1alpha1.Evidence {
	if c.Type == v1alpha1.CheckObject || c.Type == v1alpha1.CheckWebhook {
		return cmp.Or(c.Evidence, v1alpha1.EvidenceNone)
	}
	return cmp.Or(c.Evidence, v1alpha1.EvidenceDirect)
}

// Proves reports whether the object of the check alone proves that the component is present.
func Proves(c *v1alpha1.Check) bool { return Belongs(c) && Evidence(c) != v1alpha1.EvidenceNone }

// Method returns the implementation method that the check proves when it finds something; empty when it proves none.
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

// Tolerated returns how many of n pods or nodes may be unhealthy: the tolerated percentage, rounded down. Default none.
func Tolerated(t v1alpha1.Tolerance, n int) int { return int(ptr.Deref(t.Percent, 0)) * n / 100 }

// MayScaleToZero reports whether the workloads of the check may be scaled to 0. Default: they may not.
func MayScaleToZero(w *v1alpha1.WorkloadCheck) bool {
	return w.ScaleToZero == v1alpha1.ScaleToZeroAllowed
}

// EventAges are how long ago the first of the events must have been and the last may have been. Default: 10 and 15 minutes.
func EventAges(e *v1alpha1.ObjectEvents) (first, last time.Duration) {
	return time.Duration(cmp.Or(e.MinAgeSeconds, 600)) * time.Second, time.Duration(cmp.Or(e.MaxAgeSeconds, 900)) * time.Second
}
