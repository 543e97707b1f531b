package document

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"

	"tidemark/engine/result"
	"tidemark/engine/spec"
	"tidemark/wire"
)

// BucketDoc is a bucket's document.
type BucketDoc struct {
	ID  string
	Doc []byte
}

// RecordDoc is an anomaly record's document with the detector's function and
// field, which keys need.
type RecordDoc struct {
	ID              string
	Function, Field string
	Doc             []byte
}

// InfluencerDoc is an influencer's document.
type InfluencerDoc struct {
	ID  string
	Doc []byte
}

// ResultRows returns the documents of a bucket, of its anomaly records and of
// its influencers, in the order they have in b. A run of buckets gets the
// document of its first one; ShiftBucket makes the others. The documents depend
// on nothing but job and bucket: processing_time_ms, which would not, is 0 here.
func ResultRows(job *wire.Job, b *result.Bucket) (BucketDoc, []RecordDoc, []InfluencerDoc) {
	at := where{job: job.JobID, startMs: b.StartMs, spanS: b.SpanMs / 1000, interim: b.Interim}
	records := make([]RecordDoc, len(b.Records))
	for i := range b.Records {
		records[i] = at.record(job, &b.Records[i])
	}
	influencers := make([]InfluencerDoc, len(b.Influencers))
	for i := range b.Influencers {
		influencers[i] = at.influencer(&b.Influencers[i])
	}
	return at.bucket(b), records, influencers
}

// where is what all documents of a bucket share.
type where struct {
	job            string
	startMs, spanS int64
	interim        bool
}

// id returns J_kind_ms_span followed by the parts.
func (w *where) id(kind string, parts ...string) string {
	id := w.job + "_" + kind + "_" + strconv.FormatInt(w.startMs, 10) + "_" + strconv.FormatInt(w.spanS, 10)
	for _, p := range parts {
		id += "_" + p
	}
	return id
}

func (w *where) bucket(b *result.Bucket) BucketDoc {
	o := newObject(256 + 256*len(b.BucketInfluencers))
	o.text("job_id", w.job)
	o.integer("timestamp", w.startMs)
	o.float("anomaly_score", score(b.Score))
	o.integer("bucket_span", w.spanS)
	o.float("initial_anomaly_score", score(b.Score))
	o.integer("event_count", b.EventCount)
	o.boolean("is_interim", w.interim)
	o.name("bucket_influencers")
	o.b = append(o.b, '[')
	for i := range b.BucketInfluencers {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, w.bucketInfluencer(&b.BucketInfluencers[i])...)
	}
	o.b = append(o.b, ']')
	o.integer("processing_time_ms", 0)
	if len(b.ScheduledEvents) > 0 {
		o.texts("scheduled_events", b.ScheduledEvents)
	}
	o.text("result_type", wire.ResultBucket)
	return BucketDoc{ID: w.id("bucket"), Doc: o.end()}
}

func (w *where) bucketInfluencer(f *result.BucketInfluencer) []byte {
	o := newObject(256)
	o.text("job_id", w.job)
	o.text("result_type", wire.ResultBucketInfluencer)
	o.text("influencer_field_name", f.Field)
	o.float("initial_anomaly_score", score(f.Score))
	o.float("anomaly_score", score(f.Score))
	o.float("raw_anomaly_score", score(f.RawScore))
	o.float("probability", probability(f.LogProb))
	o.integer("timestamp", w.startMs)
	o.integer("bucket_span", w.spanS)
	o.boolean("is_interim", w.interim)
	return o.end()
}

