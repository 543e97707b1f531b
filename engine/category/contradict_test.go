package category

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestContradiction: however long two statements are, a keyword in the place of
// another makes two of them; what numbers, grammar, names and quotation marks
// change does not.
func TestContradiction(t *testing.T) {
	const long = "the node with the number 17 of the cluster has %s all of its blocks in the memory that was reserved for them, as far as they fit"
	for _, c := range []struct {
		a, b string
		want int
	}{
		{fmt.Sprintf(long, "locked"), fmt.Sprintf(long, "freed"), 2},
		{"Block 3 stored as values in memory (estimated size 12 KB, free 7 KB)", "Block 4 stored as bytes in memory (estimated size 12 KB, free 7 KB)", 2},
		{"Block 3 stored as values in memory (estimated size 12 KB, free 7 KB)", "Block 4 stored as values in memory (estimated size 12 MB, free 7 B)", 1},
		{"Error reading message prefix on socket: Connection timed out", "Error reading message prefix on socket: Connection refused", 2},
		{"Removed 1 expired entry of the cache in the background", "Removed 7 expired entries of the cache in the background", 1},
		{"Wrote 1 block to the disk behind the second controller", "Wrote 3 blocks to the disk behind the second controller", 1},
		{"There is 1 process that still waits for the lock of the table", "There are 3 processes that still waits for the lock of the table", 1},
		{"Password of account alice was changed by an operator", "Password of account bob was changed by an operator", 1},
		{"The Print Spooler service entered a state that nobody expected", "The Windows Update service entered a state that nobody expected", 1},
		{"The relation \"index\" does not exist at character 12", "The relation \"key\" does not exist at character 12", 1},
		{"The relation 'value' does not exist at character 12", "The column 'value' does not exist at character 12", 2},
		{"level=info The request of the client was answered", "level=warn The request of the client was answered", 1},
		{"INFO The request of the client was answered in time", "WARN The request of the client was answered in time", 2},
		{"Request was Closed by the peer of the connection", "Request was closed by the peer of the connection", 1},
	} {
		c2 := New(Limits{})
		for _, message := range []string{c.a, c.b, c.a, c.b} {
			c2.Categorize([]byte(message), nil)
		}
		if c2.Len() != c.want {
			t.Errorf("%d categories, want %d:\n\t%s\n\t%s", c2.Len(), c.want, c.a, c.b)
		}
		if c2.Len() == 2 && (c2.Definition(1).NumMatches != 2 || c2.Definition(2).NumMatches != 2) {
			t.Errorf("messages change their category: %s", c.a)
		}
	}
}

// TestFamilies: statements that differ in two places are as many as there are.
func TestFamilies(t *testing.T) {
	c := New(Limits{})
	for range 3 {
		for _, verb := range strings.Fields("Begin Pause End") {
			for _, noun := range strings.Fields("initialization import cleanup") {
				c.Categorize([]byte(verb+" of the installer's "+noun+" for the package with number 7"), nil)
			}
		}
	}
	if c.Len() != 9 {
		t.Errorf("%d categories of nine statements", c.Len())
		for id := 1; id <= c.Len(); id++ {
			t.Log(c.Definition(id).Terms)
		}
	}
}

// nouns are words of the vocabulary.
var nouns = strings.Fields("account address archive backup batch cache catalog channel cluster command counter device domain engine event export filter format group header image import index job journal key label link list log map message method module mount network node number object option")

// TestManyValuesAfterFew: two places that had three words each are values when
// each message brings two new ones.
func TestManyValuesAfterFew(t *testing.T) {
	c := New(Limits{})
	see := func(from, to string) {
		c.Categorize([]byte("Copied all that was in "+from+" to "+to+" before the next run of the planner, as asked"), nil)
	}
	for i := range 9 {
		see(nouns[i/3], nouns[3+i%3])
	}
	if c.Len() != 9 {
		t.Errorf("%d categories of nine statements", c.Len())
	}
	for i := 6; i < len(nouns); i += 2 {
		see(nouns[i], nouns[i+1])
	}
	if c.Len() > 10 {
		t.Errorf("%d categories", c.Len())
	}
}

// TestWordsAsValues: places that are filled with ever new words of the vocabulary
// are values after a few of them, also late; with one such place, messages keep
// the category that they have then.
func TestWordsAsValues(t *testing.T) {
	for _, c := range []struct {
		statement string
		places    int
		limit     int
	}{
		{"Queue %s of the broker is full, the message was deferred for a later delivery", 1, mostWords},
		{"Copied all that was in %s to %s before the next run of the planner, as asked", 2, mostWords * mostWords},
		{"%s", 1, len(nouns)},
	} {
		rng := rand.New(rand.NewPCG(4, 4))
		categorizer := New(Limits{})
		ids := map[string]int{}
		for i := range 4000 {
			known := nouns
			if i < 200 {
				known = nouns[:3]
			}
			message := c.statement
			for range c.places {
				message = strings.Replace(message, "%s", known[rng.IntN(len(known))], 1)
			}
			before := categorizer.Len()
			id, _ := categorizer.Categorize([]byte(message), nil)
			if i < 1000 {
				continue
			}
			if categorizer.Len() > before {
				t.Errorf("message %d made a category: %s", i, message)
			}
			if c.places == 1 && ids[message] != 0 && ids[message] != id {
				t.Errorf("message %d moved from category %d to %d: %s", i, ids[message], id, message)
			}
			ids[message] = id
		}
		if categorizer.Len() > c.limit {
			t.Errorf("%d categories, at most %d wanted: %s", categorizer.Len(), c.limit, c.statement)
		}
	}
}
