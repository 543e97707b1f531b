package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestCalendars: events of a calendar keep a job's expected troubles out of its
// results, from when they are posted, also across a restart.
func TestCalendars(t *testing.T) {
	r := newRig(t, Options{})
	r.open("shop", countJob("60s"))
	r.must(200, "PUT", jobsPath+"member", `{"groups":["team"],`+countJob("60s")[1:])
	if got := r.must(200, "PUT", "/_ml/calendars/sales", `{"description":"our sales","job_ids":["shop","a"]}`); got != `{"calendar_id":"sales","description":"our sales","job_ids":["a","shop"]}` {
		t.Errorf("a new calendar is %s", got)
	}
	r.must(200, "PUT", "/_ml/calendars/empty", "")
	r.refused(400, "illegal_argument_exception", "already exists", "PUT", "/_ml/calendars/sales", "")
	r.refused(400, "illegal_argument_exception", "_all", "PUT", "/_ml/calendars/_all", "")
	if got := r.must(200, "DELETE", "/_ml/calendars/sales/jobs/a", ""); !strings.Contains(got, `"job_ids":["shop"]`) {
		t.Errorf("after leaving: %s", got)
	}
	r.refused(400, "illegal_argument_exception", "Cannot remove [a]", "DELETE", "/_ml/calendars/sales/jobs/a", "")
	if got := r.must(200, "PUT", "/_ml/calendars/sales/jobs/team,x", ""); !strings.Contains(got, `"job_ids":["shop","team","x"]`) {
		t.Errorf("after joining: %s", got)
	}
	if got := r.must(200, "GET", "/_ml/calendars", ""); !strings.Contains(got, `"count":2`) {
		t.Errorf("the calendars are %s", got)
	}
	if got := r.must(200, "POST", "/_ml/calendars", `{"calendar_id":"sales"}`); !strings.Contains(got, `"count":1`) {
		t.Errorf("the calendar that a body names is %s", got)
	}
	r.refused(400, "illegal_argument_exception", "incompatible with [calendar_id]", "GET", "/_ml/calendars/sales?size=1", "")
	r.refused(404, "resource_not_found_exception", "No calendar with id [none]", "GET", "/_ml/calendars/none", "")

	const base = 28_000_000
	event := func(name string, from, to int) string {
		return fmt.Sprintf(`{"description":"%s","start_time":%d,"end_time":"%d"}`, name, (base+from)*60_000, (base+to)*60_000)
	}
	posted := r.must(200, "POST", "/_ml/calendars/sales/events", `{"events":[`+event("first", 150, 153)+","+event("later", 300, 310)+`]}`)
	_, id, _ := strings.Cut(posted, `"event_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	for part, body := range map[string]string{
		"At least 1 event is required":       `{"events":[]}`,
		"Field [end_time] cannot be null":    `{"events":[{"description":"x","start_time":1}]}`,
		"Field [description] cannot be null": `{"events":[{"start_time":1,"end_time":2}]}`,
		"must come before end time":          `{"events":[{"description":"x","start_time":2,"end_time":2}]}`,
	} {
		if got := r.must(400, "POST", "/_ml/calendars/sales/events", body); !strings.Contains(got, part) {
			t.Errorf("%s: %s, want %q", body, got, part)
		}
	}
	events := func(query string) string { return r.must(200, "GET", "/_ml/calendars/"+query, "") }
	if got := events("sales/events"); !strings.Contains(got, `"count":2`) || strings.Index(got, "first") > strings.Index(got, "later") {
		t.Errorf("the events are %s", got)
	}
	if got := events(fmt.Sprintf("_all/events?job_id=member&start=%d", (base+200)*60_000)); !strings.Contains(got, `"count":1`) || !strings.Contains(got, "later") {
		t.Errorf("the later events of a member of the group are %s", got)
	}
	r.refused(400, "action_request_validation_exception", "calendar_id must be _all", "GET", "/_ml/calendars/sales/events?job_id=shop", "")
	r.refused(404, "resource_not_found_exception", "nobody", "GET", "/_ml/calendars/_all/events?job_id=nobody", "")

	minute := 0
	run := func(until int) {
		t.Helper()
		var b strings.Builder
		for ; minute < until; minute++ {
			n := 5 + minute%3
			if minute == 151 || minute == 205 || minute == 305 {
				n = 200
			}
			for k := range n {
				fmt.Fprintf(&b, `{"time":%d}`, (base+minute)*60+k%60)
			}
		}
		r.must(202, "POST", jobsPath+"shop/_data", b.String())
	}
	at := func(minute int, kind string) string {
		return r.must(200, "GET", fmt.Sprintf("%sshop/results/%s?start=%d&end=%d", jobsPath, kind, (base+minute)*60_000, (base+minute+1)*60_000), "")
	}
	run(230)
	if got := at(151, "records"); !strings.Contains(got, `"count":0`) {
		t.Errorf("during the event there is %s", got)
	}
	if got := at(151, "buckets"); !strings.Contains(got, `"scheduled_events":["first"]`) {
		t.Errorf("the event's bucket is %s", got)
	}
	if got := at(205, "records"); !strings.Contains(got, `"count":1`) {
		t.Errorf("after the event there is %s", got)
	}
	r.restart()
	r.must(200, "DELETE", "/_ml/calendars/sales/events/"+id, "")
	r.refused(404, "resource_not_found_exception", id, "DELETE", "/_ml/calendars/sales/events/"+id, "")
	run(330)
	if got := at(305, "buckets"); !strings.Contains(got, `"scheduled_events":["later"]`) {
		t.Errorf("the later event's bucket is %s", got)
	}
	r.must(200, "DELETE", jobsPath+"shop?force=true", "")
	if got := r.must(200, "GET", "/_ml/calendars/sales", ""); strings.Contains(got, "shop") {
		t.Errorf("a deleted job is still in %s", got)
	}
	r.must(200, "DELETE", "/_ml/calendars/sales", "")
	r.refused(404, "resource_not_found_exception", "sales", "GET", "/_ml/calendars/sales/events", "")
}

// TestEventOptions: what an event does is told back, and shifts have bounds.
func TestEventOptions(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", "/_ml/calendars/c", `{"job_ids":["later"]}`)
	post := func(status int, options string) string {
		return r.must(status, "POST", "/_ml/calendars/c/events", `{"events":[{"description":"e","start_time":"2024-03-31T01:00:00Z","end_time":1711850400000`+options+`}]}`)
	}
	for options, want := range map[string]string{
		"": `"start_time":1711846800000,"end_time":1711850400000,"skip_result":true,"skip_model_update":true,"calendar_id":"c","event_id":"`,
		`,"skip_result":false,"skip_model_update":"false","force_time_shift":3600`: `"skip_result":false,"skip_model_update":false,"force_time_shift":3600,"calendar_id":"c"`,
		`,"force_time_shift":-604800,"calendar_id":"c","event_id":"mine"`:          `"force_time_shift":-604800`,
	} {
		contains(t, post(200, options), want)
	}
	for options, want := range map[string]string{
		`,"force_time_shift":604801`:     "force_time_shift [604801] is in seconds",
		`,"force_time_shift":"an hour"`:  "force_time_shift",
		`,"skip_result":"maybe"`:         "skip_result",
		`,"calendar_id":"other"`:         "Inconsistent calendar_id",
		`,"recurrence":"daily"`:          "unknown field [recurrence]",
		`,"start_time":2`:                "start_time",
		`,"skip_model_update":{"x":[1]}`: "skip_model_update",
	} {
		contains(t, post(400, options), want)
	}
	list := r.must(200, "GET", "/_ml/calendars/c/events", "")
	contains(t, list, `"count":3`)
	_, id, _ := strings.Cut(list, `"event_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	r.must(200, "PUT", "/_ml/calendars/d", "")
	r.refused(400, "illegal_argument_exception", "but in [c]", "DELETE", "/_ml/calendars/d/events/"+id, "")
	r.refused(404, "resource_not_found_exception", "No event with id [nope]", "DELETE", "/_ml/calendars/d/events/nope", "")
	r.refused(404, "resource_not_found_exception", "none", "POST", "/_ml/calendars/none/events", `{"events":[{"description":"e","start_time":1,"end_time":2}]}`)
}

// TestEventsOfThePast: a maintenance that was forgotten and told of afterwards
// takes its records back, on open and closed jobs, and on those that join its
// calendar; forecasts stay.
func TestEventsOfThePast(t *testing.T) {
	r := newRig(t, Options{})
	const base = 28_000_000
	var b strings.Builder
	for minute := range 230 {
		n := 5 + minute%3
		if minute >= 205 && minute < 207 {
			n = 200
		}
		for k := range n {
			fmt.Fprintf(&b, `{"time":%d}`, (base+minute)*60+k%60)
		}
	}
	for _, id := range []string{"open", "shut", "joins"} {
		r.open(id, countJob("60s"))
		r.must(202, "POST", jobsPath+id+"/_data", b.String())
		r.must(200, "POST", jobsPath+id+"/_forecast", `{"duration":"1h"}`)
		r.waitFor(jobsPath+id+"/_stats", `"finished":1`)
	}
	forecasts := func() string {
		return r.must(200, "POST", "/.ml-anomalies-open/_count", `{"query":{"term":{"result_type":"model_forecast"}}}`)
	}
	before := forecasts()
	r.must(200, "POST", jobsPath+"shut/_close", "")
	spikes := func(id string) (records, told int) {
		t.Helper()
		span := fmt.Sprintf("?start=%d&end=%d", (base+204)*60_000, (base+208)*60_000)
		return strings.Count(r.must(200, "GET", jobsPath+id+"/results/records"+span, ""), `"result_type":"record"`),
			strings.Count(r.must(200, "GET", jobsPath+id+"/results/buckets"+span, ""), `"scheduled_events":["forgotten"]`)
	}
	if n, told := spikes("open"); n == 0 || told != 0 {
		t.Fatalf("%d records, %d events before it was told: the test shows nothing", n, told)
	}
	r.must(200, "PUT", "/_ml/calendars/c", `{"job_ids":["open","shut"]}`)
	r.must(200, "POST", "/_ml/calendars/c/events", fmt.Sprintf(`{"events":[{"description":"forgotten","start_time":%d,"end_time":%d}]}`, (base+205)*60_000, (base+207)*60_000))
	r.must(200, "PUT", "/_ml/calendars/c/jobs/joins", "")
	check := func(when string) {
		t.Helper()
		for _, id := range []string{"open", "shut", "joins"} {
			if n, told := spikes(id); n != 0 || told != 2 {
				t.Errorf("%s job %s has %d records and %d buckets with the event", when, id, n, told)
			}
			contains(t, r.must(200, "GET", jobsPath+id+"/results/buckets?size=1&exclude_interim=true", ""), `"count":229`)
		}
	}
	check("then")
	if after := forecasts(); after != before {
		t.Errorf("forecasts were %s and are %s", before, after)
	}
	contains(t, r.must(200, "GET", jobsPath+"open,shut/_stats", ""), `"state":"opened"`, `"state":"closed"`)
	r.restart()
	check("after a restart")
	// The past goes on where it was.
	r.must(200, "POST", jobsPath+"shut/_open", "")
	r.post("shut", (base+231)*60)
	contains(t, r.must(200, "GET", jobsPath+"shut/results/buckets?size=1&exclude_interim=true", ""), `"count":231`)
}
