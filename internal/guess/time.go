package guess

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/internal/ingest"
	"tidemark/internal/ingest/javatime"
	"tidemark/wire"
)

// timeNames are the usual names of a time field.
var timeNames = []string{"@timestamp", "timestamp", "time", "datetime", "date", "ts", "_time", "created_at", "event_time"}

// timeCandidate is a column that may hold the times.
type timeCandidate struct {
	c *column
	// rank is lower for the likelier ones.
	rank   int
	format string
}

// chooseTime picks the field and format of time, and returns the times of the
// records that have one.
func (g *Guess) chooseTime(columns []*column, o Overrides) (map[int]int64, error) {
	candidates := columns
	if o.TimeField != "" {
		c, err := find(columns, o.TimeField)
		if err != nil {
			return nil, err
		}
		candidates = []*column{c}
	}
	found := timeCandidates(candidates, o.TimeFormat)
	if len(found) == 0 {
		return nil, noTime(candidates)
	}
	best, format := found[0].c, found[0].format
	other := ""
	if o.TimeFormat == "" {
		format, other = likelier(best, format)
	}
	times, err := g.readTimes(best, format)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		var others []string
		for _, x := range found[1:] {
			others = append(others, x.c.name)
		}
		g.because("times are in %s, too: --time-field takes one of these instead", quoted(others))
	}
	if other != "" {
		g.because("day and month could be the other way round: if so, use --time-format %q", other)
	}
	return times, nil
}

// timeCandidates are the columns that hold times, or are said to, by a format that is
// given; the likeliest comes first.
func timeCandidates(columns []*column, given string) (found []timeCandidate) {
	for i, c := range columns {
		format := given
		if format == "" {
			format = timeFormat(c)
		}
		if format == "" {
			continue
		}
		rank := slices.Index(timeNames, strings.ToLower(c.name))
		if rank < 0 {
			rank = len(timeNames) + i
		}
		if c.numbers == len(c.texts) && rank >= len(timeNames) {
			rank += len(columns) // A number of another name may be an id.
		}
		if len(c.values) < 2 && len(c.texts) > 1 {
			rank += 2 * (len(timeNames) + len(columns)) // One time in all records tells nothing.
		}
		found = append(found, timeCandidate{c, rank, format})
	}
	slices.SortStableFunc(found, func(a, b timeCandidate) int { return cmp.Compare(a.rank, b.rank) })
	return found
}

// readTimes takes a column and a format for those of time, and reads the times of the
// records that have one.
func (g *Guess) readTimes(c *column, format string) (map[int]int64, error) {
	parse, err := ingest.TimeReader(format, time.Now())
	if err != nil {
		return nil, err
	}
	times := map[int]int64{}
	g.FirstMs, g.LastMs = math.MaxInt64, math.MinInt64
	for i, text := range c.texts {
		if ms, ok := parse([]byte(text)); ok {
			times[c.records[i]] = ms
			g.FirstMs, g.LastMs = min(g.FirstMs, ms), max(g.LastMs, ms)
		}
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("no %q can be read with the time format %q, the first is %q", c.name, format, wire.Clip(c.texts[0]))
	}
	g.TimeField, g.TimeFormat = c.name, format
	g.because("time is in %q, read as %s: %q is %s", c.name, describeFormat(format), wire.Clip(c.texts[0]), wire.FormatTime(g.timeOf(parse, c.texts[0])))
	return times, nil
}

// noTime says that none of the fields holds times, and of which one that would be
// expected. Where one is, records are not given times that it contradicts.
func noTime(columns []*column) error {
	for _, c := range columns {
		if slices.Contains(timeNames, strings.ToLower(c.name)) && len(c.texts) > 0 && c.numbers < len(c.texts) {
			return fmt.Errorf("%q holds no times in a known format, its first value is %q; say with --time-format how to read it, or name another field with --time-field", c.name, wire.Clip(c.texts[0]))
		}
	}
	return ErrNoTime
}

// likelier picks of two formats that exchange day and month the one by which the
// times lie closer together, and returns the other as well, "" if there is none.
func likelier(c *column, format string) (best, other string) {
	first, second := javatime.Guess(sampleTexts(c)...)
	if second == nil || first.Pattern() != format {
		return format, ""
	}
	clock := javatime.Clock{Year: time.Now().Year()}
	length := func(f *javatime.Format) int64 {
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		for _, text := range c.texts {
			if ms, ok := f.Parse([]byte(text), &clock); ok {
				low, high = min(low, ms), max(high, ms)
			}
		}
		return high - low
	}
	if length(second) < length(first) {
		first, second = second, first
	}
	return first.Pattern(), second.Pattern()
}

func (g *Guess) timeOf(parse func([]byte) (int64, bool), text string) int64 {
	if ms, ok := parse([]byte(text)); ok {
		return ms
	}
	return g.FirstMs
}

func describeFormat(format string) string {
	switch format {
	case "epoch":
		return "seconds since 1970"
	case "epoch_ms":
		return "milliseconds since 1970"
	}
	return strconv.Quote(format)
}

// sampleTexts are enough texts to tell formats apart.
func sampleTexts(c *column) [][]byte {
	var list [][]byte
	for i, text := range c.texts {
		// All of the first ones, then ever fewer: days above 12 must be among
		// them.
		if i < 100 || i%37 == 0 {
			list = append(list, []byte(text))
		}
	}
	return list
}

// Bounds between which a number is taken for a time: 1990 and 2100, in seconds.
const (
	earliest = 631_152_000
	latest   = 4_102_444_800
)

// digitsOfHours is a format whose times are also seconds since 1970, of the 2030s.
const digitsOfHours = "yyyyMMddHH"

// timeFormat guesses a column's time format, "" if it holds no times.
func timeFormat(c *column) string {
	if len(c.texts) == 0 {
		return ""
	}
	if c.numbers == len(c.texts) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, text := range c.texts {
			v, _ := strconv.ParseFloat(text, 64) // It is a number, see above.
			low, high = math.Min(low, v), math.Max(high, v)
		}
		switch f, _ := javatime.Guess(sampleTexts(c)...); {
		case f != nil && f.Pattern() == digitsOfHours:
			return digitsOfHours // It is not the 2030s yet.
		case low >= earliest && high <= latest:
			return "epoch"
		case low >= earliest*1000 && high <= latest*1000:
			return "epoch_ms"
		}
	}
	f, _ := javatime.Guess(sampleTexts(c)...)
	if f == nil || !f.Full() {
		return ""
	}
	return f.Pattern()
}
