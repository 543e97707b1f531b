package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// row is an input record by field names. Numbers are float64, texts strings.
type row map[string]any

// world runs a job of hourly buckets over generated rows, one bucket after the
// other.
type world struct {
	t       testing.TB
	e       *Engine
	job     *spec.Job
	rng     *rand.Rand
	records map[int][]result.Record // by bucket
	plots   func(*result.Bucket)    // sees each bucket, unless nil
	hour    int
}

const monday = 1_767_571_200_000 // 2026-01-05 00:00 UTC

func newWorld(t testing.TB, d spec.Detector, influencers ...string) *world {
	w := &world{t: t, e: New(Options{}), rng: rand.New(rand.NewPCG(1, 2)), records: map[int][]result.Record{},
		job: &spec.Job{BucketSpanMs: 3_600_000, Detectors: []spec.Detector{d}, Influencers: influencers}}
	w.apply(&entry.Entry{Kind: entry.Open, Config: w.job})
	return w
}

func (w *world) apply(en *entry.Entry) {
	w.t.Helper()
	if _, err := w.e.Apply(en, func(b *result.Bucket) {
		w.records[int((b.StartMs-monday)/3_600_000)] = b.Records
		if w.plots != nil {
			w.plots(b)
		}
	}); err != nil {
		w.t.Fatal(err)
	}
}

// hours generates rows for n buckets; rows get times spread over the bucket
// unless they have "at", minutes after its start.
func (w *world) hours(n int, make func(hour int) []row) {
	w.t.Helper()
	for range n {
		w.send(make(w.hour))
		w.hour++
	}
	w.apply(&entry.Entry{Kind: entry.Advance, TimeMs: monday + int64(w.hour)*3_600_000})
}

// send applies rows of the hour.
func (w *world) send(rows []row) {
	w.t.Helper()
	numbers, texts := w.job.Columns()
	b := record.NewBuilder(len(numbers), len(texts))
	for i, r := range rows {
		for c, name := range numbers {
			if v, ok := r[name].(float64); ok {
				b.Number(c, v)
			}
		}
		for c, name := range texts {
			if v, ok := r[name].(string); ok {
				b.Text(c, []byte(v))
			}
		}
		minute := float64(i) * 60 / float64(len(rows))
		if at, ok := r["at"].(float64); ok {
			minute = at
		}
		b.End(monday + int64(w.hour)*3_600_000 + int64(minute*60_000))
	}
	w.apply(&entry.Entry{Kind: entry.Data, Batch: b.Take()})
}

// top is the highest record of a range of buckets.
func (w *world) top(from, to int) (top result.Record) {
	for h := from; h < to; h++ {
		for _, r := range w.records[h] {
			if r.Score > top.Score {
				top = r
			}
		}
	}
	return top
}

// above counts records at or above a score.
func (w *world) above(from, to int, score float64) (n int) {
	for h := from; h < to; h++ {
		for _, r := range w.records[h] {
			if r.Score >= score {
				n++
			}
		}
	}
	return n
}

func (w *world) quiet(from, to int, score float64, most int) {
	w.t.Helper()
	if n := w.above(from, to, score); n > most {
		w.t.Errorf("%d records of score %v and more from hour %d to %d, at most %d expected; the highest is %+v", n, score, from, to, most, w.top(from, to))
	}
}

func (w *world) found(hour int, score float64) result.Record {
	w.t.Helper()
	r := w.top(hour, hour+1)
	if r.Score < score {
		w.t.Errorf("hour %d scores %v, at least %v expected: %+v", hour, r.Score, score, r)
	}
	return r
}

func det(fn spec.Function, field, by, over string) spec.Detector {
	return spec.Detector{Function: fn, FieldName: field, ByField: by, OverField: over}
}

// TestDistinctCount: traffic that brings its share of values is no anomaly, the
// same traffic with many more values is.
func TestDistinctCount(t *testing.T) {
	w := newWorld(t, det(spec.DistinctCount, "user", "", ""))
	visits := func(n, users int) []row {
		var rows []row
		for range n {
			rows = append(rows, row{"user": fmt.Sprint("u", w.rng.IntN(users))})
		}
		return rows
	}
	w.hours(400, func(int) []row { return visits(50+w.rng.IntN(400), 5000) })
	w.hours(1, func(int) []row { return visits(900, 5000) })
	w.hours(50, func(int) []row { return visits(50+w.rng.IntN(400), 5000) })
	w.quiet(100, 451, 25, 3)
	w.hours(1, func(int) []row { return visits(400, 40) })
	w.found(451, 50)
}

