package tabular

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

// all reads every record, or the error that ended reading.
func all(next func() ([]byte, error)) (lines []string, err error) {
	for {
		line, err := next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, string(line))
	}
}

func TestOpen(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, "time,v\n1,2\n")
	_ = z.Close()
	packed, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("time\tort\n1\tKöln\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"commas":        {"time,host,v\n1,a,2.5\n2,,-3e4\n", []string{`{"time":1,"host":"a","v":2.5}`, `{"time":2,"v":-3e4}`}},
		"semicolons":    {"time;v\n2014-07-01 00:00:00;1,5\n", []string{`{"time":"2014-07-01 00:00:00","v":1.5}`}},
		"tabs":          {"time\tv\r\n1\t\"a \"\"b\"\"\"\r\n", []string{`{"time":1,"v":"a \"b\""}`}},
		"byte order":    {"\xef\xbb\xbftime,v\n1,2", []string{`{"time":1,"v":2}`}},
		"no number":     {"a,b,c,d\n01,+1,1e,NaN\n", []string{`{"a":"01","b":"+1","c":"1e"}`}},
		"short row":     {"a,b\n1\n", []string{`{"a":1}`}},
		"quoted lines":  {"a,b\n\"x\ny\",1\n", []string{`{"a":"x\ny","b":1}`}},
		"gzip":          {zipped.String(), []string{`{"time":1,"v":2}`}},
		"zstd":          {string(packed.EncodeAll([]byte("time,v\n1,2\n"), nil)), []string{`{"time":1,"v":2}`}},
		"UTF-16":        {wide, []string{`{"time":1,"ort":"Köln"}`}},
		"log":           {"2026-01-02T03:04:05Z a b\r\n\tat c\r\n\r\n\tat d\r\n2026-01-02T03:04:06Z e \xff\n", []string{`{"timestamp":1767323045000,"message":"a b\n\tat c\n\tat d"}`, `{"timestamp":1767323046000,"message":"e �"}`}},
		"log in []":     {"[2026-01-02 03:04:05] a b\n", []string{`{"timestamp":1767323045000,"message":"a b"}`}},
		"access log":    {"1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] \"GET /a HTTP/1.1\" 200 5\n", []string{`{"timestamp":1767323045000,"client":"1.2.3.4","method":"GET","path":"/a","status":200,"bytes":5,"message":"GET /a 200"}`}},
		"key=value":     {"ts=1767323045 n=5 msg=\"a b\"\n", []string{`{"ts":1767323045,"n":5,"message":"a b"}`}},
		"times of zone": {"time,v\n2026-01-02 03:04:05 Europe/Berlin,5\n2026-01-02 03:04:06 Europe/Berlin,6\n", []string{`{"time":"2026-01-02 03:04:05 Europe/Berlin","v":5}`, `{"time":"2026-01-02 03:04:06 Europe/Berlin","v":6}`}},
		"names twice":   {"a,a,,a\n1,2,3,4\n", []string{`{"a":1,"a_2":2,"column3":3,"a_3":4}`}},
		"empty at end":  {"a,b\n1,2,\n3,4,,\n", []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}},
		"bare quotes":   {"a,b\n5\" disk,1\n", []string{`{"a":"5\" disk","b":1}`}},
		"comments":      {"# by x\n# at, noon\n\na,b\n1,2\n", []string{`{"a":1,"b":2}`}},
		"names in #":    {"#a,b\n1,2\n3,4\n5,6\n", []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`, `{"a":5,"b":6}`}},
		"title":         {"Report\n\na,b\n1,2\n3,4\n", []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}},
		"old lines":     {"a,b\r1,2\r", []string{`{"a":1,"b":2}`}},
		"aligned":       {"time   v\n1700000000     1\n1700000060   2.5\n1700000120 3\n1700000180 4\n", []string{`{"time":1700000000,"v":1}`, `{"time":1700000060,"v":2.5}`, `{"time":1700000120,"v":3}`, `{"time":1700000180,"v":4}`}},
		"spaced dates":  {"2024-01-01 00:00:00 5\n2024-01-01 00:01:00 6\n", []string{`{"column3":5,"column1 column2":"2024-01-01 00:00:00"}`, `{"column3":6,"column1 column2":"2024-01-01 00:01:00"}`}},
		"calendar":      {"No,year,month,day,hour,v\n1,2024,1,31,9,7\n", []string{`{"No":1,"v":7,"year month day hour":"2024-01-31 09:00:00"}`}},
		"sheet":         {"Date,v\n45322.5,7\n", []string{`{"Date":"2024-01-31 12:00:00","v":7}`}},
		"months":        {"month,v\n2024-01,7\n", []string{`{"month":"2024-01-01 00:00:00","v":7}`}},
		"no values":     {"t,a,b\n1,-,?\n2,None,3\n", []string{`{"t":1}`, `{"t":2,"b":3}`}},
		"microseconds":  {`{"id":1700000000123456,"ts":1700000000123456}{"id":1,"ts":"1700000000123457"}`, []string{`{"id":1700000000123456,"ts":1700000000123}`, `{"id":1,"ts":"1700000000123"}`}},
		"json lines":    {" {\"a\": 1}\n{\"b\":{\"c\":\"d\"}}", []string{`{"a":1}`, `{"b":{"c":"d"}}`}},
		"json together": {`{"a":1}{"a":2}`, []string{`{"a":1}`, `{"a":2}`}},
		"json array":    {`[{"a":1}, {"a":[1,2]}]`, []string{`{"a":1}`, `{"a":[1,2]}`}},
		"header only":   {"a,b\n", nil},
		"no header":     {"2024-01-01 00:00:00,5\n2024-01-01 00:01:00,6\n", []string{`{"column1":"2024-01-01 00:00:00","column2":5}`, `{"column1":"2024-01-01 00:01:00","column2":6}`}},
		"years":         {"host,2023,2024\na,1,2\n", []string{`{"host":"a","2023":1,"2024":2}`}},
		"index":         {",v\n0,7\n", []string{`{"row":0,"v":7}`}},
		"thousands":     {"time,v\n1,\"1,234.5\"\n2,999\n", []string{`{"time":1,"v":1234.5}`, `{"time":2,"v":999}`}},
		"german":        {"t;v\n1;1.234,5\n2;7\n", []string{`{"t":1,"v":1234.5}`, `{"t":2,"v":7}`}},
		"percent":       {"t,v,m\n1,12.5%,$3\n", []string{`{"t":1,"v":12.5,"m":3}`}},
		"lists":         {"t,v\n1,\"1,2,3\"\n", []string{`{"t":1,"v":"1,2,3"}`}},
		"dates":         {"date,v\n2024-01-31,1\n", []string{`{"date":"2024-01-31 00:00:00","v":1}`}},
		"dates beside":  {"time,day,v\n1700000000,2024-01-31,1\n", []string{`{"time":1700000000,"day":"2024-01-31","v":1}`}},
		"date and time": {"date,time,v\n1/31/2024,9:05 PM,1\n", []string{`{"v":1,"date time":"1/31/2024 9:05 PM"}`}},
		"spaces":        {"1700000000 1.5\n1700000060 2\n", []string{`{"column1":1700000000,"column2":1.5}`, `{"column1":1700000060,"column2":2}`}},
		"nanoseconds":   {"time,v\n1700000000123456789,1\n", []string{`{"time":1700000000123,"v":1}`}},
	} {
		r, err := Open(strings.NewReader(c.in), "file")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		lines, err := all(r.Next)
		if err != nil || !cmp.Equal(lines, c.want) {
			t.Errorf("%s: %q, error %v, want %q", name, lines, err, c.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "is empty",
		" \n ":                     "is empty",
		"a,b\n1,2,3\n":             "line 2: 3 cells",
		"# x\na,b\n1,2,3\n":        "line 3: 3 cells",
		"\x1f\x8bnonsense":         "not",
		"PK\x03\x04xl":             "is a ZIP archive",
		`{"a":1} 7`:                "record 2",
		`{"a":1}{"a":`:             "record 2",
		"{\"a\":1}\n{\"a\":1]\n{}": "record 2",
	} {
		r, err := Open(strings.NewReader(in), "data.csv")
		if err == nil {
			_, err = all(r.Next)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "data.csv") {
			t.Errorf("%q: error %v, want one with %q", in, err, want)
		}
	}
}

func TestFields(t *testing.T) {
	have := Fields([]byte(`{"a":1,"b":{"c":"x\n","d":{"e":true}},"f":[1],"g":null}`))
	want := []Field{{Name: "a", Text: "1"}, {Name: "b.c", Text: "x\n", Quote: true}, {Name: "b.d.e", Text: "true"}, {Name: "g"}}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
}

func TestMerge(t *testing.T) {
	parse := func(text []byte) (int64, bool) {
		if len(text) != 1 {
			return 0, false
		}
		return int64(text[0] - '0'), true
	}
	var files []*Reader
	for _, in := range []string{"t,f\n1,a\n4,a\n2,a\n", "t,f\n", "t,f\n0,b\n1,b\nbad,b\n5,b\n"} {
		r, err := Open(strings.NewReader(in), "file")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, r)
	}
	next, err := Merge(files, "t", parse)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := all(next)
	want := []string{`{"t":0,"f":"b"}`, `{"t":1,"f":"a"}`, `{"t":1,"f":"b"}`, `{"t":"bad","f":"b"}`, `{"t":4,"f":"a"}`, `{"t":2,"f":"a"}`, `{"t":5,"f":"b"}`}
	if err != nil || !cmp.Equal(lines, want) {
		t.Errorf("%v, error %v", lines, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte(`[{"a":1}]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := Open(bytes.NewReader(in), "file")
		if err != nil {
			return
		}
		for range 100 {
			line, err := r.Next()
			if err != nil {
				return
			}
			Fields(line)
			if bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("a record of two lines: %q", line)
			}
		}
	})
}
