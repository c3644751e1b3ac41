// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Expressions that are within the limit of one evaluation, but not cheap.
const (
	expensive     = "lists.range(40000).size() > 0 && object.well"
	veryExpensive = "lists.range(400000).size() > 0 && object.well"
)

// Ten mappings whose expressions are expensive take one core and the memory of one. Who is cheap does not wait for them, nor
// do new ones for those.
func TestExpensiveExpressionsShareASlot(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(widgets, thing("Widget", "x", true))
		o.show(gadgets, thing("Gadget", "x", true))
		var ten []string
		for i := range 10 {
			ten = append(ten, fmt.Sprintf("expensive-%d", i))
			o.subscribe(ten[i], objectCheck("Widget", fmt.Sprintf("%s || %d < 0", expensive, i)))
		}
		o.subscribe("cheap", objectCheck("Gadget", "object.well"))
		o.start()
		o.expectNotified("the first findings", slices.Concat(ten, []string{"cheap"})...)

		o.engine.slots.expensive <- struct{}{} // another one evaluates
		o.put(widgets, thing("Widget", "x", false))
		o.put(gadgets, thing("Gadget", "x", false))
		o.expectNotified("only who is cheap", "cheap")
		o.subscribe("new", objectCheck("Gadget", "!object.well"))
		o.expectNotified("who is new is not held up by them", "new")
		<-o.engine.slots.expensive
		o.expectNotified("one after the other", ten...)
	})
}

// When the operator starts, no more evaluations run at once than there are cores; nobody who is known to be cheap waits for
// those that are not known.
func TestUntriedExpressionsShareSlots(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(widgets, thing("Widget", "x", true))
		o.show(gadgets, thing("Gadget", "x", true))
		o.subscribe("cheap", objectCheck("Gadget", "object.well"))
		o.start()
		o.expectNotified("the first findings", "cheap")

		for range cap(o.engine.slots.untried) {
			o.engine.slots.untried <- struct{}{}
		}
		o.subscribe("new", objectCheck("Widget", "object.well"))
		o.subscribe("gone", objectCheck("Widget", "!object.well"))
		o.put(gadgets, thing("Gadget", "x", false))
		o.expectNotified("only who is cheap", "cheap")
		o.forget("gone")
		<-o.engine.slots.untried
		o.expectNotified("when there is a slot", "new")
	})
}

// Whose expressions are expensive evaluates them some percent of the time. What else the mapping looks at is told.
func TestExpensiveExpressionsBackOff(t *testing.T) {
	inBubble(t, Options{Pace: 100 * time.Millisecond}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.show(widgets, thing("Widget", "x", true))
		o.subscribe("m", objectCheck("Widget", veryExpensive), deploymentCheck("a"))
		o.start()
		o.expectNotified("the first findings", "m")
		o.put(widgets, thing("Widget", "x", false))
		scaled := deployment("a", 5)
		scaled.Spec.Replicas, scaled.Status.Replicas, scaled.Status.UpdatedReplicas = new(int32(5)), 5, 5
		o.put(deployments, scaled)
		o.pass(200 * time.Millisecond) // the pace
		o.pass(patience)
		o.expectNotified("the other check", "m")
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictTrue))
		o.g.Expect(o.evaluations(func() {
			for range 10 {
				o.put(widgets, thing("Widget", "x", false))
				o.pass(time.Second)
			}
		})).To(BeEmpty())
		o.pass(time.Minute)
		o.expectNotified("after a while", "m")
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictFalse))
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
		o.subscribe("m", objectCheck("Widget", veryExpensive))
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
