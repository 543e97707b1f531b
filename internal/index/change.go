package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"tidemark/internal/docs"
	"tidemark/internal/jsonscan"
	"tidemark/wire"
)

// Op is one change that a client asks for.
type Op = docs.Op

// Outcome is what became of an Op.
type Outcome struct {
	docs.Outcome
	Index string
}

// Apply makes changes in order, durable when it returns. One refused change does
// not stop the others; its outcome has the reason.
func (x *Index) Apply(ctx context.Context, ops []Op) ([]Outcome, error) {
	out := make([]Outcome, len(ops))
	var plain []docs.Op
	var where []int
	for i := range ops {
		op := ops[i]
		index, jobID, err := x.place(ctx, &op)
		out[i] = Outcome{Outcome: docs.Outcome{ID: op.ID, Err: err}, Index: index}
		switch {
		case err != nil:
			out[i].Index = op.Index
		case jobID != "":
			out[i].Outcome = x.result(ctx, jobID, &op)
		default:
			op.Index = index
			plain, where = append(plain, op), append(where, i)
		}
	}
	if len(plain) == 0 {
		return out, nil
	}
	done, err := x.docs.Apply(ctx, plain, x.now().UnixMilli())
	if err != nil {
		return nil, notStored(err)
	}
	for i, o := range done {
		out[where[i]].Outcome = o
	}
	return out, nil
}

// notStored says that documents could not be written.
func notStored(err error) error {
	if errors.Is(err, docs.ErrFull) {
		return &wire.Refusal{Status: 503, Type: wire.TypeStatus, Reason: "the documents could not be stored: " + err.Error()}
	}
	return err
}

// result makes a change of a job's results.
func (x *Index) result(ctx context.Context, jobID string, op *Op) (o docs.Outcome) {
	o = docs.Outcome{ID: op.ID, Version: 1, Seq: 1}
	if o.ID == "" {
		o.ID = jobID + "_written_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	}
	if op.IfSeq != nil {
		o.Err = wire.Refuse(wire.TypeIllegalArgument, "results of jobs have no sequence numbers; leave out [if_seq_no]")
		return o
	}
	if computed, err := x.jobs.Computed(ctx, jobID, o.ID); err != nil || computed && op.Kind != docs.Create {
		if o.Err = err; err == nil {
			o.Err = wire.Refuse(wire.TypeIllegalArgument, "[%s] is a result that job [%s] has computed, which cannot be changed or removed by itself; revert the model with delete_intervening_results, or write a document of another id", wire.Clip(o.ID), jobID)
		}
		return o
	}
	if op.Kind == docs.Remove {
		o.Found, o.Err = x.jobs.EraseResult(ctx, jobID, o.ID)
		return o
	}
	doc := op.Doc
	if op.Kind != docs.Put {
		have, found, err := x.jobs.ResultDocument(ctx, jobID, o.ID)
		switch {
		case err != nil:
			o.Err = err
		case op.Kind == docs.Create && found:
			o.Err = &wire.Refusal{Status: 409, Type: wire.TypeVersionConflict, Reason: fmt.Sprintf("[%s]: version conflict, document already exists (current version [1])", wire.Clip(o.ID))}
		case op.Kind == docs.Update && !found && op.Upsert == nil:
			o.Err = &wire.Refusal{Status: 404, Type: wire.TypeDocumentMissing, Reason: "[" + wire.Clip(o.ID) + "]: document missing"}
		case op.Kind == docs.Update && !found:
			doc = op.Upsert
		case op.Kind == docs.Update:
			if doc = jsonscan.Merge(have, op.Doc); bytes.Equal(doc, have) && !op.NoopAsUpdate {
				o.Noop = true
			}
		}
		if o.Doc = doc; o.Err != nil || o.Noop {
			return o
		}
	}
	replaced, err := x.jobs.WriteResult(ctx, jobID, o.ID, doc)
	o.Created, o.Err = !replaced, err
	if replaced {
		o.Version = 2
	}
	return o
}
