package ingest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/engine/spec"
)

// delimitedSchema is that of a job over v by host.
func delimitedSchema(t testing.TB, form *Delimited) *Schema {
	t.Helper()
	s, err := NewSchema(&spec.Job{BucketSpanMs: 1000, Detectors: []spec.Detector{{Function: spec.Mean, FieldName: "v", ByField: "host"}}}, "time", "epoch")
	if err != nil {
		t.Fatal(err)
	}
	s.Delimited = form
	return s
}

func TestDelimited(t *testing.T) {
	s := delimitedSchema(t, &Delimited{Delimiter: '\t', Quote: '"'})
	body := "time\thost\tv\textra\n1\ta\t2.5\tx\r\n2\t\"b\nc\"\t3\n3\t\"q\"\"q\"\n\nx\ta\t1\t1\n"
	up, err := Read(strings.NewReader(body), s, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if up.Records != 3 || up.End.InvalidDates != 1 || up.End.InputBytes != int64(len(body)) || up.End.MissingFields != 1 || up.End.InputFields != 3+2+1+3 {
		t.Errorf("%+v", up)
	}
	for body, want := range map[string]string{
		"time\tv\n1\t2\n":         "'host' is not in the CSV header",
		"time\thost\tv\n1\t\"a\n": "ends within a quoted cell",
		"time\thost\tv\n1\t\"" + strings.Repeat("\n", 10_001): "more than 10000 lines",
	} {
		if _, err := Read(strings.NewReader(body), s, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", body, err, want)
		}
	}
	if _, err := Read(strings.NewReader(""), s, Limits{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty body: %v", err)
	}
	if _, err := Read(strings.NewReader("time\thost\tv\n"+strings.Repeat("1\ta\t1\n", 100)), s, Limits{MaxBytes: 200}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large body: %v", err)
	}
}

// TestDelimitedTwin: records written as cells give what they give as JSON.
func TestDelimitedTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var lines bytes.Buffer
		w := csv.NewWriter(&lines)
		w.Comma = ';'
		if err := w.Write([]string{"v", "time", "host", "other"}); err != nil {
			rt.Fatal(err)
		}
		var objects bytes.Buffer
		text := rapid.StringMatching(`[a-c";\n ]{0,6}`)
		for range rapid.IntRange(1, 20).Draw(rt, "records") {
			row := []string{fmt.Sprint(rapid.Float64Range(-10, 10).Draw(rt, "v")), fmt.Sprint(rapid.IntRange(0, 1000).Draw(rt, "time")), text.Draw(rt, "host"), text.Draw(rt, "other")}
			if err := w.Write(row); err != nil {
				rt.Fatal(err)
			}
			raw, err := json.Marshal(map[string]string{"v": row[0], "time": row[1], "host": row[2], "other": row[3]})
			if err != nil {
				rt.Fatal(err)
			}
			objects.Write(raw)
		}
		w.Flush()
		want, err := Read(&objects, delimitedSchema(t, nil), Limits{})
		if err != nil {
			rt.Fatal(err)
		}
		got, err := Read(&lines, delimitedSchema(t, &Delimited{Delimiter: ';', Quote: '"'}), Limits{})
		if err != nil {
			rt.Fatal(err)
		}
		want.End.InputBytes, got.End.InputBytes = 0, 0
		want.End.BodyHash, got.End.BodyHash = 0, 0
		if d := cmp.Diff(want.End, got.End); d != "" || want.Records != got.Records {
			rt.Fatalf("%d and %d records: %s", want.Records, got.Records, d)
		}
		for i := range want.Parts {
			if !bytes.Equal(want.Parts[i].Append(nil), got.Parts[i].Append(nil)) {
				rt.Fatal("the batches differ")
			}
		}
	})
}

func FuzzDelimited(f *testing.F) {
	s := delimitedSchema(f, &Delimited{Delimiter: ',', Quote: '\''})
	f.Add([]byte("time,host,v\n1,'a',2\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if up, err := Read(bytes.NewReader(body), s, Limits{MaxBytes: 1 << 16}); err == nil && up.End.InputBytes != int64(len(body)) {
			t.Fatalf("%d bytes counted of %d", up.End.InputBytes, len(body))
		}
	})
}
