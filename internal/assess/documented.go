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

// maxDifference is how long each side of a difference, and its correction, is, in bytes.
const maxDifference = 512

// differenceReasons are the reasons of AsDocumented=False, by the difference that nothing explains.
var differenceReasons = map[v1alpha1.DifferenceType]string{
	v1alpha1.DifferenceMethod:      v1alpha1.ReasonMethodDiffers,
	v1alpha1.DifferenceImage:       v1alpha1.ReasonImageDiffers,
	v1alpha1.DifferenceMinVersion:  v1alpha1.ReasonVersionBelowDocumented,
	v1alpha1.DifferenceVersionSkew: v1alpha1.ReasonVersionSkew,
}

// asDocumented sums up the differences: those that nothing explains come first, and give the reason.
func asDocumented(present metav1.Condition, status *v1alpha1.ComponentMappingStatus) metav1.Condition {
	documented := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionAsDocumented, status, reason, message)
	}
	switch {
	case present.Status != metav1.ConditionTrue:
		return documented(metav1.ConditionUnknown, v1alpha1.ReasonNotPresent, "nothing to compare with the documentation")
	case present.Reason == v1alpha1.ReasonPartial:
		return documented(metav1.ConditionUnknown, v1alpha1.ReasonNothingToCompare, "only complete components are compared with the documentation")
	case len(status.Methods) == 0:
		return documented(metav1.ConditionUnknown, v1alpha1.ReasonNothingToCompare, "no check says how it is implemented")
	case len(status.Differences) == 0:
		return documented(metav1.ConditionTrue, v1alpha1.ReasonMatchesDocumentation, "implemented as documented: "+joinMethods(status.Methods))
	}
	news := catalog.Unexplained(status.Differences)
	var parts []string
	for _, d := range news {
		parts = append(parts, catalog.DescribeDifference(d))
	}
	for _, d := range status.Differences {
		if d.Correction != "" {
			parts = append(parts, fmt.Sprintf("known: %s (%s)", catalog.DescribeDifference(d), d.Correction))
		}
	}
	message := strings.Join(parts, "; ")
	if len(news) == 0 {
		return documented(metav1.ConditionTrue, v1alpha1.ReasonKnownDifference, message)
	}
	return documented(metav1.ConditionFalse, differenceReasons[news[0].Type], message)
}

// differences lists where what is present differs from the documentation: the methods first, then the image, then the
// lowest version, then whether it is one version. There are none when no check says how it is implemented, or when a part
// is missing.
func (a *assessment) differences(status *v1alpha1.ComponentMappingStatus) []v1alpha1.Difference {
	if len(status.Methods) == 0 || len(a.parts) > 0 {
		return nil
	}
	var out []v1alpha1.Difference
	differ := func(t v1alpha1.DifferenceType, documented, observed string) {
		out = append(out, v1alpha1.Difference{
			Type: t, Documented: msg.Truncate(documented, maxDifference), Observed: msg.Truncate(observed, maxDifference),
			Correction: msg.Truncate(catalog.Correction(a.mapping, status.Variants, t), maxDifference),
		})
	}
	doc := a.mapping.Spec.Implementation
	if !sameMethods(status.Methods, doc.Methods) {
		differ(v1alpha1.DifferenceMethod, joinMethods(doc.Methods), joinMethods(status.Methods))
	}
	if _, images := a.inUse(); imageDiffers(doc.Image, images) {
		differ(v1alpha1.DifferenceImage, doc.Image, msg.Shorten(images, ", "))
	}
	compared := a.documentedPrograms()
	if old := versionsOf(compared, func(v []check.VersionCount) []check.VersionCount { return below(v, doc.MinVersion) }); len(old) > 0 {
		differ(v1alpha1.DifferenceMinVersion, doc.MinVersion, check.FormatVersions(old))
	}
	if mixed := versionsOf(slices.DeleteFunc(compared, mayMix), severalMinors); len(mixed) > 0 {
		differ(v1alpha1.DifferenceVersionSkew, "", check.FormatVersions(mixed))
	}
	return out
}

// versionsOf adds up what of the versions of each finding is of interest.
func versionsOf(findings []*check.Finding, of func([]check.VersionCount) []check.VersionCount) []check.VersionCount {
	counts := map[string]int{}
	for _, f := range findings {
		for _, v := range of(f.Versions) {
			counts[v.Version] += v.Count
		}
	}
	return check.CountVersions(counts)
}

// mayMix reports whether several minor versions say nothing of the component: its pods roll out, or it is a part of the
// nodes, whose pools are upgraded one after the other and run different operating systems. How far versions of nodes may
// lie apart is what VersionsSupported says.
func mayMix(f *check.Finding) bool {
	return f.RollingOut || f.Check.Spec.Type == v1alpha1.CheckNodes
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

// severalMinors returns the versions when they are of several minor versions.
func severalMinors(versions []check.VersionCount) []check.VersionCount {
	seen := map[string]bool{}
	for _, v := range versions {
		if parsed := check.ParseVersion(v.Version); parsed != nil {
			seen[fmt.Sprintf("%d.%d", parsed.Major(), parsed.Minor())] = true
		}
	}
	if len(seen) < 2 {
		return nil
	}
	return versions
}
