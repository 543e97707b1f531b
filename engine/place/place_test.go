package place

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Point{"52.5,13.4": {52.5, 13.4}, " -33.9 , 151.2 ": {-33.9, 151.2}, "90,-180": {90, -180}, "1,2,30.5": {1, 2},
		"POINT (13.4 52.5)": {52.5, 13.4}, "point(-71.34 41.12)": {41.12, -71.34}, "POINT Z (1 2 3)": {2, 1}, "s": {22.5, 22.5}} {
		if got, ok := Parse([]byte(text)); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "1,2,x", "91,0", "POINT (1)", "POINT (1 2", "POINT (1 91)", "POINT EMPTY", "ails", "0123456789012", "1,2,3,4", "0,181", "NaN,0", "Inf,0", "a,b"} {
		if _, ok := Parse([]byte(text)); ok {
			t.Errorf("%q is taken for a place", text)
		}
	}
}

// TestGeohash: the published example, and cells that grow finer around a point.
func TestGeohash(t *testing.T) {
	if got, ok := Parse([]byte("ezs42")); !ok || math.Abs(got.Lat-42.605) > 0.001 || math.Abs(got.Lon+5.603) > 0.001 {
		t.Errorf("ezs42 is %v, %v", got, ok)
	}
	if got, ok := Parse([]byte("U4PRUYDQQVJ")); !ok || math.Abs(got.Lat-57.64911) > 1e-5 || math.Abs(got.Lon-10.40744) > 1e-5 {
		t.Errorf("u4pruydqqvj is %v, %v", got, ok)
	}
}

func around(m *Model, rng *rand.Rand, at Point, n int) {
	for range n {
		m.Learn(Point{at.Lat + 0.01*rng.NormFloat64(), at.Lon + 0.01*rng.NormFloat64()}, 1)
	}
}

// TestPlaces: usual places are usual, however far apart; what lies between is not;
// the date line and the poles are no borders.
func TestPlaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var m Model
	m.Init()
	berlin, suva := Point{52.5, 13.4}, Point{-17.8, 179.995}
	around(&m, rng, berlin, 100)
	for i := range 50 {
		m.Learn(Point{-17.8, []float64{179.99, -179.99}[i%2]}, 1)
	}
	for at, usual := range map[Point]bool{berlin: true, suva: true, {-17.8, -179.995}: true, {48.8, 2.3}: false, {17, 100}: false} {
		if p := m.Judge(at).LogProb; (p > math.Log(0.05)) != usual {
			t.Errorf("%v has probability %v", at, math.Exp(p))
		}
	}
	if d := km(Point{89.9, 0}.vector(), Point{89.9, 180}.vector()); math.Abs(d-22.24) > 0.1 {
		t.Errorf("across the pole it is %v km", d)
	}
	if v := m.Judge(Point{48.8, 2.3}); math.Abs(v.Distance-880) > 30 || math.Abs(v.Typical.Lat-52.5) > 0.1 {
		t.Errorf("Paris: %+v", v)
	}
}

// TestNewPlace: on the first day a second place is no surprise, after weeks with one
// it is.
func TestNewPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var m Model
	m.Init()
	for _, c := range []struct {
		events      int
		least, most float64
	}{{30, 0.002, 0.1}, {500, 1e-5, 1e-3}, {5000, 0, 1e-5}} {
		around(&m, rng, Point{52.5, 13.4}, c.events-int(m.seen))
		if p := math.Exp(m.Judge(Point{35.7, 139.7}).LogProb); p < c.least || p > c.most {
			t.Errorf("after %d events a new place has probability %v", c.events, p)
		}
	}
}

// TestStray: one visit far away changes little, several make a place.
func TestStray(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var m Model
	m.Init()
	around(&m, rng, Point{52.5, 13.4}, 200)
	far := Point{40.7, -74}
	before := m.Judge(far).LogProb
	m.Learn(far, 1)
	if m.clusters[0].meanKm > 3 {
		t.Errorf("a stray point widens the cluster to %v km", m.clusters[0].meanKm)
	}
	around(&m, rng, far, 30)
	if after := m.Judge(far).LogProb; before > math.Log(0.01) || after < math.Log(0.05) {
		t.Errorf("log probability %v before, %v after", before, after)
	}
	for i := range 40 {
		m.Learn(Point{float64(i*4 - 80), float64(i*9 - 179)}, 1)
	}
	if p := m.Judge(Point{52.5, 13.4}).LogProb; p < math.Log(0.2) {
		t.Errorf("strays push a usual place out: %v", math.Exp(p))
	}
}

func TestMonotone(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var m Model
	m.Init()
	around(&m, rng, Point{0, 0}, 100)
	last := 0.0
	for lon := 0.0; lon <= 180; lon += 0.5 {
		p := m.Judge(Point{0, lon}).LogProb
		if p > last+1e-12 || math.IsNaN(p) || math.IsInf(p, 0) {
			t.Fatalf("at %v degrees %v after %v", lon, p, last)
		}
		last = p
	}
}

func TestCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var m, d Model
	m.Init()
	around(&m, rng, Point{10, 20}, 50)
	around(&m, rng, Point{-10, 120}, 50)
	raw := m.Append(nil)
	if rest, err := d.Decode(raw); err != nil || len(rest) != 0 || d != m || len(raw) != ModelBytes {
		t.Fatalf("decoded another one: %v", err)
	}
	for at := range raw {
		bad := bytes.Clone(raw)
		bad[at] ^= byte(1 + rng.IntN(255))
		var d Model
		if _, err := d.Decode(bad); err == nil {
			d.Learn(Point{10, 20}, 1)
			if v := d.Judge(Point{11, 21}); !(v.LogProb <= 0) {
				t.Fatalf("byte %d: %+v", at, v)
			}
		}
	}
}
