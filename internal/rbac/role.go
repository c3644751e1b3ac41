// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	shipped "github.com/archmap/archmap/config/rbac"
)

// AggregationLabel is the label, and its value, of the ClusterRoles that make up what the operator may look at.
const (
	AggregationLabel = "rbac.architecture.archmap.dev/aggregate-to-observer"
	AggregationValue = "true"
)

// OperatorAccount is the operator's service account, as it is shipped.
var OperatorAccount = rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "archmap-system", Name: "archmap-controller-manager"}

// GrantedToOperator are the rules that the operator is shipped with, and those of the given roles that are aggregated to
// them.
func GrantedToOperator(roles ...*rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	own, err := shipped.ClusterRoles()
	if err != nil {
		return nil, err
	}
	var rules []rbacv1.PolicyRule
	for _, role := range own {
		rules = append(rules, role.Rules...)
	}
	for _, role := range roles {
		if role.Labels[AggregationLabel] == AggregationValue {
			rules = append(rules, role.Rules...)
		}
	}
	return rules, nil
}

// Options of the roles.
type Options struct {
	// Name of the roles and bindings.
	Name string
	// Reader whom the roles are for. A ClusterRole for the operator is aggregated to those that it has.
	Reader Reader
	// Subjects that get the roles. Without any nothing is bound.
	Subjects []rbacv1.Subject
}

// object is a role or a binding; who needs each of its rules is written as a comment.
type object struct {
	runtime.Object

	rules []Rule
}

// Roles are the roles that grant the rules, a ClusterRole and a Role for each namespace, and their bindings.
type Roles struct{ objects []object }

// NewRoles makes roles of the rules.
func NewRoles(rules []Rule, o Options) *Roles {
	roles := &Roles{}
	for _, namespace := range namespaces(rules) {
		of := slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Namespace != namespace })
		if namespace == "" {
			roles.addClusterRole(of, o)
		} else {
			roles.addRole(namespace, of, o)
		}
	}
	return roles
}

func namespaces(rules []Rule) []string {
	var names []string
	for _, r := range rules {
		names = append(names, r.Namespace)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *Roles) addClusterRole(rules []Rule, o Options) {
	role := &rbacv1.ClusterRole{TypeMeta: typeMeta("ClusterRole"), ObjectMeta: metav1.ObjectMeta{Name: o.Name}, Rules: policyRules(rules)}
	aggregated := o.Reader == Operator
	if aggregated {
		role.Labels = map[string]string{AggregationLabel: AggregationValue}
	}
	r.objects = append(r.objects, object{role, rules})
	if len(o.Subjects) > 0 && !aggregated {
		r.objects = append(r.objects, object{Object: &rbacv1.ClusterRoleBinding{
			TypeMeta: typeMeta("ClusterRoleBinding"), ObjectMeta: metav1.ObjectMeta{Name: o.Name},
			RoleRef: roleRef("ClusterRole", o.Name), Subjects: o.Subjects}})
	}
}

func (r *Roles) addRole(namespace string, rules []Rule, o Options) {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: o.Name}
	r.objects = append(r.objects, object{&rbacv1.Role{TypeMeta: typeMeta("Role"), ObjectMeta: meta, Rules: policyRules(rules)}, rules})
	if len(o.Subjects) > 0 {
		r.objects = append(r.objects, object{Object: &rbacv1.RoleBinding{
			TypeMeta: typeMeta("RoleBinding"), ObjectMeta: meta, RoleRef: roleRef("Role", o.Name), Subjects: o.Subjects}})
	}
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

func roleRef(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}

func policyRules(rules []Rule) []rbacv1.PolicyRule {
	out := make([]rbacv1.PolicyRule, len(rules))
	for i, r := range rules {
		out[i] = r.PolicyRule
	}
	return out
}

// JSON writes the objects, several as a List.
func (r *Roles) JSON(w io.Writer) error {
	var content any
	if len(r.objects) == 1 {
		content = r.objects[0].Object
	} else {
		items := []runtime.Object{}
		for _, o := range r.objects {
			items = append(items, o.Object)
		}
		content = map[string]any{"apiVersion": "v1", "kind": "List", "items": items}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}

// YAML writes the objects, with a comment at each rule that says who needs it.
func (r *Roles) YAML(w io.Writer) error {
	var out bytes.Buffer
	for i, o := range r.objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		if err := o.writeYAML(&out); err != nil {
			return err
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

func (o object) writeYAML(out *bytes.Buffer) error {
	data, err := yaml.Marshal(o.Object)
	if err != nil || len(o.rules) == 0 {
		out.Write(data)
		return err
	}
	head, _, _ := strings.Cut(string(data), "\nrules:\n") // the last field
	out.WriteString(head + "\nrules:\n")
	for _, rule := range o.rules {
		item, err := yaml.Marshal([]rbacv1.PolicyRule{rule.PolicyRule})
		if err != nil {
			return err
		}
		comment(out, "needed by "+strings.Join(rule.NeededBy, ", "))
		out.Write(item)
	}
	return nil
}

// commentWidth is where the lines of comments end.
const commentWidth = 100

// comment writes a text as comment lines.
func comment(out *bytes.Buffer, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > commentWidth {
			fmt.Fprintln(out, line)
			line = "#  "
		}
		line += " " + word
	}
	fmt.Fprintln(out, line)
}
