// Package index is what searches see: indices of documents, and the results of
// jobs as documents, under one set of names with aliases and patterns.
package index

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tidemark/internal/docs"
	"tidemark/internal/job"
	"tidemark/internal/jsonscan"
	"tidemark/internal/match"
	"tidemark/internal/query"
	"tidemark/wire"
)

// Names that jobs and tools use.
const (
	resultsPrefix = ".ml-anomalies-"
	writePrefix   = resultsPrefix + ".write-"
	// Annotations and Notifications are the indices of users' notes and of what
	// happened to jobs.
	Annotations   = ".ml-annotations-000001"
	Notifications = ".ml-notifications-000002"
)

// builtIn are names that always exist, with the index behind them.
var builtIn = map[string]string{
	".ml-annotations-read": Annotations, ".ml-annotations-write": Annotations, Annotations: Annotations, ".ml-annotations-6": Annotations,
	".ml-notifications": Notifications, ".ml-notifications-write": Notifications, Notifications: Notifications, ".ml-notifications-000001": Notifications,
	".ml-state": ".ml-state-000001", ".ml-state-write": ".ml-state-000001", ".ml-state-000001": ".ml-state-000001",
	".ml-config": ".ml-config", ".ml-meta": ".ml-meta",
}

// Index answers for all documents. Its methods may be called from several
// goroutines.
type Index struct {
	docs  *docs.Store
	jobs  *job.Manager
	now   func() time.Time
	views views
	// searches are places for searches at work.
	searches chan struct{}
	// notes are those that wait to be written, nil if nobody writes any.
	notes atomic.Pointer[Notes]
}

// maxSearches is how many searches work at once; others are refused, to be
// repeated. They share two readers' worth of processor.
const maxSearches = 32

// New returns an index over documents and jobs.
func New(d *docs.Store, jobs *job.Manager, now func() time.Time) *Index {
	return &Index{docs: d, jobs: jobs, now: now, views: views{open: map[string]*View{}}, searches: make(chan struct{}, maxSearches)}
}

// Target is one index behind an expression.
type Target struct {
	Name string
	// Docs is the index of plain documents of that name, nil if there is none.
	Docs *docs.Index
	// Jobs are those whose results stand here.
	Jobs []string
	// Aliases are further names of the index.
	Aliases []string
}

// Options say what an expression may leave unmatched.
type Options struct {
	// IgnoreUnavailable passes over names that do not exist, AllowNone patterns
	// that match nothing.
	IgnoreUnavailable, AllowNone bool
}

// Missing refuses a name that does not exist.
func Missing(name string) error {
	return &wire.Refusal{Status: 404, Type: wire.TypeIndexNotFound, Reason: "no such index [" + wire.Clip(name) + "]"}
}

// catalog lists everything there is.
func (x *Index) catalog() map[string]*Target {
	all := map[string]*Target{}
	for _, in := range x.docs.Indices() {
		all[in.Name] = &Target{Name: in.Name, Docs: in, Aliases: aliasesOf(in.Aliases)}
	}
	for _, r := range x.jobs.Results() {
		t := all[r.Index]
		if t == nil {
			t = &Target{Name: r.Index}
			all[r.Index] = t
		}
		t.Jobs = append(t.Jobs, r.Job)
	}
	for alias, name := range builtIn { // order-free: each entry is its own
		if t := all[name]; t != nil && alias != name {
			t.Aliases = append(t.Aliases, alias)
		}
	}
	return all
}

