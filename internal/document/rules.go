package document

import (
	"maps"
	"slices"
	"strings"

	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// maxRules bounds the rules of one detector, and the conditions of one rule.
const maxRules = 64

// The actions of a rule.
const (
	skipResult      = "skip_result"
	skipModelUpdate = "skip_model_update"
	forceTimeShift  = "force_time_shift"
)

// rules reads custom_rules.
func rules(to *[]wire.Rule) strict.Read {
	return strict.List(maxRules, func(r *strict.Reader, _ int) error {
		var x wire.Rule
		err := strict.Object("custom_rules", strict.Fields{
			"actions":    strict.Texts(&x.Actions, 3),
			"scope":      ruleScope(&x.Scope),
			"conditions": ruleConditions(&x.Conditions),
			"params":     ruleParams(&x.Params),
		})(r)
		*to = append(*to, x)
		return err
	})
}

func ruleConditions(to *[]wire.RuleCondition) strict.Read {
	return strict.List(maxRules, func(r *strict.Reader, _ int) error {
		var x wire.RuleCondition
		var value *float64
		err := strict.Object("conditions", strict.Fields{
			"applies_to": strict.Text(&x.AppliesTo),
			"operator":   strict.Text(&x.Operator),
			"value":      strict.OptionalFloat(&value),
		})(r)
		if err == nil && value == nil {
			err = wire.Refuse(wire.TypeIllegalArgument, "a condition needs a value")
		}
		if err == nil {
			x.Value = *value
		}
		*to = append(*to, x)
		return err
	})
}

func ruleScope(to *map[string]wire.RuleScope) strict.Read {
	return strict.Map(func(r *strict.Reader, field string) error {
		x := wire.RuleScope{FilterType: "include"}
		err := strict.Object("scope", strict.Fields{
			"filter_id":   strict.Text(&x.FilterID),
			"filter_type": strict.Text(&x.FilterType),
		})(r)
		if *to == nil {
			*to = map[string]wire.RuleScope{}
		}
		(*to)[field] = x
		return err
	})
}

func ruleParams(to **wire.RuleParams) strict.Read {
	return func(r *strict.Reader) error {
		x := wire.RuleParams{}
		err := strict.Object("params", strict.Fields{
			"force_time_shift": func(r *strict.Reader) error {
				x.ForceTimeShift = &wire.TimeShift{}
				return strict.Object("force_time_shift", strict.Fields{"time_shift_amount": strict.Int(&x.ForceTimeShift.TimeShiftAmount)})(r)
			},
		})(r)
		*to = &x
		return err
	}
}

// checkRules holds what a detector's rules may be, and writes them as clients
// read them back.
func checkRules(x *wire.Detector, f spec.Function) error {
	for i := range x.CustomRules {
		if err := checkRule(&x.CustomRules[i], x, f); err != nil {
			return err
		}
	}
	return nil
}

func checkRule(r *wire.Rule, x *wire.Detector, f spec.Function) error {
	if len(r.Actions) == 0 {
		r.Actions = []string{skipResult}
	}
	for i, a := range r.Actions {
		r.Actions[i] = strings.ToLower(a)
		if !slices.Contains([]string{skipResult, skipModelUpdate, forceTimeShift}, r.Actions[i]) {
			return wire.Refuse(wire.TypeIllegalArgument, "'%s' is no action of a rule; give skip_result, skip_model_update or force_time_shift", wire.Clip(a))
		}
	}
	if len(r.Scope) == 0 && len(r.Conditions) == 0 {
		return wire.Refuse(wire.TypeStatus, "Invalid detector rule: at least scope or a condition is required")
	}
	for i := range r.Conditions {
		if err := checkCondition(&r.Conditions[i], f); err != nil {
			return err
		}
	}
	if slices.Contains(r.Actions, forceTimeShift) {
		if r.Params == nil || r.Params.ForceTimeShift == nil {
			return wire.Refuse(wire.TypeIllegalArgument, "force_time_shift needs params.force_time_shift.time_shift_amount, in seconds")
		}
		if one := specRule(r, x, nil); !one.TimeOnly() {
			return wire.Refuse(wire.TypeIllegalArgument, "force_time_shift moves the clock of the whole detector: its rule can have conditions on time only, and no scope")
		}
	}
	return checkScope(r, x)
}

func checkCondition(c *wire.RuleCondition, f spec.Function) error {
	c.AppliesTo, c.Operator = strings.ToLower(c.AppliesTo), strings.ToLower(c.Operator)
	switch {
	case !slices.Contains([]string{spec.OfActual, spec.OfTypical, spec.OfDiffFromTypical, spec.OfTime}, c.AppliesTo):
		return wire.Refuse(wire.TypeIllegalArgument, "applies_to must be one of actual, typical, diff_from_typical, time; actual was '%s'", wire.Clip(c.AppliesTo))
	case !slices.Contains([]string{"gt", "gte", "lt", "lte"}, c.Operator):
		return wire.Refuse(wire.TypeIllegalArgument, "operator must be one of gt, gte, lt, lte; actual was '%s'", wire.Clip(c.Operator))
	case c.AppliesTo != spec.OfTime && (f.Kind() == spec.Place || f.Kind() == spec.Rarity || f == spec.Metric):
		return wire.Refuse(wire.TypeStatus, "Invalid detector rule: function %s only supports conditions that apply to time", f)
	}
	return nil
}

func checkScope(r *wire.Rule, x *wire.Detector) error {
	for _, field := range slices.Sorted(maps.Keys(r.Scope)) {
		s := r.Scope[field]
		s.FilterType = strings.ToLower(s.FilterType)
		switch {
		case splitOf(x, field) == "":
			return wire.Refuse(wire.TypeStatus, "Invalid detector rule: scope field '%s' is invalid; select from the detector's by, over and partition fields", wire.Clip(field))
		case s.FilterID == "":
			return wire.Refuse(wire.TypeIllegalArgument, "the scope of '%s' needs a filter_id", wire.Clip(field))
		case s.FilterType != "include" && s.FilterType != "exclude":
			return wire.Refuse(wire.TypeIllegalArgument, "filter_type must be include or exclude; actual was '%s'", wire.Clip(s.FilterType))
		}
		r.Scope[field] = s
	}
	return nil
}

// splitOf is what a detector uses a field for: by, over or partition.
func splitOf(x *wire.Detector, field string) string {
	switch field {
	case "":
	case x.ByFieldName:
		return "by"
	case x.OverFieldName:
		return "over"
	case x.PartitionFieldName:
		return "partition"
	}
	return ""
}

// Filters look up the items of a filter.
type Filters func(id string) (items []string, ok bool)

// specRule is a rule as the engine has it.
func specRule(r *wire.Rule, x *wire.Detector, filters Filters) spec.Rule {
	out := spec.Rule{SkipResult: slices.Contains(r.Actions, skipResult), SkipUpdate: slices.Contains(r.Actions, skipModelUpdate)}
	if slices.Contains(r.Actions, forceTimeShift) && r.Params != nil && r.Params.ForceTimeShift != nil {
		out.ShiftSeconds = r.Params.ForceTimeShift.TimeShiftAmount
	}
	for _, c := range r.Conditions {
		out.Conditions = append(out.Conditions, spec.Condition(c))
	}
	for _, field := range slices.Sorted(maps.Keys(r.Scope)) {
		s := spec.Scope{Split: splitOf(x, field), FilterID: r.Scope[field].FilterID, Exclude: r.Scope[field].FilterType == "exclude"}
		if filters != nil {
			s.Items, _ = filters(s.FilterID)
		}
		out.Scope = append(out.Scope, s)
	}
	return out
}

// FilterIDs are the filters that a configuration's rules name, sorted.
func FilterIDs(j *wire.Job) []string {
	ids := map[string]bool{}
	for i := range j.AnalysisConfig.Detectors {
		for _, r := range j.AnalysisConfig.Detectors[i].CustomRules {
			for _, field := range slices.Sorted(maps.Keys(r.Scope)) {
				ids[r.Scope[field].FilterID] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
