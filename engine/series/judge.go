package series

import (
	"math"

	"tidemark/engine/num"
	"tidemark/engine/spec"
)

// Sample is the value of one series in one bucket.
type Sample struct {
	Value   float64
	Count   float64 // records behind the value, 0 if unknown
	StartMs int64
}

// Verdict is the judgment of one sample. All values are finite.
type Verdict struct {
	// LogProb is the natural logarithm of the probability of a value at least
	// this extreme, at most 0.
	LogProb float64
	// Evidence is -log10 of how often this series shows evidence as strong by
	// chance; the score's own scale (R in the design).
	Evidence float64
	// Score and NoveltyScore are 0..100.
	Score, NoveltyScore float64
	// Typical is the expected value, Lower and Upper enclose 95 % of values.
	Typical, Actual, Lower, Upper float64
	// Spike: the actual value lies above the typical one.
	Spike bool
	// HighVariance: the series scatters so widely that it lowered the score.
	HighVariance bool
	// Extrapolated: the probability is smaller than this history can support.
	Extrapolated bool
	// Incomplete: the score was lowered because the bucket is still filling.
	Incomplete bool
	// Length is how many buckets in a row, this one included, lay far out on the
	// same side; 0 if it does not.
	Length int
	// First: what occurs has never occurred before.
	First bool
	// Ready: enough was seen to report anything.
	Ready bool
	// expected: the value is what is typical, or beyond it on the side that the
	// function does not look at.
	expected bool

	// What Learn needs and Judge already computed.
	raw                   float64 // ranking evidence before its own tail
	surprise              float64 // -log of the tails' probability
	single, multi         float64 // evidence of the bucket alone, of several
	whole                 float64 // of several, were nothing told
	faded                 bool    // the long prediction speaks, not the short one
	expert, longExpert    int     // whose predictions the short one and the long one are
	home                  bool    // the value came back from where it had strayed
	zA, zB, zC            float64 // sided
	window                [len(windowLengths)]float32
	zWindow               [len(windowLengths)]float64
	short, long           float64
	sigma, scale          float64
	hourScatter, hourLong float64
	countScale            float64
	growth                float64 // what the number of records adds
	below, above          float64 // tolerance next to a step of the season
	dayEdge, weekEdge     edge    // of the curves, near its place
	readAway              float64 // how far from its curve it was read
	dayPlace, weekPlace   place
	dayCurve, weekCurve   float64
	// What predicts shortly uses these, see change.go.
	dayShort, weekShort float64
	// back is what the curve before a change would predict, if hasBack.
	back           float64
	hasBack        bool
	weighed, tried bool // alternatives to the curve are
	pattern        patternVerdict
	pred           [experts]float64
	// What a job adds, which is judged and learned without, and its tolerance: see
	// settle.go.
	job, slack float64
	// due is the part of job that the day of the month adds, doubt that it may not.
	// rest is what Learn leaves of the value without all that and the curves.
	due, rest float64
	doubt     bool
	// What Learn found out for the hunt: the value as it was learned, and how far it
	// stands apart.
	clipped, apart float64
	learned, held  bool // held: the curves learned nothing
	feature        [features]float64
}

// largest is the largest value that is learned: seasons are kept in 32 bits,
// which end at 3e38. A larger value is judged as if it were largest.
const largest = 1e30

// normalFromMeanAbs turns a mean absolute deviation into a standard deviation
// for normal data: √(π/2).
const normalFromMeanAbs = 1.2533141373155003

// Judge says how improbable x is for the series as it stands before x. s is
// nil until the series has a season. It changes nothing.
func (p *Params) Judge(c *Core, s *Season, x Sample) Verdict {
	var v Verdict
	actual := num.Clamp(x.Value, -largest, largest)
	x.Value = p.enter(x)
	p.predict(c, s, x, &v)
	v.decide(x.Value)
	x.Value -= v.job
	if c.seen > 0 && !math.IsNaN(x.Value) {
		p.judge(c, num.Clamp(x.Value, -largest, largest), &v)
	}
	p.restore(&v)
	v.Actual = actual
	if math.IsNaN(actual) {
		v.Actual = v.Typical
	}
	v.expected = v.Actual == v.Typical || p.side == spec.High && v.Actual < v.Typical || p.side == spec.Low && v.Actual > v.Typical
	return v
}

// restore brings what a verdict shows back to the units of the values.
func (p *Params) restore(v *Verdict) {
	v.Typical, v.Lower, v.Upper = v.Typical+v.job, v.Lower+v.job, v.Upper+v.job
	if p.curve == linear {
		return
	}
	for _, y := range [...]*float64{&v.Typical, &v.Lower, &v.Upper} {
		*y = p.curve.out(*y)
	}
}

