// Package load measures the real binary over HTTP on loopback. It holds only
// benchmarks: go test ./test/load -bench . -benchtime 1x -run ^$
package load

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemark/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

const jobPath = "/_ml/anomaly_detectors/load"

// openJob starts a server with one open job.
func openJob(b *testing.B, detector string) *process.Server {
	b.Helper()
	s := process.New(b, "")
	s.Start()
	s.Must("PUT", jobPath, fmt.Sprintf(`{"analysis_config":{"bucket_span":"5m","detectors":[%s]},
		"data_description":{"time_field":"time","time_format":"epoch_ms"}}`, detector))
	s.Must("POST", jobPath+"/_open", "")
	return s
}

// feed makes NDJSON records of one or many series at a fixed interval.
type feed struct {
	atMs, stepMs int64
	series, next int
	buf          bytes.Buffer
}

func (f *feed) body(records int) []byte {
	f.buf.Reset()
	for range records {
		value := 500 + 100*math.Sin(float64(f.atMs%86_400_000)/86_400_000*2*math.Pi) + float64(f.atMs/7%13)
		if f.series > 0 {
			fmt.Fprintf(&f.buf, `{"time":%d,"host":"host-%05d","total":%.3f}`+"\n", f.atMs, f.next, value)
			f.next = (f.next + 1) % f.series
		} else {
			fmt.Fprintf(&f.buf, `{"time":%d,"host":"web-1","total":%.3f}`+"\n", f.atMs, value)
		}
		f.atMs += f.stepMs
	}
	return bytes.Clone(f.buf.Bytes())
}

const meanOfTotal = `{"function":"mean","field_name":"total"}`

func post(b *testing.B, s *process.Server, body []byte) {
	b.Helper()
	status, answer, err := s.Call("POST", jobPath+"/_data", "", body)
	if err != nil || status != http.StatusAccepted {
		b.Fatalf("upload: status %d, error %v, answer %v", status, err, answer)
	}
}

// BenchmarkFlushIdle is a flush with nothing buffered, over HTTP.
func BenchmarkFlushIdle(b *testing.B) {
	s := openJob(b, meanOfTotal)
	f := &feed{atMs: 1_700_000_100_000, stepMs: 1000}
	post(b, s, f.body(10_000))
	var times []time.Duration
	for b.Loop() {
		for range 2000 {
			begin := time.Now()
			s.Must("POST", jobPath+"/_flush", "")
			times = append(times, time.Since(begin))
		}
	}
	report(b, times)
}

// BenchmarkFlushUnderLoad flushes while 100,000 records a second flow in.
func BenchmarkFlushUnderLoad(b *testing.B) {
	s := openJob(b, meanOfTotal)
	const perUpload, perSecond = 2_000, 100_000
	f := &feed{atMs: 1_700_000_100_000, stepMs: 100}
	bodies := make([][]byte, 10*perSecond/perUpload)
	for i := range bodies {
		bodies[i] = f.body(perUpload)
	}
	var times []time.Duration
	for b.Loop() {
		stop := make(chan struct{})
		var posting sync.WaitGroup
		var sent int
		posting.Add(1)
		begin := time.Now()
		go func() {
			defer posting.Done()
			tick := time.NewTicker(time.Second * perUpload / perSecond)
			defer tick.Stop()
			for _, body := range bodies {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if status, _, err := s.Call("POST", jobPath+"/_data", "", body); err != nil || status != http.StatusAccepted {
					b.Errorf("upload: status %d, error %v", status, err)
					return
				}
				sent += perUpload
			}
		}()
		done := make(chan struct{})
		go func() { posting.Wait(); close(done) }()
		for running := true; running; {
			at := time.Now()
			s.Must("POST", jobPath+"/_flush", "")
			times = append(times, time.Since(at))
			select {
			case <-done:
				running = false
			case <-time.After(5 * time.Millisecond):
			}
		}
		close(stop)
		b.ReportMetric(float64(sent)/time.Since(begin).Seconds(), "records/s")
	}
	report(b, times)
}

