package rarity

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

const hour = 3_600_000

// TestShare: where something new comes in every bucket new is common, where it
// never does it is rare.
func TestShare(t *testing.T) {
	var always, never Population
	var known Value
	for i := range int64(1000) {
		always.Pass(i*hour, hour)
		always.Learn(0, 1)
		never.Pass(i*hour, hour)
		never.Learn(known.Class(i*hour, hour), 1)
		known.Occur(i*hour, hour, true)
	}
	var fresh Value
	class := fresh.Class(1000*hour, hour)
	if a, n := always.Share(class), never.Share(class); a < 0.99 || n > 0.002 || !never.Ready() {
		t.Errorf("something new has probability %v and %v", a, n)
	}
	if c := known.Class(1000*hour, hour); never.Share(c) < 0.9 {
		t.Errorf("what is always there has class %d and probability %v", c, never.Share(c))
	}
	if later := known.Class(1000*hour+200*dayMs, hour); later >= known.Class(1000*hour, hour) {
		t.Errorf("what is long gone has class %d", later)
	}
}

func TestCodec(t *testing.T) {
	var p Population
	var v Value
	for i := range int64(300) {
		p.Pass(i*hour, hour)
		p.Learn(v.Class(i*hour, hour), 1)
		v.Occur(i*hour, hour, i%3 == 0)
	}
	var p2 Population
	var v2 Value
	rawP, rawV := p.Append(nil), v.Append(nil)
	if _, err := p2.Decode(rawP); err != nil || p2 != p || len(rawP) != PopulationBytes {
		t.Errorf("population: %v", err)
	}
	if _, err := v2.Decode(rawV); err != nil || v2 != v || len(rawV) != ValueBytes {
		t.Errorf("value: %v", err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		a, b := bytes.Clone(rawP), bytes.Clone(rawV)
		a[rng.IntN(len(a))] ^= byte(1 + rng.IntN(255))
		b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		var p Population
		var v Value
		_, errP := p.Decode(a)
		_, errV := v.Decode(b)
		if errP != nil || errV != nil {
			continue
		}
		p.Pass(400*hour, hour)
		class := v.Class(400*hour, hour)
		p.Learn(class, 1)
		if s := p.Share(class); !(s > 0 && s <= 1) {
			t.Fatalf("share %v", s)
		}
	}
}
