// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

func endpointNeeds(e *Evaluator) []facts.Need {
	return []facts.Need{{Path: e.Spec.Endpoint.Path, Interval: e.interval()}}
}

func endpointSubject(e *Evaluator) string { return "GET " + e.Spec.Endpoint.Path }

func endpointWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Endpoint, b.Endpoint
	return x.Path == y.Path && wider(x.Present, y.Present)
}

var endpointEnv = newEnv(
	cel.Variable("status", cel.IntType), cel.Variable("body", cel.StringType), cel.Variable("json", cel.DynType))

func endpointExpressions(spec *v1alpha1.Check) []expression {
	e := spec.Endpoint
	return []expression{
		{field: fieldPresent, text: e.Present, env: endpointEnv, boolean: true},
		{field: fieldHealthy, text: e.Healthy, env: endpointEnv, boolean: true},
		{field: fieldVersion, text: e.Version, env: endpointEnv},
	}
}

func evaluateEndpoint(e *Evaluator, given facts.Facts) Evaluation {
	response := given.Answers[endpointNeeds(e)[0]].Response
	in := &inputs{variables: endpointVars(response)}
	result := endpointResult(e, response, in)
	return Evaluation{Result: result, Expense: in.expense()}
}

func endpointResult(e *Evaluator, response facts.Response, in *inputs) Result {
	subject := endpointSubject(e)
	if response.Status == http.StatusNotFound {
		return absent(v1alpha1.ReasonNotFound, subject+" returned 404")
	}
	if p := e.programs[fieldPresent]; p != nil {
		present, err := p.evalBool(in)
		if err != nil {
			return unknown(v1alpha1.ReasonExpressionError, subject+": present: "+err.Error())
		}
		if !present {
			return absent(v1alpha1.ReasonNotFound, subject+" responded, but not as this component does")
		}
	}
	r := endpointHealth(e, response, in)
	if r.Healthy == v1alpha1.VerdictFalse {
		r.Faults = []v1alpha1.Fault{endpointFault(e, response, r)}
	}
	if p := e.programs[fieldVersion]; p != nil {
		if v, err := p.evalString(in); err == nil {
			r.Versions = CountVersions(map[string]int{v: 1})
		}
	}
	return r
}

// endpointHealth is the result of an answer that shows the component.
func endpointHealth(e *Evaluator, response facts.Response, in *inputs) Result {
	subject := endpointSubject(e)
	r := Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictTrue, Reason: v1alpha1.ReasonHealthy,
		Message: fmt.Sprintf("%s returned %d", subject, response.Status)}
	if p := e.programs[fieldHealthy]; p != nil {
		healthy, err := p.evalBool(in)
		switch {
		case err != nil:
			r.Healthy, r.Reason, r.Message = v1alpha1.VerdictUnknown, v1alpha1.ReasonExpressionError, subject+": healthy: "+err.Error()
		case !healthy:
			r.Healthy, r.Reason = v1alpha1.VerdictFalse, v1alpha1.ReasonExpressionFalse
			r.Message += ", but the response does not look healthy"
		}
	}
	if response.Status != http.StatusOK {
		r.Healthy, r.Reason = v1alpha1.VerdictFalse, v1alpha1.ReasonEndpointFailing
		r.Message = strings.TrimSpace(fmt.Sprintf("%s returned %d %s", subject, response.Status, http.StatusText(response.Status)))
		if failed := failedSubchecks(response.Body); failed != "" {
			r.Message += ": " + failed
		}
	}
	return r
}

// kindPath is the kind of a path of the API server as a subject.
const kindPath = "Path"

// endpointFault is the fault of a path. What fails behind it has a path of its own, which others may look at.
func endpointFault(e *Evaluator, response facts.Response, r Result) v1alpha1.Fault {
	path := soughtPath(&e.Spec)
	f := v1alpha1.Fault{
		Kind: v1alpha1.FaultAPI, Subject: path, Severity: v1alpha1.SeverityMajor,
		Reason: r.Reason, Message: msg.Truncate(r.Message, msg.MaxCheckMessage), Next: msg.Kubectl("", "get", "--raw", e.Spec.Endpoint.Path),
	}
	for _, name := range failedNames(response.Body) {
		if len(f.Related) < MaxObjects {
			f.Related = append(f.Related, v1alpha1.ObservedObject{Kind: kindPath, Name: msg.Truncate(path.Name+"/"+name, maxObjectName)})
		}
	}
	return f
}

// failedNames are the names of what fails behind a path.
func failedNames(body string) []string {
	var names []string
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, "[-]"); ok {
			if name, _, found := strings.Cut(text, " "); found {
				names = append(names, name)
			}
		}
	}
	return names
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
