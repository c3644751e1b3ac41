// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

const (
	readyzOK    = "[+]ping ok\n[+]etcd ok\n[+]etcd-readiness ok\nreadyz check passed\n"
	etcdFailed  = "[+]ping ok\n[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\n[+]informer-sync ok\nreadyz check failed\n"
	versionJSON = `{"major": "1", "minor": "35", "gitVersion": "v1.35.8", "platform": "linux/amd64"}`
	issuerJSON  = `{"issuer": "https://westeurope.oic.prod-aks.azure.com/a/b/"}`
)

func TestEndpoint(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint string
		response facts.Response
		want     string
	}{
		"returned 200": {
			"path: '/readyz?verbose'", facts.Response{Status: 200, Body: readyzOK},
			"True/True Healthy: GET /readyz?verbose returned 200",
		},
		"a sub-check fails": {
			"path: '/readyz?verbose'", facts.Response{Status: 500, Body: etcdFailed},
			"True/False EndpointFailing: GET /readyz?verbose returned 500 Internal Server Error: " +
				"etcd failed: reason withheld; etcd-readiness failed: reason withheld",
		},
		"many sub-checks fail": {
			"path: /readyz", facts.Response{Status: 500, Body: strings.Repeat("[-]a failed: reason withheld\n", 5)},
			"True/False EndpointFailing: GET /readyz returned 500 Internal Server Error: " +
				"a failed: reason withheld; a failed: reason withheld; a failed: reason withheld and 2 more",
		},
		"fails without a word": {
			"path: /readyz/etcd", facts.Response{Status: 503, Body: ""},
			"True/False EndpointFailing: GET /readyz/etcd returned 503 Service Unavailable",
		},
		"a status without a name": {
			"path: /readyz", facts.Response{Status: 599, Body: ""},
			"True/False EndpointFailing: GET /readyz returned 599",
		},
		"a success, but not 200": {
			"path: /readyz", facts.Response{Status: 204, Body: ""},
			"True/False EndpointFailing: GET /readyz returned 204 No Content",
		},
		"no such path": {
			"path: /readyz/kms-providers, healthy: body == 'ok'", facts.Response{Status: 404, Body: "404 page not found"},
			"False/NotAssessed NotFound: GET /readyz/kms-providers returned 404",
		},

		// Expressions.
		"healthy holds": {
			`path: '/readyz?verbose', healthy: "body.contains('[+]etcd ok')"`, facts.Response{Status: 200, Body: readyzOK},
			"True/True Healthy: GET /readyz?verbose returned 200",
		},
		"healthy does not hold": {
			`path: '/readyz?verbose', healthy: "body.contains('[+]kms ok')"`, facts.Response{Status: 200, Body: readyzOK},
			"True/False ExpressionFalse: GET /readyz?verbose returned 200, but the response does not look healthy",
		},
		"healthy holds, but the status is not 200": {
			"path: '/readyz?verbose', healthy: status == 500", facts.Response{Status: 500, Body: etcdFailed},
			"True/False EndpointFailing: GET /readyz?verbose returned 500 Internal Server Error: " +
				"etcd failed: reason withheld; etcd-readiness failed: reason withheld",
		},
		"healthy cannot be told": {
			"path: /version, healthy: json.minCompatibilityMinor == '34'", facts.Response{Status: 200, Body: versionJSON},
			"True/Unknown ExpressionError: GET /version: healthy: no such key: minCompatibilityMinor",
		},
		"healthy yields no bool": {
			"path: /version, healthy: json.minor", facts.Response{Status: 200, Body: versionJSON},
			"True/Unknown ExpressionError: GET /version: healthy: must return bool, not string",
		},
		"healthy cannot be told, but the status is not 200": {
			"path: /version, healthy: json.minor == '35'", facts.Response{Status: 500, Body: "no JSON"},
			"True/False EndpointFailing: GET /version returned 500 Internal Server Error",
		},
		"present holds": {
			"path: /.well-known/openid-configuration, present: json.issuer.contains('.oic.prod-aks.azure.')", facts.Response{Status: 200, Body: issuerJSON},
			"True/True Healthy: GET /.well-known/openid-configuration returned 200",
		},
		"present does not hold": {
			"path: /.well-known/openid-configuration, present: json.issuer.contains('.eks.')", facts.Response{Status: 200, Body: issuerJSON},
			"False/NotAssessed NotFound: GET /.well-known/openid-configuration responded, but not as this component does",
		},
		"present cannot be told": {
			"path: /.well-known/openid-configuration, present: json.jwks_uri != ''", facts.Response{Status: 200, Body: issuerJSON},
			"Unknown/NotAssessed ExpressionError: GET /.well-known/openid-configuration: present: no such key: jwks_uri",
		},
		"a body that is no JSON is null": {
			"path: /readyz, healthy: json == null && body == 'ok' && status == 200", facts.Response{Status: 200, Body: "ok"},
			"True/True Healthy: GET /readyz returned 200",
		},
		"a body that is no UTF-8": {
			"path: /readyz", facts.Response{Status: 500, Body: "[-]\xff\xfe failed"},
			"True/False EndpointFailing: GET /readyz returned 500 Internal Server Error: \ufffd failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Endpoint, endpoint: {" + test.endpoint + "}}")
			expectTold(t, c, answered(c, facts.Answer{State: facts.Known, Response: test.response}), test.want)
		})
	}
}

