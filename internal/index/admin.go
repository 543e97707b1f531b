package index

import (
	"context"
	"errors"
	"strings"

	"tidemark/internal/docs"
	"tidemark/wire"
)

// Create makes an index of plain documents.
func (x *Index) Create(ctx context.Context, name string, body []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if targets, err := x.Resolve(ctx, name, Options{}); err == nil && len(targets) > 0 {
		return exists(name)
	}
	_, err := x.docs.Create(ctx, name, body, x.now().UnixMilli())
	if errors.Is(err, docs.ErrExists) {
		return exists(name)
	}
	return err
}

func exists(name string) error {
	return wire.Refuse(wire.TypeAlreadyExists, "index [%s] already exists", wire.Clip(name))
}

// Delete removes indices of plain documents. The results of jobs go with their
// jobs.
func (x *Index) Delete(ctx context.Context, expr string, opt Options) error {
	if strings.Contains(expr, "*") || expr == "_all" {
		return wire.Refuse(wire.TypeIllegalArgument, "Wildcard expressions or all indices are not allowed in a delete; name the indices")
	}
	targets, err := x.Resolve(ctx, expr, opt)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if len(t.Jobs) > 0 {
			return wire.Refuse(wire.TypeIllegalArgument, "index [%s] holds the results of jobs [%s]; delete the jobs", t.Name, wire.Clip(strings.Join(t.Jobs, ", ")))
		}
	}
	for _, t := range targets {
		if err := x.docs.Delete(ctx, t.Name); err != nil && !errors.Is(err, docs.ErrNotFound) {
			return err
		}
	}
	return nil
}

// SetBody replaces the mappings, settings and aliases of one index.
func (x *Index) SetBody(ctx context.Context, name string, body []byte) error {
	return x.docs.SetBody(ctx, name, body)
}

// Count is how many plain documents an index has.
func (x *Index) Count(ctx context.Context, t *Target) (int64, error) {
	if t.Docs == nil {
		return 0, nil
	}
	return x.docs.Count(ctx, t.Docs)
}
