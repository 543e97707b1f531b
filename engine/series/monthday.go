package series

import (
	"strconv"
	"time"
)

// Families of days that come back each month. A local day has a place in each of
// them; two days with the same place are the same day of their months in the sense
// of the family.
const (
	fromStart        = iota // the n-th day
	fromEnd                 // the n-th day before the end
	workFromStart           // the n-th day from Monday to Friday
	workFromEnd             // the n-th of them before the end
	weekdayFromStart        // the n-th Tuesday, say
	weekdayFromEnd          // the n-th Tuesday before the end
	families
)

// noPlace is the place of a day that has none in a family.
const noPlace = -1

// monthDay is a local day as the calendar has it.
type monthDay struct {
	month int // months since the year 0
	place [families]int
}

// dayMs is the length of a local day: local times have no gaps that matter here.
const dayMs = 86_400_000

// localDay is the number of the day, since the epoch, in which a local time falls.
func localDay(startMs int64) int32 {
	d := startMs / dayMs
	if startMs%dayMs < 0 {
		d--
	}
	return int32(d)
}

// weekdayOf is the weekday of a day, Monday first.
func weekdayOf(day int32) int { return ((int(day)+3)%7 + 7) % 7 }

// monthDayOf finds a day in the calendar.
func monthDayOf(day int32) (m monthDay) {
	t := time.Unix(int64(day)*86_400, 0).UTC()
	d, weekday := t.Day(), t.Weekday()
	last := t.AddDate(0, 1, -d).Day()
	if t.AddDate(0, 0, 1).Day() == 1 {
		last = d
	}
	m.month = t.Year()*12 + int(t.Month()) - 1
	m.place = [families]int{d, last - d, noPlace, noPlace, int(weekday)*8 + (d-1)/7, int(weekday)*8 + (last-d)/7}
	if weekday != time.Saturday && weekday != time.Sunday {
		m.place[workFromStart] = workdays(weekday, d, -1)
		m.place[workFromEnd] = workdays(weekday, last-d+1, 1)
	}
	return m
}

// workdays counts the days from Monday to Friday among n that begin with a weekday
// and go back or on.
func workdays(from time.Weekday, n, step int) (count int) {
	for i := range n {
		if at := ((int(from)+step*i)%7 + 7) % 7; at != int(time.Saturday) && at != int(time.Sunday) {
			count++
		}
	}
	return count
}

// same are the families in which two days have the same place, as a set.
func (m *monthDay) same(o *monthDay) (set uint8) {
	for f, place := range m.place {
		if place != noPlace && place == o.place[f] {
			set |= 1 << f
		}
	}
	return set
}

// nameOrder is by which of several families a day is named.
var nameOrder = [families]int{fromEnd, workFromEnd, fromStart, workFromStart, weekdayFromEnd, weekdayFromStart}

// name says on which days an effect comes: those of the family that names them
// best.
func (e *effect) name() string {
	place := monthDayOf(e.day).place
	best, at := "", 0
	for _, f := range nameOrder {
		if e.families>>f&1 == 0 {
			continue
		}
		// What is close to an end of the month is more likely to be told from there.
		if name, n := nameDay(f, place[f]); best == "" || n < at {
			best, at = name, n
		}
	}
	return best
}

// nameDay names a place in a family, and says the how manieth it is.
func nameDay(family, place int) (name string, n int) {
	count, what, end := place, "day", " of the month"
	switch family {
	case fromEnd:
		count++
	case workFromStart, workFromEnd:
		what = "working day"
	case weekdayFromStart, weekdayFromEnd:
		count, what = place%8+1, time.Weekday(place/8).String()
	}
	if family == fromEnd || family == workFromEnd || family == weekdayFromEnd {
		if count == 1 {
			return "last " + what + end, 1
		}
		return ordinal(count) + " " + what + " before the end" + end, count
	}
	return ordinal(count) + " " + what + end, count
}

// ordinal writes a number from 1 to 31 as a place in a row.
func ordinal(n int) string {
	suffix := "th"
	if n < 11 || n > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
