package clockmodel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

func slotOf(hour float64) int { return int(hour*12) % DaySlots }

func learn(m *Day, days int, hours ...float64) {
	for day := range days {
		for _, h := range hours {
			m.Learn(int64(day)*dayMs+int64(h*3_600_000), []Event{{Slot: uint16(slotOf(h)), Weight: 1}})
		}
	}
}

// TestModes: what is usual around midnight and at two hours of the day; the mean
// of them is not.
func TestModes(t *testing.T) {
	var m Day
	learn(&m, 30, 9, 17, 23.8, 0.2)
	if !m.Ready() {
		t.Fatal("not ready after 30 days")
	}
	for hour, usual := range map[float64]bool{9: true, 17: true, 0: true, 23.9: true, 12.7: false, 13: false, 4: false} {
		if p := m.LogProb(slotOf(hour)); (p > math.Log(0.1)) != usual {
			t.Errorf("at %v the probability is %v", hour, math.Exp(p))
		}
	}
	if typical := m.Typical(slotOf(1)) / 3600; typical > 1 && typical < 23 {
		t.Errorf("near 01:00 it is usually at %v", typical)
	}
	if typical := m.Typical(slotOf(12.5)) / 3600; math.Abs(typical-9) > 0.5 {
		t.Errorf("near 12:30 it is usually at %v", typical)
	}
}

// TestHabitsChange: a new hour is rare at first and usual after a month.
func TestHabitsChange(t *testing.T) {
	var m Day
	learn(&m, 60, 9)
	before := m.LogProb(slotOf(15))
	for day := range 45 {
		m.Learn(int64(60+day)*dayMs, []Event{{Slot: uint16(slotOf(15)), Weight: 1}})
	}
	if after := m.LogProb(slotOf(15)); before > -3 || after < math.Log(0.3) {
		t.Errorf("log probability %v before and %v after", before, after)
	}
}

func TestHarmlessEvents(t *testing.T) {
	var m Week
	for i := range 200 {
		m.Learn(int64(i)*3_600_000, []Event{{0, 0}, {60000, 1}, {5, -1}, {7, math.Inf(1)}, {8, math.NaN()}, {9, 1e300}})
	}
	for slot := -1; slot <= WeekSlots; slot++ {
		if p := m.LogProb(slot); !(p <= 0) || math.IsInf(p, 0) {
			t.Fatalf("slot %d: %v", slot, p)
		}
	}
}

func TestCodec(t *testing.T) {
	var m Day
	learn(&m, 40, 9, 17)
	raw := m.Append(nil)
	var d Day
	if rest, err := d.Decode(raw); err != nil || len(rest) != 0 || d != m || len(raw) != DayBytes {
		t.Fatalf("decoded another one: %v", err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for at := range raw {
		bad := bytes.Clone(raw)
		bad[at] ^= byte(1 + rng.IntN(255))
		var d Day
		if _, err := d.Decode(bad); err == nil {
			if p := d.LogProb(100); !(p <= 0) {
				t.Fatalf("byte %d: %v", at, p)
			}
		}
	}
	if _, err := d.Decode(raw[:9]); err == nil {
		t.Error("a cut state is taken")
	}
}

func BenchmarkDay(b *testing.B) {
	var m Day
	learn(&m, 30, 9, 17)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.LogProb(i % DaySlots)
		m.Learn(31*dayMs+int64(i)*1000, []Event{{Slot: 100, Weight: 1}})
	}
}
