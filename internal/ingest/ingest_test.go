package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// airlines is the job of the API's documented example.
var airlines = spec.Job{BucketSpanMs: 60_000, Detectors: []spec.Detector{{Function: "mean", FieldName: "responsetime", ByField: "airline"}}}

func mustRead(t *testing.T, s *Schema, body string, lim Limits) *Upload {
	t.Helper()
	up, err := ReadJSON(strings.NewReader(body), s, lim)
	if err != nil {
		t.Fatalf("%.200q: %v", body, err)
	}
	return up
}

func TestCountsOfTheDocumentedExample(t *testing.T) {
	s := mustSchema(t, &airlines, "time", "epoch")
	body := `{"airline":"AAL","responsetime":"132.2046","sourcetype":"farequote","time":"1403481600"}
{"airline":"JZA","responsetime":"990.4628","sourcetype":"farequote","time":"1403481700"}`
	up := mustRead(t, s, body, Limits{})
	want := entry.Upload{InputBytes: int64(len(body)), InputFields: 6, BodyHash: up.End.BodyHash}
	if up.End != want || up.Records != 2 || up.Rejected != 0 || up.Broken != 0 {
		t.Errorf("%+v", up)
	}
	b := up.Parts[0]
	if fmt.Sprint(b.Times, b.Numbers, b.Texts[0].Codes) != "[1403481600000 1403481700000] [[132.2046 990.4628]] [1 2]" {
		t.Errorf("%+v", b)
	}
	if up.End.InputBytes < 140 || up.End.InputBytes > 180 {
		t.Errorf("%d bytes", up.End.InputBytes)
	}
}

