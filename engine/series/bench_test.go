package series

import (
	"math"
	"math/rand/v2"
	"testing"
)

// BenchmarkCourse is a bucket of a series with everything on: seasons and courses.
func BenchmarkCourse(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 288*7)
	for i := range values {
		values[i] = 100 + 30*math.Sin(float64(i)/46) + 3*rng.NormFloat64()
	}
	r := newCourse()
	for i := range 288 * 14 {
		r.next(values[i%len(values)])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.next(values[i%len(values)])
	}
}
