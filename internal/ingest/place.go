package ingest

import (
	"encoding/json"
	"strconv"
)

// takePlace keeps a place that is written as a checked JSON array or object:
//
//	[lon, lat]   ["lat,lon"]   {"lat": …, "lon": …}   {"type": "Point", "coordinates": [lon, lat]}
//
// Of several places in an array it takes the first. It is kept as "lat,lon".
func (r *recordReader) takePlace(index int, raw []byte) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return
	}
	from := len(r.scratch)
	r.scratch = appendPlace(r.scratch, v, false)
	r.take(index, r.scratch[from:])
}

// appendPlace appends a place as "lat,lon", nothing if it is none. inside: v stands
// in an array of places.
func appendPlace(dst []byte, v any, inside bool) []byte {
	switch v := v.(type) {
	case string:
		return append(dst, v...)
	case map[string]any:
		if list, ok := v["coordinates"].([]any); ok && v["type"] == "Point" {
			return appendPair(dst, list)
		}
		return appendNumbers(dst, v["lat"], v["lon"])
	case []any:
		if len(v) == 0 {
			return dst
		}
		if _, ok := v[0].(float64); ok {
			return appendPair(dst, v)
		}
		if !inside {
			return appendPlace(dst, v[0], true)
		}
	}
	return dst
}

// appendPair appends [lon, lat] with an optional height.
func appendPair(dst []byte, list []any) []byte {
	if len(list) < 2 || len(list) > 3 {
		return dst
	}
	return appendNumbers(dst, list[1], list[0])
}

func appendNumbers(dst []byte, lat, lon any) []byte {
	return appendCoordinate(append(appendCoordinate(dst, lat), ','), lon)
}

// appendCoordinate appends a number, or a text that may be one.
func appendCoordinate(dst []byte, v any) []byte {
	switch v := v.(type) {
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case string:
		return append(dst, v...)
	}
	return dst
}
