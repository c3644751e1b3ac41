// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gitops asks the libraries of GitOps tools what they make of archmap's objects. It is a module of its
// own, so that those libraries are no dependencies of the operator.
package gitops

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// The states in which an object can be found. They are those of both kinds, unless they say otherwise.
const (
	applied        = "applied, and not looked at yet"
	observing      = "observing"
	healthy        = "evaluated: healthy"
	unhealthy      = "evaluated: unhealthy"
	partial        = "evaluated: partly there"
	absent         = "evaluated: absent"
	unknown        = "evaluated: not permitted to look"
	elsewhere      = "evaluated: not the platform" // a ClusterArchitecture's
	invalid        = "invalid spec"
	fixed          = "invalid spec, fixed and not looked at yet"
	fixedEvaluated = "invalid spec, fixed and evaluated"
	changed        = "changed, and not looked at yet"
	reobserving    = "changed, and observing"
	restarted      = "evaluated, and observing once more after a restart"
	beingDeleted   = "being deleted"
)

var now = time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)

// answers is what the operator sees of what it needs.
type answers func([]facts.Need) facts.Facts

// nothing has been read yet.
func nothing([]facts.Need) facts.Facts { return facts.Facts{Now: now} }

// refused is the answers of one who may not look.
func refused(needs []facts.Need) facts.Facts {
	return answering(needs, func(facts.Need) facts.Answer {
		return facts.Answer{State: facts.NotPermitted, Message: "may not list anything"}
	})
}

// seeing is the answers of a cluster that holds these objects and no others.
func seeing(objects ...client.Object) answers {
	return func(needs []facts.Need) facts.Facts {
		return answering(needs, func(need facts.Need) facts.Answer {
			answer := facts.Answer{State: facts.Known, ReadAt: now}
			for _, o := range objects {
				if o.GetObjectKind().GroupVersionKind() == need.Kind {
					answer.Objects = append(answer.Objects, o)
				}
			}
			return answer
		})
	}
}

func answering(needs []facts.Need, answer func(facts.Need) facts.Answer) facts.Facts {
	given := facts.Facts{Now: now, Answers: map[facts.Need]facts.Answer{}}
	for _, n := range needs {
		given.Answers[n] = answer(n)
	}
	return given
}

func deployment(name string, available int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name, Generation: 1},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(2))},
		Status: appsv1.DeploymentStatus{
			ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: available, AvailableReplicas: available,
			UnavailableReplicas: 2 - available,
		},
	}
}

func node(labels map[string]string) *corev1.Node {
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: labels},
	}
}

// The life of an object: what its author and the operator do to it.

// visit does what the operator's reconciler does to a mapping.
func visit(m *v1alpha1.ComponentMapping, read answers) *v1alpha1.ComponentMapping {
	checks, err := check.Compile(&m.Spec)
	if err != nil {
		m.Status = assess.InvalidMapping(m, err, now)
		return m
	}
	given := read(check.Needs(checks))
	var findings []check.Finding
	for _, c := range checks {
		further := facts.NeedsOf(c.Evaluate(given).Further)
		maps.Copy(given.Answers, read(further).Answers)
		findings = append(findings, check.Finding{Check: c, Result: c.Evaluate(given).Result})
	}
	m.Status, _ = assess.Mapping(m, findings, now)
	return m
}

// visitArchitecture does what the operator's reconciler does to an architecture.
func visitArchitecture(a *v1alpha1.ClusterArchitecture, read answers, mappings ...*v1alpha1.ComponentMapping) *v1alpha1.ClusterArchitecture {
	selectors, err := assess.ParseSelectors(&a.Spec)
	if err != nil {
		a.Status = assess.InvalidArchitecture(a, err, now)
		return a
	}
	var items []v1alpha1.ComponentMapping
	for _, m := range mappings {
		items = append(items, *m)
	}
	a.Status, _ = assess.Architecture(a, items, assess.ViewCluster(assess.NewScope(&a.Spec, selectors.Nodes), read(assess.ClusterNeeds())), now)
	return a
}

