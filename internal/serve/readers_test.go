// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"testing"

	. "github.com/onsi/gomega"
)

// TestReplacedReaders: who opens many pages replaces those of its own.
func TestReplacedReaders(t *testing.T) {
	g := NewWithT(t)
	var all readers
	other := all.enter("other")
	var many []*reader
	for range maxReaders - 1 {
		many = append(many, all.enter("many"))
	}
	g.Expect(many[0].replaced).NotTo(BeClosed())
	all.enter("many")
	g.Expect(many[0].replaced).To(BeClosed(), "the oldest of its own")
	all.enter("late")
	g.Expect(many[1].replaced).To(BeClosed(), "the oldest of those who have most")
	g.Expect(other.replaced).NotTo(BeClosed())
	g.Expect(all).To(HaveLen(maxReaders))
	for range 5 * maxReaders {
		all.enter("many")
	}
	g.Expect(other.replaced).NotTo(BeClosed())
	all.leave(many[0])
	all.leave(other)
	all.leave(other)
	g.Expect(all).To(HaveLen(maxReaders-1), "one that has been replaced leaves no more room")
}
