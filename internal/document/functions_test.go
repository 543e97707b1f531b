package document_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tidemark/internal/document"
	"tidemark/wire"
)

// TestFunctions: what each function needs, may have and cannot have, and the name it
// is shown by. A need is x (prohibited), o (optional) or r (required), for
// field_name, by_field_name, over_field_name and partition_field_name.
func TestFunctions(t *testing.T) {
	var rows []struct{ names, shown, needs string }
	add := func(names, shown, needs string) {
		rows = append(rows, struct{ names, shown, needs string }{names, shown, needs})
	}
	sided := func(names, shown, needs string) {
		add(names, shown, needs)
		for _, side := range []string{"high_", "low_"} {
			var sides []string
			for n := range strings.FieldsSeq(names) {
				sides = append(sides, side+n)
			}
			add(strings.Join(sides, " "), side+shown, needs)
		}
	}
	sided("count", "count", "xooo")
	sided("non_zero_count nzc", "non_zero_count", "xoxo")
	sided("distinct_count dc", "distinct_count", "rooo")
	sided("info_content", "info_content", "rooo")
	sided("mean avg", "mean", "rooo")
	sided("median", "median", "rooo")
	sided("sum", "sum", "rooo")
	sided("non_null_sum", "non_null_sum", "rooo")
	sided("varp", "varp", "rooo")
	for _, name := range []string{"min", "max", "metric", "lat_long"} {
		add(name, name, "rooo")
	}
	add("rare", "rare", "xroo")
	add("freq_rare", "freq_rare", "xrro")
	add("time_of_day", "time_of_day", "xooo")
	add("time_of_week", "time_of_week", "xooo")

	fields := []string{"field_name", "by_field_name", "over_field_name", "partition_field_name"}
	for _, row := range rows {
		for name := range strings.FieldsSeq(row.names) {
			for set := range 1 << len(fields) {
				members, ok, nothing := fmt.Sprintf(`"function":%q`, strings.ToUpper(name)), true, set&7 == 0
				for i, f := range fields {
					given := set&(1<<i) != 0
					if given {
						members += fmt.Sprintf(`,%q:"f%d"`, f, i)
					}
					ok = ok && (row.needs[i] != 'x' || !given) && (row.needs[i] != 'r' || given)
				}
				j, err := document.ParseJob([]byte(detector(members)), "j", "9.5.0")
				if (err == nil) != ok {
					t.Errorf("%s: %v, want taken: %v", members, err, ok)
					continue
				}
				if err == nil {
					if got := j.AnalysisConfig.Detectors[0].Function; got != row.shown {
						t.Errorf("%s is shown as %s, want %s", name, got, row.shown)
					}
					continue
				}
				checkUseReason(t, err, row.shown, row.needs, set, nothing, fields)
				if document.CheckDetector([]byte("{"+members+"}")) == nil {
					t.Errorf("a detector alone is valid: %s", members)
				}
			}
		}
	}
	if len(rows) < 35 {
		t.Errorf("only %d functions", len(rows))
	}
}

// checkUseReason: the rules are checked in a fixed order, and the first that does not
// hold is named.
func checkUseReason(t *testing.T, err error, shown, needs string, set int, nothing bool, fields []string) {
	t.Helper()
	var refusal *wire.Refusal
	if !errors.As(err, &refusal) || refusal.Status != 400 {
		t.Fatalf("%v is no refusal", err)
	}
	counts := strings.HasSuffix(shown, "count") && !strings.HasSuffix(shown, "distinct_count") || strings.HasPrefix(shown, "time_of")
	want := ""
	if nothing && !counts {
		want = "Unless a count or temporal function is used one of field_name, by_field_name or over_field_name must be set"
	}
	for i, f := range fields {
		given := set&(1<<i) != 0
		switch {
		case want != "":
		case needs[i] == 'r' && !given:
			want = f + " must be set when the '" + shown + "' function is used"
		case needs[i] == 'x' && given:
			want = f + " cannot be used with function '" + shown + "'"
		}
	}
	raw, _ := json.Marshal(refusal.Envelope())
	quoted, _ := json.Marshal(want)
	if !strings.Contains(string(raw), string(quoted[1:len(quoted)-1])) {
		t.Errorf("%s %b: %s, want %s", shown, set, raw, want)
	}
}

