// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import "slices"

// maxReaders is how many pages are open at once.
const maxReaders = 100

// reader is an open page. replaced is closed when it has to make room.
type reader struct {
	host     string
	replaced chan struct{}
}

// readers are the open pages, the oldest first.
type readers []*reader

// enter lets one more in. When there is no room, one of the host that has most leaves, the oldest: who opens many, and reads none,
// keeps nobody else out. A page that is closed so comes back by itself.
func (all *readers) enter(host string) *reader {
	if len(*all) >= maxReaders {
		leaves := all.oldestOfMost()
		close(leaves.replaced)
		all.leave(leaves)
	}
	r := &reader{host: host, replaced: make(chan struct{})}
	*all = append(*all, r)
	return r
}

func (all *readers) leave(r *reader) {
	*all = slices.DeleteFunc(*all, func(other *reader) bool { return other == r })
}

func (all *readers) oldestOfMost() *reader {
	count := map[string]int{}
	for _, r := range *all {
		count[r.host]++
	}
	oldest := (*all)[0]
	for _, r := range *all {
		if count[r.host] > count[oldest.host] {
			oldest = r
		}
	}
	return oldest
}
