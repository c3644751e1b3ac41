// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	fluxstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
)

// expectations say what tools are to make of each state.
var expectations = map[string]struct {
	// kstatus is what kpt, Flux and all others who use its library say.
	kstatus status.Status
	// argoCD is what Argo CD says with the rules of health.yaml, gated with those of health-of-components.yaml.
	argoCD, gated health.HealthStatusCode
}{
	applied:        {status.InProgressStatus, health.HealthStatusProgressing, health.HealthStatusProgressing},
	observing:      {status.InProgressStatus, health.HealthStatusProgressing, health.HealthStatusProgressing},
	healthy:        {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusHealthy},
	unhealthy:      {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusDegraded},
	partial:        {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusDegraded},
	absent:         {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusHealthy},
	unknown:        {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusHealthy},
	elsewhere:      {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusHealthy},
	invalid:        {status.FailedStatus, health.HealthStatusDegraded, health.HealthStatusDegraded},
	fixed:          {status.InProgressStatus, health.HealthStatusProgressing, health.HealthStatusProgressing},
	fixedEvaluated: {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusHealthy},
	changed:        {status.InProgressStatus, health.HealthStatusProgressing, health.HealthStatusProgressing},
	reobserving:    {status.InProgressStatus, health.HealthStatusProgressing, health.HealthStatusProgressing},
	restarted:      {status.CurrentStatus, health.HealthStatusHealthy, health.HealthStatusHealthy},
	beingDeleted:   {status.TerminatingStatus, health.HealthStatusProgressing, health.HealthStatusProgressing},
}

// TestEveryStateIsExpected holds the table to the states that there are.
func TestEveryStateIsExpected(t *testing.T) {
	g := NewWithT(t)
	g.Expect(slices.Collect(maps.Keys(architectureStates()))).To(ConsistOf(slices.Collect(maps.Keys(expectations))))
	mappings := slices.Collect(maps.Keys(mappingStates()))
	g.Expect(append(mappings, elsewhere)).To(ConsistOf(slices.Collect(maps.Keys(expectations))))
}

func TestHealth(t *testing.T) {
	rules, gatedRules := readRules(t, "health.yaml"), readRules(t, "health-of-components.yaml")
	for kind, states := range map[string]map[string]client.Object{
		"ComponentMapping": mappingStates(), "ClusterArchitecture": architectureStates(),
	} {
		for state, object := range states {
			t.Run(kind+"/"+state, func(t *testing.T) {
				g := NewWithT(t)
				u, want := served(t, object), expectations[state]

				result, err := status.Compute(u)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(result.Status).To(Equal(want.kstatus), "kstatus: %s", result.Message)

				fluxResult, err := fluxstatus.Compute(u)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(fluxResult.Status.String()).To(Equal(want.kstatus.String()), "Flux: %s", fluxResult.Message)

				argoCD, err := health.GetResourceHealth(u, rules)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(argoCD.Status).To(Equal(want.argoCD), "Argo CD: %s", argoCD.Message)
				g.Expect(argoCD.Message).NotTo(BeEmpty())

				gated, err := health.GetResourceHealth(u, gatedRules)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(gated.Status).To(Equal(want.gated), "Argo CD, gated: %s", gated.Message)
			})
		}
	}
}

// TestArgoCDKnowsNothingByItself is why the rules are shipped: without them a sync does not wait, and a spec
// that cannot be used does not show.
func TestArgoCDKnowsNothingByItself(t *testing.T) {
	for _, states := range []map[string]client.Object{mappingStates(), architectureStates()} {
		for state, object := range states {
			t.Run(state, func(t *testing.T) {
				g := NewWithT(t)
				found, err := health.GetResourceHealth(served(t, object), nil)
				g.Expect(err).NotTo(HaveOccurred())
				if state == beingDeleted {
					g.Expect(found).To(HaveField("Status", health.HealthStatusProgressing))
					return
				}
				g.Expect(found).To(BeNil())
			})
		}
	}
}

// TestFluxGate holds the gate of docs/gitops.md to what it promises: it opens when nothing that is present is
// unhealthy and nothing required is missing.
func TestFluxGate(t *testing.T) {
	g := NewWithT(t)
	evaluator, err := cel.NewStatusEvaluator(documentedGate(t))
	g.Expect(err).NotTo(HaveOccurred())
	for state, object := range architectureStates() {
		want := fluxstatus.InProgressStatus
		switch state {
		case healthy, fixedEvaluated, restarted, beingDeleted:
			want = fluxstatus.CurrentStatus
		case invalid:
			want = fluxstatus.FailedStatus
		}
		t.Run(state, func(t *testing.T) {
			g := NewWithT(t)
			result, err := evaluator.Evaluate(t.Context(), served(t, object))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(result.Status).To(Equal(want))
		})
	}
}

// documentedGate are the expressions of the only Kustomization in docs/gitops.md that has any.
func documentedGate(t *testing.T) *kustomize.HealthCheckExpressions {
	t.Helper()
	g := NewWithT(t)
	var found []kustomize.CustomHealthCheck
	for _, block := range documented(t, regexp.MustCompile("(?s)\n```yaml\n.*?\n```\n")) {
		var k struct {
			Spec struct {
				HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
			} `json:"spec"`
		}
		g.Expect(yaml.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(block, "\n```yaml\n"), "```\n")), &k)).To(Succeed())
		found = append(found, k.Spec.HealthCheckExprs...)
	}
	g.Expect(found).To(ConsistOf(And(HaveField("Kind", "ClusterArchitecture"), HaveField("APIVersion", v1alpha1.GroupVersion.String()))))
	return &found[0].HealthCheckExpressions
}
