// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/tally"
)

// timedRecheck is how soon a verdict that time alone may turn is looked at again.
const timedRecheck = facts.DefaultInterval

// configMaps are granted and read one by one, by name.
var configMaps = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

func objectNeeds(c *Evaluator) []facts.Need {
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

func objectSubject(c *Evaluator) string {
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

func evaluateObject(c *Evaluator, given facts.Facts) Evaluation {
	answer := given.Answers[objectNeeds(c)[0]]
	if r, ok := unseen(answer, objectSubject(c)); ok {
		return Evaluation{Result: r}
	}
	objects := map[string]client.Object{}
	for _, o := range answer.Objects {
		objects[ObjectKey(o.GetNamespace(), o.GetName())] = o
	}
	table := tally.NewTable(func(key string) (client.Object, bool) {
		o, ok := objects[key]
		return o, ok
	})
	counted := c.CountObjects(table, given.Now)
	for _, o := range answer.Objects {
		table.Update(ObjectKey(o.GetNamespace(), o.GetName()), given.Now, func(int) {})
	}
	return Evaluation{Result: counted.Result(given.Now), RecheckAfter: until(table.NextDue(), given.Now)}
}

// ObjectTally counts the objects of a table, which are named by ObjectKey, for a check of objects.
type ObjectTally struct {
	*tally.Tally[client.Object, objectMark]

	evaluator *Evaluator
	table     *tally.Table[client.Object]
}

// objectMark is what an object counts as. Where neither is set, object.present does not hold.
type objectMark struct {
	objectVerdict

	version string
}

type objectVerdict struct {
	// failed says that object.present could not be evaluated.
	failed, present bool
	healthy         v1alpha1.Verdict
	reason          string
}

// CountsObjects says whether the evaluator judges the objects of its need one by one.
func (e *Evaluator) CountsObjects() bool { return e.Spec.Object != nil }

// CountsNodes says whether the evaluator judges nodes one by one.
func (e *Evaluator) CountsNodes() bool { return e.Spec.Nodes != nil }

// CountObjects has a check of objects count the objects of a table.
func (e *Evaluator) CountObjects(table *tally.Table[client.Object], now time.Time) *ObjectTally {
	return &ObjectTally{evaluator: e, table: table, Tally: tally.Add(table, e.judgeAt, now)}
}

// Result is the result for the objects as they are counted.
func (t *ObjectTally) Result(now time.Time) Result {
	c, all := t.evaluator, newGroups(t.Tally, func(m objectMark) objectVerdict { return m.objectVerdict }, rankOfObject)
	failed := all.where(func(v objectVerdict) bool { return v.failed })
	told := all.where(func(v objectVerdict) bool { return v.present })
	var r Result
	switch {
	case len(failed) > 0:
		r = unknown(v1alpha1.ReasonExpressionError, t.shorten(failed, 1, now))
	case len(told) > 0:
		r = t.sumUp(told, now)
	case len(all) > 0:
		r = absent(v1alpha1.ReasonNotFound, fmt.Sprintf("%s: none of %d meets %s", objectSubject(c), all.count(), c.Spec.Object.Present))
	default:
		r = absent(v1alpha1.ReasonNotFound, "no "+objectSubject(c))
	}
	r.Message = msg.Truncate(r.Message, msg.MaxCheckMessage)
	return r
}

func rankOfObject(v objectVerdict) rank { return rank{healthRank[v.healthy], reasonRank(v.reason)} }

// sumUp is the worst verdict, and what the first three objects with it show.
func (t *ObjectTally) sumUp(told groups[objectVerdict], now time.Time) Result {
	worst := told[0].as
	r := Result{Present: v1alpha1.VerdictTrue, Healthy: worst.healthy, Reason: worst.reason, ObjectCount: told.count(),
		Objects: told.objects(t.evaluator.Spec.Object.Kind)}
	counts := map[string]int{}
	for mark, n := range t.Marks() {
		counts[mark.version] += n
	}
	r.Versions = CountVersions(counts)
	alike := told.where(func(v objectVerdict) bool {
		return v.healthy == worst.healthy && (v.reason == worst.reason || v.healthy == v1alpha1.VerdictFalse)
	})
	r.Message = t.shorten(alike, msg.MaxNames, now)
	return r
}

// shorten tells of the first objects; of more than one, also how many more there are.
func (t *ObjectTally) shorten(told groups[objectVerdict], most int, now time.Time) string {
	var details []string
	for _, key := range told.first(most) {
		if o, ok := t.table.Get(key); ok {
			_, detail, _ := t.evaluator.judgeObject(o, now)
			details = append(details, detail)
		}
	}
	if most == 1 {
		return strings.Join(details, "")
	}
	return msg.ShortenOf(details, told.count(), "; ")
}

// distant is so far away that whatever time turns has turned, and at another hour of the day.
const distant = 100*365*24*time.Hour + 12*time.Hour

// judgeAt says what an object counts as, and whether time alone will turn that.
func (e *Evaluator) judgeAt(o client.Object, now time.Time) (mark objectMark, counted bool, until time.Time) {
	if !e.selectsObject(o) {
		return mark, false, until
	}
	mark, detail, timed := e.judgeObject(o, now)
	if timed {
		if later, laterDetail, _ := e.judgeObject(o, now.Add(distant)); later != mark || laterDetail != detail {
			until = now.Add(timedRecheck)
		}
	}
	return mark, true, until
}

func (e *Evaluator) selectsObject(o client.Object) bool {
	_, readable := o.(*unstructured.Unstructured)
	name := string(e.Spec.Object.Name)
	return readable && (name == "" || name == o.GetName()) && e.matchesLabels(o)
}

// judgeObject says what an object counts as, what a message tells of it, and whether any expression has asked for the
// time.
func (e *Evaluator) judgeObject(o client.Object, now time.Time) (mark objectMark, detail string, timed bool) {
	vars := map[string]any{"object": o.(*unstructured.Unstructured).Object, "now": func() any {
		timed = true
		return now
	}}
	present, err := e.presentObject(vars)
	switch {
	case err != nil:
		mark.failed, detail = true, fmt.Sprintf("%s: present: %s", e.objectName(o), err)
	case present:
		mark.objectVerdict, detail = e.healthOf(o, vars)
		mark.version = e.objectVersion(vars)
	}
	return mark, detail, timed
}

func (e *Evaluator) presentObject(vars map[string]any) (bool, error) {
	p := e.programs["object.present"]
	if p == nil {
		return true, nil
	}
	return p.evalBool(vars)
}

func (e *Evaluator) healthOf(o client.Object, vars map[string]any) (v objectVerdict, detail string) {
	v = objectVerdict{present: true, healthy: v1alpha1.VerdictNotAssessed, reason: v1alpha1.ReasonObserved}
	p := e.programs["object.healthy"]
	if p == nil {
		return v, e.objectName(o) + " exists"
	}
	healthy, err := p.evalBool(vars)
	switch {
	case err != nil:
		v.healthy, v.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonExpressionError
		return v, fmt.Sprintf("%s: healthy: %s", e.objectName(o), err)
	case healthy:
		v.healthy, v.reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
		return v, e.objectName(o) + " is healthy"
	}
	v.healthy, v.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonExpressionFalse
	return v, e.objectName(o) + ": " + e.unhealthyText(vars)
}

// unhealthyText is what the author wants said of an unhealthy object.
func (e *Evaluator) unhealthyText(vars map[string]any) string {
	if p := e.programs["object.message"]; p != nil {
		if text, err := p.evalString(vars); err == nil && text != "" {
			return text
		}
	}
	return "does not meet " + string(e.Spec.Object.Healthy)
}

func (e *Evaluator) objectVersion(vars map[string]any) string {
	p := e.programs["object.version"]
	if p == nil {
		return ""
	}
	version, err := p.evalString(vars)
	if err != nil {
		return "" // an object without the field has no version to report
	}
	return version
}

func (e *Evaluator) objectName(o client.Object) string {
	return msg.Object(e.Spec.Object.Kind, o.GetNamespace(), o.GetName())
}
