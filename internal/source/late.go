package source

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/internal/index"
	"tidemark/internal/store"
	"tidemark/wire"
)

const defaultCheckEvery = 15 * time.Minute

// lateness is what was found to have come too late.
type lateness struct{ documents, firstMs, lastMs int64 }

// lookForLate compares the documents of final buckets with what the job has seen,
// and says once what it has not.
func (r *run) lookForLate() {
	found, err := r.lateness()
	if err != nil {
		r.s.opt.Logger.Warn("late data could not be looked for", "datafeed", r.conf.DatafeedID, "error", err)
		return
	}
	if found == r.late || found.documents == 0 {
		return
	}
	r.late = found
	text := fmt.Sprintf("Datafeed has missed %d documents due to ingest latency, latest bucket with missing data is [%s]. Consider increasing query_delay",
		found.documents, wire.FormatTime(found.lastMs))
	r.say("warning", text)
	r.annotate(found, text)
}

func (r *run) lateness() (found lateness, err error) {
	span := r.info.SpanMs
	window := max(2*time.Hour.Milliseconds(), 8*span)
	if text := r.conf.DelayedDataCheckConfig.CheckWindow; text != "" {
		d, err := wire.ParseDuration("check_window", text)
		if err != nil {
			return found, err
		}
		window = d.Milliseconds()
	}
	end := r.pos / span * span
	for from := 0; ; from += lookPage {
		page, err := r.s.opt.Jobs.Buckets(r.ctx, r.conf.JobID, store.Query{StartMs: end - window, EndMs: end, HasStart: true, HasEnd: true, ExcludeInterim: true, From: from, Size: lookPage})
		if err != nil {
			return found, err
		}
		for _, doc := range page.Docs {
			start, events := bucketOf(doc)
			n, _, _, err := r.find.summary(r.ctx, &r.conf, r.info.TimeField, start, start+span)
			if err != nil {
				return found, err
			}
			if n <= events {
				continue
			}
			if found.documents == 0 {
				found.firstMs = start
			}
			found.documents, found.lastMs = found.documents+n-events, start
		}
		if len(page.Docs) < lookPage {
			return found, nil
		}
	}
}

// lookPage is how many buckets are compared at a time.
const lookPage = 500

// annotate puts what was missed where charts show it.
func (r *run) annotate(found lateness, text string) {
	now := r.s.opt.Clock().UnixMilli()
	doc, err := json.Marshal(map[string]any{
		"annotation": text, "timestamp": found.firstMs, "end_timestamp": found.lastMs + r.info.SpanMs, "job_id": r.conf.JobID,
		"create_time": now, "create_username": "_xpack", "modified_time": now, "modified_username": "_xpack", "type": "annotation", "event": "delayed_data",
	}, json.Deterministic(true))
	if err == nil {
		_, err = r.s.opt.Index.Apply(context.WithoutCancel(r.ctx), []index.Op{{Index: index.Annotations, Doc: doc}})
	}
	if err != nil {
		r.s.opt.Logger.Warn("an annotation could not be written", "job", r.conf.JobID, "error", err)
	}
}
