// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/snapshot"
)

// Dump is a cluster to which mappings are held.
type Dump struct {
	*snapshot.Snapshot

	// Definitions of the kinds that the cluster serves, with their schemas.
	Definitions []*apiextensionsv1.CustomResourceDefinition
}

// Needs are what a dump must hold for the mappings of a set to be held to it.
func Needs(set *manifest.Set) []facts.Need {
	var needs []facts.Need
	for _, m := range set.Mappings {
		for _, c := range placeChecks(m.Value) {
			if compiled, err := check.New(c.variant, *c.spec); err == nil {
				needs = append(needs, compiled.AllNeeds()...)
			}
		}
	}
	return needs
}

// trial is a check of a mapping, evaluated on a dump.
type trial struct {
	*placedCheck
	mapping *mapping
	given   facts.Facts
	result  check.Evaluation
}

// hold reports what of a mapping does not fit what the dump holds.
func (l *linter) hold(m *mapping) {
	if l.against == nil {
		return
	}
	trials := map[string][]trial{} // by variant
	for _, c := range m.checks {
		if c.compiled != nil && c.compiled.Expect() != v1alpha1.ExpectAbsent {
			trials[c.variant] = append(trials[c.variant], l.try(m, c))
		}
	}
	l.holdAll(m, "spec", trials[""])
	for i, v := range m.Value.Spec.Variants {
		l.holdAll(m, fmt.Sprintf("spec.variants[%d]", i), trials[v.Name])
	}
}

// try evaluates a check on the dump, and again for as long as it asks further.
func (l *linter) try(m *mapping, c *placedCheck) trial {
	needs := c.compiled.AllNeeds()
	for {
		given := l.against.Facts(needs)
		result := c.compiled.Evaluate(given)
		further := slices.DeleteFunc(facts.NeedsOf(result.Further), func(n facts.Need) bool { return slices.Contains(needs, n) })
		if len(further) == 0 {
			return trial{c, m, given, result}
		}
		needs = append(needs, further...)
	}
}

// holdAll reports of each check what does not fit, and that of none when nothing of them is there.
func (l *linter) holdAll(m *mapping, field string, trials []trial) {
	none := true
	told := make([]bool, len(trials))
	for i, t := range trials {
		told[i] = l.expressions(t) || t.spec.Workload != nil && l.workload(t)
		none = none && !told[i] && t.result.Present == v1alpha1.VerdictFalse
	}
	if none && len(trials) > 1 {
		l.report(ruleMatch, Note, m.Object, field, "nothing that these checks look for is in the dump",
			"look for a mistake in their names and labels, unless the dump is of a cluster without it")
		return
	}
	for i, t := range trials {
		switch {
		case told[i] || t.result.Present == v1alpha1.VerdictTrue:
		case t.result.Present == v1alpha1.VerdictFalse:
			l.tell(t, ruleMatch, Note, "", "finds nothing in the dump: "+t.result.Message,
				"look for a mistake in its names and labels, unless the dump is of a cluster without it")
		default:
			l.tell(t, ruleMatch, Note, "", "cannot be held to the dump: "+t.result.Message,
				"take a dump that holds it: kubectl archmap collect -f "+m.At("").File)
		}
	}
}

func (l *linter) tell(t trial, rule string, s Severity, field, message, fix string) {
	l.report(rule, s, t.mapping.Object, t.field+field, message, fix)
}

// expressions reports those that cannot be evaluated on what the dump holds, and those that yield nothing; told says
// whether there were any.
func (l *linter) expressions(t trial) (told bool) {
	for _, tried := range t.compiled.Try(t.given.Answers[t.compiled.Needs()[0]].Objects, t.given.Now) {
		if tried.Cost > check.MaxCheap {
			l.tell(t, ruleEvaluation, Note, "."+tried.Field, fmt.Sprintf("costs %d units for one of the objects in the dump, and is expensive beyond %d: "+
				"its changes show later", tried.Cost, check.MaxCheap), "look at fewer or shorter values")
		}
		isVersion := strings.HasSuffix(tried.Field, ".version")
		switch {
		case isVersion && tried.Failed+tried.Empty == tried.Tried:
			l.tell(t, ruleVersion, Warning, "."+tried.Field, fmt.Sprintf("yields no version for any of the %d objects in the dump", tried.Tried),
				"read a field that is there, or leave version out")
		case !isVersion && tried.Failed > 0:
			l.tell(t, ruleEvaluation, Warning, "."+tried.Field, fmt.Sprintf("fails on %d of %d objects in the dump: %s", tried.Failed,
				tried.Tried, tried.Example), "ask first whether a field is there: has(object.x), or object.?x.orValue(...)")
		default:
			continue
		}
		told = true
	}
	return told
}

