// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbac works out the least rights that mappings need, and which of them a role lacks.
package rbac

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// Reader is who reads what the mappings name.
type Reader string

const (
	// Operator watches, and asks first whether it may.
	Operator Reader = "operator"
	// User looks once, with the plugin.
	User Reader = "user"
)

// Rule is a rule of a role, and who needs it.
type Rule struct {
	rbacv1.PolicyRule

	// Namespace in which the right is enough; empty when it takes a ClusterRole.
	Namespace string
	// NeededBy are the names of the mappings and architectures, sorted.
	NeededBy []string
}

// String is the rule as it stands in a role, in one line.
func (r Rule) String() string {
	if len(r.NonResourceURLs) > 0 {
		return fmt.Sprintf("nonResourceURLs: %s, verbs: %s", list(r.NonResourceURLs), list(r.Verbs))
	}
	text := fmt.Sprintf("apiGroups: %s, resources: %s, verbs: %s", list(r.APIGroups), list(r.Resources), list(r.Verbs))
	if len(r.ResourceNames) > 0 {
		text += ", resourceNames: " + list(r.ResourceNames)
	}
	return text
}

func list(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = item
		if item == "" {
			quoted[i] = `""`
		}
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Needs collects what somebody must be able to read.
type Needs struct {
	reader  Reader
	plurals Plurals
	rights  map[right]sets.Set[string]
	// useful are the rights without which everything is seen, but later.
	useful map[right]sets.Set[string]
}

// right is a verb on a resource, perhaps on one object of it alone, or on a path.
type right struct{ namespace, group, resource, name, path, verb string }

// NewNeeds has none yet.
func NewNeeds(reader Reader, plurals Plurals) *Needs {
	return &Needs{reader: reader, plurals: plurals, rights: map[right]sets.Set[string]{}, useful: map[right]sets.Set[string]{}}
}

// Only returns the name of what needs all of it, where that is one alone; empty when several do.
func (n *Needs) Only() string {
	all := sets.New[string]()
	for _, by := range n.rights {
		all = all.Union(by)
	}
	if len(all) != 1 {
		return ""
	}
	return sets.List(all)[0]
}

// AddMapping adds what the checks of a mapping need, and what it takes to explain them.
func (n *Needs) AddMapping(m *v1alpha1.ComponentMapping) error {
	checks, err := check.Compile(&m.Spec)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Name, err)
	}
	for _, c := range checks {
		n.AddCheck(c, m.Name)
	}
	return nil
}

// AddCheck adds what one check needs, and what it takes to explain it.
func (n *Needs) AddCheck(c *check.Check, neededBy string) {
	for _, need := range c.AllNeeds() {
		n.add(need, neededBy)
	}
}

// AddArchitecture adds what an architecture needs of the cluster itself, and to find workloads that no mapping covers.
func (n *Needs) AddArchitecture(a *v1alpha1.ClusterArchitecture) error {
	needs, err := assess.ArchitectureNeeds(&a.Spec)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	for _, need := range needs {
		n.add(need, a.Name)
	}
	return nil
}

func (n *Needs) add(need facts.Need, neededBy string) {
	review := right{group: "authorization.k8s.io", resource: "selfsubjectaccessreviews", verb: "create"}
	switch {
	case need.Path != "":
		path, _, _ := strings.Cut(need.Path, "?")
		note(n.rights, right{path: path, verb: "get"}, neededBy)
		return
	case need.Review != (facts.Review{}):
		note(n.rights, review, neededBy)
		return
	case n.reader == Operator:
		note(n.rights, review, neededBy)
	}
	object := right{namespace: need.Namespace, group: need.Kind.Group, resource: n.plurals.Of(need.Kind), name: need.Name}
	for _, object.verb = range n.verbs(need) {
		note(n.rights, object, neededBy)
	}
	if n.reader == Operator && need.WatchesMetadata() {
		for _, object.verb = range watching {
			note(n.useful, object, neededBy)
		}
	}
}

func note(rights map[right]sets.Set[string], r right, neededBy string) {
	if rights[r] == nil {
		rights[r] = sets.New[string]()
	}
	rights[r].Insert(neededBy)
}

// watching are the verbs of a watch.
var watching = []string{"list", "watch"}

// verbs by which the observer of the operator, or the reader of the plugin, meets a need.
func (n *Needs) verbs(need facts.Need) []string {
	switch {
	case n.reader == Operator && need.Interval == 0:
		return watching
	case need.Name != "":
		return []string{"get"}
	}
	return []string{"list"}
}

// ClusterRules are the rules of one ClusterRole for everything.
func (n *Needs) ClusterRules() []Rule { return rules(everywhere(n.all())) }

// NamespacedRules are the rules of a Role for each namespace, and of a ClusterRole for what needs one.
func (n *Needs) NamespacedRules() []Rule { return rules(n.all()) }

// RequiredRules are those of ClusterRules without which something cannot be read at all.
func (n *Needs) RequiredRules() []Rule { return rules(everywhere(n.rights)) }

