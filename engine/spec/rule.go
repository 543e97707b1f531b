package spec

import (
	"fmt"
	"slices"
	"strings"

	"tidemark/engine/codec"
)

// Rule changes what happens with values that it applies to.
type Rule struct {
	// SkipResult: they make no anomaly record. SkipUpdate: they are not learned.
	SkipResult, SkipUpdate bool
	// ShiftSeconds moves the model's clock, once each time the rule begins to
	// apply.
	ShiftSeconds int64
	// Scope and Conditions must all hold.
	Scope      []Scope
	Conditions []Condition
}

// Scope holds for series by the value of one of their splits.
type Scope struct {
	// Split is "by", "over" or "partition".
	Split string
	// FilterID names the filter whose Items are meant; Exclude: all other values.
	FilterID string
	Exclude  bool
	// Items are values; one that begins or ends with * stands for all values with
	// the rest of it at their end or beginning.
	Items []string
}

// What a condition looks at.
const (
	OfActual          = "actual"
	OfTypical         = "typical"
	OfDiffFromTypical = "diff_from_typical"
	OfTime            = "time"
)

// Condition compares a number with a bound.
type Condition struct {
	// AppliesTo is one of the names above; a time is in seconds since 1970.
	AppliesTo string
	// Operator is gt, gte, lt or lte.
	Operator string
	Value    float64
}

// Holds reports whether a number meets the condition.
func (c *Condition) Holds(x float64) bool {
	switch c.Operator {
	case "gt":
		return x > c.Value
	case "gte":
		return x >= c.Value
	case "lt":
		return x < c.Value
	case "lte":
		return x <= c.Value
	}
	return false
}

// Holds reports whether a value is in the scope.
func (s *Scope) Holds(value string) bool {
	in := slices.ContainsFunc(s.Items, func(item string) bool {
		switch {
		case strings.HasPrefix(item, "*"):
			return strings.HasSuffix(value, item[1:])
		case strings.HasSuffix(item, "*"):
			return strings.HasPrefix(value, item[:len(item)-1])
		}
		return item == value
	})
	return in != s.Exclude
}

// TimeOnly reports whether the rule looks at nothing but the time.
func (r *Rule) TimeOnly() bool {
	return len(r.Scope) == 0 && !slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.AppliesTo != OfTime })
}

func (r *Rule) append(dst []byte) []byte {
	dst = codec.AppendBool(codec.AppendBool(dst, r.SkipResult), r.SkipUpdate)
	dst = codec.AppendVarint(dst, r.ShiftSeconds)
	dst = codec.AppendUvarint(dst, uint64(len(r.Scope)))
	for i := range r.Scope {
		s := &r.Scope[i]
		dst = codec.AppendBool(codec.AppendString(codec.AppendString(dst, s.Split), s.FilterID), s.Exclude)
		dst = codec.AppendUvarint(dst, uint64(len(s.Items)))
		for _, item := range s.Items {
			dst = codec.AppendString(dst, item)
		}
	}
	dst = codec.AppendUvarint(dst, uint64(len(r.Conditions)))
	for i := range r.Conditions {
		c := &r.Conditions[i]
		dst = codec.AppendFloat(codec.AppendString(codec.AppendString(dst, c.AppliesTo), c.Operator), c.Value)
	}
	return dst
}

func decodeRule(r *codec.Reader) (rule Rule) {
	rule.SkipResult, rule.SkipUpdate = r.Bool(), r.Bool()
	rule.ShiftSeconds = r.Varint()
	for n := r.Count(4); n > 0 && r.Err() == nil; n-- {
		s := Scope{Split: r.Text(), FilterID: r.Text(), Exclude: r.Bool()}
		for m := r.Count(1); m > 0 && r.Err() == nil; m-- {
			s.Items = append(s.Items, r.Text())
		}
		rule.Scope = append(rule.Scope, s)
	}
	for n := r.Count(10); n > 0 && r.Err() == nil; n-- {
		rule.Conditions = append(rule.Conditions, Condition{r.Text(), r.Text(), r.Float()})
	}
	return rule
}

// MostShift bounds a shift of the model's clock, in seconds: a week either way.
const MostShift = 7 * 24 * 3600

func checkShift(what string, seconds int64) error {
	if seconds > MostShift || seconds < -MostShift {
		return fmt.Errorf("%s shifts time by %d seconds, at most %d are possible", what, seconds, MostShift)
	}
	return nil
}

func (r *Rule) validate() error {
	if err := checkShift("a rule", r.ShiftSeconds); err != nil {
		return err
	}
	for i := range r.Conditions {
		c := &r.Conditions[i]
		if !slices.Contains([]string{OfActual, OfTypical, OfDiffFromTypical, OfTime}, c.AppliesTo) || !slices.Contains([]string{"gt", "gte", "lt", "lte"}, c.Operator) {
			return fmt.Errorf("a rule compares %q by %q", c.AppliesTo, c.Operator)
		}
	}
	for i := range r.Scope {
		if !slices.Contains([]string{"by", "over", "partition"}, r.Scope[i].Split) {
			return fmt.Errorf("a rule looks at %q", r.Scope[i].Split)
		}
	}
	return nil
}