// TestDistinctCountSketch: far more values than are kept exactly.
func TestDistinctCountSketch(t *testing.T) {
	w := newWorld(t, det("high_distinct_count", "user", "", ""))
	w.hours(200, func(int) []row {
		var rows []row
		for range 3000 {
			rows = append(rows, row{"user": fmt.Sprint(w.rng.IntN(1 << 30))})
		}
		return rows
	})
	w.quiet(30, 200, 50, 1)
	w.hours(1, func(int) []row {
		var rows []row
		for i := range 3000 {
			rows = append(rows, row{"user": fmt.Sprint(i % 1500)})
		}
		return rows
	})
	w.quiet(200, 201, 25, 0) // Fewer is no anomaly of the high side.
}

// TestMedian: one wild value moves a mean, not a median; half of the values move
// it.
func TestMedian(t *testing.T) {
	w := newWorld(t, det(spec.Median, "v", "", ""))
	hour := func(n int, wild int, at float64) []row {
		var rows []row
		for i := range n {
			v := 100 + 5*w.rng.NormFloat64()
			if i < wild {
				v = at
			}
			rows = append(rows, row{"v": v})
		}
		return rows
	}
	w.hours(300, func(int) []row { return hour(20+w.rng.IntN(20), 0, 0) })
	w.hours(1, func(int) []row { return hour(31, 3, 1e6) })
	w.quiet(100, 301, 50, 1)
	w.hours(1, func(int) []row { return hour(31, 25, 300) })
	if r := w.found(302-1, 75); math.Abs(r.Actual-300) > 1 {
		t.Errorf("actual is %v, want 300", r.Actual)
	}
}

// TestVarp: two records say little about a variance, a hundred much.
func TestVarp(t *testing.T) {
	w := newWorld(t, det(spec.Varp, "v", "", ""))
	hour := func(n int, sigma float64) []row {
		var rows []row
		for range n {
			rows = append(rows, row{"v": 1000 + sigma*w.rng.NormFloat64()})
		}
		return rows
	}
	w.hours(500, func(h int) []row { return hour([]int{2, 3, 30, 100}[w.rng.IntN(4)], 5) })
	w.quiet(100, 500, 50, 2)
	w.hours(1, func(int) []row { return hour(100, 25) })
	w.found(500, 50)
	w.hours(20, func(int) []row { return hour(100, 5) })
	w.hours(1, func(int) []row { return hour(1, 0) })
	w.quiet(521, 522, 1, 0) // One record has no variance.
	w.hours(1, func(int) []row { return hour(100, 0.4) })
	w.found(522, 50)
}

// TestInfoContent: names that carry data are found among as many ordinary ones.
func TestInfoContent(t *testing.T) {
	w := newWorld(t, det("high_info_content", "name", "", ""))
	words := []string{"mail", "www", "api", "cdn", "static", "img", "login", "shop"}
	ordinary := func(n int) []row {
		var rows []row
		for range n {
			rows = append(rows, row{"name": fmt.Sprintf("%s%d.example.com", words[w.rng.IntN(len(words))], w.rng.IntN(8))})
		}
		return rows
	}
	w.hours(300, func(int) []row { return ordinary(60 + w.rng.IntN(80)) })
	w.quiet(100, 300, 50, 1)
	w.hours(1, func(int) []row {
		rows := ordinary(80)
		for i := range 30 {
			raw := make([]byte, 40)
			for j := range raw {
				raw[j] = "abcdefghijklmnopqrstuvwxyz234567"[w.rng.IntN(32)]
			}
			rows[i]["name"] = string(raw) + ".example.com"
		}
		return rows
	})
	w.found(300, 50)
}

