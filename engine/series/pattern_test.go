package series

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/spec"
)

// course runs a series with its courses.
type course struct {
	p *Params
	c Core
	s Season
	m Pattern
	n int64
}

func (r *course) next(value float64) Verdict {
	x := Sample{Value: value, Count: 1, StartMs: 4*86_400_000 + r.n*300_000}
	r.n++
	v := r.p.Judge(&r.c, &r.s, x)
	r.p.JudgePattern(&r.c, &r.m, x, &v)
	r.p.Learn(&r.c, &r.s, x, &v)
	r.p.LearnPattern(&r.m, &v)
	return v
}

func newCourse() *course {
	r := &course{p: NewParams(spec.Mean, 300_000)}
	r.c.Init(r.p)
	return r
}

// TestPatternInRange: a day on which a familiar peak is missing takes no value
// that was not there before; only its course is new.
func TestPatternInRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	r := newCourse()
	value := func(i int) float64 {
		v := 20 + rng.NormFloat64()
		if slot := i % 288; slot > 100 && slot < 180 {
			v += 60
		}
		return v
	}
	usual, unusual := 0.0, 0.0
	for i := range 288 * 14 {
		v := value(i)
		day := i / 288
		if day == 12 && i%288 > 120 && i%288 < 150 {
			v = 20 + rng.NormFloat64() // The peak breaks off for a while.
		}
		got := r.next(v).pattern.novelty
		switch {
		case day == 12:
			unusual = math.Max(unusual, got)
		case day > 8:
			usual = math.Max(usual, got)
		}
	}
	if unusual < 6 || usual > unusual/2 {
		t.Errorf("novelty is %v on the day with a gap in its peak, up to %v on others", unusual, usual)
	}
}

// TestPatternCodec: a pattern survives encoding at any time, also while it warms
// up, and what is damaged is refused or harmless.
func TestPatternCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	straight, broken := newCourse(), newCourse()
	for i := range 2000 {
		v := 50 + 20*math.Sin(float64(i)/20) + rng.NormFloat64()
		if a, b := straight.next(v), broken.next(v); a.NoveltyScore != b.NoveltyScore {
			t.Fatalf("bucket %d: novelty %v and %v", i, a.NoveltyScore, b.NoveltyScore)
		}
		if i%97 == 0 {
			raw := broken.m.Append(nil)
			broken.m = Pattern{}
			if rest, err := broken.m.Decode(raw); err != nil || len(rest) != 0 || len(raw) != PatternBytes {
				t.Fatal(err, len(rest))
			}
		}
	}
	raw := straight.m.Append(nil)
	for at := range raw {
		bad := bytes.Clone(raw)
		bad[at] ^= byte(1 + rng.IntN(255))
		r := *straight
		if _, err := r.m.Decode(bad); err != nil {
			continue
		}
		for _, v := range []float64{50, 0, 1e30, -1e30, 70, 1, 2, 3, 4, 5, 6} {
			if got := r.next(v); !(got.NoveltyScore >= 0 && got.NoveltyScore <= 100) {
				t.Fatalf("byte %d: novelty %v", at, got.NoveltyScore)
			}
		}
	}
	if _, err := new(Pattern).Decode(raw[:len(raw)-1]); err != ErrShort {
		t.Errorf("cut short: %v", err)
	}
}

func TestPeersCodec(t *testing.T) {
	p := NewParams(spec.Mean, 300_000)
	rng := rand.New(rand.NewPCG(3, 3))
	var m Peers
	m.Init()
	bucket := func() []Member {
		var list []Member
		for range 20 {
			list = append(list, Member{Value: 10 + rng.NormFloat64(), Count: float64(1 + rng.IntN(9)), Buckets: 5})
		}
		return list
	}
	for range 200 {
		b := bucket()
		p.LearnPeers(&m, b, p.JudgePeers(&m, b, false))
	}
	raw := m.Append(nil)
	for at := range raw {
		bad := bytes.Clone(raw)
		bad[at] ^= byte(1 + rng.IntN(255))
		var d Peers
		if _, err := d.Decode(bad); err != nil {
			continue
		}
		b := bucket()
		b[0].Value = 1e30
		verdicts := p.JudgePeers(&d, b, false)
		for _, v := range verdicts {
			if !(v.LogProb <= 0) || !(v.Score >= 0 && v.Score <= 100) {
				t.Fatalf("byte %d: %+v", at, v)
			}
		}
		p.LearnPeers(&d, b, verdicts)
	}
	var back Peers
	if rest, err := back.Decode(raw); err != nil || len(rest) != 0 || back != m {
		t.Errorf("decoded %+v, error %v", back, err)
	}
	if _, err := new(Peers).Decode(raw[:5]); err != ErrShort {
		t.Errorf("cut short: %v", err)
	}
}

// TestAnyOf compares with the definition where that has digits.
func TestAnyOf(t *testing.T) {
	for _, c := range []struct{ p, n float64 }{{0.5, 3}, {0.01, 10}, {1e-5, 1000}, {0.999, 2}} {
		want := math.Log(1 - math.Pow(1-c.p, c.n))
		if got := AnyOf(math.Log(c.p), c.n); math.Abs(got-want) > 1e-9*math.Abs(want)+1e-12 {
			t.Errorf("any of %v tests at %v: %v, want %v", c.n, c.p, got, want)
		}
	}
	if got := AnyOf(-1000, 10); math.Abs(got-(-1000+math.Log(10))) > 1e-9 {
		t.Errorf("far out: %v", got)
	}
	if AnyOf(0, 5) != 0 || AnyOf(-2, 1) != -2 {
		t.Error("one test, or a certain one, changes nothing")
	}
}
