// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// Expressions that are within the limit of one evaluation, but not cheap. The second is where the object is not well.
const (
	expensive          = "lists.range(400000).size() > 0 && object.well"
	expensiveSometimes = "object.well || lists.range(400000).size() < 0"
)

// busy has another one evaluate what is expensive, until free is called.
func (o *operator) busy() (free func()) {
	o.t.Helper()
	o.g.Expect(o.engine.slots.expensive.take(context.Background(), []Key{keyOf("another")})).To(BeTrue())
	return o.engine.slots.expensive.release
}

// Ten mappings whose expressions are expensive take one core and the memory of one, also when the operator starts, or when
// they have been cheap so far. Who is cheap does not wait for them, nor do new ones.
func TestExpensiveExpressionsShareASlot(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		shown      bool // before the operator starts
	}{
		"always, at a start":              {expensive, false},
		"always, at a start without wait": {expensive, true},
		"when an object changes":          {expensiveSometimes, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, func(o *operator) {
				var ten []string
				for i := range 10 {
					ten = append(ten, fmt.Sprintf("expensive-%d", i))
					o.subscribe(ten[i], objectCheck("Widget", fmt.Sprintf("%s || %d < 0", test.expression, i)))
				}
				o.subscribe("cheap", objectCheck("Gadget", "object.well"))
				if test.shown {
					o.show(widgets, thing("Widget", "x", true))
					o.show(gadgets, thing("Gadget", "x", true))
				}
				o.start()
				synctest.Wait()
				o.mu.Lock()
				o.notified = nil
				o.mu.Unlock()

				free := o.busy()
				o.show(widgets, thing("Widget", "x", false))
				o.show(gadgets, thing("Gadget", "x", false))
				o.expectNotified("only who is cheap", "cheap")
				o.subscribe("new", objectCheck("Gadget", "!object.well"))
				o.expectNotified("who is new is not held up by them", "new")
				free()
				o.expectNotified("one after the other", ten...)
				for _, name := range ten {
					o.g.Expect(o.results(name)[0].Healthy).To(Equal(v1alpha1.VerdictFalse), name)
				}
			})
		})
	}
}

// The slot is free again when nobody is left who waits.
func TestExpensiveExpressionsOfWhoIsGone(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(widgets, thing("Widget", "x", true))
		free := o.busy()
		o.start()
		o.subscribe("gone", objectCheck("Widget", expensive))
		o.subscribe("stays", objectCheck("Widget", expensive+" || false"))
		o.expectNotified("nobody")
		o.forget("gone")
		free()
		o.expectNotified("who is left", "stays")
		o.g.Expect(o.engine.slots.expensive.taken).To(BeFalse())
	})
}

// What is read of a path is tried in the same way; a metric has how long it waited.
func TestExpensiveExpressionsOfResponses(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.subscribe("m", `{name: c, type: Endpoint, endpoint: {path: /version, healthy: "body != 'a' || lists.range(400000).size() < 0"}}`)
		need := o.checks[keyOf("m")][0].Needs()[0]
		respond := func(body string) {
			o.answer(need, facts.Answer{State: facts.Known, Response: facts.Response{Status: 200, Body: body}})
		}
		respond("b")
		o.start()
		o.expectNotified("the first findings", "m")

		free, before := o.busy(), o.counted(waitsMetric)[v1alpha1.CheckEndpoint]
		respond("a")
		o.expectNotified("nobody")
		o.pass(3 * time.Second)
		free()
		o.expectNotified("when its turn has come", "m")
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictFalse))
		o.g.Expect(o.counted(waitsMetric)[v1alpha1.CheckEndpoint] - before).To(Equal(3))
	})
}

// Each object is evaluated once more when the first is found expensive, and once from then on.
func TestExpensiveObjectsAreEvaluatedOnce(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		var many []client.Object
		for i := range 5 {
			many = append(many, thing("Widget", fmt.Sprint("w", i), i < 2))
		}
		o.show(widgets, many...)
		o.start()
		all := o.units(func() { o.subscribe("m", objectCheck("Widget", expensiveSometimes)) })
		o.expectNotified("the first findings", "m")
		o.g.Expect(o.results("m")[0].ObjectCount).To(Equal(5))
		each := o.units(func() { o.put(widgets, thing("Widget", "w0", false)) })
		o.expectNotified("another one", "m")
		o.g.Expect(each).To(BeNumerically(">", check.MaxCheap))
		o.g.Expect(all).To(BeNumerically("~", 3*each+check.MaxCheap, 2000))
	})
}

