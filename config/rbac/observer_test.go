// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbac_test holds the shipped roles to what the catalogs need: not less, so that nothing is
// NotPermitted, and not more.
package rbac_test

import (
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/rbac"
)

// right is one verb on one resource, or on one object of it, or on one path.
type right struct {
	Verb, Group, Resource, Name string
	Path                        string
}

func TestObserverRolesAreExactlyWhatTheCatalogsNeed(t *testing.T) {
	own := granted(t, "role.yaml")
	for folder, file := range map[string]string{
		catalog.AKS:       "observer_aks_role.yaml",
		catalog.AKSExtras: "observer_aks_extras_role.yaml",
	} {
		t.Run(folder, func(t *testing.T) {
			g := NewWithT(t)
			needed := rightsTo(catalogNeeds(t, folder)).Difference(own)
			shipped := granted(t, file)
			g.Expect(needed.Difference(shipped)).To(BeEmpty(), "config/rbac/%s grants what config/catalog/%s needs; it lacks these", file, folder)
			g.Expect(shipped.Difference(needed)).To(BeEmpty(), "config/rbac/%s grants nothing that config/catalog/%s does not need; these are too many", file, folder)
		})
	}
}

// Kinds that not every cluster serves stay out of the command: kubectl prints nothing when it does not know one.
func TestTheRecommendedDumpHasWhatTheCatalogsRead(t *testing.T) {
	g := NewWithT(t)
	page, err := os.ReadFile("../../docs/plugin.md")
	g.Expect(err).NotTo(HaveOccurred())
	_, command, found := strings.Cut(string(page), "`kubectl get -A -o yaml ")
	g.Expect(found).To(BeTrue())
	kinds, _, _ := strings.Cut(command, " ")
	dumped := sets.New(strings.Split(kinds, ",")...)
	for _, file := range []string{"observer_aks_role.yaml", "observer_aks_extras_role.yaml"} {
		for r := range granted(t, file) {
			everywhere := scheme.Scheme.IsGroupRegistered(r.Group) || strings.HasPrefix(r.Group, "api") && strings.HasSuffix(r.Group, ".k8s.io")
			// What is only listed explains a rollout, but for Leases, which are polled.
			read := r.Verb == "watch" || r.Resource == "leases"
			if r.Resource != "" && everywhere && read && !dumped.Has(r.Resource) {
				t.Errorf("the dump that docs/plugin.md recommends has every kind that the catalogs read: not %s", r.Resource)
			}
		}
	}
}

func TestManagerRoleAllowsWhatEveryArchitectureNeeds(t *testing.T) {
	g := NewWithT(t)
	g.Expect(rightsTo(assess.ClusterNeeds()).Difference(granted(t, "role.yaml"))).To(BeEmpty(),
		"config/rbac/role.yaml grants what every ClusterArchitecture needs; it lacks these")
}

func TestObserverAggregatesTheRolesOfTheCatalogs(t *testing.T) {
	g := NewWithT(t)
	selectors := readRole(t, "observer_role.yaml").AggregationRule.ClusterRoleSelectors
	g.Expect(selectors).To(HaveLen(1), "observer_role.yaml aggregates by one selector")
	for _, file := range []string{"observer_aks_role.yaml", "observer_aks_extras_role.yaml"} {
		for key, value := range selectors[0].MatchLabels {
			g.Expect(readRole(t, file).Labels).To(HaveKeyWithValue(key, value), "observer_role.yaml aggregates the role of every catalog: %s", file)
		}
	}
}

func catalogNeeds(t *testing.T, folder string) []facts.Need {
	g := NewWithT(t)
	c, err := catalog.Load(folder)
	g.Expect(err).NotTo(HaveOccurred(), "config/catalog/%s can be read", folder)
	var needs []facts.Need
	for _, m := range c.Mappings {
		checks, err := check.Compile(&m.Spec)
		g.Expect(err).NotTo(HaveOccurred(), "the checks of every mapping compile: %s", m.Name)
		needs = append(needs, check.AllNeeds(checks)...)
	}
	for _, a := range c.Architectures {
		ofArchitecture, err := assess.ArchitectureNeeds(&a.Spec)
		g.Expect(err).NotTo(HaveOccurred(), "the selectors of every architecture can be parsed: %s", a.Name)
		needs = append(needs, ofArchitecture...)
	}
	g.Expect(needs).NotTo(BeEmpty(), "config/catalog/%s needs to see something", folder)
	return needs
}

// rightsTo are the rights with which the observer meets the needs as soon as it can.
func rightsTo(needs []facts.Need) sets.Set[right] {
	rights := sets.New[right]()
	for _, need := range needs {
		if need.Path != "" {
			path, _, _ := strings.Cut(need.Path, "?")
			rights.Insert(right{Verb: "get", Path: path})
			continue
		}
		if need.Review != (facts.Review{}) {
			rights.Insert(right{Verb: "create", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews"})
			continue
		}
		for _, verb := range verbs(need) {
			rights.Insert(right{Verb: verb, Group: need.Kind.Group, Resource: rbac.Plurals(nil).Of(need.Kind), Name: need.Name})
		}
	}
	return withoutCovered(rights)
}

// withoutCovered leaves out rights to one object that all objects are granted with anyway.
func withoutCovered(rights sets.Set[right]) sets.Set[right] {
	out := sets.New[right]()
	for r := range rights {
		toAll := r
		toAll.Name = ""
		if r.Name == "" || !rights.Has(toAll) {
			out.Insert(r)
		}
	}
	return out
}

func verbs(need facts.Need) []string {
	switch {
	case need.WatchesMetadata() && need.Name != "":
		return []string{"get", "list", "watch"}
	case need.Interval == 0 || need.WatchesMetadata():
		return []string{"list", "watch"}
	default:
		return []string{"list"} // leases
	}
}

// granted are the rights of the ClusterRole in a file.
func granted(t *testing.T, file string) sets.Set[right] {
	rights := sets.New[right]()
	for _, rule := range readRole(t, file).Rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				rights.Insert(right{Verb: verb, Path: path})
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, name := range namesOf(rule) {
						rights.Insert(right{Verb: verb, Group: group, Resource: resource, Name: name})
					}
				}
			}
		}
	}
	return rights
}

func namesOf(rule rbacv1.PolicyRule) []string {
	if len(rule.ResourceNames) == 0 {
		return []string{""}
	}
	return rule.ResourceNames
}

// readRole reads the ClusterRole that a file begins with.
func readRole(t *testing.T, file string) rbacv1.ClusterRole {
	g := NewWithT(t)
	data, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	first, _, _ := strings.Cut(strings.TrimPrefix(string(data), "---\n"), "\n---\n")
	var role rbacv1.ClusterRole
	g.Expect(yaml.UnmarshalStrict([]byte(first), &role)).To(Succeed(), "config/rbac/%s begins with a ClusterRole", file)
	g.Expect(role.Kind).To(Equal("ClusterRole"), "config/rbac/%s begins with a ClusterRole", file)
	return role
}
