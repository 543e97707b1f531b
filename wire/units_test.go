package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tidemark/wire"
)

func TestDurations(t *testing.T) {
	for value, want := range map[string]string{
		"300s": "5m", "5m": "5m", "3600s": "1h", "24h": "1d", "90m": "90m", "1000ms": "1s", "1500ms": "1500ms",
		"7micros": "7micros", "12nanos": "12nanos", "1H": "1h", "2D": "2d", "30S": "30s", "0": "0s", "0s": "0s", "-1": "-1", " 15m ": "15m",
		"106751d": "106751d",
	} {
		d, err := wire.ParseDuration("bucket_span", value)
		if got := wire.FormatDuration(d); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"", "5", "1.5h", "5M", "-5m", "-2", "m", "5 minutes", "106752d", "99999999999999999999s", "5mm", "--1s"} {
		d, err := wire.ParseDuration("bucket_span", value)
		var refusal *wire.Refusal
		if !errors.As(err, &refusal) || refusal.Status != 400 || !strings.Contains(refusal.Reason, "[bucket_span]") {
			t.Errorf("%q: %v, %v; want a refusal that names the setting", value, d, err)
		}
	}
	if d, _ := wire.ParseDuration("t", "30m"); d != 30*time.Minute {
		t.Error("30m is", d)
	}
}

func TestMemoryLimits(t *testing.T) {
	for value, want := range map[string]string{
		"1024": "1024mb", "1024mb": "1024mb", "3000g": "3072000mb", "2GB": "2048mb", "1048576": "1048576mb", "1048576b": "1mb",
		"1500kb": "1mb", "1t": "1048576mb", "1pb": "1073741824mb", "1.5gb": "1536mb", "1 m": "1mb", "8191pb": "8795019280384mb",
	} {
		mib, err := wire.ParseMemoryLimit("model_memory_limit", value)
		if got := wire.FormatMemoryLimit(mib); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"", "mb", "0", "-1", "1023kb", "0.5mb", "1.5", "1e3mb", "ten", "8192pb", "0x10", "1..5gb", "1.-5gb", "1_000", strings.Repeat("1", 1<<20)} {
		mib, err := wire.ParseMemoryLimit("model_memory_limit", value)
		var refusal *wire.Refusal
		if !errors.As(err, &refusal) || refusal.Status != 400 || !strings.Contains(refusal.Reason, "model_memory_limit") || len(refusal.Reason) > 500 {
			t.Errorf("%.40q: %d, %v; want a refusal that names the setting", value, mib, err)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for header, want := range map[string]string{
		"application/json":                                         "application/json",
		"application/json; charset=UTF-8":                          "application/json",
		"application/x-ndjson":                                     "application/x-ndjson",
		"application/vnd.elasticsearch+json;compatible-with=9":     "application/vnd.elasticsearch+json;compatible-with=9",
		"application/vnd.elasticsearch+json; compatible-with=7":    "application/vnd.elasticsearch+json;compatible-with=7",
		"application/vnd.elasticsearch+x-ndjson;compatible-with=8": "application/vnd.elasticsearch+x-ndjson;compatible-with=8",
		`Application/Vnd.Elasticsearch+JSON; compatible-with="8"`:  "application/vnd.elasticsearch+json;compatible-with=8",
		"application/vnd.elasticsearch+json;compatible-with=10":    "400",
		"application/vnd.elasticsearch+json":                       "application/vnd.elasticsearch+json;compatible-with=9",
		"application/vnd.elasticsearch+json;compatible-with=6":     "400",
		"":                                  "406",
		"text/plain":                        "406",
		"application/x-www-form-urlencoded": "406",
		"multipart/form-data; boundary=x":   "406",
		"application/yaml":                  "406",
		"application/json; charset=latin1":  "406",
		"*/*":                               "406",
		"nonsense":                          "406",
	} {
		m, err := wire.ParseContentType(header)
		checkMedia(t, "Content-Type", header, m, err, want)
	}
	for header, want := range map[string]string{
		"":                 "any",
		"*/*":              "any",
		"application/json": "application/json",
		"text/html,application/xhtml+xml,*/*;q=0.8":            "any",
		"text/plain, application/json":                         "application/json",
		"application/vnd.elasticsearch+json;compatible-with=8": "application/vnd.elasticsearch+json;compatible-with=8",
		"application/vnd.elasticsearch+json;compatible-with=5": "400",
		"image/png": "406",
	} {
		m, err := wire.ParseAccept(header)
		checkMedia(t, "Accept", header, m, err, want)
	}
}

func checkMedia(t *testing.T, kind, header string, m wire.Media, err error, want string) {
	t.Helper()
	var refusal *wire.Refusal
	got := m.String()
	switch {
	case errors.As(err, &refusal):
		got = map[int]string{400: "400", 406: "406"}[refusal.Status]
	case m.Any:
		got = "any"
	}
	if got != want {
		t.Errorf("%s %q: %s, want %s", kind, header, got, want)
	}
}

func TestCompatHeadersAgree(t *testing.T) {
	plain, any := wire.Media{}, wire.Media{Any: true}
	seven, eight, nine := wire.Media{Compat: 7}, wire.Media{Compat: 8}, wire.Media{Compat: 9}
	for _, c := range []struct {
		content, accept wire.Media
		ok              bool
	}{
		{plain, any, true}, {plain, plain, true}, {nine, any, true}, {seven, any, true}, {eight, eight, true},
		{nine, plain, true}, {plain, nine, true}, {eight, plain, false}, {plain, seven, false}, {seven, eight, false},
		{wire.Media{Compat: 9, Lines: true}, nine, true},
	} {
		if err := wire.CheckCompat(c.content, c.accept); (err == nil) != c.ok {
			t.Errorf("Content-Type %s, Accept %s: %v", c.content, c.accept, err)
		}
	}
	if got := (wire.Media{Lines: true, Compat: 8}).Reply(); got != "application/vnd.elasticsearch+json;compatible-with=8" {
		t.Error(got)
	}
}

func TestRoughDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 450 * time.Millisecond: "450ms", 1500 * time.Millisecond: "1s", 90 * time.Second: "1m 30s", 7 * time.Minute: "7m",
		90 * time.Minute: "1h 30m", 99*time.Hour + 58*time.Minute: "4d 3h", 48*time.Hour + time.Minute: "2d",
	} {
		if got := wire.RoughDuration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
