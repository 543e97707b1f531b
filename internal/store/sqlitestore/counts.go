package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"tidemark/internal/store"
)

// Counting. How many records or influencers match is part of every answer, and
// counting a million rows one by one takes longer than anything else in it. So
// triggers keep, for each job, how many rows there are in each block of six hours
// with each whole number of points, final and interim apart. A count adds up the
// whole blocks of its time range and reads rows only at the range's two ends and,
// where the least score is no whole number, in the one class that it cuts. The
// index by score that this uses also gives the worst results of a job in order. It
// holds those of indexFloor points and more: most results have less, nobody looks
// for them by score, and an entry costs more than the row itself, because it lands
// anywhere in the index.

// blockMs is the length of a block. With an hour, a month has 720 blocks of up
// to 101 classes to add up; with a day, the ends of a range read up to two days
// of rows.
const blockMs = 6 * 3600 * 1000

// indexFloor is the least score in the indexes by score.
const indexFloor = 10

// topClass is the class of scores of 100 points and more.
const topClass = 100

// countedTables are those with counts and an index by score, by their kind in
// the table of counts.
var countedTables = []string{"records", "influencers"}

// countSchema makes the counts and what keeps them right.
func countSchema() string {
	var b strings.Builder
	b.WriteString(`
CREATE TABLE counts (
	job INTEGER NOT NULL, kind INTEGER NOT NULL, block INTEGER NOT NULL, class INTEGER NOT NULL, interim INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (job, kind, block, class, interim)) WITHOUT ROWID;
`)
	for kind, table := range countedTables {
		block := func(row string) string {
			return fmt.Sprintf("(%[1]s.start - (%[1]s.start %% %[2]d + %[2]d) %% %[2]d) / %[2]d", row, blockMs)
		}
		class := func(row string) string {
			return fmt.Sprintf("CAST(max(0, min(%s.score, %d)) AS INTEGER)", row, topClass)
		}
		ties := map[string]string{"records": "over_value, partition_value, by_value", "influencers": "start, field, value"}[table]
		fmt.Fprintf(&b, `CREATE INDEX %[1]s_score ON %[1]s (job, score, %[7]s, interim) WHERE score >= %[8]d;
CREATE TRIGGER %[1]s_counted AFTER INSERT ON %[1]s BEGIN
	INSERT INTO counts VALUES (new.job, %[2]d, %[3]s, %[4]s, new.interim, 1)
		ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER %[1]s_uncounted AFTER DELETE ON %[1]s BEGIN
	UPDATE counts SET n = n - 1 WHERE job = old.job AND kind = %[2]d AND block = %[5]s AND class = %[6]s AND interim = old.interim;
	DELETE FROM counts WHERE job = old.job AND kind = %[2]d AND block = %[5]s AND class = %[6]s AND interim = old.interim AND n = 0;
END;
`, table, kind, block("new"), class("new"), block("old"), class("old"), ties, indexFloor)
	}
	return b.String()
}

// counter counts the rows of one table that match a query.
type counter struct {
	tx    *sql.Tx
	table string
	kind  int
	job   uint64
}

// count returns how many rows match the query's times, score and finality.
func (c *counter) count(ctx context.Context, q *store.Query) (int64, error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	firstBlock, endBlock := from, to
	if q.HasStart {
		from, firstBlock = q.StartMs, blockOf(q.StartMs)
		if firstBlock*blockMs < from {
			firstBlock++
		}
	}
	if q.HasEnd {
		to, endBlock = q.EndMs, blockOf(q.EndMs)
	}
	if firstBlock >= endBlock {
		return c.rows(ctx, q, from, to, math.Inf(1))
	}
	total, err := c.blocks(ctx, q, firstBlock, endBlock)
	if err == nil && q.HasStart {
		var n int64
		n, err = c.rows(ctx, q, from, firstBlock*blockMs, math.Inf(1))
		total += n
	}
	if err == nil && q.HasEnd {
		var n int64
		n, err = c.rows(ctx, q, endBlock*blockMs, to, math.Inf(1))
		total += n
	}
	return total, err
}

// blockOf is the block that a time lies in.
func blockOf(ms int64) int64 {
	b := ms / blockMs
	if b*blockMs > ms {
		b--
	}
	return b
}

// blocks counts the rows of whole blocks.
func (c *counter) blocks(ctx context.Context, q *store.Query, first, end int64) (total int64, err error) {
	var w where
	w.and("job = ? AND kind = ? AND block >= ? AND block < ?", int64(c.job), c.kind, first, end)
	if q.ExcludeInterim {
		w.and("interim = 0")
	}
	cut, isCut := int64(0), false
	if q.MinScore > 0 {
		cut = int64(min(q.MinScore, topClass))
		isCut = float64(cut) < q.MinScore
		if isCut {
			w.and("class > ?", cut)
		} else {
			w.and("class >= ?", cut)
		}
	}
	if err := c.tx.QueryRowContext(ctx, "SELECT coalesce(sum(n), 0) FROM counts WHERE "+w.text.String(), w.args...).Scan(&total); err != nil || !isCut {
		return total, err
	}
	below := float64(cut + 1)
	if cut >= topClass {
		below = math.Inf(1)
	}
	n, err := c.rows(ctx, q, times(first), times(end), below)
	return total + n, err
}

// byScore is the way to rows by their index, which w must say it may use.
func (c *counter) byScore(w *where) string {
	w.and(fmt.Sprintf("score >= %d", indexFloor))
	return "INDEXED BY " + c.table + "_score"
}

// times is where a block begins, or no bound.
func times(block int64) int64 {
	if block == math.MinInt64 || block == math.MaxInt64 {
		return block
	}
	return block * blockMs
}

// rows counts rows one by one: those from the query's least score up to below. The
// sign before score keeps SQLite on the way by time.
func (c *counter) rows(ctx context.Context, q *store.Query, from, to int64, below float64) (n int64, err error) {
	if from >= to {
		return 0, nil
	}
	var w where
	access, score := "", "+score"
	w.and("job = ? AND start >= ? AND start < ?", int64(c.job), from, to)
	if !math.IsInf(below, 1) && q.MinScore >= indexFloor {
		access, score = c.byScore(&w), "score"
	}
	if q.MinScore > 0 {
		w.and(score+" >= ?", q.MinScore)
	}
	if !math.IsInf(below, 1) {
		w.and(score+" < ?", below)
	}
	if q.ExcludeInterim {
		w.and("interim = 0")
	}
	err = c.tx.QueryRowContext(ctx, "SELECT count(*) FROM "+c.table+" "+access+" WHERE "+w.text.String(), w.args...).Scan(&n)
	return n, err
}
