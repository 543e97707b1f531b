package source

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// dialer connects to remotes. It resolves a name once and connects to the address
// that it has checked, so that nothing can change in between.
type dialer struct {
	// own are the addresses that the server itself listens on.
	own []netip.AddrPort
	// lookup and interfaces are net's; tests put others in their place.
	lookup     func(ctx context.Context, host string) ([]netip.Addr, error)
	interfaces func() ([]net.Addr, error)
}

func newDialer(own []netip.AddrPort) *dialer {
	return &dialer{own: own, interfaces: net.InterfaceAddrs, lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
}

// refusedError is an address that no data comes from.
type refusedError struct{ at netip.AddrPort }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the address %s is refused: it is this server's own, of the link (where clouds keep their metadata), or no host's", e.at)
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	found, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	failed := fmt.Errorf("the name %q has no address", host)
	for _, ip := range found {
		at := netip.AddrPortFrom(ip.Unmap(), uint16(number)) // LookupPort gives nothing larger.
		if err := d.check(at); err != nil {
			failed = err
			continue
		}
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, at.String())
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// metadata are addresses outside the link where clouds answer with credentials.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("100.100.100.200"): true,
	netip.MustParseAddr("168.63.129.16"):   true,
	netip.MustParseAddr("192.0.0.192"):     true,
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("fd20:ce::254"):    true,
}

// check refuses addresses of the link, of everybody and of nobody, clouds' metadata
// and the server's own. Addresses of IPv4 within others are looked at as well.
func (d *dialer) check(at netip.AddrPort) error {
	ip := at.Addr().Unmap().WithZone("")
	at = netip.AddrPortFrom(ip, at.Port())
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || metadata[ip] {
		return &refusedError{at}
	}
	if ip.Is4() && ip.As4()[0] == 0 {
		return &refusedError{at} // Addresses of "this network" reach the machine itself.
	}
	own, err := d.isOwn(at)
	if err != nil || own {
		return &refusedError{at}
	}
	if inner, ok := within4(ip); ok {
		if d.check(netip.AddrPortFrom(inner, at.Port())) != nil {
			return &refusedError{at}
		}
	}
	return nil
}

// within4 is the address of IPv4 that an address of IPv6 leads to through a
// translator or a tunnel.
func within4(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return ip, false
	}
	b := ip.As16()
	part := func(at int) (netip.Addr, bool) { return netip.AddrFrom4([4]byte(b[at : at+4])), true }
	for prefix, at := range map[netip.Prefix]int{ // order-free: prefixes do not overlap
		netip.MustParsePrefix("::/96"):           12,
		netip.MustParsePrefix("::ffff:0:0:0/96"): 12,
		netip.MustParsePrefix("64:ff9b::/96"):    12,
		netip.MustParsePrefix("64:ff9b:1::/48"):  12,
		netip.MustParsePrefix("2002::/16"):       2,
	} {
		if prefix.Contains(ip) && !ip.IsLoopback() {
			return part(at)
		}
	}
	return ip, false
}

// isOwn reports whether the server itself listens at an address.
func (d *dialer) isOwn(at netip.AddrPort) (bool, error) {
	for _, own := range d.own {
		switch {
		case own.Port() != at.Port():
		case own.Addr().Unmap().WithZone("") == at.Addr():
			return true, nil
		case own.Addr().IsUnspecified():
			if at.Addr().IsLoopback() {
				return true, nil
			}
			list, err := d.interfaces()
			if err != nil {
				return false, err
			}
			for _, a := range list {
				if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap().WithZone("") == at.Addr() {
					return true, nil
				}
			}
		}
	}
	return false, nil
}
