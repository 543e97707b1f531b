package series

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"tidemark/engine/spec"
)

// TestEncoding: a state comes back bit for bit, also over one that is not
// empty, and goes on like the original.
func TestEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, rng := newRun(spec.Mean, span), noise(rapid.Uint64().Draw(t, "seed"))
		for range rapid.IntRange(0, 500).Draw(t, "buckets") {
			r.next(100 * rng.ExpFloat64())
		}
		for range rapid.IntRange(0, 3).Draw(t, "zeros") {
			r.next(0)
		}
		enc := r.c.Append([]byte{1})
		if len(enc) != 1+CoreBytes {
			t.Fatalf("%d bytes, not CoreBytes", len(enc)-1)
		}
		back := newRun(spec.Mean, span)
		for range 90 {
			back.next(rng.NormFloat64())
		}
		back.i = r.i
		rest, err := back.c.Decode(append(enc[1:], 7))
		if err != nil || len(rest) != 1 || back.c != r.c {
			t.Fatalf("decoded with %d bytes left, error %v", len(rest), err)
		}
		if r.s == nil {
			back.s = nil
		} else {
			enc := r.s.Append(nil)
			if rest, err := back.s.Decode(enc); err != nil || len(rest) != 0 || *back.s != *r.s || len(enc) != SeasonBytes {
				t.Fatalf("the season comes back with %d bytes left, error %v", len(rest), err)
			}
		}
		back.h = nil
		if r.h != nil {
			back.h = cyclic(spec.Mean).h
			enc := r.h.Append(nil)
			if rest, err := back.h.Decode(enc); err != nil || len(rest) != 0 || *back.h != *r.h || len(enc) != HuntBytes {
				t.Fatalf("the hunt comes back with %d bytes left, error %v", len(rest), err)
			}
		}
		for range 5 {
			if x := rng.NormFloat64(); r.next(x) != back.next(x) {
				t.Fatal("the decoded state judges differently")
			}
		}
	})
}

// TestDamagedState: what was cut off is refused; what was harmed is refused or
// goes on without a number that is none.
func TestDamagedState(t *testing.T) {
	r := seasonal(spec.Sum)
	if f := r.s.Found(); !f.Day || !f.Week || len(f.Jobs) == 0 || r.h == nil {
		t.Fatalf("seasons %+v, hunting: %t; the test needs all", f, r.h != nil)
	}
	core, season, hunt := r.c.Append(nil), r.s.Append(nil), r.h.Append(nil)
	refused, taken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		harm := func(enc []byte) []byte {
			enc = bytes.Clone(enc)
			at := rapid.IntRange(0, len(enc)-8).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				enc[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
			case 1:
				binary.LittleEndian.PutUint64(enc[at&^7:], math.Float64bits(rapid.Float64().Draw(t, "float")))
			case 2:
				copy(enc[at:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "bytes"))
			}
			return enc
		}
		b := *r
		b.s, b.h = new(Season), new(Hunt)
		harmedCore, harmedSeason, harmedHunt := harm(core), harm(season), harm(hunt)
		_, errCore := b.c.Decode(harmedCore)
		_, errSeason := b.s.Decode(harmedSeason)
		_, errHunt := b.h.Decode(harmedHunt)
		if errCore == nil && !bytes.Equal(b.c.Append(nil), harmedCore) || errSeason == nil && !bytes.Equal(b.s.Append(nil), harmedSeason) ||
			errHunt == nil && !bytes.Equal(b.h.Append(nil), harmedHunt) {
			t.Fatal("what was taken is not what is kept")
		}
		for _, err := range []error{errCore, errSeason, errHunt} {
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v, want ErrCorrupt", err)
			}
		}
		if errCore != nil {
			refused++
			b.c = r.c
		}
		if errSeason != nil {
			*b.s = *r.s
		}
		if errHunt != nil {
			*b.h = *r.h
		}
		taken++
		for _, x := range []float64{5, 0, 1e9, 100} {
			finite(t, b.next(x))
		}
		b.p.SilenceDue(&b.c, b.s, 0)
		b.p.LearnZeros(&b.c, b.s, b.h, b.m, 0, 3)
	})
	if refused == 0 || taken == 0 {
		t.Errorf("%d refused, %d taken", refused, taken)
	}
	// The age and the unit of a season, every level and scatter, then its visits.
	const numbers = 8 + 2*(maxDaySlots+maxWeekSlots+2*24)
	for at := 0; at < numbers+maxDaySlots/2+maxWeekSlots/2; at += 2 {
		bad := bytes.Clone(season)
		switch {
		case at < 8:
			binary.LittleEndian.PutUint32(bad[at&^3:], math.Float32bits(float32(math.Inf(1))))
		case at < 8+2*(maxDaySlots+maxWeekSlots):
			binary.LittleEndian.PutUint16(bad[at:], 0x8000)
		case at < numbers:
			binary.LittleEndian.PutUint16(bad[at:], 0xffff)
		default:
			bad[at] = 0xff
		}
		if _, err := new(Season).Decode(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("a season that is impossible at byte %d: error %v", at, err)
		}
	}
	for cut := range len(core) {
		if _, err := new(Core).Decode(core[:cut]); !errors.Is(err, ErrShort) {
			t.Fatalf("%d of %d bytes: error %v", cut, len(core), err)
		}
	}
	for cut := range len(hunt) {
		if _, err := new(Hunt).Decode(hunt[:cut]); !errors.Is(err, ErrShort) {
			t.Fatalf("%d of %d bytes of a hunt: error %v", cut, len(hunt), err)
		}
	}
	for cut := range len(season) {
		if _, err := new(Season).Decode(season[:cut]); !errors.Is(err, ErrShort) {
			t.Fatalf("%d of %d bytes of a season: error %v", cut, len(season), err)
		}
	}
}

