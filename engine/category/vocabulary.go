package category

import (
	_ "embed"
	"slices"
	"strings"
)

// kind is what a word does in a statement.
type kind uint8

const (
	// other words may be names, which differ from message to message.
	other kind = iota
	// keyword: programs write it themselves.
	keyword
	// unit is a keyword that follows the size of a number.
	unit
)

// common are the words that messages of programs consist of: those that the
// messages of at least 15 of 360 free programs and libraries have. Names are not
// among them.
//
//go:embed vocabulary.txt
var common string

// telling are words that tell what happened or how it ended.
const telling = "accepted rejected denied refused granted allowed forbidden failed failure succeeded success successful successfully " +
	"started starting stopped stopping finished finishing completed aborted cancelled canceled interrupted resumed paused suspended " +
	"opened opening closed closing connected connecting disconnected reconnecting established terminated terminating killed " +
	"created creating deleted deleting removed removing added adding updated updating replaced renamed moved copied " +
	"sent sending received receiving read reading written writing loaded loading saved saving stored fetched downloaded uploaded " +
	"hit miss found missing exists expired expiring valid invalid enabled disabled locked unlocked acquired released " +
	"timeout retrying retried retry skipped skipping ignored dropped lost recovered restored registered unregistered " +
	"up down online offline healthy unhealthy mounted unmounted installed uninstalled login logout in out " +
	"increased decreased exceeded begin end entering leaving committed rolled scheduled queued flushed"

const units = "b bytes kb kib mb mib gb gib tb tib ns us ms msec sec secs second seconds min mins minute minutes hour hours day days percent"

// meaning is what is known of a word.
type meaning struct {
	kind    kind
	telling bool
}

// vocabulary has what is known of words in lower case.
var vocabulary = func() map[string]meaning {
	all := map[string]meaning{}
	for w := range strings.FieldsSeq(common) {
		all[w] = meaning{kind: keyword}
	}
	for w := range strings.FieldsSeq(telling) {
		all[w] = meaning{kind: keyword, telling: true}
	}
	for w := range strings.FieldsSeq(units) {
		all[w] = meaning{kind: unit}
	}
	return all
}()

// agreeing are words of which the grammar of the rest takes one or the other.
var agreeing = [][]string{{"a", "an"}, {"is", "are"}, {"was", "were"}, {"has", "have"}, {"this", "these"}}

// contrary reports whether two words in the same place make two statements:
// programs write both themselves, and they are no two forms of one word, as
// numbers need them, nor two units.
func contrary(a, b token) bool {
	if a.kind == other || b.kind == other || a.kind == unit && b.kind == unit {
		return false
	}
	x, y := strings.ToLower(a.text), strings.ToLower(b.text)
	if len(x) > len(y) {
		x, y = y, x
	}
	if y == x || y == x+"s" || y == x+"es" || strings.HasSuffix(x, "y") && y == x[:len(x)-1]+"ies" {
		return false
	}
	return !slices.ContainsFunc(agreeing, func(pair []string) bool { return slices.Contains(pair, x) && slices.Contains(pair, y) })
}
