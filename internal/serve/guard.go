// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard lets only those in who are meant: readers whose browser was pointed here, and no page of another origin that
// lets its own name point here (DNS rebinding) or makes the browser ask. name is by which the server is asked for.
func guard(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		switch {
		case !meant(r.Host, name):
			http.Error(w, "This server does not serve the host name "+hostOf(r.Host)+".", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "This server is read-only.", http.StatusMethodNotAllowed)
		case foreign(r):
			http.Error(w, "This server does not serve pages of other origins.", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// meant reports whether a browser that asks for the host was meant to ask this server. An address cannot be made to point
// elsewhere, so any will do, and any port: it may be that of a tunnel.
func meant(host, name string) bool {
	host = hostOf(host)
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost") || (host != "" && strings.EqualFold(host, name))
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// foreign reports whether a page of another origin makes the browser ask. To follow a link to the page is fine, in a window of
// its own. Browsers that do not tell by Sec-Fetch-Site may tell by Origin.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(from.Host, r.Host) {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	destination := r.Header.Get("Sec-Fetch-Dest")
	return r.URL.Path != pagePath || r.Header.Get("Sec-Fetch-Mode") != "navigate" || (destination != "" && destination != "document")
}
