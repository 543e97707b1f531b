package ingest

import (
	"testing"

	"tidemark/engine/spec"
)

// TestPlaces: all ways of writing a place are the same, and what is no place on
// earth is counted as missing.
func TestPlaces(t *testing.T) {
	s := mustSchema(t, &spec.Job{BucketSpanMs: 60_000, Detectors: []spec.Detector{{Function: spec.LatLong, FieldName: "at"}}}, "time", "")
	for value, want := range map[string]string{
		`"41.12,-71.34"`:                                "41.12,-71.34",
		`[-71.34,41.12]`:                                "41.12,-71.34",
		`[-71.34, 41.12, 12]`:                           "41.12,-71.34",
		`[[-71.34,41.12],[1,2]]`:                        "41.12,-71.34",
		`["41.12,-71.34","1,2"]`:                        "41.12,-71.34",
		`{"lat":41.12,"lon":-71.34}`:                    "41.12,-71.34",
		`{"lon":"-71.34","lat":"41.12"}`:                "41.12,-71.34",
		`[{"lat":41.12,"lon":-71.34}]`:                  "41.12,-71.34",
		`{"type":"Point","coordinates":[-71.34,41.12]}`: "41.12,-71.34",
		`"POINT (-71.34 41.12)"`:                        "POINT (-71.34 41.12)",
		`"drm3btev3e86"`:                                "drm3btev3e86",
		`"nowhere"`:                                     "", `[1]`: "", `{}`: "", `[]`: "", `null`: "", `{"lat":91,"lon":0}`: "", `17.5`: "", `[[[1,2]]]`: "",
	} {
		up := mustRead(t, s, `{"time":1,"at":`+value+`}`, Limits{})
		c, missing := up.Parts[0].Texts[0], int64(0)
		got := ""
		if c.Codes[0] > 0 {
			got = string(c.Value(0))
		}
		if want == "" {
			missing = 1
		}
		if got != want || up.End.MissingFields != missing {
			t.Errorf("%s is %q with %d missing fields, want %q", value, got, up.End.MissingFields, want)
		}
	}
}

// TestLongMessages: messages to categorize are kept whole up to eight thousand
// bytes; what is learned as a name is not.
func TestLongMessages(t *testing.T) {
	job := &spec.Job{BucketSpanMs: 60_000, Detectors: []spec.Detector{{Function: spec.Count, ByField: "mlcategory"}}, CategorizationField: "message", Influencers: []string{"host"}}
	long := make([]byte, 4000)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	up := mustRead(t, mustSchema(t, job, "time", ""), `{"time":1,"message":"`+string(long)+`","host":"`+string(long)+`"}`, Limits{})
	for i, want := range []int{512, 4000} {
		if got := len(up.Parts[0].Texts[i].Value(0)); got != want {
			t.Errorf("text %d has %d bytes, want %d", i, got, want)
		}
	}
}
