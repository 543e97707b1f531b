package index

import (
	"context"
	"math"

	"tidemark/internal/docs"
	"tidemark/internal/query"
)

// systemUser is who writes the annotations that no person wrote.
const systemUser = "_xpack"

// DropAnnotations removes the annotations of a job that is gone: those of the
// system, and those of people if users is set.
func (x *Index) DropAnnotations(ctx context.Context, jobID string, users bool) error {
	for _, in := range x.docs.Indices() {
		if in.Name != Annotations {
			continue
		}
		var ops []docs.Op
		err := x.docs.Scan(ctx, in, docs.Range{FromMs: math.MinInt64, ToMs: math.MaxInt64}, func(d *query.Doc) (bool, error) {
			if has(d.Source, "job_id", jobID) && (users || has(d.Source, "create_username", systemUser)) {
				ops = append(ops, docs.Op{Kind: docs.Remove, Index: Annotations, ID: d.ID})
			}
			return true, nil
		})
		if err == nil && len(ops) > 0 {
			_, err = x.docs.Apply(ctx, ops, x.now().UnixMilli())
		}
		return err
	}
	return nil
}

// has reports whether a document's field has a text.
func has(doc []byte, field, text string) bool {
	for _, v := range query.Values(doc, field) {
		if v.Text == text {
			return true
		}
	}
	return false
}
