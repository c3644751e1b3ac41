// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package catalog embeds the catalogs of this folder, so that they can be read without a cluster. Each
// folder is one catalog, a kustomization that kubectl can apply.
package catalog

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
)

const (
	// AKS is the folder of the architecture of AKS: its ClusterArchitecture and the components of the table.
	AKS = "aks"
	// AKSExtras is the folder of what AKS clusters have beyond the table.
	AKSExtras = "aks-extras"
)

//go:embed aks aks-extras
var files embed.FS

// Catalog is what some folders hold, in the order of their kustomizations.
type Catalog struct {
	Architectures []v1alpha1.ClusterArchitecture
	Mappings      []v1alpha1.ComponentMapping
}

// Load reads the catalogs of the given folders. Defaults of the API, which a server would fill in, are left
// out.
func Load(folders ...string) (*Catalog, error) { return load(files, folders...) }

func load(fsys fs.FS, folders ...string) (*Catalog, error) {
	decoder, err := newDecoder()
	if err != nil {
		return nil, err
	}
	var c Catalog
	for _, folder := range folders {
		names, err := resources(fsys, folder)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := c.add(fsys, path.Join(folder, name), decoder); err != nil {
				return nil, err
			}
		}
	}
	return &c, nil
}

func newDecoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(), nil
}

// resources are the files that a folder's kustomization lists.
func resources(fsys fs.FS, folder string) ([]string, error) {
	file := path.Join(folder, "kustomization.yaml")
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", folder, err)
	}
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(data, &kustomization); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return kustomization.Resources, nil
}

func (c *Catalog) add(fsys fs.FS, file string, decoder runtime.Decoder) error {
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return fmt.Errorf("%s is listed in its kustomization: %w", file, err)
	}
	object, _, err := decoder.Decode(data, nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	switch o := object.(type) {
	case *v1alpha1.ClusterArchitecture:
		c.Architectures = append(c.Architectures, *o)
	case *v1alpha1.ComponentMapping:
		c.Mappings = append(c.Mappings, *o)
	default:
		return fmt.Errorf("%s: must hold a ComponentMapping or a ClusterArchitecture, it holds a %T", file, object)
	}
	return nil
}