func aliasesOf(object []byte) (names []string) {
	for name := range jsonscan.Members(object) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// awaitNotes has what happened so far written down if the expression names the
// notifications.
func (x *Index) awaitNotes(expr string) {
	n := x.notes.Load()
	if n == nil {
		return
	}
	for name := range strings.SplitSeq(expr, ",") {
		if strings.HasPrefix(name, ".") && (builtIn[name] == Notifications || match.Pattern(name, Notifications)) {
			n.flush()
			return
		}
	}
}

// Resolve returns the indices that an expression names: a comma list of names,
// aliases and patterns; "" and _all mean everything that is not hidden.
func (x *Index) Resolve(expr string, opt Options) ([]Target, error) {
	x.awaitNotes(expr)
	all := x.catalog()
	chosen := map[string]*Target{}
	add := func(t *Target, jobs []string) {
		have := chosen[t.Name]
		if have == nil {
			have = &Target{Name: t.Name, Docs: t.Docs, Aliases: t.Aliases}
			chosen[t.Name] = have
		}
		for _, j := range jobs {
			if !slices.Contains(have.Jobs, j) {
				have.Jobs = append(have.Jobs, j)
			}
		}
	}
	if expr == "" || expr == "_all" {
		expr = "*"
	}
	for name := range strings.SplitSeq(expr, ",") {
		name = strings.TrimSpace(name)
		if rest, cut := strings.CutPrefix(name, "-"); cut && rest != "" {
			for n := range chosen { // order-free: each is judged by itself
				if match.Pattern(rest, n) {
					delete(chosen, n)
				}
			}
			continue
		}
		found := x.choose(all, name, add)
		switch pattern := strings.Contains(name, "*"); {
		case found || name == "":
		case pattern && opt.AllowNone, !pattern && opt.IgnoreUnavailable:
		case !pattern && builtIn[name] != "":
		default:
			return nil, Missing(name)
		}
	}
	list := make([]Target, 0, len(chosen))
	for _, t := range chosen { // order-free: sorted below
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// choose adds what one name or pattern stands for.
func (x *Index) choose(all map[string]*Target, name string, add func(*Target, []string)) (found bool) {
	pattern := strings.Contains(name, "*")
	fits := func(candidate string) bool {
		if !pattern {
			return candidate == name
		}
		return match.Pattern(name, candidate) && (!strings.HasPrefix(candidate, ".") || strings.HasPrefix(name, "."))
	}
	for _, t := range all { // order-free: the result is a set
		if fits(t.Name) || slices.ContainsFunc(t.Aliases, fits) {
			add(t, t.Jobs)
			found = true
		}
		for _, j := range t.Jobs {
			if fits(resultsPrefix+j) || fits(writePrefix+j) {
				// An alias shows one job's documents, not the plain ones beside them.
				add(&Target{Name: t.Name}, []string{j})
				found = true
			}
		}
	}
	return found
}

// place is where a change goes: to a job's results, or to the plain documents of
// an index.
func (x *Index) place(ctx context.Context, op *Op) (index, jobID string, err error) {
	name := op.Index
	if strings.Contains(name, "*") || strings.Contains(name, ",") {
		return "", "", CheckName(name)
	}
	targets, err := x.Resolve(name, Options{IgnoreUnavailable: true, AllowNone: true})
	if err != nil {
		return "", "", err
	}
	switch {
	case len(targets) > 1:
		return "", "", wire.Refuse(wire.TypeIllegalArgument, "a document goes into one index, but alias [%s] has [%d]; name the index", wire.Clip(name), len(targets))
	case len(targets) == 0 && builtIn[name] != "":
		return builtIn[name], "", nil
	case len(targets) == 0:
		return name, "", CheckName(name)
	}
	t := targets[0]
	if len(t.Jobs) > 0 && name != t.Name {
		return t.Name, t.Jobs[0], nil
	}
	jobID, err = x.owner(ctx, &t, op)
	return t.Name, jobID, err
}

// owner is the job of an index whose results a change is about, "" for none: as
// the document says, or that which has a document of the id.
func (x *Index) owner(ctx context.Context, t *Target, op *Op) (string, error) {
	for _, doc := range [][]byte{op.Doc, op.Upsert} {
		if doc == nil {
			continue
		}
		for _, v := range query.Values(doc, "job_id") {
			if slices.Contains(t.Jobs, v.Text) {
				return v.Text, nil
			}
		}
	}
	if op.Kind == docs.Put || op.Kind == docs.Create {
		return "", nil
	}
	for _, j := range t.Jobs {
		if _, found, err := x.jobs.ResultDocument(ctx, j, op.ID); err != nil && !gone(err) {
			return "", err
		} else if found {
			return j, nil
		}
	}
	return "", nil
}

// CheckName refuses names that no index can have.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > 255 || name == "." || name == "..",
		strings.ContainsAny(name, ` "*\<>|,/?#:`), strings.ToLower(name) != name, strings.HasPrefix(name, "-"), strings.HasPrefix(name, "_"), strings.HasPrefix(name, "+"):
		return wire.Refuse(wire.TypeBadIndexName, "Invalid index name [%s]: it must be lower case, not begin with _, - or +, and not contain any of \" * \\ < > | , / ? # : or a space", wire.Clip(name))
	}
	return nil
}

// Get returns a document by its id.
func (x *Index) Get(ctx context.Context, name, id string) (query.Doc, bool, error) {
	targets, err := x.Resolve(name, Options{})
	if err != nil {
		return query.Doc{}, false, err
	}
	for _, t := range targets {
		for _, j := range t.Jobs {
			doc, ok, err := x.jobs.ResultDocument(ctx, j, id)
			if err != nil && !gone(err) {
				return query.Doc{}, false, err
			}
			if ok {
				return query.Doc{Index: t.Name, ID: id, Version: 1, Seq: 1, Source: doc}, true, nil
			}
		}
		if t.Docs == nil {
			continue
		}
		d, err := x.docs.Get(ctx, t.Docs, id)
		if err == nil {
			return d, true, nil
		}
		if !errors.Is(err, docs.ErrNotFound) {
			return d, false, err
		}
	}
	return query.Doc{}, false, nil
}
