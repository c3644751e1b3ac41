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

var noon = time.Date(2026, time.October, 2, 12, 0, 0, 0, time.UTC)

// thing is an object that counts as its color, and as faded from some time on.
type thing struct {
	color  string
	fades  time.Time // zero is never
	hidden bool
}

// mark of a thing, by a classify of a number: each divides things its own way.
type mark struct {
	color string
	faded bool
}

func judgeOf(number int) tally.Classify[thing, mark] {
	return func(o thing, now time.Time) (m mark, counted bool, until time.Time) {
		if o.hidden && number%2 == 0 {
			return m, false, until
		}
		m = mark{color: fmt.Sprint(o.color, number)}
		if number%3 == 0 || o.fades.IsZero() {
			return m, true, until
		}
		if m.faded = !now.Before(o.fades); !m.faded {
			until = o.fades
		}
		return m, true, until
	}
}

// shelf is things by name, and a table of them.
type shelf struct {
	things map[string]thing
	table  *tally.Table[thing]
}

func newShelf() *shelf {
	s := &shelf{things: map[string]thing{}}
	s.table = tally.NewTable(func(name string) (thing, bool) {
		o, ok := s.things[name]
		return o, ok
	})
	return s
}

// put places a thing, or takes it away when it is nil, and returns the slots that were touched.
func (s *shelf) put(name string, o *thing, now time.Time) (touched []int, moved bool) {
	if delete(s.things, name); o != nil {
		s.things[name] = *o
	}
	moved = s.table.Update(name, now, func(slot int) { touched = append(touched, slot) })
	return touched, moved
}

func (s *shelf) due(now time.Time) (touched []int) {
	s.table.Due(now, func(slot int) { touched = append(touched, slot) })
	return touched
}

func TestTally(t *testing.T) {
	red, blue, faded := mark{"red1", false}, mark{"blue1", false}, mark{"red1", true}
	g := NewWithT(t)
	s := newShelf()
	_, moved := s.put("b", &thing{color: "red"}, noon)
	g.Expect(moved).To(BeTrue(), "it is new")
	counted := tally.Add(s.table, judgeOf(1), noon)
	expect := func(when string, marks map[mark]int, touched []int, want ...int) {
		g.Expect(counted.Marks()).To(Equal(marks), when)
		g.Expect(touched).To(Equal(want), when+": whom it touches")
	}
	g.Expect(counted.Marks()).To(Equal(map[mark]int{red: 1}), "what was there before")

	touched, moved := s.put("a", &thing{color: "blue"}, noon)
	expect("another", map[mark]int{red: 1, blue: 1}, touched, 0)
	g.Expect(moved).To(BeTrue())
	touched, moved = s.put("a", &thing{color: "red"}, noon)
	expect("it changes", map[mark]int{red: 2}, touched, 0)
	g.Expect(moved).To(BeFalse(), "it was there")
	touched, _ = s.put("a", &thing{color: "red"}, noon)
	expect("it stays what it was, and may be told otherwise", map[mark]int{red: 2}, touched, 0)
	touched, _ = s.put("c", &thing{color: "red", fades: noon.Add(time.Hour)}, noon)
	expect("it will fade", map[mark]int{red: 3}, touched, 0)
	g.Expect(s.table.NextDue()).To(Equal(noon.Add(time.Hour)))

	expect("too early", map[mark]int{red: 3}, s.due(noon.Add(time.Hour-1)))
	expect("it fades", map[mark]int{red: 2, faded: 1}, s.due(noon.Add(time.Hour)), 0)
	g.Expect(s.table.NextDue()).To(BeZero(), "nothing else fades")
	g.Expect(counted.First(5, red)).To(Equal([]string{"a", "b"}))
	g.Expect(counted.First(2, faded, red)).To(Equal([]string{"a", "b"}), "by name, whatever the marks")
	g.Expect(counted.First(0, red)).To(BeEmpty())
	g.Expect(counted.First(3, blue)).To(BeEmpty(), "there is none")

	touched, moved = s.put("a", nil, noon)
	expect("it is gone", map[mark]int{red: 1, faded: 1}, touched, 0)
	g.Expect(moved).To(BeTrue())
	g.Expect(s.table.Has("a")).To(BeFalse())
	touched, moved = s.put("a", nil, noon)
	expect("it is gone for long", map[mark]int{red: 1, faded: 1}, touched)
	g.Expect(moved).To(BeFalse())
	g.Expect(s.table.Names()).To(ConsistOf("b", "c"))
	g.Expect(s.table.Len()).To(Equal(2))
}

