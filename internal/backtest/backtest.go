// Package backtest says what a job would have found in data of the past, and,
// where labels tell what there was to find, how well.
package backtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tidemark/wire"
)

// Label is something that is known to have happened, from its start up to and
// including its end. Series is empty if any series may show it, else the value
// of a split. What says it in words, if it does.
type Label struct {
	Start, End   time.Time
	Series, What string
}

// Run is what a job found in some data.
type Run struct {
	Records []wire.Record
	// Span is the bucket span, Length the time from the first to the last record
	// of the data, Series the number of series it had.
	Span, Length time.Duration
	Series       int
}

// Outcome is how a run does at one threshold.
type Outcome struct {
	Threshold float64
	// Alerts are runs of neighboring buckets of one series with a record at or
	// above the threshold; True of them touch a label.
	Alerts, True int
	// Labels is how many there are, Found of them have a record.
	Labels, Found int
	// Delay is the median time from a found label's start to the end of the first
	// bucket that has a record for it.
	Delay time.Duration
	// FalsePerSeriesWeek is the rate of alerts that touch no label.
	FalsePerSeriesWeek float64
}

// Precision is the share of alerts that touch a label, 1 without any alert.
func (o *Outcome) Precision() float64 { return share(o.True, o.Alerts) }

// Recall is the share of labels that were found, 1 without any label.
func (o *Outcome) Recall() float64 { return share(o.Found, o.Labels) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// Alert is a run of neighboring buckets of one series with a record at or above a
// threshold.
type Alert struct {
	// Series are the values of its splits.
	Series     []string
	Start, End time.Time
	// Score is the highest record score, and Top the record that has it.
	Score float64
	Top   *wire.Record

	key string
}

// Judge counts what a run found at a threshold of the record score.
func (r *Run) Judge(labels []Label, threshold float64) Outcome {
	o := Outcome{Threshold: threshold, Labels: len(labels)}
	alerts := r.Alerts(threshold)
	o.Alerts = len(alerts)
	for i := range alerts {
		if slices.ContainsFunc(labels, func(l Label) bool { return Touches(&alerts[i], &l) }) {
			o.True++
		}
	}
	var delays []time.Duration
	for i := range labels {
		if at, found := r.first(&labels[i], threshold); found {
			o.Found++
			delays = append(delays, max(0, at.Sub(labels[i].Start)))
		}
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		o.Delay = delays[len(delays)/2]
	}
	if weeks := r.Length.Hours() / (7 * 24) * float64(r.Series); weeks > 0 {
		o.FalsePerSeriesWeek = float64(o.Alerts-o.True) / weeks
	}
	return o
}

// Missed are the labels for which there is no record at or above a threshold.
func (r *Run) Missed(labels []Label, threshold float64) (list []Label) {
	for i := range labels {
		if _, found := r.first(&labels[i], threshold); !found {
			list = append(list, labels[i])
		}
	}
	return list
}

// Alerts joins records of neighboring buckets of one series, by series and time.
func (r *Run) Alerts(threshold float64) []Alert {
	var list []Alert
	for i := range r.Records {
		x := &r.Records[i]
		if x.RecordScore >= threshold {
			start := x.Timestamp.Time()
			names := splits(x)
			list = append(list, Alert{names, start, start.Add(r.Span), x.RecordScore, x, strings.Join(names, "\x00")})
		}
	}
	slices.SortStableFunc(list, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(a.key, b.key), a.Start.Compare(b.Start))
	})
	var joined []Alert
	for _, a := range list {
		if n := len(joined); n > 0 && joined[n-1].key == a.key && !a.Start.After(joined[n-1].End) {
			last := &joined[n-1]
			last.End = later(last.End, a.End)
			if a.Score > last.Score {
				last.Score, last.Top = a.Score, a.Top
			}
			continue
		}
		joined = append(joined, a)
	}
	return joined
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Comparison is what two runs over the same data have in common at a threshold.
type Comparison struct {
	// Both is how many alerts of the first run touch one of the second, of the same
	// series.
	Both int
	// OnlyFirst and OnlySecond are the others, the highest score first.
	OnlyFirst, OnlySecond []Alert
}

// Compare compares the alerts of two runs.
func Compare(first, second *Run, threshold float64) Comparison {
	a, b := first.Alerts(threshold), second.Alerts(threshold)
	c := Comparison{OnlyFirst: without(a, b), OnlySecond: without(b, a)}
	c.Both = len(a) - len(c.OnlyFirst)
	return c
}

// without are the alerts of one list that touch none of the other's.
func without(list, other []Alert) (alone []Alert) {
	for _, x := range list {
		if !slices.ContainsFunc(other, func(y Alert) bool { return x.key == y.key && x.Start.Before(y.End) && y.Start.Before(x.End) }) {
			alone = append(alone, x)
		}
	}
	slices.SortStableFunc(alone, func(x, y Alert) int { return cmp.Compare(y.Score, x.Score) })
	return alone
}

// splits are the values that tell a record's series.
func splits(x *wire.Record) []string {
	var names []string
	for _, v := range []*string{x.PartitionFieldValue, x.ByFieldValue, x.OverFieldValue} {
		if v != nil {
			names = append(names, *v)
		}
	}
	return names
}

// Touches reports whether an alert is about something that a label tells of.
func Touches(a *Alert, l *Label) bool {
	return a.Start.Compare(l.End) <= 0 && a.End.After(l.Start) && (l.Series == "" || slices.Contains(a.Series, l.Series))
}

// first is the end of the first bucket that has a record for a label.
func (r *Run) first(l *Label, threshold float64) (at time.Time, found bool) {
	for i := range r.Records {
		x := &r.Records[i]
		start := x.Timestamp.Time()
		a := Alert{Series: splits(x), Start: start, End: start.Add(r.Span)}
		if x.RecordScore >= threshold && Touches(&a, l) && (!found || a.End.Before(at)) {
			at, found = a.End, true
		}
	}
	return at, found
}
