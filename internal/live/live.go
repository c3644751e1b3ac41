// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package live follows a cluster: it makes a picture of it, and a newer one whenever what it shows changes. It does so
// by watches, with the rights of whoever runs it.
package live

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/archmap/archmap/internal/report"
)

// Feed makes pictures of a cluster.
type Feed interface {
	// Run publishes pictures one after the other, the first one as soon as there is something to see, until the
	// context ends; then it returns nil. Who publishes must not change the picture, and who gets it neither.
	Run(ctx context.Context, publish func(*report.Report)) error
	// Doubt says why the newest picture may be out of date; it is empty while the picture is current.
	Doubt() string
}

const (
	// settle is how long changes are collected before there is a picture, as they come in bursts.
	settle = 200 * time.Millisecond
	// pace is the least time between two pictures.
	pace = time.Second
	// patience is how long a first picture waits for what has not been read yet.
	patience = 5 * time.Second
	// freshness is how old a picture gets while nothing changes and the cluster answers.
	freshness = time.Minute
)

// camera decides which pictures are published: those that show something new and, while the cluster answers, from time
// to time one that shows that nothing is new.
type camera struct {
	contact *contact
	publish func(*report.Report)
	last    *report.Report
}

func (c *camera) take(r *report.Report) {
	aged := c.last != nil && c.contact.silentSince().IsZero() && r.ObservedAt.Sub(c.last.ObservedAt) >= freshness
	if c.last != nil && same(c.last, r) && !aged {
		return
	}
	c.last = r
	c.publish(r)
}

// same says that two pictures differ in their times alone.
func same(a, b *report.Report) bool {
	aStatus, bStatus := a.Architecture.Status, b.Architecture.Status
	aStatus.ObservedAt, bStatus.ObservedAt = b.Architecture.Status.ObservedAt, b.Architecture.Status.ObservedAt
	return equality.Semantic.DeepEqual(a.Mappings, b.Mappings) && equality.Semantic.DeepEqual(aStatus, bStatus) &&
		equality.Semantic.DeepEqual(a.Architecture.Spec, b.Architecture.Spec)
}

// wait waits until something has changed and has settled, until the time is over, or until the context ends. It
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
		return pause(ctx, settle)
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

// signal leaves a sign for whoever looks next, unless there is one already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// silence tells of a cluster that does not answer any more.
func silence(since time.Time) string {
	return fmt.Sprintf("The cluster has not answered since %s: what is shown is what was seen last.", since.UTC().Format("15:04:05 UTC"))
}
