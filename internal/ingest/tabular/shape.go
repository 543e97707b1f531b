package tabular

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/internal/ingest/javatime"
)

// ShapeRows is how many rows below the first say what a table's cells are.
const ShapeRows = 12

// Shape is what the first rows of a table say of it.
type Shape struct {
	// Header names the columns; Headless: no line of the file does.
	Header   []string
	Headless bool
	// Notes are sentences about what was made of the table.
	Notes []string

	cells []func(string) string
	// parts are columns that make a time together, if any do: a date and a time of
	// day, or year, month, day and so on. join does it.
	parts []int
	join  func(parts []string) string
}

// NewShape looks at a table's first line and up to ShapeRows rows below it, whose
// cells a delimiter separates.
func NewShape(first []string, rows [][]string, comma rune) *Shape {
	s := &Shape{}
	if len(rows) > ShapeRows {
		rows = rows[:ShapeRows]
	}
	if isRow(first, rows) {
		s.Headless = true
		rows = append([][]string{first}, rows...)
		for i := range first {
			s.Header = append(s.Header, fmt.Sprintf("column%d", i+1))
		}
		s.Notes = append(s.Notes, "the first line is a row, so the columns are named "+strings.Join(s.Header[:min(len(first), 3)], ", ")+map[bool]string{true: ", …"}[len(first) > 3])
	} else {
		s.names(first)
	}
	s.cells = make([]func(string) string, len(s.Header))
	for i := range s.Header {
		s.cells[i] = numeral(cellsOf(rows, i), comma)
	}
	s.times(rows)
	return s
}

// names takes the first line for the columns' names. A column without one is named by
// its place, and one whose name is there already by its number.
func (s *Shape) names(first []string) {
	seen := map[string]bool{}
	for i, name := range first {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if i == 0 {
			name = strings.TrimLeft(name, "# ") // A header line that is also a comment.
		}
		switch {
		case name == "" && i == len(first)-1 && i > 0:
			s.Header = append(s.Header, "") // A delimiter at the end of the line.
			continue
		case name == "" && i == 0 && len(first) > 1:
			name = "row" // What data frames write above their index.
		case name == "":
			name = fmt.Sprintf("column%d", i+1)
			s.Notes = append(s.Notes, fmt.Sprintf("column %d has no name and is called %q", i+1, name))
		}
		if given := name; seen[given] {
			for n := 2; seen[name]; n++ {
				name = fmt.Sprintf("%s_%d", given, n)
			}
			s.Notes = append(s.Notes, fmt.Sprintf("column %d is named %q like another and is called %q", i+1, given, name))
		}
		seen[name] = true
		s.Header = append(s.Header, name)
	}
}

// isRow reports whether the first line looks like the rows below it rather than
// names: its numbers and times stand where theirs do. Where it has texts, too, one of
// the others must be a time: a name may be a number, such as a year.
func isRow(first []string, rows [][]string) bool {
	numbers, times, texts := 0, 0, 0
	for i, cell := range first {
		below := cellsOf(rows, i)
		if len(below) == 0 {
			below = []string{""}
		}
		cell = strings.TrimSpace(cell)
		kind := kindOf(cell)
		if other := kindOf(below[0]); kind != other && kind != "" && (other != "" || kind == "text") {
			return false
		}
		switch {
		case kind == "time" || kind == "number" && isEpoch([]string{cell}):
			times++
		case kind == "number":
			numbers++
		case kind == "text":
			texts++
		}
	}
	return times > 0 || numbers > 0 && texts == 0
}

func kindOf(cell string) string {
	if cell == "" {
		return ""
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return "number"
	}
	if f, _ := javatime.Guess([]byte(cell)); f != nil {
		return "time"
	}
	return "text"
}

// cellsOf are a column's cells that are not empty.
func cellsOf(rows [][]string, column int) (cells []string) {
	for _, row := range rows {
		if column < len(row) {
			if cell := strings.TrimSpace(row[column]); !isMissing(cell) {
				cells = append(cells, cell)
			}
		}
	}
	return cells
}

// isMissing: what tools write where there is no value.
func isMissing(cell string) bool {
	switch cell {
	case "", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "None", "-", "--", "?":
		return true
	}
	return false
}

// numeral is what makes a column's cells numbers as JSON has them, nil if they are
// no numbers or numbers already.
func numeral(cells []string, comma rune) func(string) string {
	if len(cells) == 0 {
		return nil
	}
	// Where commas do not separate cells they may separate decimals, unless points do.
	decimalComma := comma != ',' && !slices.ContainsFunc(cells, func(c string) bool { return strings.Contains(c, ".") && !strings.Contains(c, ",") })
	fix := func(cell string) string { return plainNumber(cell, decimalComma) }
	for _, cell := range cells {
		if _, err := strconv.ParseFloat(fix(cell), 64); err != nil {
			return nil
		}
	}
	return fix
}

