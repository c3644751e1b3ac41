// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

func TestMain(m *testing.M) {
	format.TruncatedDiff = false
	m.Run()
}

// noon is when all tests happen.
var noon = time.Date(2026, time.October, 2, 12, 0, 0, 0, time.UTC)

// decode reads YAML. A field that does not exist is a mistake of the test.
func decode[T any](text string) T {
	var out T
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		panic(fmt.Sprintf("%s in:\n%s", err, text))
	}
	return out
}

// part is a member of an object, as YAML text, in one line.
func part(field, text string) string {
	if text == "" {
		text = "{}"
	}
	return field + ": " + text + "\n"
}

func metadata(namespace, name string) string {
	return fmt.Sprintf("metadata: {namespace: %q, name: %q, generation: 2}\n", namespace, name)
}

func deployment(name, spec, status string) *appsv1.Deployment {
	return decode[*appsv1.Deployment](metadata("kube-system", name) + part("spec", spec) + part("status", status))
}

func daemonSet(name, spec, status string) *appsv1.DaemonSet {
	return decode[*appsv1.DaemonSet](metadata("kube-system", name) + part("spec", spec) + part("status", status))
}

func node(name, spec, status string) *corev1.Node {
	return decode[*corev1.Node](metadata("", name) + part("spec", spec) + part("status", status))
}

func lease(name, spec string) *coordinationv1.Lease {
	return decode[*coordinationv1.Lease](metadata("kube-system", name) + part("spec", spec))
}

// object is of any other kind.
func object(text string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err == nil {
		err = json.Unmarshal(asJSON, &o.Object)
	}
	if err != nil {
		panic(fmt.Sprintf("%s in:\n%s", err, text))
	}
	return o
}

// containers is the spec of a workload with these containers: name and image by turns.
func containers(namesAndImages ...string) string {
	var list []string
	for pair := range slices.Chunk(namesAndImages, 2) {
		list = append(list, fmt.Sprintf("{name: %q, image: %q}", pair[0], pair[1]))
	}
	return "{template: {spec: {containers: [" + strings.Join(list, ", ") + "]}}}"
}

// labeled gives an object labels.
func labeled[T client.Object](o T, labels map[string]string) T {
	o.SetLabels(labels)
	return o
}

// newCheck makes a check, named c, of the YAML of its spec.
func newCheck(spec string) *Check {
	checkSpec := decode[v1alpha1.Check](spec)
	checkSpec.Name = "c"
	c, err := New("", checkSpec)
	if err != nil {
		panic(err)
	}
	return c
}

// answered are the facts in which the check's need has this answer. There are no nodes, unless it needs them.
func answered(c *Check, answer facts.Answer) facts.Facts {
	return facts.Facts{Now: noon, Answers: map[facts.Need]facts.Answer{facts.Nodes: {State: facts.Known}, c.Needs()[0]: answer}}
}

// seeing are the facts in which the check's need is met with these objects.
func seeing(c *Check, objects ...client.Object) facts.Facts {
	return answered(c, facts.Answer{State: facts.Known, ReadAt: noon, Objects: objects})
}

// evaluated is what a check comes to when whatever it asks for further is known, and there is no pod.
func evaluated(c *Check, given facts.Facts) Evaluation {
	f := c.Evaluate(given)
	for _, need := range facts.NeedsOf(f.Further) {
		if _, known := given.Answers[need]; !known {
			given.Answers[need] = facts.Answer{State: facts.Known, ReadAt: noon}
		}
	}
	return c.Evaluate(given)
}

// told is a finding in a line: present/healthy reason: message.
func told(f Evaluation) string {
	return fmt.Sprintf("%s/%s %s: %s", f.Present, f.Healthy, f.Reason, f.Message)
}

// objectNames are the names of the objects behind a finding.
func objectNames(f Evaluation) []string {
	var names []string
	for _, o := range f.Objects {
		names = append(names, o.Name)
	}
	return names
}

// expectTold holds what a check finds to a line.
func expectTold(t *testing.T, c *Check, given facts.Facts, want string) {
	t.Helper()
	NewWithT(t).Expect(told(evaluated(c, given))).To(Equal(want))
}
