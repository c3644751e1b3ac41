// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/archmap/archmap/internal/report"
)

// Feed follows a cluster by watches, and publishes a report whenever it changes.
type Feed interface {
	// Run publishes reports one after the other, the first one as soon as anything is known, until the
	// context ends; then it returns nil. Neither Run nor publish may change a published report.
	Run(ctx context.Context, publish func(*report.Report)) error
	// Stale says why the newest report may be out of date; it is empty while the report is current.
	Stale() string
}

const (
	// debounce is how long changes are collected before there is a report, as they come in bursts.
	debounce = 200 * time.Millisecond
	// pace is the least time between two reports.
	pace = time.Second
	// patience is how long a first report waits for what has not been read yet.
	patience = 5 * time.Second
	// freshness is how old a report gets while nothing changes and the cluster answers.
	freshness = time.Minute
)

// publisher decides which reports are published: those that show something new and, while the cluster answers, from time
// to time one that shows that nothing is new.
type publisher struct {
	probe   *probe
	publish func(*report.Report)
	last    *report.Report
}

// offer publishes the report if it is worth it.
func (p *publisher) offer(r *report.Report) {
	aged := p.last != nil && p.probe.silentSince().IsZero() && r.ObservedAt.Sub(p.last.ObservedAt) >= freshness
	if p.last != nil && same(p.last, r) && !aged {
		return
	}
	p.last = r
	p.publish(r)
}

// same reports whether two reports differ in their times alone.
func same(a, b *report.Report) bool {
	aStatus, bStatus := a.Architecture.Status, b.Architecture.Status
	aStatus.ObservedAt, bStatus.ObservedAt = b.Architecture.Status.ObservedAt, b.Architecture.Status.ObservedAt
	return equality.Semantic.DeepEqual(a.Mappings, b.Mappings) && equality.Semantic.DeepEqual(aStatus, bStatus) &&
		equality.Semantic.DeepEqual(a.Architecture.Spec, b.Architecture.Spec)
}

// wait waits until something has changed and changes have been collected, until the time is over, or until the context ends. It
// returns whether the context is still alive.
func wait(ctx context.Context, changed <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-changed:
		return pause(ctx, debounce)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// signal reports a change without blocking.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// silence describes a cluster that no longer answers.
func silence(since time.Time) string {
	return fmt.Sprintf("The cluster has not responded since %s; showing the last known state.", since.UTC().Format("15:04:05 UTC"))
}
