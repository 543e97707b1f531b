package archtest

import (
	"go/ast"
	"go/importer"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackageDocs: a reader learns from one sentence what a package is.
func TestPackageDocs(t *testing.T) {
	for _, pkg := range load(t) {
		name := filepath.Base(pkg.path)
		want := "Package " + name + " "
		if strings.HasPrefix(pkg.path, "cmd/") {
			want = "Command " + name + " "
		}
		if !strings.HasPrefix(pkg.doc, want) {
			t.Errorf("package %s: the package comment must begin %q and say in one sentence what it holds", pkg.path, want)
		}
	}
}

// maxLines keeps files to one idea.
const maxLines = 1000

// TestFileLength looks at test files too.
func TestFileLength(t *testing.T) {
	eachFile(t, ".go", func(name string, raw []byte) {
		if n := strings.Count(string(raw), "\n"); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by idea", name, n, maxLines)
		}
	})
}

// forbiddenCalls in the engine would let the outside in.
var forbiddenCalls = map[string]string{
	"time.Now":          "time comes in as entries",
	"time.Since":        "time comes in as entries",
	"time.Sleep":        "the engine never waits",
	"time.LoadLocation": "zone data is embedded and passed in",
	"time.Local":        "results must not depend on the machine's zone",
}

// TestEngineCalls finds clocks, goroutines and map ranges in the engine.
func TestEngineCalls(t *testing.T) {
	for _, pkg := range load(t) {
		if pkg.path != "engine" && !strings.HasPrefix(pkg.path, "engine/") {
			continue
		}
		info := check(pkg)
		for _, f := range pkg.files {
			excused := excuses(f.syntax)
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: the engine starts no goroutine; use the Parallel argument", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						if why, bad := forbiddenCalls[x.Name+"."+n.Sel.Name]; bad {
							t.Errorf("%s: %s.%s: %s", fset.Position(n.Pos()), x.Name, n.Sel.Name, why)
						}
					}
				case *ast.RangeStmt:
					tv, ok := info.Types[n.X]
					if !ok || tv.Type == nil {
						return true
					}
					if _, isMap := tv.Type.Underlying().(*types.Map); isMap && !excused[fset.Position(n.Pos()).Line] {
						t.Errorf("%s: ranges over a map, whose order is random; sort the keys, or end the line before with a comment \"order-free: why\"", fset.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}

// excuses returns the lines that follow a comment saying why order is no matter.
func excuses(f *ast.File) map[int]bool {
	lines := map[int]bool{}
	for _, group := range f.Comments {
		if strings.Contains(group.Text(), "order-free: ") {
			lines[fset.Position(group.End()).Line+1] = true
		}
	}
	return lines
}

var (
	stdImporter = importer.ForCompiler(fset, "source", nil)
	checked     = map[string]*types.Package{}
)

// check types a package as far as its imports resolve; what does not resolve
// stays untyped, which can only hide maps declared outside this module's
// engine.
func check(pkg source) *types.Info {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: chain{}, Error: func(error) {}}
	var files []*ast.File
	for _, f := range pkg.files {
		if !f.tagged {
			files = append(files, f.syntax)
		}
	}
	if p, _ := conf.Check(module+"/"+pkg.path, fset, files, info); p != nil {
		checked[module+"/"+pkg.path] = p
	}
	return info
}

// chain resolves this module's packages from their parsed sources and the
// rest from the standard library.
type chain struct{}

func (chain) Import(path string) (*types.Package, error) {
	if p := checked[path]; p != nil {
		return p, nil
	}
	if inner, ours := strings.CutPrefix(path, module+"/"); ours {
		for _, pkg := range loaded {
			if pkg.path == inner {
				check(pkg)
				return checked[path], nil
			}
		}
	}
	return stdImporter.Import(path)
}

// foreign are words that must not appear in what we ship: paths of machines
// and of the material the product must not depend on.
var foreign = regexp.MustCompile(`/(work|farm|root)/[a-z.]|\.\./shared/`)

// TestNoForeignPaths keeps machine paths out of the tree.
func TestNoForeignPaths(t *testing.T) {
	dir := root(t)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".txt", ".yaml", ".yml", ".json", ".sql", ".sh", "":
		default:
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > 1<<20 || strings.HasSuffix(path, "house_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := foreign.FindIndex(raw); at != nil {
			line := 1 + strings.Count(string(raw[:at[0]]), "\n")
			t.Errorf("%s:%d: a machine's path (%q): name things by what a user has", path, line, raw[at[0]:at[1]])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
