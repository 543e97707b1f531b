package logline

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// flat is a record as one text: the time, then the fields.
func flat(r Record) string {
	var parts []string
	if r.HasTime {
		parts = append(parts, time.UnixMilli(r.TimeMs).UTC().Format("2006-01-02T15:04:05.000"))
	}
	for _, f := range r.Fields {
		parts = append(parts, f.Name+"="+f.Value)
	}
	return strings.Join(parts, " ")
}

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		want  []string // "+" is a line of the record before
	}{
		"ISO":           {"2026-01-02T03:04:05.123456Z INFO up\n2026-01-02T03:04:06+01:00 ERROR down", []string{"2026-01-02T03:04:05.123 level=info message=INFO up", "2026-01-02T02:04:06.000 level=error message=ERROR down"}},
		"stack trace":   {"2026-01-02 03:04:05,007 ERROR no way\njava.lang.Exception: x\n\tat a.b\n2026-01-02 03:04:06,100 all well", []string{"2026-01-02T03:04:05.007 level=error message=ERROR no way", "+", "+", "2026-01-02T03:04:06.100 message=all well"}},
		"brackets":      {"[2026-01-02 03:04:05,1][INFO ][o.x] [node] up", []string{"2026-01-02T03:04:05.100 level=info message=[INFO ][o.x] [node] up"}},
		"bars":          {"2026-01-02 03:04:05.123 | WARNING | mod:f:1 - a b", []string{"2026-01-02T03:04:05.123 level=warning message=WARNING | mod:f:1 - a b"}},
		"syslog":        {"Feb  3 04:05:06 web-1 sshd[12]: bye\nFeb 13 04:05:06 web-1 cron: hello", []string{"2026-02-03T04:05:06.000 host=web-1 program=sshd message=bye", "2026-02-13T04:05:06.000 host=web-1 program=cron message=hello"}},
		"new year":      {"Dec 31 23:59:59 a b: x\nJan  1 00:00:01 a b: y\nDec 31 23:59:59 a b: late", []string{"2025-12-31T23:59:59.000 host=a program=b message=x", "2026-01-01T00:00:01.000 host=a program=b message=y", "2025-12-31T23:59:59.000 host=a program=b message=late"}},
		"priority":      {"<34>Feb 11 22:14:15 web su: 'su root' failed", []string{"2026-02-11T22:14:15.000 host=web program=su message='su root' failed"}},
		"version 1":     {"<34>1 2026-02-11T22:14:15.003Z web su 5 ID47 [a@1 b=\"c\"] failed", []string{"2026-02-11T22:14:15.003 host=web program=su message=failed"}},
		"rsyslog":       {"2026-02-11T22:14:15.003+02:00 web sshd[5]: no", []string{"2026-02-11T20:14:15.003 host=web program=sshd message=no"}},
		"access":        {`1.2.3.4 - bob [10/Feb/2026:13:55:36 -0700] "GET /a/7?x=1 HTTP/1.1" 502 - "-" "curl/8"`, []string{"2026-02-10T20:55:36.000 client=1.2.3.4 method=GET path=/a/7 status=502 bytes=0 user=bob agent=curl/8 message=GET /a /7 502 failed"}},
		"site":          {`a.example 1.2.3.4 - - [10/Feb/2026:13:55:36 +0000] "POST / HTTP/1.1" 404 12`, []string{"2026-02-10T13:55:36.000 client=1.2.3.4 method=POST path=/ status=404 bytes=12 message=POST / 404 refused"}},
		"error log":     {"2026/02/10 13:55:36 [error] 1#0: *7 open() failed", []string{"2026-02-10T13:55:36.000 level=error message=[error] 1#0: *7 open() failed"}},
		"Apache":        {"[Tue Feb 10 13:55:36.123456 2026] [core:error] [pid 5] no file", []string{"2026-02-10T13:55:36.123 level=error message=[core:error] [pid 5] no file"}},
		"letters":       {"I0210 13:55:36.123456  77 app.go:3] all well", []string{"2026-02-10T13:55:36.123 message=77 app.go:3] all well"}},
		"Tomcat":        {"10-Feb-2026 13:55:36.123 INFO [main] up", []string{"2026-02-10T13:55:36.123 level=info message=INFO [main] up"}},
		"seconds":       {"1767225600.25 web is up", []string{"2026-01-01T00:00:00.250 message=web is up"}},
		"pairs":         {`time=2026-01-02T03:04:05Z level=info msg="a \"b\"" n=5`, []string{`time=2026-01-02T03:04:05Z level=info message=a "b" n=5`}},
		"cut beginning": {"\tat a.b\n\tat c.d\n2026-01-02 03:04:05 x y\n\tat a.b", []string{"+", "+", "2026-01-02T03:04:05.000 message=x y", "+"}},
	} {
		lines := strings.Split(c.lines, "\n")
		f := Of(lines, now)
		if f == nil {
			t.Errorf("%s is no log", name)
			continue
		}
		var have []string
		for _, line := range lines {
			if r, ok := f.Read(line); ok {
				have = append(have, flat(r))
			} else {
				have = append(have, "+")
			}
		}
		if d := cmp.Diff(c.want, have); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if len(f.Notes) == 0 {
			t.Errorf("%s: nothing is said of it", name)
		}
	}
}

// TestNoLogs: tables and what else begins with times are no logs.
func TestNoLogs(t *testing.T) {
	for _, text := range []string{
		"", "hello world", "time,v\n1767225600,1", "2026-01-02 03:04:05,5\n2026-01-02 03:05:05,500", "2026-01-02T03:04:05Z;web;5", "2026-01-02T03:04:05Z,web is up,5",
		"1767225600 1.5\n1767225660 2", "2026-01-02 03:04:05\tweb-1\t5", "2026-01-02 03:04:05", `[1767225600, "a b"]`, `{"time":1}`, "[1,2]", "a=b c=d", "99/99/2026 03:04:05 a b",
	} {
		if f := Of(strings.Split(text, "\n"), now); f != nil {
			t.Errorf("%q is taken for a log: %q", text, f.Notes)
		}
	}
}

// TestNotes: what a reader must know of the times is said.
func TestNotes(t *testing.T) {
	f := Of([]string{"Feb  3 04:05:06 web-1 sshd[12]: bye"}, now)
	all := strings.Join(f.Notes, "\n")
	for _, want := range []string{"no year", "no zone", `"host" and "program"`, `"Feb  3 04:05:06"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if f = Of([]string{"2026-01-02T03:04:05Z up we go"}, now); strings.Contains(strings.Join(f.Notes, "\n"), "no zone") {
		t.Errorf("a time with a zone: %q", f.Notes)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("2026-01-02 03:04:05 a b\nx", "Feb 29 04:05:06 a b: c")
	f.Add(`1.2.3.4 - - [10/Feb/2026:13:55:36 -0700] "" 502 -`, "time=1 a=\"\\\"")
	f.Fuzz(func(_ *testing.T, text, line string) {
		if x := Of(strings.Split(text, "\n"), now); x != nil {
			x.Read(line)
		}
	})
}
