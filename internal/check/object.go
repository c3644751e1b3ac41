// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/tally"
)

// timedRecheck is how soon a verdict that time alone may turn is looked at again.
const timedRecheck = facts.DefaultInterval

// configMaps are granted and read one by one, by name.
var configMaps = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

// objectProblem rejects archmap's own kinds: a mapping that is healthy while it is unhealthy would be written forever.
func objectProblem(spec *v1alpha1.Check) error {
	if schema.FromAPIVersionAndKind(spec.Object.APIVersion, spec.Object.Kind).Group == v1alpha1.GroupVersion.Group {
		return fmt.Errorf("object.apiVersion: must not be of the group %s: a status that depends on statuses may never come to rest",
			v1alpha1.GroupVersion.Group)
	}
	return nil
}

func objectNeeds(e *Evaluator) []facts.Need {
	o := e.Spec.Object
	need := facts.Need{Kind: schema.FromAPIVersionAndKind(o.APIVersion, o.Kind), Namespace: string(o.Namespace), Mask: e.mask}
	if !e.selector.Empty() {
		need.Selector = e.selector.String()
	}
	if o.Observe == v1alpha1.ObservePoll {
		need.Interval = e.interval()
	}
	if need.Kind == configMaps || need.Interval > 0 {
		need.Name = string(o.Name)
	}
	return []facts.Need{need}
}

// objectMask has what the expressions read, and what is read besides: all that the functions of this file and of events.go
// ask of an object, but for its namespace and name, which are always there.
func objectMask(e *Evaluator) facts.Mask {
	own, o := facts.Mask{}, e.Spec.Object
	requirements, _ := e.selector.Requirements()
	for _, r := range requirements {
		own.Add("metadata", "labels", r.Key())
	}
	if len(o.Events.Reasons) > 0 {
		own.Add("metadata", "uid")
	}
	if e.programs[fieldHealthy] != nil || len(o.Events.Reasons) > 0 { // it may be at fault
		for _, field := range []string{"type", "status", "lastTransitionTime"} {
			own.Add("status", "conditions", facts.Every, field)
		}
		switch o.Kind {
		case sliceKind.Kind:
			own.Add("metadata", "labels", discoveryv1.LabelServiceName)
		case kindAPIService:
			own.Add("spec", "service", "name")
			own.Add("spec", "service", "namespace")
		}
	}
	mask := own
	for _, p := range e.programs {
		mask = mask.Union(p.mask)
	}
	return mask
}

func objectSubject(e *Evaluator) string {
	o := e.Spec.Object
	subject := msg.Object(o.Kind, string(o.Namespace), string(o.Name))
	switch {
	case o.Name == "" && o.Namespace == "":
		subject = o.Kind
	case o.Name == "":
		subject = fmt.Sprintf("%s in %s", o.Kind, o.Namespace)
	}
	if !e.selector.Empty() {
		subject += " with labels " + e.selector.String()
	}
	return subject
}

func objectSelector(spec *v1alpha1.Check) *metav1.LabelSelector { return spec.Object.Selector }

func objectWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Object, b.Object
	return x.APIVersion == y.APIVersion && x.Kind == y.Kind && wider(x.Namespace, y.Namespace) && wider(x.Name, y.Name) &&
		selectorWithin(x.Selector, y.Selector) && wider(x.Present, y.Present)
}

// What the expressions see.
const (
	variableObject = "object"
	variableNow    = "now"
)

var objectEnv = newEnv(cel.Variable(variableObject, cel.DynType), cel.Variable(variableNow, cel.TimestampType))

// fieldMessage is what to say of an unhealthy object.
const fieldMessage = "message"

func objectExpressions(spec *v1alpha1.Check) []expression {
	o := spec.Object
	return []expression{
		{field: fieldPresent, text: o.Present, env: objectEnv, boolean: true},
		{field: fieldHealthy, text: o.Healthy, env: objectEnv, boolean: true},
		{field: fieldVersion, text: o.Version, env: objectEnv},
		{field: fieldMessage, text: o.Message, env: objectEnv},
	}
}

func objectReads(spec *v1alpha1.Check) Reading {
	o := spec.Object
	return Reading{Kind: schema.FromAPIVersionAndKind(o.APIVersion, o.Kind).GroupKind(), Namespace: string(o.Namespace), Name: string(o.Name)}
}

