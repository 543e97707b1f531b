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
// of a split.
type Label struct {
	Start, End time.Time
	Series     string
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

// alert is a run of neighboring buckets of one series.
type alert struct {
	series     string
	names      []string
	start, end time.Time
}

// Judge counts what a run found at a threshold of the record score.
func (r *Run) Judge(labels []Label, threshold float64) Outcome {
	o := Outcome{Threshold: threshold, Labels: len(labels)}
	alerts := r.alerts(threshold)
	o.Alerts = len(alerts)
	for i := range alerts {
		if slices.ContainsFunc(labels, func(l Label) bool { return touches(&alerts[i], &l) }) {
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

// alerts joins records of neighboring buckets of one series.
func (r *Run) alerts(threshold float64) []alert {
	var list []alert
	for i := range r.Records {
		x := &r.Records[i]
		if x.RecordScore >= threshold {
			start := x.Timestamp.Time()
			names := splits(x)
			list = append(list, alert{strings.Join(names, "\x00"), names, start, start.Add(r.Span)})
		}
	}
	slices.SortStableFunc(list, func(a, b alert) int {
		return cmp.Or(cmp.Compare(a.series, b.series), a.start.Compare(b.start))
	})
	var joined []alert
	for _, a := range list {
		if n := len(joined); n > 0 && joined[n-1].series == a.series && !a.start.After(joined[n-1].end) {
			joined[n-1].end = a.end
			continue
		}
		joined = append(joined, a)
	}
	return joined
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

func touches(a *alert, l *Label) bool {
	return a.start.Compare(l.End) <= 0 && a.end.After(l.Start) && (l.Series == "" || slices.Contains(a.names, l.Series))
}

// first is the end of the first bucket that has a record for a label.
func (r *Run) first(l *Label, threshold float64) (at time.Time, found bool) {
	for i := range r.Records {
		x := &r.Records[i]
		start := x.Timestamp.Time()
		a := alert{names: splits(x), start: start, end: start.Add(r.Span)}
		if x.RecordScore >= threshold && touches(&a, l) && (!found || a.end.Before(at)) {
			at, found = a.end, true
		}
	}
	return at, found
}
