// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Packed is an object as a store keeps it: a fraction of the size of one that is read. Informers find its name by
// GetObjectMeta.
type Packed interface {
	metav1.ObjectMetaAccessor
	// Unpack makes the object, as it was trimmed.
	Unpack() client.Object
	// Same reports whether a check reads the same of another packed object.
	Same(other Packed) bool
}

// Unpacked returns the object that a store keeps, packed or not; nil for anything else.
func Unpacked(stored any) client.Object {
	switch stored := stored.(type) {
	case Packed:
		return stored.Unpack()
	case client.Object:
		return stored
	}
	return nil
}
