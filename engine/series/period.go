package series

import (
	"math"
	"math/cmplx"

	"tidemark/engine/num"
)

// Which seasons a history shows. A season of period P is found when its harmonics
// explain more of the next value than trend and the values just before do,
//
//	x(t) = a + b·t + φ₁·x(t-1) [+ φ₂·x(t-2)] + Σ_k (c_k·cos + s_k·sin)(2πkt/P) + e
//	stat = (rows - columns) · ln(RSS without / RSS with harmonics)
//
// which for a series without season, be it white noise or a random walk, is about
// a χ² of two degrees a harmonic. Means of several buckets have a second lag,
// because averaging correlates neighbors.
//
// Day and week are tested as such. Other periods come from the largest peaks of the
// spectrum of what remains; a peak may be a harmonic of a longer period, which is
// then not known before it has come around often enough itself.
//
// Source: nested F-tests of harmonic regression, any textbook on time series; the
// thresholds are measured on noise (docs/accuracy.md).

const (
	// leastCalendar and leastScan are the statistics above what each degree of freedom
	// is worth from which a day or week, or any other period, is found.
	leastCalendar, leastScan = 17.0, 25.0
	perDegree                = 2.4
	// carryWeight: harmonics explain more of a random walk than chance would of
	// noise, because they take the place of the lags.
	carryWeight = 1
	// leastRepeats of a period must have passed before it is tested, of a day or week
	// two.
	leastRepeats = 3.0
	// leastPeak is the share of the usual power at which a peak is looked at.
	leastPeak, mostPeaks = 7.0, 2
	// shortestPeriod is in samples.
	shortestPeriod = 6
	// sameCell is how close, in cells of resolution, two frequencies are the same.
	sameCell      = 0.15
	mostHarmonics = 4
	// mostParts: up to this harmonic of a day or week that may turn out to be there, a
	// period waits until it is known.
	mostParts = 4.5
)

func threshold(least float64, degrees int) float64 { return least + perDegree*float64(degrees) }

// tones are angular frequencies per sample.
type tones struct {
	list [(maxColumns - 4) / 2]float64
	n    int
	// weekdays: the columns of the week follow.
	weekdays bool
}

// add adds harmonics of a period in samples, those that samples can show.
func (s *tones) add(period float64, harmonics ...int) {
	for _, k := range harmonics {
		if w := 2 * math.Pi * float64(k) / period; w < 0.9*math.Pi && s.n < len(s.list) {
			s.list[s.n] = w
			s.n++
		}
	}
}

// known are the harmonics of the seasons that were found.
func (t *history) known(found uint8) (s tones) {
	if found&seasonDay != 0 {
		s.add(day/t.seconds, 1, 2, 3, 4)
	}
	if found&seasonWeek != 0 {
		s.add(week/t.seconds, 1, 2, 3, 4)
	}
	if found&seasonCycle != 0 {
		s.add(t.period/t.seconds, 1, 2, 3, 4)
	}
	return s
}

// regression is a fit of a history by trend, lags and tones.
type regression struct {
	fit
	rows, before int // rows, and columns before the tones
	floor        float64
	carry        float64 // of one value to the next, by the lags, 0 to 1
}

func (t *history) lags() int {
	if t.aged {
		return 2
	}
	return 1
}

func (t *history) regress(s *tones, lags int) (r regression) {
	r.before = 2 + lags
	t.rows(s, lags, func(_ int, row []float64) {
		r.add(row)
		r.rows++
	})
	r.solve()
	b := r.coefficients()
	for _, x := range b[2:r.before] {
		r.carry += x
	}
	r.carry = num.Clamp(r.carry, 0, 1)
	// What rounding to levels leaves.
	r.floor = float64(r.rows) * (t.rounding + 1e-12)
	return r
}