// predict fills in what the model expects at the time of x.
func (p *Params) predict(c *Core, s *Season, x Sample, v *Verdict) {
	v.pred[expLast] = c.last
	v.pred[expFast] = c.fast
	v.pred[expMid] = c.mid
	v.pred[expTrend] = c.trendLevel + c.trend
	v.pred[expSlow] = c.slow
	v.hourScatter, v.hourLong = 1, 1
	if s != nil {
		p.predictSeason(c, s, x, v)
		v.expert = best(c, 0, shortExperts)
		v.longExpert = best(c, shortExperts, experts)
		v.long = v.pred[v.longExpert]
	} else {
		v.expert = best(c, 0, expDayLast)
		v.long = c.slow
	}
	v.short = v.pred[v.expert]
	v.growth = p.growth(c, x.Count)
	v.short += v.growth
	v.long += v.growth
	floor := scaleFloor(c.meanAbs)
	recent, lasting := normalFromMeanAbs*c.recent, normalFromMeanAbs*c.lasting*v.hourScatter
	v.countScale = p.countScale(c, x.Count)
	v.sigma = math.Sqrt((recent*recent+lasting*lasting)/2)*v.countScale + floor
	v.scale = normalFromMeanAbs*c.longScale*v.hourLong*v.countScale + floor
	if v.below+v.above < leastStep*v.sigma {
		v.below, v.above = 0, 0 // What is left of noise in the curve is no step.
	}
	v.below, v.above = max(v.below, v.slack), max(v.above, v.slack)
	v.Typical = v.short
}

func scaleFloor(meanAbs float64) float64 {
	// A thousandth of the usual size is below what a reader would call a
	// change; the constant keeps an all-zero series from dividing by zero.
	return 1e-3*meanAbs + 1e-12
}

func (p *Params) predictSeason(c *Core, s *Season, x Sample, v *Verdict) {
	at := p.at(x.StartMs)
	p.extra(s, x.StartMs, v)
	if p.daySlots > 0 {
		v.dayPlace = placeAt(at, day, p.daySlotSec, p.span, p.daySlots)
		r := s.readDay(&v.dayPlace)
		v.dayCurve, v.below, v.above, v.dayEdge = r.value, r.below, r.above, r.edge
		if h := hourOfDay(at); s.scatter[h] > 0 {
			v.hourScatter = max(leastHourScatter, float64(s.scatter[h])/scatterLevels)
			v.hourLong = max(leastHourScatter, float64(s.scatterB[h])/scatterLevels)
		}
	}
	v.weekCurve = v.dayCurve
	if p.weekSlots > 0 || s.on&seasonCycle != 0 {
		v.weekPlace = p.weekPlace(s, at)
		r := s.readWeek(&v.weekPlace)
		v.weekCurve += r.value
		v.below, v.above, v.weekEdge = v.below+r.below, v.above+r.above, r.edge
	}
	v.dayShort, v.weekShort = p.shortCurves(s, at, v)
	v.weighed, v.tried, v.hasBack = s.alt.mode == altWeighed, s.alt.mode == altTried, s.alt.mode >= altTried
	if v.hasBack {
		v.back = p.other(s, at)
	}
	v.pred[expDayLast] = v.dayShort + c.dayLast
	v.pred[expDayOffset] = v.dayShort + c.dayMean
	v.pred[expWeekLast] = v.weekShort + c.weekLast
	v.pred[expWeekOffset] = v.weekShort + c.weekMean
	v.pred[expDaySlow] = v.dayCurve + c.daySlow
	v.pred[expWeekSlow] = v.weekCurve + c.weekSlow
}

func hourOfDay(seconds float64) int {
	return int((seconds-day*math.Floor(seconds/day))/hour) % 24
}

// best is the expert with the smallest recent error in [from, to).
func best(c *Core, from, to int) int {
	b := from
	for i := from + 1; i < to; i++ {
		if c.err[i] < c.err[b] {
			b = i
		}
	}
	return b
}