// BenchmarkIngest posts durable uploads of one series over HTTP, by one and by
// four clients.
func BenchmarkIngest(b *testing.B) {
	for _, clients := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := openJob(b, meanOfTotal)
			const perUpload, uploads = 50_000, 40
			f := &feed{atMs: 1_700_000_100_000, stepMs: 150}
			bodies := make([][]byte, uploads)
			for i := range bodies {
				bodies[i] = f.body(perUpload)
			}
			for b.Loop() {
				begin := time.Now()
				work := make(chan []byte, uploads)
				for _, body := range bodies {
					work <- body
				}
				close(work)
				var group sync.WaitGroup
				for range clients {
					group.Add(1)
					go func() {
						defer group.Done()
						for body := range work {
							if status, _, err := s.Call("POST", jobPath+"/_data", "", body); err != nil || status != http.StatusAccepted {
								b.Errorf("upload: status %d, error %v", status, err)
							}
						}
					}()
				}
				group.Wait()
				s.Must("POST", jobPath+"/_flush", "")
				took := time.Since(begin).Seconds()
				// Uploads of several clients overtake each other, and what comes
				// too late is counted and dropped.
				counts := s.Must("GET", jobPath+"/_stats", "")["jobs"].([]any)[0].(map[string]any)["data_counts"].(map[string]any)
				if in := counts["input_record_count"].(float64); in != perUpload*uploads {
					b.Errorf("%v records came in, %d were sent", in, perUpload*uploads)
				}
				b.ReportMetric(perUpload*uploads/took, "records/s")
				b.ReportMetric(counts["processed_record_count"].(float64)/took, "processed/s")
			}
		})
	}
}

// BenchmarkRecovery kills the server with so many live series and measures the
// time from the start of the next process until /readyz is green.
func BenchmarkRecovery(b *testing.B) {
	for _, series := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			s := openJob(b, `{"function":"mean","field_name":"total","partition_field_name":"host"}`)
			f := &feed{atMs: 1_700_000_100_000, stepMs: 3, series: series}
			for range 40 {
				post(b, s, f.body(50_000))
			}
			var times []time.Duration
			for b.Loop() {
				s.Kill()
				begin := time.Now()
				s.Start()
				times = append(times, time.Since(begin))
				post(b, s, f.body(1000))
			}
			report(b, times)
		})
	}
}

// BenchmarkSnapshotStall is how long a snapshot of 100,000 series holds up the
// job that goes on meanwhile.
func BenchmarkSnapshotStall(b *testing.B) {
	s := process.New(b, "", "--snapshot-work", "500000")
	s.Start()
	s.Must("PUT", jobPath, `{"analysis_config":{"bucket_span":"5m","detectors":[{"function":"mean","field_name":"total","partition_field_name":"host"}]},
		"data_description":{"time_field":"time","time_format":"epoch_ms"}}`)
	s.Must("POST", jobPath+"/_open", "")
	f := &feed{atMs: 1_700_000_100_000, stepMs: 3, series: 100_000}
	for b.Loop() {
		for range 80 {
			post(b, s, f.body(50_000))
		}
	}
	resp, err := s.Client.Get(s.URL("/metrics"))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	var sum, count, below20 float64
	for line := range strings.SplitSeq(string(raw), "\n") {
		for prefix, to := range map[string]*float64{"tidemark_snapshot_stall_seconds_sum ": &sum, "tidemark_snapshot_stall_seconds_count ": &count, `tidemark_snapshot_stall_seconds_bucket{le="0.02"} `: &below20} {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				if *to, err = strconv.ParseFloat(rest, 64); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(sum/count*1000, "mean-ms")
	b.ReportMetric(count, "snapshots")
	b.ReportMetric(count-below20, "over-20-ms")
}

// BenchmarkFlushAndClose compares the two at 100,000 series.
func BenchmarkFlushAndClose(b *testing.B) {
	s := openJob(b, `{"function":"mean","field_name":"total","partition_field_name":"host"}`)
	f := &feed{atMs: 1_700_000_100_000, stepMs: 3, series: 100_000}
	for range 20 {
		post(b, s, f.body(50_000))
	}
	var flushes, interims, closes, opens []time.Duration
	timed := func(list *[]time.Duration, path, body string) {
		begin := time.Now()
		s.Must("POST", jobPath+path, body)
		*list = append(*list, time.Since(begin))
	}
	for b.Loop() {
		for range 20 {
			timed(&flushes, "/_flush", "")
		}
		timed(&interims, "/_flush", `{"calc_interim":true}`)
		timed(&closes, "/_close", "")
		timed(&opens, "/_open", "")
	}
	b.ReportMetric(quantile(flushes, 0.5), "flush-p50-ms")
	b.ReportMetric(quantile(interims, 0.5), "interim-flush-p50-ms")
	b.ReportMetric(quantile(closes, 0.5), "close-p50-ms")
	b.ReportMetric(quantile(opens, 0.5), "open-p50-ms")
}

func report(b *testing.B, times []time.Duration) {
	b.ReportMetric(quantile(times, 0.5), "p50-ms")
	b.ReportMetric(quantile(times, 0.99), "p99-ms")
	b.ReportMetric(quantile(times, 1), "max-ms")
}

// quantile is the nearest-rank quantile in milliseconds.
func quantile(times []time.Duration, q float64) float64 {
	sorted := slices.Clone(times)
	slices.Sort(sorted)
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(at, 0)].Seconds() * 1000
}
