// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

func endpointNeeds(c *Evaluator) []facts.Need {
	return []facts.Need{{Path: c.Spec.Endpoint.Path, Interval: c.interval()}}
}

func endpointSubject(c *Evaluator) string { return "GET " + c.Spec.Endpoint.Path }

func endpointExpressions(spec *v1alpha1.Check) []expression {
	e := spec.Endpoint
	return []expression{
		{field: "endpoint.present", text: e.Present, env: endpointEnv, boolean: true},
		{field: "endpoint.healthy", text: e.Healthy, env: endpointEnv, boolean: true},
		{field: "endpoint.version", text: e.Version, env: endpointEnv},
	}
}

func evaluateEndpoint(c *Evaluator, given facts.Facts) Evaluation {
	return Evaluation{Result: endpointResult(c, given)}
}

func endpointResult(c *Evaluator, given facts.Facts) Result {
	answer := given.Answers[endpointNeeds(c)[0]]
	subject := endpointSubject(c)
	if f, ok := unseen(answer, subject); ok {
		return f
	}
	response := answer.Response
	if response.Status == http.StatusNotFound {
		return absent(v1alpha1.ReasonNotFound, subject+" answers 404")
	}
	vars := endpointVars(response)
	if p := c.programs["endpoint.present"]; p != nil {
		present, err := p.evalBool(vars)
		if err != nil {
			return unknown(v1alpha1.ReasonExpressionError, subject+": present: "+err.Error())
		}
		if !present {
			return absent(v1alpha1.ReasonNotFound, subject+" answers, but not as the component would")
		}
	}
	f := judgeEndpoint(c, response, vars)
	if p := c.programs["endpoint.version"]; p != nil {
		if v, err := p.evalString(vars); err == nil {
			f.Versions = CountVersions(map[string]int{v: 1})
		}
	}
	return f
}

func judgeEndpoint(c *Evaluator, response facts.Response, vars map[string]any) Result {
	subject := endpointSubject(c)
	f := Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictTrue, Reason: v1alpha1.ReasonHealthy,
		Message: fmt.Sprintf("%s answers %d", subject, response.Status)}
	if p := c.programs["endpoint.healthy"]; p != nil {
		healthy, err := p.evalBool(vars)
		switch {
		case err != nil:
			f.Healthy, f.Reason, f.Message = v1alpha1.VerdictUnknown, v1alpha1.ReasonExpressionError, subject+": healthy: "+err.Error()
		case !healthy:
			f.Healthy, f.Reason = v1alpha1.VerdictFalse, v1alpha1.ReasonExpressionFalse
			f.Message += ", but does not meet " + string(c.Spec.Endpoint.Healthy)
		}
	}
	if response.Status != http.StatusOK {
		f.Healthy, f.Reason = v1alpha1.VerdictFalse, v1alpha1.ReasonEndpointFailing
		f.Message = strings.TrimSpace(fmt.Sprintf("%s answers %d %s", subject, response.Status, http.StatusText(response.Status)))
		if failed := failedSubchecks(response.Body); failed != "" {
			f.Message += ": " + failed
		}
	}
	return f
}

// failedSubchecks reads from the answer of /readyz and its like what fails: "etcd failed: reason withheld".
func failedSubchecks(body string) string {
	var failed []string
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, "[-]"); ok {
			failed = append(failed, strings.TrimSpace(text))
		}
	}
	return msg.Shorten(failed, "; ")
}

func endpointVars(response facts.Response) map[string]any {
	var decoded any
	if err := json.Unmarshal([]byte(response.Body), &decoded); err != nil {
		decoded = nil
	}
	return map[string]any{"status": response.Status, "body": response.Body, "json": decoded}
}
