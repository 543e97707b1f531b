// Package series models one series: what value a bucket should have, how far
// the actual one may stray, and how improbable and how novel it is when it does.
//
// # Model
//
// x is the value of a bucket, B the bucket span. Eleven small predictors
// ("experts") follow the series: eight short ones that adapt within hours (last
// value, two moving means, a damped trend, and the daily and weekly curve each
// with a moving offset) and three long ones that adapt within days (slow level,
// daily and weekly curve with a slow offset). In each group the expert with the
// smallest recent absolute error speaks. That gives two residuals, each in
// units of its own robust scale:
//
//	A = (x - short)/sigma   the sudden: how far from what the last hours said
//	B = (x - long)/scale    the lasting: how far from what this hour of the week says
//
// Each has a self-calibrating tail (tail.go); so have moving means of B over three
// lengths (windows.go). The smallest of their probabilities becomes the published one
// by how often the series shows one as small (chance.go). Ranking
// evidence combines tails, plain size and range novelty (judge.go) and passes a
// tail of its own (rank.go), so that a score means the same frequency in every
// series. A level that has moved is told from one that strays in shift.go.
//
// Steps of the curves are found between and within their slots (edge.go). What is
// known to happen is taken out before: jobs of single buckets (jobs.go) and
// what days of the month add (watch.go, calendar.go).
//
// All memories are stated as times and turned into gains by NewParams, with a
// smallest number of buckets so that a daily series still averages something.
//
// # Rules
//
// Judge only reads, Learn follows it with the same sample. Core and Season
// contain no pointers and are of fixed size, so that they can live in pages; their
// zero value plus Init is a new series. Nothing here is safe for concurrent
// use on the same Core, and Params is read-only after NewParams.
//
// Cost: well below 2 µs for Judge and Learn together, no allocation. Memory:
// CoreBytes and SeasonBytes.
package series
