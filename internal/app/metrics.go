package app

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tidemark/internal/durable"
	"tidemark/internal/inlog"
	"tidemark/internal/job"
	"tidemark/wire"
)

// maxJobMetrics is up to how many jobs /metrics has figures for each one:
// beyond that the page would be too large to be scraped often.
const maxJobMetrics = 2000

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tidemark_"+name, help, labels, nil)
}

var (
	buildInfo    = desc("build_info", "What is running.", "version", "build", "go")
	jobsByState  = desc("jobs", "Jobs by state.", "state")
	omittedJobs  = desc("jobs_without_metrics", "Jobs left out of the figures per job because there are too many.")
	jobUp        = desc("job_state", "1 for the state a job is in.", "job", "state")
	jobSince     = desc("job_seconds_since_data", "Wall-clock seconds since a job's last upload.", "job")
	jobLag       = desc("job_lag_seconds", "Seconds from the newest event time of a job to now.", "job")
	jobProcessed = desc("job_processed_records_total", "Records a job has processed.", "job")
	jobLate      = desc("job_late_records_total", "Records a job dropped because they came too late.", "job")
	jobInvalid   = desc("job_invalid_records_total", "Records a job dropped because they had no usable time.", "job")
	jobQueue     = desc("job_queue_depth", "Requests that wait for a job.", "job")
	jobModel     = desc("job_model_bytes", "What a job has learned, in bytes.", "job")
	jobLimit     = desc("job_model_limit_bytes", "A job's model memory limit.", "job")
	jobSnapshot  = desc("job_snapshot_age_seconds", "Seconds since a job's last snapshot.", "job")
	jobReplay    = desc("job_replay_work", "Estimated work of recovering a job, in units of about a tenth of a microsecond.", "job")

	logBytes     = desc("log_bytes", "Size of the input log.")
	storeBytes   = desc("store_bytes", "Size of results, configurations and snapshots.")
	freeBytes    = desc("disk_free_bytes", "Free space in the data directory.")
	inFlight     = desc("uploads_in_flight_bytes", "Encoded uploads that wait or are being stored.")
	logSync      = desc("log_sync_seconds", "Time of one group commit of the input log.")
	logEntries   = desc("log_entries_total", "Entries appended to the input log.")
	bucketClose  = desc("bucket_close_seconds", "Time from applying an entry that closed a bucket until its results were stored.")
	stall        = desc("snapshot_stall_seconds", "How long taking a snapshot held up its job.")
	recoveryJobs = desc("recovery_jobs", "Jobs in this start's recovery, by what became of them.", "state")
	recoveryLog  = desc("recovery_entries", "Log entries in this start's recovery, by what became of them.", "state")
)

// collector reads all figures when it is asked: nothing is counted twice.
type collector struct{ s *Server }

func (s *Server) metricsHandler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// Describe implements prometheus.Collector. It describes nothing, since the
// labels depend on the jobs.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(buildInfo, 1, wire.Release, c.s.build, runtime.Version())
	f := c.s.jobs.Figures()
	l := c.s.inlog.Stats()
	gauge(logBytes, float64(l.Bytes))
	gauge(storeBytes, float64(c.s.store.Bytes()))
	if free, err := durable.FreeBytes(c.s.opt.Data); err == nil {
		gauge(freeBytes, float64(free))
	}
	gauge(inFlight, float64(f.BytesInFlight))
	out <- prometheus.MustNewConstMetric(logEntries, prometheus.CounterValue, float64(l.Entries))
	out <- histogram(logSync, l.SyncSeconds, inlog.SyncBounds, l.SyncSum)
	out <- histogram(bucketClose, f.BucketClose.Counts, job.DurationBounds, f.BucketClose.SumSeconds)
	out <- histogram(stall, f.SnapshotStall.Counts, job.DurationBounds, f.SnapshotStall.SumSeconds)
	gauge(recoveryJobs, float64(f.Recovery.Jobs), "found")
	gauge(recoveryJobs, float64(f.Recovery.Done), "done")
	gauge(recoveryJobs, float64(f.Recovery.Failed), "failed")
	gauge(recoveryLog, float64(f.Recovery.Entries), "found")
	gauge(recoveryLog, float64(f.Recovery.Replayed), "replayed")
	c.jobs(gauge, out)
}

func (c collector) jobs(gauge func(*prometheus.Desc, float64, ...string), out chan<- prometheus.Metric) {
	list := c.s.jobs.Overview()
	states := map[string]int{}
	for _, state := range []wire.JobState{wire.StateClosed, wire.StateOpening, wire.StateOpened, wire.StateClosing, wire.StateFailed} {
		states[string(state)] = 0
	}
	for i := range list {
		states[list[i].State]++
	}
	for state, n := range states {
		gauge(jobsByState, float64(n), state)
	}
	shown := min(len(list), maxJobMetrics)
	gauge(omittedJobs, float64(len(list)-shown))
	count := func(d *prometheus.Desc, v int64, id string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), id)
	}
	for i := range list[:shown] {
		j := &list[i]
		gauge(jobUp, 1, j.ID, j.State)
		for d, v := range map[*prometheus.Desc]float64{jobSince: j.SinceDataSeconds, jobLag: j.LagSeconds, jobSnapshot: j.SnapshotAgeSeconds} {
			if v >= 0 || d == jobLag && j.LatestRecordMs >= 0 {
				gauge(d, v, j.ID)
			}
		}
		count(jobProcessed, j.Processed, j.ID)
		count(jobLate, j.Late, j.ID)
		count(jobInvalid, j.Invalid, j.ID)
		gauge(jobQueue, float64(j.QueueDepth), j.ID)
		gauge(jobModel, float64(j.ModelBytes), j.ID)
		gauge(jobLimit, float64(j.ModelLimitBytes), j.ID)
		gauge(jobReplay, float64(j.ReplayWork), j.ID)
	}
}

// histogram turns counts per bucket into Prometheus' cumulative ones.
func histogram(d *prometheus.Desc, counts []uint64, bounds []float64, sum float64) prometheus.Metric {
	buckets := make(map[float64]uint64, len(bounds))
	total := uint64(0)
	for i, n := range counts {
		total += n
		if i < len(bounds) {
			buckets[bounds[i]] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, sum, buckets)
}
