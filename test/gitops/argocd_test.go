// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

// rules are Argo CD's health rules, by the key that they have in its ConfigMap. They run as Argo CD runs those
// of its users: with the same interpreter, of Lua's libraries only these two, and one second at most.
type rules map[string]string

// readRules reads a patch of Argo CD's ConfigMap.
func readRules(t *testing.T, file string) rules {
	t.Helper()
	g := NewWithT(t)
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "argocd", file))
	g.Expect(err).NotTo(HaveOccurred())
	var patch struct {
		Data rules `json:"data"`
	}
	g.Expect(yaml.UnmarshalStrict(data, &patch)).To(Succeed())
	g.Expect(patch.Data).To(HaveLen(2))
	return patch.Data
}

// GetResourceHealth is what Argo CD asks of its rules.
func (r rules) GetResourceHealth(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	kind := object.GroupVersionKind()
	script, found := r["resource.customizations.health."+kind.Group+"_"+kind.Kind]
	if !found {
		return nil, nil
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, fmt.Errorf("open Lua's library %q: %w", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	if err := setObject(state, object); err != nil {
		return nil, err
	}
	if err := state.DoString(script); err != nil {
		return nil, fmt.Errorf("health rule of %s: %w", kind.Kind, err)
	}
	encoded, err := luajson.Encode(state.Get(-1))
	if err != nil {
		return nil, fmt.Errorf("health rule of %s: %w", kind.Kind, err)
	}
	var result health.HealthStatus
	if err := json.Unmarshal(encoded, &result); err != nil {
		return nil, fmt.Errorf("health rule of %s yields %s: %w", kind.Kind, encoded, err)
	}
	return &result, nil
}

// setObject gives the script its global obj.
func setObject(state *lua.LState, object *unstructured.Unstructured) error {
	raw, err := object.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode the object: %w", err)
	}
	value, err := luajson.Decode(state, raw)
	if err != nil {
		return fmt.Errorf("give the object to Lua: %w", err)
	}
	state.SetGlobal("obj", value)
	return nil
}
