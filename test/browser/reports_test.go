// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
	"github.com/archmap/archmap/test/world"
)

// take makes a report once, and gives each test a copy of its own.
func take(shape string, faults ...reporttest.Fault) func(*testing.T) *report.Report {
	once := sync.OnceValues(func() (*report.Report, error) { return reporttest.Report(shape, faults...) })
	return func(t *testing.T) *report.Report {
		t.Helper()
		r, err := once()
		if err != nil {
			t.Fatal(err)
		}
		out := *r
		r.Architecture.DeepCopyInto(&out.Architecture)
		out.Mappings = make([]v1alpha1.ComponentMapping, len(r.Mappings))
		for i := range r.Mappings {
			r.Mappings[i].DeepCopyInto(&out.Mappings[i])
		}
		return &out
	}
}

var (
	// documented is the architecture table taken literally, modern is today's AKS.
	documented = take(reporttest.Documented)
	modern     = take(reporttest.Modern)
	// faulty is today's AKS on a bad day.
	faulty = take(reporttest.Modern,
		reporttest.Pods("Deployment kube-system/coredns", world.Pods{State: world.CrashLooping}),
		reporttest.Node("user/0", world.KubeletDown),
		reporttest.Gone("Deployment kube-system/metrics-server"))
	// deadNode is today's AKS with one node down.
	deadNode = take(reporttest.Modern, reporttest.Node("user/0", world.NodeDown))
)

// set gives a component other conditions.
func set(r *report.Report, name string, present, healthy metav1.Condition) {
	m := reporttest.Mapping(r, name)
	present.Type, healthy.Type = v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy
	for _, c := range []metav1.Condition{present, healthy} {
		c.LastTransitionTime = metav1.NewTime(r.ObservedAt.Add(-time.Hour))
		c.Message = "because it is so"
		m.Status.Conditions = append(slices.DeleteFunc(m.Status.Conditions, func(old metav1.Condition) bool { return old.Type == c.Type }), c)
	}
}

func is(status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Status: status, Reason: reason}
}

// everyState is a report in which components have all the states there are.
func everyState(t *testing.T) *report.Report {
	r := modern(t)
	there, unknown := is(metav1.ConditionTrue, v1alpha1.ReasonObserved), is(metav1.ConditionUnknown, v1alpha1.ReasonNotPresent)
	set(r, "coredns", there, is(metav1.ConditionFalse, v1alpha1.ReasonCrashLooping))
	set(r, "metrics-server", is(metav1.ConditionFalse, v1alpha1.ReasonNotFound), unknown)
	set(r, "azurefile-csi-driver", is(metav1.ConditionUnknown, v1alpha1.ReasonNotPermitted), is(metav1.ConditionUnknown, v1alpha1.ReasonNotPermitted))
	set(r, "kubelet", there, is(metav1.ConditionTrue, v1alpha1.ReasonProgressing))
	seen := map[catalog.State]bool{}
	for i := range r.Mappings {
		seen[catalog.StateOf(&r.Mappings[i])] = true
	}
	for _, s := range catalog.States {
		if !seen[s] {
			t.Fatalf("no component is %s", s)
		}
	}
	return r
}

// hostile is a report whose every text means harm, or is clumsy.
func hostile(t *testing.T) *report.Report {
	r := faulty(t)
	spoil := func(text string) string {
		return `"'><script>document.title='taken'</script><img src=x onerror="document.title='taken'">` + "\u202e\u2067" + text +
			" &lt;b&gt; </title></style></svg><!-- ]]> {{.}} ${alert(1)} " + strings.Repeat("long", 60) + "\x00\r\n"
	}
	for i := range r.Mappings {
		m := &r.Mappings[i]
		m.Spec.Component, m.Spec.Implementation.Name = spoil(m.Spec.Component), spoil("implementation")
		m.Spec.Implementation.Source.Name, m.Spec.Implementation.Source.URL = spoil("source"), "javascript:document.title='taken'"
		m.Spec.Implementation.Image = spoil("image")
		m.Spec.Implementation.Details = append(m.Spec.Implementation.Details, spoil("detail"))
		for j := range m.Spec.Implementation.Advisories {
			m.Spec.Implementation.Advisories[j].Message, m.Spec.Implementation.Advisories[j].URL = spoil("advisory"), "javascript:document.title='taken'"
		}
		for j := range m.Spec.Implementation.References {
			m.Spec.Implementation.References[j].Name, m.Spec.Implementation.References[j].URL = spoil("reference"), "data:text/html,<script>1</script>"
		}
		m.Status.Message, m.Status.Version, m.Status.Image, m.Status.MethodSummary = spoil("message"), spoil("version"), spoil("image"), spoil("method")
		m.Status.Implementation = spoil("found")
		for j := range m.Status.Conditions {
			m.Status.Conditions[j].Message = spoil("condition")
		}
		for j := range m.Status.Checks {
			c := &m.Status.Checks[j]
			c.Message, c.Version, c.Image = spoil("check"), spoil("version"), spoil("image")
			for k := range c.Objects {
				c.Objects[k].Name = spoil("object")
			}
		}
	}
	for i := range r.Architecture.Status.NodePools {
		pool := &r.Architecture.Status.NodePools[i]
		pool.Name, pool.Mode, pool.NodeImages = spoil(pool.Name), spoil("mode"), spoil("image")
	}
	for i := range r.Architecture.Status.Causes {
		c := &r.Architecture.Status.Causes[i]
		c.Message, c.Subject.Name, c.Next, c.URL = spoil("cause"), spoil("subject"), spoil("next"), "javascript:document.title='taken'"
	}
	r.Source = spoil("source")
	return r
}
