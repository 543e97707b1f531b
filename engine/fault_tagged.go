//go:build tidemarkfault

package engine

import (
	"bytes"

	"tidemark/engine/entry"
)

// faultMark is the text value that makes this build panic.
const faultMark = "tidemark-fault-panic"

// fault reports whether an entry is marked to make the engine panic.
func fault(en *entry.Entry) bool {
	if en.Kind == entry.Fault {
		return true
	}
	if en.Batch == nil {
		return false
	}
	for i := range en.Batch.Texts {
		if bytes.Contains(en.Batch.Texts[i].Values, []byte(faultMark)) {
			return true
		}
	}
	return false
}