func TestWhatDoesNotCountTouchesNobody(t *testing.T) {
	g := NewWithT(t)
	s := newShelf()
	counted := tally.Add(s.table, judgeOf(2), noon)
	touched, moved := s.put("a", &thing{color: "red", hidden: true}, noon)
	g.Expect(touched).To(BeEmpty())
	g.Expect(moved).To(BeTrue(), "it is there all the same")
	g.Expect(counted.Marks()).To(BeEmpty())
	touched, _ = s.put("a", &thing{color: "red"}, noon)
	g.Expect(touched).To(Equal([]int{counted.Slot()}), "it counts now")
	touched, _ = s.put("a", &thing{color: "red", hidden: true}, noon)
	g.Expect(touched).To(Equal([]int{counted.Slot()}), "it has counted")
	touched, _ = s.put("a", nil, noon)
	g.Expect(touched).To(BeEmpty())
}

// A tally that ends leaves nothing behind for the one that gets its slot.
func TestSlotsAreUsedAgain(t *testing.T) {
	g := NewWithT(t)
	s := newShelf()
	first, second := tally.Add(s.table, judgeOf(1), noon), tally.Add(s.table, judgeOf(3), noon)
	_, _ = s.put("a", &thing{color: "red", fades: noon.Add(time.Minute)}, noon)
	tally.Remove(s.table, first)
	g.Expect(s.table.NextDue()).To(BeZero(), "nobody waits for it to fade")
	touched, _ := s.put("a", &thing{color: "blue"}, noon)
	g.Expect(touched).To(Equal([]int{second.Slot()}))

	third := tally.Add(s.table, judgeOf(5), noon)
	g.Expect(third.Slot()).To(Equal(first.Slot()))
	g.Expect(third.Marks()).To(Equal(map[mark]int{{"blue5", false}: 1}))
	tally.Remove(s.table, third)
	delete(s.things, "a")
	fourth := tally.Add(s.table, judgeOf(1), noon)
	g.Expect(fourth.Marks()).To(BeEmpty(), "it is gone, though nobody has told")
	touched, moved := s.put("a", nil, noon)
	g.Expect(touched).To(Equal([]int{second.Slot()}), "only the second has counted it")
	g.Expect(moved).To(BeTrue())
}

// A classify that wants to be asked again at once is asked again in a second, and Due returns.
func TestJudgeThatIsAlwaysDue(t *testing.T) {
	g := NewWithT(t)
	s := newShelf()
	asked := 0
	tally.Add(s.table, func(_ thing, now time.Time) (m mark, counted bool, until time.Time) {
		asked++
		return m, true, now
	}, noon)
	_, _ = s.put("a", &thing{}, noon)
	g.Expect(s.due(noon)).To(Equal([]int{0}))
	g.Expect(asked).To(Equal(2))
	g.Expect(s.table.NextDue()).To(Equal(noon.Add(time.Second)))
}

// What is gone before its table is told is not classified, however due it is.
func TestDueOfWhatIsGone(t *testing.T) {
	g := NewWithT(t)
	s := newShelf()
	counted := tally.Add(s.table, judgeOf(1), noon)
	_, _ = s.put("a", &thing{color: "red", fades: noon.Add(time.Minute)}, noon)
	delete(s.things, "a")
	g.Expect(s.due(noon.Add(time.Hour))).To(BeEmpty())
	g.Expect(counted.Marks()).To(HaveLen(1), "until it is told")
	_, _ = s.put("a", nil, noon)
	g.Expect(counted.Marks()).To(BeEmpty())
}

// A change costs one call of each classify, and one look at the object, however many objects there are.
func TestCostOfAChange(t *testing.T) {
	g := NewWithT(t)
	looks, judged := 0, make([]int, 3)
	table := tally.NewTable(func(string) (thing, bool) {
		looks++
		return thing{color: "red"}, true
	})
	for i := range judged {
		tally.Add(table, func(o thing, now time.Time) (mark, bool, time.Time) {
			judged[i]++
			return judgeOf(i)(o, now)
		}, noon)
	}
	for i := range 5000 {
		table.Update(fmt.Sprint("object-", i), noon, func(int) {})
	}
	looks, judged[0], judged[1], judged[2] = 0, 0, 0, 0
	table.Update("object-2500", noon, func(int) {})
	g.Expect(judged).To(Equal([]int{1, 1, 1}))
	g.Expect(looks).To(Equal(1))
	table.Due(noon, func(int) {})
	g.Expect(judged).To(Equal([]int{1, 1, 1}), "nothing is due")
}

