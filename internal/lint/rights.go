// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/archmap/archmap/internal/rbac"
)

// rights reports what the operator is not allowed to read: each missing rule once for a mapping.
func (l *linter) rights() error {
	var roles []*rbacv1.ClusterRole
	for _, r := range l.ClusterRoles {
		roles = append(roles, r.Value)
	}
	granted, err := rbac.GrantedToOperator(roles...)
	if err != nil {
		return err
	}
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, d := range l.Definitions {
		definitions = append(definitions, d.Value)
	}
	plurals := rbac.NewPlurals(definitions...)
	for _, m := range l.mappings {
		said := map[string]bool{}
		for _, c := range m.checks {
			if c.compiled == nil || slices.ContainsFunc(c.compiled.Needs(), misnamed) {
				continue
			}
			needs := rbac.NewNeeds(rbac.Operator, plurals)
			needs.AddCheck(c.compiled, m.Value.Name)
			for _, rule := range rbac.Missing(needs.RequiredRules(), granted) {
				if !said[rule.String()] {
					said[rule.String()] = true
					l.report(ruleRBAC, Warning, m.Object, c.field, fmt.Sprintf(
						"the operator may not look for %s; the missing rule is %s", c.compiled.Subject(), rule),
						fmt.Sprintf("apply a ClusterRole with it and the label %s: %q; kubectl archmap rbac -f %s prints one",
							rbac.AggregationLabel, rbac.AggregationValue, m.At("").File))
				}
			}
		}
	}
	return nil
}
