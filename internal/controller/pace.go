// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"time"

	"golang.org/x/time/rate"
)

// The status of a mapping turns as often as its cause does: at first at once, then 5 times a second, so that a loop, in which one
// that reads the status changes what the status shows, does not run as fast as it can. A thousand turns are days of a component
// that keeps crashing; what goes on after that is written as often as mere counters.
const (
	turnsAtOnce    = 50
	turnsASecond   = 5
	turnsInReserve = 1000
)

// pace limits how often the status of a mapping turns. The zero value lets all turns pass that it allows.
type pace struct {
	quick, steady *rate.Limiter
}

// delay returns how long the status may not turn.
func (p *pace) delay(now time.Time) time.Duration {
	if p.quick == nil {
		return 0
	}
	return max(untilToken(p.quick, now), untilToken(p.steady, now))
}

// turned counts a turn.
func (p *pace) turned(now time.Time) {
	if p.quick == nil {
		p.quick = rate.NewLimiter(turnsASecond, turnsAtOnce)
		p.steady = rate.NewLimiter(rate.Every(counterInterval), turnsInReserve)
	}
	p.quick.AllowN(now, 1)
	p.steady.AllowN(now, 1)
}

// untilToken returns how long it takes until a limiter has a token.
func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing/float64(l.Limit())*float64(time.Second)).Round(time.Millisecond) + time.Millisecond
}
