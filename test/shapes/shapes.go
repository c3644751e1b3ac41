// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shapes holds clusters as data: what the API of a cluster shows, and the verdicts that archmap's
// catalog must come to. README.md says how a shape is made.
//
// Objects have the status that a cluster would give them only where no controller of a real control plane
// writes it: Nodes and their conditions, Leases, custom resources, load balancers. Times are left out where
// they change: the world or the simulator fills them in.
package shapes

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	strictyaml "sigs.k8s.io/yaml"
)

//go:embed parts/node.yaml.tmpl */*.yaml */*/*.yaml */*/*/*.yaml
var data embed.FS

// Shape is a cluster as data.
type Shape struct {
	// Name of the shape's folder.
	Name string `json:"-"`
	// Description of the cluster.
	Description string `json:"description"`
	// KubernetesVersion of the API server and the nodes.
	KubernetesVersion string `json:"kubernetesVersion"`
	// Issuer of service account tokens.
	Issuer string `json:"issuer"`
	// AzureRBAC says that role assignments of Azure give rights in the cluster.
	AzureRBAC bool `json:"azureRBAC"`
	// Live shapes are shown on a real control plane, which rolls out their workloads.
	Live bool `json:"live"`
	// Provider of the nodes.
	Provider Provider `json:"provider"`
	// Region of the nodes.
	Region string `json:"region"`
	// Zones of the region over which the nodes are spread; none if it has none.
	Zones int `json:"zones"`
	// Network of the pods.
	Network Network `json:"network"`
	// MaxPods on a node.
	MaxPods int `json:"maxPods"`
	// NodeImage is what the nodes run, unless their pool says otherwise.
	NodeImage NodeImage `json:"nodeImage"`
	// NodeLabels that all nodes have, in addition to those of the provider.
	NodeLabels map[string]string `json:"nodeLabels"`
	// NodeConditions that all nodes report, in addition to the usual ones or in place of them: whatever connects the pods
	// says NetworkUnavailable=False, and a node without a CNI is not ready.
	NodeConditions []corev1.NodeCondition `json:"nodeConditions"`
	// NodePools are the groups of like nodes.
	NodePools []NodePool `json:"nodePools"`

	// Objects are all objects of the cluster, nodes and definitions of kinds included.
	Objects []*unstructured.Unstructured `json:"-"`
	// Expected are the verdicts of the catalog, by the name of the mapping.
	Expected map[string]Expected `json:"-"`
	// ExpectedArchitecture is the verdict on the whole; nil where it is not checked.
	ExpectedArchitecture *ExpectedArchitecture `json:"-"`
}

// NodePool is a group of like nodes.
type NodePool struct {
	Name string `json:"name"`
	// Type of the pool; without one, a scale set.
	Type PoolType `json:"type"`
	// NodePrefix and six digits are the name of a node.
	NodePrefix string `json:"nodePrefix"`
	// Count of nodes.
	Count int `json:"count"`
	// NodeNames, where they follow no rule, in place of NodePrefix and Count.
	NodeNames []string          `json:"nodeNames"`
	Image     *NodeImage        `json:"image"`
	Labels    map[string]string `json:"labels"`
	Taints    []corev1.Taint    `json:"taints"`
}

// NodeImage is what a node runs.
type NodeImage struct {
	OS      string `json:"os"`
	Name    string `json:"name"`
	Kernel  string `json:"kernel"`
	Runtime string `json:"runtime"`
	// ProblemDetector says that the image has the node problem detector as a service.
	ProblemDetector bool `json:"problemDetector"`
	// Labels that name the image.
	Labels map[string]string `json:"labels"`
}

// Expected is the verdict on one ComponentMapping: its conditions as status/reason, the complete variants, the
// methods in short, the version in use and who operates it. Without a version or an operator, any will do: the
// version of the API server is the control plane's own.
type Expected struct {
	Present      string   `json:"present"`
	Healthy      string   `json:"healthy"`
	AsDocumented string   `json:"asDocumented"`
	Variants     []string `json:"variants"`
	Methods      string   `json:"methods"`
	Version      string   `json:"version"`
	OperatedBy   string   `json:"operatedBy"`
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

// Live lists the shapes that are shown on a real control plane.
func Live() []string {
	return namesOf(func(s *Shape) bool { return s.Live })
}

// Healthy lists the shapes of which the architecture is assessed and healthy: in these, something can break.
func Healthy() []string {
	return namesOf(func(s *Shape) bool {
		return s.ExpectedArchitecture != nil && strings.HasPrefix(s.ExpectedArchitecture.Healthy, string(metav1.ConditionTrue))
	})
}

// namesOf lists the shapes that are wanted, by what they say of themselves and what is expected of them.
func namesOf(wanted func(*Shape) bool) []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		s, err := describe(data, name)
		if err != nil {
			panic(err) // the data is built in, and Load is tested on all of it
		}
		return !wanted(s)
	})
}

// Load reads a shape and holds every object of a kind that Kubernetes knows to its schema.
func Load(name string) (*Shape, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no shape %q; the shapes are %s", name, strings.Join(Names(), ", "))
	}
	return load(data, name)
}

func load(files fs.FS, name string) (*Shape, error) {
	s, err := describe(files, name)
	if err != nil {
		return nil, err
	}
	if err := s.compose(files); err != nil {
		return nil, fmt.Errorf("shape %s: %w", name, err)
	}
	if err := s.addNodes(files); err != nil {
		return nil, fmt.Errorf("shape %s: %w", name, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("shape %s: %w", name, err)
	}
	return s, nil
}

// describe reads a shape without its objects.
func describe(files fs.FS, name string) (*Shape, error) {
	s := &Shape{Name: name}
	if err := readStrict(files, path.Join(name, "shape.yaml"), s); err != nil {
		return nil, err
	}
	return s, s.readExpected(files)
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

// check refuses what a cluster would not have.
func (s *Shape) check() error {
	served, seen := s.customKinds(), sets.New[string]()
	for _, o := range s.Objects {
		id := strings.Join([]string{o.GroupVersionKind().GroupKind().String(), o.GetNamespace(), o.GetName()}, "/")
		if seen.Has(id) {
			return fmt.Errorf("%s is there twice", id)
		}
		seen.Insert(id)
		if err := errors.Join(checkSchema(o, served), checkImages(o)); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// checkSchema refuses fields that the object's kind does not have, and kinds that the cluster would not serve.
func checkSchema(object *unstructured.Unstructured, served sets.Set[schema.GroupVersionKind]) error {
	if object.GetName() == "" {
		return errors.New("it has no name")
	}
	kind := object.GroupVersionKind()
	if served.Has(kind) || kind.Group == "apiregistration.k8s.io" || kind.Group == "apiextensions.k8s.io" {
		return nil
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	_, _, err = strict.Decode(text, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return errors.New("the kind is neither built in nor among the CustomResources of a part")
	}
	return err
}

// checkImages refuses an image that no era has given its place and tag.
func checkImages(object *unstructured.Unstructured) error {
	for _, list := range []string{"initContainers", "containers"} {
		containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", list)
		if err != nil {
			return err
		}
		for _, c := range containers {
			image, _, err := unstructured.NestedString(c.(map[string]any), "image")
			if err != nil {
				return err
			}
			if !strings.Contains(path.Base(image), ":") {
				return fmt.Errorf("image %q has no tag: the shape's era does not name it", image)
			}
		}
	}
	return nil
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
