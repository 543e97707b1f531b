package demo

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"tidemark/wire"
)

// levels are the marks of the timeline, from nothing to 100.
var levels = []rune("·▁▂▃▄▅▆▇█")

// timeline draws the highest bucket score of each step, with the months below.
func timeline(buckets []wire.Bucket, from, until time.Time, step time.Duration) string {
	n := int((until.Sub(from) + step - 1) / step)
	worst := make([]float64, n)
	for i := range buckets {
		at := int(buckets[i].Timestamp.Time().Sub(from) / step)
		if at >= 0 && at < n {
			worst[at] = max(worst[at], buckets[i].AnomalyScore)
		}
	}
	marks := make([]rune, n)
	for i, score := range worst {
		marks[i] = levels[min(int(score/100*float64(len(levels))), len(levels)-1)]
	}
	return fmt.Sprintf("\n  %s\n  %s\n  the highest anomaly score of each %s, 0 to 100\n\n", string(marks), months(from, step, n), plain(step))
}

func plain(step time.Duration) string {
	if days := int(step / (24 * time.Hour)); days > 1 {
		return fmt.Sprintf("%d days", days)
	}
	return "day"
}

// months names each month where it begins, if there is room.
func months(from time.Time, step time.Duration, n int) string {
	line := []rune(strings.Repeat(" ", n))
	last := time.Month(0)
	free := 0
	for i := range n {
		at := from.Add(time.Duration(i) * step)
		if at.Month() == last {
			continue
		}
		last = at.Month()
		name := []rune("|" + at.Format("Jan"))
		if i >= free && i+len(name) <= n {
			copy(line[i:], name)
			free = i + len(name) + 1
		}
	}
	return strings.TrimRight(string(line), " ")
}

// tableOf lists anomaly records, the worst first.
func tableOf(records []wire.Record) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	style := t.Style()
	style.Format.Header = text.FormatDefault
	style.Options = table.Options{SeparateHeader: true}
	header := table.Row{"", "bucket", "score", "actual", "typical"}
	split := len(records) > 0 && records[0].PartitionFieldName != ""
	if split {
		header = append(header, records[0].PartitionFieldName)
	}
	t.AppendHeader(header)
	for i := range records {
		r := &records[i]
		row := table.Row{i + 1, r.Timestamp.Time().Format("Mon 2006-01-02 15:04"), fmt.Sprintf("%.0f", r.RecordScore), number(r.Actual), number(r.Typical)}
		if split && r.PartitionFieldValue != nil {
			row = append(row, *r.PartitionFieldValue)
		}
		t.AppendRow(row)
	}
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, Align: text.AlignRight}, {Number: 4, Align: text.AlignRight}, {Number: 5, Align: text.AlignRight}})
	var b strings.Builder
	for line := range strings.SplitSeq(t.Render(), "\n") {
		b.WriteString("  " + strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// number writes a value as a person reads it.
func number(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	s := fmt.Sprintf("%.4g", values[0])
	if v := values[0]; v >= 10_000 || v <= -10_000 {
		s = fmt.Sprintf("%.0f", v)
	}
	if utf8.RuneCountInString(s) > 12 {
		s = fmt.Sprintf("%.3g", values[0])
	}
	return s
}
