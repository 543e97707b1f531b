package query

import (
	"slices"
	"strings"

	"tidemark/internal/mapping"
	"tidemark/wire"
)

// What hits can be ordered by beside fields.
const (
	slotDoc   = -1 // the number of the document in its source
	slotScore = -2
	slotID    = -3
	slotIndex = -4
)

// sortKey is one thing that hits are ordered by.
type sortKey struct {
	slot       int
	name       string
	descending bool
	// first: missing values come first; instead stands for them, if set.
	first   bool
	instead Value
	// mode says which of several values counts: min, max, sum, avg or median.
	mode   string
	format string
	// lenient: the field need not exist.
	lenient bool
}

func (c *compiler) sortKeys(h *hits, v any) error {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, item := range list {
		members := map[string]any{}
		switch item := item.(type) {
		case string:
			members[item] = nil
		case map[string]any:
			members = item
		default:
			return refuseAt("sort", "[sort] is a list of fields, each a name or an object")
		}
		if len(members) != 1 {
			return refuseAt("sort", "an object of [sort] names one field, it has %d; put each into an object of its own", len(members))
		}
		for name, params := range members { // order-free: there is one
			k, err := c.sortKey(name, params)
			if err != nil {
				return err
			}
			h.keys = append(h.keys, k)
		}
	}
	// Ordering by score alone is ordering by nothing: all are equal.
	if len(h.keys) == 1 && h.keys[0].slot == slotScore && h.keys[0].descending {
		h.keys = nil
	}
	return nil
}

func (c *compiler) sortKey(name string, params any) (sortKey, error) {
	k := sortKey{name: name, descending: name == "_score"}
	var err error
	switch p := params.(type) {
	case nil:
	case string:
		err = k.order(p)
	case map[string]any:
		for option, v := range p { // order-free: each is its own
			if err == nil {
				err = k.option(option, v)
			}
		}
	default:
		err = refuseAt(name, "the sort by [%s] must be an order or an object", wire.Clip(name))
	}
	if err == nil {
		k.slot, err = c.sortSlot(name)
	}
	return k, err
}

// order takes in which direction a key sorts.
func (k *sortKey) order(v any) error {
	if v != "asc" && v != "desc" {
		return refuseAt(k.name, "the order of [%s] must be asc or desc", wire.Clip(k.name))
	}
	k.descending = v == "desc"
	return nil
}

// option takes one member of a sort's object.
func (k *sortKey) option(name string, v any) error {
	switch name {
	case "order":
		return k.order(v)
	case "missing":
		if k.first = v == "_first"; v != "_first" && v != "_last" {
			k.instead, _ = plainValue(v)
		}
	case "mode":
		k.mode = textOf(v)
		if !slices.Contains([]string{"min", "max", "sum", "avg", "median"}, k.mode) {
			return refuseAt(name, "[mode] of a sort is min, max, sum, avg or median")
		}
	case "format":
		k.format = textOf(v)
	case "unmapped_type", "ignore_unmapped":
		k.lenient = true
	case "numeric_type":
	default:
		return refuseAt(name, "[field_sort] unknown field [%s]", wire.Clip(name))
	}
	return nil
}

// sortSlot is where the values are that a key sorts by.
func (c *compiler) sortSlot(name string) (int, error) {
	switch name {
	case "_doc", "_shard_doc":
		return slotDoc, nil
	case "_score":
		return slotScore, nil
	case "_id":
		return slotID, nil
	case "_index":
		return slotIndex, nil
	}
	if strings.HasPrefix(name, "_script") || strings.HasPrefix(name, "_geo") || name == "" {
		return 0, refuseAt(name, "sorting by [%s] is not supported; sort by a field", wire.Clip(name))
	}
	return c.slot(name), nil
}

// value is a document's value of a key.
func (k *sortKey) value(d *Doc, row [][]Value) Value {
	switch k.slot {
	case slotDoc:
		return Value{Kind: Number, Num: float64(d.place())}
	case slotScore:
		return Value{Kind: Number, Num: 1}
	case slotID:
		return Value{Kind: Text, Text: d.ID}
	case slotIndex:
		return Value{Kind: Text, Text: d.Index}
	}
	values := row[k.slot]
	if len(values) == 0 {
		return k.instead
	}
	if len(values) > 1 && k.mode != "" && k.mode != "min" && k.mode != "max" {
		return combined(k.mode, values)
	}
	greatest := k.descending && k.mode != "min" || k.mode == "max"
	var best Value
	for i, v := range values {
		// Dates in a text order as moments.
		if v.Kind == Text {
			if ms, ok := mapping.ParseDate(v.Text); ok {
				v = Value{Kind: Date, Num: float64(ms)}
			}
		}
		if n := compareValues(v, best); i == 0 || greatest && n > 0 || !greatest && n < 0 {
			best = v
		}
	}
	return best
}

// combined is one value for several numbers.
func combined(mode string, values []Value) Value {
	list := make([]float64, 0, len(values))
	sum := 0.0
	for _, v := range values {
		list = append(list, v.Num)
		sum += v.Num
	}
	out := Value{Kind: values[0].Kind, Num: sum}
	switch mode {
	case "avg":
		out.Num = sum / float64(len(list))
	case "median":
		slices.Sort(list)
		out.Num = (list[(len(list)-1)/2] + list[len(list)/2]) / 2
	}
	return out
}
