// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// mistakes is a file of testdata/invalid: an object that the API server accepts, and ways to spoil it.
type mistakes struct {
	Base  json.RawMessage `json:"base"`
	Cases []mistake       `json:"cases"`
}

type mistake struct {
	Name string `json:"name"`
	// Patch is a JSON merge patch of the object.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Check is a JSON merge patch of the object's first check.
	Check json.RawMessage `json:"check,omitempty"`
	// Want maps every field that the API server must complain about, and no other, to words of the
	// complaint.
	Want map[string]string `json:"want"`
}

var _ = Describe("Validation", func() {
	for _, path := range glob("testdata/invalid/*.yaml") {
		file := readYAML[mistakes](path)
		Describe("of "+filepath.Base(path), func() {
			It("accepts the base", func() {
				Expect(tryCreate(file.Base)).To(Succeed())
			})
			for _, c := range file.Cases {
				It("refuses "+c.Name, func() {
					err := tryCreate(c.spoil(file.Base))
					Expect(err).To(MatchError(apierrors.IsInvalid, "IsInvalid"))
					found := complaints(err)
					for field, words := range c.Want {
						Expect(found).To(HaveKeyWithValue(field, ContainSubstring(words)), "%v", err)
					}
					Expect(found).To(HaveLen(len(c.Want)), "%v", err)
				})
			}
		})
	}
})

// spoil makes the mistake in an object.
func (m mistake) spoil(base json.RawMessage) json.RawMessage {
	GinkgoHelper()
	patch := m.Patch
	if m.Check != nil {
		var object struct {
			Spec struct {
				Checks []json.RawMessage `json:"checks"`
			} `json:"spec"`
		}
		Expect(json.Unmarshal(base, &object)).To(Succeed())
		check, err := jsonpatch.MergePatch(object.Spec.Checks[0], m.Check)
		Expect(err).NotTo(HaveOccurred())
		patch = []byte(`{"spec":{"checks":[` + string(check) + `]}}`)
	}
	spoilt, err := jsonpatch.MergePatch(base, patch)
	Expect(err).NotTo(HaveOccurred())
	return spoilt
}

// tryCreate asks the API server whether it would accept an object, as kubectl apply does.
func tryCreate(manifest json.RawMessage) error {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	Expect(object.UnmarshalJSON(manifest)).To(Succeed())
	strict := client.WithFieldValidation(k8sClient, metav1.FieldValidationStrict)
	return strict.Create(ctx, object, client.DryRunAll)
}

// notChecked is what the API server adds when it could not run all rules.
const notChecked = "some validation rules were not checked"

// complaints maps the fields that the API server complains about to what it says of them.
func complaints(err error) map[string]string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil
	}
	found := map[string]string{}
	for _, cause := range status.Status().Details.Causes {
		if !strings.Contains(cause.Message, notChecked) {
			found[cause.Field] += cause.Message + "\n"
		}
	}
	return found
}

func glob(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		panic("no files match " + pattern)
	}
	return paths
}

func readYAML[T any](path string) T {
	var content T
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.UnmarshalStrict(data, &content)
	}
	if err != nil {
		panic(path + ": " + err.Error())
	}
	return content
}
