package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// withSettings is a counting job with custom settings.
func withSettings(span, settings string) string {
	return strings.TrimSuffix(countJob(span), "}") + `,"custom_settings":{"tidemark":{` + settings + `}}}`
}

// TestIdleAdvance: when nothing comes, time goes on, and a restart changes
// nothing about what came of it.
func TestIdleAdvance(t *testing.T) {
	r := newRig(t, Options{})
	r.open("idle", withSettings("1s", `"idle_advance":"1s"`))
	r.open("off", countJob("1s"))
	at := time.Now().Unix()
	for _, id := range []string{"idle", "off"} {
		r.post(id, at-20, at-19, at-1)
	}
	r.open("old", withSettings("1s", `"idle_advance":"1s"`))
	r.post("old", at-200_000, at-199_990)
	deadline := time.Now().Add(10 * time.Second)
	want := fmt.Sprintf(`"timestamp":%d,`, at*1000)
	for !strings.Contains(r.must(200, "GET", jobsPath+"idle/results/buckets?size=1000", ""), want) {
		if time.Now().After(deadline) {
			t.Fatalf("no bucket at %d: %s", at, r.must(200, "GET", jobsPath+"idle/results/buckets?size=1000", ""))
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.must(200, "POST", jobsPath+"idle/_close", "")
	before := r.must(200, "GET", jobsPath+"idle/results/buckets?size=1000", "")
	if strings.Contains(r.must(200, "GET", jobsPath+"off/results/buckets?size=1000", ""), want) {
		t.Error("a job that did not ask for it has gone on")
	}
	contains(t, r.must(200, "GET", jobsPath+"old/results/buckets?size=0", ""), `"count":10`)
	r.restart()
	if after := r.must(200, "GET", jobsPath+"idle/results/buckets?size=1000", ""); after != before {
		t.Errorf("after a restart: %s\nbefore: %s", after, before)
	}
	for _, bad := range []string{`"idle_advance":"x"`, `"idle_advance":"1ms"`, `"max_future":5`, `"max_future":"0s"`} {
		r.must(400, "PUT", jobsPath+"bad", withSettings("1s", bad))
	}
}

// TestMaxFuture rejects records that lie too far ahead of the clock.
func TestMaxFuture(t *testing.T) {
	r := newRig(t, Options{})
	r.open("f", withSettings("1m", `"max_future":"1h"`))
	ahead := now().Unix()
	contains(t, r.post("f", ahead, ahead+3000, ahead+7200, ahead+60), `"processed_record_count":2,`, `"invalid_date_count":1`, `"out_of_order_timestamp_count":1`)
}