func evaluateObject(e *Evaluator, given facts.Facts) Evaluation {
	byFields := evaluateFields(e, given, nil)
	if len(e.Spec.Object.Events.Reasons) == 0 || byFields.Unfinished || byFields.Present != v1alpha1.VerdictTrue || byFields.Healthy == v1alpha1.VerdictFalse {
		return byFields
	}
	return evaluateEvents(e, given, byFields)
}

// evaluateFields goes by the fields of the objects, and by what was reported of some.
func evaluateFields(e *Evaluator, given facts.Facts, reported map[types.NamespacedName]facts.Event) Evaluation {
	key := func(o client.Object) string { return ObjectKey(o.GetNamespace(), o.GetName()) }
	var counted *ObjectTally
	evaluation := countAll(given.Answers[objectNeeds(e)[0]], given.Now, key, func(table *tally.Table[client.Object], now time.Time) *ObjectTally {
		counted = e.countObjects(table, now, reported)
		return counted
	})
	evaluation.Expense, evaluation.Unfinished = counted.expense, len(counted.unfinished) > 0
	return evaluation
}

// ObjectTally counts the objects of a table, which are named by ObjectKey, for a check of objects.
type ObjectTally struct {
	*tally.Tally[client.Object, objectMark]

	evaluator *Evaluator
	table     *tally.Table[client.Object]
	// reported are the failures that events report of objects.
	reported map[types.NamespacedName]facts.Event
	// expense is what expressions have cost so far beyond what is cheap.
	expense uint64
	// costly has the objects for which expressions are not cheap, with their expense, and ofCostly is the sum.
	costly   map[string]uint64
	ofCostly uint64
	// unfinished are the objects for which expressions cost more than the evaluator may spend.
	unfinished []string
}

// objectMark is what an object counts as. Where neither is set, object.present does not hold.
type objectMark struct {
	objectClass

	version string
}

// objectClass is what a message tells objects apart by.
type objectClass struct {
	// failed says that object.present could not be evaluated.
	failed, present bool
	healthy         v1alpha1.Verdict
	reason          string
}

// CountObjects has a check of objects count the objects of a table.
func (e *Evaluator) CountObjects(table *tally.Table[client.Object], now time.Time) *ObjectTally {
	return e.countObjects(table, now, nil)
}

func (e *Evaluator) countObjects(table *tally.Table[client.Object], now time.Time, reported map[types.NamespacedName]facts.Event) *ObjectTally {
	t := &ObjectTally{evaluator: e, table: table, reported: reported, costly: map[string]uint64{}}
	t.Tally = tally.Add(table, t.countObject, now)
	return t
}

// Result is the result for the objects as they are counted. What its message tells of the first of them is evaluated, which is
// part of the expense.
func (t *ObjectTally) Result(now time.Time) Result {
	e, all := t.evaluator, newGroups(t.Tally, func(m objectMark) objectClass { return m.objectClass }, rankOfObject)
	failed := all.where(func(c objectClass) bool { return c.failed })
	told := all.where(func(c objectClass) bool { return c.present })
	var r Result
	switch {
	case t.Exceeded():
		r = unknown(v1alpha1.ReasonExpressionError, objectSubject(e)+": "+errTooManyExpensive.Error())
	case len(failed) > 0:
		r = unknown(v1alpha1.ReasonExpressionError, t.shorten(failed, 1, now))
	case len(told) > 0:
		r = t.summarize(told, now)
	case len(all) > 0:
		r = absent(v1alpha1.ReasonNotFound, notShown(e, all.count()))
	default:
		r = absent(v1alpha1.ReasonNotFound, "no "+objectSubject(e))
	}
	r.Message = msg.Truncate(r.Message, msg.MaxCheckMessage)
	return r
}

// notShown says that there are objects, but not those that the check looks for.
func notShown(e *Evaluator, objects int) string {
	if e.Spec.Object.Name != "" {
		return objectSubject(e) + " exists, but does not match this component"
	}
	return fmt.Sprintf("%s: none of %d matches this component", objectSubject(e), objects)
}

// namesObjects says whether the check is of objects that it tells from others of their kind.
func namesObjects(spec *v1alpha1.Check) bool {
	if o := spec.Object; o != nil {
		return o.Name != "" || o.Selector != nil || o.Present != ""
	}
	return spec.Webhook != nil && namesWebhooks(spec.Webhook)
}