// mapping is one that was just applied. An expression that does not compile makes it invalid.
func mapping(expression v1alpha1.Expression) *v1alpha1.ComponentMapping {
	workload := func(name v1alpha1.ObjectName) v1alpha1.Check {
		return v1alpha1.Check{Name: string(name), Type: v1alpha1.CheckWorkload, Workload: &v1alpha1.WorkloadCheck{
			Kind: "Deployment", Namespace: "kube-system", Names: []v1alpha1.ObjectName{name},
		}}
	}
	return &v1alpha1.ComponentMapping{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ComponentMapping"},
		ObjectMeta: metav1.ObjectMeta{Name: "dns", Generation: 1},
		Spec: v1alpha1.ComponentMappingSpec{
			Component: "DNS", Category: "Networking", Placement: "Cluster", OperatedBy: "Provider",
			Implementation: v1alpha1.Implementation{Name: "CoreDNS"},
			Checks: []v1alpha1.Check{workload("server"), workload("autoscaler"), {
				Name: "config", Type: v1alpha1.CheckObject, Expect: v1alpha1.ExpectOptional, Method: "Deployment",
				Object: &v1alpha1.ObjectCheck{APIVersion: "v1", Kind: "Service", Namespace: "kube-system", Healthy: expression},
			}},
		},
	}
}

const (
	good   = "true"
	broken = "no such words"
)

// architecture is one that was just applied. A selector that cannot be parsed makes it invalid.
func architecture(operator metav1.LabelSelectorOperator) *v1alpha1.ClusterArchitecture {
	return &v1alpha1.ClusterArchitecture{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ClusterArchitecture"},
		ObjectMeta: metav1.ObjectMeta{Name: "test", Generation: 1},
		Spec: v1alpha1.ClusterArchitectureSpec{
			Platform:     "test",
			NodeSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "platform", Operator: operator}}},
		},
	}
}

// edited is an object whose author has just changed its spec.
func edited[T client.Object](object T, change func(T)) T {
	change(object)
	object.SetGeneration(object.GetGeneration() + 1)
	return object
}

func deleted[T client.Object](object T) T {
	object.SetDeletionTimestamp(&metav1.Time{Time: now})
	object.SetFinalizers([]string{"example.com/wait"})
	return object
}

// mappingStates are all states of a ComponentMapping.
func mappingStates() map[string]client.Object {
	whole := seeing(deployment("server", 2), deployment("autoscaler", 2))
	rename := func(m *v1alpha1.ComponentMapping) { m.Spec.Component = "Names" }
	fix := func(m *v1alpha1.ComponentMapping) { m.Spec.Checks[2].Object.Healthy = good }
	return map[string]client.Object{
		applied:        mapping(good),
		observing:      visit(mapping(good), nothing),
		healthy:        visit(mapping(good), whole),
		unhealthy:      visit(mapping(good), seeing(deployment("server", 0), deployment("autoscaler", 2))),
		partial:        visit(mapping(good), seeing(deployment("server", 2))),
		absent:         visit(mapping(good), seeing()),
		unknown:        visit(mapping(good), refused),
		invalid:        visit(mapping(broken), whole),
		fixed:          edited(visit(mapping(broken), whole), fix),
		fixedEvaluated: visit(edited(visit(mapping(broken), whole), fix), whole),
		changed:        edited(visit(mapping(good), whole), rename),
		reobserving:    visit(edited(visit(mapping(good), whole), rename), nothing),
		restarted:      visit(visit(mapping(good), whole), nothing),
		beingDeleted:   deleted(visit(mapping(good), whole)),
	}
}

