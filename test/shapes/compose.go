// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	strictyaml "sigs.k8s.io/yaml"
)

// compose builds the shape's kustomization.
func (s *Shape) compose(files fs.FS) error {
	memory, err := inMemory(files)
	if err != nil {
		return err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, "/"+s.Name)
	if err != nil {
		return err
	}
	for _, r := range built.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return err
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(text); err != nil {
			return err
		}
		certify(o)
		if o.GroupVersionKind() != customResourcesKind {
			s.Objects = append(s.Objects, o)
			continue
		}
		definitions, err := define(text)
		if err != nil {
			return fmt.Errorf("custom resources of %s: %w", o.GetName(), err)
		}
		s.Objects = append(s.Objects, definitions...)
	}
	return nil
}

// inMemory copies the files to where kustomize finds them, and refuses what it would let pass.
func inMemory(files fs.FS) (filesys.FileSystem, error) {
	memory := filesys.MakeFsInMemory()
	return memory, fs.WalkDir(files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".yaml" {
			return err
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		if _, err := documents(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return memory.WriteFile("/"+file, text)
	})
}

// documents returns the objects in a YAML text, in which no key may stand twice.
func documents(text []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return slices.Clip(objects), nil
		}
		if err != nil {
			return nil, err
		}
		o := &unstructured.Unstructured{}
		if err := strictyaml.UnmarshalStrict(document, &o.Object); err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
}