// Objects that time may have turned wait for their turn one by one, like those that change.
func TestDueObjectsWaitForTheirTurn(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		var many []client.Object
		for i := range 5 {
			many = append(many, thing("Widget", fmt.Sprint("w", i), true))
		}
		o.show(widgets, many...)
		o.subscribe("m", objectCheck("Widget", fmt.Sprintf("lists.range(30000).size() > 0 && now < timestamp('%s')",
			noon.Add(90*time.Second).Format(time.RFC3339))))
		o.start()
		o.expectNotified("the first findings", "m")
		o.pass(time.Minute)
		o.expectNotified("nothing has turned")

		free := o.busy()
		units := o.units(func() {
			o.pass(time.Minute)
			o.pass(time.Minute)
		})
		o.expectNotified("nobody")
		o.g.Expect(units).To(BeNumerically("~", check.MaxCheap, check.MaxCheap/2), "some are done, and cost as much as what is expensive")
		free()
		o.expectNotified("when its turn has come", "m")
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictFalse))
	})
}

// units are what expressions cost while something runs, and what comes of it.
func (o *operator) units(of func()) int {
	o.t.Helper()
	synctest.Wait()
	before := o.counted(expenseMetric)[v1alpha1.CheckObject]
	of()
	synctest.Wait()
	return o.counted(expenseMetric)[v1alpha1.CheckObject] - before
}

// A subscriber with many expensive checks does not keep others from their turn.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, turns, served := NewWithT(t), newTurns(), []string{}
		g.Expect(turns.take(t.Context(), []Key{keyOf("many")})).To(BeTrue())
		wait := func(as string, names ...string) {
			var keys []Key
			for _, name := range names {
				keys = append(keys, keyOf(name))
			}
			go func() {
				if turns.take(t.Context(), keys) {
					served = append(served, as)
					turns.release()
				}
			}()
			synctest.Wait()
		}
		for range 4 {
			wait("many", "many")
		}
		wait("few", "few")
		wait("many, shared", "many", "third")
		wait("few", "few")
		turns.release()
		synctest.Wait()
		g.Expect(served).To(Equal([]string{"few", "many, shared", "few", "many", "many", "many", "many"}))
		g.Expect(turns.taken).To(BeFalse())
		g.Expect(turns.served).To(BeEmpty())
	})
}

// Whose expressions are expensive evaluates them less than a percent of the time. What else the mapping looks at is told
// meanwhile.
func TestExpensiveExpressionsBackOff(t *testing.T) {
	inBubble(t, Options{Pace: 100 * time.Millisecond}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.show(widgets, thing("Widget", "x", true))
		o.subscribe("m", objectCheck("Widget", expensive), deploymentCheck("a"))
		o.start()
		o.expectNotified("the first findings", "m")
		o.put(widgets, thing("Widget", "x", false))
		scaled := deployment("a", 5)
		scaled.Spec.Replicas, scaled.Status.Replicas, scaled.Status.UpdatedReplicas = new(int32(5)), 5, 5
		o.put(deployments, scaled)
		o.pass(200 * time.Millisecond) // the pace
		o.expectNotified("the other check", "m")
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictTrue))
		o.g.Expect(o.evaluations(func() {
			for range 10 {
				o.put(widgets, thing("Widget", "x", false))
				o.pass(time.Second)
			}
		})).To(BeEmpty())
		o.answer(widgets, facts.Answer{State: facts.NotPermitted})
		o.pass(maxBackOff)
		o.expectNotified("after a minute at most", "m")
		o.g.Expect(o.results("m")[0].Reason).To(Equal(v1alpha1.ReasonNotPermitted))
	})
}

// A check whose expressions cost too much for all objects together knows nothing, until there are fewer.
func TestExpensiveForAllObjectsTogether(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		var many []client.Object
		for i := range 40 {
			many = append(many, thing("Widget", fmt.Sprint("w", i), true))
		}
		o.show(widgets, many...)
		o.subscribe("m", objectCheck("Widget", expensive))
		o.start()
		o.expectNotified("the first findings", "m")
		result := o.results("m")[0]
		o.g.Expect(result.Reason).To(Equal(v1alpha1.ReasonExpressionError))
		o.g.Expect(result.Present).To(Equal(v1alpha1.VerdictUnknown))
		o.g.Expect(result.Message).To(Equal("Widget in a: for all objects together, the expressions cost more than the 10000000 units that they may: " +
			"look at fewer objects, or at fewer or shorter values"))
		o.show(widgets, many[:5]...)
		o.expectNotified("there are fewer", "m")
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictTrue))
		o.g.Expect(o.results("m")[0].ObjectCount).To(Equal(5))
	})
}
