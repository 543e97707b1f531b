package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/app"
	"tidemark/internal/demo"
	"tidemark/internal/feed"
	"tidemark/wire"
)

func newDemo() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Show what it does on two public data sets", Args: exactly(),
		Long: "Start a server on a free port with a temporary directory, send it two public data\n" +
			"sets over HTTP, and print what it finds. Everything is gone afterwards, unless\n" +
			"--keep leaves the server running until Ctrl-C.",
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the server running until Ctrl-C")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runDemo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), keep)
	}
	return cmd
}

func runDemo(ctx context.Context, out, errs io.Writer, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "tidemark-demo-*")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	log, err := logger(errs, "warn", "text")
	if err != nil {
		return err
	}
	opt := app.DefaultOptions()
	opt.Data, opt.Listen = dir, "127.0.0.1:0"
	s, err := app.Start(ctx, opt, log, build())
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	if err := s.Recover(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "Tidemark %s, a server of its own at %s with data in a temporary directory\n", wire.Release, s.URL())
	c, err := client.New(s.URL(), client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := demo.Run(ctx, c, demo.Options{Out: out, Terminal: feed.IsTerminal(out)}); err != nil {
		return err
	}
	if !keep {
		fmt.Fprintf(out, nextSteps, "http://127.0.0.1:7270")
		return nil
	}
	fmt.Fprintf(out, kept, s.URL())
	return s.Wait(ctx)
}

const nextSteps = `
The server is gone now. To keep one running and look around:

  tidemark demo --keep        this demo, until Ctrl-C
  tidemark serve              an empty server on %[1]s

  curl -X PUT  %[1]s/_ml/anomaly_detectors/my-job -H 'Content-Type: application/json' -d '
    {"analysis_config": {"bucket_span": "5m", "detectors": [{"function": "mean", "field_name": "value"}]},
     "data_description": {"time_field": "time", "time_format": "epoch"}}'
  curl -X POST %[1]s/_ml/anomaly_detectors/my-job/_open
  curl -X POST %[1]s/_ml/anomaly_detectors/my-job/_data -H 'Content-Type: application/x-ndjson' --data-binary @records.json
  curl -X POST '%[1]s/_ml/anomaly_detectors/my-job/_flush?calc_interim=true'
  curl         '%[1]s/_ml/anomaly_detectors/my-job/results/records?pretty'
`

const kept = `
The server runs at %[1]s until Ctrl-C. Look around:

  curl '%[1]s/_ml/anomaly_detectors/_stats?pretty'
  curl '%[1]s/_ml/anomaly_detectors/nyc-taxi/results/buckets?anomaly_score=50&pretty'
  curl '%[1]s/_ml/anomaly_detectors/ec2-cpu/results/records?record_score=75&pretty'
  curl '%[1]s/_ml/anomaly_detectors/ec2-cpu/results/influencers?pretty'
  curl -X POST '%[1]s/_ml/anomaly_detectors/nyc-taxi/_flush?calc_interim=true'
`
