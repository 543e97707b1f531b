package strict

import (
	"slices"
)

// suggest returns a hint at the known field that an unknown one most likely
// means, or nothing.
func suggest(field string, fields Fields) string {
	const longest = 64 // no field of ours is longer; keeps a megabyte's name cheap
	if len(field) > longest {
		return ""
	}
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	slices.Sort(known)
	// Up to three slips are a typing error, but never more than half the name.
	best, distance := "", min(4, 1+len(field)/2)
	for _, name := range known {
		if d := edits(field, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return " did you mean [" + best + "]?"
}

// edits is the Levenshtein distance: how many bytes to insert, remove or
// replace to make b from a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