// workload reports why a check fits no workload of the dump that has the name, or the labels, that it looks for.
func (l *linter) workload(t trial) (told bool) {
	w := t.spec.Workload
	var named []client.Object
	for _, o := range t.given.Answers[t.compiled.Needs()[0]].Objects {
		if t.compiled.Concerns(o.GetName()) {
			named = append(named, o)
		}
	}
	labeled := t.like(func(w *v1alpha1.WorkloadCheck) { w.ImagePath, w.Container = "", "" })
	imaged := t.like(func(w *v1alpha1.WorkloadCheck) { w.Container = "" })
	switch {
	case len(labeled) == 0 && len(named) > 0 && (len(w.Names) > 0 || w.NamePrefix != ""):
		l.tell(t, ruleMatch, Note, ".workload.selector", fmt.Sprintf("%s of the dump does not have the labels %s",
			objectOf(w.Kind, named[0]), metav1.FormatLabelSelector(w.Selector)), "change the selector, unless another one is meant")
	case len(labeled) > 0 && len(imaged) == 0:
		l.tell(t, ruleMatch, Note, ".workload.imagePath", fmt.Sprintf("%s of the dump has another image: %s",
			objectOf(w.Kind, labeled[0]), strings.Join(imagesOf(labeled[0]), ", ")), "change imagePath, unless another one is meant")
	case len(imaged) > 0 && w.Container != "" && !slices.ContainsFunc(imaged, func(o client.Object) bool { return hasContainer(o, w.Container) }):
		names := containersOf(imaged[0])
		l.tell(t, ruleContainer, Warning, ".workload.container", fmt.Sprintf("%s of the dump has no container %s",
			objectOf(w.Kind, imaged[0]), w.Container), didYouMean(w.Container, names)+"it has "+strings.Join(names, ", "))
	case t.result.Present == v1alpha1.VerdictTrue && len(t.result.Images) > 0 && len(t.result.Versions) == 0:
		l.tell(t, ruleVersion, Note, ".workload.container", fmt.Sprintf("the version stays empty: the image %s has no tag",
			strings.Join(t.result.Images, ", ")), "take the version from elsewhere")
	default:
		return false
	}
	return true
}

// like returns the workloads that a check would match that looks for less.
func (t trial) like(change func(*v1alpha1.WorkloadCheck)) []client.Object {
	spec := *t.spec.DeepCopy()
	change(spec.Workload)
	looser, err := check.New(t.variant, spec)
	if err != nil {
		return nil
	}
	return looser.MatchingWorkloads(t.given)
}

func objectOf(kind v1alpha1.WorkloadKind, o client.Object) string {
	return msg.Object(string(kind), o.GetNamespace(), o.GetName())
}

func podSpecOf(o client.Object) corev1.PodSpec {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return o.Spec.Template.Spec
	}
	return corev1.PodSpec{}
}

func containersOf(o client.Object) (names []string) {
	for _, c := range podSpecOf(o).Containers {
		names = append(names, c.Name)
	}
	return names
}

func imagesOf(o client.Object) (images []string) {
	for _, c := range podSpecOf(o).Containers {
		images = append(images, c.Image)
	}
	return images
}

func hasContainer(o client.Object, name string) bool { return slices.Contains(containersOf(o), name) }

// versions reports a mapping whose version stays empty, as no check says where it is.
func (l *linter) versions(m *mapping) {
	var first *placedCheck
	for _, c := range m.checks {
		s := c.spec
		switch {
		case s.Workload != nil && s.Workload.Container != "", s.Nodes != nil && s.Nodes.Version != "",
			s.Object != nil && s.Object.Version != "", s.Endpoint != nil && s.Endpoint.Version != "":
			return
		case first == nil && s.Workload != nil && (s.Expect == v1alpha1.ExpectPresent || s.Expect == v1alpha1.ExpectOptional):
			first = c
		}
	}
	if first != nil {
		l.report(ruleVersion, Note, m.Object, first.field+".workload", "the version stays empty: no check says where it is",
			"name the container whose image has it: container")
	}
}