// architectureStates are all states of a ClusterArchitecture.
func architectureStates() map[string]client.Object {
	mappings := mappingStates()
	of := func(state string) *v1alpha1.ComponentMapping { return mappings[state].(*v1alpha1.ComponentMapping) }
	ours, others := seeing(node(map[string]string{"platform": ""})), seeing(node(nil))
	fresh := func() *v1alpha1.ClusterArchitecture { return architecture(metav1.LabelSelectorOpExists) }
	wrong := func() *v1alpha1.ClusterArchitecture { return architecture("Resembles") }
	rename := func(a *v1alpha1.ClusterArchitecture) { a.Spec.Platform = "other" }
	fix := func(a *v1alpha1.ClusterArchitecture) { a.Spec = fresh().Spec }
	return map[string]client.Object{
		applied:        fresh(),
		observing:      visitArchitecture(fresh(), nothing, of(healthy)),
		healthy:        visitArchitecture(fresh(), ours, of(healthy)),
		unhealthy:      visitArchitecture(fresh(), ours, of(unhealthy)),
		partial:        visitArchitecture(fresh(), ours, of(partial)),
		absent:         visitArchitecture(fresh(), ours, of(absent)),
		unknown:        visitArchitecture(fresh(), ours, of(unknown)),
		elsewhere:      visitArchitecture(fresh(), others, of(healthy)),
		invalid:        visitArchitecture(wrong(), ours, of(healthy)),
		fixed:          edited(visitArchitecture(wrong(), ours, of(healthy)), fix),
		fixedEvaluated: visitArchitecture(edited(visitArchitecture(wrong(), ours, of(healthy)), fix), ours, of(healthy)),
		changed:        edited(visitArchitecture(fresh(), ours, of(healthy)), rename),
		reobserving:    visitArchitecture(edited(visitArchitecture(fresh(), ours, of(healthy)), rename), nothing, of(healthy)),
		restarted:      visitArchitecture(visitArchitecture(fresh(), ours, of(healthy)), nothing, of(healthy)),
		beingDeleted:   deleted(visitArchitecture(fresh(), ours, of(healthy))),
	}
}

// TestStates holds the states to their names.
func TestStates(t *testing.T) {
	for state, want := range map[string][2]string{
		observing:      {"Ready=Unknown Observing", "Ready=Unknown Observing"},
		healthy:        {"Healthy=True AllChecksPass", "Healthy=True AllChecksPass"},
		unhealthy:      {"Healthy=False WorkloadUnavailable", "Healthy=False ComponentsUnhealthy"},
		partial:        {"Present=True Partial", "Healthy=False ComponentsUnhealthy"},
		absent:         {"Present=False NotFound", "Complete=False ComponentsMissing"},
		unknown:        {"Present=Unknown NotPermitted", "Complete=Unknown ComponentsUnknown"},
		elsewhere:      {"", "PlatformDetected=False NoNodeMatches"},
		invalid:        {"Ready=False InvalidSpec", "Ready=False InvalidSpec"},
		fixedEvaluated: {"Ready=True Evaluated", "Ready=True Evaluated"},
		reobserving:    {"Ready=Unknown Observing", "Ready=Unknown Observing"},
		restarted:      {"Ready=True Evaluated", "Ready=True Evaluated"},
	} {
		t.Run(state, func(t *testing.T) {
			g := NewWithT(t)
			if m, found := mappingStates()[state].(*v1alpha1.ComponentMapping); found {
				g.Expect(statusAndReason(m.Status.Conditions)).To(ContainElement(want[0]))
			}
			g.Expect(statusAndReason(architectureStates()[state].(*v1alpha1.ClusterArchitecture).Status.Conditions)).To(ContainElement(want[1]))
		})
	}
}

func statusAndReason(conditions []metav1.Condition) []string {
	var out []string
	for _, c := range conditions {
		out = append(out, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return out
}

// served is the object as the API server serves it: with the defaults of its CustomResourceDefinition.
func served(t *testing.T, object client.Object) *unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	raw, err := json.Marshal(object)
	g.Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{}
	g.Expect(u.UnmarshalJSON(raw)).To(Succeed())
	defaulting.Default(u.Object, schemaOf(t, u.GetKind()))
	return u
}

// schemaOf reads the schema of a kind from its CustomResourceDefinition.
func schemaOf(t *testing.T, kind string) *structuralschema.Structural {
	t.Helper()
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join(crdDir, "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		data, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		var crd apiextensionsv1.CustomResourceDefinition
		g.Expect(yaml.UnmarshalStrict(data, &crd)).To(Succeed())
		if crd.Spec.Names.Kind != kind {
			continue
		}
		var props apiextensions.JSONSchemaProps
		g.Expect(apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil)).To(Succeed())
		schema, err := structuralschema.NewStructural(&props)
		g.Expect(err).NotTo(HaveOccurred())
		return schema
	}
	t.Fatalf("no CustomResourceDefinition of %s in %s", kind, crdDir)
	return nil
}