// plainNumber takes signs of money, percent, grouping and decimal commas out of a
// number; what is no number stays.
func plainNumber(cell string, decimalComma bool) string {
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimLeft(cell, "$€£"), "%"))
	switch {
	case !strings.Contains(text, ","):
	case decimalComma:
		whole, decimals, _ := strings.Cut(text, ",")
		if !strings.Contains(whole, ".") || grouped(strings.Split(whole, ".")) {
			text = strings.ReplaceAll(whole, ".", "") + "." + decimals
		}
	default:
		whole, _, _ := strings.Cut(text, ".")
		if grouped(strings.Split(whole, ",")) {
			text = strings.ReplaceAll(text, ",", "")
		}
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return cell
	}
	return text
}

// grouped reports whether digits stand in groups of three.
func grouped(groups []string) bool {
	for i, g := range groups {
		if i > 0 && len(g) != 3 || len(g) > 4 {
			return false
		}
	}
	return true
}

// times makes times that a job can read of a table that has none: of a column of
// dates, of one of dates and one of clock times, of years, months and days apart, and
// of micro- and nanoseconds.
func (s *Shape) times(rows [][]string) {
	date, clock := -1, -1
	for i := range s.Header {
		cells := cellsOf(rows, i)
		if len(cells) == 0 {
			continue
		}
		if f, _ := javatime.Guess(bytesOf(cells)...); f != nil {
			switch isNumber := s.cells[i] != nil; {
			case f.Full():
				return
			case date < 0 && (!isNumber || strings.Contains(strings.ToLower(s.Header[i]), "date")):
				date = i
			}
			continue
		}
		if clock < 0 && allClocks(cells) {
			clock = i
			continue
		}
		if digits := fractionDigits(cells); digits > 0 {
			s.cells[i] = func(cell string) string { return cell[:max(0, len(cell)-digits)] }
			s.Notes = append(s.Notes, finer(s.Header[i]))
			return
		}
		if s.cells[i] != nil && isEpoch(cells) {
			return
		}
		if s.cells[i] != nil && isSheetDays(s.Header[i], cells) {
			s.cells[i] = fromSheetDays
			s.Notes = append(s.Notes, fmt.Sprintf("%q holds days since 1899-12-30, as spreadsheets have them", s.Header[i]))
			return
		}
		if date < 0 && allMonths(cells) {
			s.cells[i] = func(cell string) string { return cell + "-01 00:00:00" }
			return
		}
	}
	switch {
	case date >= 0 && clock >= 0:
		s.combine([]int{date, clock}, func(parts []string) string { return parts[0] + " " + parts[1] })
	case date >= 0:
		s.cells[date] = func(cell string) string { return cell + " 00:00:00" }
	default:
		s.calendar(rows)
	}
}

func finer(name string) string {
	return fmt.Sprintf("%q holds times finer than milliseconds, which are cut to them", name)
}

// combine makes a column of times of several others.
func (s *Shape) combine(parts []int, join func([]string) string) {
	names, quoted := make([]string, len(parts)), make([]string, len(parts))
	for i, p := range parts {
		names[i], quoted[i] = s.Header[p], fmt.Sprintf("%q", s.Header[p])
	}
	last := len(parts) - 1
	name := strings.Join(names, " ")
	s.Notes = append(s.Notes, fmt.Sprintf("%s and %s make the time together, as %q", strings.Join(quoted[:last], ", "), quoted[last], name))
	s.parts, s.join = parts, join
	s.Header, s.cells = append(s.Header, name), append(s.cells, nil)
}

// calendar makes times of columns that are called year, month, day, hour and so on.
func (s *Shape) calendar(rows [][]string) {
	var parts []int
	for _, unit := range []struct {
		names     []string
		low, high int
	}{{[]string{"year", "yr", "yyyy"}, 1900, 2200}, {[]string{"month", "mon", "mm"}, 1, 12}, {[]string{"day", "dd", "day_of_month", "dayofmonth"}, 1, 31},
		{[]string{"hour", "hr", "hh"}, 0, 24}, {[]string{"minute", "min"}, 0, 59}, {[]string{"second", "sec"}, 0, 60}} {
		at := slices.IndexFunc(s.Header, func(name string) bool { return slices.Contains(unit.names, strings.ToLower(name)) })
		if at < 0 || slices.ContainsFunc(cellsOf(rows, at), func(cell string) bool {
			n, err := strconv.Atoi(cell)
			return err != nil || n < unit.low || n > unit.high
		}) {
			break
		}
		parts = append(parts, at)
	}
	if len(parts) < 3 {
		return
	}
	s.combine(parts, func(parts []string) string {
		all := append(slices.Clone(parts), "0", "0", "0")
		for i, p := range all {
			if len(p) < 2 {
				all[i] = "0" + p
			}
		}
		return fmt.Sprintf("%s-%s-%s %s:%s:%s", all[0], all[1], all[2], all[3], all[4], all[5])
	})
}

