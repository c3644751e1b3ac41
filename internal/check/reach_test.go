// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// TestServiceOfWorkload: pods that clients reach through a Service need one that leads to them; while nobody may say what
// Services there are, nothing follows.
func TestServiceOfWorkload(t *testing.T) {
	service := func(spec string) client.Object {
		return &unstructured.Unstructured{Object: decode[map[string]any](metadata("kube-system", "any") + part("spec", spec))}
	}
	known := func(services ...client.Object) facts.Answer {
		return facts.Answer{State: facts.Known, Objects: services}
	}
	const pods = `{replicas: 2, template: {metadata: {labels: {app: in}}, spec: {containers: [{name: c, ports: [
		{name: http, containerPort: 8080}, {name: webhook, containerPort: 9443}]}]}}}`
	const lacks = "True/False NoService: Deployment kube-system/in: no Service leads to its pods"
	const well = "True/True Healthy: "
	for name, tc := range map[string]struct {
		services facts.Answer
		want     string
	}{
		"none":                           {known(), lacks},
		"one":                            {known(service("{selector: {app: in}, ports: [{port: 80, targetPort: http}]}")), well},
		"a headless one without ports":   {known(service("{selector: {app: in}, clusterIP: None}")), well},
		"by the number of the port":      {known(service("{selector: {app: in}, ports: [{port: 80, targetPort: 8080}]}")), well},
		"without a target":               {known(service("{selector: {app: in}, ports: [{port: 8080}]}")), well},
		"a port that no container names": {known(service("{selector: {app: in}, ports: [{port: 80, targetPort: 8443}]}")), well},
		"the webhook alone":              {known(service("{selector: {app: in}, ports: [{port: 443, targetPort: webhook}]}")), lacks},
		"the webhook by its number":      {known(service("{selector: {app: in}, ports: [{port: 443, targetPort: 9443}]}")), lacks},
		"the webhook and more":           {known(service("{selector: {app: in}, ports: [{port: 443, targetPort: webhook}, {port: 80, targetPort: http}]}")), well},
		"other pods":                     {known(service("{selector: {app: other}, ports: [{port: 80}]}")), lacks},
		"a name of another cluster":      {known(service("{type: ExternalName, externalName: example.com}")), lacks},
		"endpoints made by hand":         {known(service("{ports: [{port: 80}]}")), well},
		"not read yet":                   {facts.Answer{}, "True/Unknown NotYetObserved: "},
		"not permitted":                  {facts.Answer{State: facts.NotPermitted}, well},
		"not in the dump":                {facts.Answer{State: facts.NotHeld}, well},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := newCheck("{type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [in], service: {ignorePorts: [webhook]}}}")
			need := facts.Need{Kind: serviceKind, Namespace: "kube-system"}
			g.Expect(c.AllNeeds()).To(ContainElement(need))
			given := seeing(c, deployment("in", pods, "{observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}"))
			given.Answers[need] = tc.services
			got := c.Evaluate(given)
			g.Expect(facts.NeedsOf(got.Further)).To(Equal([]facts.Need{need}))
			g.Expect(told(got)).To(HavePrefix(tc.want))
			if tc.want == lacks {
				g.Expect(got.Faults).To(HaveExactElements(SatisfyAll(HaveField("Kind", v1alpha1.FaultWorkload), HaveField("Reason", v1alpha1.ReasonNoService),
					HaveField("Next", "kubectl -n kube-system get services -o wide"))))
			} else {
				g.Expect(got.Faults).To(BeEmpty())
			}
		})
	}
}
