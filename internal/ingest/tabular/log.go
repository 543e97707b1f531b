package tabular

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/ingest/logline"
)

// logOf tells whether a file that begins so is a log; nil if it is not.
func logOf(begin []byte) *logline.Format {
	lines := strings.Split(string(begin), "\n")
	if len(begin) >= sniffBytes && len(lines) > 1 {
		lines = lines[:len(lines)-1] // The last one may be cut.
	}
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	f := logline.Of(lines, time.Now())
	if f == nil {
		return nil
	}
	if _, ok := f.Read(lines[0]); !ok && isTable(lines, Delimiter(begin)) {
		return nil // Times in the first column below a header line.
	}
	return logline.Of(lines, time.Now()) // As it was before it read a line.
}

// isTable reports whether lines have the same number of cells, more than one.
func isTable(lines []string, comma rune) bool {
	cells := strings.Count(lines[0], string(comma))
	same, all := 0, 0
	for _, line := range lines[:min(len(lines), logline.SampleLines)] {
		if line == "" {
			continue
		}
		all++
		if strings.Count(line, string(comma)) == cells {
			same++
		}
	}
	return cells > 0 && same*10 >= all*8
}

const (
	// longestLine is how much of one line is kept, in bytes.
	longestLine = 64 << 10
	// longestRecord is how much of the lines behind a record's first is kept.
	longestRecord = 16 << 10
)

// logRecords reads a log: a line that begins a record, with those behind it that do
// not.
func logRecords(b *bufio.Reader, name string, f *logline.Format) func() ([]byte, error) {
	var ahead *logline.Record // begun, and still to be told whether more belongs to it
	var more strings.Builder
	var out []byte
	return func() ([]byte, error) {
		for {
			line, err := readLine(b)
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if err != nil && line == "" {
				if ahead == nil {
					return nil, io.EOF
				}
				out, ahead = appendRecord(out[:0], ahead, more.String()), nil
				return out, nil
			}
			r, begins := f.Read(line)
			if !begins {
				if ahead != nil && strings.TrimSpace(line) != "" && more.Len()+len(line) < longestRecord {
					more.WriteString("\n" + line)
				}
				continue
			}
			done := ahead
			if done != nil {
				out = appendRecord(out[:0], done, more.String())
			}
			more.Reset()
			ahead = &r
			if done != nil {
				return out, nil
			}
		}
	}
}

// readLine reads a line without its end, as far as it is kept.
func readLine(b *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		if room := longestLine - len(line); room > 0 {
			line = append(line, part[:min(len(part), room)]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(bytes.TrimRight(line, "\r\n")), err
		}
	}
}

// appendRecord writes a record as JSON, with more lines of its message.
func appendRecord(dst []byte, r *logline.Record, more string) []byte {
	dst = append(dst, '{')
	if r.HasTime {
		dst = append(dst, `"`+logline.Time+`":`...)
		dst = strconv.AppendInt(dst, r.TimeMs, 10)
	}
	for _, f := range r.Fields {
		if f.Value == "" {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		if f.Name == logline.Message {
			f.Value += more
		}
		dst = appendText(append(appendText(dst, f.Name), ':'), f.Value)
	}
	return append(dst, '}')
}

// appendText writes a text, or a number if it is one, as JSON.
func appendText(dst []byte, text string) []byte {
	if text != "" && isNumber(text) {
		return append(dst, text...)
	}
	quoted, err := jsontext.AppendQuote(dst, strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		return append(dst, `""`...) // Valid text can be quoted.
	}
	return quoted
}
