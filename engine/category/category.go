// Package category groups log messages by what they have in common: messages
// that one statement of a program writes belong together, whatever values it
// fills in.
//
// Model: a category is an ordered list of constant tokens. A message belongs to
// the category that it has most in common with,
//
//	similarity = weight(longest common subsequence) / max(weight(a), weight(b))
//
// if that is at least sameSimilarity, unless the two contradict one another: a
// word that programs write themselves (vocabulary.txt) stands in the place of
// another one. If that place has had several such words already, it is filled
// with values, and the message belongs to the category all the same. The category
// then keeps only what is common, but never less than leastKept of what it began
// with: so it becomes as general as its messages need and no wider.
//
// Cost: candidates come from an index of tokens, the few best are compared in
// full, in the product of their numbers of tokens between what they begin and end
// with alike. Memory: the tokens and examples.
package category

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// sameSimilarity is how much of the heavier side two messages of one category
	// have in common at least. leastKept is how much of its first message a
	// category keeps.
	sameSimilarity = 0.7
	leastKept      = 0.6
	// maxCandidates are compared in full.
	maxCandidates = 6
	// maxRivals are looked at before a message that contradicts some gets a
	// category of its own.
	maxRivals = 48
	// commonToken categories may have a token for it to be looked up: more say
	// little, and would make every look-up long.
	commonToken = 400

	defaultCategories = 10_000
	defaultExamples   = 4
	exampleRunes      = 1000
	maxPreferred      = 100
	// stretch is how much longer than the longest seen a message may be.
	stretch = 1.1
)

// Limits bound a Categorizer. Zero values mean the defaults.
type Limits struct {
	// MaxCategories is how many categories there can be, Examples how many
	// messages each keeps.
	MaxCategories, Examples int
}

// one is one category.
type one struct {
	tokens   []token
	weight   float32
	first    float32 // weight of the first message
	longest  int     // runes
	matches  int64
	examples []string
	// prefers are later categories whose messages belong here by now; dead: an
	// earlier one takes what belonged here.
	prefers []int32
	dead    bool
}

// Categorizer groups the messages of one stream. It is not safe for concurrent
// use.
type Categorizer struct {
	limits    Limits
	list      []*one
	index     map[uint64][]int32
	documents int64
	failed    int64
	// rare and dead are how many categories have one message and are dead; busiest
	// is the most messages of one.
	rare, dead, busiest int64
	bytes               int64
	// What follows is memory for the next message.
	scratch     []token
	shared      []float32
	touched     []int32
	near        []candidate
	subsequence subsequence
}

// New returns a Categorizer that has seen nothing.
func New(l Limits) *Categorizer {
	if l.MaxCategories <= 0 {
		l.MaxCategories = defaultCategories
	}
	return &Categorizer{limits: l, index: map[uint64][]int32{}}
}

// Len is how many categories there are; their ids are 1 to Len.
func (c *Categorizer) Len() int { return len(c.list) }

// Bytes is the memory charged.
func (c *Categorizer) Bytes() int64 { return c.bytes + int64(len(c.list))*categoryBytes }

const (
	categoryBytes = 160
	tokenBytes    = 64
)

// Categorize returns the id of a message's category, and whether the category is
// new or has become more general. a cuts it into tokens, nil: by the rules of this
// package. The id is 0 if there is no room for a new one.
func (c *Categorizer) Categorize(message []byte, a *Analyzer) (id int, changed bool) {
	c.documents++
	found := tokens(c.scratch, message, a)
	c.scratch = found
	weight := weigh(found)
	best, common := c.best(found, weight)
	if best < 0 {
		if len(c.list) >= c.limits.MaxCategories {
			c.failed++
			return 0, false
		}
		best = len(c.list)
		c.add(found, weight)
		changed = true
	} else if len(common) < len(c.list[best].tokens) {
		c.shrink(best, common)
		changed = true
	}
	o := c.list[best]
	o.matches++
	switch o.matches {
	case 1:
		c.rare++
	case 2:
		c.rare--
	}
	c.busiest = max(c.busiest, o.matches)
	if n := utf8.RuneCount(message); n > o.longest {
		o.longest = n
	}
	c.keepExample(o, message)
	return best + 1, changed
}

