package gather

import (
	"math"
	"math/bits"
)

// Information is how many bytes the distinct texts of a bucket come to when
// they are compressed by a fixed method, so that random names count for more
// than as many alike.
//
// Model: each byte is coded by an adaptive frequency table of its context, the
// two bytes before it; the ideal length is the sum of -log2 of its probability,
//
//	P(byte | context) = (count(context, byte) + 1/8) / (count(context) + 32)
//
// where contexts and bytes are counted in a table of hashed cells. Up to maxTexts
// texts are coded, those with the smallest hashes in that order; with more the
// result is scaled to their number. Cost: two table steps a byte. Memory: 48 KB
// of scratch. Source: order-2 adaptive coding, any textbook on data compression.
func (x *Extra) Information() float64 {
	if len(x.texts) == 0 {
		return 0
	}
	var c coderTable
	sum := 0.0
	for _, text := range x.texts {
		sum += c.code(text)
	}
	return sum / 8 * x.Number() / float64(len(x.texts))
}

const (
	pairSlots    = 1 << 14
	contextSlots = 1 << 12
)

// coderTable counts pairs of context and byte, and contexts.
type coderTable struct {
	pairs    [pairSlots]uint16
	contexts [contextSlots]uint16
}

// code is the length of a text in bits, and learns it.
func (c *coderTable) code(text []byte) float64 {
	total := 0.0
	context := uint32(0)
	for i := 0; i <= len(text); i++ {
		b := uint32(0) // The text's end.
		if i < len(text) {
			b = uint32(text[i]) + 1
		}
		pair := &c.pairs[mix(context<<9|b)%pairSlots]
		of := &c.contexts[mix(context)%contextSlots]
		p := (float64(*pair) + 0.125) / (float64(*of) + 32)
		total -= math.Log2(math.Min(p, 1))
		if *of < math.MaxUint16 {
			*pair++
			*of++
		}
		context = (context<<9 | b) & (1<<18 - 1)
	}
	return total
}

func mix(v uint32) uint32 {
	hi, lo := bits.Mul32(v^0x9e3779b9, 0x85ebca6b)
	return hi ^ lo
}
