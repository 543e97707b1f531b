package engine

import (
	"fmt"
	"math"
	"testing"

	"tidemark/engine/spec"
)

// TestPopulationExposure: members with ten to a thousand records bring their share
// of distinct values; one whose records are all distinct is found, though many have
// more distinct values than it.
func TestPopulationExposure(t *testing.T) {
	w := newWorld(t, det("high_distinct_count", "uri", "", "client"))
	var sizes [40]int
	for c := range sizes {
		sizes[c] = int(10 * math.Pow(30, w.rng.Float64()))
	}
	crowd := func(int) []row {
		var rows []row
		for c, n := range sizes {
			pages := int(2 * math.Sqrt(float64(n)))
			for range n/2 + w.rng.IntN(n) {
				rows = append(rows, row{"client": fmt.Sprint("c", c), "uri": fmt.Sprint(w.rng.IntN(pages))})
			}
		}
		return rows
	}
	w.hours(120, crowd)
	w.quiet(60, 120, 25, 3)
	w.hours(1, func(h int) []row {
		rows := crowd(h)
		for i := range 28 {
			rows = append(rows, row{"client": "scanner", "uri": fmt.Sprint("/", i)})
		}
		return rows
	})
	if r := w.found(120, 25); r.Over != "scanner" {
		t.Errorf("the record is %+v", r)
	}
}

// TestPopulationMultiplicity: three hundred members with heavy tails give no more
// records than one series would: the chance that any of them stands out is counted.
func TestPopulationMultiplicity(t *testing.T) {
	w := newWorld(t, det(spec.Sum, "bytes", "", "client"))
	w.hours(300, func(int) []row {
		var rows []row
		for c := range 300 {
			rows = append(rows, row{"client": fmt.Sprint("c", c), "bytes": 1000 * math.Exp(1.5*w.rng.NormFloat64())})
		}
		return rows
	})
	w.quiet(60, 300, 1, 30)
}

// TestPopulationOfSmallCounts: the usual count among few distinct ones jumps from one
// to the next from bucket to bucket; a member with the one before is none the less
// usual, and one with many more is found.
func TestPopulationOfSmallCounts(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "status", "client"))
	crowd := func(int) []row {
		var rows []row
		for c := range 60 {
			for range 1 + w.rng.IntN(5) {
				rows = append(rows, row{"client": fmt.Sprint("c", c), "status": fmt.Sprint(w.rng.IntN(3))})
			}
		}
		return rows
	}
	w.hours(24*7, crowd)
	w.quiet(0, 24*7, 25, 0)
	w.hours(1, func(h int) []row {
		rows := crowd(h)
		for range 200 {
			rows = append(rows, row{"client": "c7", "status": "2"})
		}
		return rows
	})
	if r := w.found(24*7, 50); r.Over != "c7" || len(r.Causes) == 0 || r.Causes[0].By != "2" {
		t.Errorf("the record is %+v", r)
	}
}

// TestPopulationOfMeans: a member's mean of two records is no anomaly where one of
// two hundred with the same value is.
func TestPopulationOfMeans(t *testing.T) {
	w := newWorld(t, det(spec.Mean, "v", "", "client"))
	member := func(name string, n int, level float64) (rows []row) {
		for range n {
			rows = append(rows, row{"client": name, "v": level + 10*w.rng.NormFloat64()})
		}
		return rows
	}
	crowd := func() (rows []row) {
		for c := range 30 {
			rows = append(rows, member(fmt.Sprint("c", c), []int{2, 2, 200}[c%3], 100)...)
		}
		return rows
	}
	w.hours(100, func(int) []row { return crowd() })
	w.quiet(48, 100, 25, 2)
	at := func(n int) func(int) []row {
		return func(int) []row {
			rows := crowd()
			for range n {
				rows = append(rows, row{"client": "odd", "v": 112.0})
			}
			return rows
		}
	}
	w.hours(1, at(2))
	w.quiet(100, 101, 25, 0)
	w.hours(1, at(200))
	if r := w.found(101, 25); r.Over != "odd" {
		t.Errorf("the record is %+v", r)
	}
}

// TestPopulationOfPlaces: the causes of a record about places are places.
func TestPopulationOfPlaces(t *testing.T) {
	w := newWorld(t, det("lat_long", "at", "", "user"))
	home := func(int) (rows []row) {
		for u := range 8 {
			rows = append(rows, row{"user": fmt.Sprint("u", u), "at": fmt.Sprintf("%.3f,13.4", 52.5+0.01*w.rng.NormFloat64())})
		}
		return rows
	}
	w.hours(24*10, home)
	w.hours(1, func(h int) []row { return append(home(h), row{"user": "u3", "at": "35.7,139.7"}) })
	r := w.found(24*10, 50)
	if !r.HasPlace || len(r.Causes) != 1 || r.Causes[0].ActualPlace != r.ActualPlace || r.Causes[0].TypicalPlace != r.TypicalPlace || r.ActualPlace.Lon != 139.7 {
		t.Errorf("the record is %+v", r)
	}
}
