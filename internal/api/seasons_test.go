package api

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// TestSeasons: a series shows its day, its job and the ends of its months, and one
// without any shows none.
func TestSeasons(t *testing.T) {
	r := newRig(t, Options{})
	const path = "/_tidemark/anomaly_detectors/s/seasons"
	r.must(404, "GET", path, "")
	r.open("s", `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","partition_field_name":"host","by_field_name":"kind"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`)
	if have := r.must(200, "GET", path, ""); have != `{"count":0,"series":[]}` {
		t.Errorf("without data: %s", have)
	}
	var b strings.Builder
	const start = 1_704_067_200 // 2024-01-01
	for h := range 24 * 130 {
		at := time.Unix(start+int64(h)*3600, 0).UTC()
		x := 100 + 10*math.Sin(2*math.Pi*float64(h)/24) + math.Sin(float64(h*h))
		if at.AddDate(0, 0, 1).Day() == 1 {
			x += 40
		}
		fmt.Fprintf(&b, `{"time":%d,"v":%.4f,"host":"a","kind":"k"}`+"\n"+`{"time":%d,"v":%.4f,"host":"b","kind":"k"}`+"\n", at.Unix(), x, at.Unix(), 5+math.Sin(float64(h*h)*1.7))
	}
	r.must(202, "POST", jobsPath+"s/_data", b.String())
	list := func(query string, want int64) []wire.SeriesSeasons {
		t.Helper()
		var have wire.SeasonsResponse
		if err := json.Unmarshal([]byte(r.must(200, "GET", path+query, "")), &have); err != nil {
			t.Fatal(err)
		}
		if have.Count != want {
			t.Errorf("%s: %d series, want %d", query, have.Count, want)
		}
		return have.Series
	}
	a := list("?partition_field_value=a&by_field_value=k", 1)
	if len(a) != 1 || *a[0].PartitionFieldValue != "a" || *a[0].ByFieldValue != "k" || len(a[0].Periods) != 1 || a[0].Periods[0].Period != "1d" ||
		a[0].Periods[0].Strength < 0.9 || math.Abs(a[0].Periods[0].Swing-20) > 4 || a[0].Periods[0].Since > "2024-01-10" || a[0].Periods[0].Since < "2024-01-02" {
		t.Errorf("host a: %+v", a)
	}
	if len(a) == 1 && (len(a[0].Monthly) != 1 || a[0].Monthly[0].Days != "last day of the month" || a[0].Monthly[0].Last != "2024-04-30" || math.Abs(a[0].Monthly[0].Height-40) > 8) {
		t.Errorf("months of host a: %+v", a[0].Monthly)
	}
	if b := list("?partition_field_value=b", 1); len(b) != 1 || len(b[0].Periods)+len(b[0].Monthly)+len(b[0].Daily) != 0 || math.Abs(b[0].Level-5) > 0.5 {
		t.Errorf("host b: %+v", b)
	}
	list("?by_field_value=none", 0)
	if all, rest := list("", 2), list("?from=1", 2); len(all) != 2 || len(rest) != 1 {
		t.Errorf("%d series, %d from the second on", len(all), len(rest))
	}
	if none := list("?size=0", 2); len(none) != 0 {
		t.Errorf("%d series of a page of none", len(none))
	}
	r.must(400, "GET", path+"?size=-1", "")
	r.must(400, "GET", path+"?size=x", "")
	r.must(200, "POST", jobsPath+"s/_close", "")
	contains(t, r.must(409, "GET", path, ""), "open")
}
