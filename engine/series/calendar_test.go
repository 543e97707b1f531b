package series

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"tidemark/engine/spec"
)

// TestMonthDay: each family finds the days it names, in months of every length and
// before the epoch.
func TestMonthDay(t *testing.T) {
	for date, want := range map[string][families]int{
		"2024-02-29": {29, 0, 21, 1, 4*8 + 4, 4 * 8},
		"2023-02-28": {28, 0, 20, 1, 2*8 + 3, 2 * 8},
		"2024-03-31": {31, 0, noPlace, noPlace, 0*8 + 4, 0},
		"2024-03-29": {29, 2, 21, 1, 5*8 + 4, 5 * 8},
		"2024-04-01": {1, 29, 1, 22, 1 * 8, 1*8 + 4},
		"1969-12-31": {31, 0, 23, 1, 3*8 + 4, 3 * 8},
	} {
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		m := monthDayOf(localDay(at.UnixMilli() + dayMs - 1))
		if m.place != want {
			t.Errorf("%s is at %v, want %v", date, m.place, want)
		}
		if month := at.Year()*12 + int(at.Month()) - 1; m.month != month {
			t.Errorf("%s is in month %d, want %d", date, m.month, month)
		}
	}
}

// TestMonthDayNames: an effect is named by the day that is told from an end of the
// month.
func TestMonthDayNames(t *testing.T) {
	day := func(date string) int32 {
		at, _ := time.Parse(time.DateOnly, date)
		return localDay(at.UnixMilli())
	}
	for _, c := range []struct {
		date     string
		families uint8
		want     string
	}{
		{"2024-03-31", 1<<fromEnd | 1<<fromStart, "last day of the month"},
		{"2024-03-30", 1 << fromEnd, "2nd day before the end of the month"},
		{"2024-03-01", 1<<fromStart | 1<<workFromStart, "1st day of the month"},
		{"2024-03-15", 1 << fromStart, "15th day of the month"},
		{"2024-03-29", 1<<workFromEnd | 1<<weekdayFromEnd, "last working day of the month"},
		{"2024-03-04", 1 << weekdayFromStart, "1st Monday of the month"},
	} {
		e := effect{day: day(c.date), families: c.families}
		if got := e.name(); got != c.want {
			t.Errorf("%s in families %b is the %q, want %q", c.date, c.families, got, c.want)
		}
	}
}

// monthly is a run of a series of hours with a day, whose months end with height
// more from eight to twenty o'clock, for so many days. It calls see with every
// bucket.
func monthly(height float64, days int, see func(at time.Time, ends bool, v *Verdict)) *run {
	r, rng := newRun(spec.Mean, 3_600_000), noise(90)
	for range days * 24 {
		at := time.UnixMilli(r.startMs()).UTC()
		ends := at.AddDate(0, 0, 1).Day() == 1
		x := 100 + 5*math.Sin(r.daily()) + rng.NormFloat64()
		if ends && at.Hour() >= 8 && at.Hour() < 20 {
			x += height
		}
		v := r.next(x)
		if see != nil {
			see(at, ends, &v)
		}
	}
	return r
}

// TestMonthEnd: what each month ends with is no news from the fourth time on; the
// same on another day is, and so is a month that ends without it.
func TestMonthEnd(t *testing.T) {
	for _, height := range []float64{8, -6} {
		loud := map[string]float64{}
		r := monthly(height, 275, func(at time.Time, ends bool, v *Verdict) {
			if ends {
				month := at.Format("2006-01")
				loud[month] = math.Max(loud[month], v.Score)
			}
		})
		for month, most := range loud {
			if early := month < "2024-02"; early && most < 25 || !early && month > "2024-03" && most >= 35 {
				t.Errorf("%g at the end of %s scores %g at most", height, month, most)
			}
		}
		found := r.m.Found()
		if len(found) != 1 || found[0].Days != "last day of the month" || math.Abs(found[0].Heights[12]-height) > 2 || math.Abs(found[0].Heights[3]) > 2 || found[0].Times < 6 {
			t.Fatalf("found %+v", found)
		}
		for name, change := range map[string]func(at time.Time, x float64) float64{
			"missing": func(at time.Time, x float64) float64 {
				if at.Hour() >= 8 && at.Hour() < 20 && at.Day() == 31 {
					x -= height
				}
				return x
			},
			"another day": func(at time.Time, x float64) float64 {
				if at.Hour() >= 8 && at.Hour() < 20 && at.Day() == 22 {
					x += height
				}
				return x
			},
		} {
			again, season, month := *r, *r.s, *r.m
			again.s, again.m, again.h = &season, &month, nil
			rng, most := noise(91), 0.0
			for range 16 * 24 {
				at := time.UnixMilli(again.startMs()).UTC()
				x := 100 + 5*math.Sin(again.daily()) + rng.NormFloat64()
				if at.AddDate(0, 0, 1).Day() == 1 && at.Hour() >= 8 && at.Hour() < 20 {
					x += height
				}
				most = math.Max(most, again.next(change(at, x)).Score)
			}
			if most < 25 {
				t.Errorf("%g, %s: scores %g at most", height, name, most)
			}
		}
	}
}