func rankOfObject(c objectClass) rank { return rank{healthRank[c.healthy], reasonRank(c.reason)} }

// summarize is the worst verdict, and what the first three objects with it show.
func (t *ObjectTally) summarize(told groups[objectClass], now time.Time) Result {
	worst := told[0].as
	r := Result{Present: v1alpha1.VerdictTrue, Healthy: worst.healthy, Reason: worst.reason, ObjectCount: told.count(),
		Objects: told.objects(t.evaluator.Spec.Object.Kind)}
	counts := map[string]int{}
	for mark, n := range t.Marks() {
		counts[mark.version] += n
	}
	r.Versions = CountVersions(counts)
	alike := told.where(func(c objectClass) bool {
		return c.healthy == worst.healthy && (c.reason == worst.reason || c.healthy == v1alpha1.VerdictFalse)
	})
	r.Message = t.shorten(alike, msg.MaxNames, now)
	unhealthy := told.where(func(c objectClass) bool { return c.healthy == v1alpha1.VerdictFalse }).count()
	if unhealthy > 0 && unhealthy <= catalog.Tolerated(t.evaluator.Spec.Object.Tolerance, told.count()) {
		r.Healthy, r.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonWithinTolerance
		r.Message = fmt.Sprintf("%d of %d unhealthy, within tolerance: %s", unhealthy, told.count(), r.Message)
	}
	if unhealthy > 0 {
		r.Faults = t.faults(told, r)
	}
	return r
}

