package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"tidemark/internal/inlog/sqlitelog"
	"tidemark/internal/job"
)

// DefaultListen is where a server listens unless told otherwise: on this
// machine only, and at no port that a search engine uses.
const DefaultListen = "127.0.0.1:7270"

// Options are all of a server's settings. DefaultOptions has the defaults.
type Options struct {
	// Data is the data directory, Listen the address host:port.
	Data, Listen string
	// TLSCert and TLSKey are PEM files of a certificate, with its chain, and its
	// private key; with them the server speaks HTTPS, HTTP/2 included, and nothing else.
	TLSCert, TLSKey string
	// APIVersion is the version that clients are told; "" means the built-in one.
	APIVersion string
	// CompatHeaders: send what official clients need to see, but nobody else.
	CompatHeaders bool
	// AllowOrigins and AllowHosts open the server to web pages, see api.Guard.
	AllowOrigins, AllowHosts []string
	// Remotes are search clusters for datafeeds, each NAME=URL.
	Remotes []string
	// RemoteCAs are files with the certificates that a remote's must be signed by,
	// each NAME=FILE. RemoteInsecure names the remotes whose certificates are not
	// looked at.
	RemoteCAs, RemoteInsecure []string
	// MaxUpload and MaxReading bound one upload and all that are being read;
	// MaxQueued all that wait or are being stored, in bytes.
	MaxUpload, MaxReading, MaxQueued int64
	// MinFree is the free disk space below which no upload is taken, in bytes.
	MinFree int64
	// LogRetentionAge and LogRetentionBytes say how long entries of the input
	// log are kept that no recovery needs any more.
	LogRetentionAge   time.Duration
	LogRetentionBytes int64
	// MaxLog and MaxStore bound the two databases, in bytes; 0: the disk does.
	MaxLog, MaxStore int64
	// SnapshotWork is the replay work after which a snapshot falls due, in
	// units of about a tenth of a microsecond.
	SnapshotWork int64
	// StopTimeout bounds the wait for requests and snapshots at the end.
	StopTimeout time.Duration
}

// DefaultOptions are what a server does when it is told nothing.
func DefaultOptions() Options {
	return Options{
		Data: DefaultData(), Listen: DefaultListen, CompatHeaders: true,
		MaxUpload: 100 << 20, MaxReading: 512 << 20, MaxQueued: job.DefaultMaxBytesInFlight, MinFree: job.DefaultMinFreeBytes,
		LogRetentionAge: sqlitelog.DefaultRetentionAge, LogRetentionBytes: sqlitelog.DefaultRetentionBytes,
		SnapshotWork: job.DefaultSnapshotWork, StopTimeout: 30 * time.Second,
	}
}

// Validate says which option is wrong and how.
func (o *Options) Validate() error {
	if o.Data == "" {
		return errors.New("no data directory: the home directory is not known; give one with --data")
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return fmt.Errorf("--listen %q is no address: give host:port, such as %s", o.Listen, DefaultListen)
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together: give the files of the certificate and of its private key, or neither")
	}
	for name, n := range map[string]int64{
		"max-upload": o.MaxUpload, "max-reading": o.MaxReading, "max-queued": o.MaxQueued, "min-free": o.MinFree,
		"log-retention-size": o.LogRetentionBytes, "max-log": o.MaxLog, "max-store": o.MaxStore, "snapshot-work": o.SnapshotWork,
	} {
		if n < 0 {
			return fmt.Errorf("--%s must not be negative", name)
		}
	}
	return nil
}

// loopback reports whether an address can be reached from this machine only.
func loopback(addr net.Addr) bool {
	ap, err := netip.ParseAddrPort(addr.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// DefaultData is the data directory by the platform's convention, "" if the
// home directory is not known.
func DefaultData() string {
	home, err := os.UserHomeDir()
	switch {
	case runtime.GOOS == "windows" && os.Getenv("LocalAppData") != "":
		return filepath.Join(os.Getenv("LocalAppData"), "Tidemark")
	case runtime.GOOS != "windows" && runtime.GOOS != "darwin" && filepath.IsAbs(os.Getenv("XDG_DATA_HOME")):
		return filepath.Join(os.Getenv("XDG_DATA_HOME"), "tidemark")
	case err != nil:
		return ""
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "Tidemark")
	}
	return filepath.Join(home, ".local", "share", "tidemark")
}