func (w *where) record(job *wire.Job, r *result.Record) RecordDoc {
	var x wire.Detector
	if r.Detector >= 0 && r.Detector < len(job.AnalysisConfig.Detectors) {
		x = job.AnalysisConfig.Detectors[r.Detector]
	}
	o := newObject(768)
	o.text("job_id", w.job)
	o.text("result_type", wire.ResultRecord)
	o.float("probability", probability(r.LogProb))
	o.float("multi_bucket_impact", r.MultiBucketImpact)
	o.float("record_score", score(r.Score))
	o.float("initial_record_score", score(r.Score))
	o.float("novelty_score", score(r.NoveltyScore))
	o.integer("bucket_span", w.spanS)
	o.integer("detector_index", int64(r.Detector))
	o.boolean("is_interim", w.interim)
	o.integer("timestamp", w.startMs)
	named := splitValues(&x, r)
	o.split("by", x.ByFieldName, r.By, r.HasBy)
	if r.HasCorrelated {
		o.text("correlated_by_field_value", r.CorrelatedBy)
	}
	o.split("partition", x.PartitionFieldName, r.Partition, r.HasPartition)
	o.text("function", x.Function)
	o.text("function_description", describeFunction(x.Function))
	o.values(r.HasPlace, r.TypicalPlace, r.ActualPlace, r.Typical, r.Actual)
	o.optional("field_name", x.FieldName)
	o.split("over", x.OverFieldName, r.Over, r.HasOver)
	o.causes(&x, r)
	o.influences(r.Influencers)
	o.places(r)
	o.explanation(r)
	for _, v := range named {
		if !reserved[v.Field] {
			o.texts(v.Field, v.Values)
		}
	}
	return RecordDoc{ID: w.recordID(r), Function: x.Function, Field: x.FieldName, Doc: o.end()}
}

// split writes the name and value of a split.
func (o *object) split(kind, name, value string, has bool) {
	if has && name != "" {
		o.text(kind+"_field_name", name)
		o.text(kind+"_field_value", value)
	}
}

// causes writes what makes a member of a population stand out.
func (o *object) causes(x *wire.Detector, r *result.Record) {
	if len(r.Causes) == 0 {
		return
	}
	o.name("causes")
	o.b = append(o.b, '[')
	for i := range r.Causes {
		c := &r.Causes[i]
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, '{')
		o.float("probability", probability(c.LogProb))
		o.split("by", x.ByFieldName, c.By, c.HasBy)
		o.split("partition", x.PartitionFieldName, r.Partition, r.HasPartition)
		o.text("function", x.Function)
		o.text("function_description", describeFunction(x.Function))
		o.values(r.HasPlace, c.TypicalPlace, c.ActualPlace, c.Typical, c.Actual)
		o.optional("field_name", x.FieldName)
		o.split("over", x.OverFieldName, r.Over, r.HasOver)
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ']')
}

// values writes what was expected and what came, places or numbers.
func (o *object) values(places bool, typicalPlace, actualPlace result.Place, typical, actual float64) {
	if places {
		o.numbers("typical", typicalPlace.Lat, typicalPlace.Lon)
		o.numbers("actual", actualPlace.Lat, actualPlace.Lon)
		return
	}
	o.number("typical", typical)
	o.number("actual", actual)
}

// places writes where something happened and where it usually does.
func (o *object) places(r *result.Record) {
	if !r.HasPlace {
		return
	}
	o.name("geo_results")
	o.b = append(o.b, '{')
	o.text("actual_point", point(r.ActualPlace))
	o.text("typical_point", point(r.TypicalPlace))
	o.b = append(o.b, '}')
}

func point(p result.Place) string {
	return strconv.FormatFloat(p.Lat, 'f', 6, 64) + "," + strconv.FormatFloat(p.Lon, 'f', 6, 64)
}

func (o *object) influences(list []result.RecordInfluencer) {
	if len(list) == 0 {
		return
	}
	o.name("influencers")
	o.b = append(o.b, '[')
	for i := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, '{')
		o.text("influencer_field_name", list[i].Field)
		o.texts("influencer_field_values", list[i].Values)
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ']')
}

func (o *object) explanation(r *result.Record) {
	e := &r.Explanation
	o.name("anomaly_score_explanation")
	o.b = append(o.b, '{')
	kind := "dip"
	if e.Spike {
		kind = "spike"
	}
	o.text("anomaly_type", kind)
	if e.Length > 0 {
		o.integer("anomaly_length", int64(e.Length))
	}
	o.integer("single_bucket_impact", int64(e.SingleBucketImpact))
	o.integer("multi_bucket_impact", int64(e.MultiBucketImpact))
	// Places, times and what is rare have no bounds: theirs enclose nothing.
	if e.LowerBound < e.UpperBound && !math.IsNaN(r.Typical) {
		o.float("lower_confidence_bound", e.LowerBound)
		o.float("typical_value", r.Typical)
		o.float("upper_confidence_bound", e.UpperBound)
	}
	o.boolean("high_variance_penalty", e.HighVariance)
	o.boolean("incomplete_bucket_penalty", e.IncompleteBucket)
	if e.FirstOccurrence {
		o.boolean("by_field_first_occurrence", true)
	}
	if e.Extrapolated {
		o.boolean("extrapolated_tail", true)
	}
	o.b = append(o.b, '}')
}

