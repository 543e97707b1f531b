package index

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"

	"tidemark/internal/docs"
	"tidemark/internal/job"
	"tidemark/internal/query"
	"tidemark/internal/store"
	"tidemark/wire"
)

// Search shows the documents of an expression's indices to a search.
func (x *Index) Search(ctx context.Context, expr string, opt Options, s *query.Search) error {
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return err
	}
	return x.search(ctx, targets, s, nil)
}

// search shows the documents of targets, as they were at a view if there is one.
func (x *Index) search(ctx context.Context, targets []Target, s *query.Search, v *View) error {
	select {
	case x.searches <- struct{}{}:
		defer func() { <-x.searches }()
	default:
		return &wire.Refusal{Status: 429, Type: wire.TypeRejected, Reason: "too many searches at once; repeat this one in a moment"}
	}
	w := v.walker(s)
	for i := w.begin.target; i < len(targets); i++ {
		t := &targets[i]
		if t.Docs != nil && (v == nil || t.Docs.CreatedMs <= v.madeMs) && w.enter(i, docsFirst) {
			if err := x.searchDocs(ctx, t.Docs, s, v, w); err != nil {
				return err
			}
		}
		wanted := s.Must("job_id")
		for n, j := range t.Jobs {
			if wanted != nil && !slices.Contains(wanted, j) || !w.enter(i, n) {
				continue
			}
			if err := x.searchJob(ctx, t.Name, j, s, w); err != nil && !gone(err) {
				return err
			}
		}
	}
	w.leave(v)
	return nil
}

// Occupy takes all places for searches until free is called, for who wants the file
// to himself.
func (x *Index) Occupy() (free func()) {
	for range maxSearches {
		x.searches <- struct{}{}
	}
	return func() {
		for range maxSearches {
			<-x.searches
		}
	}
}

// gone reports whether a job was deleted meanwhile.
func gone(err error) bool {
	var refused *job.Error
	return errors.As(err, &refused) && refused.Fault == job.NotFound
}

// errOver ends a scan that cannot change the answer any more.
var errOver = errors.New("over")

func (x *Index) searchJob(ctx context.Context, name, jobID string, s *query.Search, w *walker) error {
	if err := s.Begin(resultFields); err != nil {
		return err
	}
	for _, p := range s.Plans("timestamp") {
		// Results do not come in one order, unless any order will do.
		p.ByTime, p.BySeq, p.TimesOnly = false, w.walks, false
		s.Start(p)
		d := query.Doc{Index: name, Version: 1}
		r := resultRange(s, &p)
		r.Cursor = w.results()
		err := x.jobs.ScanResults(ctx, jobID, r, func(id string, doc []byte) error {
			d.ID, d.Source, d.Seq = id, doc, resultSeq(name, id)
			more, err := w.visit(s, &d)
			if err == nil && !more {
				err = errOver
			}
			if err == nil {
				err = ctx.Err()
			}
			return err
		})
		if err != nil && !errors.Is(err, errOver) {
			return err
		}
	}
	return nil
}

// scores are the fields that only results of one type have.
var scores = map[string]string{"anomaly_score": wire.ResultBucket, "record_score": wire.ResultRecord, "influencer_score": wire.ResultInfluencer}

// resultRange is what of a job's results a search may find.
func resultRange(s *query.Search, p *query.Plan) store.ScanRange {
	r := store.ScanRange{FromMs: p.FromMs, ToMs: p.ToMs, Types: s.Must("result_type"), Least: map[string]float64{}}
	for field, resultType := range scores { // order-free: each is its own
		if least, bounded := s.AtLeast(field); bounded {
			r.Least[resultType] = least
		}
	}
	return r
}

// resultSeq is a number for a result that stays the same: results have none, but
// pages need an order. It fits into a double.
func resultSeq(index, id string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(index + "\x00" + id)) // A hash takes everything.
	return int64(h.Sum64() >> 11)
}

func (x *Index) searchDocs(ctx context.Context, in *docs.Index, s *query.Search, v *View, w *walker) error {
	if err := s.Begin(in.Fields); err != nil {
		return err
	}
	if v == nil && s.CountOnly() {
		n, err := x.docs.Count(ctx, in)
		s.AddCount(n)
		return err
	}
	for _, p := range s.Plans(in.TimeField) {
		s.Start(p)
		r := docs.Range{FromMs: p.FromMs, ToMs: p.ToMs, ByTime: p.ByTime, Descending: p.Descending, BySeq: p.BySeq, AfterSeq: p.AfterSeq, TimesOnly: p.TimesOnly}
		if v != nil {
			r.Pinned, r.Pin = true, v.pin
		}
		if w.walks {
			r.BySeq, r.AfterSeq = true, w.at.seq
		}
		seen := 0
		err := x.docs.Scan(ctx, in, r, func(d *query.Doc) (bool, error) {
			if seen++; seen&1023 == 0 && ctx.Err() != nil {
				return false, ctx.Err()
			}
			return w.visit(s, d)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// OrderBy makes searches by a time field of an expression's indices look at no
// documents of other times, unless an index is narrowed by one of the fields kept.
// It reads the documents that are there, once.
func (x *Index) OrderBy(ctx context.Context, expr string, opt Options, timeField string, kept map[string]bool) error {
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return err
	}
	for i := range targets {
		in := targets[i].Docs
		if in == nil || in.TimeField != timeField && kept[in.TimeField] {
			continue
		}
		if err := x.docs.OrderBy(ctx, in.Name, timeField); err != nil {
			return notStored(err)
		}
	}
	return nil
}
