// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package msg

import "slices"

// Nearest returns the known word that is most like one that was mistyped, and the first of several that are as like;
// empty when none is like it.
func Nearest(typed string, known []string) string {
	best, least := "", len(typed)/3+1
	for _, k := range known {
		if d := distance(typed, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// Closest returns the n known words that are most like a typed one, the most like first.
func Closest(typed string, known []string, n int) []string {
	sorted := slices.Clone(known)
	slices.SortStableFunc(sorted, func(a, b string) int { return distance(typed, a) - distance(typed, b) })
	return sorted[:min(n, len(sorted))]
}

// distance is the number of letters to insert, remove or replace to get from one word to another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
