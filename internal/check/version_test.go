// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// The suffixes are those of real AKS images and nodes.
func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"v1.32.3":                   "1.32.3",
		"1.9.3":                     "1.9.3",
		"v1.13.1-20":                "1.13.1",
		"v1.30.100":                 "1.30.100",
		"1.28.103-akslts":           "1.28.103",
		"v1.31.0-windows-hpc-1":     "1.31.0",
		"v1.24.9.2":                 "1.24.9.2",
		"v0.0.33-hotfix.20221110":   "0.0.33",
		"v1.18.12-260901":           "1.18.12",
		"1.17.8-distroless":         "1.17.8",
		"1.6.4+azure-4":             "1.6.4",
		"1.33":                      "1.33",
		"ciprod01182023-095c864a":   "",
		"master.250423.2":           "",
		"latest":                    "",
		"v3":                        "",
		"1.99999999999999999999999": "",
		"":                          "",
	} {
		t.Run(text, func(t *testing.T) {
			g := NewWithT(t)
			if v := ParseVersion(text); want == "" {
				g.Expect(v).To(BeNil())
			} else {
				g.Expect(v.String()).To(Equal(want))
			}
		})
	}
}

func TestSplitImage(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("5d", 32)
	for name, test := range map[string]struct{ image, repository, tag string }{
		"tag":                  {"mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.13.1-20", "mcr.microsoft.com/oss/v2/kubernetes/coredns", "v1.13.1-20"},
		"no tag":               {"mcr.microsoft.com/oss/kubernetes/pause", "mcr.microsoft.com/oss/kubernetes/pause", ""},
		"digest":               {"registry.k8s.io/pause" + digest, "registry.k8s.io/pause", ""},
		"tag and digest":       {"registry.k8s.io/pause:3.6" + digest, "registry.k8s.io/pause", "3.6"},
		"port and tag":         {"registry.example:5000/coredns:v1.9.3", "registry.example:5000/coredns", "v1.9.3"},
		"port and no tag":      {"registry.example:5000/coredns", "registry.example:5000/coredns", ""},
		"port and digest":      {"registry.example:5000/coredns" + digest, "registry.example:5000/coredns", ""},
		"no registry":          {"nginx:1.27", "nginx", "1.27"},
		"name only":            {"nginx", "nginx", ""},
		"no image":             {"", "", ""},
		"what can be no image": {"not an image", "not an image", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			repository, tag := SplitImage(test.image)
			g.Expect(repository).To(Equal(test.repository))
			g.Expect(tag).To(Equal(test.tag))
		})
	}
}

func TestImageHasPath(t *testing.T) {
	const image = "registry.example:5000/oss/v2/kubernetes/pause:3.6"
	for path, want := range map[string]bool{
		"pause":                   true,
		"kubernetes/pause":        true,
		"oss/v2/kubernetes/pause": true,
		"registry.example:5000/oss/v2/kubernetes/pause": true,
		"use":                  false,
		"oss/kubernetes/pause": false,
		"kubernetes":           false,
		"pause:3.6":            false,
	} {
		t.Run(path, func(t *testing.T) {
			NewWithT(t).Expect(ImageHasPath(image, path)).To(Equal(want))
		})
	}
}

func TestVersionsInUse(t *testing.T) {
	for name, test := range map[string]struct {
		counts map[string]int
		want   string
	}{
		"none":                     {nil, ""},
		"one":                      {map[string]int{"v1.32.3": 500}, "v1.32.3"},
		"two, most frequent first": {map[string]int{"v1.33.1": 88, "v1.32.3": 412}, "v1.32.3 (412), v1.33.1 (88)"},
		"as frequent":              {map[string]int{"v1.33.1": 2, "v1.32.3": 2}, "v1.32.3 (2), v1.33.1 (2)"},
		"unknown ones left out":    {map[string]int{"": 7, "v1.32.3": 1}, "v1.32.3"},
		"five":                     {map[string]int{"e": 1, "d": 2, "c": 3, "b": 4, "a": 5}, "a (5), b (4), c (3) and 2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(FormatVersions(CountVersions(test.counts))).To(Equal(test.want))
		})
	}
}
