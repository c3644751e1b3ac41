// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/archmap/archmap/internal/msg"
)

// VersionCount is a version and the number of pods, nodes or objects that have it.
type VersionCount struct {
	Version string
	Count   int
	// Ready is how many of the pods are ready, in a roll-out; nil when that is not known, and for what is no pod.
	Ready *int32
}

// CountVersions lists versions with their counts: the most frequent first, as frequent ones by their text.
func CountVersions(counts map[string]int) []VersionCount {
	var all []VersionCount
	for v, n := range counts {
		all = append(all, VersionCount{Version: v, Count: n})
	}
	return AddVersions(all)
}

// AddVersions adds up the counts of each version, and lists them as CountVersions does. How many are ready is known when it
// is of all that are added.
func AddVersions(counts []VersionCount) []VersionCount {
	sums := map[string]VersionCount{}
	for _, c := range counts {
		if sum, more := sums[c.Version]; more {
			c.Count += sum.Count
			if c.Ready != nil && sum.Ready != nil {
				c.Ready = new(*c.Ready + *sum.Ready)
			} else {
				c.Ready = nil
			}
		}
		sums[c.Version] = c
	}
	delete(sums, "")
	return slices.SortedFunc(maps.Values(sums), func(a, b VersionCount) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Version, b.Version))
	})
}

// FormatVersions writes one version as it is, several with their counts: "v1.32.3 (412), v1.33.1 (0 of 2 ready)".
func FormatVersions(versions []VersionCount) string { return formatVersions(versions, msg.Shorten) }

// BriefVersions is FormatVersions for a column: of more than two it names the first, and says how many more there are.
func BriefVersions(versions []VersionCount) string { return formatVersions(versions, msg.Brief) }

func formatVersions(versions []VersionCount, join func([]string, string) string) string {
	if len(versions) == 1 {
		return versions[0].Version
	}
	var parts []string
	for _, v := range versions {
		parts = append(parts, v.String())
	}
	return join(parts, ", ")
}

// String is the version with its count, and how many are ready unless all are.
func (v VersionCount) String() string {
	if v.Ready != nil && int(*v.Ready) < v.Count {
		return fmt.Sprintf("%s (%d of %d ready)", v.Version, *v.Ready, v.Count)
	}
	return fmt.Sprintf("%s (%d)", v.Version, v.Count)
}

// ParseVersion reads the leading numbers of a version and ignores the rest, as providers append build
// numbers: v1.13.1-20, v1.30.100, 1.28.103-akslts, v1.24.9.2. It returns nil for what is no version.
func ParseVersion(s string) *version.Version {
	v, err := version.ParseGeneric(s)
	if err != nil {
		return nil
	}
	return v
}

// SplitImage parts an image into its repository and its tag; the tag is empty when there is none, as in an
// image given by digest.
func SplitImage(image string) (repository, tag string) {
	ref, err := reference.Parse(image)
	if err != nil {
		return image, ""
	}
	if n, ok := ref.(reference.Named); ok {
		repository = n.Name()
	}
	if t, ok := ref.(reference.Tagged); ok {
		tag = t.Tag()
	}
	return repository, tag
}

// ImageHasPath says whether the repository of an image ends with the given path, whole parts only:
// registries and folders change, the end of the path stays.
func ImageHasPath(image, path string) bool {
	repository, _ := SplitImage(image)
	return repository == path || strings.HasSuffix(repository, "/"+path)
}
