// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/test/rollouts"
)

// rolloutGroup is a table of rollouts.md.
type rolloutGroup struct {
	rollouts.Group

	States []rolloutState
}

// rolloutState is a row of it.
type rolloutState struct {
	rollouts.Row

	// Of is kind, strategy, and what the check allows; Has the numbers and the pods that are not ready.
	Of, Has string
	// Then is for how long the verdict is excused, or may last.
	Then string
}

func rolloutTables() ([]rolloutGroup, error) {
	groups, err := rollouts.Groups()
	if err != nil {
		return nil, err
	}
	var out []rolloutGroup
	for _, g := range groups {
		table := rolloutGroup{Group: g}
		for _, r := range g.Rows {
			s := rolloutState{Row: r, Of: string(r.Kind) + fields(r.Strategy) + fields(r.Check), Has: numbers(r.Numbers)}
			if found := append(append([]string{}, r.Pods...), r.Nodes...); len(found) > 0 {
				s.Has += "; " + shorten(found)
			}
			switch {
			case r.Excused != "":
				s.Then = ", excused for " + r.Excused
			case r.Turns != "":
				s.Then = ", looked at again in " + r.Turns
			}
			table.States = append(table.States, s)
		}
		out = append(out, table)
	}
	return out, nil
}

// fields are what is set, as YAML in a line.
func fields(of any) string {
	text, err := yaml.Marshal(of)
	if err != nil {
		return ""
	}
	var parts []string
	parent := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "{}":
		case strings.HasSuffix(line, ":"):
			parent = strings.TrimSuffix(line, ":") + "."
		default:
			parts = append(parts, parent+strings.TrimSpace(line))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

func numbers(n rollouts.Numbers) string {
	var counts strings.Builder
	for _, count := range []struct {
		of   *int32
		word string
	}{{n.Created, "created"}, {n.Updated, "updated"}, {n.Ready, "ready"}} {
		if count.of != nil {
			fmt.Fprintf(&counts, ", %d %s", *count.of, count.word)
		}
	}
	text := fmt.Sprintf("%d/%d available", n.Available, n.Desired) + counts.String()
	if n.Observed != nil {
		text += fmt.Sprintf(", generation %d of 2 seen", *n.Observed)
	}
	if n.Rolling {
		text += ", revisions differ"
	}
	if n.Progressed != "" {
		text += ", progressed " + n.Progressed + " ago"
	}
	if n.Progressing == "-" {
		text += ", no deadline"
	} else if n.Progressing != "" {
		reason, _, _ := strings.Cut(n.Progressing, ":")
		text += ", Progressing=False/" + reason
	}
	if n.Failure != "" {
		text += ", ReplicaFailure=True"
	}
	return text
}

// shorten tells what many do only once.
func shorten(pods []string) string {
	var parts []string
	for i := 0; i < len(pods); {
		n := i
		for n < len(pods) && pods[n] == pods[i] {
			n++
		}
		text := pods[i]
		if n-i > 1 {
			text = fmt.Sprintf("%d × %s", n-i, text)
		}
		parts, i = append(parts, text), n
	}
	return strings.Join(parts, ", ")
}