// TestEveryStateIsSound: what values lead to can be stored and read again,
// however extreme: rare spikes over nothing shrink the scale they are measured
// by.
func TestEveryStateIsSound(t *testing.T) {
	for seed := range uint64(40) {
		rng := noise(60 + seed)
		r := newRun([]spec.Function{spec.Mean, spec.Sum, spec.Count}[seed%3], []int64{1000, span, 3_600_000}[seed/3%3])
		spike, base := math.Pow(10, rng.Float64()*60-30), 0.0
		if seed%2 == 0 {
			base = math.Pow(10, rng.Float64()*60-30)
		}
		every, calm := 2+rng.IntN(60), rng.IntN(1000)
		for i := range 4000 {
			x := base
			if i > calm && i%every == 0 {
				x = spike * rng.ExpFloat64()
			}
			if v := r.next(x); i%97 == 0 {
				finite(t, v)
				if _, err := new(Core).Decode(r.c.Append(nil)); err != nil {
					t.Fatalf("seed %d, spikes of %g over %g, every %d, bucket %d: %v", seed, spike, base, every, i, err)
				}
				if r.s != nil {
					if _, err := new(Season).Decode(r.s.Append(nil)); err != nil {
						t.Fatalf("seed %d, spikes of %g over %g, every %d, bucket %d: season: %v", seed, spike, base, every, i, err)
					}
				}
				if r.h != nil {
					if _, err := new(Hunt).Decode(r.h.Append(nil)); err != nil {
						t.Fatalf("seed %d, spikes of %g over %g, every %d, bucket %d: hunt: %v", seed, spike, base, every, i, err)
					}
				}
			}
		}
	}
}

// TestEncodingAllocatesNothing: a snapshot has hundreds of thousands of states.
func TestEncodingAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 1<<16)
	var core Core
	var season Season
	var change Change
	var bonds Bonds
	for name, encode := range map[string]func(){
		"core":   func() { core.Append(dst) },
		"season": func() { season.Append(dst) },
		"change": func() { change.Append(dst) },
		"bonds":  func() { bonds.Append(dst) },
	} {
		if n := testing.AllocsPerRun(10, encode); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}
