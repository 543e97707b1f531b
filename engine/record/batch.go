// Package record holds batches of input records in columns: times, numbers and
// dictionary-coded texts, as they travel from ingest through the log to the
// engine.
package record

// Batch is an ordered run of records in columns. The columns stand in the
// order of spec.Job.Columns and all have the length of Times. A batch is
// immutable once built.
type Batch struct {
	// Times are in milliseconds since 1970, in arrival order.
	Times []int64
	// Numbers hold one column per number field. NaN: absent or not a number.
	Numbers [][]float64
	// Texts hold one column per text field.
	Texts []TextColumn
}

// TextColumn is one text field of a batch: a dictionary of the distinct values
// in order of first appearance, and a code per record.
type TextColumn struct {
	// Values are the dictionary's entries, one after the other.
	Values []byte
	// Ends[i] is where value i ends in Values.
	Ends []uint32
	// Codes hold 0 for an absent field, else 1 + the value's index. The empty
	// string is a value of its own.
	Codes []uint32
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.Times) }

// Value returns dictionary entry i, 0 ≤ i < len(Ends). The bytes are shared.
func (c *TextColumn) Value(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = c.Ends[i-1]
	}
	return c.Values[start:c.Ends[i]]
}