// TestRare: identifiers that never repeat alarm nobody; one new value among
// stable ones does, and one that was long gone is rare again.
func TestRare(t *testing.T) {
	w := newWorld(t, det(spec.Rare, "", "process", ""), "host")
	w.hours(24*20, func(int) []row { return []row{{"process": fmt.Sprint(w.rng.Uint64())}, {"process": "init"}} })
	w.quiet(0, 480, 5, 0)

	w = newWorld(t, det(spec.Rare, "", "process", ""), "host")
	stable := func(int) []row {
		var rows []row
		for i := range 20 {
			if w.rng.IntN(4) > 0 {
				rows = append(rows, row{"process": fmt.Sprint("p", i), "host": "h1"})
			}
		}
		return rows
	}
	w.hours(24*45, func(h int) []row { return append(stable(h), row{"process": "old", "host": "h1"}) })
	w.quiet(60, 24*45, 25, 0)
	w.hours(1, func(h int) []row { return append(stable(h), row{"process": "intruder", "host": "h2"}) })
	r := w.found(24*45, 55)
	if r.By != "intruder" || !r.Explanation.FirstOccurrence || len(r.Influencers) != 1 || r.Influencers[0].Values[0] != "h2" {
		t.Errorf("the record is %+v", r)
	}
	w.hours(24*120, stable)
	w.hours(1, func(h int) []row { return append(stable(h), row{"process": "old", "host": "h1"}) })
	w.found(1+24*(45+120), 25)
}

// TestRareOver: what one member does that nobody else does, however often it did
// it before.
func TestRareOver(t *testing.T) {
	w := newWorld(t, det(spec.Rare, "", "port", "client"))
	usual := func(int) []row {
		var rows []row
		for c := range 30 {
			for range 3 {
				rows = append(rows, row{"client": fmt.Sprint("c", c), "port": fmt.Sprint([]int{80, 443, 53}[w.rng.IntN(3)])})
			}
		}
		return rows
	}
	w.hours(24*40, usual)
	w.quiet(30, 24*40, 25, 0)
	w.hours(1, func(h int) []row { return append(usual(h), row{"client": "c3", "port": "6667"}) })
	if r := w.found(24*40, 25); r.Over != "c3" || len(r.Causes) != 1 || r.Causes[0].By != "6667" {
		t.Errorf("the record is %+v", r)
	}
}

// TestFreqRare: a member that turns to rare values again and again stands out
// more than one that does once.
func TestFreqRare(t *testing.T) {
	w := newWorld(t, det(spec.FreqRare, "", "uri", "client"))
	usual := func(int) []row {
		var rows []row
		for c := range 20 {
			for range 10 {
				uri := fmt.Sprint("/", w.rng.IntN(10))
				if w.rng.IntN(100) == 0 {
					uri = fmt.Sprint("/rare", w.rng.IntN(1000))
				}
				rows = append(rows, row{"client": fmt.Sprint("c", c), "uri": uri})
			}
		}
		return rows
	}
	w.hours(24*7, usual)
	w.quiet(48, 168, 50, 1)
	w.hours(1, func(h int) []row {
		rows := usual(h)
		for i := range 10 {
			rows = append(rows, row{"client": "c5", "uri": fmt.Sprint("/probe", i%2)})
		}
		return rows
	})
	if r := w.found(168, 50); r.Over != "c5" {
		t.Errorf("the record is %+v", r)
	}
	// Many rare values, each once, count together.
	w = newWorld(t, det(spec.FreqRare, "", "uri", "client"))
	stable := func(int) []row {
		var rows []row
		for c := range 20 {
			for u := range 4 {
				rows = append(rows, row{"client": fmt.Sprint("c", c), "uri": fmt.Sprint("/", u)})
			}
		}
		return rows
	}
	w.hours(168, stable)
	w.quiet(0, 168, 25, 0)
	w.hours(1, func(h int) []row {
		rows := stable(h)
		for i := range 12 {
			rows = append(rows, row{"client": "c7", "uri": fmt.Sprint("/scan", i)})
		}
		return rows
	})
	if r := w.found(168, 75); r.Over != "c7" || len(r.Causes) < 10 {
		t.Errorf("the record of many values is %+v", r)
	}
}

// TestTimeOfDay: habits around midnight are one habit, and what comes at an hour
// at which nothing ever does is found.
func TestTimeOfDay(t *testing.T) {
	w := newWorld(t, det(spec.TimeOfDay, "", "user", ""))
	night := func(h int) []row {
		if day := h % 24; day != 23 && day != 0 {
			return nil
		}
		return []row{{"user": "bob", "at": float64(w.rng.IntN(60))}, {"user": "bob", "at": float64(w.rng.IntN(60))}}
	}
	w.hours(24*28, night)
	w.quiet(0, 24*28, 25, 0)
	w.hours(13, night)
	w.hours(1, func(int) []row { return []row{{"user": "bob"}} })
	r := w.found(24*28+13, 25)
	if r.Typical > 7200 && r.Typical < 86400-7200 || math.Abs(r.Actual-13*3600) > 3600 {
		t.Errorf("typical is %v and actual %v seconds after midnight", r.Typical, r.Actual)
	}
}

