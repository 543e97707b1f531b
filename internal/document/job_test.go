package document_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/internal/document"
	"tidemark/wire"
)

// conf builds a body from an analysis_config's members and further members.
func conf(analysis string, more ...string) string {
	return `{"analysis_config":{` + analysis + `},"data_description":{}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

const oneCount = `"detectors":[{"function":"count"}]`

func detector(members string) string { return conf(`"detectors":[{` + members + `}]`) }

func TestDefaults(t *testing.T) {
	j, err := document.ParseJob([]byte(conf(oneCount)), "j", "9.5.0")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(j)
	want := `{"job_id":"j","job_type":"anomaly_detector","job_version":"9.5.0","analysis_config":{"bucket_span":"5m",` +
		`"detectors":[{"detector_description":"count","function":"count","detector_index":0}],"influencers":[],"model_prune_window":"30d"},` +
		`"analysis_limits":{"model_memory_limit":"1024mb","categorization_examples_limit":4},"data_description":{"time_field":"time","time_format":"epoch_ms"},` +
		`"model_snapshot_retention_days":10,"daily_model_snapshot_retention_after_days":1,"results_index_name":"shared","allow_lazy_open":false}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

// TestWholeConfiguration: everything that is taken is read back.
func TestWholeConfiguration(t *testing.T) {
	body := `{"job_id":"total-requests","job_type":"anomaly_detector","groups":["g1","g.2"],"description":"Total sum of requests",
		"analysis_config":{"bucket_span":"600s","latency":"120s","summary_count_field_name":"n","model_prune_window":"20m","multivariate_by_fields":false,
			"per_partition_categorization":{"enabled":false},"categorization_filters":[],
			"detectors":[
				{"detector_description":"Sum of total","function":"SUM","field_name":"total","detector_index":7,"custom_rules":[{"actions":["SKIP_RESULT"],"conditions":[{"applies_to":"actual","operator":"lt","value":"10"}]}],"exclude_frequent":"none"},
				{"function":"high_avg","field_name":"response time","by_field_name":"service","partition_field_name":"host.name","use_null":true},
				{"function":"low_nzc","by_field_name":"service"}],
			"influencers":["service","host.name","service"]},
		"analysis_limits":{"model_memory_limit":"2g","categorization_examples_limit":"0"},
		"data_description":{"format":"XCONTENT","time_field":"timestamp","time_format":"yyyy-MM-dd"},
		"model_plot_config":{"enabled":false},"renormalization_window_days":30,"background_persist_interval":"120m",
		"model_snapshot_retention_days":7,"daily_model_snapshot_retention_after_days":7,"results_retention_days":0,
		"custom_settings":{"created_by": "me", "x": [1.50]},"results_index_name":"mine","allow_lazy_open":true}`
	j, err := document.ParseJob([]byte(body), "total-requests", "9.5.0")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(j)
	want := `{"job_id":"total-requests","job_type":"anomaly_detector","job_version":"9.5.0","groups":["g1","g.2"],"description":"Total sum of requests",` +
		`"analysis_config":{"bucket_span":"600s","latency":"120s","summary_count_field_name":"n","detectors":[` +
		`{"detector_description":"Sum of total","function":"sum","field_name":"total","exclude_frequent":"none","custom_rules":[{"actions":["skip_result"],"conditions":[{"applies_to":"actual","operator":"lt","value":10}]}],"detector_index":0},` +
		`{"detector_description":"high_mean(\"response time\") by service usenull=true partitionfield=\"host.name\"","function":"high_mean","field_name":"response time","by_field_name":"service","partition_field_name":"host.name","use_null":true,"detector_index":1},` +
		`{"detector_description":"low_non_zero_count by service","function":"low_non_zero_count","by_field_name":"service","detector_index":2}],` +
		`"influencers":["service","host.name"],"model_prune_window":"20m","multivariate_by_fields":false},` +
		`"analysis_limits":{"model_memory_limit":"2048mb","categorization_examples_limit":0},"data_description":{"format":"xcontent","time_field":"timestamp","time_format":"yyyy-MM-dd"},` +
		`"model_plot_config":{"enabled":false,"annotations_enabled":false},"renormalization_window_days":30,"background_persist_interval":"120m",` +
		`"model_snapshot_retention_days":7,"daily_model_snapshot_retention_after_days":7,"results_retention_days":0,"custom_settings":{"created_by":"me","x":[1.50]},` +
		`"results_index_name":"custom-mine","allow_lazy_open":true}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	s, err := document.SpecOf(j, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.BucketSpanMs != 600_000 || s.LatencyMs != 120_000 || s.ModelMemoryLimit != 2<<30 || s.ModelPruneWindowMs != 1_200_000 ||
		s.SummaryCountField != "n" || len(s.Detectors) != 3 || s.Detectors[1].PartitionField != "host.name" || !s.Detectors[1].UseNull {
		t.Errorf("%+v", s)
	}
	if field, format := document.TimeOf(j); field != "timestamp" || format != "yyyy-MM-dd" {
		t.Error(field, format)
	}
}

// TestEchoCanBeSentAgain: what GET shows, less the server's own fields, makes
// the same job.
func TestEchoCanBeSentAgain(t *testing.T) {
	for i, body := range []string{conf(oneCount), conf(`"bucket_span":"7m",`+oneCount, `"results_index_name":"x"`, `"description":"d"`, `"model_snapshot_retention_days":0`)} {
		first, err := document.ParseJob([]byte(body), "j", "9.5.0")
		if err != nil {
			t.Fatal(i, err)
		}
		again := *first
		again.JobVersion = ""
		raw, _ := json.Marshal(&again)
		second, err := document.ParseJob(raw, "j", "9.5.0")
		if err != nil {
			t.Fatal(i, err)
		}
		one, _ := json.Marshal(first)
		two, _ := json.Marshal(second)
		if string(one) != string(two) {
			t.Errorf("\n%s\n%s", one, two)
		}
	}
}

const valueField = `"function":"mean","field_name":"v"`

// TestRefusals: the type at the top, and words that the body must hold
// somewhere.
func TestRefusals(t *testing.T) {
	const nested, plain = wire.TypeXContentParse, wire.TypeIllegalArgument
	for _, c := range []struct {
		name, body string
		top        wire.ErrorType
		want       string
	}{
		{"empty body", ``, nested, "ends too early"},
		{"no object", `[]`, nested, "give an object"},
		{"unknown field", conf(oneCount, `"descripton":"x"`), nested, "[job_details] unknown field [descripton] did you mean [description]?"},
		{"unknown nested", conf(`"bucketspan":"5m",` + oneCount), nested, "[analysis_config] failed to parse field [analysis_config]: unknown field [bucketspan] did you mean [bucket_span]?"},
		{"unknown in detector", detector(`"function":"count","fields":"x"`), nested, "[detectors] failed to parse field [analysis_config.detectors[0]]: unknown field [fields]"},
		{"twice", conf(oneCount, `"groups":[]`, `"groups":[]`), nested, "Duplicate field 'groups'"},
		{"wrong type", conf(oneCount, `"groups":"g"`), nested, "failed to parse field [groups]: doesn't support values of type: VALUE_STRING"},
		{"no analysis", `{"data_description":{}}`, plain, "An analysis_config must be set"},
		{"no data description", `{"analysis_config":{` + oneCount + `}}`, plain, "A data_description must be set"},
		{"no detectors", conf(`"detectors":[]`), nested, "No detectors configured"},
		{"detectors absent", conf(``), nested, "No detectors configured"},
		{"other id", conf(oneCount, `"job_id":"k"`), plain, "Inconsistent job_id; 'k' specified in the body differs from 'j' specified as a URL argument"},
		{"server's fields", conf(oneCount, `"model_snapshot_id":"x"`, `"create_time":1`), plain, "[create_time, model_snapshot_id] that are illegal to set at job creation"},
		{"job type", conf(oneCount, `"job_type":"other"`), nested, "[other] is no type of job"},
		{"group name", conf(oneCount, `"groups":["A"]`), plain, "Invalid group id 'A'"},
		{"empty group", conf(oneCount, `"groups":[""]`), plain, "Invalid group id ''"},
		{"group twice", conf(oneCount, `"groups":["a","a"]`), plain, "groups names [a] twice"},
		{"group like job", conf(oneCount, `"groups":["j"]`), wire.TypeAlreadyExists, "job [j] and group [j] have the same name"},
		{"index name", conf(oneCount, `"results_index_name":"_x"`), plain, "Invalid results_index_name; '_x'"},
		{"span zero", conf(`"bucket_span":"0s",` + oneCount), nested, "bucket_span cannot be less or equal than 0. Value = 0s"},
		{"span unset", conf(`"bucket_span":"-1",` + oneCount), nested, "bucket_span cannot be less or equal than 0"},
		{"span part of a second", conf(`"bucket_span":"1500ms",` + oneCount), nested, "bucket_span has to be a multiple of 1s; actual was '1500ms'"},
		{"span empty", conf(`"bucket_span":"",` + oneCount), nested, "failed to parse setting [bucket_span] with value [] as a time value: unit is missing or unrecognized"},
		{"span without unit", conf(`"bucket_span":300,` + oneCount), nested, "failed to parse setting [bucket_span] with value [300] as a time value: unit is missing or unrecognized"},
		{"latency", conf(`"latency":"10ms",` + oneCount), nested, "latency has to be a multiple of 1s"},
		{"latency negative", conf(`"latency":"-1",` + oneCount), nested, "latency cannot be less than 0"},
		{"latency too long", conf(`"bucket_span":"1s","latency":"10001s",` + oneCount), nested, "latency must not exceed 10000 bucket spans"},
		{"window short", conf(`"model_prune_window":"5m",` + oneCount), nested, "must be at least 2 times greater than bucket_span [5m]"},
		{"window uneven", conf(`"model_prune_window":"11m",` + oneCount), nested, "must be a multiple of bucket_span [5m]"},
		{"retention", conf(oneCount, `"results_retention_days":-1`), nested, "results_retention_days cannot be less than 0. Value = -1"},
		{"daily over retention", conf(oneCount, `"daily_model_snapshot_retention_after_days":11`), wire.TypeStatus, "daily_model_snapshot_retention_after_days [11] cannot be greater than model_snapshot_retention_days [10]"},
		{"persist interval", conf(oneCount, `"background_persist_interval":"59m"`), nested, "background_persist_interval cannot be less than 1h"},
		{"memory", conf(oneCount, `"analysis_limits":{"model_memory_limit":"1000kb"}`), nested, "model_memory_limit must be at least 1 MiB. Value = 1000kb"},
		{"time zone", conf(oneCount, `"custom_settings":{"tidemark":{"time_zone":"Mars/Olympus"}}`), wire.TypeIllegalArgument, "[Mars/Olympus] is no known time zone"},
		{"time zone of another kind", conf(oneCount, `"custom_settings":{"tidemark":{"time_zone":5}}`), wire.TypeIllegalArgument, "custom_settings.tidemark cannot be read"},
		{"memory nonsense", conf(oneCount, `"analysis_limits":{"model_memory_limit":"lots"}`), nested, "[model_memory_limit] with value [lots]"},
		{"examples", conf(oneCount, `"analysis_limits":{"categorization_examples_limit":-1}`), nested, "categorization_examples_limit cannot be less than 0"},
		{"time field used", conf(`"detectors":[{"function":"sum","field_name":"time"}]`), wire.TypeStatus, "data_description.time_field may not be used in the analysis_config"},
		{"time field as influencer", conf(`"influencers":["time"],` + oneCount), wire.TypeStatus, "may not be used in the analysis_config"},
		{"format", conf(oneCount, `"x":1`), nested, "unknown field [x]"},
		{"delimiter", `{"analysis_config":{` + oneCount + `},"data_description":{"format":"delimited","field_delimiter":"ab"}}`, nested, "String must be a single character, found [ab]"},
		{"quiet text too long", conf(oneCount, `"description":"`+strings.Repeat("x", 40000)+`"`), nested, "[description]: 40000 bytes; at most 32768 are kept"},
		{"settings too long", conf(oneCount, `"custom_settings":{"x":"`+strings.Repeat("x", 1<<20)+`"}`), nested, "at most 1048576 are kept"},
		{"group limit", conf(oneCount, `"groups":[`+strings.Repeat(`"a",`, 1000)+`"a"]`), nested, "more than 1000 elements"},

		{"no function", detector(`"field_name":"v"`), nested, "must name its function"},
		{"unknown function", detector(`"function":"avrage"`), nested, "Unknown function 'avrage'"},
		{"high_max is none", detector(`"function":"high_max","field_name":"v"`), nested, "Unknown function 'high_max'"},
		{"nothing set", detector(`"function":"mean"`), nested, "Unless a count or temporal function is used one of field_name, by_field_name or over_field_name must be set"},
		{"field needed", detector(`"function":"mean","by_field_name":"b"`), nested, "field_name must be set when the 'mean' function is used"},
		{"field prohibited", detector(`"function":"high_count","field_name":"v"`), nested, "field_name cannot be used with function 'high_count'"},
		{"over prohibited", detector(`"function":"nzc","over_field_name":"o"`), nested, "over_field_name cannot be used with function 'non_zero_count'"},
		{"characters", detector(`"function":"mean","field_name":"a\"b"`), nested, "Invalid field name 'a\"b' including characters"},
		{"control characters", detector(valueField + `,"by_field_name":"a\u0007"`), nested, "Invalid field name"},
		{"point", detector(valueField + `,"by_field_name":"."`), nested, "Invalid field name '.'"},
		{"long name", detector(`"function":"mean","field_name":"` + strings.Repeat("n", 2000) + `"`), nested, "must not be longer than 1024 bytes"},
		{"same names", detector(valueField + `,"by_field_name":"b","partition_field_name":"b"`), nested, "partition_field_name and by_field_name cannot be the same: 'b'"},
		{"reserved", detector(valueField + `,"by_field_name":"count"`), nested, "'count' is not a permitted value for by_field_name"},
		{"nested names", conf(`"influencers":["a","aa","a-b"],"detectors":[{` + valueField + `,"by_field_name":"a.b"}]`), nested, "Fields [a] and [a.b] cannot both be used"},
		{"twice the same", conf(`"detectors":[{` + valueField + `},{"function":"avg","field_name":"v","detector_index":1}]`), nested, "Duplicate detectors are not allowed: [mean(v)]"},
		{"empty influencer", conf(`"influencers":[""],` + oneCount), nested, "influencers must not contain an empty name"},
		{"summary count name", conf(`"summary_count_field_name":"\\",` + oneCount), nested, "Invalid field name"},

		{"rare without by", detector(`"function":"rare","over_field_name":"b"`), nested, "by_field_name must be set when the 'rare' function is used"},
		{"freq_rare without over", detector(`"function":"freq_rare","by_field_name":"b"`), nested, "over_field_name must be set when the 'freq_rare' function is used"},
		{"time_of_day of a field", detector(`"function":"time_of_day","field_name":"b"`), nested, "field_name cannot be used with function 'time_of_day'"},
		{"metric of summaries", conf(`"summary_count_field_name":"n","detectors":[{"function":"metric","field_name":"v"}]`), nested, "The 'metric' function cannot be used in jobs that will take pre-summarized input"},
		{"empty rule", detector(valueField + `,"custom_rules":[{"actions":["skip_result"]}]`), nested, "at least scope or a condition is required"},
		{"unknown action", detector(valueField + `,"custom_rules":[{"actions":["drop"],"conditions":[{"applies_to":"time","operator":"gt","value":1}]}]`), nested, "'drop' is no action of a rule"},
		{"rule about rare values", detector(`"function":"rare","by_field_name":"b","custom_rules":[{"conditions":[{"applies_to":"actual","operator":"gt","value":1}]}]`), nested, "only supports conditions that apply to time"},
		{"rule about another field", detector(valueField + `,"custom_rules":[{"scope":{"other":{"filter_id":"f"}}}]`), nested, "scope field 'other' is invalid"},
		{"condition without value", detector(valueField + `,"custom_rules":[{"conditions":[{"applies_to":"actual","operator":"gt"}]}]`), nested, "a condition needs a value"},
		{"shift by values", detector(valueField + `,"custom_rules":[{"actions":["force_time_shift"],"params":{"force_time_shift":{"time_shift_amount":3600}},"conditions":[{"applies_to":"actual","operator":"gt","value":1}]}]`), nested, "conditions on time only"},
		{"exclude nonsense", detector(valueField + `,"exclude_frequent":"some"`), nested, "exclude_frequent must be one of"},
		{"mlcategory", detector(valueField + `,"by_field_name":"mlcategory"`), nested, "categorization_field_name must be set when a detector uses mlcategory"},
		{"categorization for nothing", conf(`"categorization_field_name":"m",` + oneCount), nested, "mlcategory is not used in any detector"},
		{"bad filter", conf(`"categorization_field_name":"m","categorization_filters":["("],"detectors":[{"function":"count","by_field_name":"mlcategory"}]`), nested, "invalid regular expression [(]"},
		{"filters and analyzer", conf(`"categorization_field_name":"m","categorization_filters":["a"],"categorization_analyzer":"standard","detectors":[{"function":"count","by_field_name":"mlcategory"}]`), nested, "categorization_filters cannot be used with categorization_analyzer"},
		{"partitions without one", conf(`"categorization_field_name":"m","per_partition_categorization":{"enabled":true},"detectors":[{"function":"count","by_field_name":"mlcategory"}]`), nested, "partition_field_name must be set"},
		{"datafeed", conf(oneCount, `"datafeed_config":{"indices":[]}`), wire.TypeIllegalArgument, "name at least one index"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := document.ParseJob([]byte(c.body), "j", "9.5.0")
			var refusal *wire.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("error %v, want a refusal", err)
			}
			raw, err := json.Marshal(refusal.Envelope())
			if err != nil {
				t.Fatal(err)
			}
			quoted, _ := json.Marshal(c.want)
			if refusal.Status != 400 || refusal.Type != c.top || !strings.Contains(string(raw), string(quoted[1:len(quoted)-1])) {
				t.Errorf("\n got %d %s %.500s\nwant %s %s", refusal.Status, refusal.Type, raw, c.top, c.want)
			}
			if len(raw) > 4000 {
				t.Errorf("an answer of %d bytes", len(raw))
			}
		})
	}
}

func TestPlaceOfARefusal(t *testing.T) {
	_, err := document.ParseJob([]byte("{\"analysis_config\":{\"detectors\":[\n  {\"function\":\"count\"},\n  {\"function\":\"cuont\"}]},\"data_description\":{}}"), "j", "9.5.0")
	var refusal *wire.Refusal
	if !errors.As(err, &refusal) || refusal.Line != 3 || refusal.Col != 3 || refusal.Cause == nil || refusal.Cause.Type != wire.TypeStatus ||
		!strings.HasPrefix(refusal.Reason, "[3:3] [job_details] failed to parse field [analysis_config.detectors[1]]: Unknown function 'cuont'") {
		t.Errorf("%#v", err)
	}
}

func TestIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "0": true, "a.b-c_d": true, strings.Repeat("a", 64): true,
		"": false, "A": false, "-a": false, "a-": false, "_all": false, "a b": false, "ä": false, "a*": false, "a,b": false, "*": false,
		strings.Repeat("a", 65): false, "a/b": false,
	} {
		_, err := document.ParseJob([]byte(conf(oneCount)), id, "9.5.0")
		if (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestDefaultPruneWindow is in whole buckets, also for spans that do not divide
// thirty days and for the longest spans.
func TestDefaultPruneWindow(t *testing.T) {
	for span, want := range map[string]string{"5m": "30d", "7m": "43204m", "1d": "30d", "2d": "40d", "106751d": "106751d"} {
		j, err := document.ParseJob([]byte(conf(`"bucket_span":"`+span+`",`+oneCount)), "j", "9.5.0")
		if err != nil || j.AnalysisConfig.ModelPruneWindow != want {
			t.Errorf("%s: %+v, %v; want %s", span, j, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for span, want := range map[string]int{"5m": 0, "7m": 1, "1d": 0, "2d": 1} {
		j, err := document.ParseJob([]byte(conf(`"bucket_span":"`+span+`",`+oneCount)), "j", "9.5.0")
		if err != nil || len(document.Warnings(j)) != want {
			t.Errorf("%s: %q, %v", span, document.Warnings(j), err)
		}
	}
}

// TestManyDetectors: the rules that compare detectors stay cheap.
func TestManyDetectors(t *testing.T) {
	var b strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&b, `{"function":"mean","field_name":"v","by_field_name":"f%d.x","partition_field_name":"p%d"},`, i, i)
	}
	j, err := document.ParseJob([]byte(conf(`"detectors":[`+strings.TrimSuffix(b.String(), ",")+`]`)), "j", "9.5.0")
	if err != nil || len(j.AnalysisConfig.Detectors) != 9000 {
		t.Fatal(err)
	}
}

func FuzzParseJob(f *testing.F) {
	for _, s := range []string{
		conf(oneCount), conf(`"bucket_span":"1h","latency":"60s","influencers":["a","b.c"],` + oneCount),
		detector(valueField + `,"by_field_name":"b","partition_field_name":"p","use_null":true`),
		conf(oneCount, `"groups":["g"]`, `"custom_settings":{"a":[1,{"b":null}]}`, `"analysis_limits":{"model_memory_limit":"1.5gb"}`),
		conf(oneCount, `"model_plot_config":{"enabled":false}`, `"results_index_name":"x"`), `{"analysis_config":{"detectors":[{`, `{}`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := document.ParseJob(body, "fuzz", "9.5.0")
		if err != nil {
			var refusal *wire.Refusal
			if !errors.As(err, &refusal) || refusal.Status != 400 {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		s, err := document.SpecOf(j, nil)
		if err != nil {
			t.Fatalf("%q was taken and cannot run: %v", body, err)
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		// What is stored can be read back, and says the same.
		raw, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		var stored wire.Job
		if err := json.Unmarshal(raw, &stored, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		again, err := json.Marshal(&stored)
		if err != nil || string(again) != string(raw) {
			t.Fatalf("%v\n%s\n%s", err, raw, again)
		}
	})
}
