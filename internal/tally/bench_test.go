// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package tally_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/tally"
)

// The nodes of a big cluster, and how many checks and views count them.
const (
	bigCluster  = 5000
	manyTallies = 73
)

// pool has a thing count as one of few, as nodes of a pool do; own has each count as itself in one tally of all.
func pool(object int) int { return object % 7 }
func own(object int) int  { return object }

var kinds = map[string]func(object int) int{"alike": pool, "each its own": own}

// filled is a table of things by number, each counted by many tallies as mark says in the first of them, and by its pool
// in the others.
type filled struct {
	table   *tally.Table[int]
	tallies []*tally.Tally[int, int]
	names   []string
	// marked is what the first tally makes of each thing.
	marked []int
}

func fill(size int, mark func(object int) int) *filled {
	f := &filled{names: make([]string, size), marked: make([]int, size)}
	numbers := make(map[string]int, size)
	for i := range size {
		f.names[i], f.marked[i] = fmt.Sprintf("aks-pool%d-12345678-vmss%06d", pool(i), i), mark(i)
		numbers[f.names[i]] = i
	}
	f.table = tally.NewTable(func(name string) (int, bool) {
		object, ok := numbers[name]
		return object, ok
	})
	for i := range manyTallies {
		f.tallies = append(f.tallies, f.add(i))
	}
	return f
}

func (f *filled) add(number int) *tally.Tally[int, int] {
	return tally.Add(f.table, func(object int, _ time.Time) (int, bool, time.Time) {
		if number == 0 {
			return f.marked[object], true, time.Time{}
		}
		return pool(object), true, time.Time{}
	}, noon)
}

func (f *filled) update(object int) {
	f.table.Update(f.names[object], noon, func(int) {})
}

func (f *filled) updateAll() {
	for i := range f.names {
		f.update(i)
	}
}

// bytesPerRow is what a table holds for each of its rows, beside their names.
func bytesPerRow(mark func(object int) int) float64 {
	f := fill(bigCluster, mark)
	before := liveBytes()
	f.updateAll()
	after := liveBytes()
	runtime.KeepAlive(f)
	return float64(int64(after)-int64(before)) / bigCluster
}

func liveBytes() uint64 {
	runtime.GC()
	runtime.GC() // what had a finalizer is freed by the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func BenchmarkBytesPerRow(b *testing.B) {
	for name, mark := range kinds {
		b.Run(name, func(b *testing.B) {
			bytes := 0.0
			for range b.N {
				bytes = bytesPerRow(mark)
			}
			b.ReportMetric(bytes, "bytes/row")
		})
	}
}

// BenchmarkUpdate: a thing of many stays what it is, or turns and back; others are like it, or none is.
func BenchmarkUpdate(b *testing.B) {
	for name, mark := range kinds {
		f := fill(bigCluster, mark)
		f.updateAll()
		for _, turns := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/turns=%t", name, turns), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					object := i / 2 * 2503 % bigCluster
					if f.marked[object] = mark(object); turns && i%2 == 0 {
						f.marked[object] = -1
					}
					f.update(object)
					for _, counted := range f.tallies {
						if names := counted.First(3, 0, 1, 2, 3); len(names) > 3 {
							b.Fatal(names)
						}
					}
				}
			})
		}
	}
}

// BenchmarkAddAll: all tallies end, and begin to count what is there.
func BenchmarkAddAll(b *testing.B) {
	for name, mark := range kinds {
		b.Run(name, func(b *testing.B) {
			f := fill(bigCluster, mark)
			f.updateAll()
			for range b.N {
				for i, counted := range f.tallies {
					tally.Remove(f.table, counted)
					f.tallies[i] = f.add(i)
				}
			}
		})
	}
}

// Whatever counts objects, one that is like others costs its name and its place; one that is like no other costs less than
// two words for each tally, beside what tells the others apart.
func TestSizeOfARow(t *testing.T) {
	g := NewWithT(t)
	g.Expect(bytesPerRow(pool)).To(BeNumerically("<", 100))
	g.Expect(bytesPerRow(own)).To(BeNumerically("<", 2048))
}

// Marks that no object has any more are not held, however many there were.
func TestMarksThatWere(t *testing.T) {
	for name, turn := range map[string]func(f *filled, i int){
		"of objects like no other": func(f *filled, i int) { f.marked[0] = 100 + i },
		"of an object that is like another at times": func(f *filled, i int) {
			if f.marked[0] = f.marked[7]; i%2 == 0 {
				f.marked[0] = 100 + i
			}
		},
	} {
		f := fill(2*7, pool)
		f.updateAll()
		before := liveBytes()
		for i := range 20000 {
			turn(f, i)
			f.update(0)
		}
		after := liveBytes()
		NewWithT(t).Expect(int64(after)-int64(before)).To(BeNumerically("<", 64<<10), name)
		runtime.KeepAlive(f)
	}
}