// TestTimeOfWeek: work on weekdays; the same hour on a Sunday is found.
func TestTimeOfWeek(t *testing.T) {
	w := newWorld(t, det(spec.TimeOfWeek, "", "", ""))
	work := func(h int) []row {
		if day := h / 24 % 7; day > 4 || h%24 < 9 || h%24 > 16 {
			return nil
		}
		return []row{{}, {}, {}}
	}
	w.hours(24*7*8, work)
	w.quiet(0, 24*7*8, 25, 0)
	w.hours(24*6+11, work)
	w.hours(1, func(int) []row { return []row{{}} })
	w.found(24*7*8+24*6+11, 25)
}

// TestLatLong: two offices are both usual, the point between them is not, and
// the date line is no distance.
func TestLatLong(t *testing.T) {
	w := newWorld(t, det(spec.LatLong, "at", "user", ""))
	w.hours(24*14, func(int) []row {
		lat, lon := 52.5, 13.4
		if w.rng.IntN(3) == 0 {
			lat, lon = -17.8, 179.99+0.02*w.rng.Float64()
			if lon > 180 {
				lon -= 360
			}
		}
		return []row{{"user": "eve", "at": fmt.Sprintf("%f, %f", lat+0.01*w.rng.NormFloat64(), lon)}}
	})
	w.quiet(0, 24*14, 25, 0)
	w.hours(1, func(int) []row { return []row{{"user": "eve", "at": "40.7,-74.0"}, {"user": "eve", "at": "nowhere"}} })
	r := w.found(24*14, 25)
	if !r.HasPlace || math.Abs(r.ActualPlace.Lat-40.7) > 1e-9 || math.Abs(r.TypicalPlace.Lat-52.5) > 1 {
		t.Errorf("the record is %+v", r)
	}
}

// TestPopulation: a member unlike its peers is found, one giant does not hide it,
// and the whole population moving is nobody's anomaly.
func TestPopulation(t *testing.T) {
	w := newWorld(t, det("high_sum", "bytes", "", "client"))
	crowd := func(h int) []row {
		level := 100 * (1.5 + math.Sin(float64(h)*math.Pi/12))
		rows := []row{{"client": "giant", "bytes": 1e7 * (1 + w.rng.Float64())}}
		for c := range 40 {
			if w.rng.IntN(3) > 0 {
				rows = append(rows, row{"client": fmt.Sprint("c", c), "bytes": level * math.Exp(0.5*w.rng.NormFloat64())})
			}
		}
		return rows
	}
	w.hours(24*10, crowd)
	others := 0
	for h := 48; h < 240; h++ {
		for _, r := range w.records[h] {
			if r.Over != "giant" && r.Score >= 50 {
				others++
			}
		}
	}
	if others > 2 {
		t.Errorf("%d records of ordinary members", others)
	}
	w.hours(1, func(h int) []row { return append(crowd(h), row{"client": "thief", "bytes": 50_000.0}) })
	hit := false
	for _, r := range w.records[240] {
		if r.Over == "thief" && r.Score >= 25 && len(r.Causes) == 1 && r.Actual == 50_000 {
			hit = true
		}
	}
	if !hit {
		t.Errorf("the thief is not found: %+v", w.records[240])
	}
}

// TestSmallPopulation: among three there is no usual.
func TestSmallPopulation(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "", "client"))
	w.hours(240, func(int) []row {
		rows := []row{{"client": "a"}, {"client": "b"}}
		for range 100 {
			rows = append(rows, row{"client": "c"})
		}
		return rows
	})
	w.quiet(0, 240, 1, 0)
}

