package document_test

import (
	"strings"
	"testing"

	"tidemark/internal/document"
)

func TestEstimateMemory(t *testing.T) {
	for _, c := range []struct {
		body string
		want int64
		part string
	}{
		{`{"analysis_config":{"bucket_span":"15m","detectors":[{"function":"max","field_name":"responsetime","by_field_name":"airline"}]},"overall_cardinality":{"airline":50000}}`, 1573, ""},
		{`{"analysis_config":{"detectors":[{"function":"count"}]}}`, 11, ""},
		{`{"analysis_config":{"detectors":[{"function":"count","partition_field_name":"p"}],"influencers":["p","i"]},"overall_cardinality":{"p":1024},"max_bucket_cardinality":{"i":1024}}`, 10 + 32 + 10, ""},
		{`{"analysis_config":{"detectors":[{"function":"count","over_field_name":"o"}]},"overall_cardinality":{"o":1048576}}`, 10 + 768 + 1, ""},
		{`{"analysis_config":{"categorization_field_name":"m","detectors":[{"function":"count","by_field_name":"mlcategory"}]}}`, 10 + 5 + 11, ""},
		{`{"analysis_config":{"detectors":[{"function":"count","by_field_name":"b"}]}}`, 0, "[overall_cardinality] is needed for the field [b]"},
		{`{"analysis_config":{"detectors":[{"function":"count"}],"influencers":["i"]}}`, 0, "[max_bucket_cardinality] is needed for the field [i]"},
		{`{"analysis_config":{"detectors":[{"function":"count"}]},"overall_cardinality":{"a":-1}}`, 0, "must be from 0"},
		{`{}`, 0, "[analysis_config] must be specified"},
	} {
		got, err := document.EstimateMemory([]byte(c.body))
		if c.part != "" {
			if err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("%s: %v, want %q", c.body, err, c.part)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %d MiB, %v, want %d", c.body, got, err, c.want)
		}
	}
}
