package backtest

import (
	"testing"
	"time"

	"tidemark/wire"
)

func record(minute int, score float64, host string) wire.Record {
	return wire.Record{Timestamp: wire.Millis(int64(minute) * 60_000), RecordScore: score, PartitionFieldValue: &host}
}

func minute(n int) time.Time { return time.UnixMilli(int64(n) * 60_000) }

func TestJudge(t *testing.T) {
	r := Run{Span: 5 * time.Minute, Length: 14 * 24 * time.Hour, Series: 2, Records: []wire.Record{
		record(0, 80, "a"), record(5, 60, "a"), // One alert.
		record(5, 80, "b"), // Another: of another series.
		record(20, 80, "a"), record(30, 30, "a"),
		record(100, 90, "b"),
	}}
	labels := []Label{
		{Start: minute(2), End: minute(8)},
		{Start: minute(103), End: minute(110), Series: "b"},
		{Start: minute(103), End: minute(110), Series: "a"},
		{Start: minute(500), End: minute(501)},
	}
	got := r.Judge(labels, 50)
	want := Outcome{Threshold: 50, Alerts: 4, True: 3, Labels: 4, Found: 2, Delay: 3 * time.Minute, FalsePerSeriesWeek: 0.25}
	if got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if p, rec := got.Precision(), got.Recall(); p != 0.75 || rec != 0.5 {
		t.Errorf("precision %v, recall %v", p, rec)
	}
	if got := r.Judge(labels, 95); got.Alerts != 0 || got.Precision() != 1 || got.Recall() != 0 {
		t.Errorf("above every score: %+v", got)
	}
	if missed := r.Missed(labels, 50); len(missed) != 2 || missed[0] != labels[2] || missed[1] != labels[3] {
		t.Errorf("missed are %v", missed)
	}
	if alerts := r.Alerts(50); alerts[0].Top != &r.Records[0] || !alerts[0].End.Equal(minute(10)) {
		t.Errorf("the first alert is %+v", alerts[0])
	}
	if got := r.Judge(nil, 25); got.Alerts != 5 || got.Recall() != 1 {
		t.Errorf("without labels: %+v", got)
	}
}

func TestCompare(t *testing.T) {
	first := Run{Span: 5 * time.Minute, Records: []wire.Record{record(0, 80, "a"), record(5, 60, "a"), record(50, 90, "a"), record(90, 55, "a"), record(0, 70, "b")}}
	second := Run{Span: 5 * time.Minute, Records: []wire.Record{record(5, 95, "a"), record(0, 40, "b"), record(200, 51, "c")}}
	c := Compare(&first, &second, 50)
	if c.Both != 1 || len(c.OnlyFirst) != 3 || c.OnlyFirst[0].Score != 90 || c.OnlyFirst[1].Series[0] != "b" || len(c.OnlySecond) != 1 || c.OnlySecond[0].Series[0] != "c" {
		t.Errorf("%+v", c)
	}
	if c := Compare(&first, &first, 50); c.Both != 4 || len(c.OnlyFirst)+len(c.OnlySecond) != 0 {
		t.Errorf("a run against itself: %+v", c)
	}
}
