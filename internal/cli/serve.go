package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"tidemark/internal/app"
	"tidemark/wire"
)

// serveFlags are the options of serve as text, before they are read.
type serveFlags struct {
	app.Options
	config, logLevel, logFormat, compat string
	age                                 string
}

func newServe() *cobra.Command {
	f := &serveFlags{Options: app.DefaultOptions()}
	cmd := &cobra.Command{
		Use: "serve", Short: "Run a server", Args: exactly(),
		Long: "Run a server until it gets SIGINT or SIGTERM.\n\n" +
			"Every option can also be given in the environment (TIDEMARK_DATA for --data,\n" +
			"TIDEMARK_MAX_UPLOAD for --max-upload) and in a YAML file (data: ..., max-upload: ...).\n" +
			"The command line comes before the environment, and that before the file.",
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "YAML `file` with options")
	flags.StringVar(&f.Data, "data", f.Data, "data `directory`")
	flags.StringVar(&f.Listen, "listen", f.Listen, "`address` to listen on, host:port")
	flags.StringVar(&f.TLSCert, "tls-cert", "", "PEM `file` with a certificate and its chain; with it the server speaks HTTPS and HTTP/2")
	flags.StringVar(&f.TLSKey, "tls-key", "", "PEM `file` with the certificate's private key")
	flags.StringVar(&f.compat, "compat-headers", "on", "send the product header and version fields that official clients demand: on or off")
	flags.StringVar(&f.APIVersion, "api-version", "", "API `version` to tell clients (default "+wire.Version+")")
	flags.StringSliceVar(&f.AllowOrigins, "allow-origin", nil, "web `origin` that may send requests, such as https://tools.example.org; may be repeated")
	flags.StringSliceVar(&f.AllowHosts, "allow-host", nil, "host `name` by which a server on a loopback address may be called; may be repeated")
	flags.StringSliceVar(&f.Remotes, "remote", nil, "search cluster for datafeeds, `NAME=URL`; NAME:INDEX in a datafeed then means an index there; may be repeated")
	flags.StringSliceVar(&f.RemoteCAs, "remote-ca", nil, "PEM file with the certificates that a remote's must be signed by, `NAME=FILE`; may be repeated")
	flags.StringSliceVar(&f.RemoteInsecure, "remote-insecure", nil, "`NAME` of a remote whose certificate is not looked at; may be repeated")
	for _, s := range []struct {
		name, help string
		to         *int64
	}{
		{"max-upload", "largest upload, decompressed", &f.MaxUpload},
		{"max-reading", "bytes of all uploads that are being read", &f.MaxReading},
		{"max-queued", "bytes of all uploads that wait or are being stored", &f.MaxQueued},
		{"min-free", "free disk space below which no upload is taken", &f.MinFree},
		{"log-retention-size", "size of the input log above which entries go that no recovery needs", &f.LogRetentionBytes},
		{"max-log", "largest input log; 0: the disk decides", &f.MaxLog},
		{"max-store", "largest results database; 0: the disk decides", &f.MaxStore},
	} {
		flags.Var(&size{s.to}, s.name, s.help)
	}
	f.age = wire.FormatDuration(f.LogRetentionAge)
	flags.StringVar(&f.age, "log-retention", f.age, "`time` for which entries of the input log are kept that no recovery needs")
	flags.Int64Var(&f.SnapshotWork, "snapshot-work", f.SnapshotWork, "replay `work` after which a snapshot falls due, in tenths of a microsecond")
	flags.DurationVar(&f.StopTimeout, "stop-timeout", f.StopTimeout, "longest `wait` for requests and snapshots when stopping")
	flags.StringVar(&f.logLevel, "log-level", "info", "least `level` that is logged: debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "text", "`format` of the log on stderr: text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := settle(flags, f.config); err != nil {
			return usageError{err}
		}
		opt, err := f.options()
		if err != nil {
			return usageError{err}
		}
		log, err := logger(cmd.ErrOrStderr(), f.logLevel, f.logFormat)
		if err != nil {
			return usageError{err}
		}
		return serve(cmd.Context(), opt, log, cmd.OutOrStdout())
	}
	return cmd
}

func (f *serveFlags) options() (app.Options, error) {
	opt := f.Options
	switch f.compat {
	case "on", "true":
		opt.CompatHeaders = true
	case "off", "false":
		opt.CompatHeaders = false
	default:
		return opt, fmt.Errorf("--compat-headers must be on or off, not %q", f.compat)
	}
	age, err := wire.ParseDuration("log-retention", f.age)
	if err != nil {
		return opt, err
	}
	opt.LogRetentionAge = age
	if age == 0 {
		opt.LogRetentionAge = -1
	}
	return opt, opt.Validate()
}

func logger(to io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level must be debug, info, warn or error, not %q", level)
	}
	opt := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(to, opt)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, opt)), nil
	}
	return nil, fmt.Errorf("--log-format must be text or json, not %q", format)
}

// serve runs a server until ctx ends.
func serve(ctx context.Context, opt app.Options, log *slog.Logger, out io.Writer) error {
	s, err := app.Start(ctx, opt, log, build())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Tidemark %s\n  listening on  %s\n  data in       %s\n", wire.Release, s.URL(), s.Data())
	if s.Open() {
		log.Warn("there is no authentication: anyone who can reach this address can read and delete everything", "address", s.URL())
	}
	err = s.Recover(ctx)
	if err == nil {
		err = s.Wait(ctx)
	}
	if ctx.Err() != nil {
		err = nil
		log.Info("stopping: snapshots are being written; jobs stay open")
	}
	if stopErr := s.Stop(); stopErr != nil {
		return fmt.Errorf("the stop was not clean, the next start replays the log instead: %w", stopErr)
	}
	return err
}
