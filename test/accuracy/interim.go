package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Filling is a way in which the records of a bucket come: how many there are and
// when, as parts of the bucket from 0 to 1.
type Filling struct {
	Name string
	// Mean is the usual number of records, with a daily wave of half of it.
	Mean float64
	// Times are the moments of n records, or of as many as there always are.
	Times func(rng *rand.Rand, n int) []float64
}

func times(n int, at func() float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = at()
	}
	return list
}

// Fillings are the kinds that docs/accuracy.md reports.
var Fillings = []Filling{
	{"even", 60, func(rng *rand.Rand, n int) []float64 { return times(n, rng.Float64) }},
	{"first minutes", 60, func(rng *rand.Rand, n int) []float64 {
		return times(n, func() float64 {
			if rng.IntN(5) > 0 {
				return 0.15 * rng.Float64()
			}
			return rng.Float64()
		})
	}},
	{"last minutes", 60, func(rng *rand.Rand, n int) []float64 {
		return times(n, func() float64 {
			if rng.IntN(5) > 0 {
				return 1 - 0.15*rng.Float64()
			}
			return rng.Float64()
		})
	}},
	{"one burst at any time", 60, func(rng *rand.Rand, n int) []float64 {
		from := 0.95 * rng.Float64()
		return times(n, func() float64 { return from + 0.05*rng.Float64() })
	}},
	{"five bursts at any time", 60, func(rng *rand.Rand, n int) []float64 {
		from := times(5, func() float64 { return 0.98 * rng.Float64() })
		return times(n, func() float64 { return from[rng.IntN(5)] + 0.02*rng.Float64() })
	}},
	{"a batch at the end", 60, func(rng *rand.Rand, n int) []float64 {
		return times(n, func() float64 { return 0.98 + 0.019*rng.Float64() })
	}},
	{"a batch at the start", 60, func(rng *rand.Rand, n int) []float64 {
		return times(n, func() float64 { return 0.02 * rng.Float64() })
	}},
	{"always as many", 60, func(rng *rand.Rand, _ int) []float64 {
		at := times(60, rng.Float64)
		for i := range at {
			at[i] = (float64(i) + at[i]) / 60
		}
		return at
	}},
	{"sparse", 1.5, func(rng *rand.Rand, n int) []float64 { return times(n, rng.Float64) }},
}

// Moments are the parts of a bucket at which interim results are compared with
// the final one.
var Moments = [...]float64{0.25, 0.5, 0.75}

// Interim is how far interim scores are from the final ones, in mean over all
// buckets, and how many alarms of 25 and more a thousand buckets have that the
// final score does not confirm, at each of the Moments.
type Interim struct {
	Error, False [len(Moments)]float64
	Buckets      int
}

func (r *Interim) add(moment int, interim, final float64) {
	r.Error[moment] += math.Abs(interim - final)
	if interim >= 25 && final < 25 {
		r.False[moment]++
	}
}

// String is a part of a row of the table in docs/accuracy.md.
func (r *Interim) String() string {
	n := float64(r.Buckets)
	return fmt.Sprintf("%.2f, %.2f, %.2f | %.2f, %.2f, %.2f", r.Error[0]/n, r.Error[1]/n, r.Error[2]/n,
		1000*r.False[0]/n, 1000*r.False[1]/n, 1000*r.False[2]/n)
}

// Total is the sum of the errors and false alarms at all moments.
func (r *Interim) Total() (meanError, falseAlarms float64) {
	for i := range Moments {
		meanError += r.Error[i] / float64(r.Buckets*len(Moments))
		falseAlarms += r.False[i]
	}
	return meanError, falseAlarms
}