// rows calls visit with the regressors and the value of every sample that has
// all of them.
func (t *history) rows(s *tones, lags int, visit func(i int, row []float64)) {
	var at, turn [len(s.list)]complex128
	for k, w := range s.list[:s.n] {
		at[k], turn[k] = 1, cmplx.Rect(1, w)
	}
	var buffer [maxColumns + 1]float64
	row, first := buffer[:2+lags+2*s.n+1], 2+lags+2*s.n
	if s.weekdays {
		row = buffer[:first+weekdayColumns+1]
	}
	for i := range t.n {
		y := t.y[i]
		ok := i >= lags && y == y
		row[0], row[1] = 1, t.slope(i)
		for k := 1; k <= lags && ok; k++ {
			row[1+k] = t.y[i-k]
			ok = row[1+k] == row[1+k]
		}
		if ok {
			for k := range s.n {
				row[2+lags+2*k], row[3+lags+2*k] = real(at[k]), imag(at[k])
			}
			if s.weekdays {
				t.weekdays(i, row[first:first+weekdayColumns])
			}
			row[len(row)-1] = y
			visit(i, row)
		}
		for k := range s.n {
			at[k] *= turn[k]
		}
	}
}

// slope is the trend's regressor: from -1 to 1 over the history.
func (t *history) slope(i int) float64 { return 2*float64(i)/float64(max(t.n-1, 1)) - 1 }

// gain is the statistic of the tones from the first to the last one, the others
// before them given.
func (r *regression) gain(from, to int) float64 {
	return r.columnGain(r.before+2*from, r.before+2*to)
}

// columnGain is the statistic of the columns from the first to the last one, those
// before them given.
func (r *regression) columnGain(from, to int) float64 {
	free := float64(r.rows - to)
	if free < 8 {
		return 0
	}
	without := max(r.rest(from), r.floor)
	with := max(r.rest(to), r.floor)
	return free * math.Log(without/with) / (1 + carryWeight*r.carry)
}

// test looks for what was not found yet.
func (p *Params) test(h *Hunt, scan bool) {
	t := p.history(h)
	if t.scale == 0 {
		return
	}
	span := float64(t.n) * t.seconds
	if h.found&seasonDay == 0 && p.daySlots > 0 && span >= twoCycles*day && t.harmonic(day/t.seconds, h.found) {
		h.found |= seasonDay
	}
	if h.found&seasonWeek == 0 && p.weekSlots > 0 && span >= twoCycles*week && (t.byWeekday(h.found) || t.harmonic(week/t.seconds, h.found)) {
		h.found |= seasonWeek
		h.found &^= seasonCycle // They share their memory.
	}
	if !scan || h.found&(seasonCycle|seasonWeek) != 0 || p.weekSlots == 0 {
		return
	}
	if period, harmonics := t.scan(h.found); period > 0 {
		h.period, h.harmonics = period, uint8(harmonics)
		h.found |= seasonCycle
	}
}

// harmonic tests for a period by its odd harmonics, which must say something that
// the even ones, those of half the period, do not.
func (t *history) harmonic(samples float64, found uint8) bool {
	s := t.known(found)
	s.add(samples, 2, 4)
	from := s.n
	s.add(samples, 1, 3)
	if s.n == from {
		return false
	}
	r := t.regress(&s, t.lags())
	return r.gain(from, from+1) >= threshold(leastCalendar, 2) || s.n == from+2 && r.gain(from, s.n) >= threshold(leastCalendar, 4)
}

// byWeekday tests for another level or course at weekends, then for other levels on
// each day.
func (t *history) byWeekday(found uint8) bool {
	s := t.known(found)
	s.weekdays = true
	r := t.regress(&s, t.lags())
	from := r.before + 2*s.n
	for _, degrees := range [...]int{1, 3, weekdayColumns} {
		if r.columnGain(from, from+degrees) >= threshold(leastCalendar, degrees) {
			return true
		}
	}
	return false
}

// weekdayColumns are the regressors of the week: weekends, the day's first
// harmonic at weekends, and each day but one of the weekend and one of the others.
const weekdayColumns = 8