func weigh(list []token) (sum float32) {
	for i := range list {
		sum += list[i].weight
	}
	return sum
}

// best is the category a message belongs to and what they have in common, -1 if
// there is none.
func (c *Categorizer) best(found []token, weight float32) (best int, common []pair) {
	best = -1
	top, contrary := float32(0), false
	for _, x := range c.candidates(found, weight, maxCandidates) {
		o := c.list[x.index]
		similarity := c.similarity(o, found, weight)
		if similarity <= top {
			continue
		}
		pairs := c.subsequence.pairs(o.tokens, found)
		if _, bad := contradict(o.tokens, found, pairs); bad {
			contrary = true
			continue
		}
		best, common, top = int(x.index), pairs, similarity
		if top == 1 {
			break
		}
	}
	if best < 0 && contrary {
		return c.filled(found, weight)
	}
	return best, common
}

// similarity is how much of a category and a message is common, from 0 to 1; 0 if
// that is too little for the message to belong to it.
func (c *Categorizer) similarity(o *one, found []token, weight float32) float32 {
	heavier := max(weight, o.weight)
	if heavier == 0 {
		return 1
	}
	common := c.subsequence.weight(o.tokens, found)
	if common < sameSimilarity*heavier || common < leastKept*o.first {
		return 0
	}
	return common / heavier
}

// candidate is a category that a message may belong to, and about how much they
// have in common.
type candidate struct {
	index int32
	score float32
}

// candidates are the categories that share most with a message, by the tokens
// that few categories have; at most limit.
func (c *Categorizer) candidates(found []token, weight float32, limit int) []candidate {
	if len(found) == 0 {
		c.near = c.near[:0]
		for _, i := range c.index[0] {
			c.near = append(c.near, candidate{index: i})
		}
		return c.near
	}
	for len(c.shared) < len(c.list) {
		c.shared = append(c.shared, 0)
	}
	touched := c.touched[:0]
	for n, t := range found {
		list := c.index[t.hash]
		if len(list) > commonToken || slices.ContainsFunc(found[:n], func(o token) bool { return o.hash == t.hash }) {
			continue
		}
		for _, i := range list {
			if c.shared[i] == 0 {
				touched = append(touched, i)
			}
			c.shared[i] += t.weight
		}
	}
	if len(touched) == 0 && len(c.list) > 0 {
		// Only tokens that everything has: look at those with the rarest one.
		touched = append(touched, c.rarest(found)...)
	}
	c.touched = touched
	near := c.near[:0]
	for _, i := range touched {
		x := candidate{i, c.shared[i] / max(weight, c.list[i].weight, 1)}
		c.shared[i] = 0
		at := len(near)
		for at > 0 && (x.score > near[at-1].score || x.score == near[at-1].score && i < near[at-1].index) {
			at--
		}
		if at < limit {
			near = slices.Insert(near[:min(len(near), limit-1)], at, x)
		}
	}
	c.near = near
	return near
}

func (c *Categorizer) rarest(found []token) []int32 {
	best := c.index[found[0].hash]
	for _, t := range found[1:] {
		if list := c.index[t.hash]; len(list) > 0 && len(list) < len(best) || len(best) == 0 {
			best = list
		}
	}
	return best
}

func (c *Categorizer) add(found []token, weight float32) {
	i := int32(len(c.list))
	c.list = append(c.list, &one{tokens: slices.Clone(found), weight: weight, first: weight})
	c.enter(i)
}

// enter puts a category's tokens into the index; one without any has hash 0.
func (c *Categorizer) enter(i int32) {
	o := c.list[i]
	if len(o.tokens) == 0 {
		c.index[0] = append(c.index[0], i)
	}
	for n, t := range o.tokens {
		c.bytes += tokenBytes + int64(len(t.text))
		if !slices.ContainsFunc(o.tokens[:n], func(x token) bool { return x.hash == t.hash }) {
			c.index[t.hash] = append(c.index[t.hash], i)
		}
	}
}

