// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package judge_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/test/world"
)

// BenchmarkJudge judges the whole catalog once, as check does.
func BenchmarkJudge(b *testing.B) {
	for _, size := range []int{6, 1000, 5000} {
		b.Run(fmt.Sprint("nodes=", size), func(b *testing.B) {
			g := NewWithT(b)
			rows := shipped(g)
			c := judge.Compile(&rows.Architectures[0], rows.Mappings)
			w := newWorld(g)
			g.Expect(w.Resize(world.NodePool{Name: "user", Like: "user", Count: size})).To(Succeed())
			scaled := snapshotOf(g, w)
			b.ReportAllocs()
			for b.Loop() {
				c.Judge(&snapshot.Snapshot{Time: scaled.Time, Coverage: scaled.Coverage, Objects: scaled.Objects,
					Responses: scaled.Responses, Reviews: scaled.Reviews})
			}
		})
	}
}
