package job

import (
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/document"
	"tidemark/internal/query"
	"tidemark/internal/store"
	"tidemark/wire"
)

// Kinds of result documents that have a table of their own or none.
const (
	kindSnapshot = "model_snapshot"
	kindOther    = "other"
)

// ResultsOf names a live job with the index that its results stand in.
type ResultsOf struct{ Job, Index string }

// Results lists where the results of all jobs stand, by job.
func (m *Manager) Results() []ResultsOf {
	var list []ResultsOf
	for _, j := range m.all() {
		list = append(list, ResultsOf{Job: j.id, Index: document.ResultsIndex(j.conf.Load().wire)})
	}
	return list
}

// ScanResults calls visit with a job's result documents in a range; others may be
// among them.
func (m *Manager) ScanResults(ctx context.Context, id string, r store.ScanRange, visit func(docID string, doc []byte) error) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	at, begin := r.Moves()
	err = m.opt.Store.Scan(ctx, j.num, r, func(docID string, doc []byte) error {
		if docID == "" {
			docID = documentID(id, doc)
		}
		return visit(docID, doc)
	})
	if err != nil || r.Types != nil && !r.Has("model_size_stats") {
		return err
	}
	at.Part = store.PartOwn
	n := int64(0)
	own := func(docID string, v any) error {
		n++
		if at.Run = n; begin.Part == store.PartOwn && n <= begin.Run {
			return nil
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return visit(docID, raw)
	}
	// What the job's row holds are documents to others.
	stats := j.stats(m.opt.Clock())
	if err := own(id+"_data_counts", stats.DataCounts); err != nil {
		return err
	}
	if err := own(id+"_model_size_stats", stats.ModelSizeStats); err != nil {
		return err
	}
	snapshots, err := j.snapshots(ctx)
	for i := range snapshots {
		if err != nil || snapshots[i].written {
			continue // Those that a client wrote came with the scan.
		}
		err = own(id+"_model_snapshot_"+snapshots[i].SnapshotID, &snapshots[i].ModelSnapshot)
	}
	return err
}

// documentID derives the id of a bucket's or category's document.
func documentID(job string, doc []byte) string {
	number := func(name string) string {
		for _, v := range query.Values(doc, name) {
			return strconv.FormatInt(int64(v.Num), 10)
		}
		return ""
	}
	if c := number("category_id"); c != "" {
		return job + "_category_definition_" + c
	}
	return job + "_bucket_" + number("timestamp") + "_" + number("bucket_span")
}

// timed are ids that tell the time of their document.
var timed = regexp.MustCompile(`_(?:bucket|record|influencer|model_plot)_(\d{1,15})_`)

// errFound ends a scan.
var errFound = errors.New("found")

