package ingest

import (
	"math"
	"strconv"
	"unsafe"
)

// maxExactTen is the largest power of ten that a float holds exactly. A
// mantissa below 2^53 times or over such a power is one correctly rounded
// operation.
const maxExactTen = 22

var tens = func() (t [maxExactTen + 1]float64) {
	t[0] = 1
	for i := 1; i <= maxExactTen; i++ {
		t[i] = t[i-1] * 10
	}
	return t
}()

// parseNumber reads a decimal number: JSON's form, and also a leading plus,
// leading zeros, a missing digit before or after the point, and white space
// around, as numbers in strings have them. Hexadecimal, infinite and too large
// numbers are none. The result is correctly rounded.
func parseNumber(text []byte) (v float64, ok bool) {
	text = trim(text)
	i, negative := 0, false
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		negative = text[i] == '-'
		i++
	}
	mantissa, exponent, digits, used := uint64(0), 0, 0, 0
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		digits++
		if used < 19 {
			mantissa = mantissa*10 + uint64(text[i]-'0')
			if mantissa > 0 {
				used++
			}
		} else {
			exponent++
		}
	}
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && text[i]-'0' <= 9; i++ {
			digits++
			if used < 19 {
				mantissa = mantissa*10 + uint64(text[i]-'0')
				if mantissa > 0 {
					used++
				}
				exponent--
			}
		}
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		written, rest, ok := parseExponent(text[i+1:])
		if !ok {
			return 0, false
		}
		exponent += written
		i = len(text) - rest
	}
	if i < len(text) {
		return 0, false
	}
	if mantissa < 1<<53 && exponent >= -maxExactTen && exponent <= maxExactTen {
		v = float64(mantissa)
		if exponent < 0 {
			v /= tens[-exponent]
		} else {
			v *= tens[exponent]
		}
		if negative {
			v = -v
		}
		return v, true
	}
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// parseExponent reads what stands behind an e. rest is how much is left.
func parseExponent(text []byte) (n, rest int, ok bool) {
	i, sign := 0, 1
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		if text[i] == '-' {
			sign = -1
		}
		i++
	}
	start := i
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		// Larger exponents make no difference, and must not wrap.
		n = min(n*10+int(text[i]-'0'), 1<<30)
	}
	return sign * n, len(text) - i, i > start
}

func trim(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}