// CompareInterim runs a job of one series a kind for so many 15-minute buckets,
// asks for interim results in each, and compares them with the final ones: those
// of the engine, and those of a judgment that knows nothing but which share of the
// bucket has passed. In one bucket of a hundred a series has two to four times as
// many records as usual, or a half to a quarter. A function other than a count is
// of log-normal values. The first 500 buckets are not counted.
func CompareInterim(fn spec.Function, kinds []Filling, buckets int, seed uint64) (learned, elapsed []Interim) {
	const span, first = 900_000, 4 * 86_400_000
	c := &interimRun{fn: fn, kinds: kinds, job: &spec.Job{BucketSpanMs: span, Detectors: []spec.Detector{{Function: fn, ByField: "host"}}}, e: engine.New(engine.Options{})}
	if fn.NeedsField() {
		c.job.Detectors[0].FieldName = "value"
	}
	c.apply(&entry.Entry{Kind: entry.Open, Config: c.job})
	learned, elapsed = make([]Interim, len(kinds)), make([]Interim, len(kinds))
	rng := rand.New(rand.NewPCG(seed, 5))
	runners := make([]*runner, len(kinds))
	for i := range runners {
		runners[i] = newRunner(series.NewParams(fn, span))
	}
	for b := range buckets {
		start := int64(first + b*span)
		rows := c.bucket(rng, b)
		interim := make([][len(Moments)]float64, len(kinds))
		old := make([][len(Moments)]float64, len(kinds))
		cells := make([]series.Sample, len(kinds))
		at := 0
		for m, moment := range Moments {
			to := at
			for to < len(rows) && rows[to].at < moment {
				rows[to].into(&cells[rows[to].kind])
				to++
			}
			c.post(start, span, rows[at:to], moment)
			at = to
			c.e.Interim(0, 0, false, func(b *result.Bucket) {
				for _, r := range b.Records {
					if k := slices.IndexFunc(kinds, func(f Filling) bool { return f.Name == r.By }); k >= 0 {
						interim[k][m] = r.Score
					}
				}
			})
			for k := range kinds {
				if cells[k].Count > 0 {
					v := runners[k].elapsed(c.value(cells[k]), start, moment, c.fn != spec.Mean)
					if v.Reportable() {
						old[k][m] = v.Score
					}
				}
			}
		}
		for _, r := range rows[at:] {
			r.into(&cells[r.kind])
		}
		c.post(start, span, rows[at:], 0.999)
		final := c.end(start + span)
		for k := range kinds {
			x := c.value(cells[k])
			x.StartMs = start
			if c.fn == spec.Mean && x.Count == 0 {
				continue
			}
			v := runners[k].judge(x)
			twin := 0.0
			if v.Reportable() {
				twin = v.Score
			}
			if b < 500 {
				continue
			}
			learned[k].Buckets++
			elapsed[k].Buckets++
			for m := range Moments {
				learned[k].add(m, interim[k][m], final[kinds[k].Name])
				elapsed[k].add(m, old[k][m], twin)
			}
		}
	}
	return learned, elapsed
}

type interimRun struct {
	fn    spec.Function
	job   *spec.Job
	kinds []Filling
	e     *engine.Engine
	final map[string]float64
}

// interimRow is one record of a kind.
type interimRow struct {
	at, value float64
	kind      int
}

// into adds the row to a sample, whose value is the sum of the values.
func (r interimRow) into(x *series.Sample) {
	x.Value += r.value
	x.Count++
}

// value turns a sample of sums into that of the function.
func (c *interimRun) value(x series.Sample) series.Sample {
	switch c.fn.Base() {
	case spec.Count:
		x.Value = x.Count
	case spec.Mean:
		x.Value /= x.Count
	}
	return x
}

func (c *interimRun) apply(en *entry.Entry) {
	if _, err := c.e.Apply(en, func(b *result.Bucket) {
		for _, r := range b.Records {
			c.final[r.By] = r.Score
		}
	}); err != nil {
		panic(err)
	}
}

// bucket makes the rows of a bucket in order of their times.
func (c *interimRun) bucket(rng *rand.Rand, b int) (rows []interimRow) {
	for k := range c.kinds {
		factor, shift := 1+0.5*wave(b, 96), 0.0
		if b > 500 && rng.IntN(100) == 0 {
			factor *= math.Pow(2, (1+rng.Float64())*float64(1-2*rng.IntN(2)))
			shift = 5 * float64(1-2*rng.IntN(2))
		}
		n := int(Poisson(rng, c.kinds[k].Mean*factor))
		level := 0.3*rng.NormFloat64() + shift
		for _, at := range c.kinds[k].Times(rng, n) {
			r := interimRow{at: at, value: math.Exp(rng.NormFloat64()), kind: k}
			if c.fn == spec.Mean {
				r.value = 50 + level + 3*rng.NormFloat64()
			}
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b interimRow) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	return rows
}

// post sends rows, and a record of a series of its own that tells the time.
func (c *interimRun) post(start, span int64, rows []interimRow, moment float64) {
	numbers, texts := c.job.Columns()
	b := record.NewBuilder(len(numbers), len(texts))
	put := func(at, value float64, host string) {
		for i := range numbers {
			b.Number(i, value)
		}
		for i := range texts {
			b.Text(i, []byte(host))
		}
		b.End(start + int64(at*float64(span)))
	}
	for _, r := range rows {
		put(r.at, r.value, c.kinds[r.kind].Name)
	}
	put(moment, 1, "clock")
	c.apply(&entry.Entry{Kind: entry.Data, Batch: b.Take()})
}

// end ends the bucket and returns its scores.
func (c *interimRun) end(ms int64) map[string]float64 {
	c.final = map[string]float64{}
	c.apply(&entry.Entry{Kind: entry.Advance, TimeMs: ms})
	return c.final
}

// elapsed judges an open bucket as if every series filled evenly: what is missing
// is made up from what is typical by the share of the bucket that has passed.
func (r *runner) elapsed(x series.Sample, startMs int64, share float64, adds bool) series.Verdict {
	x.StartMs = startMs
	if !adds {
		return r.params.Judge(&r.core, r.season, x)
	}
	typical := r.params.Judge(&r.core, r.season, x).Typical
	gap := (1 - share) * typical
	x.Value += math.Max(math.Min(typical-x.Value, math.Max(gap, 0)), math.Min(gap, 0))
	return r.params.Judge(&r.core, r.season, x)
}