// judge fills in the verdict about the finite value x.
func (p *Params) judge(c *Core, x float64, v *Verdict) {
	c.comesHome(x, v)
	c.followEdge(x, v)
	v.Typical = v.short
	zA := beyond(x-v.short, v.below, v.above) / v.sigma
	// Staying at a new level, or coming back from it, is no second surprise.
	last := c.last
	if c.out > 0 {
		last = 0
	}
	if again := (x - last - v.growth) / v.sigma; !v.dayEdge.due && !v.weekEdge.due && math.Abs(again) < math.Abs(zA) {
		zA = again
	}
	eB := x - v.long
	e, strayed := c.strayed(x, v)
	if strayed && math.Abs(e) < math.Abs(eB) {
		eB = e
	}
	zB := beyond(eB, v.below, v.above) / v.scale
	if home := eB / v.sigma; strayed && math.Abs(home) < math.Abs(zA) {
		zA = home // So is coming back to where it was before it strayed.
	}
	v.zA, v.zB = p.sided(zA), p.sided(zB)
	logC, logWindow := p.judgeWindows(c, zB, v)
	absA, absB := math.Abs(v.zA), math.Abs(v.zB)
	logA, logB := c.tailA.logTail(absA), c.tailB.logTail(absB)
	novelty := p.novelty(c, x, v)
	fresh := freshness(max(math.Abs(float64(c.longRun)), float64(max(c.told, c.out))))
	lA, lB := -logA/math.Ln10, -logB/math.Ln10
	v.raw = combine(lA, faded(lA, lB, fresh), absA, faded(absA, absB, fresh), novelty, c.trust())
	v.LogProb = AnyOf(min(logA, logB), 2)
	v.whole = max(several(-logC/math.Ln10, v.zC), longWeight*lasting(lB, absB))
	alone := v.whole * c.news(v.whole, fresh)
	v.faded = lB > lA
	if p.rare(c, v) {
		alone = 0
	}
	empty := p.emptiness(c, x)
	alone = max(alone, fresh*empty)
	v.single, v.multi = withSudden(v.raw, lA, absA), alone
	fromLong := alone > v.single
	if fromLong {
		v.LogProb = AnyOf(min(logA, logB, logWindow, -empty*math.Ln10), channels)
	}
	v.surprise = -v.LogProb
	v.LogProb = c.chance.logProb(v.surprise)
	v.raw = withSudden(max(v.raw, alone), lA, absA)
	most := min(p.boundRare(c, x, v), p.boundSparse(c, x, v))
	v.raw *= min(1, 0.3+0.7*c.seen/p.full)
	v.Ready = c.seen >= p.quiet
	if v.Ready {
		v.Evidence = min(rankWeight*c.rank.rank(v.raw)+(1-rankWeight)*v.raw, mostRarity*v.raw, most)
		v.Evidence = scarcer(v.Evidence, p.scarce)
		if v.LogProb > likely {
			v.Evidence = min(v.Evidence, 1)
		}
		v.Score = Score(v.Evidence)
		v.NoveltyScore = novelty / maxNovelty * 100
	}
	width := v.sigma
	if fromLong && fresh > stillNews && !v.tried && c.shift.far < shiftSoon && !c.moved() && v.Reportable() {
		// What is unusual is the distance from the long run.
		v.Typical, width = v.long, v.scale
	}
	v.Spike = x > v.Typical
	v.Length = length(c, v)
	v.Lower, v.Upper = v.Typical-1.96*width, v.Typical+1.96*width
}

// beyond is the part of a deviation that lies outside a tolerance.
func beyond(e, below, above float64) float64 {
	if e > 0 {
		return max(0, e-above)
	}
	return min(0, e+below)
}

// combine is the ranking evidence in powers of ten: calibrated tails and plain
// size must both speak, or novelty with some of both: with size no further beyond the
// tails than trust allows.
func combine(lA, lB, zA, zB, novelty, trust float64) float64 {
	cal := maxWeight*max(lA, lB) + (1-maxWeight)*(lA+lB)/2
	size := sizeWeight * math.Log2((1+zA/sizeScale)*(1+zB/sizeScale))
	return max(min(cal, size), min(novelty, math.Sqrt(cal*min(size, float64(trust*cal)))))
}

// trust is how many times as much as the tails size may say. Tails that rest on few
// excesses know little of what lies beyond; where they rest on many, size alone is no
// news in a series of heavy tails.
func (c *Core) trust() float64 {
	young := youngTail / (1 + float64(min(c.tailA.excesses, c.tailB.excesses)))
	return 1 + float64(young*young)
}

// withSudden adds the evidence of the sudden deviation by itself, which counts
// even where the hour of the week allows the value: the root mean square of both,
// so that neither hides the other.
func withSudden(e, lA, zA float64) float64 {
	sudden := min(lA, suddenSize*math.Log2(1+zA/sizeScale))
	return max(e, suddenAlone*sudden, math.Sqrt((e*e+sudden*sudden)/2))
}