// ResultDocument returns one of a job's result documents by its id.
func (m *Manager) ResultDocument(ctx context.Context, job, docID string) (doc []byte, found bool, err error) {
	visit := func(id string, have []byte) error {
		if id == docID {
			doc, found = append([]byte{}, have...), true
			return errFound
		}
		return nil
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if at := timed.FindStringSubmatch(docID); at != nil && strings.HasPrefix(docID, job) {
		if ms, err := strconv.ParseInt(at[1], 10, 64); err == nil {
			from, to = ms, ms+1
		}
	}
	if err = m.ScanResults(ctx, job, store.ScanRange{FromMs: from, ToMs: to}, visit); errors.Is(err, errFound) {
		err = nil
	}
	return doc, found, err
}

// computed are ids of results that only the job itself makes and that stand
// beside the rows of what clients write.
var computed = regexp.MustCompile(`_(?:bucket|record|influencer)_\d`)

// Computed reports whether a result document is one that the job has computed:
// such a document can be neither replaced nor removed by itself.
func (m *Manager) Computed(ctx context.Context, id, docID string) (bool, error) {
	if !computed.MatchString(docID) {
		return false, nil
	}
	j, err := m.find(id)
	if err != nil {
		return false, err
	}
	if own, err := m.opt.Store.HasWritten(ctx, j.num, docID); err != nil || own {
		return false, err
	}
	_, found, err := m.ResultDocument(ctx, id, docID)
	return found, err
}

// WriteResult stores a result document that a client made, as the result
// endpoints show it. It reports whether it took the place of another.
func (m *Manager) WriteResult(ctx context.Context, id, docID string, doc []byte) (replaced bool, err error) {
	j, err := m.find(id)
	if err != nil {
		return false, err
	}
	w, err := written(docID, doc)
	if err != nil {
		return false, err
	}
	replaced, err = m.opt.Store.Write(ctx, j.num, w)
	if err != nil {
		return false, notDurable(id, "the document", err)
	}
	return replaced, nil
}

// EraseResult removes a result document that a client wrote.
func (m *Manager) EraseResult(ctx context.Context, id, docID string) (bool, error) {
	j, err := m.find(id)
	if err != nil {
		return false, err
	}
	return m.opt.Store.Erase(ctx, j.num, docID)
}

// resultDoc has the members of a result document that its row needs.
type resultDoc struct {
	ResultType      string  `json:"result_type"`
	SnapshotID      string  `json:"snapshot_id"`
	Timestamp       any     `json:"timestamp"`
	SpanS           float64 `json:"bucket_span"`
	IsInterim       bool    `json:"is_interim"`
	Probability     float64 `json:"probability"`
	AnomalyScore    float64 `json:"anomaly_score"`
	RecordScore     float64 `json:"record_score"`
	InfluencerScore float64 `json:"influencer_score"`
	EventCount      float64 `json:"event_count"`
	Detector        float64 `json:"detector_index"`
	Function        string  `json:"function"`
	Field           string  `json:"field_name"`
	Partition       string  `json:"partition_field_value"`
	By              string  `json:"by_field_value"`
	Over            string  `json:"over_field_value"`
	Influencer      string  `json:"influencer_field_name"`
	Value           string  `json:"influencer_field_value"`
	Category        float64 `json:"category_id"`
}

// written makes the row of a document that a client wrote.
func written(docID string, doc []byte) (store.Written, error) {
	w := store.Written{DocID: docID}
	var d resultDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return w, wire.Refuse(wire.TypeParse, "the result document [%s] cannot be read: %v", wire.Clip(docID), err)
	}
	at, _ := query.Millis(doc, "timestamp")
	if _, isNumber := d.Timestamp.(float64); !isNumber && at != 0 {
		doc = withMillis(doc, at)
	}
	// The store and the result endpoints look for members in compact text.
	if compact := jsontext.Value(slices.Clone(doc)); compact.Compact() == nil {
		doc = compact
	}
	spanMs, logProb := int64(d.SpanS*1000), math.Log(d.Probability)
	if math.IsNaN(logProb) || math.IsInf(logProb, 0) {
		logProb = math.Log(math.SmallestNonzeroFloat64)
	}
	switch {
	case d.ResultType == wire.ResultBucket:
		w.Bucket = &store.BucketRow{StartMs: at, SpanMs: max(spanMs, 1), Run: 1, Score: d.AnomalyScore, EventCount: int64(d.EventCount), Interim: d.IsInterim, Doc: doc}
	case d.ResultType == wire.ResultRecord:
		w.Record = &store.RecordRow{StartMs: at, SpanMs: spanMs, Score: d.RecordScore, LogProb: logProb, Detector: int(d.Detector), Function: d.Function,
			Field: d.Field, Partition: d.Partition, By: d.By, Over: d.Over, Interim: d.IsInterim, DocID: docID, Doc: doc}
	case d.ResultType == wire.ResultInfluencer:
		w.Influencer = &store.InfluencerRow{StartMs: at, SpanMs: spanMs, Score: d.InfluencerScore, LogProb: logProb, Field: d.Influencer, Value: d.Value,
			Interim: d.IsInterim, DocID: docID, Doc: doc}
	case d.Category > 0:
		w.Category = &store.CategoryRow{ID: int64(d.Category), Partition: d.Partition, Doc: doc}
	default:
		kind := kindOther
		switch {
		case d.ResultType != "":
			kind = d.ResultType
		case d.SnapshotID != "":
			kind = kindSnapshot
		}
		w.Other = &store.OtherRow{Kind: kind, StartMs: at, DocID: docID, Doc: doc}
	}
	return w, nil
}

// withMillis replaces a document's timestamp by a number, as results have it.
func withMillis(doc []byte, ms int64) []byte {
	var tree map[string]any
	if json.Unmarshal(doc, &tree) != nil {
		return doc
	}
	tree["timestamp"] = ms
	out, err := json.Marshal(tree, json.Deterministic(true))
	if err != nil {
		return doc
	}
	return out
}
