package ingest

import "bytes"

// broken counts something that is no valid JSON at an index of the buffer, and
// refuses the upload when there was too much of it.
func (r *reader) broken(at int, why string) error {
	r.up.Broken++
	if r.first == nil {
		r.first = r.place(at, why)
		r.example = beginning(r.buf[r.pos:])
	}
	if r.up.Broken > int64(max(r.lim.MaxBroken, 0)) {
		r.first.Broken = r.up.Broken
		return r.first
	}
	return nil
}

// unended goes on behind the object at pos, of which the body has no end. If no line
// follows that begins another, the end of the body itself is missing.
func (r *reader) unended() error {
	cut := r.cutOff(r.pos, "the body ends within the object that begins here")
	if err := r.skipBroken(r.at, "the object has no end"); err != nil || r.pos < len(r.buf) {
		return err
	}
	return cut
}

// cutOff is a body that ends too early: nobody knows how much is missing.
func (r *reader) cutOff(at int, why string) error {
	m := r.place(at, why+", and what follows is missing; nothing was taken, send all of it again")
	m.Broken = 1
	return m
}

// malformed refuses the upload at once.
func (r *reader) malformed(at int, why string) error {
	m := r.place(at, why)
	m.Broken = r.up.Broken + 1
	return m
}

// place describes an index of the buffer.
func (r *reader) place(at int, why string) *Malformed {
	before := r.buf[:at]
	lineStart := r.lineStart
	if last := bytes.LastIndexByte(before, '\n'); last >= 0 {
		lineStart = r.start + int64(last) + 1
	}
	offset := r.start + int64(at)
	return &Malformed{
		Offset: offset,
		Line:   r.lines + int64(bytes.Count(before, []byte{'\n'})) + 1,
		Column: offset - lineStart + 1,
		Reason: why,
	}
}

// skipBroken counts the object at pos as broken and goes on behind it. It ends
// where its braces balance, or before a line that begins with an opening brace:
// a line cut short must not take the records after it along. A string ends at
// the end of its line, since a quote that is missing must not turn the rest
// of the body inside out.
func (r *reader) skipBroken(at int, why string) error {
	if err := r.broken(at, why); err != nil {
		return err
	}
	depth, quoted, escaped, newline := 0, false, false, false
	for {
		for ; r.pos < len(r.buf); r.pos++ {
			c := r.buf[r.pos]
			switch {
			case c == '\n':
				newline, quoted, escaped = true, false, false
				continue
			case escaped:
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{':
				if newline && depth > 0 {
					return nil
				}
				depth++
			case c == '}':
				if depth--; depth == 0 {
					r.pos++
					return nil
				}
			}
			newline = false
		}
		if r.eof {
			return nil
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// garbage counts what is neither an object nor a sign between objects, and
// goes on at the next line or sign.
func (r *reader) garbage() error {
	if err := r.broken(r.pos, "an object is expected"); err != nil {
		return err
	}
	stops := "\n{"
	if r.arrayState != outside {
		stops = "\n{],"
		r.arrayState = afterGarbage
	}
	r.pos++
	for {
		if n := bytes.IndexAny(r.buf[r.pos:], stops); n >= 0 {
			r.pos += n
			return nil
		}
		r.pos = len(r.buf)
		if r.eof {
			return nil
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}
