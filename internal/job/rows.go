package job

import (
	"tidemark/engine/result"
	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
)

// appendCategories adds the documents of categories to a commit.
func appendCategories(commit *store.Commit, conf *config, list []result.Category) {
	for i := range list {
		commit.Categories = append(commit.Categories, store.CategoryRow{
			ID: int64(list[i].ID), Partition: list[i].Partition, Doc: document.CategoryDoc(conf.wire, &list[i])})
	}
}

// appendRows adds the documents of a bucket, its anomaly records and its
// influencers to a commit.
func appendRows(commit *store.Commit, conf *config, b *result.Bucket) {
	bucket, records, influencers := document.ResultRows(conf.wire, b)
	commit.Buckets = append(commit.Buckets, store.BucketRow{
		StartMs: b.StartMs, SpanMs: b.SpanMs, Run: b.Run,
		Score: b.Score, EventCount: b.EventCount, Interim: b.Interim, Doc: bucket.Doc,
	})
	for _, d := range document.PlotDocs(conf.wire, b) {
		commit.Others = append(commit.Others, store.OtherRow{Kind: wire.ResultModelPlot, StartMs: d.StartMs, DocID: d.ID, Doc: d.Doc})
	}
	for i := range records {
		r, a := &records[i], &b.Records[i]
		commit.Records = append(commit.Records, store.RecordRow{
			StartMs: b.StartMs, SpanMs: b.SpanMs, Score: a.Score, LogProb: a.LogProb,
			Detector: a.Detector, Function: r.Function, Field: r.Field,
			Partition: a.Partition, By: a.By, Over: a.Over,
			Interim: b.Interim, DocID: r.ID, Doc: r.Doc,
		})
	}
	for i := range influencers {
		d, a := &influencers[i], &b.Influencers[i]
		commit.Influencers = append(commit.Influencers, store.InfluencerRow{
			StartMs: b.StartMs, SpanMs: b.SpanMs, Score: a.Score, LogProb: a.LogProb,
			Field: a.Field, Value: a.Value, Interim: b.Interim, DocID: d.ID, Doc: d.Doc,
		})
	}
}
