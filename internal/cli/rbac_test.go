// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

func TestRBAC(t *testing.T) {
	g := NewWithT(t)
	code, out, errOut := runWith(mappingWith("StatefulSet"), "rbac", "-f", "-")
	g.Expect(code).To(Equal(exitNothing), errOut)
	var role rbacv1.ClusterRole
	g.Expect(yaml.UnmarshalStrict([]byte(out), &role)).To(Succeed())
	g.Expect(role.Name).To(Equal("archmap-observer-redis"), "each mapping has a role of its own, so that none replaces another's")
	g.Expect(role.Labels).To(HaveKeyWithValue("rbac.architecture.archmap.dev/aggregate-to-observer", "true"))
	g.Expect(role.Rules).To(ContainElement(rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"statefulsets"}, Verbs: []string{"list", "watch"}}))

	_, again, _ := runWith(mappingWith("StatefulSet"), "rbac", "-f", "-")
	g.Expect(again).To(Equal(out))
}

// What is printed is what lint misses.
func TestLintIsContentWithTheRoleThatRBACPrints(t *testing.T) {
	g := NewWithT(t)
	mapping := mappingBeyondRights()
	code, _, _ := runWith(mapping, "lint", "-f", "-", "--strict")
	g.Expect(code).To(Equal(exitAct))
	_, role, _ := runWith(mapping, "rbac", "-f", "-")
	code, out, _ := runWith(mapping+"---\n"+role, "lint", "-f", "-", "--strict")
	g.Expect(code).To(Equal(exitNothing), out)
}

func TestRBACForAUser(t *testing.T) {
	g := NewWithT(t)
	code, out, errOut := runWith(mappingWith("StatefulSet"), "rbac", "-", "--only-mine", "--for", "user", "--namespaced", "-o", "json", "--name", "look",
		"--subject", "user:jane@example.com", "--subject", "group:sre", "--subject", "serviceaccount:ci:checker")
	g.Expect(code).To(Equal(exitNothing), errOut)
	var list struct {
		Items []rbacv1.RoleBinding `json:"items"` // of which every role has the first fields, too
	}
	g.Expect(json.Unmarshal([]byte(out), &list)).To(Succeed())
	var kinds []string
	for _, item := range list.Items {
		kinds = append(kinds, item.Kind+" "+item.Namespace+"/"+item.Name)
	}
	g.Expect(kinds).To(Equal([]string{"ClusterRole /look", "ClusterRoleBinding /look", "Role redis/look", "RoleBinding redis/look"}))
	g.Expect(list.Items[3].Subjects).To(Equal([]rbacv1.Subject{
		{APIGroup: rbacv1.GroupName, Kind: "User", Name: "jane@example.com"},
		{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "sre"},
		{Kind: "ServiceAccount", Namespace: "ci", Name: "checker"},
	}))
}

// check evaluates the built-in catalog as well, so that whoever uses it needs the rights for both; the operator has those
// for the catalog.
func TestRBACWithTheCatalog(t *testing.T) {
	mine := ConsistOf("redis")
	for _, c := range []struct {
		args  []string
		wants gomegatypes.GomegaMatcher
	}{
		{nil, mine},
		{[]string{"--for", "user"}, ContainElements("redis", "coredns")},
		{[]string{"--for", "user", "--only-mine"}, mine},
	} {
		g := NewWithT(t)
		code, out, errOut := runWith(mappingWith("StatefulSet"), append([]string{"rbac", "-"}, c.args...)...)
		g.Expect(code).To(Equal(exitNothing), errOut)
		var named []string
		for _, line := range regexp.MustCompile(`(?m)^ *# (.*)$`).FindAllStringSubmatch(out, -1) {
			named = append(named, regexp.MustCompile(`\b(redis|coredns)\b`).FindAllString(line[1], -1)...)
		}
		slices.Sort(named)
		g.Expect(slices.Compact(named)).To(c.wants, "%v: %s", c.args, out)
	}
}

func TestRBACUsage(t *testing.T) {
	for name, tc := range map[string]struct {
		input string
		args  []string
		code  int
		words string
	}{
		"an unknown reader":  {"", []string{"-f", "-", "--for", "me"}, exitUsage, `not "me"`},
		"an unknown subject": {"", []string{"-f", "-", "--subject", "jane"}, exitUsage, `not "jane"`},
		"no namespace":       {"", []string{"-f", "-", "--subject", "serviceaccount:a"}, exitUsage, `not "serviceaccount:a"`},
		"no mapping":         {"apiVersion: v1\nkind: Service\n", []string{"-f", "-"}, exitUnknown, "no ComponentMapping"},
		"no files":           {"", []string{"--only-mine"}, exitUsage, "name your own mappings"},
		"a bad mapping":      {mappingWith("Pod"), []string{"-f", "-"}, exitUsage, "spec.checks[0].workload.kind"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, errOut := runWith(tc.input, append([]string{"rbac"}, tc.args...)...)
			g.Expect(code).To(Equal(tc.code), errOut)
			g.Expect(errOut).To(ContainSubstring(tc.words))
			g.Expect(out).To(BeEmpty())
		})
	}
}