// TestCounts checks every rule on its own.
func TestCounts(t *testing.T) {
	s := mustSchema(t, &airlines, "time", "")
	for _, c := range []struct {
		name, body                                          string
		records, rejected, invalid, missing, fields, broken int64
	}{
		{"all there", `{"time":1,"airline":"a","responsetime":1}`, 1, 0, 0, 0, 2, 0},
		{"null is present", `{"time":1,"airline":null,"responsetime":null}`, 1, 0, 0, 0, 2, 0},
		{"text in a number is present", `{"time":1,"airline":"a","responsetime":"fast"}`, 1, 0, 0, 0, 2, 0},
		{"one missing", `{"time":1,"airline":"a"}`, 1, 0, 0, 1, 1, 0},
		{"two missing", `{"time":1}`, 1, 0, 0, 2, 0, 0},
		{"time missing", `{"airline":"a","responsetime":1}`, 0, 1, 1, 1, 1, 0},
		{"all missing", `{}`, 0, 1, 1, 3, 0, 0},
		{"bad time still counts what is missing", `{"time":"soon","other":1,"more":2}`, 0, 1, 1, 2, 2, 0},
		{"null time", `{"time":null,"airline":"a","responsetime":1}`, 0, 1, 1, 0, 2, 0},
		{"negative time", `{"time":-1,"airline":"a","responsetime":1}`, 0, 1, 1, 0, 2, 0},
		{"time too large", `{"time":9000000000000001,"airline":"a","responsetime":1}`, 0, 1, 1, 0, 2, 0},
		{"object as value is no leaf", `{"time":1,"airline":{"code":"a","name":"b"},"responsetime":1}`, 1, 0, 0, 1, 3, 0},
		{"array is one leaf", `{"time":1,"airline":["a","b"],"responsetime":[1]}`, 1, 0, 0, 0, 2, 0},
		{"objects in arrays are no leaves", `{"time":1,"list":[{"a":1,"b":2}],"airline":"a","responsetime":1}`, 1, 0, 0, 0, 3, 0},
		{"unknown fields add to input fields", `{"time":1,"airline":"a","responsetime":1,"x":1,"y":{"z":[1]}}`, 1, 0, 0, 0, 4, 0},
		{"case matters", `{"Time":1,"time":2,"Airline":"x","airline":"a","responsetime":1}`, 1, 0, 0, 0, 4, 0},
		{"broken among good", `{"time":1}{"time":2,}` + "\n" + `{"time":3}`, 2, 0, 0, 4, 0, 1},
	} {
		up := mustRead(t, s, c.body, Limits{})
		got := [...]int64{up.Records, up.Rejected, up.End.InvalidDates, up.End.MissingFields, up.End.InputFields, up.Broken}
		if want := [...]int64{c.records, c.rejected, c.invalid, c.missing, c.fields, c.broken}; got != want {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}

func TestFieldsOnceAndTime(t *testing.T) {
	// A field that is a value and a split, and even the time, is one field.
	job := spec.Job{BucketSpanMs: 1000, Detectors: []spec.Detector{{Function: "mean", FieldName: "time", ByField: "time"}}, Influencers: []string{"time"}}
	up := mustRead(t, mustSchema(t, &job, "time", ""), `{"time":5}{"x":1}`, Limits{})
	if up.End.MissingFields != 1 || up.Records != 1 || up.Parts[0].Numbers[0][0] != 5 || string(up.Parts[0].Texts[0].Values) != "5" {
		t.Errorf("%+v", up)
	}
}

func TestValues(t *testing.T) {
	job := spec.Job{BucketSpanMs: 1000, Detectors: []spec.Detector{{Function: "sum", FieldName: "n", ByField: "t"}}}
	s := mustSchema(t, &job, "time", "")
	for value, want := range map[string]struct {
		number float64
		text   string
	}{
		`1.50`: {1.5, "1.50"}, `"1.50"`: {1.5, "1.50"}, `" 7 "`: {7, " 7 "}, `-1E3`: {-1000, "-1E3"},
		`null`: {math.NaN(), ""}, `""`: {math.NaN(), ""}, `true`: {math.NaN(), "true"}, `"ab\u00e9\n"`: {math.NaN(), "abé\n"},
		`[1]`: {1, "1"}, `[1,"a",null,true]`: {math.NaN(), "1,a,,true"}, `[]`: {math.NaN(), ""}, `["a,b" , "c\"" ]`: {math.NaN(), `a,b,c"`},
		`[{"x":"}"},"y"]`: {math.NaN(), "y"}, `1e400`: {math.NaN(), "1e400"}, `"NaN"`: {math.NaN(), "NaN"}, `"infinity"`: {math.NaN(), "infinity"},
		`"0x1F"`: {math.NaN(), "0x1F"}, `1e22`: {1e22, "1e22"}, `1e23`: {1e23, "1e23"},
	} {
		b := mustRead(t, s, `{"time":1,"n":`+value+`,"t":`+value+`}`, Limits{}).Parts[0]
		if n := b.Numbers[0][0]; n != want.number && !(n != n && want.number != want.number) {
			t.Errorf("%s: number %v, want %v", value, n, want.number)
		}
		if text := string(b.Texts[0].Value(0)); text != want.text {
			t.Errorf("%s: text %q, want %q", value, text, want.text)
		}
	}
}

func TestTimes(t *testing.T) {
	now := int64(1_623_024_000_000) // in 2021
	for _, c := range []struct {
		format, value string
		want          int64 // -1: invalid
	}{
		{"", `1403481600000`, 1403481600000},
		{"", `"1403481600000"`, 1403481600000},
		{"epoch_ms", `1.4034816e12`, 1403481600000},
		{"epoch_ms", `1403481600000.9`, 1403481600000},
		{"epoch_ms", `0`, 0},
		{"epoch_ms", `9000000000000000`, record.MaxTimeMs},
		{"epoch_ms", `9000000000000001`, -1},
		{"epoch_ms", `99999999999999999999`, -1},
		{"epoch_ms", `-1`, -1},
		{"epoch_ms", `"2014-06-23"`, -1},
		{"epoch_ms", `true`, -1},
		{"epoch_ms", `[]`, -1},
		{"epoch_ms", `{}`, -1},
		{"epoch", `1403481600`, 1403481600000},
		{"epoch", `"1403481600.999"`, 1403481600000},
		{"epoch", `1403481600.999`, 1403481600000},
		{"epoch", `9000000000000`, record.MaxTimeMs},
		{"epoch", `9000000000001`, -1},
		{"epoch", `999999999999999`, -1},
		{"epoch", `-0.5`, 0},
		{"epoch", `-1`, -1},
		{"epoch", `"x"`, -1},
		{"yyyy-MM-dd HH:mm:ssX", `"2014-06-23 00:00:00Z"`, 1403481600000},
		{"yyyy-MM-dd HH:mm:ssX", `"1969-06-23 00:00:00Z"`, -1},
		{"yyyy-MM-dd'T'HH:mm:ss", `"2014-06-23\u005400:00:00"`, 1403481600000},
		{"yyyyMMddHHmmss", `20140623000000`, 1403481600000},
		{"MMM d HH:mm:ss", `"Jun 7 00:00:00"`, now},
		{"yyyy-MM-dd HH:mm:ssX", `1403481600000`, -1},
	} {
		s := mustSchema(t, &airlines, "", c.format)
		up := mustRead(t, s, `{"time":`+c.value+`}`, Limits{NowMs: now})
		if up.MaxRecordMs != c.want || up.Records+up.Rejected != 1 || up.Records != int64(len(up.Parts)) || (c.want < 0) != (up.Rejected == 1) {
			t.Errorf("%s of %s: %d, want %d", c.format, c.value, up.MaxRecordMs, c.want)
		}
	}
}

func TestRejectionsSayWhatToDo(t *testing.T) {
	for _, c := range []struct{ format, body, want string }{
		{"", `{"a":1}`, `no field "time"`},
		{"", `{"time":"2014-06-23 00:00:00"}`, `time_format "yyyy-MM-dd HH:mm:ss"`},
		{"epoch", `{"time":"10/Oct/2000:13:55:36 -0700"}`, `time_format "dd/MMM/yyyy:HH:mm:ss Z"`},
		{"yyyy-MM-dd HH:mm:ss", `{"time":1403481600}`, `"epoch"`},
		{"", `{"time":"soon"}`, `does not fit time_format epoch_ms`},
		{"", `{"time":"2014-06-23"}`, `does not fit time_format epoch_ms`},
		{"", "{\"time\":1,}\n{\"time\":1}", `no valid JSON at line 1, column 11: a field name`},
	} {
		up := mustRead(t, mustSchema(t, &airlines, "", c.format), c.body, Limits{})
		first, _, _ := strings.Cut(c.body, "\n")
		if !strings.Contains(up.RejectedReason, c.want) || !strings.HasPrefix(up.RejectedExample, first) {
			t.Errorf("%s: %q of %q", c.body, up.RejectedReason, up.RejectedExample)
		}
	}
	s := mustSchema(t, &airlines, "", "")
	long := mustRead(t, s, `{"text":"`+strings.Repeat("€", 200)+`"}`, Limits{})
	if len(long.RejectedExample) > exampleBytes+3 || !strings.HasSuffix(long.RejectedExample, "€…") {
		t.Errorf("the example is %q", long.RejectedExample)
	}
	if up := mustRead(t, s, `{"time":1}`, Limits{}); up.RejectedExample != "" || up.RejectedReason != "" {
		t.Errorf("nothing was rejected, but %q", up.RejectedReason)
	}
}

func TestSuspiciousTimes(t *testing.T) {
	for _, c := range []struct {
		format, body string
		want         bool
	}{
		{"", `{"time":1403481600}`, true},
		{"", `{"time":1403481600}{"time":1403481600000}`, false},
		{"epoch_ms", `{"time":1403481600}`, false},
		{"", `{"time":"x"}`, false},
	} {
		if up := mustRead(t, mustSchema(t, &airlines, "", c.format), c.body, Limits{}); up.SuspiciousTimes != c.want {
			t.Errorf("%q %s: %v", c.format, c.body, up.SuspiciousTimes)
		}
	}
}

// TestBrokenObjects: the good ones around broken ones are kept, wherever the
// buffer ends.
func TestBrokenObjects(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	for _, c := range []struct {
		name, body string
		times      string
		broken     int64
	}{
		{"bad literal", `{"time":1}{"a":tru}{"time":2}`, "[1 2]", 1},
		{"nested", `{"time":1}{"a":{"b":{"c":01}},"time":7}{"time":2}`, "[1 2]", 1},
		{"braces in strings", `{"a":x,"b":"}}{{","c":"\"}"}{"time":2}`, "[2]", 1},
		{"cut line", "{\"time\":1}\n{\"time\":3,\"a\":{\"b\":\n{\"time\":2}\n", "[1 2]", 1},
		{"open string", "{\"time\":1}\n{\"time\":3,\"a\":\"b\n{\"time\":2}\n", "[1 2]", 1},
		{"quote too many", "{\"time\":3,\"a\":\"b\"\",\"c\":\"d\"}\n{\"time\":2}", "[2]", 1},
		{"bracket not closed", "{\"time\":3,\"a\":[1,2}\n{\"time\":2}", "[2]", 1},
		{"invalid UTF-8", "{\"a\":\"\xff\",\"time\":3}{\"time\":2}", "[2]", 1},
		{"too deep", `{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}{"time":2}`, "[2]", 1},
		{"words between", "{\"time\":1} oops \n more {\"time\":2}", "[1 2]", 2},
		{"a comma outside", `{"time":1},{"time":2}`, "[1 2]", 1},
		{"a brace too many", `{"time":1}}{"time":2}`, "[1 2]", 1},
		{"array with a broken object", `[{"time":1},{"time":},{"time":2}]`, "[1 2]", 1},
		{"array with scalars", `[1,{"time":1},"x",null,{"time":2}]`, "[1 2]", 3},
		{"array without commas", `[{"time":1} {"time":2}]`, "[1 2]", 1},
		{"array with a comma too many", `[{"time":1},,{"time":2}]`, "[1 2]", 1},
		{"array ends with a comma", `[{"time":1},{"time":2},]`, "[1 2]", 1},
		{"array begins with a comma", `[,{"time":1}]`, "[1]", 1},
		{"array in an array", `[[{"time":1}],{"time":2}]`, "[1 2]", 3},
		{"pretty array", "[\n  {\n    \"time\": 1,\n    \"a\": {\n      \"b\": tru\n    }\n  },\n  {\n    \"time\": 2\n  }\n]\n", "[2]", 1},
	} {
		for _, size := range []int{3, 7, 1 << 16} {
			up, err := read(strings.NewReader(c.body), s, Limits{}, make([]byte, size))
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if times, _ := collect(up, nil, nil); fmt.Sprint(times) != c.times || up.Broken != c.broken {
				t.Errorf("%s, buffer %d: %v and %d broken, want %s and %d", c.name, size, times, up.Broken, c.times, c.broken)
			}
		}
	}
}

// TestCutOff: a body that ends within an object or an array is no whole upload,
// wherever the buffer ends and whatever was broken before.
func TestCutOff(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	for body, offset := range map[string]int64{
		`{"time":2}{"time":3`:                   10,
		`{"time":2}{"time`:                      10,
		"{\"time\":2}\n{":                       11,
		`{"time":x}{"time":3,"a":tru`:           10,
		`{"time":2}{"time":3,"a":{"b":[1,"\u00`: 10,
		`[{"time":1},{"time":2}`:                22,
		`[{"time":1},`:                          12,
		`[{"time":1},{"time":`:                  12,
		`[`:                                     1,
	} {
		for _, size := range []int{3, 7, 1 << 16} {
			_, err := read(strings.NewReader(body), s, Limits{}, make([]byte, size))
			var m *Malformed
			if !errors.As(err, &m) || m.Offset != offset || m.Broken != 1 || !strings.Contains(m.Error(), "send all of it again") {
				t.Errorf("%q, buffer %d: %v, want one that begins at %d", body, size, err, offset)
			}
		}
	}
}

func TestTooMuchBroken(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	body := func(n int) string { return "{\"time\":1}\n" + strings.Repeat("{\"a\":x}\n{\"time\":1}\n", n) }
	if up := mustRead(t, s, body(100), Limits{}); up.Broken != 100 || up.Records != 101 {
		t.Errorf("%+v", up)
	}
	for _, size := range []int{3, 100, 1 << 16} {
		_, err := read(strings.NewReader(body(101)), s, Limits{}, make([]byte, size))
		var m *Malformed
		if !errors.As(err, &m) || m.Line != 2 || m.Column != 6 || m.Offset != 16 || m.Broken != 101 {
			t.Errorf("buffer %d: %+v", size, err)
		} else if text := m.Error(); !strings.HasPrefix(text, "The input JSON data is malformed.") || !strings.Contains(text, "101 broken") {
			t.Error(text)
		}
	}
	if _, err := ReadJSON(strings.NewReader(body(1)), s, Limits{MaxBroken: -1}); err == nil {
		t.Error("no broken object was allowed")
	}
}

func TestNothingButBroken(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	for body, want := range map[string]Malformed{
		"hello":           {Offset: 0, Line: 1, Column: 1, Broken: 1},
		"\n\n  {\"a\":x}": {Offset: 9, Line: 3, Column: 8, Broken: 1},
		"{":               {Offset: 0, Line: 1, Column: 1, Broken: 1},
		"[1,2]":           {Offset: 1, Line: 1, Column: 2, Broken: 2},
		"[":               {Offset: 1, Line: 1, Column: 2, Broken: 1},
		"\x1f\x8b\x08":    {Offset: 0, Line: 1, Column: 1, Broken: 1},
	} {
		_, err := ReadJSON(strings.NewReader(body), s, Limits{})
		var m *Malformed
		if !errors.As(err, &m) {
			t.Errorf("%q: %v", body, err)
			continue
		}
		if m.Reason == "" {
			t.Errorf("%q: no reason", body)
		}
		m.Reason = ""
		if *m != want {
			t.Errorf("%q: %+v, want %+v", body, *m, want)
		}
	}
}

func TestEmptyBodies(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	for _, body := range []string{"", " \n\t\r", "\xef\xbb\xbf", "\xef\xbb\xbf\n"} {
		if _, err := ReadJSON(strings.NewReader(body), s, Limits{}); err != ErrEmpty {
			t.Errorf("%q: %v", body, err)
		}
	}
	for _, body := range []string{"[]", " [ \n ] ", "[][]"} {
		up := mustRead(t, s, body, Limits{})
		want := entry.Upload{InputBytes: int64(len(body)), BodyHash: up.End.BodyHash}
		if up.End != want || up.Records != 0 || len(up.Parts) != 0 || up.MaxRecordMs != record.NoTime {
			t.Errorf("%q: %+v", body, up)
		}
	}
}

func TestLimits(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	line := `{"time":1,"airline":"x"}` + "\n"
	body := strings.Repeat(line, 100)
	if up := mustRead(t, s, body, Limits{MaxBytes: int64(len(body))}); up.Records != 100 {
		t.Errorf("a body of just the limit: %+v", up)
	}
	if _, err := ReadJSON(strings.NewReader(body), s, Limits{MaxBytes: int64(len(body)) - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := ReadJSON(strings.NewReader(body), s, Limits{MaxMemory: 1000, PartBytes: 100}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too much memory: %v", err)
	}
	endless := &repeat{line}
	if _, err := ReadJSON(endless, s, Limits{MaxBytes: 1 << 20}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an endless body: %v", err)
	}
	long := line + `{"time":2,"other":"` + strings.Repeat("x", 5000) + `"}` + line
	if up, err := read(strings.NewReader(long), s, Limits{MaxRecordBytes: 5100}, make([]byte, 16)); err != nil || up.Records != 3 {
		t.Errorf("a long record: %v", err)
	}
	for _, size := range []int{16, 1000, 4096} {
		_, err := read(strings.NewReader(long), s, Limits{MaxRecordBytes: 4000}, make([]byte, size))
		var m *Malformed
		if !errors.As(err, &m) || m.Line != 2 || m.Column != 1 || !strings.Contains(m.Reason, "longer than 4000 bytes") {
			t.Errorf("a record that is too long, buffer %d: %v", size, err)
		}
	}
}

// repeat is a body without an end.
type repeat struct{ line string }

func (r *repeat) Read(b []byte) (int, error) { return copy(b, r.line), nil }

func TestParts(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	var body strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&body, `{"time":%d,"airline":"airline-%d","responsetime":%d}`+"\n", i, i%500, i%7)
	}
	up := mustRead(t, s, body.String(), Limits{PartBytes: 100_000})
	n := int64(0)
	for i, b := range up.Parts {
		if size := len(b.Append(nil)); size > 100_000 || b.Len() < 4000 && i < len(up.Parts)-1 {
			t.Errorf("part %d has %d records in %d bytes", i, b.Len(), size)
		}
		for _, ms := range b.Times {
			if ms != n {
				t.Fatalf("record %d has time %d", n, ms)
			}
			n++
		}
	}
	if n != 50_000 || len(up.Parts) < 5 {
		t.Errorf("%d records in %d parts", n, len(up.Parts))
	}
}

type failing struct {
	body io.Reader
	err  error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.body.Read(b)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

func TestReaderErrors(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	lost := errors.New("connection lost")
	if _, err := ReadJSON(&failing{strings.NewReader(`{"time":1}`), lost}, s, Limits{}); !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
	if _, err := ReadJSON(&failing{strings.NewReader(`{"time":1}`), nil}, s, Limits{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that returns nothing: %v", err)
	}
}

func compress(t *testing.T, encoding, body string) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if encoding == "zstd" {
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readCompressed(s *Schema, encoding string, body io.Reader, lim Limits) (*Upload, error) {
	plain, err := Decompress(body, encoding)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	return ReadJSON(plain, s, lim)
}

func TestDecompress(t *testing.T) {
	s := mustSchema(t, &airlines, "", "")
	body := strings.Repeat(`{"time":1,"airline":"x"}`+"\n", 5000)
	plain := mustRead(t, s, body, Limits{})
	lost := errors.New("connection lost")
	for _, encoding := range []string{"gzip", "x-gzip", " GZIP ", "zstd"} {
		packed := compress(t, strings.TrimPrefix(strings.ToLower(encoding), "x-"), body)
		up, err := readCompressed(s, encoding, bytes.NewReader(packed), Limits{})
		if err != nil || up.End != plain.End || up.Records != 5000 {
			t.Errorf("%s: %v", encoding, err)
		}
		if _, err := readCompressed(s, encoding, bytes.NewReader(packed), Limits{MaxBytes: 100_000}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: a bomb: %v", encoding, err)
		}
		if _, err := readCompressed(s, encoding, strings.NewReader(""), Limits{}); err != ErrEmpty {
			t.Errorf("%s: nothing: %v", encoding, err)
		}
		var bad *Undecodable
		for name, src := range map[string][]byte{
			"cut":          packed[:len(packed)/2],
			"cut at once":  packed[:5],
			"not packed":   []byte(body),
			"end damaged":  append(packed[:len(packed)-3:len(packed)-3], 1, 2, 3),
			"trailing":     append(packed[:len(packed):len(packed)], "garbage"...),
			"body damaged": append(packed[:len(packed)/2:len(packed)/2], bytes.Repeat([]byte{0xa5}, 50)...),
		} {
			if _, err := readCompressed(s, encoding, bytes.NewReader(src), Limits{}); !errors.As(err, &bad) || !strings.Contains(err.Error(), bad.Encoding) {
				t.Errorf("%s, %s: %v", encoding, name, err)
			}
		}
		half := &failing{bytes.NewReader(packed[:len(packed)/2]), lost}
		if _, err := readCompressed(s, encoding, half, Limits{}); !errors.Is(err, lost) || errors.As(err, &bad) {
			t.Errorf("%s: a lost connection is no damage: %v", encoding, err)
		}
	}
	for _, encoding := range []string{"", "identity"} {
		if up, err := readCompressed(s, encoding, strings.NewReader(body), Limits{}); err != nil || up.End != plain.End {
			t.Errorf("%q: %v", encoding, err)
		}
	}
	var unknown *UnsupportedEncoding
	if _, err := Decompress(strings.NewReader(""), "br"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "[br]") {
		t.Errorf("%v", err)
	}
}

func TestBodyHash(t *testing.T) {
	// Reference values of XXH64 with seed 0.
	for text, want := range map[string]uint64{
		"":    0xef46db3751d8e999,
		"a":   0xd24ec4f1a98c6e5b,
		"abc": 0x44bc2cf5ad770999,
		"Nobody inspects the spammish repetition": 0xfbcea83c8a378bf1,
	} {
		for step := 1; step < 50; step++ {
			h := newBodyHash()
			for rest := []byte(text); len(rest) > 0; {
				n := min(step, len(rest))
				h.write(rest[:n])
				rest = rest[n:]
			}
			if h.sum() != want {
				t.Fatalf("%q in steps of %d: %x, want %x", text, step, h.sum(), want)
			}
		}
	}
}

func TestSchemaErrors(t *testing.T) {
	if _, err := NewSchema(&airlines, "time", "yyyy"); err == nil || !strings.Contains(err.Error(), "'yyyy'") {
		t.Errorf("%v", err)
	}
	job := spec.Job{BucketSpanMs: 1000, Detectors: []spec.Detector{{Function: "mean", FieldName: strings.Repeat("a.", 70)}}}
	if _, err := NewSchema(&job, "time", ""); err == nil || !strings.Contains(err.Error(), "dots") {
		t.Errorf("%v", err)
	}
	for format, ok := range map[string]bool{"": true, "epoch": true, "epoch_ms": true, "yyyy-MM-dd HH:mm:ssX": true, "epoch_s": false, "YYYY": false} {
		if err := ValidTimeFormat(format); (err == nil) != ok {
			t.Errorf("%q: %v", format, err)
		}
	}
}