// TestMonthEndEnds: what came at month ends and comes no more is forgotten, and the
// calendar given back.
func TestMonthEndEnds(t *testing.T) {
	r := monthly(8, 170, nil)
	if len(r.m.Found()) != 1 {
		t.Fatalf("found %+v", r.m.Found())
	}
	rng := noise(92)
	for range 24 * 120 {
		r.next(100 + 5*math.Sin(r.daily()) + rng.NormFloat64())
	}
	if r.m != nil {
		t.Errorf("after four months without it there is %+v", r.m.Found())
	}
}

// TestLearnZerosWithCalendar: silent buckets at once leave the same calendar as one
// after the other, across a month's end.
func TestLearnZerosWithCalendar(t *testing.T) {
	a := monthly(8, 165, nil)
	b, season, month := *a, *a.s, *a.m
	b.s, b.m = &season, &month
	hunt := *a.h
	b.h = &hunt
	const n = 24 * 20
	a.p.LearnZeros(&a.c, a.s, a.h, a.m, a.startMs(), n)
	for i := range int64(n) {
		b.p.LearnZeros(&b.c, b.s, b.h, b.m, b.startMs()+i*b.p.spanMs, 1)
	}
	if !bytes.Equal(a.m.Append(nil), b.m.Append(nil)) || *a.s != *b.s {
		t.Fatal("the calendars differ")
	}
}

// TestCalendarEncoding: a calendar comes back bit for bit; one that cannot be, or is
// cut off, is refused.
func TestCalendarEncoding(t *testing.T) {
	m := monthly(8, 165, nil).m
	enc := m.Append([]byte{1})
	back := Calendar{day: 5}
	rest, err := back.Decode(append(slices.Clone(enc[1:]), 9))
	if err != nil || len(rest) != 1 || back != *m || len(enc) != 1+CalendarBytes {
		t.Fatalf("decoded with %d bytes left, error %v", len(rest), err)
	}
	for cut := range CalendarBytes {
		if _, err := new(Calendar).Decode(enc[1 : 1+cut]); !errors.Is(err, ErrShort) {
			t.Fatalf("%d bytes: error %v", cut, err)
		}
	}
	for name, harm := range map[string]func(m *Calendar){
		"a sum that is none":     func(m *Calendar) { m.sums[3] = float32(math.NaN()) },
		"an unknown family":      func(m *Calendar) { m.effects[0].families |= 1 << families },
		"an endless height":      func(m *Calendar) { m.effects[0].height[23] = float32(math.Inf(1)) },
		"too few times":          func(m *Calendar) { m.effects[0].hits = 2 },
		"a day that is too late": func(m *Calendar) { m.effects[0].day = math.MaxInt32 },
	} {
		bad := *m
		harm(&bad)
		if _, err := new(Calendar).Decode(bad.Append(nil)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestDailyBuckets: a series of daily buckets may have another season, though it
// cannot have a daily one.
func TestDailyBuckets(t *testing.T) {
	r, rng := newRun(spec.Mean, dayMs), noise(93)
	found := false
	for range 500 {
		finite(t, r.next(100+20*math.Sin(2*math.Pi*float64(r.i)/11.3)+rng.NormFloat64()))
		found = found || r.s.Found().Period > 0
	}
	if !found {
		t.Error("a period of 11.3 days is not found in 500 days")
	}
}
