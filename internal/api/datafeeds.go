package api

import (
	"bytes"
	"cmp"
	"math"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/document"
	"tidemark/internal/job"
	"tidemark/internal/source"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// configBody reads a body that must be there.
func (q *request) configBody(what string) ([]byte, error) {
	if !q.hasBody {
		return nil, wire.Refuse(wire.TypeParse, "request body is required; send %s", what)
	}
	return q.body()
}

func putDatafeed(q *request) error {
	body, err := q.configBody("the datafeed's configuration")
	if err != nil {
		return err
	}
	f, err := document.ParseDatafeed(body, q.values["datafeed_id"])
	if err != nil {
		return err
	}
	made, err := q.h.opt.Feeds.Put(q.Context(), f)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, made)
	return nil
}

func updateDatafeed(q *request) error {
	body, err := q.configBody("the members to change")
	if err != nil {
		return err
	}
	change, err := document.ParseDatafeedUpdate(body)
	if err != nil {
		return err
	}
	made, err := q.h.opt.Feeds.Update(q.Context(), q.values["datafeed_id"], change)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, made)
	return nil
}

func deleteDatafeed(q *request) error {
	force, err := q.boolean("force", false)
	if err != nil {
		return err
	}
	return q.acknowledge(q.h.opt.Feeds.Delete(q.Context(), q.values["datafeed_id"], force))
}

func getDatafeeds(q *request) error {
	allow, err := q.either("allow_no_match", "allow_no_datafeeds", true)
	if err != nil {
		return err
	}
	bare, err := q.boolean("exclude_generated", false)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Feeds.Get(q.values["datafeed_id"], allow)
	if err != nil {
		return err
	}
	for i := range list {
		if bare {
			// What can be put again, under any name.
			list[i].DatafeedID = ""
		}
	}
	q.answer(http.StatusOK, wire.DatafeedList{Count: int64(len(list)), Datafeeds: list})
	return nil
}

// statsOfFeeds are those of the datafeeds that the address chooses.
func (q *request) statsOfFeeds() ([]wire.DatafeedStats, error) {
	allow, err := q.either("allow_no_match", "allow_no_datafeeds", true)
	if err != nil {
		return nil, err
	}
	return q.h.opt.Feeds.Stats(q.values["datafeed_id"], allow)
}

func datafeedStats(q *request) error {
	list, err := q.statsOfFeeds()
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].State != "stopped" {
			list[i].Node = q.node()
		}
	}
	q.answer(http.StatusOK, wire.DatafeedStatsList{Count: int64(len(list)), Datafeeds: list})
	return nil
}

// node says where everything runs.
func (q *request) node() *wire.Node {
	return &wire.Node{ID: q.h.opt.NodeName, Name: q.h.opt.NodeName, EphemeralID: q.h.opt.ClusterUUID, TransportAddress: "127.0.0.1:0", Attributes: map[string]string{}}
}

// datafeedTimeout is how long a start or a stop of a datafeed waits.
const datafeedTimeout = 20 * time.Second

// span is the time that a start or preview is for, and how long to wait for it.
func (q *request) span(name string) (span source.Span, wait time.Duration, err error) {
	start, end, limit := q.query.Get("start"), q.query.Get("end"), q.query.Get("timeout")
	if q.hasBody && name != "" {
		var id string
		body, err := q.body()
		if err == nil && len(body) > 0 {
			err = strict.Parse(body, name, strict.Fields{"datafeed_id": strict.Text(&id), "start": strict.TextOrNumber(&start),
				"end": strict.TextOrNumber(&end), "timeout": strict.Text(&limit)})
		}
		if err != nil {
			return span, 0, err
		}
	}
	if wait, err = timeout(limit, datafeedTimeout); err != nil {
		return span, 0, err
	}
	if start != "" {
		if span.StartMs, err = wire.ParseTime("start", start, q.h.opt.Now()); err != nil {
			return span, 0, err
		}
	}
	if end != "" {
		span.HasEnd = true
		span.EndMs, err = wire.ParseTime("end", end, q.h.opt.Now())
	}
	return span, wait, err
}

func startDatafeed(q *request) error {
	span, wait, err := q.span("start_datafeed_request")
	if err != nil {
		return err
	}
	if err := q.h.opt.Feeds.Start(q.Context(), q.values["datafeed_id"], span, wait); err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.DatafeedStarted{Started: true, Node: q.h.opt.NodeName})
	return nil
}

