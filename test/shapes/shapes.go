// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shapes holds clusters as data: what the API of an AKS cluster shows, and the verdicts that
// archmap's catalogue must come to. A shape is a folder:
//
//	shape.yaml     versions, node pools and the kinds that add-ons bring
//	node.yaml      what exists once for each node, a template
//	objects/       everything else, plain manifests
//	expected.yaml  the verdicts
//
// Objects have the status that a cluster would give them only where no controller of a real control plane
// writes it: Nodes and their conditions, Leases, custom resources, load balancers. Times are left out where
// they move: whoever shows the shape fills them in.
package shapes

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	strictyaml "sigs.k8s.io/yaml"
)

//go:embed */*.yaml */objects/*.yaml
var data embed.FS

// Shape is a cluster as data.
type Shape struct {
	// Name of the shape's folder.
	Name string `json:"-"`
	// Description of the cluster, for people.
	Description string `json:"description"`
	// KubernetesVersion of the nodes.
	KubernetesVersion string `json:"kubernetesVersion"`
	// Issuer of service account tokens.
	Issuer string `json:"issuer"`
	// AzureRBAC says that role assignments of Azure give rights in the cluster.
	AzureRBAC bool `json:"azureRBAC"`
	// NodePools are the groups of like nodes.
	NodePools []NodePool `json:"nodePools"`
	// CustomResources are the kinds that add-ons bring.
	CustomResources []CustomResource `json:"customResources"`

	// Objects are all objects of the cluster, nodes and definitions of kinds included.
	Objects []*unstructured.Unstructured `json:"-"`
	// Expected are the verdicts of the catalogue, by the name of the mapping.
	Expected map[string]Expected `json:"-"`
}

// NodePool is a group of like nodes.
type NodePool struct {
	Name       string            `json:"name"`
	NodePrefix string            `json:"nodePrefix"`
	Count      int               `json:"count"`
	Labels     map[string]string `json:"labels"`
	Taints     []corev1.Taint    `json:"taints"`
}

// CustomResource is a kind whose schema does not matter.
type CustomResource struct {
	Name       string                        `json:"name"`
	Kind       string                        `json:"kind"`
	Versions   []string                      `json:"versions"`
	Scope      apiextensionsv1.ResourceScope `json:"scope"`
	ShortNames []string                      `json:"shortNames"`
}

// Expected is the verdict on one ComponentMapping: its conditions as status/reason, the complete variants, the
// methods in short and the version in use. Without a version, any will do: that of the API server is the
// control plane's own.
type Expected struct {
	Present      string   `json:"present"`
	Healthy      string   `json:"healthy"`
	AsDocumented string   `json:"asDocumented"`
	Variants     []string `json:"variants"`
	Methods      string   `json:"methods"`
	Version      string   `json:"version"`
}

// node is what node.yaml is filled in with.
type node struct {
	Name          string
	Number, Index int
	Zone          int
	Pool          NodePool
}

// Names lists the shapes.
func Names() []string {
	files, err := fs.Glob(data, "*/shape.yaml")
	if err != nil {
		panic(err) // the pattern is bad
	}
	var names []string
	for _, file := range files {
		names = append(names, path.Dir(file))
	}
	return names
}

// Load reads a shape and holds every object of a kind that Kubernetes knows to its schema.
func Load(name string) (*Shape, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no shape %q; the shapes are %s", name, strings.Join(Names(), ", "))
	}
	return load(data, name)
}

func load(files fs.FS, name string) (*Shape, error) {
	s := &Shape{Name: name}
	if err := readStrict(files, path.Join(name, "shape.yaml"), s); err != nil {
		return nil, err
	}
	if err := readStrict(files, path.Join(name, "expected.yaml"), &s.Expected); err != nil {
		return nil, err
	}
	for _, r := range s.CustomResources {
		crd, err := r.definition()
		if err != nil {
			return nil, fmt.Errorf("%s: custom resource %s: %w", name, r.Name, err)
		}
		s.Objects = append(s.Objects, crd)
	}
	if err := s.readNodes(files); err != nil {
		return nil, err
	}
	manifests, err := fs.Glob(files, path.Join(name, "objects", "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, manifest := range manifests {
		text, err := fs.ReadFile(files, manifest)
		if err != nil {
			return nil, err
		}
		if err := s.add(manifest, text); err != nil {
			return nil, err
		}
	}
	return s, s.checkUnique()
}

// Of lists the objects of one kind, in any version.
func (s *Shape) Of(kind schema.GroupKind) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, o := range s.Objects {
		if o.GroupVersionKind().GroupKind() == kind {
			found = append(found, o)
		}
	}
	return found
}

