package category

import "slices"

// mostWords is how many categories there may be that differ by the word in one
// place: with more, that place is filled with values, which happen to be words.
const mostWords = 4

// contradiction is a keyword in the place of another one: a program has both
// statements, however long they are and however much else they have in common.
type contradiction struct {
	// place is where the message has its keyword; word is the category's.
	place int
	word  uint64
}

// contradict is the first contradiction of a message to a category. pairs are
// the tokens that they have in common.
func contradict(category, message []token, pairs []pair) (contradiction, bool) {
	i, j := 0, 0
	for n := 0; n <= len(pairs); n++ {
		end := pair{len(category), len(message)}
		if n < len(pairs) {
			end = pairs[n]
		}
		if word, bad := unlike(category[i:end.a], message[j:end.b]); bad {
			return contradiction{place: j, word: word}, true
		}
		i, j = end.a+1, end.b+1
	}
	return contradiction{}, false
}

// unlike reports whether what stands in one place is contrary, and the first word
// of a that is. Places of as many words are compared word by word.
func unlike(a, b []token) (word uint64, bad bool) {
	for n := range a {
		for m := range b {
			if (len(a) != len(b) || n == m) && contrary(a[n], b[m]) {
				return a[n].hash, true
			}
		}
	}
	return 0, false
}

// filled is the category that a message belongs to in spite of a contradiction,
// and what they have in common, -1 without one: it is the most alike of those in
// whose place there are too many words already for a statement each.
func (c *Categorizer) filled(found []token, weight float32) (index int, common []pair) {
	var rivals []int
	var words []contradiction
	for _, x := range c.candidates(found, weight, maxRivals) {
		o := c.list[x.index]
		if c.similarity(o, found, weight) == 0 {
			continue
		}
		if word, bad := contradict(o.tokens, found, c.subsequence.pairs(o.tokens, found)); bad {
			rivals, words = append(rivals, int(x.index)), append(words, word)
		}
	}
	for i, x := range words {
		different := 0
		for n, y := range words {
			if y.place == x.place && !slices.Contains(words[:n], y) {
				different++
			}
		}
		if different >= mostWords {
			return rivals[i], c.subsequence.pairs(c.list[rivals[i]].tokens, found)
		}
	}
	return -1, nil
}
