package ingest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// The slow twin of the scanner: jsontext decides what is valid, and a map
// collects the leaves of a record.

// slowRecord is a record as a map from flattened names to texts.
type slowRecord struct {
	leaves int64
	fields map[string]string
}

// slowRead returns the only object in data, or false if data is anything else.
func slowRead(data []byte) (rec slowRecord, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		return rec, false
	}
	rec.fields = map[string]string{}
	if !rec.object(dec, "", 1) {
		return rec, false
	}
	return rec, len(bytes.Trim(data[dec.InputOffset():], " \t\r\n")) == 0
}

func (rec *slowRecord) object(dec *jsontext.Decoder, prefix string, depth int) bool {
	if _, err := dec.ReadToken(); err != nil || depth > maxDepth {
		return false
	}
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return false
		}
		name := prefix + key.String()
		switch dec.PeekKind() {
		case '{':
			if !rec.object(dec, name+".", depth+1) {
				return false
			}
			continue
		case '[':
			var scalars []string
			if !slowArray(dec, depth+1, true, &scalars) {
				return false
			}
			rec.fields[name] = strings.Join(scalars, ",")
		default:
			text, ok := slowScalar(dec)
			if !ok {
				return false
			}
			rec.fields[name] = text
		}
		rec.leaves++
	}
	_, err := dec.ReadToken()
	return err == nil
}

func slowArray(dec *jsontext.Decoder, depth int, keep bool, scalars *[]string) bool {
	open, err := dec.ReadToken()
	if err != nil || depth > maxDepth {
		return false
	}
	end := jsontext.Kind(']')
	if open.Kind() == '{' {
		end = '}'
	}
	for dec.PeekKind() != end {
		switch dec.PeekKind() {
		case '{':
			if !slowArray(dec, depth+1, false, scalars) {
				return false
			}
		case '[':
			if !slowArray(dec, depth+1, keep, scalars) {
				return false
			}
		default:
			text, ok := slowScalar(dec)
			if !ok {
				return false
			}
			if keep {
				*scalars = append(*scalars, text)
			}
		}
	}
	_, err = dec.ReadToken()
	return err == nil
}

func slowScalar(dec *jsontext.Decoder) (string, bool) {
	value, err := dec.ReadValue()
	if err != nil {
		return "", false
	}
	switch value.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		return string(text), err == nil
	case 'n':
		return "", true
	}
	return string(value), true
}

