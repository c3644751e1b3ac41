// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestPullRoot(t *testing.T) {
	const coredns = "mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.13.1-20"
	for name, test := range map[string]struct {
		image, reason, message, want string
	}{
		"the registry does not answer": {coredns, "ErrImagePull",
			`failed to do request: Head "https://mcr.microsoft.com/v2/oss/v2/kubernetes/coredns/manifests/v1.13.1-20": dial tcp 150.171.69.10:443: i/o timeout`,
			"Registry mcr.microsoft.com"},
		"the host of its layers cannot be reached": {coredns, "ErrImagePull",
			`failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://westeurope.data.mcr.microsoft.com/01031d61e1024861afee5d512651eb9f/layer": dial tcp 20.38.0.1:443: i/o timeout`,
			"Registry mcr.microsoft.com"},
		"a mirror before it has no address": {coredns, "ImagePullBackOff",
			`Head "https://mirror.contoso.example/v2/coredns/manifests/v1?ns=mcr.microsoft.com": dial tcp: lookup mirror.contoso.example on 10.0.0.10:53: no such host`,
			"Registry mirror.contoso.example"},
		"a proxy has no address": {coredns, "ErrImagePull",
			`Head "https://mcr.microsoft.com/v2/": proxyconnect tcp: dial tcp: lookup proxy.contoso.example: no such host`, "Registry proxy.contoso.example"},
		"no trust": {coredns, "ErrImagePull", `Get "https://mcr.microsoft.com/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
			"Registry mcr.microsoft.com"},
		"no permission": {"contoso.azurecr.io/web:v1", "ErrImagePull",
			`failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://contoso.azurecr.io/oauth2/token: 401 Unauthorized`,
			"Registry contoso.azurecr.io"},
		"too many requests":   {"nginx:1", "ErrImagePull", "toomanyrequests: You have reached your unauthenticated pull rate limit", "Registry docker.io"},
		"a server error":      {"quay.io/a/b:1", "ErrImagePull", "unexpected status code: 503 Service Unavailable", "Registry quay.io"},
		"the kubelet says so": {"registry.local:5000/a:1", "RegistryUnavailable", "", "Registry registry.local:5000"},
		"no such tag":         {coredns, "ErrImagePull", `failed to resolve reference "` + coredns + `": ` + coredns + `: not found`, "Image " + coredns},
		"no such manifest":    {coredns, "ErrImagePull", "manifest unknown", "Image " + coredns},
		"no such repository, or no permission for it": {"docker.io/a/b:1", "ErrImagePull",
			"pull access denied, repository does not exist or may require authorization: server message: insufficient_scope", "Image docker.io/a/b:1"},
		"no name of an image": {"A b", "InvalidImageName", "couldn't parse image reference", "Image A b"},
		"nothing is said":     {coredns, "ImagePullBackOff", `Back-off pulling image "` + coredns + `"`, "Image " + coredns},
		"a name that looks like errors": {"forbidden.example/denied:not-found", "ImagePullBackOff", `Back-off pulling image "forbidden.example/denied:not-found"`,
			"Image forbidden.example/denied:not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			got := pullRoot(test.image, test.reason, test.message)
			NewWithT(t).Expect(string(got.kind) + " " + got.subject.Name).To(Equal(test.want))
			NewWithT(t).Expect(got.subject.Kind).To(Equal(string(got.kind)))
			related := map[bool]string{true: "Image", false: ""}[strings.HasPrefix(test.want, "Registry")]
			if test.reason == "ImagePullBackOff" && strings.HasPrefix(test.want, "Image") {
				related = "Registry"
			}
			NewWithT(t).Expect(got.related.Kind).To(Equal(related), "where nothing is said, the registry may be why")
		})
	}
	NewWithT(t).Expect(pullRoot("", "ErrImagePull", "denied")).To(BeZero(), "an image without a name is the workload's fault")
}
