// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// timedRecheck is how soon a verdict that time alone may turn is looked at again.
const timedRecheck = facts.DefaultInterval

// configMaps are granted and read one by one, by name.
var configMaps = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

func objectNeeds(c *Check) []facts.Need {
	o := c.Spec.Object
	need := facts.Need{Kind: schema.FromAPIVersionAndKind(o.APIVersion, o.Kind), Namespace: string(o.Namespace)}
	if !c.selector.Empty() {
		need.Selector = c.selector.String()
	}
	if o.Observe == v1alpha1.ObservePoll {
		need.Interval = c.interval()
	}
	if need.Kind == configMaps || need.Interval > 0 {
		need.Name = string(o.Name)
	}
	return []facts.Need{need}
}

func objectSubject(c *Check) string {
	o := c.Spec.Object
	subject := msg.Object(o.Kind, string(o.Namespace), string(o.Name))
	switch {
	case o.Name == "" && o.Namespace == "":
		subject = o.Kind
	case o.Name == "":
		subject = fmt.Sprintf("%s in %s", o.Kind, o.Namespace)
	}
	if !c.selector.Empty() {
		subject += " with labels " + c.selector.String()
	}
	return subject
}

func objectExpressions(spec *v1alpha1.Check) []expression {
	o := spec.Object
	return []expression{
		{field: "object.present", text: o.Present, env: objectEnv, boolean: true},
		{field: "object.healthy", text: o.Healthy, env: objectEnv, boolean: true},
		{field: "object.version", text: o.Version, env: objectEnv},
		{field: "object.message", text: o.Message, env: objectEnv},
	}
}

func evaluateObject(c *Check, given facts.Facts) Finding {
	answer := given.Answers[objectNeeds(c)[0]]
	if f, ok := unseen(answer, objectSubject(c)); ok {
		return f
	}
	f, timed := c.judgeObjects(answer.Objects, given.Now)
	if timed && c.turns(answer.Objects, f, given.Now) {
		f.recheckAfter = timedRecheck
	}
	return f
}

// distant is so far away that whatever time turns has turned, and at another hour of the day.
const distant = 100*365*24*time.Hour + 12*time.Hour

// turns says whether time alone will turn the finding.
func (c *Check) turns(objects []client.Object, now Finding, at time.Time) bool {
	later, _ := c.judgeObjects(objects, at.Add(distant))
	return later.Present != now.Present || later.Healthy != now.Healthy || later.Message != now.Message
}

// judgeObjects also says whether any expression has asked for the time.
func (c *Check) judgeObjects(objects []client.Object, now time.Time) (f Finding, timed bool) {
	clock := func() any {
		timed = true
		return now
	}
	var js []judged
	seen, versions := 0, map[string]int{}
	for _, o := range objects {
		u, ok := o.(*unstructured.Unstructured)
		if !ok || (c.Spec.Object.Name != "" && o.GetName() != string(c.Spec.Object.Name)) || !c.matchesLabels(o) {
			continue
		}
		seen++
		vars := map[string]any{"object": u.Object, "now": clock}
		present, err := c.presentObject(vars)
		if err != nil {
			return unknown(v1alpha1.ReasonExpressionError, fmt.Sprintf("%s: present: %s", c.objectName(o), err)), timed
		}
		if present {
			js = append(js, c.judgeObject(o, vars))
			versions[c.objectVersion(vars)]++
		}
	}
	switch {
	case len(js) > 0:
		f = found(js)
		f.Versions = CountVersions(versions)
	case seen > 0:
		f = absent(v1alpha1.ReasonNotFound, fmt.Sprintf("%s: none of %d meets %s", objectSubject(c), seen, c.Spec.Object.Present))
	default:
		f = absent(v1alpha1.ReasonNotFound, "no "+objectSubject(c))
	}
	return f, timed
}

func (c *Check) presentObject(vars map[string]any) (bool, error) {
	p := c.programs["object.present"]
	if p == nil {
		return true, nil
	}
	return p.evalBool(vars)
}

func (c *Check) judgeObject(o client.Object, vars map[string]any) judged {
	j := judged{object: o, kind: c.Spec.Object.Kind, healthy: v1alpha1.VerdictNotAssessed, reason: v1alpha1.ReasonObserved,
		detail: c.objectName(o) + " exists"}
	p := c.programs["object.healthy"]
	if p == nil {
		return j
	}
	healthy, err := p.evalBool(vars)
	switch {
	case err != nil:
		j.healthy, j.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonExpressionError
		j.detail = fmt.Sprintf("%s: healthy: %s", c.objectName(o), err)
	case healthy:
		j.healthy, j.reason, j.detail = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy, c.objectName(o)+" is healthy"
	default:
		j.healthy, j.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonExpressionFalse
		j.detail = c.objectName(o) + ": " + c.unhealthyText(vars)
	}
	return j
}

// unhealthyText is what the author wants said of an unhealthy object.
func (c *Check) unhealthyText(vars map[string]any) string {
	if p := c.programs["object.message"]; p != nil {
		if text, err := p.evalString(vars); err == nil && text != "" {
			return text
		}
	}
	return "does not meet " + string(c.Spec.Object.Healthy)
}

func (c *Check) objectVersion(vars map[string]any) string {
	p := c.programs["object.version"]
	if p == nil {
		return ""
	}
	version, err := p.evalString(vars)
	if err != nil {
		return "" // an object without the field has no version to report
	}
	return version
}

func (c *Check) objectName(o client.Object) string {
	return msg.Object(c.Spec.Object.Kind, o.GetNamespace(), o.GetName())
}
