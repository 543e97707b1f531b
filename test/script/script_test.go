// Package script runs the commands of the binary as people type them, against real
// servers, and compares what they print with what scripts in testdata say. A script's
// "tidemark" runs within the test, "exec tidemark-process" is a process of its own. Run
// the tests with -update to write what is printed now into the scripts.
package script

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tidemark/client"
	"tidemark/internal/app"
	"tidemark/internal/cli"
	"tidemark/internal/ingest/tabular"
)

var update = flag.Bool("update", false, "write what commands print into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tidemark-process": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

func TestScripts(t *testing.T) {
	testscript.RunT(serial{t}, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"tidemark": tidemark, "server": server, "metrics": metrics, "table": table, "bulk": bulk},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}

// serial runs one script after the other: commands within the test share its working
// directory and its environment.
type serial struct{ *testing.T }

func (serial) Parallel() {}

func (s serial) Verbose() bool { return testing.Verbose() }

func (s serial) Run(name string, f func(t testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(serial{t}) })
}

// tidemark runs a command of the binary, "tidemark ARGUMENT... [< FILE]", in the
// script's directory and environment, without a process's cost of coming to life.
func tidemark(ts *testscript.TestScript, neg bool, args []string) {
	before, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer func() { ts.Check(os.Chdir(before)) }()
	for _, name := range []string{"HOME", "TIDEMARK_SERVER"} {
		ts.Check(os.Setenv(name, ts.Getenv(name)))
	}
	input := ""
	if n := len(args) - 2; n >= 0 && args[n] == "<" {
		input, args = ts.ReadFile(args[n+1]), args[:n]
	}
	status := cli.Run(context.Background(), args, strings.NewReader(input), ts.Stdout(), ts.Stderr())
	if failed := status != 0; failed != neg {
		ts.Fatalf("tidemark %s: status %d", strings.Join(args, " "), status)
	}
}

// server starts a server, "server NAME [REMOTE=URL]", whose address is then in $NAME
// and, of the first one, in $TIDEMARK_SERVER.
func server(ts *testscript.TestScript, _ bool, args []string) {
	opt := app.DefaultOptions()
	opt.Data, opt.Listen, opt.Remotes = ts.MkAbs(filepath.Join("data", args[0])), "127.0.0.1:0", args[1:]
	ctx, cancel := context.WithCancel(context.Background())
	s, err := app.Start(ctx, opt, slog.New(slog.DiscardHandler), "test")
	ts.Check(err)
	ts.Defer(func() {
		cancel()
		ts.Check(s.Stop())
	})
	ts.Check(s.Recover(ctx))
	ts.Setenv(args[0], s.URL())
	if ts.Getenv("TIDEMARK_SERVER") == "" {
		ts.Setenv("TIDEMARK_SERVER", s.URL())
	}
}

