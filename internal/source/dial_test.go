package source

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRefusedAddresses: whatever a name or a notation leads to, the address that
// would be dialled is looked at.
func TestRefusedAddresses(t *testing.T) {
	d := newDialer([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:7270"), netip.MustParseAddrPort("[::]:7271")})
	d.interfaces = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("192.168.7.9"), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("2001:db8::9"), Mask: net.CIDRMask(64, 128)}}, nil
	}
	for address, ok := range map[string]bool{
		"10.1.2.3:9200": true, "127.0.0.1:9200": true, "192.168.7.9:9200": true, "[2001:db8::1]:9200": true, "[::1]:9200": true, "203.0.113.5:443": true,
		"[fd00::1]:9200": true, "127.0.0.1:7271": false,
		// Of the link, of everybody, of nobody.
		"169.254.169.254:80": false, "169.254.0.1:9200": false, "[fe80::1]:9200": false, "[fe80::1%eth0]:9200": false, "224.0.0.1:9200": false, "[ff02::1]:9200": false,
		"0.0.0.0:9200": false, "0.1.2.3:9200": false, "[::]:9200": false, "255.255.255.255:9200": false,
		// Metadata outside the link.
		"100.100.100.200:80": false, "168.63.129.16:80": false, "192.0.0.192:80": false, "[fd00:ec2::254]:80": false, "[fd20:ce::254]:80": false,
		// The same in other clothes: mapped, translated, tunnelled.
		"[::ffff:169.254.169.254]:80": false, "[::169.254.169.254]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[64:ff9b:1::a9fe:a9fe]:80": false,
		"[2002:a9fe:a9fe::1]:80": false, "[::ffff:100.100.100.200]:80": false, "[::ffff:10.0.0.1]:80": true, "[64:ff9b::a00:1]:80": true,
		// The server's own: as it listens, on every interface where it listens on all.
		"127.0.0.1:7270": false, "[::ffff:127.0.0.1]:7270": false, "127.0.0.2:7270": true, "192.168.7.9:7271": false, "[2001:db8::9]:7271": false, "[::1]:7271": false,
		"127.8.8.8:7271": false, "192.168.7.10:7271": true, "[::ffff:192.168.7.9]:7271": false, "[64:ff9b::7f00:1]:7270": false,
	} {
		if err := d.check(netip.MustParseAddrPort(address)); (err == nil) != ok {
			t.Errorf("%s: %v, want it to be taken: %v", address, err, ok)
		}
	}
	// Numbers that a resolver may read as addresses are judged by what they become.
	for _, host := range []string{"2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.169.254.", "metadata.example.org"} {
		d.lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("::ffff:169.254.169.254")}, nil
		}
		var refused *refusedError
		if conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort(host, "80")); !errors.As(err, &refused) {
			t.Errorf("%s: %v %v", host, conn, err)
		}
	}
}

// TestResolvedOnce: a name that changes its mind is asked once, and the address
// that was looked at is the one that is connected to.
func TestResolvedOnce(t *testing.T) {
	hits := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hits.Add(1); _, _ = w.Write([]byte(`{}`)) }))
	defer server.Close()
	port := netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://")).Port()
	for _, c := range []struct {
		answers []string
		ok      bool
	}{
		{[]string{"127.0.0.1", "169.254.169.254"}, true},
		{[]string{"169.254.169.254", "127.0.0.1"}, false},
	} {
		r, err := NewRemote(RemoteOptions{Name: "r", URL: "http://rebinding.example.org:" + itoa(port)})
		if err != nil {
			t.Fatal(err)
		}
		d, asked := newDialer(nil), 0
		d.lookup = func(context.Context, string) ([]netip.Addr, error) {
			asked++
			return []netip.Addr{netip.MustParseAddr(c.answers[min(asked, len(c.answers))-1])}, nil
		}
		r.client.Transport.(*http.Transport).DialContext = d.dial
		err = r.call(t.Context(), "GET", "/", nil, &map[string]any{})
		var refused *refusedError
		if (err == nil) != c.ok || !c.ok && !errors.As(err, &refused) || asked != 1 {
			t.Errorf("%v: %v after %d questions", c.answers, err, asked)
		}
		r.client.CloseIdleConnections()
	}
	if hits.Load() != 1 {
		t.Errorf("%d requests came, want 1", hits.Load())
	}
}

func itoa(n uint16) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), n).String()[len("0.0.0.0:"):]
}
