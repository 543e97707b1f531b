package api

import (
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/index"
	"tidemark/internal/job"
	"tidemark/internal/match"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// clusterName is what clients see as the cluster's name.
const clusterName = "tidemark"

// deleteExpired removes what the jobs' retention lets go.
func deleteExpired(q *request) error {
	if q.hasBody {
		var rate *float64
		var wait, id string
		body, err := q.body()
		if err == nil && len(body) > 0 {
			err = strict.Parse(body, "delete_expired_data_request", strict.Fields{"job_id": strict.Text(&id), "requests_per_second": strict.OptionalFloat(&rate), "timeout": strict.Text(&wait)})
		}
		if err != nil {
			return err
		}
		if _, err := timeout(wait, defaultTimeout); err != nil {
			return err
		}
	}
	var rate *float64
	if err := q.float("requests_per_second", &rate); err != nil {
		return err
	}
	if _, err := timeout(q.query.Get("timeout"), defaultTimeout); err != nil {
		return err
	}
	if err := q.h.opt.Jobs.DeleteExpired(q.Context(), q.id()); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]bool{"deleted": true})
	return nil
}

// memoryStats tells what models take, for the one node there is.
func memoryStats(q *request) error {
	if _, err := timeout(q.query.Get("timeout"), defaultTimeout); err != nil {
		return err
	}
	if _, err := timeout(q.query.Get("master_timeout"), defaultTimeout); err != nil {
		return err
	}
	o := q.h.opt
	nodes := map[string]any{}
	if id := q.values["node_id"]; id == "" || id == o.NodeName || strings.HasPrefix(id, "_") || id == "ml:true" {
		stats, err := o.Jobs.Stats(q.Context(), "", true)
		if err != nil {
			return err
		}
		var models int64
		for _, s := range stats {
			if s.State == wire.StateOpened {
				models += s.ModelSizeStats.ModelBytes
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		total := totalMemory(int64(m.Sys))
		ml := map[string]any{}
		q.size(ml, "max", total)
		q.size(ml, "native_code_overhead", 0)
		q.size(ml, "anomaly_detectors", models)
		q.size(ml, "data_frame_analytics", 0)
		q.size(ml, "native_inference", 0)
		mem, jvm := map[string]any{"ml": ml}, map[string]any{}
		q.size(mem, "total", total)
		q.size(mem, "adjusted_total", total)
		q.size(jvm, "heap_max", int64(m.Sys))
		q.size(jvm, "java_inference_max", 0)
		q.size(jvm, "java_inference", 0)
		nodes[o.NodeName] = map[string]any{"name": o.NodeName, "ephemeral_id": o.ClusterUUID, "transport_address": "127.0.0.1:0",
			"attributes": map[string]string{}, "roles": []string{"data", "ml"}, "mem": mem, "jvm": jvm}
	}
	q.answer(http.StatusOK, map[string]any{"_nodes": map[string]int{"total": len(nodes), "successful": len(nodes), "failed": 0}, "cluster_name": clusterName, "nodes": nodes})
	return nil
}

// size adds a number of bytes, and in words for people.
func (q *request) size(to map[string]any, name string, bytes int64) {
	to[name+"_in_bytes"] = bytes
	if q.shape.human {
		to[name] = wire.FormatSize(bytes)
	}
}

// clusterHealth answers at once: one node, and it is well.
func clusterHealth(q *request) error {
	for _, name := range []string{"timeout", "master_timeout"} {
		if _, err := timeout(q.query.Get(name), defaultTimeout); err != nil {
			return err
		}
	}
	if names := q.values["index"]; names != "" {
		if _, err := q.h.opt.Index.Resolve(names, index.Options{AllowNone: true}); err != nil {
			return err
		}
	}
	q.answer(http.StatusOK, map[string]any{"cluster_name": clusterName, "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1,
		"active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": 0, "delayed_unassigned_shards": 0,
		"number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0, "active_shards_percent_as_number": 100.0})
	return nil
}

// clusterSettings shows the settings, flat or as nested objects.
func clusterSettings(q *request) error {
	flat, err := q.boolean("flat_settings", false)
	if err != nil {
		return err
	}
	defaults, err := q.boolean("include_defaults", false)
	if err != nil {
		return err
	}
	shown := func(s job.Settings) any {
		if flat {
			return s
		}
		return nested(s)
	}
	persistent, transient := q.h.opt.Jobs.Settings()
	out := map[string]any{"persistent": shown(persistent), "transient": shown(transient)}
	if defaults {
		out["defaults"] = map[string]any{}
	}
	q.answer(http.StatusOK, out)
	return nil
}

// putClusterSettings keeps settings. Those that nothing here goes by are kept too,
// since clients set what concerns other parts of a cluster, and a warning says so.
func putClusterSettings(q *request) error {
	raw, err := q.configBody("persistent or transient settings")
	if err != nil {
		return err
	}
	var body struct {
		Persistent jsontext.Value `json:"persistent"`
		Transient  jsontext.Value `json:"transient"`
	}
	if err := json.Unmarshal(raw, &body, json.RejectUnknownMembers(true)); err != nil {
		return wire.Refuse(wire.TypeParse, "the settings cannot be read: %v", err)
	}
	persistent, transient := map[string]any{}, map[string]any{}
	for value, to := range map[*jsontext.Value]map[string]any{&body.Persistent: persistent, &body.Transient: transient} { // order-free: each is read by itself
		switch kind := value.Kind(); {
		case kind != '{' && kind != 'n' && len(*value) > 0:
			return wire.Refuse(wire.TypeParse, "the settings cannot be read: [persistent] and [transient] are objects")
		case kind == '{':
			if err := value.Compact(); err != nil {
				return err
			}
			flatten(to, "", *value)
		}
	}
	if len(persistent)+len(transient) == 0 {
		return wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: no settings to update; give persistent or transient ones;")
	}
	if err := q.h.opt.Jobs.ChangeSettings(q.Context(), persistent, transient); err != nil {
		return err
	}
	if idle := idleSettings(persistent, transient); idle != "" {
		q.w.Header().Add("Warning", warning(q.h.opt.Version, "settings that have no effect here: "+idle))
	}
	q.answer(http.StatusOK, map[string]any{"acknowledged": true, "persistent": nested(persistent), "transient": nested(transient)})
	return nil
}

// mostIdle is how many settings without effect are named: clients bound headers.
const mostIdle = 20

// idleSettings names those of the settings that nothing here goes by.
func idleSettings(lists ...map[string]any) string {
	var names []string
	for _, list := range lists {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			if name != job.MaxMemorySetting && list[name] != nil {
				names = append(names, "["+wire.Clip(name)+"]")
			}
		}
	}
	if more := len(names) - mostIdle; more > 0 {
		names = append(names[:mostIdle], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// listTasks answers with the open jobs and started datafeeds: nothing else lasts
// longer than its request.
func listTasks(q *request) error {
	tasks := map[string]any{}
	for i, t := range q.tasks() {
		id := fmt.Sprintf("%s:%d", q.h.opt.NodeName, i+1)
		tasks[id] = map[string]any{"node": q.h.opt.NodeName, "id": i + 1, "type": "persistent", "action": t.action, "description": t.description,
			"start_time_in_millis": 0, "running_time_in_nanos": 0, "cancellable": false, "headers": map[string]any{}}
	}
	node := map[string]any{"name": q.h.opt.NodeName, "transport_address": "127.0.0.1:0", "host": "127.0.0.1", "ip": "127.0.0.1:0", "roles": []string{"data", "ml"}, "tasks": tasks}
	q.answer(http.StatusOK, map[string]any{"nodes": map[string]any{q.h.opt.NodeName: node}})
	return nil
}

// task is something that goes on.
type task struct{ action, description string }

// tasks are those that the actions parameter chooses.
func (q *request) tasks() (list []task) {
	if stats, err := q.h.opt.Jobs.Stats(q.Context(), "", true); err == nil {
		for _, s := range stats {
			if s.State == wire.StateOpened || s.State == wire.StateOpening {
				list = append(list, task{"xpack/ml/job[c]", "job-" + s.JobID})
			}
		}
	}
	if stats, err := q.h.opt.Feeds.Stats("", true); err == nil {
		for i := range stats {
			if stats[i].State != "stopped" {
				list = append(list, task{"xpack/ml/datafeed[c]", "datafeed-" + stats[i].DatafeedID})
			}
		}
	}
	if want := q.query.Get("actions"); want != "" {
		kept := list[:0]
		for _, t := range list {
			for p := range strings.SplitSeq(want, ",") {
				if match.Pattern(p, t.action) {
					kept = append(kept, t)
					break
				}
			}
		}
		list = kept
	}
	return list
}
