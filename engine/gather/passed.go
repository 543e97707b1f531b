package gather

import (
	"tidemark/engine/codec"
	"tidemark/engine/series"
)

// Checkpoints is into how many equal parts a bucket is cut to note what had
// arrived by when.
const Checkpoints = series.Checkpoints

// passed notes what a cell's value was when the job's newest record passed the
// checkpoints of its bucket. parts of them have been passed as far as the cell
// knows: it is told when its next record comes.
type passed struct {
	parts uint8
	value [Checkpoints]float32
}

// passedBytes is charged for a cell that has passed a checkpoint.
const passedBytes = 40

// Parts is how many checkpoints cell i knows to be passed.
func (b *Bucket) Parts(i uint32) uint8 {
	if int(i) < len(b.passed) {
		return b.passed[i].parts
	}
	return 0
}

// Pass notes that the checkpoints before part had been passed with this value.
func (b *Bucket) Pass(i uint32, part uint8, value float64) {
	for len(b.passed) <= int(i) {
		b.passed = append(b.passed, passed{})
	}
	p := &b.passed[i]
	if p.parts == 0 && part > 0 {
		b.passing++
	}
	for ; p.parts < part; p.parts++ {
		p.value[p.parts] = float32(value)
	}
}

// Passed is what cell i had at each checkpoint when its value is final now.
func (b *Bucket) Passed(i uint32, final float64) (soFar [Checkpoints]float32) {
	parts := 0
	if int(i) < len(b.passed) {
		soFar = b.passed[i].value
		parts = int(b.passed[i].parts)
	}
	for q := parts; q < Checkpoints; q++ {
		soFar[q] = float32(final)
	}
	return soFar
}

func (b *Bucket) appendPassed(dst []byte) []byte {
	dst = codec.AppendUvarint(dst, uint64(b.passing))
	for i := range b.passed {
		p := &b.passed[i]
		if p.parts == 0 {
			continue
		}
		dst = append(codec.AppendU32(dst, uint32(i)), p.parts)
		for _, v := range p.value[:p.parts] {
			dst = codec.AppendFloat32(dst, v)
		}
	}
	return dst
}

func (b *Bucket) decodePassed(r *codec.Reader) {
	for n := r.Count(9); n > 0 && r.Err() == nil; n-- {
		i, parts := r.U32(), r.Byte()
		if int64(i) >= int64(len(b.cells)) || parts == 0 || parts > Checkpoints || b.Parts(i) > 0 {
			r.Fail("%d checkpoints of cell %d", parts, i)
			return
		}
		for q := range parts {
			b.Pass(i, q+1, float64(r.Float32()))
		}
	}
}
