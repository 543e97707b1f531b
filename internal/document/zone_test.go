package document_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
	"tidemark/internal/document"
)

func zoned(t *testing.T, zone string) *spec.Job {
	t.Helper()
	settings := ""
	if zone != "" {
		settings = `,"custom_settings":{"tidemark":{"time_zone":"` + zone + `"}}`
	}
	j, err := document.ParseJob([]byte(`{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v"}]},"data_description":{}`+settings+`}`), "j", "9.5.0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := document.SpecOf(j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// alarms counts the records of the week after a change of summer time, of work
// that keeps the hours of a place, about values that belong to another hour.
func alarms(t *testing.T, place, zone string, change time.Time) (n int) {
	location, err := time.LoadLocation(place)
	if err != nil {
		t.Fatal(err)
	}
	s := zoned(t, zone)
	b := record.NewBuilder(1, 0)
	rng := rand.New(rand.NewPCG(1, 1))
	for at := change.AddDate(0, 0, -42); at.Before(change.AddDate(0, 0, 7)); at = at.Add(time.Hour) {
		level := 10.0
		if hour := at.In(location).Hour(); hour >= 9 && hour < 17 {
			level = 100
		}
		b.Number(0, level+rng.NormFloat64())
		b.End(at.UnixMilli())
	}
	e := engine.New(engine.Options{})
	emit := func(b *result.Bucket) {
		for _, r := range b.Records {
			if b.StartMs >= change.UnixMilli() && math.Abs(r.Actual-r.Typical) > 45 {
				n++
			}
		}
	}
	for _, step := range []*entry.Entry{{Kind: entry.Open, Config: s}, {Kind: entry.Data, Batch: b.Take()}} {
		if _, err := e.Apply(step, emit); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestSummerTime: both changes, in the north and in the south.
func TestSummerTime(t *testing.T) {
	for _, c := range []struct {
		zone   string
		change time.Time
	}{
		{"Europe/Berlin", time.Date(2025, 3, 30, 1, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", time.Date(2025, 10, 26, 1, 0, 0, 0, time.UTC)},
		{"Australia/Sydney", time.Date(2025, 4, 5, 16, 0, 0, 0, time.UTC)},
		{"Australia/Sydney", time.Date(2025, 10, 4, 16, 0, 0, 0, time.UTC)},
	} {
		with, without := alarms(t, c.zone, c.zone, c.change), alarms(t, c.zone, "", c.change)
		if with > 0 || without == 0 {
			t.Errorf("%s, %s: %d records with the zone, %d without", c.zone, c.change.Format(time.DateOnly), with, without)
		}
	}
}

func TestZone(t *testing.T) {
	z := zoned(t, "Europe/Berlin").Zone
	for at, hours := range map[time.Time]int64{
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC):    1,
		time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC): 1,
		time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC):   2,
		time.Date(2099, 7, 1, 0, 0, 0, 0, time.UTC):    2,
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC):    1,
	} {
		if got := z.At(at.UnixMilli()); got != hours*3_600_000 {
			t.Errorf("%s: %d ms ahead, want %d h", at, got, hours)
		}
	}
	if z := zoned(t, "").Zone; z != nil || z.At(1e12) != 0 {
		t.Errorf("without a zone: %v", z)
	}
}