func (t *history) weekdays(i int, row []float64) {
	at := t.start + (float64(i)+0.5)*t.seconds
	days := math.Floor(at/day) + 3 // The epoch was a Thursday.
	weekday := int(days - 7*math.Floor(days/7))
	clear(row)
	if weekday >= 5 {
		sin, cos := math.Sincos(2 * math.Pi * at / day)
		row[0], row[1], row[2] = 1, cos, sin
	}
	switch {
	case weekday == 6:
		row[3] = 1
	case weekday >= 1 && weekday <= 4:
		row[3+weekday] = 1
	}
}

// scan finds another period, in seconds, and how many harmonics it has; 0 if there
// is none.
func (t *history) scan(found uint8) (period float64, harmonics int) {
	base := t.known(found)
	best := 0.0
	look := func(f float64) {
		for multiple := 1; multiple <= 3; multiple++ {
			samples := float64(multiple) / f
			if float64(t.n) < leastRepeats*samples {
				return
			}
			value, k := t.try(&base, samples)
			if multiple > 1 {
				value -= leastScan / 2
			} else if value <= 0 {
				return
			}
			if value > best {
				best, period, harmonics = value, samples, k
			}
		}
	}
	// The lags hide slow periods in the spectrum, and without them walks hide fast ones.
	for _, lags := range [...]int{0, t.lags()} {
		rest := t.residuals(&base, lags)
		for _, peak := range t.peaks(rest) {
			if peak > 0 {
				look(refine(rest[:t.n], peak, 0.75/float64(t.n)))
			}
		}
	}
	if period == 0 || t.part(period, found) || t.longer(&base, period) {
		return 0, 0
	}
	return t.sharpen(&base, period, harmonics) * t.seconds, harmonics
}

// try is how far a period's statistic exceeds its threshold, with the number of
// harmonics that makes most of it.
func (t *history) try(base *tones, samples float64) (most float64, harmonics int) {
	s := *base
	s.add(samples, 1, 2, 3, 4)
	r := t.regress(&s, t.lags())
	for k := 1; base.n+k <= s.n; k++ {
		if value := r.gain(base.n, base.n+k) - threshold(leastScan, 2*k); value > most {
			most, harmonics = value, k
		}
	}
	return most, harmonics
}

// sharpen is the period near one, in samples, that explains most.
func (t *history) sharpen(base *tones, samples float64, harmonics int) float64 {
	reach := 0.4 / float64(t.n)
	f := largestAt(1/samples-reach, 1/samples+reach, func(f float64) float64 {
		s := *base
		for k := 1; k <= harmonics; k++ {
			s.add(1/f, k)
		}
		r := t.regress(&s, t.lags())
		return r.gain(base.n, s.n)
	})
	return 1 / f
}

// part reports whether a period may be a part of the day or the week: of one that
// was found, or of one that is not known yet.
func (t *history) part(samples float64, found uint8) bool {
	span := float64(t.n) * t.seconds
	of := func(seconds float64, known bool) bool {
		x := seconds / t.seconds / samples
		if !known && (span >= twoCycles*seconds || x > mostParts) {
			return false
		}
		return x > 0.75 && math.Abs(x-math.Round(x)) < sameCell*seconds/span
	}
	dayKnown, weekKnown := found&seasonDay != 0, found&seasonWeek != 0
	return of(day, dayKnown) || (dayKnown || samples*t.seconds > day) && of(week, weekKnown)
}

// longer reports whether a period that has come around too rarely to be tested
// explains more than the one found: then that is a part of it.
func (t *history) longer(base *tones, samples float64) bool {
	for multiple := 2; multiple <= 3; multiple++ {
		long := float64(multiple) * samples
		if repeats := float64(t.n) / long; repeats < 1.4 || repeats >= leastRepeats {
			continue
		}
		s := *base
		s.add(samples, 1, 2, 3)
		from := s.n
		for k := 1; k <= 2*multiple; k++ {
			if k%multiple != 0 {
				s.add(long, k)
			}
		}
		r := t.regress(&s, t.lags())
		if r.gain(from, s.n) >= threshold(leastCalendar, 2*(s.n-from)) {
			return true
		}
	}
	return false
}