const (
	// longWeight is what a deviation from the long prediction counts by itself,
	// when the short one has followed it: less than both together.
	longWeight = 0.8
	// severalSize is how much of the square of the deviation of several buckets
	// counts, which keeps moderate ones from filling the list. Of 5 to 12, 6 to 8
	// ranked best on four development sets and on hourly samples of three of them;
	// 5 filled the list of one.
	severalSize = 7
	// maxWeight is how far the stronger of the two tails stands for both: with the
	// mean alone each hides half of what the other shows.
	maxWeight = 0.3
	// sizeScale and sizeWeight say what a deviation of so many scales is worth by
	// its size: a power of ten for each doubling of 1 + z/3. A weight of 1.6 found
	// more on two development sets, and let spikes that come daily lose twice as
	// much of their score.
	sizeScale, sizeWeight = 3, 1
	// youngTail is the number of excesses from which tails are trusted more than size.
	// Without it heavy-tailed noise had six scores of 75 a year instead of one; of 200
	// and 250, with and without the square, this cost no set anything.
	youngTail = 250
	// suddenAlone is what a sudden deviation counts by itself; suddenSize is what
	// its size is worth then. Of 0.8 to 1, 0.85 with the mean square found most of
	// what the mean of both channels hid on one development set and cost the others
	// nothing; 1 lost three points of benchmark score.
	suddenAlone, suddenSize = 0.85, 3
	// channels is what both residuals and three lengths count as tests, in effect.
	channels = 4
	// rankWeight is how far evidence counts by its rarity in its own series, the
	// rest counts as it is: rarity alone lets the incidents of a series raise the
	// bar for each other, evidence alone lets noisy series fill the list. Of 0.4 to
	// 0.7, 0.6 ranked best on three of four development sets.
	rankWeight = 0.6
	// newsRun is the run of outliers after which one that goes on is half the
	// news it was: a new level must not be reported until it is learned. Of 1 to
	// 12 buckets, 2 gave the fewest records after a shift and ranked best.
	newsRun = 2
	// louder is by how many powers of ten what lasts must have grown to be news again.
	// Without it a rise of one sigma for a day reached 50 in one of fifty trials,
	// with it in nineteen of twenty: its first 25 had made old news of it.
	louder = 1
	// heardSteps are those that what was told is kept in, per power of ten.
	heardSteps = 8
	// stillNews is the freshness from which a record shows the long prediction as
	// what is typical: later the new values are.
	stillNews = 0.4
	// mostRarity bounds how much rarer than its own size evidence may count: in
	// a series that hardly moves, the largest value ever may be no news.
	mostRarity = 2
	// likely is the logarithm of the probability, 3.5 %, above which a value is
	// no anomaly, however rarely this series has shown one like it.
	likely = -3.3524
	// leastStep is the height of a step in the weekly curve, in scales, from
	// which its neighborhood is tolerant.
	leastStep = 5
	// leastHourScatter bounds how much quieter than the day an hour may be.
	leastHourScatter = 0.2
)

// freshness is what is left of the news in a deviation that has lasted, or was
// told, for so many buckets.
func freshness(told float64) float64 {
	r := told / newsRun
	return 1 / (1 + r*r)
}

// news is what is left of the news in evidence of several buckets: all of it if that
// is louder by a power of ten than what was told, however long that has lasted, so
// that what grows slowly is not taken for told by its first signs.
func (c *Core) news(evidence, fresh float64) float64 {
	heard := float64(c.heard) / heardSteps * min(1, float64(c.told))
	if evidence < heard+louder {
		return fresh
	}
	return freshness(max(math.Abs(float64(c.longRun)), float64(c.out)))
}

// faded is what is left of a stronger b beside a when b is no longer news.
func faded(a, b, fresh float64) float64 {
	if b <= a {
		return b
	}
	return a + fresh*(b-a)
}

// lasting is the evidence of one channel that speaks alone: calibrated tail and
// plain size must both be there.
func lasting(cal, z float64) float64 {
	return min(cal, 2*math.Log2(1+z/3))
}

// several is that of several buckets together, whose number makes up for size.
func several(cal, z float64) float64 {
	return min(cal, z*z/severalSize)
}

const (
	maxNovelty = 12
	// noveltySlope is what leaving the range by its whole width adds.
	noveltySlope = 18
	// leastNovelty is the excess, in widths of the range, that counts: ranges of
	// discrete series are touched all the time.
	leastNovelty = 0.02
)

// novelty is how far the strongest of six features leaves the range it has
// had, 0 to maxNovelty.
func (p *Params) novelty(c *Core, x float64, v *Verdict) float64 {
	level := x - v.growth
	smooth := num.Toward(c.fast, p.gainFast, level)
	v.feature = [features]float64{level, smooth, level - c.last, x - v.long, level - c.mid, x - v.short}
	most := 0.0
	for i, f := range v.feature {
		width := c.high[i] - c.low[i] + scaleFloor(c.meanAbs)
		out := 0.0
		if p.side != spec.Low {
			out = f - c.high[i]
		}
		if p.side != spec.High {
			out = max(out, c.low[i]-f)
		}
		most = max(most, out/width)
	}
	if most <= leastNovelty {
		return 0
	}
	return min(maxNovelty, 2+noveltySlope*most) * min(1, c.seen/p.noveltyFull)
}
