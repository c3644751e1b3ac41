// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import "unsafe"

// inStore is what a store takes for each object besides: its key, and its place among the others, of which a map has some
// that are free.
const inStore = 72

// Size estimates what a store takes for an object that Pack has made, in bytes, without what the object shares with others;
// 0 for anything else.
func Size(stored any) int {
	switch p := stored.(type) {
	case *packedNode:
		size := int(unsafe.Sizeof(*p)) + p.size() + len(p.instance) + len(p.podCIDR) + cap(p.conditions)*int(unsafe.Sizeof(packedCondition{}))
		for i := range p.taints {
			size += int(unsafe.Sizeof(p.taints[i]))
		}
		return size
	case *packedObject:
		return int(unsafe.Sizeof(*p)) + p.size() + len(p.content)
	}
	return 0
}

// size is that of the name: in the object, and in the key.
func (n packedName) size() int {
	return inStore + len(n.namespace) + 2*len(n.name) + len(n.resourceVersion)
}
