package query

import (
	"maps"
	"slices"

	"tidemark/wire"
)

// bucketSort orders the buckets around it anew, and keeps a page of them: the one
// aggregation that works on buckets instead of documents.
type bucketSort struct {
	order      []termOrder
	from, size int
	// gaps keeps buckets that have no value to be ordered by.
	gaps bool
}

// sortedKinds are the aggregations whose buckets can be ordered anew.
var sortedKinds = []string{"terms", "date_histogram", "histogram", "composite"}

// isBucketSort reports whether a named aggregation is a bucket_sort.
func isBucketSort(v any) bool {
	o, ok := v.(map[string]any)
	return ok && o["bucket_sort"] != nil
}

// bucketSort compiles a bucket_sort inside an aggregation with others, named so.
func (c *compiler) bucketSort(v any, siblings []string) (*bucketSort, error) {
	_, body, err := single(v, "bucket_sort")
	if err != nil {
		return nil, err
	}
	params, err := object(body, "bucket_sort")
	if err != nil {
		return nil, err
	}
	s := &bucketSort{size: maxBuckets}
	for _, member := range slices.Sorted(maps.Keys(params)) {
		switch member {
		case "from":
			err = wholeNumber(params, member, &s.from)
		case "size":
			if err = wholeNumber(params, member, &s.size); err == nil && s.size == 0 {
				err = refuseAt(member, "[size] of a bucket_sort must be a positive number")
			}
		case "gap_policy":
			s.gaps = params[member] == "insert_zeros"
			if !s.gaps && params[member] != "skip" {
				err = refuseAt(member, "[gap_policy] of a bucket_sort is skip or insert_zeros")
			}
		case "sort":
			s.order, err = sortOf(params[member], siblings)
		default:
			err = refuseAt(member, "[bucket_sort] unknown field [%s]; it takes sort, from, size and gap_policy", wire.Clip(member))
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// sortOf reads [{name: {"order": …}}] or [name], of aggregations, _key or _count.
func sortOf(v any, siblings []string) (orders []termOrder, err error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		o := termOrder{}
		switch item := item.(type) {
		case string:
			o.by = item
		default:
			by, how, err := single(item, "sort")
			if err != nil {
				return nil, err
			}
			if params, isObject := how.(map[string]any); isObject {
				how = params["order"]
			}
			if o.by, o.descending = by, how == "desc"; how != nil && how != "asc" && how != "desc" {
				return nil, refuseAt("sort", "Unknown order direction [%s]; it is asc or desc", wire.Clip(textOf(how)))
			}
		}
		if name, _, _ := cutPath(o.by); o.by != "_key" && o.by != "_count" && !slices.Contains(siblings, name) && !slices.Contains(siblings, o.by) {
			return nil, refuseAt("sort", "No aggregation found for path [%s]; a bucket_sort sorts by _key, _count or an aggregation beside it", wire.Clip(o.by))
		}
		orders = append(orders, o)
	}
	return orders, nil
}

// arrange applies the bucket_sorts in a group to the buckets that have it.
func (g *group) arrange(buckets []any) []any {
	for _, s := range g.sorts {
		buckets = s.apply(buckets)
	}
	return buckets
}

func (s *bucketSort) apply(buckets []any) []any {
	list := make([]bucketed, 0, len(buckets))
	for _, v := range buckets {
		out := v.(map[string]any)
		count, _ := out["doc_count"].(int64)
		b := bucketed{key: keyOf(out["key"]), in: &set{count: count}, out: out}
		if s.gaps || !slices.ContainsFunc(s.order, func(o termOrder) bool { return !o.has(&b) }) {
			list = append(list, b)
		}
	}
	if len(s.order) > 0 {
		slices.SortStableFunc(list, func(a, b bucketed) int {
			for i := range s.order {
				n := s.order[i].compare(&a, &b)
				if s.order[i].descending {
					n = -n
				}
				if n != 0 {
					return n
				}
			}
			return 0
		})
	}
	page := []any{}
	for i := min(s.from, len(list)); i < min(s.from+s.size, len(list)); i++ {
		page = append(page, list[i].out)
	}
	return page
}

// has reports whether a bucket has the value that it is ordered by.
func (o *termOrder) has(b *bucketed) bool {
	if o.by == "_key" || o.by == "_count" {
		return true
	}
	_, ok := numberAt(b.out, o.by)
	return ok
}

// keyOf is a bucket's key as a value.
func keyOf(key any) Value {
	switch key := key.(type) {
	case int64:
		return Value{Kind: Number, Num: float64(key)}
	default:
		v, _ := plainValue(key)
		return v
	}
}
