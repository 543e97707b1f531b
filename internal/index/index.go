// Package index is what searches see: indices of documents, and the results of
// jobs as documents, under one set of names with aliases and patterns.
package index

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"tidemark/internal/docs"
	"tidemark/internal/job"
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
	docs *docs.Store
	jobs *job.Manager
	now  func() time.Time
}

// New returns an index over documents and jobs.
func New(d *docs.Store, jobs *job.Manager, now func() time.Time) *Index {
	return &Index{docs: d, jobs: jobs, now: now}
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
func (x *Index) catalog(ctx context.Context) (map[string]*Target, error) {
	list, err := x.docs.Indices(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]*Target{}
	for i := range list {
		all[list[i].Name] = &Target{Name: list[i].Name, Docs: &list[i], Aliases: aliasesOf(list[i].Body)}
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
	return all, nil
}

func aliasesOf(body []byte) (names []string) {
	var b struct {
		Aliases map[string]any `json:"aliases"`
	}
	if json.Unmarshal(body, &b) == nil {
		for name := range b.Aliases { // order-free: sorted below
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Resolve returns the indices that an expression names: a comma list of names,
// aliases and patterns; "" and _all mean everything that is not hidden.
func (x *Index) Resolve(ctx context.Context, expr string, opt Options) ([]Target, error) {
	all, err := x.catalog(ctx)
	if err != nil {
		return nil, err
	}
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

// Search visits every document of an expression's indices.
func (x *Index) Search(ctx context.Context, expr string, opt Options, s *query.Search) (indices int, err error) {
	targets, err := x.Resolve(ctx, expr, opt)
	if err != nil {
		return 0, err
	}
	for i := range targets {
		if err := x.visit(ctx, &targets[i], s); err != nil {
			return 0, err
		}
	}
	return len(targets), nil
}

func (x *Index) visit(ctx context.Context, t *Target, s *query.Search) error {
	if t.Docs != nil {
		if err := x.visitDocs(ctx, t.Docs, s); err != nil {
			return err
		}
	}
	from, to := s.Between("timestamp")
	d := query.Doc{Index: t.Name, Version: 1}
	for _, j := range t.Jobs {
		err := x.jobs.ScanResults(ctx, j, from, to, func(id string, doc []byte) error {
			d.ID, d.Source = id, doc
			s.Visit(&d)
			return ctx.Err()
		})
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// gone reports whether a job was deleted meanwhile.
func gone(err error) bool {
	var refused *job.Error
	return errors.As(err, &refused) && refused.Fault == job.NotFound
}

func (x *Index) visitDocs(ctx context.Context, in *docs.Index, s *query.Search) error {
	if s.CountOnly() {
		n, err := x.docs.Count(ctx, in)
		s.AddCount(n)
		return err
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if in.TimeField != "" {
		from, to = s.Between(in.TimeField)
	}
	seen := 0
	return x.docs.Scan(ctx, in, from, to, func(d *query.Doc) error {
		s.Visit(d)
		if seen++; seen&1023 == 0 {
			return ctx.Err()
		}
		return nil
	})
}

// place is where a document with a name's index goes: a job's results, or plain
// documents of an index.
func (x *Index) place(ctx context.Context, name string, doc []byte) (index, jobID string, err error) {
	targets, err := x.Resolve(ctx, name, Options{IgnoreUnavailable: true, AllowNone: true})
	if err != nil {
		return "", "", err
	}
	if strings.Contains(name, "*") || len(targets) > 1 {
		return "", "", wire.Refuse(wire.TypeIllegalArgument, "a document goes into one index; [%s] names several", wire.Clip(name))
	}
	if len(targets) == 0 {
		if n := builtIn[name]; n != "" {
			return n, "", nil
		}
		return name, "", CheckName(name)
	}
	t := targets[0]
	owner := ""
	for _, v := range query.Values(doc, "job_id") {
		owner = v.Text
	}
	switch {
	case slices.Contains(t.Jobs, owner):
		return t.Name, owner, nil
	case len(t.Jobs) > 0 && name != t.Name:
		return t.Name, t.Jobs[0], nil
	}
	return t.Name, "", nil
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

// Found is a document with where it stands.
type Found struct {
	query.Doc
	Seq int64
}

// Get returns a document by its id.
func (x *Index) Get(ctx context.Context, name, id string) (Found, bool, error) {
	targets, err := x.Resolve(ctx, name, Options{})
	if err != nil {
		return Found{}, false, err
	}
	for _, t := range targets {
		for _, j := range t.Jobs {
			doc, ok, err := x.jobs.ResultDocument(ctx, j, id)
			if err != nil && !gone(err) {
				return Found{}, false, err
			}
			if ok {
				return Found{Doc: query.Doc{Index: t.Name, ID: id, Version: 1, Source: doc}}, true, nil
			}
		}
		if t.Docs == nil {
			continue
		}
		d, seq, err := x.docs.Get(ctx, t.Name, id)
		if err == nil {
			return Found{Doc: d, Seq: seq}, true, nil
		}
		if !errors.Is(err, docs.ErrNotFound) {
			return Found{}, false, err
		}
	}
	return Found{}, false, nil
}

// Op is one change that a client asks for.
type Op struct {
	docs.Op
	// Update merges Doc into the document, which (without Upsert) must be there.
	Update, Upsert bool
}

// Outcome is what became of an Op.
type Outcome struct {
	docs.Outcome
	Index string
}

// Apply makes changes in order, durable when it returns. One refused change does
// not stop the others; its outcome has the reason.
func (x *Index) Apply(ctx context.Context, ops []Op) ([]Outcome, error) {
	out := make([]Outcome, len(ops))
	var plain []docs.Op
	var where []int
	flush := func() error {
		done, err := x.docs.Apply(ctx, plain, x.now().UnixMilli())
		if err != nil {
			return err
		}
		for i, o := range done {
			out[where[i]].Outcome = o
		}
		plain, where = plain[:0], where[:0]
		return nil
	}
	for i := range ops {
		op := &ops[i]
		index, jobID, err := x.place(ctx, op.Index, op.Doc)
		if err == nil && op.Update {
			// An update reads what the changes before it wrote.
			if err = flush(); err == nil {
				err = x.merge(ctx, op)
			}
		}
		if err != nil {
			out[i] = Outcome{Outcome: docs.Outcome{ID: op.ID, Err: err}, Index: op.Index}
			continue
		}
		out[i].Index = index
		if jobID != "" {
			out[i].Outcome = x.result(ctx, jobID, op)
			continue
		}
		op.Index = index
		plain, where = append(plain, op.Op), append(where, i)
	}
	return out, flush()
}

// result makes a change of a job's results.
func (x *Index) result(ctx context.Context, jobID string, op *Op) (o docs.Outcome) {
	o = docs.Outcome{ID: op.ID, Version: 1}
	if o.ID == "" {
		o.ID = jobID + "_written_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	}
	switch {
	case op.Remove:
		o.Found, o.Err = x.jobs.EraseResult(ctx, jobID, o.ID)
	case op.Create:
		if _, found, err := x.jobs.ResultDocument(ctx, jobID, o.ID); err != nil || found {
			o.Err = docs.ErrExists
			return o
		}
		fallthrough
	default:
		var replaced bool
		replaced, o.Err = x.jobs.WriteResult(ctx, jobID, o.ID, op.Doc)
		o.Created = !replaced
		if replaced {
			o.Version = 2
		}
	}
	return o
}

// merge turns an update into the whole document.
func (x *Index) merge(ctx context.Context, op *Op) error {
	have, found, err := x.Get(ctx, op.Index, op.ID)
	if err != nil && !op.Upsert {
		return err
	}
	op.Update = false
	if !found {
		if op.Upsert {
			return nil
		}
		return &wire.Refusal{Status: 404, Type: "document_missing_exception", Reason: "[" + wire.Clip(op.ID) + "]: document missing"}
	}
	var tree, change map[string]any
	if err := json.Unmarshal(have.Source, &tree); err != nil {
		return err
	}
	if err := json.Unmarshal(op.Doc, &change); err != nil {
		return wire.Refuse(wire.TypeParse, "the change cannot be merged into the document: %v", err)
	}
	mergeInto(tree, change)
	op.Doc, err = json.Marshal(tree, json.Deterministic(true))
	return err
}

func mergeInto(tree, change map[string]any) {
	for name, v := range change { // order-free: each member is its own
		inner, isObject := v.(map[string]any)
		below, hasObject := tree[name].(map[string]any)
		if isObject && hasObject {
			mergeInto(below, inner)
			continue
		}
		tree[name] = v
	}
}
