package api

import (
	"strings"
	"testing"
)

// TestUpgradeMode: while it is on nothing is opened and nothing taken, also after
// a restart; then everything goes on.
func TestUpgradeMode(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	r.must(200, "PUT", jobsPath+"other", countJob("60s"))
	r.must(200, "POST", "/_ml/set_upgrade_mode?enabled=true", "")
	r.must(200, "POST", "/_ml/set_upgrade_mode?enabled=true&timeout=5s", "")
	for range 2 {
		if got := r.must(429, "POST", jobsPath+"other/_open", ""); !strings.Contains(got, "Cannot perform cluster:admin/xpack/ml/job/open action while upgrade mode is enabled") {
			t.Errorf("opening says %s", got)
		}
		r.must(429, "POST", jobsPath+"other/_reset", "")
		r.must(429, "POST", jobsPath+"j/_data", `{"time":6000}`)
		r.must(429, "POST", jobsPath+"j/_flush", "")
		if got := r.must(200, "GET", jobsPath+"j/_stats", ""); !strings.Contains(got, "while upgrade mode is enabled") || !strings.Contains(got, `"state":"opened"`) {
			t.Errorf("the statistics are %s", got)
		}
		if got := r.must(200, "GET", "/_ml/info", ""); !strings.Contains(got, `"upgrade_mode":true`) {
			t.Errorf("the info is %s", got)
		}
		r.restart()
	}
	r.must(200, "POST", "/_ml/set_upgrade_mode", "")
	r.must(202, "POST", jobsPath+"j/_data", `{"time":6000}`)
	r.must(200, "POST", jobsPath+"other/_open", "")
	if got := r.must(200, "GET", jobsPath+"j/_stats", ""); strings.Contains(got, "upgrade mode") {
		t.Errorf("afterwards the statistics are %s", got)
	}
}