// TestMetric: each of mean, minimum and maximum is found, as one record.
func TestMetric(t *testing.T) {
	w := newWorld(t, det(spec.Metric, "v", "", ""))
	hour := func(extra ...float64) []row {
		var rows []row
		for range 30 {
			rows = append(rows, row{"v": 100 + 5*w.rng.NormFloat64()})
		}
		for _, v := range extra {
			rows = append(rows, row{"v": v})
		}
		return rows
	}
	w.hours(400, func(int) []row { return hour() })
	w.quiet(100, 400, 50, 1)
	w.hours(1, func(int) []row { return hour(200) })
	w.found(400, 50)
	w.hours(30, func(int) []row { return hour() })
	w.hours(1, func(int) []row { return hour(0) })
	w.found(431, 50)
	if n := len(w.records[431]); n != 1 {
		t.Errorf("%d records of one detector and series: %+v", n, w.records[431])
	}
}

// TestMaxGrowsWithRecords: ten times the records make a higher maximum usual.
func TestMaxGrowsWithRecords(t *testing.T) {
	w := newWorld(t, det(spec.Max, "v", "", ""))
	hour := func(n int) []row {
		var rows []row
		for range n {
			rows = append(rows, row{"v": 100 + 10*w.rng.ExpFloat64()})
		}
		return rows
	}
	w.hours(500, func(int) []row { return hour([]int{5, 50, 500}[w.rng.IntN(3)]) })
	w.quiet(100, 500, 50, 2)
}

// TestExcludeFrequent: who is there all the time is let be.
func TestExcludeFrequent(t *testing.T) {
	for _, exclude := range []string{"", "over"} {
		d := det(spec.Count, "", "", "client")
		d.ExcludeFrequent = exclude
		w := newWorld(t, d)
		crowd := func(int) []row {
			var rows []row
			for c := range 40 {
				if w.rng.IntN(30) == 0 {
					rows = append(rows, row{"client": fmt.Sprint("c", c, w.hour)})
				}
			}
			for c := range 12 {
				rows = append(rows, row{"client": fmt.Sprint("once", w.hour, c)})
			}
			return append(rows, row{"client": "always"})
		}
		w.hours(100, crowd)
		w.hours(1, func(h int) []row {
			rows := crowd(h)
			for range 300 {
				rows = append(rows, row{"client": "always"})
			}
			return rows
		})
		if got := w.top(100, 101).Score > 0; got == (exclude != "") {
			t.Errorf("exclude_frequent %q: the record is %+v", exclude, w.top(100, 101))
		}
	}
	// So are values that have models of their own, and those only.
	for _, exclude := range []string{"", "by"} {
		d := det(spec.Count, "", "host", "")
		d.ExcludeFrequent = exclude
		w := newWorld(t, d)
		hosts := func(n int) func(int) []row {
			return func(h int) []row {
				rows := make([]row, 0, n+2)
				for range n {
					rows = append(rows, row{"host": "always"})
				}
				return append(rows, row{"host": fmt.Sprint("seldom", h%30)}, row{"host": fmt.Sprint("seldom", h%30)})
			}
		}
		w.hours(200, hosts(50))
		w.hours(1, hosts(500))
		if got := w.top(200, 201); (got.By == "always" && got.Score > 50) != (exclude == "") {
			t.Errorf("exclude_frequent %q: the record is %+v", exclude, got)
		}
		w.hours(1, func(h int) []row {
			rows := hosts(50)(h)
			for range 100 {
				rows = append(rows, row{"host": "seldom7"})
			}
			return rows
		})
		if got := w.found(201, 50); exclude != "" && got.By != "seldom7" {
			t.Errorf("exclude_frequent %q: the record of the seldom one is %+v", exclude, got)
		}
	}
}