// Bounds between which a number is taken for days of a spreadsheet: 1954 and 2119.
const earliestDay, latestDay = 20_000, 80_000

// isSheetDays reports whether numbers are days since 1899-12-30, times of day among
// them, under a name that says so.
func isSheetDays(name string, cells []string) bool {
	low := strings.ToLower(name)
	if !strings.Contains(low, "time") && !strings.Contains(low, "date") {
		return false
	}
	parts := false
	for _, cell := range cells {
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil || v < earliestDay || v > latestDay {
			return false
		}
		parts = parts || v != math.Trunc(v)
	}
	return parts || strings.Contains(low, "date")
}

func fromSheetDays(cell string) string {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || v < 0 || v > 10*latestDay {
		return cell
	}
	seconds := time.Duration(math.Round(v*86400)) * time.Second
	return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(seconds).Format("2006-01-02 15:04:05")
}

// allMonths reports whether cells are months as in 2026-01.
func allMonths(cells []string) bool {
	for _, cell := range cells {
		if _, err := time.Parse("2006-01", cell); err != nil {
			return false
		}
	}
	return true
}

func bytesOf(cells []string) [][]byte {
	list := make([][]byte, len(cells))
	for i := range cells {
		list[i] = []byte(cells[i])
	}
	return list
}

// allClocks reports whether cells are times of a day.
func allClocks(cells []string) bool {
	texts := make([][]byte, len(cells))
	for i, cell := range cells {
		texts[i] = []byte("2000/01/01 " + cell)
		if !strings.Contains(cell, ":") {
			return false
		}
	}
	f, _ := javatime.Guess(texts...)
	if f != nil {
		return true
	}
	for i, cell := range cells {
		texts[i] = []byte("1/1/2000 " + cell)
	}
	f, _ = javatime.Guess(texts...)
	return f != nil
}

// Bounds between which a number is taken for a time: 1990 and 2100, in seconds.
const (
	earliest = 631_152_000
	latest   = 4_102_444_800
)

// fractionDigits is how many digits behind the milliseconds the numbers of a column
// have if they are times in micro- or nanoseconds, else 0.
func fractionDigits(cells []string) int {
	for _, x := range []struct {
		digits int
		scale  int64
	}{{3, 1_000_000}, {6, 1_000_000_000}} {
		all := true
		for _, cell := range cells {
			n, err := strconv.ParseInt(cell, 10, 64)
			all = all && err == nil && n >= earliest*x.scale && n/x.scale <= latest
		}
		if all {
			return x.digits
		}
	}
	return 0
}

// isEpoch reports whether numbers are times in seconds or milliseconds.
func isEpoch(cells []string) bool {
	for _, scale := range []float64{1, 1000} {
		all := true
		for _, cell := range cells {
			v, err := strconv.ParseFloat(cell, 64)
			all = all && err == nil && v >= earliest*scale && v <= latest*scale
		}
		if all {
			return true
		}
	}
	return false
}

// Row appends a row's cells to dst as the shape reads them, trimmed and empty where
// there is no value.
func (s *Shape) Row(dst, row []string) []string {
	from := len(dst)
	for i := range s.Width() {
		cell := ""
		if i < len(row) {
			cell = strings.TrimSpace(row[i])
		}
		switch {
		case isMissing(cell):
			cell = ""
		case s.cells[i] != nil:
			cell = s.cells[i](cell)
		}
		dst = append(dst, cell)
	}
	if s.join == nil {
		return dst
	}
	parts := make([]string, len(s.parts))
	for i, p := range s.parts {
		parts[i], dst[from+p] = dst[from+p], "" // They are no values of their own.
	}
	if slices.Contains(parts, "") {
		return append(dst, "")
	}
	return append(dst, s.join(parts))
}

// Width is how many cells a row of the file may have.
func (s *Shape) Width() int {
	if s.join != nil {
		return len(s.Header) - 1
	}
	return len(s.Header)
}