func (s *Shape) readNodes(files fs.FS) error {
	file := path.Join(s.Name, "node.yaml")
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return err
	}
	add := func(a, b int) int { return a + b }
	t, err := template.New(file).Funcs(template.FuncMap{"add": add}).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return err
	}
	number := 0
	for _, pool := range s.NodePools {
		for i := range pool.Count {
			number++
			var filled bytes.Buffer
			n := node{Name: fmt.Sprintf("%s%06d", pool.NodePrefix, i), Number: number, Index: i, Zone: i%3 + 1, Pool: pool}
			if err := t.Execute(&filled, n); err != nil {
				return err
			}
			if err := s.add(file, filled.Bytes()); err != nil {
				return fmt.Errorf("node %s: %w", n.Name, err)
			}
		}
	}
	return nil
}

// add takes in every document of a manifest.
func (s *Shape) add(file string, text []byte) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		object := &unstructured.Unstructured{}
		if err := strictyaml.UnmarshalStrict(document, &object.Object); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := s.checkSchema(object, document); err != nil {
			return fmt.Errorf("%s: %s %s: %w", file, object.GetKind(), object.GetName(), err)
		}
		s.Objects = append(s.Objects, object)
	}
}

var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// checkSchema refuses fields that the object's kind does not have, and kinds that the cluster would not have.
func (s *Shape) checkSchema(object *unstructured.Unstructured, document []byte) error {
	if object.GetName() == "" {
		return errors.New("it has no name")
	}
	_, _, err := strict.Decode(document, nil, nil)
	if !runtime.IsNotRegisteredError(err) {
		return err
	}
	kind := object.GroupVersionKind()
	if kind.Group == "apiregistration.k8s.io" || slices.ContainsFunc(s.CustomResources, func(r CustomResource) bool { return r.serves(kind) }) {
		return nil
	}
	return fmt.Errorf("the kind is neither built in nor one of customResources in %s/shape.yaml", s.Name)
}

func (s *Shape) checkUnique() error {
	seen := sets.New[string]()
	for _, o := range s.Objects {
		id := strings.Join([]string{o.GroupVersionKind().GroupKind().String(), o.GetNamespace(), o.GetName()}, "/")
		if seen.Has(id) {
			return fmt.Errorf("%s: %s is there twice", s.Name, id)
		}
		seen.Insert(id)
	}
	return nil
}

func (r CustomResource) group() (plural, group string) {
	plural, group, _ = strings.Cut(r.Name, ".")
	return plural, group
}

func (r CustomResource) serves(kind schema.GroupVersionKind) bool {
	_, group := r.group()
	return group == kind.Group && r.Kind == kind.Kind && slices.Contains(r.Versions, kind.Version)
}

// definition is a CustomResourceDefinition that accepts anything. The first version is the stored one.
func (r CustomResource) definition() (*unstructured.Unstructured, error) {
	plural, group := r.group()
	crd := &apiextensionsv1.CustomResourceDefinition{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{Name: r.Name},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group,
			Scope: r.Scope,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: plural, Singular: strings.ToLower(r.Kind), Kind: r.Kind, ListKind: r.Kind + "List", ShortNames: r.ShortNames,
			},
		},
	}
	if strings.HasSuffix(group, ".k8s.io") {
		crd.Annotations = map[string]string{"api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements"}
	}
	anything := &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	for i, version := range r.Versions {
		crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: version, Served: true, Storage: i == 0,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: anything},
		})
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}, err
}

func readStrict(files fs.FS, file string, into any) error {
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return err
	}
	if err := strictyaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
