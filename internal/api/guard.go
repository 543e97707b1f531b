package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"tidemark/wire"
)

// Guard keeps web pages away from a server that has no users: a browser sends
// requests to loopback addresses for any page, and a page's host name may be
// made to point there.
type Guard struct {
	// Loopback: the server listens on a loopback address only.
	Loopback bool
	// AllowOrigins are the origins (scheme://host[:port]) that may send
	// requests; "*" allows all.
	AllowOrigins []string
	// AllowHosts are host names, beside IP literals and localhost, by which a
	// server on a loopback address may be called.
	AllowHosts []string
}

// Check refuses requests that a web page of another origin has caused. The error
// is a *wire.Refusal.
func (g *Guard) Check(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin != "" && !g.allowedOrigin(origin, r) {
		return forbidden("requests from the web origin [%s] are refused; start the server with --allow-origin %s to take them", wire.Clip(origin), wire.Clip(origin))
	}
	if origin == "" && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return forbidden("requests that a web page of another site causes are refused; start the server with --allow-origin and that site's origin, and send the Origin header")
	}
	if g.Loopback && !g.allowedHost(r.Host) {
		return forbidden("the host name [%s] is no IP address and not localhost, which a server on a loopback address refuses; start it with --allow-host %s to take it",
			wire.Clip(r.Host), wire.Clip(hostName(r.Host)))
	}
	return nil
}

func forbidden(format string, args ...any) error {
	return &wire.Refusal{Status: http.StatusForbidden, Type: wire.TypeSecurity, Reason: fmt.Sprintf(format, args...)}
}

func (g *Guard) allowedOrigin(origin string, r *http.Request) bool {
	if slices.Contains(g.AllowOrigins, "*") || slices.ContainsFunc(g.AllowOrigins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func (g *Guard) allowedHost(host string) bool {
	name := hostName(host)
	if name == "" || strings.EqualFold(name, "localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(g.AllowHosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// hostName is a Host header's name without the port and brackets.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// crossOrigin answers for origins that are allowed explicitly, so that browsers
// let their pages read. It reports whether the request only asked for leave.
func (g *Guard) crossOrigin(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || len(g.AllowOrigins) == 0 {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", wire.ProductHeader+", Warning, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
	header.Set("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, Accept, Authorization, X-Opaque-Id, "+wire.IdempotencyHeader)
	header.Set("Access-Control-Max-Age", "600")
	return true
}