// TestRules: a value that a rule skips makes no record, and what it keeps from
// being learned stays unusual.
func TestRules(t *testing.T) {
	when := func(c ...spec.Condition) []spec.Condition { return c }
	run := func(rules ...spec.Rule) *world {
		d := det(spec.Mean, "v", "", "")
		d.Rules = rules
		w := newWorld(t, d)
		w.hours(200, func(int) []row { return []row{{"v": 100 + w.rng.NormFloat64()}} })
		w.hours(30, func(int) []row { return []row{{"v": 150 + w.rng.NormFloat64()}} })
		return w
	}
	high := when(spec.Condition{AppliesTo: spec.OfActual, Operator: "gte", Value: 140})
	if w := run(spec.Rule{SkipResult: true, Conditions: high}); w.above(200, 230, 0) != 0 {
		t.Errorf("skipped values have records: %+v", w.top(200, 230))
	}
	if w := run(spec.Rule{SkipUpdate: true, Conditions: high}); w.above(225, 230, 50) != 5 {
		t.Errorf("what is not learned became usual: %d of 5 records", w.above(225, 230, 50))
	}
	if w := run(); w.above(225, 230, 50) != 0 || w.above(200, 230, 50) == 0 {
		t.Errorf("without a rule the shift is not learned, or not found")
	}
	other := when(spec.Condition{AppliesTo: spec.OfDiffFromTypical, Operator: "lt", Value: 10})
	if w := run(spec.Rule{SkipResult: true, Conditions: other}); w.above(200, 230, 50) == 0 {
		t.Error("a rule that does not apply skips")
	}
	early := when(spec.Condition{AppliesTo: spec.OfTime, Operator: "lt", Value: monday/1000 + 200*3600 + 1800})
	if w := run(spec.Rule{SkipResult: true, Conditions: early}); w.above(200, 201, 0) != 0 || w.above(201, 230, 25) == 0 {
		t.Error("a rule for a time does not end with it")
	}
}

// TestRuleScope: a rule for some values of a split leaves the others alone.
func TestRuleScope(t *testing.T) {
	for _, exclude := range []bool{false, true} {
		d := det(spec.Mean, "v", "host", "")
		d.Rules = []spec.Rule{{SkipResult: true, Scope: []spec.Scope{{Split: "by", FilterID: "f", Items: []string{"web*", "db"}, Exclude: exclude}}}}
		w := newWorld(t, d)
		for _, level := range []struct {
			hours int
			at    float64
		}{{100, 10}, {1, 60}} {
			w.hours(level.hours, func(int) []row {
				var rows []row
				for _, h := range []string{"web1", "db", "db2"} {
					rows = append(rows, row{"host": h, "v": level.at + w.rng.NormFloat64()})
				}
				return rows
			})
		}
		got := map[string]bool{}
		for _, r := range w.records[100] {
			got[r.By] = true
		}
		if want := map[string]bool{"web1": exclude, "db": exclude, "db2": !exclude}; got["web1"] != want["web1"] || got["db"] != want["db"] || got["db2"] != want["db2"] {
			t.Errorf("exclude %v: records of %v", exclude, got)
		}
	}
}

// TestTimeShift: the clocks go forward and a rule says so once.
func TestTimeShift(t *testing.T) {
	day := func(h int) float64 { return 100 * float64(min(h%24, 1)) } // A job at midnight.
	run := func(rules ...spec.Rule) *world {
		d := det(spec.Mean, "v", "", "")
		d.Rules = rules
		w := newWorld(t, d)
		w.hours(24*21, func(h int) []row { return []row{{"v": day(h) + w.rng.NormFloat64()}} })
		w.hours(24*5, func(h int) []row { return []row{{"v": day(h+3) + w.rng.NormFloat64()}} })
		return w
	}
	from := spec.Condition{AppliesTo: spec.OfTime, Operator: "gte", Value: monday/1000 + 24*21*3600}
	with := run(spec.Rule{ShiftSeconds: 3 * 3600, Conditions: []spec.Condition{from}})
	without := run()
	if a, b := with.above(24*21, 24*26, 25), without.above(24*21, 24*26, 25); a > 0 || b == 0 {
		t.Errorf("%d records with the shift told, %d without: %+v", a, b, without.top(24*21, 24*26))
	}
}