// story is a shelf to which things happen, and the tallies of its table by their classify.
type story struct {
	*shelf

	g       Gomega
	r       *rand.Rand
	now     time.Time
	tallies map[int]*tally.Tally[thing, mark]
	// untold are the things that have changed without a word.
	untold map[string]bool
}

var (
	names  = []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	colors = []string{"red", "green", "blue"}
)

func (s *story) step() {
	switch s.r.IntN(10) {
	case 0:
		if number := s.r.IntN(6); s.tallies[number] == nil {
			s.tallies[number] = tally.Add(s.table, judgeOf(number), s.now)
		}
	case 1:
		if number := s.r.IntN(6); s.tallies[number] != nil {
			tally.Remove(s.table, s.tallies[number])
			delete(s.tallies, number)
		}
	case 2:
		s.now = s.now.Add(time.Duration(s.r.IntN(60)) * time.Second)
	case 3:
		s.watched(func(touched func(int)) { s.table.Due(s.now, touched) })
	case 4, 5:
		s.change()
	default:
		name := names[s.r.IntN(len(names))]
		if s.r.IntN(2) == 0 {
			name = s.change()
		}
		s.tell(name)
	}
}

// change has something happen of which the table is told later.
func (s *story) change() string {
	name := names[s.r.IntN(len(names))]
	s.untold[name] = true
	if delete(s.things, name); s.r.IntN(4) > 0 {
		o := thing{color: colors[s.r.IntN(len(colors))], hidden: s.r.IntN(4) == 0}
		if s.r.IntN(2) == 0 {
			o.fades = s.now.Add(time.Duration(s.r.IntN(90)-10) * time.Second)
		}
		s.things[name] = o
	}
	return name
}

func (s *story) tell(name string) {
	had := s.table.Has(name)
	_, has := s.things[name]
	delete(s.untold, name)
	s.watched(func(touched func(int)) {
		s.g.Expect(s.table.Update(name, s.now, touched)).To(Equal(had != has), "moved")
	})
}

// watched sees that every tally that becomes another is touched.
func (s *story) watched(act func(touched func(int))) {
	before := map[int]string{}
	for number, counted := range s.tallies {
		before[number] = content(counted)
	}
	touched := map[int]bool{}
	act(func(slot int) { touched[slot] = true })
	for number, counted := range s.tallies {
		if after := content(counted); after != before[number] {
			s.g.Expect(touched).To(HaveKey(counted.Slot()), "from %s to %s", before[number], after)
		}
	}
}

// content is all that a tally says.
func content(counted *tally.Tally[thing, mark]) string {
	marks := counted.Marks()
	named := map[mark][]string{}
	for m := range marks {
		named[m] = counted.First(len(names), m)
	}
	return fmt.Sprint(marks, named, counted.First(3, slices.Collect(maps.Keys(marks))...))
}

// expectFresh holds the table to one that is made of the things as they are.
func (s *story) expectFresh() {
	for name := range maps.Clone(s.untold) {
		s.tell(name)
	}
	s.table.Due(s.now, func(int) {})
	fresh := newShelf()
	fresh.things = s.things
	for name := range s.things {
		fresh.table.Update(name, s.now, func(int) {})
	}
	slots := map[int]bool{}
	for number, counted := range s.tallies {
		s.g.Expect(content(counted)).To(Equal(content(tally.Add(fresh.table, judgeOf(number), s.now))), "judge %d", number)
		s.g.Expect(slots).NotTo(HaveKey(counted.Slot()), "each has a slot of its own")
		slots[counted.Slot()] = true
	}
	s.g.Expect(s.table.NextDue()).To(Equal(fresh.table.NextDue()))
	s.g.Expect(s.table.Names()).To(ConsistOf(slices.Collect(maps.Keys(s.things))))
	s.g.Expect(s.table.Len()).To(Equal(len(s.things)))
}

// Whatever happens in whatever order, a table says what one says that is made anew.
func TestTallyEqualsAFreshOne(t *testing.T) {
	for seed := range uint64(1000) {
		var happened string
		g := NewGomega(func(message string, _ ...int) {
			t.Fatalf("seed %d, %s: %s", seed, happened, message)
		})
		s := &story{shelf: newShelf(), g: g, r: rand.New(rand.NewPCG(seed, 0)), now: noon,
			tallies: map[int]*tally.Tally[thing, mark]{}, untold: map[string]bool{}}
		for step := range 40 {
			happened = fmt.Sprint("step ", step)
			s.step()
			if s.r.IntN(8) == 0 {
				s.expectFresh()
			}
		}
		happened = "at the end"
		s.expectFresh()
	}
}
