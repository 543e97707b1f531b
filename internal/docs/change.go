package docs

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tidemark/internal/jsonscan"
	"tidemark/internal/query"
	"tidemark/wire"
)

// Kind is what an Op does.
type Kind uint8

// The kinds of change.
const (
	// Put stores a document, Create only if its id is free.
	Put Kind = iota
	Create
	// Update merges Doc into the document that is there.
	Update
	Remove
)

// Op is one change of a document.
type Op struct {
	Kind
	Index string
	// ID is the document's; "" makes one.
	ID string
	// Doc is valid, compact JSON: an object.
	Doc []byte
	// Upsert is the document that an Update stores when none is there; nil: that
	// is an error.
	Upsert []byte
	// NoopAsUpdate counts an Update that changes nothing as a change.
	NoopAsUpdate bool
	// IfSeq, if not nil, is the number of the change that the document must have
	// had last.
	IfSeq *int64
	// MustExist refuses to make the index.
	MustExist bool
}

// Outcome is what became of an Op.
type Outcome struct {
	ID           string
	Version, Seq int64
	// Created: the id was free. Found: a document to be removed was there. Noop:
	// an update changed nothing.
	Created, Found, Noop bool
	// Doc is the document that an Update left.
	Doc []byte
	// Err is why the change was refused, a *wire.Refusal.
	Err error
}

// Apply makes changes, durable together when it returns. Indices that do not
// exist are made. One refused change does not stop the others.
func (s *Store) Apply(ctx context.Context, ops []Op, nowMs int64) ([]Outcome, error) {
	out := make([]Outcome, len(ops))
	err := s.change(ctx, func(ctx context.Context) error {
		_, lastPin, pinned := s.pinBounds()
		if !pinned {
			lastPin = -1
		}
		for i := range ops {
			if err := s.one(ctx, &ops[i], &out[i], nowMs, lastPin); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// one makes one change. An error ends all; a refusal stands in the outcome.
func (s *Store) one(ctx context.Context, op *Op, out *Outcome, nowMs, lastPin int64) error {
	out.ID = op.ID
	made := false
	x, err := s.current(op.Index)
	if errors.Is(err, ErrNotFound) {
		if op.MustExist || op.Kind == Remove {
			out.Err = &wire.Refusal{Status: 404, Type: wire.TypeIndexNotFound, Reason: "no such index [" + wire.Clip(op.Index) + "]"}
			return nil
		}
		made = true
		x, err = s.create(ctx, op.Index, Definition{}, nowMs)
	}
	if err == nil {
		err = s.apply(ctx, x, op, out, lastPin)
	}
	var refused *wire.Refusal
	if !errors.As(err, &refused) {
		return err
	}
	out.Err = refused
	if !made {
		return nil
	}
	// What is refused leaves no index behind.
	return s.drop(ctx, x)
}

// before is a document as a change finds it.
type before struct {
	key, version int64
	doc          []byte
	found        bool
}

func (s *Store) before(ctx context.Context, x *Index, id string, whole bool) (b before, err error) {
	if id == "" {
		return b, nil
	}
	what := "x''"
	if whole {
		what = "doc"
	}
	err = s.file.Row(ctx, "SELECT key, version, "+what+" FROM docs WHERE idx = ? AND id = ?", []any{x.num, id}, &b.key, &b.version, &b.doc)
	if errors.Is(err, sql.ErrNoRows) {
		return b, nil
	}
	b.found = err == nil
	return b, err
}

func (s *Store) apply(ctx context.Context, x *Index, op *Op, out *Outcome, lastPin int64) error {
	b, err := s.before(ctx, x, op.ID, op.Kind == Update)
	if err != nil {
		return err
	}
	if err := op.check(&b); err != nil {
		return err
	}
	if out.ID == "" {
		out.ID = newID(20)
	}
	doc := op.Doc
	if op.Kind == Update {
		if !b.found {
			doc = op.Upsert
		} else if doc = jsonscan.Merge(b.doc, op.Doc); bytes.Equal(doc, b.doc) && !op.NoopAsUpdate {
			out.Version, out.Seq, out.Noop, out.Doc = b.version, b.key&maxSeq, true, doc
			return nil
		}
		out.Doc = doc
	}
	var at any
	if op.Kind != Remove {
		if x, err = s.learn(ctx, x, doc); err != nil {
			return err
		}
		at = timeOf(x, doc)
	}
	s.next++
	out.Version, out.Seq, out.Found, out.Created = b.version+1, s.next, b.found, !b.found
	if b.found {
		if err := s.retire(ctx, b.key, lastPin); err != nil {
			return err
		}
	}
	if op.Kind == Remove {
		return nil
	}
	_, err = s.file.Exec(ctx, "INSERT INTO docs (key, idx, id, at, version, crc, doc) VALUES (?, ?, ?, ?, ?, ?, ?)",
		firstKey(x.num)|s.next, x.num, out.ID, at, out.Version, checksum([]byte(out.ID), doc), doc)
	return err
}

// check holds a change against the document that is there.
func (op *Op) check(b *before) error {
	conflict := func(format string, args ...any) error {
		return &wire.Refusal{Status: 409, Type: wire.TypeVersionConflict, Reason: fmt.Sprintf("[%s]: version conflict, ", wire.Clip(op.ID)) + fmt.Sprintf(format, args...)}
	}
	switch {
	case op.Kind == Create && b.found:
		return conflict("document already exists (current version [%d])", b.version)
	case op.Kind == Update && !b.found && op.Upsert == nil:
		return &wire.Refusal{Status: 404, Type: wire.TypeDocumentMissing, Reason: "[" + wire.Clip(op.ID) + "]: document missing"}
	case op.IfSeq != nil && !b.found:
		return conflict("required seqNo [%d], but no document was found", *op.IfSeq)
	case op.IfSeq != nil && b.key&maxSeq != *op.IfSeq:
		return conflict("required seqNo [%d], current document has seqNo [%d]", *op.IfSeq, b.key&maxSeq)
	}
	return nil
}

// learn checks a document against the index's fields, to which it may add.
func (s *Store) learn(ctx context.Context, x *Index, doc []byte) (*Index, error) {
	fields, err := x.Fields.Learn(doc)
	if err != nil || fields == x.Fields {
		return x, err
	}
	more := *x
	more.Fields = fields
	if more.TimeField == "" {
		// Documents from before have no time on record and are always looked at.
		more.TimeField = fields.TimeField()
	}
	return &more, s.replace(ctx, &more)
}

// timeOf is a document's time, nil if it has none or several.
func timeOf(x *Index, doc []byte) any {
	if x.TimeField == "" {
		return nil
	}
	if ms, ok := query.DateOf(doc, x.TimeField, x.Fields); ok {
		return ms
	}
	return nil
}

// retire removes a document, which views that are open may still see.
func (s *Store) retire(ctx context.Context, key, lastPin int64) error {
	if key&maxSeq <= lastPin {
		if _, err := s.file.Exec(ctx, "INSERT INTO old (key, id, at, version, crc, doc, until) SELECT key, id, at, version, crc, doc, ? FROM docs WHERE key = ?", s.next, key); err != nil {
			return err
		}
	}
	_, err := s.file.Exec(ctx, "DELETE FROM docs WHERE key = ?", key)
	return err
}
