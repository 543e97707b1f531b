package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tidemark/client"
	"tidemark/internal/app"
)

// command is a command that talks to a server.
type command func(cmd *cobra.Command, c *client.Client, args []string) error

// access is how a server is reached.
type access struct {
	server, user, key, authority string
	insecure                     bool
}

// environment gives a variable's value, or what stands for it.
func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// register adds the flags that say which server a command talks to, and as whom.
func (a *access) register(flags *pflag.FlagSet) {
	flags.StringVar(&a.server, "server", environment("TIDEMARK_SERVER", "http://"+app.DefaultListen), "the server's `URL` (environment: TIDEMARK_SERVER)")
	flags.StringVar(&a.user, "user", "", "`NAME:PASSWORD` for basic authentication (environment: TIDEMARK_USER)")
	flags.StringVar(&a.key, "api-key", "", "API `KEY`, encoded or as ID:KEY (environment: TIDEMARK_API_KEY)")
	flags.StringVar(&a.authority, "cacert", "", "`file` with the certificates to trust, PEM (environment: TIDEMARK_CACERT)")
	flags.BoolVar(&a.insecure, "insecure", false, "do not check the server's certificate")
}

// attempts is how often a command tries: enough for a server that is busy, few
// enough that one that is not there is told soon.
const attempts = 4

// client makes the client. Secrets come from the environment only here, so that no
// help text shows them.
func (a *access) client() (*client.Client, error) {
	u, err := url.Parse(a.server)
	if err != nil {
		return nil, usageError{fmt.Errorf("--server %q is no URL; give one such as http://127.0.0.1:7270", a.server)}
	}
	user, key := a.user, a.key
	if user == "" && key == "" {
		user, key = os.Getenv("TIDEMARK_USER"), os.Getenv("TIDEMARK_API_KEY")
	}
	header, err := authorization(u, user, key)
	if err != nil {
		return nil, usageError{err}
	}
	opt := client.Options{Header: header, MaxAttempts: attempts}
	if opt.HTTP, err = transport(environment("TIDEMARK_CACERT", ""), a); err != nil {
		return nil, err
	}
	u.User = nil
	c, err := client.New(u.String(), opt)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// authorization is the header for a URL's user, a name with password, or a key.
func authorization(u *url.URL, user, key string) (http.Header, error) {
	encode := base64.StdEncoding.EncodeToString
	switch {
	case user != "" && key != "":
		return nil, errors.New("give a user or an API key, not both")
	case key != "" && strings.Contains(key, ":"):
		key = encode([]byte(key))
		fallthrough
	case key != "":
		return http.Header{"Authorization": {"ApiKey " + key}}, nil
	case user != "" && !strings.Contains(user, ":"):
		return nil, errors.New("a user is NAME:PASSWORD")
	case user == "" && u.User != nil:
		password, _ := u.User.Password()
		user = u.User.Username() + ":" + password
	}
	if user == "" {
		return nil, nil
	}
	return http.Header{"Authorization": {"Basic " + encode([]byte(user))}}, nil
}

// transport is nil for the client's own.
func transport(authority string, a *access) (*http.Client, error) {
	if a.authority != "" {
		authority = a.authority
	}
	if authority == "" && !a.insecure {
		return nil, nil
	}
	conf := &tls.Config{InsecureSkipVerify: a.insecure} //nolint:gosec // The user asked for it.
	if authority != "" {
		raw, err := os.ReadFile(authority)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", authority)
		}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig, t.ExpectContinueTimeout = conf, time.Second
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// serverFlag adds the flags that say which server a command talks to, and
// returns what connects it.
func serverFlag(cmd *cobra.Command) func(command) func(*cobra.Command, []string) error {
	a := &access{}
	a.register(cmd.Flags())
	return func(do command) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			err = do(cmd, c, args)
			return remedy(otherJobs(cmd.Context(), c, err), a.server)
		}
	}
}

// fewJobs is how many jobs are named where one is not found.
const fewJobs = 5

// otherJobs adds to an error about a job that is not there which ones are.
func otherJobs(ctx context.Context, c *client.Client, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || !strings.Contains(refused.Reason, "No known job with id") {
		return err
	}
	list, listErr := c.GetJobs(ctx, client.GetJobsRequest{})
	if listErr != nil || len(list.Jobs) == 0 {
		return err // What went wrong first is what counts.
	}
	var names []string
	for _, j := range list.Jobs[:min(len(list.Jobs), fewJobs)] {
		names = append(names, j.JobID)
	}
	if len(list.Jobs) > fewJobs {
		names = append(names, "…")
	}
	return fmt.Errorf("%w. There are %s", err, strings.Join(names, ", "))
}

// remedy adds what to do to errors that have one answer for all commands.
func remedy(err error, server string) error {
	var lost *client.ConnectionError
	var refused *client.Error
	switch {
	case errors.As(err, &lost) && strings.Contains(err.Error(), "connection refused"):
		return fmt.Errorf("no server answers at %s (connection refused); start one with 'tidemark serve', or name another with --server or TIDEMARK_SERVER", server)
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return fmt.Errorf("%w. Say who you are with --user, --api-key, TIDEMARK_USER or TIDEMARK_API_KEY", err)
	case errors.As(err, &refused) && refused.Status == http.StatusConflict && strings.Contains(refused.Reason, "is not open"):
		return fmt.Errorf("%w. Open it with 'tidemark job open'", err)
	case err != nil && strings.Contains(err.Error(), "certificate"):
		return fmt.Errorf("%w. Trust the server's authority with --cacert FILE", err)
	}
	return err
}
