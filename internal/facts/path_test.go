// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts_test

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/config/crd"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/test/mistakes"
)

// TestPaths: those by which the API server tells of itself are read, and no other spelling of any path.
func TestPaths(t *testing.T) {
	g := NewWithT(t)
	for _, path := range []string{
		"/healthz", "/livez", "/readyz", "/readyz/etcd", "/readyz/etcd-override-readiness-1", "/livez/poststarthook/rbac/bootstrap-roles",
		"/readyz?verbose", "/livez?exclude=etcd", "/healthz?verbose&exclude=poststarthook/rbac/bootstrap-roles&exclude=etcd",
		"/version", "/.well-known/openid-configuration", "/openid/v1/jwks",
	} {
		g.Expect(facts.CheckPath(path)).To(Succeed(), path)
	}
	for _, path := range []string{
		"", "/", "readyz", "*", "/version/", "/version/..", "/version/a", "/readyz/..", "/readyz/.", "/readyz/-", "/readyz/a/../../api", "/Version", "/version\x00",
		"/version ", " /version", "/version\n", "/version?", "/version?\n", "/readyz?verbose\n", "/readyz?verbose=1", "/readyz?exclude=", "/readyz?exclude=%61", "/readyz?a",
		"/.well-known", "/.well-known/", "/.well-known/..", "/.well-known/a/b", "/.well-known/openid-configuration?a=b", "/openid/v1/jwks/../../../api", "/openid", "/openapi/v3", "/swagger.json", "/flagz", "/statusz",
		"/version@elsewhere.example", "//version", "/%76ersion", "/versio\u006e\u0301", "/ｖersion",
	} {
		g.Expect(facts.CheckPath(path)).NotTo(Succeed(), "%q", path)
	}
}

// TestPathsOfMistakes: what the API server rejects is not read either, should it have accepted it once.
func TestPathsOfMistakes(t *testing.T) {
	g := NewWithT(t)
	rejected := 0
	for _, file := range mistakes.Files() {
		for _, mistake := range file.Cases {
			want, ok := mistake.Want["spec.checks[0].endpoint.path"]
			spoiled, err := mistake.Spoil(file.Base)
			g.Expect(err).NotTo(HaveOccurred())
			var mapping struct {
				Spec struct {
					Checks []struct {
						Endpoint struct {
							Path string `json:"path"`
						} `json:"endpoint"`
					} `json:"checks"`
				} `json:"spec"`
			}
			if !ok || yaml.Unmarshal(spoiled, &mapping) != nil || mapping.Spec.Checks[0].Endpoint.Path == "" {
				continue
			}
			rejected++
			g.Expect(facts.CheckPath(mapping.Spec.Checks[0].Endpoint.Path)).To(MatchError(ContainSubstring(want)), mistake.Name)
		}
	}
	g.Expect(rejected).To(BeNumerically(">", 30))
}

// TestPathsOfTheAPI: the API server rejects by the same patterns as whoever reads.
func TestPathsOfTheAPI(t *testing.T) {
	g := NewWithT(t)
	definitions, err := crd.Definitions()
	g.Expect(err).NotTo(HaveOccurred())
	encoded, err := json.Marshal(definitions)
	g.Expect(err).NotTo(HaveOccurred())
	text := strings.ReplaceAll(string(encoded), `\u0026`, "&")
	for _, pattern := range []string{facts.PathPattern, facts.QueryPattern} {
		g.Expect(strings.Count(text, "self.matches('"+pattern+"')")).To(Equal(2), "of shared checks, and of those of variants")
	}
}
