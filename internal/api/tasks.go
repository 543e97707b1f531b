package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"tidemark/wire"
)

// finishedTasks are the tasks that requests were answered with instead of waiting.
// Each is done when its number is given out; they are remembered so that a client
// that asks for one is told so.
type finishedTasks struct {
	mu   sync.Mutex
	last int64
	// byNumber has what each did, order their numbers, oldest first.
	byNumber map[int64]finishedTask
	order    []int64
}

// finishedTask is what a task did.
type finishedTask struct {
	task
	startMs int64
}

// rememberedTasks is how many tasks are remembered.
const rememberedTasks = 1000

// add numbers a task. The clock keeps numbers of one process apart from those of
// the next.
func (f *finishedTasks) add(t task, nowMs int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byNumber == nil {
		f.byNumber = map[int64]finishedTask{}
	}
	f.last = max(f.last+1, nowMs)
	f.byNumber[f.last] = finishedTask{task: t, startMs: nowMs}
	f.order = append(f.order, f.last)
	if len(f.order) > rememberedTasks {
		delete(f.byNumber, f.order[0])
		f.order = f.order[1:]
	}
	return f.last
}

func (f *finishedTasks) get(number int64) (finishedTask, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, known := f.byNumber[number]
	return t, known
}

// describe shows a task as clients know it.
func (q *request) describe(t task, number, startMs int64) map[string]any {
	return map[string]any{"node": q.h.opt.NodeName, "id": number, "type": "transport", "action": t.action, "description": t.description,
		"start_time_in_millis": startMs, "running_time_in_nanos": 0, "cancellable": false, "headers": map[string]any{}}
}

// oneTask answers for a task that a removal answered with, which is done, or for one
// of those that are listed, which go on.
func oneTask(q *request) error {
	node, text, _ := strings.Cut(q.values["task_id"], ":")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return wire.Refuse(wire.TypeIllegalArgument, "malformed task id %s; an id is node:number, as the answer that named the task has it", wire.Clip(q.values["task_id"]))
	}
	if node == q.h.opt.NodeName {
		if t, known := q.h.finished.get(number); known {
			q.answer(http.StatusOK, map[string]any{"completed": true, "task": q.describe(t.task, number, t.startMs), "response": map[string]bool{"acknowledged": true}})
			return nil
		}
		if list := q.tasks(); number >= 1 && number <= int64(len(list)) {
			q.answer(http.StatusOK, map[string]any{"completed": false, "task": q.describe(list[number-1], number, 0)})
			return nil
		}
	}
	return &wire.Refusal{Status: 404, Type: wire.TypeNotFound, Reason: fmt.Sprintf("task [%s] isn't running and hasn't stored its results", wire.Clip(q.values["task_id"]))}
}