func stopDatafeed(q *request) error {
	allow, err := q.either("allow_no_match", "allow_no_datafeeds", true)
	if err != nil {
		return err
	}
	force, err := q.boolean("force", false)
	if err != nil {
		return err
	}
	closeJob, err := q.boolean("close_job", false)
	if err != nil {
		return err
	}
	limit, id, allowed := q.query.Get("timeout"), "", (*bool)(nil)
	if q.hasBody {
		body, err := q.body()
		if err == nil && len(body) > 0 {
			err = strict.Parse(body, "stop_datafeed_request", strict.Fields{"datafeed_id": strict.Text(&id), "timeout": strict.Text(&limit), "force": strict.Bool(&force),
				"allow_no_match": strict.OptionalBool(&allowed), "allow_no_datafeeds": strict.OptionalBool(&allowed), "close_job": strict.Bool(&closeJob)})
		}
		if err != nil {
			return err
		}
	}
	if allowed != nil {
		allow = *allowed
	}
	wait, err := timeout(limit, datafeedTimeout)
	if err != nil {
		return err
	}
	jobs, err := q.h.opt.Feeds.Stop(q.Context(), q.values["datafeed_id"], allow, source.Halt{Force: force, Wait: wait})
	if err != nil {
		return err
	}
	for _, id := range jobs {
		if closeJob {
			if err := q.h.opt.Jobs.Close(q.Context(), id, force, true, defaultTimeout); err != nil {
				return err
			}
		}
	}
	q.answer(http.StatusOK, wire.DatafeedStopped{Stopped: true})
	return nil
}

// previewDatafeed answers with the first records that a datafeed would find, of
// one that exists or of configurations in the body.
func previewDatafeed(q *request) error {
	f, info, err := q.previewed()
	if err != nil {
		return err
	}
	span, _, err := q.span("")
	if err != nil {
		return err
	}
	if !span.HasEnd {
		span.EndMs = math.MaxInt64 / 2
	}
	list, err := q.h.opt.Feeds.Preview(q.Context(), f, info, span.StartMs, span.EndMs)
	if err != nil {
		return err
	}
	parts := make([][]byte, len(list))
	for i := range list {
		parts[i] = list[i]
	}
	q.send(http.StatusOK, append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']'))
	return nil
}

// given reports whether a preview's body has configurations.
func given(raw []byte) bool {
	var body map[string]jsontext.Value
	return json.Unmarshal(raw, &body) == nil && (body["datafeed_config"] != nil || body["job_config"] != nil)
}

// previewed finds or reads what is to be previewed.
func (q *request) previewed() (*wire.Datafeed, *job.FeedInfo, error) {
	id := q.values["datafeed_id"]
	if id != "" {
		if raw, err := q.body(); q.hasBody && (err != nil || given(raw)) {
			return nil, nil, cmp.Or(err, error(wire.Refuse(wire.TypeIllegalArgument, "[datafeed_id] cannot be supplied with [datafeed_config] or [job_config]; leave the id out of the path")))
		}
		list, err := q.h.opt.Feeds.Get(id, false)
		if err != nil {
			return nil, nil, err
		}
		if len(list) != 1 {
			return nil, nil, wire.Refuse(wire.TypeIllegalArgument, "[%s] names %d datafeeds; name one", wire.Clip(id), len(list))
		}
		info, err := q.h.opt.Jobs.FeedInfo(list[0].JobID)
		return &list[0], info, err
	}
	raw, err := q.configBody("datafeed_config and job_config")
	if err != nil {
		return nil, nil, err
	}
	var body struct {
		Datafeed jsontext.Value `json:"datafeed_config"`
		Job      jsontext.Value `json:"job_config"`
	}
	if err := json.Unmarshal(raw, &body); err != nil || len(body.Datafeed) == 0 {
		return nil, nil, wire.Refuse(wire.TypeParse, "a preview needs [datafeed_config], with [job_config] unless its job exists")
	}
	if len(body.Job) == 0 {
		f, err := document.ParseDatafeed(body.Datafeed, "")
		if err != nil {
			return nil, nil, err
		}
		info, err := q.h.opt.Jobs.FeedInfo(f.JobID)
		if err == nil {
			err = document.FinishDatafeed(f, info.Job)
		}
		return f, info, err
	}
	var named struct {
		JobID string `json:"job_id"`
	}
	// What is wrong with the configuration ParseJob says better.
	if json.Unmarshal(body.Job, &named) != nil || named.JobID == "" {
		named.JobID = "preview"
	}
	w, err := document.ParseJob(body.Job, named.JobID, q.h.opt.Version)
	if err != nil {
		return nil, nil, err
	}
	f, err := document.ParseInlineDatafeed(body.Datafeed, w.JobID)
	if err == nil {
		err = document.FinishDatafeed(f, w)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := job.FeedInfoOf(w)
	return f, info, err
}
