// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

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

func TestEndpointNeeds(t *testing.T) {
	c := newCheck("{type: Endpoint, intervalSeconds: 10, endpoint: {path: '/readyz?verbose'}}")
	NewWithT(t).Expect(c.Needs()).To(ConsistOf(facts.Need{Path: "/readyz?verbose", Interval: 10 * time.Second}))
}
