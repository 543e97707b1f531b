package series

import "math"

// The experts, short ones first.
const (
	expLast = iota
	expFast
	expMid
	expTrend
	expDayLast
	expDayOffset
	expWeekLast
	expWeekOffset
	expSlow
	expDaySlow
	expWeekSlow
	experts
	shortExperts = expSlow
)

const features = 6

// Core is the state of one series without its season. Its fields are in the
// units of the series' values where not said otherwise.
type Core struct {
	seen   float64 // buckets learned
	lastMs int64   // start of the last bucket learned

	last, fast, mid    float64
	trendLevel, trend  float64
	dayLast, dayMean   float64 // deviations from the daily curve: last, moving
	weekLast, weekMean float64 // the same from daily and weekly curve
	slow, slower       float64 // levels of days and of weeks
	daySlow, weekSlow  float64
	meanAbs            float64
	recent, lasting    float64 // mean |e| of the short prediction, 8 hours and 12 days
	longScale          float64 // mean |e| of the long prediction

	low, high [features]float64 // range of each novelty feature

	err [experts]float64 // aged mean absolute error

	// The dependence on the number of records, see records.go.
	records records
	sparse  sparse
	// told is for how many buckets something that lasts was evident, forgotten
	// within hours once it is not.
	told float32
	// out is for how many buckets an outage has lasted, see outage.go.
	out float32

	meanCount float64 // plain mean, for counts

	windows windows
	shift   shift
	stray   stray

	tailA, tailB tail
	chance       chance
	rank         rankTail

	// heard is the strongest evidence of what lasts that was told, in heardSteps.
	heard    uint8
	shortRun int8 // length of the run of one-sided outliers; the sign is its side
	longRun  int16
	zeroRun  uint32 // zeros since the last other value
}

// Init makes c the state of a series that has seen nothing.
func (c *Core) Init(p *Params) {
	*c = Core{lastMs: math.MinInt64}
	c.tailA.init()
	c.tailB.init()
	c.windows.init()
	c.chance.init()
	c.rank.init()
}

// levels are those that a move of the series moves.
func (c *Core) levels() [4]*float64 {
	return [...]*float64{&c.slow, &c.slower, &c.daySlow, &c.weekSlow}
}

// Seen is the number of buckets learned.
func (c *Core) Seen() float64 { return c.seen }

// WantsSeason reports whether the series has lived and varied long enough that
// a season is worth its memory. Once true the engine passes a Season to every
// later call; until it does, the model works without.
func (p *Params) WantsSeason(c *Core) bool {
	if p.daySlots == 0 && p.weekSlots == 0 {
		return false
	}
	return c.seen >= p.seasonAfter && c.lasting > 0
}
