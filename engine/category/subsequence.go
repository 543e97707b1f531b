package category

import "slices"

// subsequence finds the longest common subsequence of two lists of tokens, by
// weight (Wagner and Fischer 1974). What both begin and end with is common. It
// keeps its memory for the next time.
type subsequence struct {
	rows  [2][]float32
	table []float32
}

// pair are the places of a common token in two lists.
type pair struct{ a, b int }

// ends are the numbers of tokens that two lists begin and end with alike.
func ends(a, b []token) (head, tail int) {
	most := min(len(a), len(b))
	for head < most && a[head].hash == b[head].hash {
		head++
	}
	for tail < most-head && a[len(a)-1-tail].hash == b[len(b)-1-tail].hash {
		tail++
	}
	return head, tail
}

// weight is that of the longest common subsequence.
func (s *subsequence) weight(a, b []token) (sum float32) {
	head, tail := ends(a, b)
	for i := range head {
		sum += min(a[i].weight, b[i].weight)
	}
	for i := 1; i <= tail; i++ {
		sum += min(a[len(a)-i].weight, b[len(b)-i].weight)
	}
	a, b = a[head:len(a)-tail], b[head:len(b)-tail]
	if len(a) == 0 || len(b) == 0 {
		return sum
	}
	for i := range s.rows {
		s.rows[i] = slices.Grow(s.rows[i][:0], len(b)+1)[:len(b)+1]
		clear(s.rows[i])
	}
	above, row := s.rows[0], s.rows[1]
	for i := range a {
		for j := range b {
			row[j+1] = max(above[j+1], row[j])
			if a[i].hash == b[j].hash {
				row[j+1] = max(row[j+1], above[j]+min(a[i].weight, b[j].weight))
			}
		}
		above, row = row, above
	}
	return sum + above[len(b)]
}

// pairs are the places of the longest common subsequence.
func (s *subsequence) pairs(a, b []token) (pairs []pair) {
	head, tail := ends(a, b)
	for i := range head {
		pairs = append(pairs, pair{i, i})
	}
	n, m := len(a)-tail, len(b)-tail
	width := m + 1
	s.table = slices.Grow(s.table[:0], (n+1)*width)[:(n+1)*width]
	clear(s.table)
	for i := n - 1; i >= head; i-- {
		for j := m - 1; j >= head; j-- {
			at := i*width + j
			s.table[at] = max(s.table[at+width], s.table[at+1])
			if a[i].hash == b[j].hash {
				s.table[at] = max(s.table[at], s.table[at+width+1]+min(a[i].weight, b[j].weight))
			}
		}
	}
	for i, j := head, head; i < n && j < m; {
		at := i*width + j
		switch {
		case a[i].hash == b[j].hash && s.table[at] == s.table[at+width+1]+min(a[i].weight, b[j].weight):
			pairs = append(pairs, pair{i, j})
			i, j = i+1, j+1
		case s.table[at] == s.table[at+width]:
			i++
		default:
			j++
		}
	}
	for i := tail; i > 0; i-- {
		pairs = append(pairs, pair{len(a) - i, len(b) - i})
	}
	return pairs
}
