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
	return []facts.Need{{Path: e.Spec.Endpoint.Path, Interval: e.interval(), Mask: e.mask}}
}

// endpointMask has the status alone where no expression reads the body.
func endpointMask(e *Evaluator) facts.Mask {
	for _, p := range e.programs {
		if p.readsBody {
			return nil
		}
	}
	return facts.StatusMask
}

func endpointProblem(spec *v1alpha1.Check) error {
	if err := facts.CheckPath(spec.Endpoint.Path); err != nil {
		return fmt.Errorf("endpoint.path: %w", err)
	}
	return nil
}

func endpointSubject(e *Evaluator) string { return "GET " + e.Spec.Endpoint.Path }

func endpointWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Endpoint, b.Endpoint
	return x.Path == y.Path && wider(x.Present, y.Present)
}

var endpointEnv = newEnv(
	cel.Variable(variableStatus, cel.IntType), cel.Variable(variableBody, cel.StringType), cel.Variable(variableJSON, cel.DynType))

// The variables of the expressions.
const (
	variableStatus = "status"
	variableBody   = "body"
	variableJSON   = "json"
)

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
	in := e.newInputs(endpointVars(response))
	result := endpointResult(e, response, in)
	return Evaluation{Result: result, Expense: in.expense(), Unfinished: in.unfinished}
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

// failedMark begins the lines of an answer of /readyz and its like that tell what fails.
const failedMark = "[-]"

// WithoutBody is what is left of a response whose body no expression reads: its status, and of a failure the lines that tell
// what fails, as many as fit into a message several times.
func WithoutBody(response facts.Response) facts.Response {
	var kept strings.Builder
	if response.Status != http.StatusOK {
		for line := range strings.Lines(response.Body) {
			if strings.HasPrefix(line, failedMark) && kept.Len()+len(line) <= maxFailedLines {
				kept.WriteString(line)
			}
		}
	}
	response.Body = kept.String()
	return response
}

// maxFailedLines is how much is kept of what fails, in bytes: twice as much as when all checks of an API server do.
const maxFailedLines = 8 << 10

// failedNames are the names of what fails behind a path.
func failedNames(body string) []string {
	var names []string
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, failedMark); ok {
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
		if text, ok := strings.CutPrefix(line, failedMark); ok {
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
	return map[string]any{variableStatus: response.Status, variableBody: response.Body, variableJSON: decoded}
}
