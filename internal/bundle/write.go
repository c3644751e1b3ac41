// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// About describes what a bundle is of.
type About struct {
	// Cluster is the name of the cluster, CollectedBy the version of the collector.
	Cluster, CollectedBy string
	// Mappings say which annotations and which data of ConfigMaps are read; the others are left out.
	Mappings []v1alpha1.ComponentMapping
}

// directory is where everything of a bundle is.
const directory = "archmap-bundle"

// Write writes a bundle: what was read from a cluster, redacted. The same snapshot gives the same bytes.
func Write(w io.Writer, d *snapshot.Snapshot, about About) (*Manifest, error) {
	objects, err := contents(d.AllObjects())
	if err != nil {
		return nil, err
	}
	r := newRedactor(about.Mappings, idsIn(d, objects, about.Cluster))
	files, err := objectFiles(objects, r)
	if err != nil {
		return nil, err
	}
	m := newManifest(d, about, r)
	m.Objects, m.LeftOut = len(objects), r.leftOut
	slices.SortStableFunc(m.LeftOut, func(a, b leftOut) int {
		return cmp.Or(cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Kind, b.Kind))
	})
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	readme, err := readmeOf(m)
	if err != nil {
		return nil, err
	}
	zipped := gzip.NewWriter(w)
	archive := &archiver{Writer: tar.NewWriter(zipped), time: d.Time}
	archive.add(ReadmeName, readme)
	archive.add(manifestName, append(manifest, '\n'))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		archive.add(name, files[name])
	}
	return m, cmp.Or(archive.err, archive.Close(), zipped.Close())
}

type archiver struct {
	*tar.Writer

	time time.Time
	err  error
}

func (a *archiver) add(name string, content []byte) {
	if a.err != nil {
		return
	}
	if a.err = a.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(directory, name), Size: int64(len(content)), Mode: 0o600, ModTime: a.time.Truncate(time.Second),
	}); a.err == nil {
		_, a.err = a.Write(content)
	}
}

// contents returns copies of the objects without types, in order.
func contents(objects []client.Object) ([]map[string]any, error) {
	objects = lastOfEach(objects)
	slices.SortStableFunc(objects, func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	out := make([]map[string]any, 0, len(objects))
	for _, o := range objects {
		kind := kindOf(o)
		content, err := contentOf(o)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind.Kind, client.ObjectKeyFromObject(o), err)
		}
		content["apiVersion"], content["kind"] = kind.GroupVersion().String(), kind.Kind
		out = append(out, content)
	}
	return out, nil
}

// objectFiles returns the objects as YAML, a file for each kind and namespace.
func objectFiles(objects []map[string]any, r *redactor) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, content := range objects {
		o := &unstructured.Unstructured{Object: content}
		kind := o.GroupVersionKind()
		name := path.Join("objects", strings.TrimSuffix(kind.Kind+"."+kind.Version+"."+kind.Group, "."), r.ids.replace(o.GetNamespace())) + ".yaml"
		text, err := yaml.Marshal(r.object(content))
		if err != nil {
			return nil, err
		}
		files[name] = append(append(files[name], "---\n"...), text...)
	}
	return files, nil
}

// lastOfEach leaves out the objects of which there is a later one.
func lastOfEach(objects []client.Object) []client.Object {
	last := map[identity]client.Object{}
	for _, o := range objects {
		last[identityOf(o)] = o
	}
	return slices.DeleteFunc(slices.Clone(objects), func(o client.Object) bool { return last[identityOf(o)] != o })
}

// identity is what two states of one object have in common.
type identity struct {
	kind            schema.GroupVersionKind
	namespace, name string
}

func identityOf(o client.Object) identity { return identity{kindOf(o), o.GetNamespace(), o.GetName()} }

// kindOf returns the kind of an object, which typed ones need not say.
func kindOf(o client.Object) schema.GroupVersionKind {
	kind, err := apiutil.GVKForObject(o, scheme.Scheme)
	if err != nil {
		return o.GetObjectKind().GroupVersionKind()
	}
	return kind
}

// contentOf returns a copy of the object without a type.
func contentOf(o client.Object) (map[string]any, error) {
	if u, untyped := o.(*unstructured.Unstructured); untyped {
		return runtime.DeepCopyJSON(u.Object), nil
	}
	return runtime.DefaultUnstructuredConverter.ToUnstructured(o)
}

func newManifest(d *snapshot.Snapshot, about About, r *redactor) *Manifest {
	m := &Manifest{
		APIVersion: manifestAPIVersion, Kind: manifestKind, CollectedAt: d.Time.UTC(), Cluster: r.ids.replace(about.Cluster),
		CollectedBy: about.CollectedBy, ServerVersion: serverVersion(d),
	}
	for _, observed := range d.Reads {
		read := newRead(observed)
		read.Message = r.text(read.Message)
		m.Reads = append(m.Reads, read)
	}
	slices.SortStableFunc(m.Reads, func(a, b read) int {
		return cmp.Or(cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Selector, b.Selector), cmp.Compare(a.Fields, b.Fields),
			cmp.Compare(a.Path, b.Path))
	})
	for _, p := range slices.Sorted(maps.Keys(d.Responses)) {
		answer := d.Responses[p]
		m.Responses = append(m.Responses, response{Path: p, Status: answer.Status, Body: r.body(p, answer.Body)})
	}
	for asked, answer := range d.Reviews {
		m.Reviews = append(m.Reviews, review{access(asked), answer.Allowed, r.text(answer.Reason)})
	}
	slices.SortFunc(m.Reviews, func(a, b review) int {
		return cmp.Or(cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
	})
	for of, n := range d.ReadyPods {
		m.ReadyPods = append(m.ReadyPods, readyPods{r.ids.replace(of.Namespace), of.Kind, r.ids.replace(of.Name), of.Hash, r.ids.replace(of.Node), n})
	}
	slices.SortFunc(m.ReadyPods, func(a, b readyPods) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Node, b.Node))
	})
	return m
}

func serverVersion(d *snapshot.Snapshot) string {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	_ = json.Unmarshal([]byte(d.Responses["/version"].Body), &version)
	return version.GitVersion
}

// Unread returns the reads that failed, and why.
func (m *Manifest) Unread() []string {
	var out []string
	for _, r := range m.Reads {
		if s := states[r.State]; s == facts.NotPermitted || s == facts.Failed || s == facts.NotHeld {
			out = append(out, r.subject()+": "+r.Message)
		}
	}
	return out
}

// subject names what was asked for.
func (r read) subject() string {
	text := r.Kind
	switch {
	case r.Path != "":
		return "GET " + r.Path
	case r.Review != nil:
		return fmt.Sprintf("access review (%s %s)", r.Review.Verb, r.Review.Resource)
	case r.Name != "":
		text += " " + r.Name
	}
	if r.Selector != "" {
		text += " with labels " + r.Selector
	}
	if r.Fields != "" {
		text += " with fields " + r.Fields
	}
	if r.Namespace != "" {
		text += " in namespace " + r.Namespace
	}
	return text
}

//go:embed readme.txt
var readmeText string

var readmeTemplate = template.Must(template.New(ReadmeName).Parse(readmeText))

func readmeOf(m *Manifest) ([]byte, error) {
	var out bytes.Buffer
	err := readmeTemplate.Execute(&out, m)
	return out.Bytes(), err
}