// metrics writes a file of measurements, "metrics FILE ROWS": three hosts, every five
// minutes, with a spike of the second one at row ROWS-50.
func metrics(ts *testscript.TestScript, _ bool, args []string) {
	rows, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("timestamp,host,cpu\n")
	for at, row := range points(rows) {
		for host, v := range row {
			fmt.Fprintf(&b, "%s,web-%d,%.3f\n", at.Format("2006-01-02T15:04:05Z"), host, v)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// bulk writes the rows of a file as documents of an index, "bulk FILE INDEX", of the
// server in $TIDEMARK_SERVER.
func bulk(ts *testscript.TestScript, _ bool, args []string) {
	c, err := client.New(ts.Getenv("TIDEMARK_SERVER"), client.Options{})
	ts.Check(err)
	defer c.Close()
	r, err := tabular.Open(strings.NewReader(ts.ReadFile(args[0])), args[0])
	ts.Check(err)
	var lines bytes.Buffer
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		fmt.Fprintf(&lines, "{\"index\":{}}\n%s\n", line)
	}
	done, err := c.Bulk(context.Background(), client.BulkRequest{Index: args[1], Lines: lines.Bytes()})
	ts.Check(err)
	if done.Errors {
		ts.Fatalf("some documents were refused: %+v", done.Items[0])
	}
}

// points yields the rows of metrics.
func points(rows int) func(yield func(time.Time, [3]float64) bool) {
	rng := rand.New(rand.NewPCG(3, 3))
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	return func(yield func(time.Time, [3]float64) bool) {
		for i := range rows {
			var row [3]float64
			for host := range row {
				row[host] = 30 + 2*rng.NormFloat64()
			}
			if i == rows-50 {
				row[1] = 95
			}
			if !yield(at.Add(time.Duration(i)*5*time.Minute), row) {
				return
			}
		}
	}
}

// table writes odd shapes of the one table, "table SHAPE FILE": what people have on
// their disks.
func table(ts *testscript.TestScript, _ bool, args []string) {
	write, known := shapes[args[0]]
	if !known {
		ts.Fatalf("no shape %q", args[0])
	}
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	write(f)
	ts.Check(f.Close())
}

// one writes a row for each point of one series of 1,000.
func one(w io.Writer, line func(i int, at time.Time, v float64) string) {
	i := 0
	for at, row := range points(1000) {
		fmt.Fprint(w, line(i, at, row[1]))
		i++
	}
}

// lines writes a log of 4 days: two statements, and on the fourth day a hundred errors
// within ten minutes such as were never there before.
func lines(w io.Writer, line func(at time.Time, level, message string) string) {
	rng := rand.New(rand.NewPCG(5, 5))
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	broken, end := at.Add(80*time.Hour), at.Add(96*time.Hour)
	for at.Before(end) {
		level, message := "INFO", fmt.Sprintf("user %d has opened a session", rng.IntN(1000))
		switch {
		case at.After(broken) && at.Before(broken.Add(10*time.Minute)):
			level, message = "ERROR", fmt.Sprintf("connection to database %d was refused", rng.IntN(9))
			at = at.Add(6 * time.Second)
		case rng.IntN(3) == 0:
			message = fmt.Sprintf("order %d is paid, thank you", rng.IntN(1000))
			fallthrough
		default:
			at = at.Add(time.Duration(rng.IntN(120)) * time.Second)
		}
		fmt.Fprint(w, line(at, level, message))
	}
}

// shapes are the ways in which people write the one table.
var shapes = map[string]func(io.Writer){
	"no-header": func(w io.Writer) {
		one(w, func(_ int, at time.Time, v float64) string {
			return fmt.Sprintf("%s,%.2f\n", at.Format(time.RFC3339), v)
		})
	},
	"german": func(w io.Writer) {
		fmt.Fprint(w, "Zeit;Wert\r\n")
		one(w, func(_ int, at time.Time, v float64) string {
			return at.Format("02.01.2006 15:04") + ";" + strings.ReplaceAll(fmt.Sprintf("%.2f", v), ".", ",") + "\r\n"
		})
	},
	"byte-order-mark": func(w io.Writer) {
		fmt.Fprint(w, "\xef\xbb\xbftime,cpu\r\n")
		one(w, func(_ int, at time.Time, v float64) string { return fmt.Sprintf("%d,%.2f\r\n", at.UnixMilli(), v) })
	},
	"newest-first": func(w io.Writer) {
		fmt.Fprint(w, "time,cpu\n")
		var lines []string
		one(io.Discard, func(_ int, at time.Time, v float64) string {
			lines = append(lines, fmt.Sprintf("%d,%.2f\n", at.Unix(), v))
			return ""
		})
		slices.Reverse(lines)
		fmt.Fprint(w, strings.Join(lines, ""))
	},
	"shuffled": func(w io.Writer) {
		fmt.Fprint(w, "time,host,cpu\n")
		var lines []string
		for at, row := range points(2500) {
			for host, v := range row {
				lines = append(lines, fmt.Sprintf("%d,web-%d,%.2f\n", at.Unix(), host, v))
			}
		}
		rand.New(rand.NewPCG(8, 8)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		fmt.Fprint(w, strings.Join(lines, ""))
	},
	"titled": func(w io.Writer) {
		fmt.Fprint(w, "# exported by hand\nLoad of the week\n\ntime,load,load,\n")
		one(w, func(_ int, at time.Time, v float64) string { return fmt.Sprintf("%d,%.2f,%.2f,-\n", at.Unix(), v, v/2) })
	},
	"two-columns": func(w io.Writer) {
		fmt.Fprint(w, "date,time,cpu\n")
		one(w, func(_ int, at time.Time, v float64) string {
			return fmt.Sprintf("%s,%s,%.2f\n", at.Format("1/2/2006"), at.Format("3:04 PM"), v)
		})
	},
	"gaps": func(w io.Writer) {
		fmt.Fprint(w, "time,cpu,mem\n")
		one(w, func(i int, at time.Time, v float64) string {
			switch {
			case i > 300 && i < 500:
				return ""
			case i%7 == 0:
				return fmt.Sprintf("%d,,NaN\n", at.Unix())
			}
			return fmt.Sprintf("%d,%.2f,%d\n", at.Unix(), v, i%9)
		})
	},
	"no-time": func(w io.Writer) {
		fmt.Fprint(w, "cpu\n")
		one(w, func(_ int, _ time.Time, v float64) string { return fmt.Sprintf("%.2f\n", v) })
	},
	"quoted": func(w io.Writer) {
		fmt.Fprint(w, "time,\"load, total\",note\n")
		one(w, func(_ int, at time.Time, v float64) string {
			return fmt.Sprintf("%s,\"1,%03d.%02d\",\"a, \"\"b\"\"\"\n", at.Format("2006-01-02 15:04:05"), int(v), int(v*100)%100)
		})
	},
	"wide": func(w io.Writer) {
		fmt.Fprint(w, "created,seen")
		for i := range 30 {
			fmt.Fprintf(w, ",m%d", i)
		}
		fmt.Fprintln(w)
		one(w, func(_ int, at time.Time, v float64) string {
			return "2020-01-01T00:00:00Z," + at.Format(time.RFC3339) + strings.Repeat(fmt.Sprintf(",%.2f", v), 30) + "\n"
		})
	},
	"nested": func(w io.Writer) {
		one(w, func(_ int, at time.Time, v float64) string {
			return fmt.Sprintf(`{"@timestamp":%q,"host":{"name":"a"},"system":{"cpu":{"pct":%.2f}},"tags":["x"]}`+"\n", at.Format(time.RFC3339), v)
		})
	},
	"syslog": func(w io.Writer) {
		lines(w, func(at time.Time, level, message string) string {
			return fmt.Sprintf("%s web-1 shop[7]: %s: %s\n", at.Format(time.Stamp), level, message)
		})
	},
	"stack-traces": func(w io.Writer) {
		lines(w, func(at time.Time, level, message string) string {
			trace := map[string]string{"ERROR": "java.io.IOException\n\tat shop.Db.connect(Db.java:7)\n"}[level]
			return fmt.Sprintf("%s %s [main] shop - %s\n%s", at.Format("2006-01-02 15:04:05,000"), level, message, trace)
		})
	},
	"access-log": func(w io.Writer) {
		lines(w, func(at time.Time, level, _ string) string {
			status := map[string]int{"ERROR": 502, "INFO": 200}[level]
			return fmt.Sprintf("10.0.0.1 - - [%s] \"GET /items/%d HTTP/1.1\" %d 512 \"-\" \"curl/8\"\n", at.Format("02/Jan/2006:15:04:05 -0700"), at.Unix()%997, status)
		})
	},
	"json-log": func(w io.Writer) {
		lines(w, func(at time.Time, level, message string) string {
			return fmt.Sprintf(`{"@timestamp":%q,"level":%q,"message":%q,"line":%d}`+"\n", at.Format(time.RFC3339), level, message, at.Unix()%89)
		})
	},
	"text": func(w io.Writer) { fmt.Fprint(w, "hello world\nhow are you\n") },
	"large": func(w io.Writer) {
		fmt.Fprint(w, "time,host,cpu\n")
		for i := range 100_000 {
			fmt.Fprintf(w, "%d,web-%d,%d\n", 1_767_225_600+i/4*60, i%4, 20+i*7919%100)
		}
	},
}
