package document

import (
	"slices"
	"strings"

	"tidemark/wire"
	"tidemark/wire/strict"
)

// maxItems bounds the items of a filter.
const maxItems = 10_000

// ParseFilter reads a filter from a request's body. The error is a *wire.Refusal.
func ParseFilter(body []byte, urlID string) (*wire.Filter, error) {
	f := &wire.Filter{}
	if err := strict.Parse(body, "filter", strict.Fields{
		"filter_id":   strict.Text(&f.FilterID),
		"description": text(&f.Description),
		"items":       items(&f.Items),
	}); err != nil {
		return nil, err
	}
	if f.FilterID != "" && f.FilterID != urlID {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Inconsistent filter_id; '%s' specified in the body differs from '%s' specified as a URL argument", wire.Clip(f.FilterID), wire.Clip(urlID))
	}
	if err := wire.CheckID("filter_id", urlID); err != nil {
		return nil, err
	}
	f.FilterID = urlID
	return f, setItems(f, f.Items)
}

func items(to *[]string) strict.Read { return strict.Texts(to, 1<<20) }

// setItems gives a filter its items as a sorted set.
func setItems(f *wire.Filter, list []string) error {
	list = slices.Clone(list)
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) > maxItems {
		return wire.Refuse(wire.TypeIllegalArgument, "Filter [%s] contains too many items; up to [%d] items are allowed", f.FilterID, maxItems)
	}
	for _, item := range list {
		if strings.Contains(strings.TrimSuffix(strings.TrimPrefix(item, "*"), "*"), "*") || strings.HasPrefix(item, "*") && strings.HasSuffix(item, "*") && item != "*" {
			return wire.Refuse(wire.TypeIllegalArgument, "the item [%s] may have one *, at its beginning or its end", wire.Clip(item))
		}
	}
	f.Items = append([]string{}, list...)
	return nil
}

// FilterChange changes a filter.
type FilterChange struct {
	description *string
	add, remove []string
}

// ParseFilterChange reads a request to change a filter. The error is a
// *wire.Refusal.
func ParseFilterChange(body []byte, urlID string) (*FilterChange, error) {
	c := &FilterChange{}
	var description, id string
	err := strict.Parse(body, "filter_update", strict.Fields{
		"filter_id": strict.Text(&id),
		"description": func(r *strict.Reader) error {
			c.description = &description
			return text(&description)(r)
		},
		"add_items":    items(&c.add),
		"remove_items": items(&c.remove),
	})
	if err == nil && id != "" && id != urlID {
		err = wire.Refuse(wire.TypeIllegalArgument, "Inconsistent filter_id; '%s' specified in the body differs from '%s' specified as a URL argument", wire.Clip(id), wire.Clip(urlID))
	}
	return c, err
}

// Apply returns the filter after the change. The error is a *wire.Refusal.
func (c *FilterChange) Apply(have *wire.Filter) (*wire.Filter, error) {
	f := *have
	if c.description != nil {
		f.Description = *c.description
	}
	list := append(slices.Clone(f.Items), c.add...)
	for _, gone := range c.remove {
		if !slices.Contains(list, gone) {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "Cannot remove item [%s] as it is not present in filter [%s]", wire.Clip(gone), f.FilterID)
		}
		list = slices.DeleteFunc(list, func(item string) bool { return item == gone })
	}
	return &f, setItems(&f, list)
}
