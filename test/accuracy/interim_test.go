package accuracy

import (
	"flag"
	"testing"

	"tidemark/engine/spec"
)

var interimBuckets = flag.Int("accuracy.interim", 0, "buckets per kind of filling for the table of interim results, 0: only the guard")

// TestInterim keeps interim results of counts close to what becomes of them: the
// mean error is at most half of what the elapsed share alone gives, and alarms that
// the final result does not confirm are at most a tenth. With -accuracy.interim it
// prints the table of docs/accuracy.md.
func TestInterim(t *testing.T) {
	functions, buckets := []spec.Function{spec.Count}, 1200
	if *interimBuckets > 0 {
		functions, buckets = []spec.Function{spec.Count, spec.Sum, spec.Mean}, *interimBuckets
	}
	for _, fn := range functions {
		learned, elapsed := CompareInterim(fn, Fillings, buckets, 1)
		var meanError, falseAlarms [2]float64
		for k := range Fillings {
			t.Logf("| %s, %s | %s | %s |", fn, Fillings[k].Name, &learned[k], &elapsed[k])
			for i, r := range [...]*Interim{&learned[k], &elapsed[k]} {
				e, n := r.Total()
				meanError[i] += e / float64(len(Fillings))
				falseAlarms[i] += n
			}
		}
		t.Logf("%s: mean error %.3f and %.3f, false alarms %v and %v", fn, meanError[0], meanError[1], falseAlarms[0], falseAlarms[1])
		if fn == spec.Count && (meanError[0] > meanError[1]/2 || falseAlarms[0]*10 > falseAlarms[1] || falseAlarms[1] < 10) {
			t.Errorf("the mean error is %.3f of %.3f, at most half is usual; %v false alarms of %v, at most a tenth", meanError[0], meanError[1], falseAlarms[0], falseAlarms[1])
		}
	}
}