// splitValues collects what is repeated under the fields' own names: splits
// first, then influencers, one entry for each field.
func splitValues(x *wire.Detector, r *result.Record) []result.RecordInfluencer {
	var named []result.RecordInfluencer
	add := func(field string, values ...string) {
		at := slices.IndexFunc(named, func(n result.RecordInfluencer) bool { return n.Field == field })
		if at < 0 {
			named = append(named, result.RecordInfluencer{Field: field})
			at = len(named) - 1
		}
		for _, v := range values {
			if !slices.Contains(named[at].Values, v) {
				named[at].Values = append(named[at].Values, v)
			}
		}
	}
	if r.HasBy && x.ByFieldName != "" {
		add(x.ByFieldName, r.By)
	}
	if r.HasPartition && x.PartitionFieldName != "" {
		add(x.PartitionFieldName, r.Partition)
	}
	if r.HasOver && x.OverFieldName != "" {
		add(x.OverFieldName, r.Over)
	}
	for i := range r.Influencers {
		add(r.Influencers[i].Field, r.Influencers[i].Values...)
	}
	return named
}

// describeFunction is the function as clients group by it: its base, with the
// two counts and the two sums taken together.
func describeFunction(name string) string {
	switch base := spec.Function(name).Base(); base {
	case "":
		return name
	case spec.NonZeroCount:
		return string(spec.Count)
	case spec.NonNullSum:
		return string(spec.Sum)
	default:
		return string(base)
	}
}

// recordID names a record by its bucket, detector and series. The hash keeps
// values of any length apart, and an absent split from an empty value.
func (w *where) recordID(r *result.Record) string {
	h, length := newHash(), 0
	for _, v := range []struct {
		has   bool
		value string
	}{{r.HasBy, r.By}, {r.HasOver, r.Over}, {r.HasPartition, r.Partition}} {
		if v.has {
			h.add(v.value)
			length += len(v.value)
		} else {
			h.none()
		}
	}
	return w.id("record", strconv.Itoa(r.Detector), h.String(), strconv.Itoa(length))
}

func (w *where) influencer(f *result.Influencer) InfluencerDoc {
	o := newObject(384)
	o.text("job_id", w.job)
	o.text("result_type", wire.ResultInfluencer)
	o.text("influencer_field_name", f.Field)
	o.text("influencer_field_value", f.Value)
	if !reserved[f.Field] {
		o.text(f.Field, f.Value)
	}
	o.float("influencer_score", score(f.Score))
	o.float("initial_influencer_score", score(f.Score))
	o.float("probability", probability(f.LogProb))
	o.integer("bucket_span", w.spanS)
	o.boolean("is_interim", w.interim)
	o.integer("timestamp", w.startMs)
	h := newHash()
	h.add(f.Value)
	return InfluencerDoc{ID: w.id("influencer", f.Field, h.String(), strconv.Itoa(len(f.Value))), Doc: o.end()}
}

// hash identifies a list of texts. Half of a SHA-256 sum makes two lists with
// the same id practically impossible, also when somebody tries.
type hash struct {
	input []byte
}

func newHash() *hash { return &hash{make([]byte, 0, 64)} }

func (h *hash) add(s string) {
	h.input = binary.AppendUvarint(h.input, uint64(len(s))+1)
	h.input = append(h.input, s...)
}

func (h *hash) none() { h.input = append(h.input, 0) }

func (h *hash) String() string {
	sum := sha256.Sum256(h.input)
	return hex.EncodeToString(sum[:16])
}

