package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/wire"
)

var noon = time.Date(2018, 1, 1, 12, 0, 0, 7_000_000, time.UTC)

func TestParseTime(t *testing.T) {
	for value, want := range map[string]int64{
		"now":                            noon.UnixMilli(),
		"1514804400":                     1514804400000, // ten characters: seconds
		"1514804400000":                  1514804400000,
		"15148044000":                    15148044000, // eleven: milliseconds
		"0":                              0,
		"2018":                           2018000, // a number wins over a year
		"+151480440":                     151480440000,
		"2018-01":                        1514764800000,
		"2018-01-01":                     1514764800000,
		"2018-01-01T":                    1514764800000,
		"2018-01-01T11":                  1514804400000,
		"2018-01-01T11:00":               1514804400000,
		"2018-01-01T11:00Z":              1514804400000,
		"2018-01-01T11Z":                 1514804400000,
		"2018-01-01T11:00:00":            1514804400000,
		"2018-01-01T11:00:00.5Z":         1514804400500,
		"2018-01-01T11:00:00,25Z":        1514804400250,
		"2018-01-01T11:00:00.123456789Z": 1514804400123,
		"2018-01-01T12:30:00+01:30":      1514804400000,
		"2018-01-01T12:30:00+0130":       1514804400000,
		"2018-01-01T10:00-01":            1514804400000,
		"2020-02-29":                     1582934400000,
		"8640000000000000":               wire.MaxTimeMs,
		"now-1d":                         noon.UnixMilli() - 86_400_000,
		"now-1d/d":                       1514678400000,
		"now/w+2h-30m+10s":               1514764800000 + 5_410_000,
		"now-1M/M":                       1512086400000,
		"now+1y/y":                       1546300800000,
		"now/h":                          noon.UnixMilli() - 7,
		"2018-01-01T11:00:05Z||/m":       1514804400000,
		"2018-01-31||+1d":                1517443200000,
	} {
		got, err := wire.ParseTime("start", value, noon)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", value, got, err, want)
		}
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for _, value := range []string{
		"", " ", "tomorrow", "NOW", "-1", "-62135596800000", "1969-12-31", "1969-12-31T23:59:59.999Z", "1970-01-01T00:30+01:00",
		"2018-1-1", "2018-13", "2018-00-01", "2019-02-29", "2018-01-32", "2018-01-01T24:00", "2018-01-01T11:60", "2018-01-01T11:00:60",
		"2018-01-01t11:00", "2018-01-01T11:00z", "2018-01-01 11:00", "2018-01-01T11:00:00.", "2018-01-01T11:00:00.1234567890Z",
		"2018-01-01T11:00+19:00", "2018-01-01T11:00+1", "2018-01-01T11:00+01:6", "2018-01-01T11:00+01:60", "20180101T11", "2018-", "2018-01-",
		"8640000000000001", "9223372036854775807", "9223372036854775808", "1514804400000000000", "1514804400000.5", "1e3",
		"now-", "now1d", "now-1", "now-1x", "now d", "now/2d", "now-9999999d", "now-100y", "now||+1d", "||+1d", "2018-01-01||x", "now+300000y", strings.Repeat("9", 1<<20),
	} {
		_, err := wire.ParseTime("advance_time", value, noon)
		var refusal *wire.Refusal
		if !errors.As(err, &refusal) || refusal.Status != 400 || refusal.Type != wire.TypeParse {
			t.Errorf("%.40q: error %v; want a parse_exception", value, err)
			continue
		}
		if !strings.Contains(refusal.Reason, "Query param [advance_time] with value [") || len(refusal.Reason) > 500 {
			t.Errorf("%.40q: reason %.600q", value, refusal.Reason)
		}
	}
}

// TestTimeStringRoundTrip: a small number of milliseconds must not come back
// as seconds.
func TestTimeStringRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int64{1e4, 2e10, 2e12, 253402300799999}).Draw(t, "limit")
		ms := rapid.Int64Range(0, limit).Draw(t, "ms")
		for _, s := range []string{wire.TimeString(time.UnixMilli(ms)), wire.FormatTime(ms)} {
			if got, err := wire.ParseTime("t", s, noon); err != nil || got != ms {
				t.Fatalf("%d written as %q reads back as %d, %v", ms, s, got, err)
			}
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"now", "1514804400", "2018-01-01T11:00:00.5+01:30", "-1", "2018-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ms, err := wire.ParseTime("t", s, noon)
		if err == nil && (ms < 0 || ms > wire.MaxTimeMs) {
			t.Fatalf("%q gives %d", s, ms)
		}
		if full, std := time.Parse(time.RFC3339Nano, s); std == nil && err == nil && full.UnixMilli() != ms {
			t.Fatalf("%q gives %d, time.Parse %d", s, ms, full.UnixMilli())
		}
	})
}
