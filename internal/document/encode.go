package document

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// object appends members to a JSON object. It is written by hand because result
// documents are made for every bucket and end in members named by the user.
type object struct {
	b []byte
}

func newObject(room int) object { return object{append(make([]byte, 0, room), '{')} }

// end returns the finished object.
func (o *object) end() []byte { return append(o.b, '}') }

func (o *object) name(name string) {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
	o.b = appendText(o.b, name)
	o.b = append(o.b, ':')
}

func (o *object) text(name, value string) {
	o.name(name)
	o.b = appendText(o.b, value)
}

// optional leaves an empty text out.
func (o *object) optional(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) integer(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

func (o *object) float(name string, value float64) {
	o.name(name)
	o.b = appendFloat(o.b, value)
}

func (o *object) boolean(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *object) texts(name string, values []string) {
	o.name(name)
	o.b = append(o.b, '[')
	for i, v := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendText(o.b, v)
	}
	o.b = append(o.b, ']')
}

// number is a list of one number, as typical and actual are given. Not a number
// leaves it out.
func (o *object) number(name string, value float64) {
	if !math.IsNaN(value) {
		o.numbers(name, value)
	}
}

func (o *object) numbers(name string, values ...float64) {
	o.name(name)
	o.b = append(o.b, '[')
	for i, v := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendFloat(o.b, v)
	}
	o.b = append(o.b, ']')
}

// appendText quotes a text; what is no UTF-8 shows as the replacement
// character.
func appendText(dst []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		quoted, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return quoted
}

// appendFloat writes the shortest decimal that reads back as v. JSON has
// neither infinities (they become the largest number) nor NaN (zero), and no
// client needs a negative zero.
func appendFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsNaN(v) || v == 0:
		v = 0
	case math.IsInf(v, 0):
		v = math.Copysign(math.MaxFloat64, v)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// probability turns a logarithm into a number in (0, 1]: what is smaller than
// any double shows as the smallest one, because zero would say impossible.
func probability(logProb float64) float64 {
	switch p := math.Exp(logProb); {
	case math.IsNaN(p) || p > 1:
		return 1
	case p == 0:
		return math.SmallestNonzeroFloat64
	default:
		return p
	}
}

// score keeps a score in 0 to 100.
func score(s float64) float64 {
	switch {
	case math.IsNaN(s) || s < 0:
		return 0
	case s > 100:
		return 100
	}
	return s
}
