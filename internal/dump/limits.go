// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"cmp"
	"fmt"
	"reflect"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Limits are how much is read of a dump, which may come from anybody: a few bytes can unpack to gigabytes, and take
// several times as much memory. The zero value of each field means its default. The dump of a cluster with 5,000 nodes and
// 150,000 pods is within all of them.
type Limits struct {
	// Files that are read, in directories and archives. Default: 200,000; a must-gather has one for each object.
	Files uint32
	// Objects that are read, most of which are not kept. Default: 1,000,000.
	Objects uint32
	// Unpacked is how many MiB are read out of archives. Default: 4,096.
	Unpacked uint32
	// Memory is how many MiB the objects that are kept take when they are decoded, as estimated. Default: 256; that of 5,000
	// nodes, with an object of three other kinds for each and 1,500 pods that are not ready, takes 106.
	Memory uint32
}

// Flags by which the limits are raised, in the errors.
const (
	FlagFiles    = "max-files"
	FlagObjects  = "max-objects"
	FlagUnpacked = "max-unpacked"
	FlagMemory   = "max-memory"
)

// WithDefaults returns the limits with their defaults.
func (l Limits) WithDefaults() Limits {
	return Limits{
		Files: cmp.Or(l.Files, 200_000), Objects: cmp.Or(l.Objects, 1_000_000), Unpacked: cmp.Or(l.Unpacked, 4096), Memory: cmp.Or(l.Memory, 256),
	}
}

// usage is what has been read of a dump, against its limits.
type usage struct {
	limits            Limits
	files, objects    uint32
	unpacked, decoded int64
}

// limitError ends the reading of a dump: nobody wants to wait for the next file.
type limitError struct{ text string }

func (e *limitError) Error() string { return e.text }

func overLimit(format string, limit uint32, flag string) error {
	return &limitError{fmt.Sprintf(format, limit) + "; if it is no mistake, raise the limit with --" + flag}
}

func (u *usage) addFile() error {
	if u.files++; u.files > u.limits.Files {
		return overLimit("it has more than %d files", u.limits.Files, FlagFiles)
	}
	return nil
}

func (u *usage) addObject() error {
	if u.objects++; u.objects > u.limits.Objects {
		return overLimit("it has more than %d objects", u.limits.Objects, FlagObjects)
	}
	return nil
}

func (u *usage) addUnpacked(bytes int) error {
	if u.unpacked += int64(bytes); u.unpacked > int64(u.limits.Unpacked)<<20 {
		return overLimit("it unpacks to more than %d MiB", u.limits.Unpacked, FlagUnpacked)
	}
	return nil
}

func (u *usage) addDecoded(bytes int) error {
	if u.decoded += int64(bytes); u.decoded > int64(u.limits.Memory)<<20 {
		return overLimit("its objects take more than %d MiB of memory", u.limits.Memory, FlagMemory)
	}
	return nil
}

const (
	// indexed is what an object takes besides itself, in the indexes by name and kind.
	indexed = 1 << 10
	// mapSize and entrySize are what a map and an entry of it take besides the keys and values.
	mapSize, entrySize = 64, 16
	// readyPodSize is what is kept of a ready pod, and revisionSize of the first of its revision on a node.
	readyPodSize, revisionSize = 64, 512
)

// decodedSize estimates what an object takes that is kept. How long its text is says little: {} takes 3 bytes there.
func decodedSize(o client.Object) int { return indexed + sizeBehind(reflect.ValueOf(o)) }

var timeType = reflect.TypeFor[time.Time]()

// sizeBehind estimates what a value takes beyond its own place, in bytes.
func sizeBehind(v reflect.Value) (size int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			size = int(v.Elem().Type().Size()) + sizeBehind(v.Elem())
		}
	case reflect.Struct:
		for i := 0; v.Type() != timeType && i < v.NumField(); i++ { // a time points to its zone, which all share
			size += sizeBehind(v.Field(i))
		}
	case reflect.Slice:
		size = v.Cap() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			size += sizeBehind(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			return 0
		}
		size = mapSize
		for entries := v.MapRange(); entries.Next(); {
			size += entrySize + int(v.Type().Key().Size()+v.Type().Elem().Size()) + sizeBehind(entries.Key()) + sizeBehind(entries.Value())
		}
	}
	return size
}
