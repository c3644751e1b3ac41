// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"errors"
	"regexp"
	"strings"
)

// MaxBody is how large the response to a GET may be of which an expression reads the body, in bytes: ten times that of
// /readyz?verbose.
const MaxBody = 64 << 10

// The paths that are read, as the API has them, too: they are those by which the API server tells of itself in a few lines.
// No object, log or metric is below them, and no pod, node or service behind them.
const (
	PathPattern  = `^/((healthz|livez|readyz)(/[A-Za-z0-9][A-Za-z0-9._-]*)*|version|[.]well-known/[A-Za-z0-9][A-Za-z0-9._-]*|openid/v1/jwks)([?].*)?$`
	QueryPattern = `^/(healthz|livez|readyz)[?](verbose|exclude=[A-Za-z0-9._/-]+)(&(verbose|exclude=[A-Za-z0-9._/-]+))*$`
)

var (
	readablePath  = regexp.MustCompile(PathPattern)
	readableQuery = regexp.MustCompile(QueryPattern)
)

// CheckPath says why a path is not read, whoever asks and whatever validated it before.
func CheckPath(path string) error {
	switch {
	case !readablePath.MatchString(path):
		return errors.New("must be /healthz, /livez, /readyz or one of their checks, such as /readyz/etcd, or /version, " +
			"/openid/v1/jwks or a document in /.well-known")
	case strings.Contains(path, "?") && !readableQuery.MatchString(path):
		return errors.New("may have a query only after /healthz, /livez and /readyz: verbose, exclude=NAME, or both")
	}
	return nil
}

// StatusMask is that of a need for a path of whose response no body is read.
var StatusMask = Mask{"status": nil}

var bodyMask = Mask{"body": nil}

// ReadsBody says whether the body of the response to a path is read.
func (n Need) ReadsBody() bool { return ParseMask(n.Mask).Covers(bodyMask) }