// reserved are the members of result documents. A field of the user that has
// one of these names is not repeated under it.
var reserved = func() map[string]bool {
	names := map[string]bool{}
	for _, n := range []string{
		"job_id", "result_type", "timestamp", "bucket_span", "is_interim", "probability", "detector_index",
		"anomaly_score", "initial_anomaly_score", "raw_anomaly_score", "event_count", "bucket_influencers",
		"processing_time_ms", "scheduled_events", "records",
		"record_score", "initial_record_score", "novelty_score", "multi_bucket_impact",
		"by_field_name", "by_field_value", "correlated_by_field_value", "over_field_name", "over_field_value",
		"partition_field_name", "partition_field_value", "function", "function_description", "field_name",
		"typical", "actual", "causes", "influencers", "geo_results", "anomaly_score_explanation",
		"influencer_field_name", "influencer_field_value", "influencer_field_values",
		"influencer_score", "initial_influencer_score",
		"category_id", "terms", "regex", "max_matching_length", "examples", "grok_pattern", "num_matches",
	} {
		names[n] = true
	}
	return names
}()

// Members that result documents always have, with what stands for those that a
// document from elsewhere lacks.
var (
	bucketMembers     = []string{`"anomaly_score":0.0`, `"bucket_span":0`, `"initial_anomaly_score":0.0`, `"event_count":0`, `"is_interim":false`, `"bucket_influencers":[]`, `"processing_time_ms":0`}
	recordMembers     = []string{`"probability":0.0`, `"record_score":0.0`, `"initial_record_score":0.0`, `"bucket_span":0`, `"detector_index":0`, `"is_interim":false`}
	influencerMembers = []string{`"influencer_score":0.0`, `"initial_influencer_score":0.0`, `"probability":0.0`, `"bucket_span":0`, `"is_interim":false`}
)

// CompleteBucket, CompleteRecord and CompleteInfluencer return a document with all
// members that clients rely on. Those that this system wrote have them already.
func CompleteBucket(doc []byte) []byte { return complete(doc, bucketMembers) }

// CompleteRecord is like CompleteBucket.
func CompleteRecord(doc []byte) []byte { return complete(doc, recordMembers) }

// CompleteInfluencer is like CompleteBucket.
func CompleteInfluencer(doc []byte) []byte { return complete(doc, influencerMembers) }

func complete(doc []byte, members []string) []byte {
	out := doc
	for _, m := range members {
		name := m[:strings.IndexByte(m, ':')+1]
		// Inside a string every quote has a backslash before it, so that only a
		// member's name can match.
		if len(out) > 2 && !bytes.Contains(doc, []byte(name)) {
			out = append(append(append([]byte{}, out[:len(out)-1]...), ','), m...)
			out = append(out, '}')
		}
	}
	return out
}

// objects are the reserved members that hold objects: nothing is sorted by them.
var objects = map[string]bool{"bucket_influencers": true, "records": true, "causes": true, "influencers": true, "geo_results": true, "anomaly_score_explanation": true}

// Sortable reports whether results of a job can be sorted by a member of their
// documents: one that the API defines, or a field of the job's analysis.
func Sortable(job *wire.Job, name string) bool {
	if reserved[name] {
		return !objects[name]
	}
	for i := range job.AnalysisConfig.Detectors {
		if d := &job.AnalysisConfig.Detectors[i]; name != "" && (name == d.ByFieldName || name == d.OverFieldName || name == d.PartitionFieldName) {
			return true
		}
	}
	return slices.Contains(job.AnalysisConfig.Influencers, name)
}

var timestampName = []byte(`"timestamp":`)

// ShiftBucket returns a bucket's document at another time, for the buckets of a
// run after the first. Every timestamp in it moves, that of the bucket
// influencers too.
func ShiftBucket(doc []byte, startMs int64) []byte {
	out := make([]byte, 0, len(doc)+16)
	for {
		// Inside a string every quote has a backslash before it, so that only a
		// member's name can match.
		at := bytes.Index(doc, timestampName)
		if at < 0 {
			return append(out, doc...)
		}
		at += len(timestampName)
		out = strconv.AppendInt(append(out, doc[:at]...), startMs, 10)
		for at < len(doc) && (doc[at] == '-' || '0' <= doc[at] && doc[at] <= '9') {
			at++
		}
		doc = doc[at:]
	}
}