func TestEndpointVersion(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint string
		response facts.Response
		want     string
	}{
		"given":       {"version: json.gitVersion", facts.Response{Status: 200, Body: versionJSON}, "v1.35.8"},
		"made":        {"version: json.major + '.' + json.minor", facts.Response{Status: 200, Body: versionJSON}, "1.35"},
		"not asked":   {"healthy: status == 200", facts.Response{Status: 200, Body: versionJSON}, ""},
		"not present": {"version: json.gitVersion", facts.Response{Status: 200, Body: "{}"}, ""},
		"no string":   {"version: json.gitVersion", facts.Response{Status: 200, Body: `{"gitVersion": 1}`}, ""},
		"empty":       {"version: json.gitVersion", facts.Response{Status: 200, Body: `{"gitVersion": ""}`}, ""},
		"absent":      {"version: json.gitVersion", facts.Response{Status: 404, Body: versionJSON}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Endpoint, endpoint: {path: /version, " + test.endpoint + "}}")
			f := c.Evaluate(answered(c, facts.Answer{State: facts.Known, Response: test.response}))
			NewWithT(t).Expect(FormatVersions(f.Versions)).To(Equal(test.want))
		})
	}
}

// TestEndpointNeeds: who reads no body needs none.
func TestEndpointNeeds(t *testing.T) {
	status := facts.StatusMask.String()
	for expression, mask := range map[string]string{
		"": status, "healthy: status == 200": status, `present: "'body' != 'json'"`: status, "healthy: '[status].exists(s, s == 200)'": status,
		"healthy: body == 'ok'": "", "present: has(json.a)": "", "version: json.gitVersion": "", "healthy: 'status == 200 && .body != string()'": "-",
		"healthy: '.body.size() > 2'": "", "healthy: '[1].exists(body, body == 1) && json == null'": "", `healthy: '{"a": body}.a == ""'`: "",
		"healthy: status == 200, version: string(json)": "",
	} {
		t.Run(expression, func(t *testing.T) {
			g := NewWithT(t)
			var spec v1alpha1.Check
			g.Expect(yaml.Unmarshal([]byte("{type: Endpoint, intervalSeconds: 10, endpoint: {path: '/readyz?verbose', "+expression+"}}"), &spec)).To(Succeed())
			c, err := New("", spec)
			if mask == "-" {
				g.Expect(err).To(HaveOccurred())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(c.Needs()).To(ConsistOf(facts.Need{Path: "/readyz?verbose", Interval: 10 * time.Second, Mask: mask}))
			g.Expect(c.Needs()[0].ReadsBody()).To(Equal(mask == ""))
		})
	}
}

// TestWithoutBody: where no expression reads the body, the result is the same without it.
func TestWithoutBody(t *testing.T) {
	g := NewWithT(t)
	c := newCheck("{type: Endpoint, endpoint: {path: '/readyz?verbose', healthy: status == 200}}")
	for _, response := range []facts.Response{
		{Status: 200, Body: readyzOK}, {Status: 500, Body: etcdFailed}, {Status: 503, Body: "upstream connect error"}, {Status: 404, Body: "404 page not found"},
		{Status: 500, Body: strings.Repeat("x", 1<<20)}, {Status: 200, Body: strings.Repeat("[-]a failed\n", 1<<10)}, {Status: 500, Body: "[-]a"},
	} {
		small := WithoutBody(response)
		g.Expect(len(small.Body)).To(BeNumerically("<=", len(etcdFailed)))
		g.Expect(c.Evaluate(answered(c, facts.Answer{State: facts.Known, Response: small}))).To(Equal(
			c.Evaluate(answered(c, facts.Answer{State: facts.Known, Response: response}))))
	}
	g.Expect(len(WithoutBody(facts.Response{Status: 500, Body: strings.Repeat("[-]a failed\n", 1<<16)}).Body)).To(BeNumerically("<=", maxFailedLines))
}

// TestPathsAreCompiled: a mapping that the API server accepted once, or never saw, is held to the same paths.
func TestPathsAreCompiled(t *testing.T) {
	g := NewWithT(t)
	_, err := New("", v1alpha1.Check{Name: "a", Type: v1alpha1.CheckEndpoint, Endpoint: &v1alpha1.EndpointCheck{Path: "/openapi/v2?m=1"}})
	g.Expect(err).To(MatchError(HavePrefix("check a: endpoint.path: must be /healthz, /livez, /readyz or one of their checks")))
}

// TestSourcesOfAMapping: a mapping needs so many watches and polls, however many checks it has.
func TestSourcesOfAMapping(t *testing.T) {
	g := NewWithT(t)
	spec := &v1alpha1.ComponentMappingSpec{}
	add := func(path string) {
		spec.Checks = append(spec.Checks, v1alpha1.Check{Name: "a", Type: v1alpha1.CheckEndpoint, Endpoint: &v1alpha1.EndpointCheck{Path: path}})
	}
	for i := range maxPolls {
		add(fmt.Sprintf("/readyz?exclude=%d", i))
		add(fmt.Sprintf("/readyz?exclude=%d", i)) // the same once more
	}
	spec.Checks[0].Endpoint.Healthy = "body == 'ok'" // which reads more of the same
	_, err := Compile(spec)
	g.Expect(err).NotTo(HaveOccurred())
	spec.Checks[0].IntervalSeconds = 5
	_, err = Compile(spec)
	g.Expect(err).To(MatchError("the checks read 17 paths, leases, access reviews and polled kinds again and again, and those of a mapping may read 16: " +
		"name fewer, use the same intervalSeconds for the same, or divide the mapping"))

	spec.Checks = nil
	for i := range maxSources + 1 {
		spec.Checks = append(spec.Checks, v1alpha1.Check{Name: "a", Type: v1alpha1.CheckObject, Object: &v1alpha1.ObjectCheck{
			APIVersion: "v1", Kind: "Service", Namespace: v1alpha1.NamespaceName(fmt.Sprintf("n%d", i))}})
	}
	_, err = Compile(spec)
	g.Expect(err).To(MatchError(
		"the checks need 65 watches and polls, and those of a mapping may need 64: name fewer kinds and namespaces, or divide the mapping"))
}
