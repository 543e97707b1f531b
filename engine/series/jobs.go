package series

import (
	"math"

	"tidemark/engine/num"
)

// jobs are what happens in single buckets at a fixed time of the local day: a
// backup each night, a report on Mondays. Curves of a quarter of an hour smear
// them, so that they alarm each night and hide their own absence. A job is a
// bucket of the day with the height of what stands out in it, and for each
// weekday whether it came the last times.
//
// A bucket that stands out by jobOutlier scales becomes a candidate; it is
// expected once it came twice running or twice on the same weekday (once more where
// heavy tails have such buckets by chance), and forgotten
// once it was expected and missing jobGone times running.
//
// Cost: a comparison a job and bucket. Memory: jobBytes a job.
type jobs [mostJobs]job

type job struct {
	slot   int32   // bucket of the local day
	height float32 // above the rest, 0: no job
	spread float32 // mean deviation from height
	days   uint16  // two bits a weekday: unknown, missed, came once, came
	streak uint8   // how often it came running
	lost   uint8   // how often running it was expected and missing
	age    uint8   // days since it came
}

const (
	mostJobs   = 7
	jobOutlier = 6
	// jobRare is the logarithm of how rarely a series has what counts as a job's first
	// time, 1 in 5,000: outliers of heavy tails must come once more.
	jobRare = -8.517
	// jobLike is by which factor a job's height may change from day to day.
	jobLike = 2
	jobGone = 3
	// jobMemory is how many times of a job its height averages.
	jobMemory = 5
	// jobStale is after how many days without a candidate is none any more.
	jobStale = 15
	// jobSlack is the tolerance for a job's height, in mean deviations, and in
	// heights as long as it came a few times only.
	jobSlack, youngSlack = 2.5, 0.3
	mostStreak           = 200
	// sureJob is how often running a job must have come before it is missed. Where
	// spikes come at any time, one in some hundreds is taken for a job after two.
	sureJob = 5
)

const (
	jobUnknown uint16 = iota
	jobMissed
	jobOnce
	jobCame
)

func (j *job) on(weekday int) uint16 { return j.days >> (2 * uint(weekday)) & 3 }

func (j *job) setOn(weekday int, state uint16) {
	shift := 2 * uint(weekday)
	j.days = j.days&^(3<<shift) | state<<shift
}

// expected reports whether the job is due on a weekday.
func (j *job) expected(weekday int) bool {
	if j.height == 0 {
		return false
	}
	state := j.on(weekday)
	return state == jobCame || j.streak >= 2 && state != jobMissed
}

// believed reports whether any job is expected on some day.
func (js *jobs) believed() bool {
	for i := range js {
		if js[i].weekdays() > 0 {
			return true
		}
	}
	return false
}

// slotOf is the bucket of the local day and the weekday of a bucket, ok false if
// days are not made of whole buckets.
func (p *Params) slotOf(startMs int64) (slot int32, weekday int, ok bool) {
	if !p.jobs {
		return 0, 0, false
	}
	day := localDay(startMs)
	return int32((startMs - int64(day)*dayMs) / p.spanMs), weekdayOf(day), true
}

// due is what the jobs of a bucket add, and how far it may be off.
func (js *jobs) due(slot int32, weekday int) (height, slack float64) {
	for i := range js {
		j := &js[i]
		if j.slot != slot || !j.expected(weekday) {
			continue
		}
		h := float64(j.height)
		if j.streak < sureJob && j.on(weekday) != jobCame {
			return h, math.Abs(h)
		}
		return h, max(jobSlack*float64(j.spread), youngSlack*math.Abs(h)/max(1, float64(j.streak)-1))
	}
	return 0, 0
}

