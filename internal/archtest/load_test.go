package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "tidemark"

// source is one package of this tree as its non-test files show it.
type source struct {
	path    string   // relative to the module, slashes
	imports []string // packages of this module, relative
	std     []string // everything else
	files   []file
	doc     string
}

type file struct {
	name   string // relative to the module
	lines  int
	syntax *ast.File
	tagged bool // behind a build constraint
}

var (
	loadOnce sync.Once
	loaded   []source
	loadErr  error
	fset     = token.NewFileSet()
)

// load parses the product's packages once per test binary.
func load(t *testing.T) []source {
	t.Helper()
	loadOnce.Do(func() { loaded, loadErr = parseTree(root(t)) })
	if loadErr != nil {
		t.Fatal(loadErr)
	}
	if len(loaded) < 5 {
		t.Fatalf("found only %d packages: the walk is broken", len(loaded))
	}
	return loaded
}

// eachFile reads the files of the tree that end in a suffix, tests among them, by their
// names relative to the root, with slashes.
func eachFile(t *testing.T, suffix string, do func(name string, raw []byte)) {
	t.Helper()
	dir, found := root(t), 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(dir, path, d)
		}
		if !strings.HasSuffix(path, suffix) {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found++
		do(filepath.ToSlash(name), raw)
		return err
	})
	if err != nil || found < 5 {
		t.Fatalf("walk: %v, %d files in %s", err, found, suffix)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

func parseTree(root string) ([]source, error) {
	byPath := map[string]*source{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, path, d)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		return addFile(byPath, root, path)
	})
	packages := make([]source, 0, len(byPath))
	for _, p := range byPath {
		packages = append(packages, *p)
	}
	sort.Slice(packages, func(i, j int) bool { return packages[i].path < packages[j].path })
	return packages, err
}

// enter skips folders that are no part of this module.
func enter(root, path string, d fs.DirEntry) error {
	name := d.Name()
	if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
		return filepath.SkipDir
	}
	if path != root {
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
			return filepath.SkipDir
		}
	}
	return nil
}

func addFile(byPath map[string]*source, root, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(fset, path, raw, parser.ParseComments)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	dir := filepath.ToSlash(filepath.Dir(rel))
	p := byPath[dir]
	if p == nil {
		p = &source{path: dir}
		byPath[dir] = p
	}
	for _, imp := range syntax.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return err
		}
		if inner, ours := strings.CutPrefix(name, module+"/"); ours {
			p.imports = append(p.imports, inner)
		} else {
			p.std = append(p.std, name)
		}
	}
	if syntax.Doc != nil {
		p.doc = syntax.Doc.Text()
	}
	p.files = append(p.files, file{
		name: rel, lines: strings.Count(string(raw), "\n"), syntax: syntax,
		tagged: strings.Contains(string(raw), "//go:build "),
	})
	return nil
}
