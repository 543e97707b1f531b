// Package num holds the small float helpers that the model is written in, each
// with its rounding spelled out so that equal inputs give equal bits.
package num

// Clamp returns x limited to [lo, hi]. NaN becomes lo, so that a bound is a
// bound for every input.
func Clamp(x, lo, hi float64) float64 {
	if x > hi {
		return hi
	}
	if x >= lo {
		return x
	}
	return lo
}

// Finite reports whether x is neither NaN nor infinite.
func Finite(x float64) bool {
	// x-x is 0 for finite x and NaN otherwise; one comparison instead of three.
	return x-x == 0
}

// Toward moves v by the share gain of its distance to x: the exponentially
// weighted mean
//
//	v' = v + gain*(x - v)
//
// The product is rounded by the explicit conversion, because a compiler may
// otherwise fuse it with the addition on some machines and not on others.
func Toward(v, gain, x float64) float64 {
	return v + float64(gain*(x-v))
}

// Gain is the weight of a new value in a mean that remembers about memory
// values once it has seen that many, and is the plain mean until then. seen
// counts the values before this one.
func Gain(seen, memory float64) float64 {
	return 1 / min(seen+1, memory)
}

// Knot is one point of a piecewise linear function.
type Knot struct{ X, Y float64 }

// Interpolate evaluates the piecewise linear function through knots, which
// ascend in X. Outside it continues with the first or last Y.
func Interpolate(knots []Knot, x float64) float64 {
	if !(x > knots[0].X) {
		return knots[0].Y
	}
	for i := 1; i < len(knots); i++ {
		if x <= knots[i].X {
			a, b := knots[i-1], knots[i]
			return a.Y + float64((b.Y-a.Y)*((x-a.X)/(b.X-a.X)))
		}
	}
	return knots[len(knots)-1].Y
}