// slowNumber is parseNumber by the standard library.
func slowNumber(text string) float64 {
	text = strings.Trim(text, " \t\r\n")
	if strings.ContainsAny(text, "xX_pPnNiI") {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return v + 0
}

// twinSpec has plain, dotted and shared fields.
var twinSpec = spec.Job{
	BucketSpanMs: 60_000,
	Detectors: []spec.Detector{
		{Function: "sum", FieldName: "value", PartitionField: "host"},
		{Function: "mean", FieldName: "a.b", ByField: "a.b.c"},
		{Function: "max", FieldName: "x.value", ByField: "value"},
	},
	Influencers: []string{"", "a", "é", "a..b"},
}

func mustSchema(t testing.TB, job *spec.Job, timeField, timeFormat string) *Schema {
	t.Helper()
	s, err := NewSchema(job, timeField, timeFormat)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkAgainstTwin compares one body that should be one object.
func checkAgainstTwin(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *Schema, data []byte) {
	t.Helper()
	var sc scanner
	end := -1
	if start := space(data, 0); start < len(data) && data[start] == '{' {
		end = sc.skip(data, start, 0)
	}
	valid := end >= 0 && space(data, end) == len(data)
	want, ok := slowRead(data)
	if valid != ok {
		t.Fatalf("%q: valid %v (%d %q), the twin says %v", data, valid, sc.at, sc.why, ok)
	}
	if !ok {
		return
	}
	if sc.leaves != want.leaves {
		t.Fatalf("%q: %d leaves, want %d", data, sc.leaves, want.leaves)
	}
	up, err := ReadJSON(bytes.NewReader(data), s, Limits{})
	if err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	if err := sameAsTwin(s, up, want); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
}

func sameAsTwin(s *Schema, up *Upload, want slowRecord) error {
	missing := int64(0)
	for _, f := range s.fields {
		if _, ok := want.fields[f.name]; !ok {
			missing++
		}
	}
	ms := slowNumber(want.fields["time"])
	accepted := int64(0)
	if ms = math.Trunc(ms); ms >= 0 && ms <= record.MaxTimeMs {
		accepted = 1
	}
	got := [...]int64{up.Records, up.Rejected, up.Broken, up.End.InvalidDates, up.End.MissingFields, up.End.InputFields}
	if exp := [...]int64{accepted, 1 - accepted, 0, 1 - accepted, missing, max(want.leaves-1, 0)}; got != exp {
		return fmt.Errorf("counts %v, want %v", got, exp)
	}
	if accepted == 0 {
		return nil
	}
	b := up.Parts[0]
	if b.Times[0] != int64(ms) {
		return fmt.Errorf("time %d, want %v", b.Times[0], ms)
	}
	for _, f := range s.fields {
		text, present := want.fields[f.name]
		if f.number >= 0 {
			v := math.NaN()
			if present {
				v = slowNumber(text)
			}
			if got := b.Numbers[f.number][0]; math.Float64bits(got) != math.Float64bits(v) && (got == got || v == v) {
				return fmt.Errorf("field %q is %v, want %v", f.name, got, v)
			}
		}
		if f.text >= 0 {
			c := b.Texts[f.text]
			if present != (c.Codes[0] == 1) {
				return fmt.Errorf("field %q has code %d, present %v", f.name, c.Codes[0], present)
			}
			if present && len(text) <= record.MaxTextBytes && string(c.Values) != text {
				return fmt.Errorf("field %q is %q, want %q", f.name, c.Values, text)
			}
		}
	}
	return nil
}

// seeds are bodies that are interesting to the scanner.
var seeds = []string{
	`{}`, ` { } `, `{"time":1}`, `{"time":1,"value":2.5,"host":"x"}`,
	`{"time":1,"time":2,"value":1,"value":"x","host":1.50}`,
	`{"a":{"b":1,"b.c":2}, "a.b.c":3, "time": 5}`, `{"a":{"b":{"c":"deep"}},"time":"7"}`,
	`{"a.b":{"c":1},"a":[1,"x",null,true,[2,[3]],{"b":1}],"time":1e3}`,
	`{"a":{"":{"b":9}},"":"empty","time":1}`, `{"a":{".b":9},"time":1}`,
	`{"v\u0061lue":"\u00e9\ud83d\ude00\n\"","\u00e9":"\\\/","time":1}`,
	`{"host":"\ud800","time":1}`, `{"host":"\udc00\ud800"}`, `{"host":"\ud83dx"}`, `{"host":"\u12"}`, `{"host":"\x"}`,
	"{\"host\":\"a\tb\"}", "{\"host\":\"\xff\"}", "{\"host\":\"\xc3\"}", "{\"host\":\"\xe2\x82\"}", "{\"host\":\"\xed\xa0\x80\"}",
	`{"value":01}`, `{"value":-}`, `{"value":1.}`, `{"value":.5}`, `{"value":1e}`, `{"value":+1}`, `{"value":-0}`, `{"value":1e999,"time":1}`,
	`{"value":0.1e-7,"time":1}`, `{"value":123456789012345678901234567890,"time":1}`, `{"value":" 007.50 ","time":" 5 "}`,
	`{"value":"0x10","time":1}`, `{"value":"1_0","time":1}`, `{"value":"Inf","time":1}`, `{"value":".","time":"."}`,
	`{"value":tru}`, `{"value":nul`, `{"value":falsey}`, `{"value"}`, `{"value":}`, `{"value":1,}`, `{,}`, `{value:1}`, `{'value':1}`, `{"a":1 "b":2}`,
	`{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":[]}`, `{"a":[{"b":[1,{"c":2}]},{}],"time":1}`,
	`{"value":9007199254740993,"time":9000000000000000}`, `{"time":9000000000000001}`, `{"time":-1}`, `{"time":null}`, `{"time":1.9}`,
	`{"x":{"value":5,"value":6},"x.value":7,"time":1}`,
	`{"time":1,"a":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}`,
	`{"time":1,"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
	`{"time":1,"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
	strings.Repeat(`{"q":`, 64) + `1` + strings.Repeat(`}`, 64),
	strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65),
	`{"host":"` + strings.Repeat("é", 600) + `","time":1}`,
	`[{"time":1}]`, `1`, ``, `{"a":1}}`, `{"a":1}{`,
}

func TestSeedsAgainstTwin(t *testing.T) {
	s := mustSchema(t, &twinSpec, "", "")
	for _, seed := range seeds {
		checkAgainstTwin(t, s, []byte(seed))
	}
}

// TestEverySmallDamageAgainstTwin changes, removes and doubles every byte.
func TestEverySmallDamageAgainstTwin(t *testing.T) {
	s := mustSchema(t, &twinSpec, "", "")
	for _, seed := range seeds {
		if len(seed) > 120 {
			continue
		}
		for i := range seed {
			checkAgainstTwin(t, s, []byte(seed[:i]+seed[i+1:]))
			checkAgainstTwin(t, s, []byte(seed[:i]+seed[i:i+1]+seed[i:]))
			for _, c := range "\"\\{}[],:0-.eu \n\x00\xff" {
				checkAgainstTwin(t, s, []byte(seed[:i]+string([]byte{byte(c)})+seed[i+1:]))
			}
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	s := mustSchema(f, &twinSpec, "", "")
	f.Fuzz(func(t *testing.T, data []byte) { checkAgainstTwin(t, s, data) })
}

// TestUnalignedStrings puts every kind of byte at every place of a word.
func TestUnalignedStrings(t *testing.T) {
	s := mustSchema(t, &twinSpec, "", "")
	for lead := range 20 {
		for c := range 256 {
			for trail := range 10 {
				body := append([]byte(`{"time":1,"host":"`), bytes.Repeat([]byte("z"), lead)...)
				body = append(body, byte(c))
				body = append(body, bytes.Repeat([]byte("y"), trail)...)
				checkAgainstTwin(t, s, append(body, `"}`...))
			}
		}
	}
}

// drawRecord draws a valid record.
func drawRecord(t *rapid.T, depth int) string {
	keys := []string{"time", "value", "host", "a", "a.b", "b", "c", "b.c", "x", "", ".b", "\\u0061", "other"}
	var b strings.Builder
	b.WriteString("{" + drawSpace(t))
	for i := range rapid.IntRange(0, 6).Draw(t, "members") {
		if i > 0 {
			b.WriteString("," + drawSpace(t))
		}
		key := rapid.SampledFrom(keys).Draw(t, "key")
		b.WriteString(`"` + key + `"` + drawSpace(t) + ":" + drawSpace(t) + drawValue(t, depth) + drawSpace(t))
	}
	b.WriteString("}")
	return b.String()
}

func drawSpace(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\n", "\r\n\t"}).Draw(t, "space")
}

func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case kind == 0 && depth < 4:
		return drawRecord(t, depth+1)
	case kind == 1 && depth < 4:
		var parts []string
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			parts = append(parts, drawValue(t, depth+1))
		}
		return "[" + strings.Join(parts, ",") + drawSpace(t) + "]"
	case kind < 5:
		return strconv.FormatFloat(rapid.Float64().Draw(t, "number"), 'g', -1, 64)
	case kind < 7:
		return strconv.FormatInt(rapid.Int64Range(-5, 1e13).Draw(t, "integer"), 10)
	case kind == 7:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "literal")
	}
	text, err := jsontext.AppendQuote(nil, rapid.StringN(0, 20, 60).Draw(t, "text"))
	if err != nil {
		return `"invalid"`
	}
	return string(text)
}

