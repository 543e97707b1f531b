package api

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/docs"
	"tidemark/internal/index"
	"tidemark/internal/jsonscan"
	"tidemark/wire"
)

// bulkItem is one change of a bulk request.
type bulkItem struct {
	name string
	op   docs.Op
	// err refuses this one alone.
	err error
	// shows is what of an updated document the answer shows.
	shows *shownSource
}

// bulkDocs makes many changes; each says for itself what became of it.
func bulkDocs(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send actions and documents, a line each")
	}
	if err := q.refresh(); err != nil {
		return err
	}
	raw, err := q.bodyUpTo(q.h.opt.MaxUploadBytes)
	if err != nil {
		return err
	}
	began := q.h.opt.Now()
	items, err := parseBulk(raw, q.values["index"])
	if err != nil {
		return err
	}
	var ops []docs.Op
	for i := range items {
		if items[i].err == nil {
			ops = append(ops, items[i].op)
		}
	}
	done, err := q.h.opt.Index.Apply(q.Context(), ops)
	if err != nil {
		return err
	}
	failed, answers := false, make([]any, 0, len(items))
	for i := range items {
		item := &items[i]
		outcome := index.Outcome{Index: item.op.Index, Outcome: docs.Outcome{ID: item.op.ID, Err: item.err}}
		if item.err == nil {
			outcome, done = done[0], done[1:]
		}
		answers = append(answers, map[string]any{item.name: q.bulkAnswer(item, &outcome, &failed)})
	}
	q.answer(http.StatusOK, map[string]any{"took": q.h.opt.Now().Sub(began).Milliseconds(), "errors": failed, "items": answers})
	return nil
}

// bulkAnswer is what became of one change.
func (q *request) bulkAnswer(item *bulkItem, o *index.Outcome, failed *bool) map[string]any {
	if o.Err == nil {
		status, out := written(&item.op, o)
		out["status"] = status
		if item.shows != nil && !item.shows.none && o.Doc != nil {
			out["get"] = map[string]any{"_seq_no": out["_seq_no"], "_primary_term": 1, "found": true, "_source": item.shows.of(o.Doc)}
		}
		return out
	}
	*failed = true
	refusal := q.refusalOf(o.Err)
	if refusal == nil {
		refusal = &wire.Refusal{Status: 500, Type: wire.TypeException, Reason: o.Err.Error()}
	}
	cause := map[string]any{"type": refusal.Type, "reason": refusal.Reason}
	if refusal.Cause != nil {
		cause["caused_by"] = map[string]any{"type": refusal.Cause.Type, "reason": refusal.Cause.Reason}
	}
	return map[string]any{"_index": o.Index, "_id": o.ID, "status": refusal.Status, "error": cause}
}

// parseBulk reads the lines of a bulk request. What is wrong with the lines
// refuses all, what is wrong with one document refuses that.
func parseBulk(raw []byte, defaultIndex string) (items []bulkItem, err error) {
	if len(bytes.TrimSpace(raw)) > 0 && raw[len(raw)-1] != '\n' {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "The bulk request must be terminated by a newline [\\n]")
	}
	lines := bytes.Split(raw, []byte("\n"))
	for n := 0; n < len(lines); n++ {
		line := bytes.TrimSpace(lines[n])
		if len(line) == 0 {
			continue
		}
		item, err := bulkAction(line, n+1, defaultIndex)
		if err != nil {
			return nil, err
		}
		if item.op.Kind != docs.Remove {
			if n++; n >= len(lines) || len(bytes.TrimSpace(lines[n])) == 0 {
				return nil, wire.Refuse(wire.TypeIllegalArgument, "Malformed action/metadata line [%d]: a document must follow in line [%d]", n, n+1)
			}
			item.document(lines[n])
		}
		items = append(items, *item)
	}
	if len(items) == 0 {
		return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: no requests added;")
	}
	return items, nil
}

// bulkKinds are the actions by name.
var bulkKinds = map[string]docs.Kind{"index": docs.Put, "create": docs.Create, "update": docs.Update, "delete": docs.Remove}

// bulkAction reads the line that says what is done.
func bulkAction(line []byte, number int, defaultIndex string) (*bulkItem, error) {
	malformed := func(format string, args ...any) error {
		return wire.Refuse(wire.TypeIllegalArgument, "Malformed action/metadata line [%d], %s", number, fmt.Sprintf(format, args...))
	}
	v := jsontext.Value(bytes.Clone(line))
	if err := v.Compact(); err != nil || v.Kind() != '{' || !v.IsValid() {
		return nil, malformed("expected an object with create, delete, index or update")
	}
	var item *bulkItem
	for name, params := range jsonscan.Members(v) {
		kind, known := bulkKinds[name]
		switch {
		case item != nil:
			return nil, malformed("expected one action, found [%s] too", wire.Clip(name))
		case !known:
			return nil, malformed("expected field [create], [delete], [index] or [update] but found [%s]", wire.Clip(name))
		case params[0] != '{':
			return nil, malformed("expected an object for [%s]", name)
		}
		item = &bulkItem{name: name, op: docs.Op{Kind: kind, Index: defaultIndex}}
		if unknown, ok := item.read(params); !ok {
			return nil, malformed("unknown parameter [%s]", wire.Clip(unknown))
		}
	}
	switch {
	case item == nil:
		return nil, malformed("expected an object with create, delete, index or update")
	case item.op.Index == "":
		return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: index is missing in line [%d];", number)
	case item.op.ID == "" && (item.op.Kind == docs.Update || item.op.Kind == docs.Remove):
		return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: id is missing in line [%d];", number)
	case len(item.op.ID) > maxIDBytes:
		return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: id is too long in line [%s], must be no longer than %d bytes;", strconv.Itoa(number), maxIDBytes)
	}
	return item, nil
}

// read takes what stands beside an action. It returns the first name that is
// unknown, if one is.
func (item *bulkItem) read(params []byte) (unknown string, ok bool) {
	var seq, term string
	for member, value := range jsonscan.Members(params) {
		text := scalarText(value)
		if text == "null" {
			continue
		}
		switch member {
		case "_index":
			item.op.Index = text
		case "_id":
			item.op.ID = text
		case "if_seq_no":
			seq = text
		case "if_primary_term":
			term = text
		case "require_alias":
			item.op.MustExist = text == "true"
		case "op_type":
			if text == "create" {
				item.op.Kind = docs.Create
			}
		case "_type", "routing", "_routing", "retry_on_conflict", "pipeline", "dynamic_templates", "version", "version_type", "_source":
		default:
			return member, false
		}
	}
	item.err = ifUnchanged(&item.op, seq, term)
	return "", true
}

// document reads the line with the document.
func (item *bulkItem) document(line []byte) {
	doc, err := compact(line)
	if err != nil {
		item.err = err
		return
	}
	if item.op.Kind != docs.Update {
		item.op.Doc = doc
		return
	}
	update, shows, err := updateOp(doc)
	if err != nil {
		item.err = err
		return
	}
	item.op.Doc, item.op.Upsert, item.op.NoopAsUpdate, item.shows = update.Doc, update.Upsert, update.NoopAsUpdate, shows
}