// learnJobs takes a bucket in: whether it stands out, by v, without its job.
func (p *Params) learnJobs(c *Core, s *Season, x Sample, v *Verdict) {
	js, busy := &s.jobs, s.alt.mode == altTried
	slot, weekday, ok := p.slotOf(x.StartMs)
	if !ok {
		return
	}
	d := c.fromEdge(x.Value+v.job, v)
	if apart := v.apart + v.job; math.Abs(apart) < math.Abs(d) {
		d = apart
	}
	for i := range js {
		if j := &js[i]; j.height != 0 && j.slot == slot {
			if busy && !j.expected(weekday) {
				return
			}
			j.learn(d, v.sigma, weekday)
			return
		}
	}
	if c.seen < p.quiet || busy {
		return
	}
	z := math.Abs(d) / v.sigma
	if goesOn := js.goesOn(slot, d); z > jobOutlier || goesOn && z > jobOutlier/2 {
		js.candidate(slot, weekday, d, goesOn || c.tailA.logTail(z) < jobRare)
	}
}

// weekdays is on how many days of the week a job is expected.
func (j *job) weekdays() (n int) {
	for weekday := range 7 {
		if j.expected(weekday) {
			n++
		}
	}
	return n
}

// goesOn reports whether a deviation goes on what a job did in the bucket before.
func (js *jobs) goesOn(slot int32, d float64) bool {
	for i := range js {
		if j := &js[i]; j.slot == slot-1 && j.age == 0 && float64(j.height)*d > 0 {
			return true
		}
	}
	return false
}

// apart is how far a value lies from everything that is expected of it.
func (c *Core) apart(x float64, v *Verdict) float64 {
	d := x - v.short
	for _, level := range [...]float64{c.fast, c.mid, v.long} {
		if e := x - level; math.Abs(e) < math.Abs(d) {
			d = e
		}
	}
	return d
}

func (j *job) learn(d, sigma float64, weekday int) {
	h := float64(j.height)
	state := j.on(weekday)
	if d*h > 0 && math.Abs(d) >= math.Abs(h)/jobLike && math.Abs(d) >= jobOutlier/jobLike*sigma {
		g := 1 / min(float64(j.streak)+1, jobMemory)
		d = num.Clamp(d, -jobLike*math.Abs(h), jobLike*math.Abs(h))
		j.spread = float32(num.Toward(float64(j.spread), g, math.Abs(d-h)))
		j.height = float32(num.Toward(h, g, d))
		j.streak = min(j.streak+1, mostStreak)
		j.lost, j.age = 0, 0
		if state >= jobOnce {
			j.setOn(weekday, jobCame)
		} else {
			j.setOn(weekday, jobOnce)
		}
		return
	}
	if j.expected(weekday) {
		j.lost++
	}
	j.age++
	j.streak /= 2
	if state > jobMissed {
		j.setOn(weekday, state-1)
	} else {
		j.setOn(weekday, jobMissed)
	}
	if j.lost >= jobGone || j.age > jobStale {
		*j = job{}
	}
}

// candidate takes a new job in the place of none, or of the least likely
// candidate. counts says whether this was its first time.
func (js *jobs) candidate(slot int32, weekday int, d float64, counts bool) {
	at := -1
	for i := range js {
		j := &js[i]
		if j.height == 0 {
			at = i
			break
		}
		if j.streak >= 2 || j.everCame() {
			continue
		}
		if at < 0 || j.age > js[at].age {
			at = i
		}
	}
	if at < 0 {
		return
	}
	js[at] = job{slot: slot, height: float32(d)}
	if counts {
		js[at].streak = 1
		js[at].setOn(weekday, jobOnce)
	}
}

func (j *job) everCame() bool {
	for weekday := range 7 {
		if j.on(weekday) == jobCame {
			return true
		}
	}
	return false
}

// move takes jobs to slots so many later.
func (js *jobs) move(by, slots int32) {
	for i := range js {
		if j := &js[i]; j.height != 0 {
			j.slot = ((j.slot+by)%slots + slots) % slots
		}
	}
}

// dropCandidates forgets what came once.
func (js *jobs) dropCandidates() {
	for i := range js {
		if j := &js[i]; j.streak < 2 && !j.everCame() {
			*j = job{}
		}
	}
}
