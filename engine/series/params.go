package series

import (
	"math"

	"tidemark/engine/num"
	"tidemark/engine/spec"
)

// Times in seconds.
const (
	minute = 60.0
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
)

// memory is how long something is remembered: a time, and the fewest buckets
// that may stand for it when buckets are long.
type memory struct {
	seconds float64
	buckets float64
}

func (m memory) in(bucketSeconds float64) float64 {
	return max(m.buckets, m.seconds/bucketSeconds)
}

// The memories of the model. Those of the expert group and the scales were
// chosen on 5-minute series of public benchmarks among half to four times
// their value; only the order of magnitude matters except where noted.
var (
	fastLevelMemory = memory{14 * minute, 2.8}
	midLevelMemory  = memory{83 * minute, 16}
	trendMemory     = memory{3 * hour, 30}
	offsetMemory    = memory{33 * minute, 6}
	slowLevelMemory = memory{3 * day, 20}
	// The level that a trend is told by: four times as slow.
	slowerMemory     = memory{12 * day, 80}
	shortErrorMemory = memory{8 * hour, 100}
	longErrorMemory  = memory{42 * hour, 200}
	// A recent scale of a quarter of this raised false alerts by a tenth.
	recentScaleMemory = memory{8 * hour, 100}
	// A long scale of a third of this lost 1 to 6 points of benchmark score:
	// anomalies must not widen the scale they are measured by.
	longScaleMemory = memory{12 * day, 1000}
	// Novelty that never forgets stops seeing anything after one extreme.
	rangeMemory = memory{35 * day, 1000}
	// crowdMemory: excesses this close together are one event.
	crowdMemory    = memory{25 * minute, 5}
	rankPeriodTime = memory{week, 1000}
	// Before quietTime nothing is reported; evidence has full weight only after
	// fullTime.
	quietTime       = memory{150 * minute, 12}
	fullTime        = memory{16 * hour, 50}
	noveltyFullTime = memory{40 * hour, 100}
	seasonAfter     = memory{6 * hour, 16}
	patternAfter    = memory{hour, 10}
	// Of a quarter to two hours, two held what a level had moved by and cost the
	// benchmarks nothing; all levels follow after shiftAfter.
	shiftHeld  = memory{2 * hour, 5}
	shiftAfter = memory{12 * hour, 20}
	// What lasts is news again after toldMemory without it.
	toldMemory       = memory{6 * hour, 24}
	meanAbsMemory    = memory{12 * day, 300}
	trendDampingTime = memory{4 * hour, 50}
	// After silenceTime without a record a series is taken to have ended: its
	// zeros are news to nobody and are not learned any more. It bounds the work
	// that a silent series causes, a microsecond or less a bucket.
	silenceTime = memory{2 * day, 4096}
)

const (
	maxDaySlots  = 96
	maxWeekSlots = 168
	// dayMemory and weekMemory are the visits a slot of the curve averages.
	dayMemory  = 7
	weekMemory = 4
)

const (
	// Evidence is a frequency of buckets; of long buckets fewer go by in a week, so the
	// same frequency is rarer in time. It counts by scarceWeight of that, from usualSpan
	// on and up to mostScarce times as long: an hour. Of 0.4, 0.5, 0.65 and 1 the first
	// ranked best on a benchmark of both spans, better than none by one to two points;
	// 1 gave hourly noise as many scores of 25 a week as noise of five minutes.
	// Evidence of shorter buckets stays as it is: half of the same for them cost 2.5
	// points of recall on web KPIs, all of it 6.
	scarceWeight = 0.4
	usualSpan    = 5 * minute
	mostScarce   = 12
)

// Params is what all series of one detector share: side, slot layout and
// gains, derived from function and bucket span. Read-only after NewParams.
type Params struct {
	spanMs  int64
	span    float64 // seconds
	side    spec.Side
	counts  bool // values are numbers of records
	zeros   bool // empty buckets are zeros
	sums    bool // partial buckets hold part of the value
	adds    bool // the value grows while a bucket fills, see arrival.go
	falls   bool // the value only falls while a bucket fills
	sampled bool // the value's variance depends on the number of records
	grows   bool // the value's expectation depends on the number of records
	curve   curve

	daySlots, weekSlots       int
	daySlotSec, weekSlotSec   float64
	daySlotRows, weekSlotRows float64 // buckets per visit of a slot

	gainFast, gainMid, gainTrend, gainOffset, damping                 float64
	gainRecent, gainTold, gainCrowd, gainHour, eventApart, rankPeriod float64

	gainWindow [len(windowLengths)]float64

	slowMemory, slowerMemory                           float64
	shortMemory, longMemory, recentMemory              float64
	mostZeros                                          uint32
	longScaleMemory, rangeMemory, meanAbsMemory        float64
	quiet, full, noveltyFull, seasonAfter, bucketsADay float64
	patternAfter, blockBuckets, shiftHeld, shiftAfter  float64
	huntLeast, huntEvery                               float64 // buckets of a hunt, and from one to the next
	scarce                                             float64 // what evidence of long buckets gains
	jobs                                               bool    // days are made of whole buckets
}