// residuals are what trend, lags and tones leave, 0 where values are missing.
func (t *history) residuals(base *tones, lags int) (e [2 * huntSamples]float64) {
	r := t.regress(base, lags)
	b := r.coefficients()
	t.rows(base, lags, func(i int, row []float64) {
		e[i] = row[len(row)-1]
		for k, x := range row[:len(row)-1] {
			e[i] -= float64(b[k] * x)
		}
	})
	return e
}

// peaks are the frequencies of the largest peaks of the spectrum, per sample, 0
// where there are fewer.
func (t *history) peaks(e [2 * huntSamples]float64) (list [mostPeaks]float64) {
	total := 0.0
	for _, x := range e[:t.n] {
		total += float64(x * x)
	}
	power := spectrum(&e)
	var heights [mostPeaks]float64
	first := int(math.Ceil(leastRepeats * 2 * huntSamples / float64(t.n)))
	for k := max(first, 1); k <= 2*huntSamples/shortestPeriod; k++ {
		height := power[k]
		if height < leastPeak*total || height < power[k-1] || height <= power[k+1] {
			continue
		}
		f := float64(k) / (2 * huntSamples)
		for i := range list {
			if height > heights[i] {
				height, heights[i] = heights[i], height
				f, list[i] = list[i], f
			}
		}
	}
	return list
}

// refine is the frequency of most power within reach of f.
func refine(e []float64, f, reach float64) float64 {
	return largestAt(f-reach, f+reach, func(f float64) float64 { return powerAt(e, f) })
}

// largestAt is where a function with one hill between lo and hi is largest, by
// golden sections.
func largestAt(lo, hi float64, of func(float64) float64) float64 {
	const golden, steps = 0.6180339887498949, 9
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	ofA, ofB := of(a), of(b)
	for range steps {
		if ofA > ofB {
			hi, b, ofB = b, a, ofA
			a = hi - golden*(hi-lo)
			ofA = of(a)
		} else {
			lo, a, ofA = a, b, ofB
			b = lo + golden*(hi-lo)
			ofB = of(b)
		}
	}
	return (lo + hi) / 2
}

// powerAt is the power of e at a frequency per sample.
func powerAt(e []float64, f float64) float64 {
	turn := cmplx.Rect(1, -2*math.Pi*f)
	at, sum := complex(1, 0), complex(0, 0)
	for _, x := range e {
		sum += complex(x*real(at), x*imag(at))
		at *= turn
	}
	return real(sum)*real(sum) + imag(sum)*imag(sum)
}

// roots are those of one that spectrum needs.
var roots = func() (w [huntSamples]complex128) {
	for i := range w {
		w[i] = cmplx.Rect(1, -math.Pi*float64(i)/huntSamples)
	}
	return w
}()

// spectrum is the power at multiples of 1/(2*huntSamples) per sample, by the fast
// Fourier transform of Cooley and Tukey.
func spectrum(e *[2 * huntSamples]float64) (power [huntSamples]float64) {
	const n = 2 * huntSamples
	var x [n]complex128
	for i, j := 0, 0; i < n; i++ {
		x[j] = complex(e[i], 0)
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j &^= bit
		}
		j |= bit
	}
	for size := 2; size <= n; size *= 2 {
		half, stride := size/2, n/size
		for from := 0; from < n; from += size {
			for k := range half {
				a, b := x[from+k], x[from+k+half]*roots[k*stride]
				x[from+k], x[from+k+half] = a+b, a-b
			}
		}
	}
	for i := range power {
		power[i] = real(x[i])*real(x[i]) + imag(x[i])*imag(x[i])
	}
	return power
}
