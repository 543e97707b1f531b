package api

import (
	"cmp"
	"net/http"

	"tidemark/internal/job"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// getSnapshots answers with the model snapshots of a job, a page of them.
func getSnapshots(q *request) error {
	s := &search{start: q.query.Get("start"), end: q.query.Get("end"), sort: q.query.Get("sort")}
	desc, err := q.boolean("desc", true)
	if err != nil {
		return err
	}
	if err := cmp.Or(q.integer("from", &s.from), q.integer("size", &s.size)); err != nil {
		return err
	}
	s.desc = &desc
	if q.hasBody {
		var id, snapshot string
		body, err := q.body()
		if err == nil && len(body) > 0 {
			err = strict.Parse(body, "get_model_snapshots", strict.Fields{
				"job_id": strict.Text(&id), "snapshot_id": strict.Text(&snapshot), "start": strict.TextOrNumber(&s.start), "end": strict.TextOrNumber(&s.end),
				"sort": strict.Text(&s.sort), "desc": strict.OptionalBool(&s.desc),
				"page": strict.Object("page", strict.Fields{"from": strict.OptionalInt(&s.from), "size": strict.OptionalInt(&s.size)}),
			})
		}
		if err != nil {
			return err
		}
	}
	p, err := q.storeQuery(s, true)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Jobs.ModelSnapshots(q.Context(), q.id(), job.SnapshotQuery{Expr: q.values["snapshot_id"], StartMs: p.StartMs, EndMs: p.EndMs,
		HasStart: p.HasStart, HasEnd: p.HasEnd, Sort: p.Sort, Desc: p.Desc, From: p.From, Size: p.Size})
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, list)
	return nil
}

func updateSnapshot(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send description or retain")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	var u wire.ModelSnapshotUpdate
	var id, snapshot, description string
	read := func(r *strict.Reader) error {
		u.Description = &description
		return strict.Text(&description)(r)
	}
	if err := strict.Parse(body, "update_model_snapshot_request", strict.Fields{
		"job_id": strict.Text(&id), "snapshot_id": strict.Text(&snapshot), "description": read, "retain": strict.OptionalBool(&u.Retain)}); err != nil {
		return err
	}
	changed, err := q.h.opt.Jobs.UpdateModelSnapshot(q.Context(), q.id(), q.values["snapshot_id"], &u)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.ModelSnapshotUpdated{Acknowledged: true, Model: *changed})
	return nil
}

func deleteSnapshot(q *request) error {
	err := q.h.opt.Jobs.DeleteModelSnapshot(q.Context(), q.id(), q.values["snapshot_id"])
	if err == nil {
		q.h.opt.Note(q.id(), "info", "Model snapshot ["+q.values["snapshot_id"]+"] deleted")
	}
	return q.acknowledge(err)
}

func revertSnapshot(q *request) error {
	drop, err := q.boolean("delete_intervening_results", false)
	if err != nil {
		return err
	}
	if q.hasBody {
		var id, snapshot string
		body, err := q.body()
		if err == nil && len(body) > 0 {
			err = strict.Parse(body, "revert_model_snapshot_request", strict.Fields{
				"job_id": strict.Text(&id), "snapshot_id": strict.Text(&snapshot), "delete_intervening_results": strict.Bool(&drop), "force": strict.Skip})
		}
		if err != nil {
			return err
		}
	}
	model, err := q.h.opt.Jobs.RevertModel(q.Context(), q.id(), q.values["snapshot_id"], drop)
	if err != nil {
		return err
	}
	q.h.opt.Note(q.id(), "info", "Job model snapshot reverted to ["+model.SnapshotID+"]")
	q.answer(http.StatusOK, wire.ModelReverted{Model: *model})
	return nil
}

func upgradeSnapshot(q *request) error {
	if _, err := q.boolean("wait_for_completion", false); err != nil {
		return err
	}
	if _, err := timeout(q.query.Get("timeout"), defaultTimeout); err != nil {
		return err
	}
	if err := q.h.opt.Jobs.UpgradeModelSnapshot(q.Context(), q.id(), q.values["snapshot_id"]); err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.ModelUpgraded{Completed: true, Node: q.h.opt.NodeName})
	return nil
}

// snapshotUpgrades answers that no upgrade is under way: none ever has to wait.
func snapshotUpgrades(q *request) error {
	allow, err := q.boolean("allow_no_match", true)
	if err != nil {
		return err
	}
	if _, err := q.h.opt.Jobs.ModelSnapshots(q.Context(), q.id(), job.SnapshotQuery{Expr: q.values["snapshot_id"]}); err != nil {
		return err
	}
	if !allow {
		return &wire.Refusal{Status: 404, Type: wire.TypeNotFound, Reason: "No model snapshot of job [" + wire.Clip(q.id()) + "] is being upgraded: snapshots of this format are read as they are"}
	}
	q.answer(http.StatusOK, map[string]any{"count": 0, "model_snapshot_upgrades": []any{}})
	return nil
}
