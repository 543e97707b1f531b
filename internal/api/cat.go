package api

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/index"
	"tidemark/internal/match"
	"tidemark/wire"
)

// catQuery are the parameters of all tables for people.
var catQuery = []string{"allow_no_match", "allow_no_jobs", "allow_no_datafeeds", "bytes", "time", "h", "s", "v", "help", "format", "local", "master_timeout",
	"actions", "detailed", "nodes", "node_id", "parent_task_id", "expand_wildcards", "health", "pri", "include_unloaded_segments"}

// column is one of a table: its names, what it holds, and whether it is shown
// unless asked otherwise.
type column struct {
	names []string
	shown bool
	help  string
}

// cell is one value: a text, a number, a size in bytes or a duration.
type cell struct {
	text  string
	n     float64
	bytes bool
	ms    bool
}

func textCell(s string) cell { return cell{text: s} }
func numCell(n int64) cell   { return cell{text: strconv.FormatInt(n, 10), n: float64(n)} }
func byteCell(n int64) cell  { return cell{n: float64(n), bytes: true} }
func timeCell(ms float64) cell {
	return cell{n: ms, ms: true}
}

// units of sizes and times, as the parameters name them.
var (
	byteUnits = map[string]float64{"b": 1, "kb": 1 << 10, "k": 1 << 10, "mb": 1 << 20, "m": 1 << 20, "gb": 1 << 30, "g": 1 << 30, "tb": 1 << 40, "t": 1 << 40, "pb": 1 << 50, "p": 1 << 50}
	timeUnits = map[string]float64{"nanos": 1e-6, "micros": 1e-3, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
)

// show writes a value in the unit that was asked for.
func (c *cell) show(bytes, times float64) string {
	switch {
	case c.bytes && bytes > 0:
		return strconv.FormatInt(int64(c.n/bytes), 10)
	case c.bytes:
		return wire.FormatSize(int64(c.n))
	case c.ms && times > 0:
		return strconv.FormatInt(int64(c.n/times), 10)
	case c.ms:
		return wire.FormatDuration(time.Duration(c.n) * time.Millisecond)
	}
	return c.text
}

// table answers with rows, as text or as JSON.
func (q *request) table(columns []column, rows [][]cell) error {
	for _, name := range []string{"v", "help"} {
		if _, err := q.boolean(name, false); err != nil {
			return err
		}
	}
	if help, _ := q.boolean("help", false); help {
		return q.tableHelp(columns)
	}
	chosen, err := q.columns(columns)
	if err != nil {
		return err
	}
	if err := q.sortRows(columns, rows); err != nil {
		return err
	}
	unit := func(name string, units map[string]float64) (float64, error) {
		if text := q.query.Get(name); text != "" {
			if u, known := units[text]; known {
				return u, nil
			}
			return 0, wire.Refuse(wire.TypeIllegalArgument, "[%s] must not be [%s]; it is a unit such as mb or s", name, wire.Clip(text))
		}
		return 0, nil
	}
	bytes, err := unit("bytes", byteUnits)
	if err != nil {
		return err
	}
	times, err := unit("time", timeUnits)
	if err != nil {
		return err
	}
	if q.wantsJSON() {
		// The members stand in the order of the columns.
		list := object{b: []byte{'['}}
		for _, row := range rows {
			o := object{b: []byte{'{'}}
			for _, c := range chosen {
				quoted, err := jsontext.AppendQuote(nil, row[c.at].show(bytes, times))
				if err != nil {
					return err
				}
				o.add(c.title, quoted)
			}
			if len(list.b) > 1 {
				list.b = append(list.b, ',')
			}
			list.b = append(append(list.b, o.b...), '}')
		}
		q.send(http.StatusOK, append(list.b, ']'))
		return nil
	}
	var lines [][]string
	if v, _ := q.boolean("v", false); v {
		var head []string
		for _, c := range chosen {
			head = append(head, c.title)
		}
		lines = append(lines, head)
	}
	for _, row := range rows {
		var line []string
		for _, c := range chosen {
			line = append(line, row[c.at].show(bytes, times))
		}
		lines = append(lines, line)
	}
	q.plain(aligned(lines))
	return nil
}

func (q *request) wantsJSON() bool {
	accept := q.Header.Get("Accept")
	return q.query.Get("format") == "json" || q.query.Get("format") == "" && strings.Contains(accept, "json") && !strings.Contains(accept, "text/")
}

// pickedColumn is a column in the answer, under the name it was asked by.
type pickedColumn struct {
	at    int
	title string
}

// columns resolves the h parameter.
func (q *request) columns(all []column) (chosen []pickedColumn, err error) {
	if q.query.Get("h") == "" {
		for i, c := range all {
			if c.shown {
				chosen = append(chosen, pickedColumn{i, c.names[0]})
			}
		}
		return chosen, nil
	}
	for name := range strings.SplitSeq(q.query.Get("h"), ",") {
		for i, c := range all {
			switch {
			case strings.Contains(name, "*") && match.Pattern(name, c.names[0]):
				chosen = append(chosen, pickedColumn{i, c.names[0]})
			case slices.Contains(c.names, name):
				chosen = append(chosen, pickedColumn{i, name})
			}
		}
	}
	return chosen, nil
}

// sortRows sorts by the s parameter: columns, each with :desc if so.
func (q *request) sortRows(all []column, rows [][]cell) error {
	if q.query.Get("s") == "" {
		return nil
	}
	keys := strings.Split(q.query.Get("s"), ",")
	slices.Reverse(keys)
	for _, key := range keys {
		name, direction, _ := strings.Cut(key, ":")
		at := slices.IndexFunc(all, func(c column) bool { return slices.Contains(c.names, name) })
		if at < 0 {
			return wire.Refuse(wire.TypeIllegalArgument, "Unable to sort by unknown sort key `%s`", wire.Clip(name))
		}
		slices.SortStableFunc(rows, func(a, b []cell) int {
			n := cmp.Or(cmp.Compare(a[at].n, b[at].n), cmp.Compare(a[at].text, b[at].text))
			if direction == "desc" {
				return -n
			}
			return n
		})
	}
	return nil
}

func (q *request) tableHelp(columns []column) error {
	var lines [][]string
	for _, c := range columns {
		lines = append(lines, []string{c.names[0], "|", strings.Join(c.names[1:], ","), "|", c.help})
	}
	q.plain(aligned(lines))
	return nil
}

// aligned writes lines in columns of equal width.
func aligned(lines [][]string) string {
	var width []int
	for _, line := range lines {
		for i, s := range line {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len(s))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		for i, s := range line {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%-*s", width[i], s)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// plain sends text.
func (q *request) plain(text string) {
	q.shape = shape{media: "text/plain; charset=UTF-8"}
	q.send(http.StatusOK, []byte(text))
}

var jobColumns = []column{
	{[]string{"id"}, true, "the job_id"}, {[]string{"state", "s"}, true, "the job state"}, {[]string{"opened_time", "ot"}, false, "how long the job has been open"},
	{[]string{"assignment_explanation", "ae"}, false, "why the job does not run"},
	{[]string{"data.processed_records", "dpr", "dataProcessedRecords"}, true, "records processed"}, {[]string{"data.processed_fields", "dpf"}, false, "fields processed"},
	{[]string{"data.input_bytes", "dib"}, false, "bytes received"}, {[]string{"data.input_records", "dir"}, false, "records received"}, {[]string{"data.input_fields", "dif"}, false, "fields received"},
	{[]string{"data.invalid_dates", "did"}, false, "records without a usable time"}, {[]string{"data.missing_fields", "dmf"}, false, "fields missing"},
	{[]string{"data.out_of_order_timestamps", "doot"}, false, "records that came too late"}, {[]string{"data.empty_buckets", "deb"}, false, "buckets without records"},
	{[]string{"data.sparse_buckets", "dsb"}, false, "buckets with few records"}, {[]string{"data.buckets", "db"}, false, "buckets of the data"},
	{[]string{"data.earliest_record", "der"}, false, "time of the earliest record"}, {[]string{"data.latest_record", "dlr"}, false, "time of the latest record"},
	{[]string{"data.last", "dl"}, false, "when data came last"}, {[]string{"data.last_empty_bucket", "dleb"}, false, "latest bucket without records"}, {[]string{"data.last_sparse_bucket", "dlsb"}, false, "latest bucket with few records"},
	{[]string{"model.bytes", "mb", "modelBytes"}, true, "what the models take"}, {[]string{"model.memory_status", "mms", "modelMemoryStatus"}, true, "how full the memory is"},
	{[]string{"model.bytes_exceeded", "mbe"}, false, "how much the limit was exceeded by"}, {[]string{"model.memory_limit", "mml"}, false, "the memory limit"},
	{[]string{"model.by_fields", "mbf"}, false, "by values"}, {[]string{"model.over_fields", "mof"}, false, "over values"}, {[]string{"model.partition_fields", "mpf"}, false, "partition values"},
	{[]string{"model.bucket_allocation_failures", "mbaf"}, false, "buckets in which memory was short"}, {[]string{"model.categorization_status", "mcs"}, false, "state of categorization"},
	{[]string{"model.categorized_doc_count", "mcdc"}, false, "messages categorized"}, {[]string{"model.total_category_count", "mtcc"}, false, "categories"}, {[]string{"model.frequent_category_count", "modelFrequentCategoryCount"}, false, "frequent categories"},
	{[]string{"model.rare_category_count", "mrcc"}, false, "rare categories"}, {[]string{"model.dead_category_count", "mdcc"}, false, "dead categories"}, {[]string{"model.failed_category_count", "mfcc"}, false, "categories without room"},
	{[]string{"model.log_time", "mlt"}, false, "when the figures were stored"}, {[]string{"model.timestamp", "mt"}, false, "the latest bucket of the figures"},
	{[]string{"forecasts.total", "ft", "forecastsTotal"}, true, "forecasts"},
	{[]string{"forecasts.memory.total", "fmt"}, false, "memory of all forecasts"}, {[]string{"forecasts.memory.min", "fmmin"}, false, "least memory"}, {[]string{"forecasts.memory.max", "fmmax"}, false, "most memory"}, {[]string{"forecasts.memory.avg", "fmavg"}, false, "mean memory"},
	{[]string{"forecasts.records.total", "frt"}, false, "values of all forecasts"}, {[]string{"forecasts.records.min", "frmin"}, false, "fewest values"}, {[]string{"forecasts.records.max", "frmax"}, false, "most values"}, {[]string{"forecasts.records.avg", "fravg"}, false, "mean values"},
	{[]string{"forecasts.time.total", "ftt"}, false, "time of all forecasts"}, {[]string{"forecasts.time.min", "ftmin"}, false, "least time"}, {[]string{"forecasts.time.max", "ftmax"}, false, "most time"}, {[]string{"forecasts.time.avg", "ftavg"}, false, "mean time"},
	{[]string{"node.id", "ni"}, false, "id of the node"}, {[]string{"node.name", "nn"}, false, "name of the node"}, {[]string{"node.ephemeral_id", "ne"}, false, "id of the process"}, {[]string{"node.address", "na"}, false, "address of the node"},
	{[]string{"buckets.count", "bc", "bucketsCount"}, true, "buckets of results"}, {[]string{"buckets.time.total", "btt"}, false, "time of all buckets"}, {[]string{"buckets.time.min", "btmin"}, false, "least time of a bucket"},
	{[]string{"buckets.time.max", "btmax"}, false, "most time of a bucket"}, {[]string{"buckets.time.exp_avg", "btea"}, false, "mean time of the last buckets"}, {[]string{"buckets.time.exp_avg_hour", "bteah"}, false, "the same for an hour of data"},
}

func catJobs(q *request) error {
	list, err := q.statsOfJobs()
	if err != nil {
		return err
	}
	rows := make([][]cell, len(list))
	for i, s := range list {
		rows[i] = q.jobRow(s)
	}
	return q.table(jobColumns, rows)
}

// jobRow has a cell for each of jobColumns.
func (q *request) jobRow(s *wire.JobStats) []cell {
	d, m, t := &s.DataCounts, &s.ModelSizeStats, &s.TimingStats
	at := func(ms *wire.Millis) cell {
		if ms == nil {
			return cell{}
		}
		return cell{text: ms.String(), n: float64(*ms)}
	}
	optional := func(n *int64) cell {
		if n == nil {
			return cell{}
		}
		return byteCell(*n)
	}
	took := func(ms *float64) cell {
		if ms == nil {
			return cell{}
		}
		return timeCell(*ms)
	}
	row := []cell{textCell(s.JobID), textCell(string(s.State)), textCell(s.OpenTime), textCell(s.AssignmentExplanation),
		numCell(d.ProcessedRecordCount), numCell(d.ProcessedFieldCount), byteCell(d.InputBytes), numCell(d.InputRecordCount), numCell(d.InputFieldCount),
		numCell(d.InvalidDateCount), numCell(d.MissingFieldCount), numCell(d.OutOfOrderTimestampCount), numCell(d.EmptyBucketCount), numCell(d.SparseBucketCount), numCell(d.BucketCount),
		at(d.EarliestRecordTimestamp), at(d.LatestRecordTimestamp), at(d.LastDataTime), at(d.LatestEmptyBucketTimestamp), at(d.LatestSparseBucketTimestamp),
		byteCell(m.ModelBytes), textCell(m.MemoryStatus), optional(m.ModelBytesExceeded), optional(m.ModelBytesMemoryLimit),
		numCell(m.TotalByFieldCount), numCell(m.TotalOverFieldCount), numCell(m.TotalPartitionFieldCount), numCell(m.BucketAllocationFailuresCount), textCell(m.CategorizationStatus),
		numCell(m.CategorizedDocCount), numCell(m.TotalCategoryCount), numCell(m.FrequentCategoryCount), numCell(m.RareCategoryCount), numCell(m.DeadCategoryCount), numCell(m.FailedCategoryCount),
		at(&m.LogTime), at(m.Timestamp), numCell(s.ForecastsStats.Total)}
	for _, x := range []*wire.Spread{s.ForecastsStats.MemoryBytes, s.ForecastsStats.Records, s.ForecastsStats.ProcessingTimeMs} {
		if x == nil {
			row = append(row, cell{}, cell{}, cell{}, cell{})
			continue
		}
		row = append(row, numCell(int64(x.Total)), numCell(int64(x.Min)), numCell(int64(x.Max)), numCell(int64(x.Avg)))
	}
	if s.State == wire.StateOpened {
		n := q.node()
		row = append(row, textCell(n.ID), textCell(n.Name), textCell(n.EphemeralID), textCell(n.TransportAddress))
	} else {
		row = append(row, cell{}, cell{}, cell{}, cell{})
	}
	return append(row, numCell(t.BucketCount), timeCell(t.TotalBucketProcessingTimeMs), took(t.MinimumBucketProcessingTimeMs), took(t.MaximumBucketProcessingTimeMs),
		took(t.ExponentialAverageBucketProcessingTimeMs), timeCell(t.ExponentialAverageProcessingTimePerHourMs))
}

var feedColumns = []column{
	{[]string{"id"}, true, "the datafeed_id"}, {[]string{"state", "s"}, true, "the datafeed state"}, {[]string{"assignment_explanation", "ae"}, false, "what keeps it from working"},
	{[]string{"buckets.count", "bc", "bucketsCount"}, true, "buckets of the job's data"}, {[]string{"search.count", "sc", "searchCount"}, true, "searches"}, {[]string{"search.time", "st"}, false, "time of all searches"},
	{[]string{"search.bucket_avg", "sba"}, false, "mean time of searches for a bucket"}, {[]string{"search.exp_avg_hour", "seah"}, false, "mean time of searches for an hour of data"},
	{[]string{"node.id", "ni"}, false, "id of the node"}, {[]string{"node.name", "nn"}, false, "name of the node"}, {[]string{"node.ephemeral_id", "ne"}, false, "id of the process"}, {[]string{"node.address", "na"}, false, "address of the node"},
}

func catFeeds(q *request) error {
	list, err := q.statsOfFeeds()
	if err != nil {
		return err
	}
	rows := make([][]cell, len(list))
	for i := range list {
		s, n := &list[i], q.node()
		mean := cell{}
		if a := s.TimingStats.AverageSearchTimePerBucket; a != nil {
			mean = timeCell(*a)
		}
		rows[i] = []cell{textCell(s.DatafeedID), textCell(s.State), textCell(s.AssignmentExplanation), numCell(s.TimingStats.BucketCount), numCell(s.TimingStats.SearchCount),
			timeCell(s.TimingStats.TotalSearchTimeMs), mean, timeCell(s.TimingStats.ExponentialAveragePerHourMs),
			textCell(n.ID), textCell(n.Name), textCell(n.EphemeralID), textCell(n.TransportAddress)}
		if s.State == "stopped" {
			clear(rows[i][8:])
		}
	}
	return q.table(feedColumns, rows)
}

// catNothing answers for what there never is any of.
func catNothing(q *request) error { return q.table([]column{{[]string{"id"}, true, "the id"}}, nil) }

func catTasks(q *request) error {
	var rows [][]cell
	for i, t := range q.tasks() {
		rows = append(rows, []cell{textCell(t.action), textCell(fmt.Sprintf("%s:%d", q.h.opt.NodeName, i+1)), textCell("-"), textCell("persistent"), textCell(t.description)})
	}
	return q.table([]column{{[]string{"action", "ac"}, true, "the task's action"}, {[]string{"task_id", "ti"}, true, "the task's id"}, {[]string{"parent_task_id", "pti"}, true, "the parent's id"},
		{[]string{"type", "ty"}, true, "the task's type"}, {[]string{"description", "desc"}, false, "what the task is for"}}, rows)
}

func catIndices(q *request) error {
	names := q.values["index"]
	if names == "" && q.query.Get("expand_wildcards") == "all" {
		names = "*,.*"
	}
	list, err := q.h.opt.Index.Resolve(names, index.Options{AllowNone: true})
	if err != nil {
		return err
	}
	var rows [][]cell
	for i := range list {
		n, err := q.h.opt.Index.Count(q.Context(), &list[i])
		if err != nil {
			return err
		}
		id := ""
		if list[i].Docs != nil {
			id = list[i].Docs.UUID
		}
		rows = append(rows, []cell{textCell("green"), textCell("open"), textCell(list[i].Name), textCell(id), numCell(1), numCell(0), numCell(n)})
	}
	return q.table([]column{{[]string{"health", "h"}, true, "how the index is"}, {[]string{"status", "s"}, true, "open or closed"}, {[]string{"index", "i", "idx"}, true, "the name"}, {[]string{"uuid", "id"}, true, "the id"},
		{[]string{"pri", "p"}, true, "shards"}, {[]string{"rep", "r"}, true, "copies"}, {[]string{"docs.count", "dc", "docsCount"}, true, "plain documents"}}, rows)
}