// faults is the one fault of all objects that are unhealthy: that of the first of them.
func (t *ObjectTally) faults(told groups[objectClass], r Result) []v1alpha1.Fault {
	o, ok := t.table.Get(told.first(1)[0])
	if !ok {
		return nil
	}
	f := v1alpha1.Fault{Kind: v1alpha1.FaultObject, Severity: v1alpha1.SeverityMajor, Reason: told[0].as.reason,
		Message: msg.Truncate(r.Message, msg.MaxCheckMessage)}
	if r.Healthy != v1alpha1.VerdictFalse {
		f.Severity = v1alpha1.SeverityMinor
	}
	spec := t.evaluator.Spec.Object
	f.Subject = v1alpha1.ObservedObject{Kind: spec.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
	f.Next = msg.Kubectl(o.GetNamespace(), "describe", resourceOf(spec), o.GetName()) // its conditions, and its events
	u := o.(*unstructured.Unstructured)
	f.Since = sinceOf(u)
	if event, reported := t.reported[client.ObjectKeyFromObject(o)]; reported && f.Reason == v1alpha1.ReasonFailureReported {
		f.Since = metav1.NewTime(event.First)
	}
	switch spec.Kind {
	case sliceKind.Kind:
		if service := o.GetLabels()[discoveryv1.LabelServiceName]; service != "" { // of which it is a part
			f.Subject = v1alpha1.ObservedObject{Kind: serviceKind.Kind, Namespace: o.GetNamespace(), Name: service}
			f.Next = msg.Kubectl(o.GetNamespace(), "describe", "service", service)
		}
	case kindAPIService:
		f.Kind = v1alpha1.FaultAPI
		if name, _, _ := unstructured.NestedString(u.Object, "spec", "service", "name"); name != "" {
			namespace, _, _ := unstructured.NestedString(u.Object, "spec", "service", "namespace")
			f.Related = []v1alpha1.ObservedObject{{Kind: serviceKind.Kind, Namespace: namespace, Name: name}}
		}
	}
	return []v1alpha1.Fault{f}
}

const kindAPIService = "APIService"

// worksWhile is the status of conditions by which objects say that they work. Other types mean something else in each kind.
var worksWhile = map[string]metav1.ConditionStatus{
	"Ready": metav1.ConditionTrue, "Available": metav1.ConditionTrue, "Accepted": metav1.ConditionTrue,
	"Programmed": metav1.ConditionTrue, "Established": metav1.ConditionTrue,
	"Degraded": metav1.ConditionFalse, "Stalled": metav1.ConditionFalse,
}

// sinceOf is since when an object has said that it does not work; zero for one that does not say so.
func sinceOf(u *unstructured.Unstructured) metav1.Time {
	var since metav1.Time
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		kind, _ := condition["type"].(string)
		status, _ := condition["status"].(string)
		if works, known := worksWhile[kind]; !known || status == string(works) || status == string(metav1.ConditionUnknown) {
			continue
		}
		text, _ := condition["lastTransitionTime"].(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil && (since.IsZero() || at.Before(since.Time)) {
			since = metav1.NewTime(at)
		}
	}
	return since
}

// resourceOf names the kind as kubectl takes it: with its group where others may have such a kind, too.
func resourceOf(spec *v1alpha1.ObjectCheck) string {
	name := strings.ToLower(spec.Kind)
	if group := schema.FromAPIVersionAndKind(spec.APIVersion, spec.Kind).Group; strings.Contains(group, ".") {
		name += "." + group
	}
	return name
}

// shorten tells of the first objects; of more than one, also how many more there are.
func (t *ObjectTally) shorten(told groups[objectClass], most int, now time.Time) string {
	var details []string
	for i := range told {
		for _, key := range told[i].firstOf(most - len(details)) {
			details = append(details, t.detailOf(key, told[i].as, now))
		}
	}
	if most == 1 {
		return strings.Join(details, "")
	}
	return msg.ShortenOf(details, told.count(), "; ")
}

// detailOf is what a message tells of an object.
func (t *ObjectTally) detailOf(key string, c objectClass, now time.Time) string {
	name := ObjectName(key)
	object := msg.Object(t.evaluator.Spec.Object.Kind, name.Namespace, name.Name)
	switch c.healthy {
	case v1alpha1.VerdictNotAssessed:
		return object + " exists"
	case v1alpha1.VerdictTrue:
		return object + " is healthy"
	}
	if said := t.saidOf(key, c, now); said != "" {
		return object + ": " + said
	}
	return object + " is unhealthy"
}

// saidOf is what expressions and events say of an object that is not healthy. It is not kept of all of them, as few are shown.
func (t *ObjectTally) saidOf(key string, c objectClass, now time.Time) string {
	o, ok := t.table.Get(key)
	if !ok {
		return ""
	}
	if event, reported := t.reported[client.ObjectKeyFromObject(o)]; reported && c.reason == v1alpha1.ReasonFailureReported {
		return saidBy(event)
	}
	if c.healthy != v1alpha1.VerdictFalse { // an expression has failed
		failed := t.classify(o, now)
		t.expense += failed.expense
		return failed.said
	}
	in := t.evaluator.inputsOf(o, func() any { return now })
	said := t.evaluator.messageOf(in)
	t.expense += in.expense()
	return said
}

func saidBy(event facts.Event) string {
	return fmt.Sprintf("%s reported %s: %s", event.Reason, event.Often(), msg.FirstLine(event.Message))
}

// Expense is what expressions have cost so far, of each object what is beyond the cost of cheap ones.
func (t *ObjectTally) Expense() uint64 { return t.expense }

// Exceeded says whether the expressions of the check cost more than they may for all objects together. Then the others are
// not evaluated any more, and nothing is known: not before all are evaluated again, after Restart.
func (t *ObjectTally) Exceeded() bool { return t.ofCostly > maxExpense }

// Restart forgets what the objects have cost.
func (t *ObjectTally) Restart() {
	clear(t.costly)
	t.ofCostly = 0
}

// Drop forgets what an object that is gone has cost.
func (t *ObjectTally) Drop(key string) {
	t.ofCostly -= t.costly[key]
	delete(t.costly, key)
}

// Finish has the tally count with an evaluator that may spend more, and returns the keys of the objects that the one before
// could not count: they are to be updated.
func (t *ObjectTally) Finish(e *Evaluator) (keys []string) {
	keys, t.unfinished = t.unfinished, nil
	t.evaluator = e
	return keys
}

// Unfinished says whether there are objects that could not be counted, as a cheap evaluator may not spend that much.
func (t *ObjectTally) Unfinished() bool { return len(t.unfinished) > 0 }

// distant is so far away that whatever time turns has turned, and at another hour of the day.
const distant = 100*365*24*time.Hour + 12*time.Hour

// countObject says what an object counts as, and when to ask again where time alone will turn that.
func (t *ObjectTally) countObject(o client.Object, now time.Time) (mark objectMark, counted bool, until time.Time) {
	key := ObjectKey(o.GetNamespace(), o.GetName())
	t.Drop(key)
	if !t.evaluator.selectsObject(o) {
		return mark, false, until
	}
	if t.Exceeded() {
		return objectMark{objectClass: objectClass{failed: true}}, true, until
	}
	found := t.classify(o, now)
	if found.timed && !found.unfinished {
		later := t.classify(o, now.Add(distant))
		if later.mark != found.mark || later.said != found.said {
			until = now.Add(timedRecheck)
		}
		found.expense += later.expense
		found.unfinished = found.unfinished || later.unfinished
	}
	t.expense += found.expense
	if found.unfinished {
		t.unfinished = append(t.unfinished, key)
		return objectMark{objectClass: objectClass{failed: true}}, true, time.Time{}
	}
	if found.expense > 0 {
		t.costly[key] = found.expense
		t.ofCostly += found.expense
	}
	return found.mark, true, until
}

// classified is what an object counts as.
type classified struct {
	mark objectMark
	// said is what a message tells of it beyond that.
	said string
	// timed: an expression has asked for the time. unfinished: they cost more than the evaluator may spend.
	timed, unfinished bool
	// expense is what they have cost.
	expense uint64
}

// classify goes by the fields of an object, and where they show no fault by what was reported of it.
func (t *ObjectTally) classify(o client.Object, now time.Time) classified {
	c := t.evaluator.classifyObject(o, now)
	event, reported := t.reported[client.ObjectKeyFromObject(o)]
	if reported && event.UID == o.GetUID() && c.mark.present &&
		(c.mark.healthy == v1alpha1.VerdictTrue || c.mark.healthy == v1alpha1.VerdictNotAssessed) {
		c.mark.healthy, c.mark.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonFailureReported
		c.said = saidBy(event)
	}
	return c
}

// objectConcerns says whether the name is the one that the check names, if it does.
func objectConcerns(e *Evaluator, name string) bool {
	return e.Spec.Object.Name == "" || string(e.Spec.Object.Name) == name
}

func (e *Evaluator) selectsObject(o client.Object) bool {
	_, readable := o.(*unstructured.Unstructured)
	return readable && objectConcerns(e, o.GetName()) && e.matchesLabels(o)
}

// classifyObject goes by the fields of an object.
func (e *Evaluator) classifyObject(o client.Object, now time.Time) (c classified) {
	in := e.inputsOf(o, func() any {
		c.timed = true
		return now
	})
	present, err := e.presentObject(in)
	switch {
	case err != nil:
		c.mark.failed, c.said = true, fmt.Sprintf("present: %s", err)
	case present:
		c.mark.objectClass, c.said = e.healthOf(in)
		c.mark.version = e.objectVersion(in)
	}
	c.expense, c.unfinished = in.expense(), in.unfinished
	return c
}

func (e *Evaluator) inputsOf(o client.Object, now func() any) *inputs {
	return e.newInputs(map[string]any{variableObject: o.(*unstructured.Unstructured).Object, variableNow: now})
}

func (e *Evaluator) presentObject(in *inputs) (bool, error) {
	p := e.programs[fieldPresent]
	if p == nil {
		return true, nil
	}
	return p.evalBool(in)
}

func (e *Evaluator) healthOf(in *inputs) (c objectClass, said string) {
	c = objectClass{present: true, healthy: v1alpha1.VerdictNotAssessed, reason: v1alpha1.ReasonObserved}
	p := e.programs[fieldHealthy]
	if p == nil {
		return c, ""
	}
	healthy, err := p.evalBool(in)
	switch {
	case err != nil:
		c.healthy, c.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonExpressionError
		return c, fmt.Sprintf("healthy: %s", err)
	case healthy:
		c.healthy, c.reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
		return c, ""
	}
	c.healthy, c.reason = v1alpha1.VerdictFalse, cmp.Or(e.Spec.Object.Reason, v1alpha1.ReasonExpressionFalse)
	return c, e.messageOf(in)
}

// messageOf is what the author wants said of an unhealthy object.
func (e *Evaluator) messageOf(in *inputs) string {
	if p := e.programs[fieldMessage]; p != nil {
		if text, err := p.evalString(in); err == nil {
			return text
		}
	}
	return ""
}

func (e *Evaluator) objectVersion(in *inputs) string {
	p := e.programs[fieldVersion]
	if p == nil {
		return ""
	}
	version, err := p.evalString(in)
	if err != nil {
		return "" // an object without the field has no version to report
	}
	return version
}

func (e *Evaluator) objectName(o client.Object) string {
	return msg.Object(e.Spec.Object.Kind, o.GetNamespace(), o.GetName())
}