// NewParams derives the shared parameters of a detector. bucketSpanMs must be
// positive.
func NewParams(fn spec.Function, bucketSpanMs int64) *Params {
	span := float64(bucketSpanMs) / 1000
	base := fn.Base()
	p := &Params{
		spanMs:  bucketSpanMs,
		span:    span,
		side:    fn.Side(),
		counts:  fn.CountsRecords(),
		zeros:   fn.ZeroWhenEmpty(),
		sums:    fn.CountsRecords() || base == spec.Sum || base == spec.NonNullSum,
		sampled: base == spec.Mean || base == spec.Median || base == spec.Varp,
		adds:    fn.CountsRecords() || base == spec.Sum || base == spec.NonNullSum || base == spec.DistinctCount,
		falls:   base == spec.Min,
		grows:   base == spec.Min || base == spec.Max || base == spec.DistinctCount || base == spec.InfoContent,
		curve:   curveOf(base),
	}
	p.bucketsADay = day / span
	p.scarce = scarceWeight * math.Log10(num.Clamp(span/usualSpan, 1, mostScarce))
	if span <= day/2 {
		p.daySlots = int(min(maxDaySlots, math.Floor(day/span)))
		p.daySlotSec = day / float64(p.daySlots)
		p.daySlotRows = max(1, p.daySlotSec/span)
	}
	if span <= 2*day {
		p.weekSlots = int(min(maxWeekSlots, math.Floor(week/span)))
		p.weekSlotSec = week / float64(p.weekSlots)
		p.weekSlotRows = max(1, p.weekSlotSec/span)
	}
	gain := func(m memory) float64 { return 1 / m.in(span) }
	p.gainFast, p.gainMid, p.gainOffset = gain(fastLevelMemory), gain(midLevelMemory), gain(offsetMemory)
	p.gainTrend, p.damping = gain(trendMemory), 1-gain(trendDampingTime)
	for i, m := range windowLengths {
		p.gainWindow[i] = 2 / (m.in(span) + 1)
	}
	p.gainTold = gain(toldMemory)
	p.gainHour = 1 / max(50, 14*hour/span)
	p.gainRecent, p.gainCrowd = gain(recentScaleMemory), gain(crowdMemory)
	p.eventApart, p.rankPeriod = crowdMemory.in(span), rankPeriodTime.in(span)
	p.slowMemory, p.slowerMemory = slowLevelMemory.in(span), slowerMemory.in(span)
	p.shortMemory, p.longMemory = shortErrorMemory.in(span), longErrorMemory.in(span)
	p.recentMemory, p.longScaleMemory = recentScaleMemory.in(span), longScaleMemory.in(span)
	p.rangeMemory, p.meanAbsMemory = rangeMemory.in(span), meanAbsMemory.in(span)
	p.quiet, p.full, p.noveltyFull = quietTime.in(span), fullTime.in(span), noveltyFullTime.in(span)
	p.seasonAfter, p.shiftHeld, p.shiftAfter = seasonAfter.in(span), shiftHeld.in(span), shiftAfter.in(span)
	p.huntLeast = huntTime.in(span)
	p.huntEvery = 2*p.huntLeast + restTime.in(span)
	p.jobs = bucketSpanMs <= 6*3_600_000 && 86_400_000%bucketSpanMs == 0
	p.patternAfter, p.blockBuckets = patternAfter.in(span), math.Round(blockTime.in(span))
	p.mostZeros = uint32(min(silenceTime.in(span), math.MaxUint32))
	return p
}

// sided cuts a deviation to the side that the function reports.
func (p *Params) sided(z float64) float64 {
	switch p.side {
	case spec.High:
		return max(z, 0)
	case spec.Low:
		return min(z, 0)
	}
	return z
}

// at is the second, since the epoch, of the middle of the bucket that starts
// at startMs.
func (p *Params) at(startMs int64) float64 {
	return float64(startMs+p.spanMs/2) / 1000
}

// gainAt is the weight of the next value in a mean with this memory.
func (c *Core) gainAt(memory float64) float64 {
	return num.Gain(c.seen, memory)
}

// scaleGain is that of a mean deviation: a young series remembers only the last
// part of its life, because deviations from patterns that it did not know yet say
// nothing about it.
func (c *Core) scaleGain(memory float64) float64 {
	return num.Gain(youth*c.seen, memory)
}

// youth is the part of its life that a young series measures its scales by. Of a
// third, a half and all of it a half ranked best.
const youth = 0.5
