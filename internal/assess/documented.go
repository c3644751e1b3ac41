// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"fmt"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// methods that the evidence proves, in the order of listings.
func (a *assessment) methods() []v1alpha1.ImplementationMethod {
	var out []v1alpha1.ImplementationMethod
	for _, m := range catalog.Methods {
		if slices.ContainsFunc(a.evident(), func(f *check.Finding) bool { return f.Check.Method() == m }) {
			out = append(out, m)
		}
	}
	return out
}

// asDocumented compares what was observed with the documentation: the methods first, then the image, then
// the lowest version, then whether it is one version.
func (a *assessment) asDocumented(present metav1.Condition) metav1.Condition {
	documented := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionAsDocumented, status, reason, message)
	}
	if present.Status != metav1.ConditionTrue {
		return documented(metav1.ConditionUnknown, v1alpha1.ReasonNotPresent, "there is nothing to compare with the documentation")
	}
	doc := a.mapping.Spec.Implementation
	methods := a.methods()
	_, images := a.inUse()
	switch {
	case len(methods) == 0:
		return documented(metav1.ConditionUnknown, v1alpha1.ReasonNothingToCompare, "no check says how it is implemented")
	case !sameMethods(methods, doc.Methods):
		return documented(metav1.ConditionFalse, v1alpha1.ReasonMethodDiffers,
			fmt.Sprintf("documented as %s, observed as %s", joinMethods(doc.Methods), joinMethods(methods)))
	case imageDiffers(doc.Image, images):
		return documented(metav1.ConditionFalse, v1alpha1.ReasonImageDiffers,
			fmt.Sprintf("documented image %s, observed %s", doc.Image, msg.Shorten(images, ", ")))
	}
	compared := a.documentedPrograms()
	for _, f := range compared {
		if old := below(f.Versions, doc.MinVersion); len(old) > 0 {
			return documented(metav1.ConditionFalse, v1alpha1.ReasonVersionBelowDocumented,
				fmt.Sprintf("documented version %s or newer, observed %s", doc.MinVersion, check.FormatVersions(old)))
		}
	}
	for _, f := range compared {
		if minors(f.Versions) > 1 && !f.RollingOut {
			return documented(metav1.ConditionFalse, v1alpha1.ReasonVersionSkew,
				"several minor versions are in use at once: "+check.FormatVersions(f.Versions))
		}
	}
	return documented(metav1.ConditionTrue, v1alpha1.ReasonMatchesDocumentation, "implemented as documented: "+joinMethods(methods))
}

// documentedPrograms returns the evidence whose versions compare with the documented one: another image is another
// program.
func (a *assessment) documentedPrograms() []*check.Finding {
	return slices.DeleteFunc(a.evident(), func(f *check.Finding) bool {
		return imageDiffers(a.mapping.Spec.Implementation.Image, f.Images)
	})
}

func sameMethods(a, b []v1alpha1.ImplementationMethod) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func joinMethods(methods []v1alpha1.ImplementationMethod) string {
	var names []string
	for _, m := range methods {
		names = append(names, string(m))
	}
	slices.Sort(names)
	return strings.Join(names, " + ")
}

// imageDiffers reports whether none of the images ends as the documented one does; registries and folders change.
func imageDiffers(documented string, images []string) bool {
	if documented == "" || len(images) == 0 {
		return false
	}
	return !slices.ContainsFunc(images, func(image string) bool {
		return path.Base(image) == path.Base(documented)
	})
}

// below returns the versions older than the documented one; what is no version is not compared.
func below(versions []check.VersionCount, documented string) []check.VersionCount {
	minimum := check.ParseVersion(documented)
	if minimum == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(versions), func(v check.VersionCount) bool {
		parsed := check.ParseVersion(v.Version)
		return parsed == nil || !parsed.LessThan(minimum)
	})
}

// minors counts the different minor versions.
func minors(versions []check.VersionCount) int {
	seen := map[string]bool{}
	for _, v := range versions {
		if parsed := check.ParseVersion(v.Version); parsed != nil {
			seen[fmt.Sprintf("%d.%d", parsed.Major(), parsed.Minor())] = true
		}
	}
	return len(seen)
}