// shrink leaves a category the tokens that are in common.
func (c *Categorizer) shrink(i int, common []pair) {
	// Snapshots share what they were given: change a copy.
	o := *c.list[i]
	before := o.tokens
	o.tokens = make([]token, len(common))
	for n, p := range common {
		o.tokens[n] = before[p.a]
	}
	o.weight = weigh(o.tokens)
	c.list[i] = &o
	for _, t := range before {
		has := func(x token) bool { return x.hash == t.hash }
		if slices.ContainsFunc(o.tokens, has) {
			continue
		}
		list := c.index[t.hash]
		if at := slices.Index(list, int32(i)); at >= 0 {
			c.index[t.hash] = slices.Delete(slices.Clone(list), at, at+1)
		}
	}
	for _, t := range before {
		c.bytes -= tokenBytes + int64(len(t.text))
	}
	for _, t := range o.tokens {
		c.bytes += tokenBytes + int64(len(t.text))
	}
	c.prefer(i)
}

// prefer marks later categories whose messages belong to category i by now.
func (c *Categorizer) prefer(i int) {
	o := c.list[i]
	if len(o.tokens) == 0 {
		return
	}
	for _, other := range c.rarest(o.tokens) {
		later := c.list[other]
		if int(other) <= i || later.dead || len(o.prefers) >= maxPreferred {
			continue
		}
		if common := c.subsequence.weight(o.tokens, later.tokens); common == o.weight && common >= sameSimilarity*later.weight {
			dead := *later
			dead.dead = true
			c.dead++
			c.list[other] = &dead
			o.prefers = append(slices.Clone(o.prefers), other)
		}
	}
}

func (c *Categorizer) keepExample(o *one, message []byte) {
	limit := c.limits.Examples
	if limit <= 0 || len(o.examples) >= limit {
		return
	}
	text := strings.ToValidUTF8(string(message), "\uFFFD")
	if utf8.RuneCountInString(text) > exampleRunes {
		text = string([]rune(text)[:exampleRunes])
	}
	at, have := slices.BinarySearch(o.examples, text)
	if have {
		return
	}
	o.examples = slices.Insert(slices.Clone(o.examples), at, text)
	c.bytes += int64(len(text)) + 16
}

// Definition describes a category.
type Definition struct {
	ID                int
	Terms, Regex      string
	MaxMatchingLength int
	Examples          []string
	NumMatches        int64
	PreferredTo       []int
}

// Definition describes the category with an id from 1 to Len.
func (c *Categorizer) Definition(id int) Definition {
	o := c.list[id-1]
	d := Definition{ID: id, Examples: o.examples, NumMatches: o.matches, MaxMatchingLength: int(math.Floor(float64(o.longest) * stretch))}
	var terms []string
	var regex strings.Builder
	for i, t := range o.tokens {
		terms = append(terms, t.text)
		regex.WriteString(between(o.tokens, i))
		regex.WriteString(regexp.QuoteMeta(t.text))
	}
	regex.WriteString(".*")
	d.Terms, d.Regex = strings.Join(terms, " "), regex.String()
	for _, i := range o.prefers {
		d.PreferredTo = append(d.PreferredTo, int(i)+1)
	}
	return d
}

// between is what may stand before token i: nothing at the beginning or between
// signs that are words of their own.
func between(list []token, i int) string {
	r, _ := utf8.DecodeRuneInString(list[i].text)
	if i == 0 || sign(r) {
		return ".*?"
	}
	return ".+?"
}

// Stats sum up a categorizer.
type Stats struct {
	Documents, Total, Frequent, Rare, Dead, Failed int64
	// Warn: the messages do not look like ones that can be grouped.
	Warn bool
}

// From warnFrom messages on the categories can be told to be useless.
const warnFrom = 100

// Stats sums up.
func (c *Categorizer) Stats() Stats {
	s := Stats{Documents: c.documents, Total: int64(len(c.list)), Rare: c.rare, Dead: c.dead, Failed: c.failed, Warn: c.Warn()}
	for _, o := range c.list {
		if c.frequent(o.matches) {
			s.Frequent++
		}
	}
	return s
}

func (c *Categorizer) frequent(matches int64) bool { return matches > 1 && matches*100 > c.documents }

// Warn is Stats().Warn, cheap enough to be asked for each message.
func (c *Categorizer) Warn() bool {
	total := int64(len(c.list))
	return c.documents >= warnFrom && (total == 1 || c.rare*10 > total*9 || total*2 > c.documents || !c.frequent(c.busiest) || c.dead*2 > total)
}
