package strict_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
	"tidemark/wire/strict"
)

type sample struct {
	text, number string
	flag         bool
	optional     *bool
	n            int64
	list         []string
	raw          jsontext.Value
	f            *float64
	inner        []string
}

func parse(body string) (sample, error) {
	var s sample
	err := strict.Parse([]byte(body), "sample_details", strict.Fields{
		"text": strict.Text(&s.text), "text_or_null": strict.TextOrNull(&s.text), "number": strict.TextOrNumber(&s.number),
		"flag": strict.Bool(&s.flag), "optional": strict.OptionalBool(&s.optional), "n": strict.Int(&s.n),
		"list": strict.Texts(&s.list, 3), "raw": strict.RawObject(&s.raw, 20), "f": strict.OptionalFloat(&s.f),
		"refused": strict.Refuse(wire.Refuse(wire.TypeStatus, "not today")),
		"inner": strict.List(5, func(r *strict.Reader, _ int) error {
			var name string
			err := strict.Object("inner_details", strict.Fields{"name": strict.Text(&name)})(r)
			if err == nil && name == "" {
				err = errors.New("a name is needed")
			}
			s.inner = append(s.inner, name)
			return err
		}),
	})
	return s, err
}

func TestParse(t *testing.T) {
	s, err := parse(`
	{"text":"a\u00e4","number":10.50,"flag":"true","optional":false,"n":"-7","list":["x","y"],
	 "raw":{"a": [1, 2]},"f":1e3,"inner":[{"name":"one"},{"name":"two"}]} `)
	if err != nil {
		t.Fatal(err)
	}
	if s.text != "aä" || s.number != "10.50" || !s.flag || s.optional == nil || *s.optional || s.n != -7 || len(s.list) != 2 ||
		string(s.raw) != `{"a":[1,2]}` || *s.f != 1000 || len(s.inner) != 2 {
		t.Errorf("%+v", s)
	}
	if s, err := parse(`{"text_or_null":null}`); err != nil || s.text != "" {
		t.Error(s, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for body, want := range map[string]string{
		`{"txet":"a"}`:                        "[1:2] [sample_details] unknown field [txet] did you mean [text]?",
		`{"completely_other":"a"}`:            "[1:2] [sample_details] unknown field [completely_other]",
		"{\n  \"text\": 5}":                   "[2:11] [sample_details] failed to parse field [text]: doesn't support values of type: VALUE_NUMBER; give a string",
		`{"text":null}`:                       "doesn't support values of type: VALUE_NULL",
		`{"text":"ä","flag":"yes"}`:           "[1:20] [sample_details] failed to parse field [flag]: Failed to parse value [yes] as only [true] or [false] are allowed.",
		`{"flag":1}`:                          "VALUE_NUMBER; give a boolean",
		`{"n":1.5}`:                           "[1.5] is not a whole number",
		`{"n":9223372036854775808}`:           "is not a whole number within 64 bits",
		`{"f":1e999}`:                         "is not a finite number",
		`{"f":"NaN"}`:                         "is not a finite number",
		`{"list":"x"}`:                        "VALUE_STRING; give an array",
		`{"list":["a",{}]}`:                   "[list[1]]: doesn't support values of type: START_OBJECT",
		`{"list":["a","b","c","d"]}`:          "[list]: more than 3 elements",
		`{"raw":[]}`:                          "give an object",
		`{"raw":{"long":"0123456789abcdef"}}`: "[raw]: 27 bytes; at most 20",
		`{"refused":[{"deep":1}]}`:            "[1:12] [sample_details] failed to parse field [refused]: not today",
		`{"inner":[{"name":"a"},{}]}`:         "[1:24] [sample_details] failed to parse field [inner[1]]: a name is needed",
		`{"inner":[{"nam":"a"}]}`:             "[1:12] [inner_details] failed to parse field [inner[0]]: unknown field [nam] did you mean [name]?",
		`{"text":"a","text":"b"}`:             "Duplicate field 'text'",
		`{"text":"a"`:                         "the text ends too early",
		`{"text":`:                            "the text ends too early",
		`{"list":[`:                           "the text ends too early",
		`{"list":["a"`:                        "the text ends too early",
		``:                                    "the text ends too early",
		`{"text":"a"} {}`:                     "[1:15] [sample_details] unexpected text after the object",
		`{"text":"a"}x`:                       "unexpected text after the object",
		`[]`:                                  "START_ARRAY; give an object",
		`{'text':1}`:                          "[1:2] [sample_details] ",
		`{"text":"` + "\xff" + `"}`:           "invalid UTF-8",
		`{text}`:                              "[1:3] ",
		`{"text":tru}`:                        "[1:",
		`{"raw":` + strings.Repeat(`{"a":`, 20000): "depth",
	} {
		_, err := parse(body)
		var refusal *wire.Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("%.60s: error %v, want a refusal", body, err)
			continue
		}
		if !strings.Contains(refusal.Reason, want) || refusal.Status != 400 || refusal.Type != wire.TypeXContentParse || refusal.Line < 1 || refusal.Col < 1 {
			t.Errorf("%.60s:\n got %.300s (%d %s at %d:%d)\nwant %s", body, refusal.Reason, refusal.Status, refusal.Type, refusal.Line, refusal.Col, want)
		}
	}
}

func TestCauseIsKept(t *testing.T) {
	_, err := parse(`{"refused":1}`)
	var refusal *wire.Refusal
	if !errors.As(err, &refusal) || refusal.Cause == nil || refusal.Cause.Type != wire.TypeStatus {
		t.Fatalf("%#v", err)
	}
}

func TestMegabyteName(t *testing.T) {
	_, err := parse(`{"` + strings.Repeat("x", 1<<20) + `":1}`)
	if err == nil || len(err.Error()) > 500 {
		t.Fatal("an error of a megabyte")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"text":"a","list":["x"],"inner":[{"name":"n"}]}`, `{"raw":{"a":1},"n":"5"}`, `{"flag":"true"`, `[`, `{"f":1e5}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		_, err := parse(body)
		var refusal *wire.Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Line < 1 || refusal.Status != 400) {
			t.Fatalf("%q: %v", body, err)
		}
		if err == nil && !jsontext.Value(body).IsValid() {
			t.Fatalf("%q was taken", body)
		}
	})
}