func TestRandomRecordsAgainstTwin(t *testing.T) {
	s := mustSchema(t, &twinSpec, "", "")
	rapid.Check(t, func(t *rapid.T) { checkAgainstTwin(t, s, []byte(drawRecord(t, 0))) })
}

// TestStreamOfRandomRecords reads many records as every kind of body, through
// readers and buffers of awkward sizes, and compares with one body per record.
func TestStreamOfRandomRecords(t *testing.T) {
	s := mustSchema(t, &twinSpec, "", "")
	rapid.Check(t, func(t *rapid.T) {
		var records []string
		for range rapid.IntRange(1, 12).Draw(t, "records") {
			records = append(records, drawRecord(t, 0))
		}
		want := Upload{MaxRecordMs: record.NoTime}
		var times []int64
		var hosts []string
		for _, rec := range records {
			one, err := ReadJSON(strings.NewReader(rec), s, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want.Records += one.Records
			want.Rejected += one.Rejected
			want.End.InvalidDates += one.End.InvalidDates
			want.End.MissingFields += one.End.MissingFields
			want.End.InputFields += one.End.InputFields
			want.MaxRecordMs = max(want.MaxRecordMs, one.MaxRecordMs)
			times, hosts = collect(one, times, hosts)
		}
		body := rapid.SampledFrom([]func() string{
			func() string { return strings.Join(records, "\n") },
			func() string { return strings.Join(records, "") },
			func() string { return strings.Join(records, " \r\n\t") + "\n" },
			func() string { return "\xef\xbb\xbf[" + strings.Join(records, " , ") + "]\n" },
			func() string { return "[" + records[0] + "] [" + strings.Join(records[1:], ",") + "]" },
		}).Draw(t, "shape")()
		step := rapid.IntRange(1, 50).Draw(t, "step")
		lim := Limits{PartBytes: rapid.SampledFrom([]int{1, 200, 1 << 20}).Draw(t, "part")}
		got, err := read(&drip{body, step}, s, lim, make([]byte, rapid.IntRange(3, 300).Draw(t, "buffer")))
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if got.Records != want.Records || got.Rejected != want.Rejected || got.Broken != 0 || got.MaxRecordMs != want.MaxRecordMs ||
			got.End.InputFields != want.End.InputFields || got.End.MissingFields != want.End.MissingFields || got.End.InputBytes != int64(len(body)) {
			t.Fatalf("%q: %+v, want %+v", body, got, want)
		}
		gotTimes, gotHosts := collect(got, nil, nil)
		if !slices.Equal(times, gotTimes) || !slices.Equal(hosts, gotHosts) {
			t.Fatalf("%q: %v %q, want %v %q", body, gotTimes, gotHosts, times, hosts)
		}
	})
}

func collect(up *Upload, times []int64, hosts []string) ([]int64, []string) {
	for _, b := range up.Parts {
		times = append(times, b.Times...)
		for _, code := range b.Texts[0].Codes {
			host := "absent"
			if code > 0 {
				host = "=" + string(b.Texts[0].Value(int(code-1)))
			}
			hosts = append(hosts, host)
		}
	}
	return times, hosts
}

// drip returns a few bytes at a time.
type drip struct {
	rest string
	step int
}

func (d *drip) Read(b []byte) (int, error) {
	n := copy(b, d.rest[:min(d.step, len(d.rest))])
	d.rest = d.rest[n:]
	if len(d.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

func TestNumbersAgainstStandardLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	check := func(text string) {
		t.Helper()
		v, ok := parseNumber([]byte(text))
		want := slowNumber(text)
		if ok != (want == want) || ok && math.Float64bits(v+0) != math.Float64bits(want) {
			t.Fatalf("%q: %v %v, want %v", text, v, ok, want)
		}
	}
	for range 200_000 {
		v := math.Float64frombits(rng.Uint64())
		if v-v != 0 {
			continue
		}
		format := "efg"[rng.IntN(3)]
		check(strconv.FormatFloat(v, format, rng.IntN(25)-1, 64))
		check(strconv.FormatFloat(float64(rng.Int64N(1e12))/math.Pow10(rng.IntN(12)), 'f', -1, 64))
	}
	for _, text := range []string{
		"", " ", "-", "+", ".", "e5", "1e", "1e+", "-.5", "5.", "+5", "007", "1e400", "-1e400", "1e-400", "0e999999999999", "1 2", "1,5", "1e5x",
		strings.Repeat("9", 400), "0." + strings.Repeat("0", 400) + "1", strings.Repeat("0", 400) + "1", "1e99999999999999999999", "9007199254740993", "1234567890123456789", "12345678901234567890",
	} {
		check(text)
	}
}
