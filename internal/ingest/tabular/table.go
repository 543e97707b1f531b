package tabular

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Table reads the rows of a table, the line of names among them.
type Table struct {
	// Comma is what separates cells; a space stands for any number of them.
	Comma rune
	// Preamble is what stands in front of the table and is no part of it.
	Preamble []byte

	csv    *csv.Reader
	lines  *bufio.Reader // of a table whose cells spaces separate
	line   int
	before int // lines of the preamble
}

// OpenTable finds a table's beginning and what separates its cells.
func OpenTable(b *bufio.Reader) (*Table, error) {
	begin, err := beginning(b)
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(begin, '\n') < 0 && bytes.IndexByte(begin, '\r') >= 0 {
		b = bufio.NewReaderSize(&oldLines{b}, sniffBytes)
		if begin, err = beginning(b); err != nil {
			return nil, err
		}
	}
	n := preamble(begin)
	t := &Table{Comma: Delimiter(begin[n:]), Preamble: bytes.Clone(begin[:n])}
	t.before = bytes.Count(t.Preamble, []byte{'\n'})
	if _, err := b.Discard(n); err != nil {
		return nil, err
	}
	if t.Comma == ' ' {
		t.lines = b
		return t, nil
	}
	t.csv = csv.NewReader(b)
	t.csv.Comma, t.csv.FieldsPerRecord, t.csv.LazyQuotes = t.Comma, -1, true
	return t, nil
}

// Notes are sentences about what was left out in front of the table.
func (t *Table) Notes() []string {
	switch {
	case len(bytes.TrimSpace(t.Preamble)) == 0:
		return nil
	case t.before == 1:
		return []string{"the first line is no part of the table and is left out"}
	}
	return []string{fmt.Sprintf("the first %d lines are no part of the table and are left out", t.before)}
}

// Reuse lets Read give the same slice each time.
func (t *Table) Reuse() {
	if t.csv != nil {
		t.csv.ReuseRecord = true
	}
}

// Read is the next row.
func (t *Table) Read() ([]string, error) {
	if t.csv != nil {
		row, err := t.csv.Read()
		if err == nil {
			t.line, _ = t.csv.FieldPos(0)
		}
		return row, err
	}
	for {
		text, err := readLine(t.lines)
		t.line++
		if cells := strings.Fields(text); len(cells) > 0 {
			return cells, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Line is where in its file the row that was read last begins, from 1.
func (t *Table) Line() int { return t.before + t.line }

// oldLines reads lines that end in carriage returns alone.
type oldLines struct{ r io.Reader }

// Read implements io.Reader.
func (o *oldLines) Read(to []byte) (int, error) {
	n, err := o.r.Read(to)
	for i, c := range to[:n] {
		if c == '\r' {
			to[i] = '\n'
		}
	}
	return n, err
}

const (
	// mostPreamble is how many lines may stand in front of a table.
	mostPreamble = 20
	// alike is how many lines below must have the same number of cells for a line
	// that has one cell to be none of the table.
	alike = 3
)

// preamble is how many bytes stand in front of a table: empty lines, comments, and
// titles, which are lines of one cell above several that have the same number of
// them.
func preamble(begin []byte) (n int) {
	lines := bytes.SplitAfter(begin, []byte{'\n'})
	for i := 0; i < min(len(lines), mostPreamble); i++ {
		line := bytes.TrimSpace(lines[i])
		if len(line) > 0 && !isTitle(lines[i:]) {
			break
		}
		n += len(lines[i])
	}
	if n == len(begin) {
		return 0
	}
	return n
}

// isTitle reports whether the first of some lines is none of the table that the
// others are.
func isTitle(lines [][]byte) bool {
	var below [][]byte
	for _, line := range lines[1:] {
		if len(bytes.TrimSpace(line)) > 0 && line[0] != '#' && len(below) < alike {
			below = append(below, line)
		}
	}
	if bytes.HasPrefix(lines[0], []byte("#")) {
		// The names may stand in a comment above the first row.
		return len(below) > 0 && !(cellsIn(lines[0]) == cellsIn(below[0]) && hasNumber(below[0]) && !bytes.HasPrefix(bytes.TrimSpace(lines[1]), []byte("#")))
	}
	if len(below) < alike {
		return false
	}
	last := cellsIn(below[alike-1])
	if Delimiter(below[0]) == ' ' && len(bytes.Fields(lines[0])) == last {
		return false // Names above cells between spaces.
	}
	return cellsIn(lines[0]) == 1 && last > 1 && cellsIn(below[alike-2]) == last
}

// hasNumber reports whether a line has a cell that is a number.
func hasNumber(line []byte) bool {
	return slices.ContainsFunc(bytes.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(delimiters+" \r\n", r) }), func(cell []byte) bool {
		_, err := strconv.ParseFloat(string(cell), 64)
		return err == nil
	})
}

// cellsIn is how many cells a line has, whatever separates them; quotes count as part
// of their cells.
func cellsIn(line []byte) int {
	if comma := Delimiter(line); comma != ' ' {
		return bytes.Count(line, []byte(string(comma))) + 1
	}
	return len(bytes.Fields(line))
}

// delimiters are what separates cells, in the order in which ties are decided.
const delimiters = ",;\t|"

// Delimiter is what separates the cells of a table that begins so: the candidate
// that its first line has most of, outside quotes; spaces, if that line has none of
// these and all have equally many words, some of them numbers.
func Delimiter(begin []byte) rune {
	line, _, _ := bytes.Cut(begin, []byte{'\n'})
	counts := map[byte]int{}
	quoted := false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			counts[c]++
		}
	}
	best := delimiters[0]
	for i := range len(delimiters) {
		if d := delimiters[i]; counts[d] > counts[best] {
			best = d
		}
	}
	if counts[best] == 0 && spaced(begin) {
		return ' '
	}
	return rune(best)
}

// spaced reports whether lines are cells between spaces.
func spaced(begin []byte) bool {
	lines := bytes.Split(begin, []byte{'\n'})
	if len(lines) > 2 {
		lines = lines[:min(len(lines)-1, ShapeRows)] // The last one may be cut.
	}
	words := bytes.Fields(lines[0])
	if len(words) < 2 {
		return false
	}
	numbers := make([]int, len(words))
	rows := 0
	for i, line := range lines {
		cells := bytes.Fields(line)
		if len(cells) == 0 {
			continue
		}
		if len(cells) != len(words) {
			return false
		}
		if i == 0 && len(lines) > 2 {
			continue // It may be names.
		}
		rows++
		for j, cell := range cells {
			if _, err := strconv.ParseFloat(string(cell), 64); err == nil {
				numbers[j]++
			}
		}
	}
	for _, n := range numbers {
		if n > 0 && n == rows {
			return true
		}
	}
	return false
}
