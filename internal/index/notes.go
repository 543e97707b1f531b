package index

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/internal/docs"
)

// Notes writes what happened to jobs into the index of notifications, in the
// background: nobody waits for it but who reads them, and what the process loses at
// its end is only the last moment's.
type Notes struct {
	x    *Index
	log  *slog.Logger
	all  chan note
	done sync.WaitGroup
}

// note is a notification's document.
type note struct {
	JobID     string `json:"job_id,omitzero"`
	Message   string `json:"message"`
	Level     string `json:"level"`
	Timestamp int64  `json:"timestamp"`
	Node      string `json:"node_name"`
	JobType   string `json:"job_type"`

	// written is closed once all notes before this one are; then it is no note.
	written chan struct{} `json:"-"`
}

// Bounds of what waits to be written, and how long notes gather.
const (
	maxNotes   = 10_000
	notesDelay = 200 * time.Millisecond
)

// NewNotes starts writing notes.
func NewNotes(x *Index, log *slog.Logger) *Notes {
	n := &Notes{x: x, log: log, all: make(chan note, maxNotes)}
	n.done.Go(n.work)
	x.notes.Store(n)
	return n
}

// Add notes something about a job; level is info, warning or error. When too much
// waits, it is left out.
func (n *Notes) Add(jobID, level, message string) {
	select {
	case n.all <- note{JobID: jobID, Message: message, Level: level, Timestamp: n.x.now().UnixMilli(), Node: "tidemark", JobType: "anomaly_detector"}:
	default:
	}
}

// flush returns when what was added is written.
func (n *Notes) flush() {
	written := make(chan struct{})
	n.all <- note{written: written}
	<-written
}

// Close writes what waits. Nothing may be added, and no search begin, afterwards.
func (n *Notes) Close() {
	n.x.notes.Store(nil)
	close(n.all)
	n.done.Wait()
}

func (n *Notes) work() {
	for first := range n.all {
		ops, written := n.gather(first)
		if len(ops) > 0 {
			if _, err := n.x.docs.Apply(context.Background(), ops, n.x.now().UnixMilli()); err != nil {
				n.log.Warn("notifications could not be stored", "error", err)
			}
		}
		if written != nil {
			close(written)
		}
	}
}

// gather takes the notes of a while, or up to who waits for them.
func (n *Notes) gather(first note) (ops []docs.Op, written chan struct{}) {
	timer := time.NewTimer(notesDelay)
	defer timer.Stop()
	for next, open := first, true; open; {
		if next.written != nil {
			return ops, next.written
		}
		ops = append(ops, noteOp(&next))
		select {
		case next, open = <-n.all:
		case <-timer.C:
			return ops, nil
		}
	}
	return ops, nil
}

func noteOp(n *note) docs.Op {
	// A struct of texts and numbers can always be encoded.
	raw, _ := json.Marshal(n)
	return docs.Op{Index: Notifications, Doc: raw}
}
