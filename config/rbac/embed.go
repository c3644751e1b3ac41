// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbac embeds the roles of this folder that say what the operator may read.
package rbac

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed role.yaml observer_role.yaml observer_aks_role.yaml observer_aks_extras_role.yaml
var files embed.FS

// ClusterRoles are those that the operator is shipped with: its own, and what it may look at.
func ClusterRoles() ([]rbacv1.ClusterRole, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	var roles []rbacv1.ClusterRole
	for _, entry := range entries {
		data, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, err
		}
		found, err := clusterRoles(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		roles = append(roles, found...)
	}
	return roles, nil
}

// clusterRoles reads those of a file's documents that are ClusterRoles.
func clusterRoles(data []byte) ([]rbacv1.ClusterRole, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), len(data))
	var roles []rbacv1.ClusterRole
	for {
		var role rbacv1.ClusterRole
		switch err := decoder.Decode(&role); {
		case errors.Is(err, io.EOF):
			return roles, nil
		case err != nil:
			return nil, err
		case role.Kind == "ClusterRole":
			roles = append(roles, role)
		}
	}
}
