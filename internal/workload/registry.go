// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"regexp"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// Words of the kubelet and of container runtimes for a pull that fails. Those of the network come first: an error that has
// them says nothing of the image, whatever else it quotes.
var (
	networkErrors = []string{
		"dial tcp", "no such host", "server misbehaving", "timeout", "timed out", "deadline exceeded", "connection refused", "connection reset",
		"no route to host", "network is unreachable", "x509:", "tls:", "proxyconnect", "unexpected eof",
	}
	imageErrors = []string{
		"not found", "manifest unknown", "name unknown", "does not exist", "no match for platform", "invalid reference", "not present with pull policy",
		"invalidimagename", "errimageneverpull", "imageinspecterror", "signaturevalidationfailed",
	}
	registryErrors = []string{
		"unauthorized", "forbidden", "authentication required", "denied", "toomanyrequests", "too many requests", "internal server error",
		"bad gateway", "service unavailable", "gateway timeout", "registryunavailable",
	}
)

var (
	// lookedUp is a host that has no address, which may be that of a proxy.
	lookedUp = regexp.MustCompile(`lookup ([^\s:]+)`)
	// requested is the host of a request.
	requested = regexp.MustCompile(`https?://([^/"\s]+)`)
)

// pullRoot says whether the registry, or a mirror before it, is why an image does not arrive, or the image itself. Where
// nothing is said, as by a kubelet that only waits for its next try, it is the image, which is surely concerned.
func pullRoot(image, reason, message string) root {
	if image == "" {
		return root{} // nothing says what it is
	}
	// The reference is quoted in many errors, and may look like one.
	text := strings.ToLower(reason + " " + strings.ReplaceAll(message, image, ""))
	pulled := v1alpha1.ObservedObject{Kind: kindImage, Name: msg.Truncate(image, maxName)}
	registry := v1alpha1.ObservedObject{Kind: kindRegistry, Name: msg.Truncate(registryOf(image), maxName)}
	switch {
	case containsAny(text, networkErrors):
	case containsAny(text, imageErrors):
		return root{kind: v1alpha1.FaultImage, subject: pulled}
	case !containsAny(text, registryErrors):
		return root{kind: v1alpha1.FaultImage, subject: pulled, related: registry}
	}
	for _, named := range []*regexp.Regexp{lookedUp, requested} {
		if m := named.FindAllStringSubmatch(message, -1); m != nil {
			if host := m[len(m)-1][1]; !strings.HasSuffix(host, "."+registry.Name) { // which serves the layers of the same
				registry.Name = msg.Truncate(host, maxName)
			}
			break
		}
	}
	return root{kind: v1alpha1.FaultRegistry, subject: registry, related: pulled}
}

// registryOf is the host of an image; docker.io where it names none.
func registryOf(image string) string {
	host, _, found := strings.Cut(image, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "docker.io"
	}
	return host
}