// TestEventShift: an event that shifts time does so once, also where it is told
// late, twice or is in force while the state is stored; interim results see it and
// change nothing.
func TestEventShift(t *testing.T) {
	day := func(h int) float64 { return 100 * float64(min(h%24, 1)) }
	const change = 24 * 21
	at := func(h int) int64 { return monday + int64(h)*3_600_000 }
	shift := spec.Event{StartMs: at(change), EndMs: at(change + 30), Description: "clocks change", ShiftSeconds: 3 * 3600}
	run := func(tell int, events ...spec.Event) *world {
		w := newWorld(t, det(spec.Mean, "v", "", ""))
		for h := range change + 5*24 {
			if h == tell {
				w.job.Events = events
				w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
			}
			if h == change+2 {
				before := w.e.Hash()
				w.e.Interim(0, 0, false, func(*result.Bucket) {})
				if w.e.Hash() != before {
					t.Error("interim results have moved the clocks")
				}
				var stored bytes.Buffer
				if _, err := w.e.Freeze().WriteTo(&stored); err != nil {
					t.Fatal(err)
				}
				var err error
				if w.e, err = Restore(&stored, Options{}); err != nil {
					t.Fatal(err)
				}
			}
			late := 0
			if h >= change {
				late = 3
			}
			w.hours(1, func(h int) []row { return []row{{"v": day(h+late) + w.rng.NormFloat64()}} })
		}
		return w
	}
	one := run(10, shift)
	if n := one.above(change, change+5*24, 25); n > 0 {
		t.Errorf("%d records with the shift told", n)
	}
	if n := run(10).above(change, change+5*24, 25); n == 0 {
		t.Error("no record without it: the test shows nothing")
	}
	twice := run(10, shift, shift)
	if twice.e.Hash() == one.e.Hash() {
		t.Error("the configurations do not differ")
	}
	if n := twice.above(change, change+5*24, 25); n > 0 {
		t.Errorf("%d records where two calendars have the event", n)
	}
	if n := run(change+12, shift).above(change+24, change+5*24, 25); n > 0 {
		t.Errorf("%d records from the next day on where the event was told late", n)
	}
}

// TestEvents: what is expected makes no records and is not learned; the buckets
// say what it was, also those without records.
func TestEvents(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "", ""))
	w.job.Events = []spec.Event{
		{StartMs: monday + 200*3_600_000 + 1, EndMs: monday + 205*3_600_000, Description: "sale", SkipResult: true, SkipUpdate: true},
		{StartMs: monday + 206*3_600_000, EndMs: monday + 206*3_600_000 + 1, Description: "told", SkipUpdate: true},
		{StartMs: monday + 5000*3_600_000, EndMs: monday + 5002*3_600_000, Description: "far", SkipResult: true},
	}
	w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
	told := map[int][]string{}
	collect := func(b *result.Bucket) {
		for i := range b.Run {
			told[int((b.StartMs-monday)/3_600_000+i)] = b.ScheduledEvents
		}
		w.records[int((b.StartMs-monday)/3_600_000)] = b.Records
		if w.plots != nil {
			w.plots(b)
		}
	}
	hour := func(n int) func(int) []row {
		return func(int) []row { return make([]row, n+w.rng.IntN(5)) }
	}
	w.hours(200, hour(50))
	w.hours(5, hour(900))
	w.quiet(200, 205, 0, 0)
	w.hours(1, hour(50))
	w.hours(1, hour(900))
	w.found(206, 50)
	w.hours(20, hour(50))
	w.quiet(207, 227, 25, 0)
	if _, err := w.e.Apply(&entry.Entry{Kind: entry.Advance, TimeMs: monday + 6000*3_600_000}, collect); err != nil {
		t.Fatal(err)
	}
	if len(told[5000]) != 1 || told[5001][0] != "far" || told[4999] != nil || told[5002] != nil || len(told) < 5000 {
		t.Errorf("the far event is told in %v, %v, %v, %v", told[4999], told[5000], told[5001], told[5002])
	}
}

// TestMemoryOfPopulations: at the limit members and rare values give way, never
// what judges those that stay.
func TestMemoryOfPopulations(t *testing.T) {
	for _, d := range []spec.Detector{det(spec.Count, "", "", "client"), det(spec.Count, "", "port", "client"), det(spec.Rare, "", "port", "client"), det(spec.Rare, "", "client", "")} {
		w := newWorld(t, d)
		w.job.ModelMemoryLimit = 300_000
		w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
		next := 0
		w.hours(60, func(h int) []row {
			var rows []row
			for range 400 {
				next++
				rows = append(rows, row{"client": fmt.Sprint("c", next-w.rng.IntN(min(next, 3000))), "port": fmt.Sprint(h % (3 + w.rng.IntN(3)))})
			}
			return rows
		})
		var snapshot bytes.Buffer
		if _, err := w.e.Freeze().WriteTo(&snapshot); err != nil {
			t.Fatal(err)
		}
		again, err := Restore(&snapshot, Options{})
		if err != nil {
			t.Fatalf("%s: %v", d.Function, err)
		}
		if again.Hash() != w.e.Hash() {
			t.Errorf("%s: the state changes by being stored", d.Function)
		}
		if m := w.e.ModelSize(); m.Evicted == 0 || m.Bytes > 2*w.job.ModelMemoryLimit {
			t.Errorf("%s: %d bytes of %d, %d evicted", d.Function, m.Bytes, w.job.ModelMemoryLimit, m.Evicted)
		}
	}
}

