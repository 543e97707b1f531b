package index

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"tidemark/internal/docs"
	"tidemark/internal/jsonscan"
	"tidemark/internal/mapping"
	"tidemark/wire"
)

// Create makes an index of plain documents.
func (x *Index) Create(ctx context.Context, name string, def docs.Definition) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if targets, err := x.Resolve(name, Options{IgnoreUnavailable: true, AllowNone: true}); err != nil || len(targets) > 0 {
		return exists(name)
	}
	for alias := range jsonscan.Members(orObject(def.Aliases)) {
		if err := CheckName(alias); err != nil {
			return err
		}
	}
	_, err := x.docs.Create(ctx, name, def, x.now().UnixMilli())
	if errors.Is(err, docs.ErrExists) {
		return exists(name)
	}
	return notStored(err)
}

func orObject(raw []byte) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}

func exists(name string) error {
	return wire.Refuse(wire.TypeAlreadyExists, "index [%s] already exists", wire.Clip(name))
}

// Prepare makes the indices that exist before anything is written.
func (x *Index) Prepare(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(madeWith)) {
		_, err := x.docs.Create(ctx, name, docs.Definition{Mappings: []byte(madeWith[name])}, x.now().UnixMilli())
		if err != nil && !errors.Is(err, docs.ErrExists) {
			return err
		}
	}
	return nil
}

// Delete removes indices of plain documents. The results of jobs go with their
// jobs.
func (x *Index) Delete(ctx context.Context, expr string, opt Options) error {
	if strings.Contains(expr, "*") || expr == "_all" {
		return wire.Refuse(wire.TypeIllegalArgument, "Wildcard expressions or all indices are not allowed in a delete; name the indices")
	}
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return err
	}
	named := strings.Split(expr, ",")
	for _, t := range targets {
		switch {
		case len(t.Jobs) > 0:
			return wire.Refuse(wire.TypeIllegalArgument, "index [%s] holds the results of jobs [%s]; delete the jobs", t.Name, wire.Clip(strings.Join(t.Jobs, ", ")))
		case !slices.Contains(named, t.Name):
			return wire.Refuse(wire.TypeIllegalArgument, "The provided expression [%s] matches an alias of [%s], specify the corresponding concrete indices instead.", wire.Clip(expr), t.Name)
		}
	}
	for _, t := range targets {
		if err := x.docs.Delete(ctx, t.Name); err != nil && !errors.Is(err, docs.ErrNotFound) {
			return err
		}
	}
	return nil
}

// AddMappings adds fields to indices.
func (x *Index) AddMappings(ctx context.Context, expr string, opt Options, mappings []byte) error {
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if t.Docs == nil {
			continue // The types of results are fixed.
		}
		err := x.docs.Alter(ctx, t.Name, func(in *docs.Index) (err error) {
			in.Fields, err = in.Fields.Merge(mappings)
			return err
		})
		if err != nil {
			return notStored(err)
		}
	}
	return nil
}

// AddSettings merges settings into those of indices.
func (x *Index) AddSettings(ctx context.Context, expr string, opt Options, settings []byte) error {
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if t.Docs == nil {
			continue
		}
		err := x.docs.Alter(ctx, t.Name, func(in *docs.Index) error {
			in.Settings = jsonscan.Merge(in.Settings, settings)
			return nil
		})
		if err != nil {
			return notStored(err)
		}
	}
	return nil
}

// SetAlias gives an alias to indices, nil properties take it away.
func (x *Index) SetAlias(ctx context.Context, expr string, opt Options, alias string, properties []byte) error {
	if properties != nil {
		if err := CheckName(alias); err != nil {
			return err
		}
		if strings.Contains(string(properties), `"filter"`) {
			return wire.Refuse(wire.TypeIllegalArgument, "alias [%s]: filters of aliases are not supported; filter in the search", wire.Clip(alias))
		}
	}
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return err
	}
	found := false
	for _, t := range targets {
		if t.Docs == nil {
			return wire.Refuse(wire.TypeIllegalArgument, "index [%s] holds results of jobs; its aliases are given by the jobs", t.Name)
		}
		if t.Name == alias {
			return wire.Refuse("invalid_alias_name_exception", "alias [%s]: an index of that name exists", wire.Clip(alias))
		}
		err := x.docs.Alter(ctx, t.Name, func(in *docs.Index) error {
			var had bool
			in.Aliases, had = withMember(in.Aliases, alias, properties)
			found = found || had || properties != nil
			return nil
		})
		if err != nil {
			return notStored(err)
		}
	}
	if !found {
		return &wire.Refusal{Status: 404, Type: "aliases_not_found_exception", Reason: "aliases [" + wire.Clip(alias) + "] missing"}
	}
	return nil
}

// withMember is an object with a member replaced, or taken away if value is nil.
func withMember(object []byte, name string, value []byte) (out []byte, had bool) {
	kept := map[string][]byte{}
	for member, v := range jsonscan.Members(object) {
		kept[member] = v
	}
	_, had = kept[name]
	delete(kept, name)
	if value != nil {
		kept[name] = value
	}
	return jsonscan.Object(kept), had
}

// Count is how many plain documents an index has.
func (x *Index) Count(ctx context.Context, t *Target) (int64, error) {
	if t.Docs == nil {
		return 0, nil
	}
	return x.docs.Count(ctx, t.Docs)
}

// Fields are the types of a target's fields.
func (t *Target) Fields() *mapping.Fields {
	if t.Docs == nil {
		return resultFields
	}
	return t.Docs.Fields
}