// TestMemoryLimits: every way to write a limit, and how it is shown.
func TestMemoryLimits(t *testing.T) {
	for given, want := range map[string]string{
		`512`: "512mb", `"512"`: "512mb", `"512m"`: "512mb", `"512MB"`: "512mb", `"1g"`: "1024mb", `"1Gb"`: "1024mb", `"3000g"`: "3072000mb", `"2t"`: "2097152mb", `"1PB"`: "1073741824mb",
		`"1048576b"`: "1mb", `"1024k"`: "1mb", `"2048KB"`: "2mb", `"1.5gb"`: "1536mb", `"1572864b"`: "1mb",
		`0`: "", `"0mb"`: "", `-1`: "", `"1023kb"`: "", `"1048575b"`: "", `"x"`: "", `"mb"`: "", `"1 x"`: "", `1.5`: "", `true`: "", `"99999999999999999999gb"`: "", `""`: "",
	} {
		j, err := document.ParseJob([]byte(conf(oneCount, `"analysis_limits":{"model_memory_limit":`+given+`}`)), "j", "9.5.0")
		switch {
		case want == "" && err == nil:
			t.Errorf("%s is taken as %s", given, j.AnalysisLimits.ModelMemoryLimit)
		case want != "" && (err != nil || j.AnalysisLimits.ModelMemoryLimit != want):
			t.Errorf("%s: %v, want %s", given, err, want)
		}
	}
}

// TestFieldNames: which characters a name may have in each of its roles.
func TestFieldNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "a b": true, "ä": true, "a.b": true, "@timestamp": true, "a-b_c": true, "😀": true, "count": true, ".a": true,
		`a\"b`: false, `a\\b`: false, `a\nb`: false, `a\u0000b`: false, `a\u007fb`: false, ".": false,
	} {
		for _, role := range []string{"field_name", "by_field_name", "over_field_name", "partition_field_name"} {
			members := `"function":"mean","field_name":"v"`
			if role == "field_name" {
				members = `"function":"mean"`
			}
			_, err := document.ParseJob([]byte(detector(members+`,"`+role+`":"`+name+`"`)), "j", "9.5.0")
			want := ok && !(name == "count" && (role == "by_field_name" || role == "over_field_name"))
			if (err == nil) != want {
				t.Errorf("%s %s: %v, want taken: %v", role, name, err, want)
			}
		}
		for _, more := range []string{`"influencers":["` + name + `"],` + oneCount, `"summary_count_field_name":"` + name + `",` + oneCount} {
			if _, err := document.ParseJob([]byte(conf(more)), "j", "9.5.0"); (err == nil) != ok {
				t.Errorf("%s: %v, want taken: %v", more, err, ok)
			}
		}
	}
	for _, reserved := range []string{"by", "over"} {
		for _, role := range []string{"by_field_name", "over_field_name"} {
			if _, err := document.ParseJob([]byte(detector(valueField+`,"`+role+`":"`+reserved+`"`)), "j", "9.5.0"); err == nil {
				t.Errorf("%s may be named %s", role, reserved)
			}
		}
	}
}

// TestOrderOfChecks: of several things that are wrong in a detector, the one that
// comes first in the order that clients know is named.
func TestOrderOfChecks(t *testing.T) {
	steps := []struct{ members, reason string }{
		{`"function":"mean"`, "Unless a count or temporal function"},
		{`"function":"mean","by_field_name":"a\\b"`, "field_name must be set"},
		{`"function":"freq_rare","field_name":"a\\b","over_field_name":"b"`, "field_name cannot be used"},
		{`"function":"freq_rare","partition_field_name":"a\\b","over_field_name":"b"`, "by_field_name must be set"},
		{`"function":"freq_rare","partition_field_name":"a\\b","by_field_name":"b"`, "over_field_name must be set"},
		{`"function":"nzc","over_field_name":"a\\b"`, "over_field_name cannot be used"},
		{`"function":"mean","field_name":"v","by_field_name":"a\\b","over_field_name":"a\\b"`, "Invalid field name"},
		{`"function":"mean","field_name":"v","by_field_name":"count","over_field_name":"count","custom_rules":[{}]`, "at least scope or a condition"},
		{`"function":"mean","field_name":"v","by_field_name":"count","over_field_name":"count"`, "cannot be the same"},
		{`"function":"mean","field_name":"v","by_field_name":"count"`, "not a permitted value"},
	}
	for _, s := range steps {
		err := document.CheckDetector([]byte("{" + s.members + "}"))
		if err == nil || !strings.Contains(err.Error(), s.reason) {
			t.Errorf("%s: %v, want %s", s.members, err, s.reason)
		}
	}
}