// all are the rights that are required and those that are useful.
func (n *Needs) all() map[right]sets.Set[string] {
	all := maps.Clone(n.rights)
	for r, neededBy := range n.useful {
		all[r] = neededBy.Union(all[r])
	}
	return all
}

// everywhere are the rights in all namespaces.
func everywhere(rights map[right]sets.Set[string]) map[right]sets.Set[string] {
	out := map[right]sets.Set[string]{}
	for r, neededBy := range rights {
		r.namespace = ""
		out[r] = neededBy.Union(out[r])
	}
	return out
}

// rules puts rights together: one rule for each resource, and one for all paths.
func rules(rights map[right]sets.Set[string]) []Rule {
	rights = withoutCovered(rights)
	verbs := map[right][]string{} // by what the verbs are for
	for _, r := range slices.SortedFunc(maps.Keys(rights), compareRights) {
		object := r
		object.verb = ""
		verbs[object] = append(verbs[object], r.verb)
	}
	merged := map[string]*Rule{}
	var order []*Rule
	for _, object := range slices.SortedFunc(maps.Keys(verbs), compareRights) {
		key := fmt.Sprint(object.namespace, "|", object.group, "|", object.resource, "|", object.name != "", "|", verbs[object])
		rule := merged[key]
		if rule == nil {
			rule = &Rule{PolicyRule: rbacv1.PolicyRule{Verbs: verbs[object]}, Namespace: object.namespace}
			if object.path == "" {
				rule.APIGroups, rule.Resources = []string{object.group}, []string{object.resource}
			}
			merged[key] = rule
			order = append(order, rule)
		}
		if object.path != "" {
			rule.NonResourceURLs = append(rule.NonResourceURLs, object.path)
		}
		if object.name != "" {
			rule.ResourceNames = append(rule.ResourceNames, object.name)
		}
		for _, verb := range verbs[object] {
			object.verb = verb
			rule.NeededBy = append(rule.NeededBy, rights[object].UnsortedList()...)
		}
	}
	var out []Rule
	for _, rule := range order {
		slices.Sort(rule.NeededBy)
		rule.NeededBy = slices.Compact(rule.NeededBy)
		out = append(out, *rule)
	}
	return out
}

// withoutCovered leaves out what a right to all objects, or in all namespaces, grants anyway.
func withoutCovered(rights map[right]sets.Set[string]) map[right]sets.Set[string] {
	out := map[right]sets.Set[string]{}
	for r, neededBy := range rights {
		for _, wider := range []right{
			{group: r.group, resource: r.resource, path: r.path, verb: r.verb},
			{group: r.group, resource: r.resource, path: r.path, verb: r.verb, namespace: r.namespace},
			{group: r.group, resource: r.resource, path: r.path, verb: r.verb, name: r.name},
		} {
			if _, granted := rights[wider]; granted {
				r = wider
				break
			}
		}
		out[r] = neededBy.Union(out[r])
	}
	return out
}

// compareRights puts the cluster before namespaces, paths before resources, and sorts by name else.
func compareRights(a, b right) int {
	return cmp.Or(
		cmp.Compare(a.namespace, b.namespace),
		cmp.Compare(b.path, "")-cmp.Compare(a.path, ""),
		cmp.Compare(a.path, b.path),
		cmp.Compare(a.group, b.group),
		cmp.Compare(a.resource, b.resource),
		cmp.Compare(a.name, b.name),
		cmp.Compare(a.verb, b.verb),
	)
}

// Missing are the needed rules that what is granted does not cover, cut down to what is missing of them.
func Missing(needed []Rule, granted []rbacv1.PolicyRule) []Rule {
	var missing []Rule
	for _, rule := range needed {
		covered, uncovered := validation.Covers(granted, []rbacv1.PolicyRule{rule.PolicyRule})
		if covered {
			continue
		}
		missing = append(missing, Rule{PolicyRule: join(uncovered), Namespace: rule.Namespace, NeededBy: rule.NeededBy})
	}
	return missing
}

// join puts the pieces of a broken down rule together.
func join(pieces []rbacv1.PolicyRule) rbacv1.PolicyRule {
	var rule rbacv1.PolicyRule
	for _, p := range pieces {
		rule.APIGroups = append(rule.APIGroups, p.APIGroups...)
		rule.Resources = append(rule.Resources, p.Resources...)
		rule.ResourceNames = append(rule.ResourceNames, p.ResourceNames...)
		rule.NonResourceURLs = append(rule.NonResourceURLs, p.NonResourceURLs...)
		rule.Verbs = append(rule.Verbs, p.Verbs...)
	}
	for _, items := range []*[]string{&rule.APIGroups, &rule.Resources, &rule.ResourceNames, &rule.NonResourceURLs, &rule.Verbs} {
		slices.Sort(*items)
		*items = slices.Compact(*items)
	}
	return rule
}

// Excess is what is granted beyond what is needed.
func Excess(needed []Rule, granted []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, rule := range needed {
		rules = append(rules, rule.PolicyRule)
	}
	_, excess := validation.Covers(rules, granted)
	return excess
}
