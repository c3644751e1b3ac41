// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/rbac"
	"github.com/archmap/archmap/internal/snapshot"
)

// Draft is a mapping to be gone over by hand, and the rights that the operator lacks for it.
type Draft struct {
	Mapping *v1alpha1.ComponentMapping

	head   string
	checks []noted
	rules  []rbac.Rule
}

// New makes a draft of a workload that a snapshot shows, with what belongs to it. The snapshot must have been read for Needs.
// cluster is its name, for the comments.
func New(s *snapshot.Snapshot, name, cluster string, subject Subject) (*Draft, error) {
	f, err := find(s, subject, name)
	if err != nil {
		return nil, err
	}
	all, err := workloads(s, subject.Namespace)
	if err != nil {
		return nil, err
	}
	d := &Draft{head: f.head(cluster), checks: f.checks(all)}
	d.Mapping = f.mapping(name, d.checks)
	needs := rbac.NewNeeds(rbac.Operator, rbac.NewPlurals())
	if err := needs.AddMapping(d.Mapping); err != nil {
		return nil, err
	}
	granted, err := rbac.GrantedToOperator()
	if err != nil {
		return nil, err
	}
	d.rules = rbac.Missing(needs.ClusterRules(), granted)
	return d, nil
}

// head says what the draft was made of, and what to do with it.
func (f *findings) head(cluster string) string {
	lines := []string{
		fmt.Sprintf("A first draft, made of %s in %s.", f.subject, cluster),
		"It looks for what runs there today; what must run is yours to say. Go over each comment and delete it, then test:",
		"  kubectl archmap lint FILE --against DUMP",
		"  kubectl archmap check -f FILE",
		"Each other way to install it gets a variant: docs/write-a-mapping.md shows how.",
	}
	if f.subject.GetLabels()[instanceLabel] == "" {
		lines = append(lines, "The workload has no label "+instanceLabel+", so nothing tells which other workloads belong to it: add them.")
	}
	for _, unseen := range f.unseen {
		lines = append(lines, "Not seen: "+unseen+".")
	}
	return strings.Join(lines, "\n")
}

// notes are the comments on the fields of the mapping.
var notes = map[string]string{
	"metadata.labels":                 "With it, the ClusterArchitecture aks takes the mapping in.",
	"spec.component":                  "As the table of your documentation names it.",
	"spec.category":                   "ControlPlane, Node, Storage, Networking, Observability, Identity, ServiceMesh or Addon.",
	"spec.operatedBy":                 "Who to contact: Customer, Provider or Shared.",
	"spec.presence":                   "Required, when a cluster without it is incomplete.",
	"spec.implementation.source.name": "Where it comes from, such as the repository; url may name the web page.",
	"spec.implementation.image":       "A cluster that runs another image differs from its documentation.",
}

// Write writes the draft as YAML with comments, and the ClusterRole that the operator needs besides.
func (d *Draft) Write(w io.Writer) error {
	// JSON keeps the order of the fields, and is YAML.
	text, err := json.Marshal(d.Mapping)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return err
	}
	block(&document)
	document.HeadComment = d.head
	d.comment(document.Content[0], "")
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return err
	}
	if _, err := w.Write(out.Bytes()); err != nil || len(d.rules) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "---\n# What the operator may not look at yet. For the plugin your own rights count.\n"); err != nil {
		return err
	}
	return rbac.NewRoles(d.rules, rbac.Options{Name: "archmap-observer-" + d.Mapping.Name, Reader: rbac.Operator}).YAML(w)
}

// block has a node written over several lines, with quotes only where YAML needs them: double ones, as CEL has single ones.
func block(n *yaml.Node) {
	n.Style = 0
	if strings.HasPrefix(n.Value, "'") {
		n.Style = yaml.DoubleQuotedStyle
	}
	if n.Kind == yaml.MappingNode && len(n.Content) > 2 && n.Content[0].Value == "kind" && n.Content[2].Value == "apiVersion" {
		n.Content[0], n.Content[1], n.Content[2], n.Content[3] = n.Content[2], n.Content[3], n.Content[0], n.Content[1]
	}
	for _, child := range n.Content {
		block(child)
	}
}

// comment puts the notes above their fields and checks, and leaves out what is empty.
func (d *Draft) comment(n *yaml.Node, path string) {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; {
		key, value := n.Content[i], n.Content[i+1]
		if value.Kind == yaml.MappingNode && len(value.Content) == 0 {
			n.Content = slices.Delete(n.Content, i, i+2)
			continue
		}
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		key.HeadComment = notes[below]
		d.comment(value, below)
		i += 2
	}
	if path == "spec.checks" {
		for i, item := range n.Content {
			item.HeadComment = d.checks[i].note
		}
	}
}
