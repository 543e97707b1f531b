package document

import (
	"strconv"
	"time"

	"tidemark/engine/result"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// OtherDoc is a document that is no bucket, record, influencer or category.
type OtherDoc struct {
	ID      string
	StartMs int64
	Doc     []byte
}

// PlotDocs are the documents of a bucket's model plots.
func PlotDocs(job *wire.Job, b *result.Bucket) []OtherDoc {
	list := make([]OtherDoc, len(b.Plots))
	at := where{job: job.JobID, startMs: b.StartMs, spanS: b.SpanMs / 1000}
	for i := range b.Plots {
		p := &b.Plots[i]
		o := newObject(384)
		o.text("job_id", at.job)
		o.text("result_type", wire.ResultModelPlot)
		at.series(&o, job, &p.Split)
		o.float("model_lower", p.Lower)
		o.float("model_upper", p.Upper)
		o.float("model_median", p.Median)
		if p.HasActual {
			o.float("actual", p.Actual)
		}
		list[i] = OtherDoc{ID: at.id("model_plot", seriesID(&p.Split)...), StartMs: b.StartMs, Doc: o.end()}
	}
	return list
}

// ForecastDoc is the document of one forecast value.
func ForecastDoc(job *wire.Job, id string, spanMs int64, f *result.Forecast) OtherDoc {
	at := where{job: job.JobID, startMs: f.StartMs, spanS: spanMs / 1000}
	o := newObject(384)
	o.text("job_id", at.job)
	o.text("forecast_id", id)
	o.text("result_type", wire.ResultModelForecast)
	at.series(&o, job, &f.Split)
	o.float("forecast_lower", f.Lower)
	o.float("forecast_upper", f.Upper)
	o.float("forecast_prediction", f.Value)
	parts := seriesID(&f.Split)
	return OtherDoc{ID: job.JobID + "_model_forecast_" + id + "_" + at.id("", parts...)[len(job.JobID)+2:], StartMs: f.StartMs, Doc: o.end()}
}

// series writes which series a document is about, and when.
func (w *where) series(o *object, job *wire.Job, s *result.Split) {
	x := job.AnalysisConfig.Detectors[s.Detector]
	o.integer("bucket_span", w.spanS)
	o.integer("detector_index", int64(s.Detector))
	o.integer("timestamp", w.startMs)
	o.split("partition", x.PartitionFieldName, s.Partition, s.HasPartition)
	o.split("by", x.ByFieldName, s.By, s.HasBy)
	feature := describeFunction(x.Function)
	if x.FieldName != "" {
		feature += " of " + x.FieldName
	}
	o.text("model_feature", feature)
}

// seriesID tells the series of a job apart in an id.
func seriesID(s *result.Split) []string {
	h, length := newHash(), 0
	for _, v := range []struct {
		has   bool
		value string
	}{{s.HasBy, s.By}, {s.HasPartition, s.Partition}} {
		if v.has {
			h.add(v.value)
			length += len(v.value)
		} else {
			h.none()
		}
	}
	return []string{strconv.Itoa(s.Detector), h.String(), strconv.Itoa(length)}
}

// ForecastRequest asks for a forecast.
type ForecastRequest struct {
	Duration, ExpiresIn time.Duration
	// MaxModelMemory bounds what the forecast may hold, in bytes.
	MaxModelMemory int64
}

// Limits of a forecast.
const (
	defaultForecast   = 24 * time.Hour
	defaultExpiry     = 14 * 24 * time.Hour
	longestForecast   = 3650 * 24 * time.Hour
	defaultForecastMB = 20
)

// ParseForecast reads the parameters of a forecast, from texts ("" if not given)
// and a body, which may be nil.
func ParseForecast(body []byte, duration, expires, memory string, span time.Duration) (r ForecastRequest, err error) {
	if len(body) > 0 {
		var id string
		if err := strict.Parse(body, "forecast_job_request", strict.Fields{"job_id": strict.Text(&id), "duration": strict.TextOrNumber(&duration),
			"expires_in": strict.TextOrNumber(&expires), "max_model_memory": strict.TextOrNumber(&memory)}); err != nil {
			return r, err
		}
	}
	r = ForecastRequest{Duration: defaultForecast, ExpiresIn: defaultExpiry, MaxModelMemory: defaultForecastMB << 20}
	if duration != "" {
		if r.Duration, err = wire.ParseDuration("duration", duration); err != nil {
			return r, err
		}
	}
	if expires != "" {
		if r.ExpiresIn, err = wire.ParseDuration("expires_in", expires); err != nil {
			return r, err
		}
	}
	if memory != "" {
		mib, err := wire.ParseMemoryLimit("max_model_memory", memory)
		if err != nil {
			return r, err
		}
		r.MaxModelMemory = mib << 20
	}
	refuse := func(format string, args ...any) (ForecastRequest, error) {
		return r, wire.Refuse(wire.TypeIllegalArgument, format, args...)
	}
	switch {
	case r.Duration <= 0:
		return refuse("[duration] must be positive: [%s]", wire.Clip(duration))
	case r.Duration > longestForecast:
		return refuse("[duration] must be 3650 days or less: [%s]", wire.Clip(duration))
	case r.Duration < span:
		return refuse("[duration] must be greater or equal to the bucket span: [%s/%s]", wire.FormatDuration(r.Duration), wire.FormatDuration(span))
	case r.ExpiresIn < 0:
		return refuse("[expires_in] must be non-negative: [%s]", wire.Clip(expires))
	case r.MaxModelMemory >= 500<<20:
		return refuse("[max_model_memory] must be less than 500mb: [%s]", wire.Clip(memory))
	}
	return r, nil
}
