package archtest

import (
	"strings"
	"testing"
)

// layers is the import order of the tree, lowest first. A package may import
// packages of lower layers only; packages in one layer know nothing of each
// other. A path stands for itself and everything below it, the longest match
// decides.
var layers = [][]string{
	{"engine/num", "engine/codec", "wire", "internal/durable", "internal/match", "internal/jsonscan"},
	{"internal/mapping"},
	{"engine/dist", "engine/spec", "engine/result", "engine/pages", "engine/names", "engine/wheel"},
	{"engine/record"},
	{"engine/entry", "engine/bucket", "engine/series", "engine/clockmodel", "engine/place", "engine/rarity", "engine/category"},
	{"engine/gather"},
	{"engine/score"},
	{"engine"},
	{"internal/document", "internal/sqlite", "internal/query"},
	{"internal/ingest", "internal/inlog", "internal/store", "internal/docs"},
	{"internal/job"},
	{"internal/index"},
	{"internal/source"},
	{"internal/api", "client", "internal/guess"},
	{"internal/feed", "internal/detect", "internal/backtest", "internal/bundle"},
	{"internal/demo", "internal/app"},
	{"internal/cli"},
	{"cmd"},
	{"internal/archtest"},
	{"test"},
}

// only narrows what a package may import from this tree beyond its layer.
var only = map[string][]string{
	"client":      {"wire"},
	"wire":        {},
	"engine/num":  {},
	"cmd":         {"internal/cli"},
	"engine/spec": {"engine/codec"},
}

// testOnly are packages that tests share; product code must not use them.
var testOnly = []string{"test", "internal/archtest", "internal/inlog/inlogtest", "internal/store/storetest"}

func layerOf(path string) (layer int, entry string) {
	layer = -1
	for i, packages := range layers {
		for _, p := range packages {
			if (path == p || strings.HasPrefix(path, p+"/")) && len(p) > len(entry) {
				layer, entry = i, p
			}
		}
	}
	return layer, entry
}

// TestImportOrder keeps the arrows going one way.
func TestImportOrder(t *testing.T) {
	for _, pkg := range load(t) {
		at, entry := layerOf(pkg.path)
		if at < 0 {
			t.Errorf("package %s has no place in the import order: add it to layers in internal/archtest and to docs/architecture.md", pkg.path)
			continue
		}
		for _, imported := range pkg.imports {
			checkImport(t, pkg.path, imported, at, entry)
		}
	}
}

func checkImport(t *testing.T, from, to string, at int, entry string) {
	t.Helper()
	toLayer, toEntry := layerOf(to)
	switch {
	case toLayer > at:
		t.Errorf("%s imports %s, which lies above it: move what both need down, or let the upper package pass it in", from, to)
	case toLayer == at && toEntry != entry:
		t.Errorf("%s imports its neighbor %s: packages of one layer know nothing of each other; move the shared part down", from, to)
	}
	if allowed, narrow := only[entry]; narrow && toEntry != entry && !contains(allowed, toEntry) {
		t.Errorf("%s imports %s but may import only %v of this tree", from, to, allowed)
	}
	if isTestOnly(to) && !isTestOnly(from) && entry != "internal/demo" {
		t.Errorf("%s imports %s, which is for tests: product code must not depend on it", from, to)
	}
}

func isTestOnly(path string) bool {
	for _, p := range testOnly {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// TestEngineIsPure keeps clock, disk, network, logging and goroutines out of
// the engine.
func TestEngineIsPure(t *testing.T) {
	forbidden := map[string]string{
		"os":           "the caller reads and writes files; the engine gets readers and writers",
		"net":          "the engine talks to nobody",
		"net/http":     "the engine talks to nobody",
		"log":          "return values and events; only the edge logs",
		"log/slog":     "return values and events; only the edge logs",
		"sync":         "one goroutine owns an engine; parallel work goes through the Parallel argument",
		"sync/atomic":  "one goroutine owns an engine; parallel work goes through the Parallel argument",
		"hash/maphash": "its seed differs between runs; use a fixed hash",
		"math/rand":    "results must be reproducible; use a generator seeded from the state",
		"math/rand/v2": "results must be reproducible; use a generator seeded from the state",
		"unsafe":       "states and formats must not depend on memory layout",
	}
	seen := 0
	for _, pkg := range load(t) {
		if pkg.path != "engine" && !strings.HasPrefix(pkg.path, "engine/") {
			continue
		}
		seen++
		for _, std := range pkg.std {
			if why, bad := forbidden[std]; bad {
				t.Errorf("%s imports %s: %s", pkg.path, std, why)
			}
		}
	}
	if seen == 0 {
		t.Fatal("no engine package was looked at")
	}
}
