// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package tally_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/tally"
)

// plain is what a table must say, kept in the plainest way: what each tally has made of each object.
type plain struct {
	things map[string]thing
	rows   map[string]bool
	made   map[int]map[string]made // by the number of the judge, and by name
}

type made struct {
	mark    mark
	counted bool
	until   time.Time // zero is never
}

func (p *plain) classify(number int, name string, now time.Time) (touched bool) {
	before := p.made[number][name]
	o, ok := p.things[name]
	if delete(p.made[number], name); !ok {
		return before.counted
	}
	var after made
	after.mark, after.counted, after.until = judgeOf(number)(o, now)
	p.made[number][name] = after
	return before.counted || after.counted
}

func (p *plain) add(number int, now time.Time) {
	p.made[number] = map[string]made{}
	for name := range p.rows {
		p.classify(number, name, now)
	}
}

func (p *plain) update(name string, now time.Time) (touched []int, moved bool) {
	_, ok := p.things[name]
	moved = ok != p.rows[name]
	if p.rows[name] = ok; !ok {
		delete(p.rows, name)
	}
	for number := range p.made {
		if p.classify(number, name, now) {
			touched = append(touched, number)
		}
	}
	return touched, moved
}

func (p *plain) due(now time.Time) (touched []int) {
	for number, all := range p.made {
		for name, one := range maps.Clone(all) {
			if one.until.IsZero() || one.until.After(now) {
				continue
			}
			if _, ok := p.things[name]; !ok {
				one.until = time.Time{}
				all[name] = one
			} else if p.classify(number, name, now) {
				touched = append(touched, number)
			}
		}
	}
	return touched
}

func (p *plain) nextDue() (next time.Time) {
	for _, all := range p.made {
		for _, one := range all {
			if !one.until.IsZero() && (next.IsZero() || one.until.Before(next)) {
				next = one.until
			}
		}
	}
	return next
}

// content is what content returns of the tally.
func (p *plain) content(number int) string {
	marks, named := map[mark]int{}, map[mark][]string{}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.made[number])) {
		if one := p.made[number][name]; one.counted {
			marks[one.mark]++
			named[one.mark] = append(named[one.mark], name)
			all = append(all, name)
		}
	}
	return fmt.Sprint(marks, named, all[:min(3, len(all))])
}

// TestTallyEqualsAPlainOne: whatever happens in whatever order, a table says what one says that shares nothing between
// objects, touches the same tallies, and is due at the same time.
func TestTallyEqualsAPlainOne(t *testing.T) {
	for seed := range uint64(300) {
		happened := ""
		g := NewGomega(func(message string, _ ...int) { t.Fatalf("seed %d, %s: %s", seed, happened, message) })
		s := &story{shelf: newShelf(), g: g, r: rand.New(rand.NewPCG(seed, 1)), now: noon, untold: map[string]bool{}}
		p := &plain{things: s.things, rows: map[string]bool{}, made: map[int]map[string]made{}}
		tallies := map[int]*tally.Tally[thing, mark]{}
		numbers := func(slots []int) []int {
			out := []int{}
			for number, counted := range tallies {
				if slices.Contains(slots, counted.Slot()) {
					out = append(out, number)
				}
			}
			return out
		}
		for step := range 150 {
			number := s.r.IntN(9)
			switch action := s.r.IntN(20); {
			case action == 0 && tallies[number] == nil:
				happened = fmt.Sprintf("step %d: add %d", step, number)
				tallies[number] = tally.Add(s.table, judgeOf(number), s.now)
				p.add(number, s.now)
			case action == 1 && tallies[number] != nil:
				happened = fmt.Sprintf("step %d: remove %d", step, number)
				tally.Remove(s.table, tallies[number])
				delete(tallies, number)
				delete(p.made, number)
			case action < 4:
				s.now = s.now.Add(time.Duration(s.r.IntN(60)) * time.Second)
				happened = fmt.Sprintf("step %d: due at %s", step, s.now)
				touched := numbers(s.due(s.now))
				want := p.due(s.now)
				slices.Sort(want)
				g.Expect(touched).To(ConsistOf(slices.Compact(want)), "whom it touches")
			case action < 6:
				s.change()
			default:
				name := s.change()
				happened = fmt.Sprintf("step %d: update %s", step, name)
				var slots []int
				moved := s.table.Update(name, s.now, func(slot int) { slots = append(slots, slot) })
				touched, wantMoved := p.update(name, s.now)
				g.Expect(numbers(slots)).To(ConsistOf(touched), "whom it touches")
				g.Expect(slots).To(HaveLen(len(touched)), "each once")
				g.Expect(moved).To(Equal(wantMoved))
			}
			for number, counted := range tallies {
				g.Expect(content(counted)).To(Equal(p.content(number)), "judge %d", number)
			}
			g.Expect(s.table.NextDue()).To(Equal(p.nextDue()))
			g.Expect(s.table.Names()).To(ConsistOf(slices.Collect(maps.Keys(p.rows))))
		}
	}
}