// TestRoomKeepsWhatJudges: a member whose attribute is the oldest of all comes
// when there is no room left.
func TestRoomKeepsWhatJudges(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "port", "client"))
	w.job.ModelMemoryLimit = 200_000
	w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
	w.hours(1, func(int) []row { return []row{{"port": "old", "client": "c"}} })
	w.hours(1, func(int) []row { return []row{{"port": "new", "client": "first"}} })
	full := func() bool { return w.e.bytes()+seriesBytes+coreBytes+w.e.openEstimate() > w.job.ModelMemoryLimit }
	for n := 0; !full(); n++ {
		w.hour = 2
		b := record.NewBuilder(0, 2)
		b.Text(0, []byte("new"))
		b.Text(1, []byte(fmt.Sprint("client", n)))
		b.End(monday + 2*3_600_000 + int64(n))
		w.apply(&entry.Entry{Kind: entry.Data, Batch: b.Take()})
	}
	w.hour = 3
	w.hours(1, func(int) []row { return []row{{"port": "old", "client": "late"}} })
	if w.e.memory.evicted == 0 {
		t.Fatal("nothing had to give way")
	}
	var snapshot bytes.Buffer
	if _, err := w.e.Freeze().WriteTo(&snapshot); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(&snapshot, Options{}); err != nil {
		t.Error(err)
	}
}

// TestSeveralBuckets: a mild excursion that lasts is told by several buckets
// together, and the record says so; a spike is one bucket's.
func TestSeveralBuckets(t *testing.T) {
	w := newWorld(t, det(spec.Mean, "v", "", ""))
	hour := func(level float64) func(int) []row {
		return func(int) []row { return []row{{"v": level + w.rng.NormFloat64()}} }
	}
	w.hours(600, hour(100))
	w.hours(1, hour(130))
	if r := w.found(600, 50); r.MultiBucketImpact > 0 || r.Explanation.Length != 1 {
		t.Errorf("a spike has a multi-bucket impact of %v and a length of %d", r.MultiBucketImpact, r.Explanation.Length)
	}
	w.hours(12, hour(100))
	w.quiet(601, 613, 25, 0)
	w.hours(300, hour(100))
	w.hours(48, hour(102.2))
	told := false
	for h := 913; h < 961; h++ {
		for _, r := range w.records[h] {
			told = told || r.MultiBucketImpact > 0 && r.Explanation.MultiBucketImpact >= r.Explanation.SingleBucketImpact
		}
	}
	if !told {
		t.Errorf("no record of a mild excursion rests on several buckets; the highest is %+v", w.top(913, 961))
	}
}

// TestHugeValues: what overflows spoils no population, and no other model.
func TestHugeValues(t *testing.T) {
	for _, fn := range []spec.Function{spec.Sum, spec.Mean, spec.Varp, spec.Median, spec.Metric} {
		for _, over := range []string{"", "client"} {
			w := newWorld(t, det(fn, "v", "", over))
			hour := func(huge bool) func(int) []row {
				return func(int) []row {
					var rows []row
					for c := range 60 {
						v := 100 + w.rng.NormFloat64()
						if huge && c%12 == 0 {
							v = math.Copysign(math.MaxFloat64, float64(c/12%2)-0.5)
						}
						rows = append(rows, row{"client": fmt.Sprint("c", c%12), "v": v})
					}
					return rows
				}
			}
			w.hours(60, hour(false))
			w.hours(3, hour(true))
			w.hours(60, hour(false))
			for h, records := range w.records {
				for _, r := range records {
					if !(r.LogProb <= 0) || !(r.Score >= 0 && r.Score <= 100) {
						t.Fatalf("%s over %q, hour %d: %+v", fn, over, h, r)
					}
				}
			}
			w.hours(1, func(h int) []row {
				rows := hour(false)(h)
				for i := range rows {
					if rows[i]["client"] == "c5" || fn == spec.Median && over == "" {
						rows[i]["v"] = 1e9 * (1 + w.rng.Float64())
					}
				}
				return rows
			})
			if w.top(123, 124).Score < 5 {
				t.Errorf("%s over %q sees nothing any more: %+v", fn, over, w.top(123, 124))
			}
		}
	}
}
