package javatime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ pattern, text, want string }{
		{"yyyy-MM-dd HH:mm:ssX", "2014-06-23 00:00:00Z", "2014-06-23T00:00:00Z"},
		{"yyyy-MM-dd HH:mm:ssX", "2014-06-23 00:00:00+01", "2014-06-22T23:00:00Z"},
		{"yyyy-MM-dd HH:mm:ssX", "2014-06-23 00:00:00-0130", "2014-06-23T01:30:00Z"},
		{"yyyy-MM-dd HH:mm:ssXXX", "2014-06-23 00:00:00-01:30", "2014-06-23T01:30:00Z"},
		{"yyyy-MM-dd HH:mm:ssZ", "2014-06-23 00:00:00+0000", "2014-06-23T00:00:00Z"},
		{"yyyy-MM-dd HH:mm:ssXXXXX", "2014-06-23 00:00:00+01:02:03", "2014-06-22T22:57:57Z"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 01:02:03", "2014-06-23T01:02:03Z"},
		{"yyyy-MM-dd HH:mm:ss", "2014-6-3 1:2:3", "2014-06-03T01:02:03Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSX", "2014-06-23T01:02:03.045Z", "2014-06-23T01:02:03.045Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSS", "2014-06-23T01:02:03.5", "2014-06-23T01:02:03.5Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "2014-06-23T01:02:03.123456", "2014-06-23T01:02:03.123Z"},
		{"yyyyMMddHHmmss", "20140623010203", "2014-06-23T01:02:03Z"},
		{"yyyyMMddHHmmssSSS", "20140623010203045", "2014-06-23T01:02:03.045Z"},
		{"yyMMdd HHmm", "140623 0102", "2014-06-23T01:02:00Z"},
		{"dd/MMM/yyyy:HH:mm:ss Z", "23/Jun/2014:01:02:03 +0200", "2014-06-22T23:02:03Z"},
		{"EEE, d MMM yyyy HH:mm:ss zzz", "Mon, 23 Jun 2014 01:02:03 GMT", "2014-06-23T01:02:03Z"},
		{"EEEE d MMMM yyyy HH", "Monday 23 june 2014 07", "2014-06-23T07:00:00Z"},
		{"M/d/yyyy h:mm:ss a", "6/23/2014 12:02:03 AM", "2014-06-23T00:02:03Z"},
		{"M/d/yyyy h:mm:ss a", "6/23/2014 12:02:03 pm", "2014-06-23T12:02:03Z"},
		{"M/d/yyyy K:mm a", "6/23/2014 0:02 PM", "2014-06-23T12:02:00Z"},
		{"yyyy-MM-dd kk:mm", "2014-06-23 24:10", "2014-06-23T00:10:00Z"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 24:00:00", "2014-06-24T00:00:00Z"},
		{"yyyy-DDD HH:mm", "2016-366 01:00", "2016-12-31T01:00:00Z"},
		{"yyyyDDDHH", "201603201", "2016-02-01T01:00:00Z"},
		{"MMM d HH:mm:ss", "Jul 4 10:11:12", "2021-07-04T10:11:12Z"},
		{"yyyy-MM-dd A", "2014-06-23 3600000", "2014-06-23T01:00:00Z"},
		{"yyyy-MM-dd HH:mm[:ss][.SSS][X]", "2014-06-23 01:02", "2014-06-23T01:02:00Z"},
		{"yyyy-MM-dd HH:mm[:ss][.SSS][X]", "2014-06-23 01:02:03+01", "2014-06-23T00:02:03Z"},
		{"yyyy-MM-dd HH:mm[:ss[.SSS]]", "2014-06-23 01:02:03.7", "2014-06-23T01:02:03.7Z"},
		{"yyyy-MM-dd HHmm[ss]", "2014-06-23 010203", "2014-06-23T01:02:03Z"},
		{"[yyyy-MM-dd][dd.MM.yyyy] HH:mm", "23.06.2014 01:02", "2014-06-23T01:02:00Z"},
		{"G yyyy-MM-dd HH", "AD 2014-06-23 01", "2014-06-23T01:00:00Z"},
		{"yyyy-MM-dd HH 'o''clock'", "2014-06-23 01 o'clock", "2014-06-23T01:00:00Z"},
		{"yyyy-MM-dd '' HH", "2014-06-23 ' 01", "2014-06-23T01:00:00Z"},
		{"yyyy-MM-dd HH:mm VV", "2014-06-23 01:02 Europe/Berlin", "2014-06-22T23:02:00Z"},
		{"yyyy-MM-dd HH:mm VV", "2014-01-23 01:02 America/New_York", "2014-01-23T06:02:00Z"},
		{"yyyy-MM-dd HH:mm VV", "2014-03-09 02:30 America/New_York", "2014-03-09T07:30:00Z"}, // left out
		{"yyyy-MM-dd HH:mm VV", "2014-11-02 01:30 America/New_York", "2014-11-02T05:30:00Z"}, // twice
		{"yyyy-MM-dd HH:mm VV", "2014-03-30 02:30 Europe/Berlin", "2014-03-30T01:30:00Z"},    // left out, east
		{"yyyy-MM-dd HH:mm VV", "2014-10-26 02:30 Europe/Berlin", "2014-10-26T00:30:00Z"},    // twice, east
		{"yyyy-MM-dd HH:mm O", "2014-06-23 01:02 GMT+8", "2014-06-22T17:02:00Z"},
		{"yyyy-MM-dd HH:mm z", "2014-06-23 01:02 UTC+02:00", "2014-06-22T23:02:00Z"},
		{"yyyy-MM-dd HH:mm z", "2014-06-23 01:02 PST", "2014-06-23T09:02:00Z"},
		{"u-M-d H:m:s", "1969-12-31 23:59:59", "1969-12-31T23:59:59Z"},
	} {
		f, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		want, err := time.Parse(time.RFC3339Nano, c.want)
		if err != nil {
			t.Fatal(err)
		}
		ms, ok := f.Parse([]byte(c.text), &Clock{Year: 2021})
		if got := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano); !ok || ms != want.UnixMilli() {
			t.Errorf("%s of %q: %v %v, want %s", c.pattern, c.text, got, ok, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ pattern, text string }{
		{"yyyy-MM-dd HH:mm:ss", ""},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23T01:02:03"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 01:02:03 "},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 01:02:03Z"},
		{"yyyy-MM-dd HH:mm:ss", "2014-13-23 01:02:03"},
		{"yyyy-MM-dd HH:mm:ss", "2014-02-29 01:02:03"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-31 01:02:03"},
		{"yyyy-MM-dd HH:mm:ss", "2014-00-10 01:02:03"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 25:00:00"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 24:00:01"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 01:60:00"},
		{"yyyy-MM-dd HH:mm:ss", "2014-06-23 01:02:60"},
		{"yyyy-MM-dd HH:mm:ss", "14-06-23 01:02:03"},
		{"yyyyMMddHHmmss", "201406230102"},
		{"EEE d MMM yyyy HH", "Tue 23 Jun 2014 07"},
		{"yyyy-DDD HH", "2014-366 01"},
		{"yyyy-MM-dd HH:mm:ssX", "2014-06-23 01:02:03+19"},
		{"yyyy-MM-dd HH:mm:ssX", "2014-06-23 01:02:03+"},
		{"yyyy-MM-dd HH:mm:ssX", "2014-06-23 01:02:03"},
		{"yyyy-MM-dd HH:mm VV", "2014-06-23 01:02 Local"},
		{"yyyy-MM-dd HH:mm VV", "2014-06-23 01:02 ../../etc/passwd"},
		{"yyyy-MM-dd HH:mm VV", "2014-06-23 01:02 Nowhere/City"},
		{"MMM d HH:mm", "Feb 29 01:02"},
		{"[yyyy-MM-dd ]HH:mm", "01:02"},
		{"[yyyy-]MM-dd HH:mm", "06-23 01:02"},
		{"yyyy-MM-dd HH:mm", "999999-06-23 01:02"},
	} {
		f, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if ms, ok := f.Parse([]byte(c.text), &Clock{Year: 2021}); ok {
			t.Errorf("%s read %q as %d", c.pattern, c.text, ms)
		}
	}
}

func TestUnusablePatterns(t *testing.T) {
	for pattern, why := range map[string]string{
		"":                               "no month",
		"yyyy":                           "no month",
		"yyyy-MM":                        "no day",
		"y-MM-dd":                        "no hour",
		"HH:mm:ss":                       "no month",
		"yyyy-MM-dd hh:mm":               "need a",
		"YYYY-MM-dd HH:mm":               "use y",
		"yyyy-MM-dd HH:ss":               "no minute",
		"yyyy-MM-dd HH:mm.SSS":           "no second",
		"yyyy-MM-dd HH:mm b":             "unknown letter b",
		"yyyy-MM-dd'T HH:mm":             "not closed",
		"yyyy-MM-dd HH:mm]":              "] without [",
		"yyyy-MM-dd HH:mm{}":             "reserved",
		"yyyy-MM-dd HH:mm:ss.SSSSSSSSSS": "9 digits",
		"yyyy-MMMMM-dd HH":               "5 letters M",
		"yyyy-MM-ddd HH":                 "too many letters d",
		"yyyy-MM-dd HH:mm V":             "1 letters V",
		strings.Repeat("y", 40):          "too many letters y",
		strings.Repeat(" ", 300):         "longer than",
		strings.Repeat("[", 20) + "yyyy-MM-dd HH": "too many optional",
		"epoch_s": "",
	} {
		_, err := Compile(pattern)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.HasPrefix(err.Error(), "Invalid Time format string '") {
			t.Errorf("%q: %v, want %q", pattern, err, why)
		}
	}
}

// TestAgainstStandardLibrary compares with package time over random times.
func TestAgainstStandardLibrary(t *testing.T) {
	layouts := map[string]string{
		"yyyy-MM-dd'T'HH:mm:ss.SSSXXX": "2006-01-02T15:04:05.000Z07:00",
		"EEE, dd MMM yyyy HH:mm:ss Z":  "Mon, 02 Jan 2006 15:04:05 -0700",
		"yyyyMMddHHmmss":               "20060102150405",
		"d MMMM yyyy h:mm:ss a":        "2 January 2006 3:04:05 PM",
		"yyyy-DDD HH:mm:ss":            "2006-002 15:04:05",
	}
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-62_000_000_000_000, 253_402_300_799_000).Draw(t, "ms") / 1000 * 1000
		zone := time.FixedZone("", rapid.IntRange(-18*60, 18*60).Draw(t, "offset")*60)
		for pattern, layout := range layouts {
			at := time.UnixMilli(ms).UTC()
			if strings.Contains(layout, "07") {
				at = at.In(zone)
			}
			if at.Year() < 1000 || at.Year() > 9999 {
				continue
			}
			f, err := Compile(pattern)
			if err != nil {
				t.Fatal(err)
			}
			text := at.Format(layout)
			if got, ok := f.Parse([]byte(text), &Clock{}); !ok || got != ms {
				t.Fatalf("%s of %q: %d %v, want %d", pattern, text, got, ok, ms)
			}
		}
	})
}

func TestUnknownZonesAreLookedUpFewTimes(t *testing.T) {
	f, err := Compile("yyyy-MM-dd HH VV")
	if err != nil {
		t.Fatal(err)
	}
	var clock Clock
	for i := range 1000 {
		if _, ok := f.Parse(fmt.Appendf(nil, "2014-06-23 01 Zone/%d", i), &clock); ok {
			t.Fatal("an unknown zone was found")
		}
	}
	if clock.misses != maxMisses {
		t.Errorf("%d look-ups", clock.misses)
	}
}

func TestGuess(t *testing.T) {
	for text, want := range map[string]string{
		"2014-07-01 00:00:00":           "yyyy-MM-dd HH:mm:ss",
		"2014-07-01T00:00:00Z":          "yyyy-MM-dd'T'HH:mm:ssX",
		"2014-07-01T00:00:00.123+02:00": "yyyy-MM-dd'T'HH:mm:ss.SSSX",
		"10/Oct/2000:13:55:36 -0700":    "dd/MMM/yyyy:HH:mm:ss Z",
		"12/31/2014 13:00":              "M/d/yyyy HH:mm",
		"31/12/2014 13:00":              "d/M/yyyy HH:mm",
		"2014-07-01":                    "yyyy-MM-dd",
		"Jun 14 15:16:01":               "MMM d HH:mm:ss",
	} {
		f, ambiguous := Guess([]byte(text))
		if f == nil || f.Pattern() != want || ambiguous != nil {
			t.Errorf("%q: %v, want %s", text, f, want)
		}
	}
	if f, _ := Guess([]byte("server_1")); f != nil {
		t.Errorf("a name was taken for a time: %s", f.Pattern())
	}
	if _, other := Guess([]byte("1/2/2014"), []byte("3/4/2014")); other == nil {
		t.Error("day and month can be exchanged, which was not said")
	}
	if f, other := Guess([]byte("1/2/2014"), []byte("13/4/2014")); f.Pattern() != "d/M/yyyy" || other != nil {
		t.Error("a day above 12 decides")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss[.SSS][X]", "2014-06-23T01:02:03.045Z")
	f.Add("EEE MMM d h:mm a yyyy z", "Mon Jun 23 1:02 AM 2014 PST")
	f.Add("D[[[yyyyHH]]]VV", "1232014 +1")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		format, err := CompileDate(pattern)
		if err != nil {
			return
		}
		ms, ok := format.Parse([]byte(text), &Clock{Year: 2024})
		if ok && (ms < -1<<53 || ms > 1<<53) {
			t.Fatalf("%s of %q is %d", pattern, text, ms)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	f, err := Compile("yyyy-MM-dd'T'HH:mm:ssX")
	if err != nil {
		b.Fatal(err)
	}
	text, clock := []byte("2014-06-23T01:02:03Z"), Clock{}
	b.ReportAllocs()
	for b.Loop() {
		f.Parse(text, &clock)
	}
}
