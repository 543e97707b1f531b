package place

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// Parse reads a place written as "lat,lon", with an optional height behind it, as
// well-known text "POINT (lon lat)", or as a geohash. ok is false for anything else
// and for what is not on earth.
func Parse(text []byte) (p Point, ok bool) {
	text = bytes.TrimSpace(text)
	if bytes.IndexByte(text, ',') >= 0 {
		return pair(string(text))
	}
	if len(text) > 5 && strings.EqualFold(string(text[:5]), "point") {
		return wellKnown(string(text[5:]))
	}
	return geohash(text)
}

// pair reads "lat,lon".
func pair(text string) (Point, bool) {
	lat, lon, _ := strings.Cut(text, ",")
	if at := strings.IndexByte(lon, ','); at >= 0 {
		if _, ok := number(lon[at+1:]); !ok {
			return Point{}, false
		}
		lon = lon[:at]
	}
	return point(lat, lon)
}

// wellKnown reads what stands behind POINT: "(lon lat)" with an optional height.
func wellKnown(text string) (Point, bool) {
	text = strings.TrimSpace(text)
	if rest, z := strings.CutPrefix(text, "Z"); z {
		text = strings.TrimSpace(rest)
	}
	inner, opened := strings.CutPrefix(text, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	fields := strings.Fields(inner)
	if !opened || !closed || len(fields) < 2 || len(fields) > 3 {
		return Point{}, false
	}
	return point(fields[1], fields[0])
}

func point(lat, lon string) (Point, bool) {
	a, okA := number(lat)
	b, okB := number(lon)
	if !okA || !okB || math.Abs(a) > 90 || math.Abs(b) > 180 {
		return Point{}, false
	}
	return Point{a, b}, true
}

func number(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

const (
	// geohashDigits are the 32 digits: no a, i, l and o.
	geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"
	mostGeohash   = 12
)

// geohash reads a cell of the geohash grid and returns its middle: five bits a
// digit, in turn halving the longitude and the latitude.
func geohash(text []byte) (Point, bool) {
	if len(text) == 0 || len(text) > mostGeohash {
		return Point{}, false
	}
	// West, east, south, north.
	bounds := [4]float64{-180, 180, -90, 90}
	axis := 0
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		digit := strings.IndexByte(geohashDigits, c)
		if digit < 0 {
			return Point{}, false
		}
		for bit := 4; bit >= 0; bit-- {
			middle := (bounds[axis] + bounds[axis+1]) / 2
			bounds[axis+1-digit>>bit&1] = middle
			axis = 2 - axis
		}
	}
	return Point{(bounds[2] + bounds[3]) / 2, (bounds[0] + bounds[1]) / 2}, true
}
