// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	crvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/archmap/archmap/config/crd"
)

// validator does to objects of one kind what the API server does when they are created: it finds unknown fields,
// fills in defaults and holds them to the schema, with the API server's own code.
type validator struct {
	structural *structuralschema.Structural
	schema     crvalidation.SchemaValidator
	rules      *cel.Validator
}

// loadValidators makes the validators of archmap's own kinds, once.
var loadValidators = sync.OnceValues(func() (map[schema.GroupVersionKind]*validator, error) {
	definitions, err := crd.Definitions()
	if err != nil {
		return nil, err
	}
	validators := map[schema.GroupVersionKind]*validator{}
	for _, d := range definitions {
		for i := range d.Spec.Versions {
			v := &d.Spec.Versions[i]
			kind := schema.GroupVersionKind{Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind}
			if validators[kind], err = newValidator(v); err != nil {
				return nil, fmt.Errorf("definition of %s: %w", kind, err)
			}
		}
	}
	return validators, nil
})

func newValidator(version *apiextensionsv1.CustomResourceDefinitionVersion) (*validator, error) {
	var internal apiextensions.CustomResourceValidation
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, &internal, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	schemaValidator, _, err := crvalidation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	return &validator{structural: structural, schema: schemaValidator, rules: cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// complaint is what the API server would say of a field.
type complaint struct{ field, message string }

// validate fills in the defaults of an object, as its author wrote it, and says what the API server would not accept.
// Like that, it drops the status.
func (v *validator) validate(object map[string]any) []complaint {
	delete(object, "status")
	meta, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return []complaint{{"metadata", err.Error()}}
	}
	unknown = append(unknown,
		pruning.PruneWithOptions(object, v.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, v.structural)
	defaulting.Default(object, v.structural)
	delete(object, "status")

	var complaints []complaint
	for _, path := range unknown {
		complaints = append(complaints, complaint{path, "unknown field" + v.siblings(path)})
	}
	for _, e := range v.fieldErrors(object, meta) {
		complaints = append(complaints, complaint{e.Field, e.ErrorBody()})
	}
	return complaints
}

func (v *validator) fieldErrors(object map[string]any, meta *metav1.ObjectMeta) field.ErrorList {
	if meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	meta.Namespace = "" // that of an object without namespaces is ignored
	errs := validation.ValidateObjectMeta(meta, false, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, crvalidation.ValidateCustomResource(nil, object, v.schema)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, v.structural, object)...)
	if blocks(errs) {
		return errs
	}
	found, _ := v.rules.Validate(context.Background(), nil, v.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, found...)
}

// blocks reports whether the errors keep the API server from trying the rules.
func blocks(errs field.ErrorList) bool {
	for _, e := range errs {
		switch e.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		}
	}
	return false
}

// siblings lists the known fields beside an unknown one.
func (v *validator) siblings(path string) string {
	at := v.structural
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		name, _, isItem := strings.Cut(name, "[")
		child, known := at.Properties[name]
		switch at = &child; {
		case !known:
			return "" // of metadata
		case isItem && child.Items != nil:
			at = child.Items
		}
	}
	if len(at.Properties) == 0 {
		return ""
	}
	return "; the fields here are " + strings.Join(slices.Sorted(maps.Keys(at.Properties)), ", ")
}

// knownKinds lists the kinds of a group, for a message.
func knownKinds(validators map[schema.GroupVersionKind]*validator, group string) string {
	var names []string
	for kind := range validators {
		if kind.Group == group {
			names = append(names, kind.Kind+" in "+kind.GroupVersion().String())
		}
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
