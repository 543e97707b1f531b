package guess

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tidemark/internal/ingest/javatime"
)

// categories is the field that stands for the category of a message.
const categories = "mlcategory"

// messageNames are the usual names of a field with messages, the more usual first.
var messageNames = []string{"message", "msg", "log", "@message", "_raw", "raw", "line", "event.original", "log.original"}

const (
	// messageWords is how many words a text has at least, on average, to be a message.
	messageWords = 2.5
	// sentenceWords is the same for texts whose name does not tell what they are, and
	// messageValues how many there are of them.
	sentenceWords, messageValues = 5, 250
	// messagesPerBucket is how many messages a bucket should have, if it is not to be
	// longer than longestMessages: that something is new or rare says the more, the
	// more buckets went without it.
	messagesPerBucket = 20
	longestMessages   = 15 * time.Minute
	// mostNamed is how many fields are named with anomalies of messages.
	mostNamed = 3
)

// chooseMessages picks the field of messages, if the records are a log, and watches
// their categories: how often each comes, new and rare ones, and how many there are.
func (g *Guess) chooseMessages(columns []*column, o Overrides) (bool, error) {
	asked := o.Messages != "" || o.By == categories || o.Over == categories || o.Split == categories
	if !asked && (o.Function != "" || o.Field != "" || o.By != "" || o.Over != "" || o.Split != "") {
		return false, nil
	}
	messages := g.findMessages(columns, o)
	switch {
	case messages == nil && asked:
		return false, fmt.Errorf("no field holds messages to make categories of; name it with --messages")
	case messages == nil:
		return false, nil
	}
	g.Messages = messages.name
	g.because("%q holds messages: those that say the same make a category (--messages takes another field, --function count counts all records instead)", messages.name)
	if o.Function != "" || o.By != "" || o.Over != "" || o.Split != "" {
		return true, g.watchAsAsked(columns, o)
	}
	g.Watched = []Watched{{Function: "count", By: categories}, {Function: "rare", By: categories}, {Function: "count"}}
	g.because("three things are watched: how often messages of each category come (count by %s), new and rare ones (rare by %s), and the number of all (count)", categories, categories)
	g.nameFields(columns)
	return true, nil
}

// watchAsAsked watches the categories by the function and the split that were given.
func (g *Guess) watchAsAsked(columns []*column, o Overrides) error {
	w := Watched{Function: o.Function}
	if w.Function == "" {
		w.Function = "count"
	}
	if o.By == "" && o.Over != categories && o.Split != categories {
		w.By = categories
	}
	if o.Split != "" && o.Split != categories {
		if _, err := find(columns, o.Split); err != nil {
			return err
		}
	}
	g.Watched, g.Split = []Watched{w}, o.Split
	g.because("the function %s of the categories is watched, as was asked", w.Function)
	return nil
}

// findMessages is the field that was named, or one that holds messages: by its name,
// or, where nothing is measured, by its texts.
func (g *Guess) findMessages(columns []*column, o Overrides) *column {
	var best *column
	rank := len(messageNames)
	measured := false
	for _, c := range columns {
		if o.Messages != "" && o.Messages != categories {
			if c.name == o.Messages {
				return c
			}
			continue
		}
		if c.name == g.TimeField || len(c.texts)*10 < g.Records*9 {
			continue
		}
		measured = measured || len(c.values) > 2 && measures(c) && timeFormat(c) == ""
		at := slices.Index(messageNames, strings.ToLower(c.name))
		if at >= 0 && at < rank && words(c) >= messageWords && c.numbers*2 < len(c.texts) {
			best, rank = c, at
		}
	}
	if best != nil || measured {
		return best
	}
	for _, c := range columns {
		if c.name != g.TimeField && len(c.texts)*10 >= g.Records*9 && len(c.values) > messageValues && words(c) >= sentenceWords && timeFormat(c) == "" {
			return c
		}
	}
	return nil
}

// words is how many words the texts of a column have, on average.
func words(c *column) float64 {
	n := 0
	for _, text := range c.texts {
		n += len(strings.Fields(text))
	}
	return float64(n) / float64(max(len(c.texts), 1))
}

// nameFields picks fields of few values, such as hosts and levels: an anomaly of
// messages names whose they were.
func (g *Guess) nameFields(columns []*column) {
	for _, c := range columns {
		if len(g.Named) == mostNamed {
			break
		}
		if c.name == g.TimeField || c.name == g.Messages || len(c.values) < minSplit || len(c.values) > maxSplit || len(c.texts)*10 < g.Records*9 ||
			c.numbers > 0 && !slices.Contains(codes, strings.ToLower(c.name)) || strings.ToLower(c.name) == "line" || strings.ToLower(c.name) == "pid" {
			continue
		}
		if f, _ := javatime.Guess(sampleTexts(c)...); f != nil {
			continue
		}
		g.Named = append(g.Named, c.name)
	}
	if len(g.Named) > 0 {
		g.because("anomalies name the values of %s that they are about (influencers)", quoted(g.Named))
	}
}
