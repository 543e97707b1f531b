package archtest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	quoted    = regexp.MustCompile("`([^`]+)`")
	testName  = regexp.MustCompile(`^(Test|Fuzz)[A-Z]\w*$`)
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	codeBlock = regexp.MustCompile("(?s)```.*?```")
	// formatConst is the version of a format in the code.
	formatConst = regexp.MustCompile(`(?m)^(?:const|\t)\s*(?:version|formatVersion|snapshotVersion)\s+= (\d+)`)
	link        = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// folders are the folders of the tree that hold Go files, and what their tests
// are called.
func folders(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	eachFile(t, ".go", func(name string, raw []byte) {
		folder := path.Dir(name)
		if tests[folder] == nil {
			tests[folder] = []string{}
		}
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range testFunc.FindAllSubmatch(raw, -1) {
				tests[folder] = append(tests[folder], string(m[1]))
			}
		}
	})
	return tests
}

// TestContractsAreHeld: each test that docs/contracts.md names is in the package
// that it names before it.
func TestContractsAreHeld(t *testing.T) {
	tests := folders(t)
	raw, err := os.ReadFile(filepath.Join(root(t), "docs", "contracts.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for number, line := range strings.Split(string(raw), "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 2 {
			continue
		}
		folder := ""
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			name := m[1]
			switch {
			case testName.MatchString(name):
				checked++
				if !slices.Contains(tests[folder], name) {
					t.Errorf("docs/contracts.md:%d: there is no test %s in %q", number+1, name, folder)
				}
			case strings.HasSuffix(name, ".txtar"):
				checked++
				if _, err := os.Stat(filepath.Join(root(t), folder, "testdata", name)); err != nil {
					t.Errorf("docs/contracts.md:%d: there is no script %s in %q", number+1, name, folder)
				}
			case tests[name] != nil:
				folder = name
			}
		}
	}
	if checked < 100 {
		t.Fatalf("found only %d tests in docs/contracts.md: the reading is broken", checked)
	}
}

// TestArchitectureNamesEveryPackage holds docs/architecture.md and the import
// order to the packages that there are, in both directions.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	tests := folders(t)
	raw, err := os.ReadFile(filepath.Join(root(t), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		beside := ""
		for i, m := range quoted.FindAllStringSubmatch(cell, -1) {
			folder := m[1]
			if i == 0 {
				beside = path.Dir(folder)
			} else if !exists(tests, folder) {
				folder = beside + "/" + folder // `engine/spec`, `record` are neighbors.
			}
			named[folder] = true
			if !exists(tests, folder) {
				t.Errorf("docs/architecture.md names %q, which is no folder of this tree", folder)
			}
		}
	}
	for folder := range tests {
		if !named[folder] && !strings.HasPrefix(folder, "test/") {
			t.Errorf("docs/architecture.md does not say what %s is for", folder)
		}
	}
	for _, layer := range layers {
		for _, p := range layer {
			if !exists(tests, p) {
				t.Errorf("the import order has a place for %s, which is no folder of this tree", p)
			}
		}
	}
}

// exists reports whether there are Go files in a folder or below it.
func exists(tests map[string][]string, folder string) bool {
	if tests[folder] != nil {
		return true
	}
	for f := range tests {
		if strings.HasPrefix(f, folder+"/") {
			return true
		}
	}
	return false
}

// TestLinksLeadSomewhere: what a document points to inside the tree is there.
func TestLinksLeadSomewhere(t *testing.T) {
	checked := 0
	eachFile(t, ".md", func(name string, raw []byte) {
		for _, m := range link.FindAllSubmatch(codeBlock.ReplaceAll(raw, nil), -1) {
			to, _, _ := strings.Cut(string(m[1]), "#")
			if to == "" || strings.Contains(to, "://") {
				continue
			}
			checked++
			if _, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(path.Join(path.Dir(name), to)))); err != nil {
				t.Errorf("%s points to %q, which is not there", name, to)
			}
		}
	})
	if checked < 10 {
		t.Fatalf("found only %d links: the reading is broken", checked)
	}
}

// TestFormatsAreTold: docs/format tells the versions that the code writes.
func TestFormatsAreTold(t *testing.T) {
	told := regexp.MustCompile(`(?:Version|format) (\d+)`)
	for doc, code := range map[string]string{
		"entry.md": "engine/entry/encode.go", "snapshot.md": "engine/snapshot.go", "log.md": "internal/inlog/sqlitelog/log.go",
		"database.md": "internal/store/sqlitestore/store.go", "documents.md": "internal/docs/docs.go",
	} {
		text, err := os.ReadFile(filepath.Join(root(t), "docs", "format", doc))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(code)))
		if err != nil {
			t.Fatal(err)
		}
		inDoc, inCode := told.FindSubmatch(text), formatConst.FindSubmatch(source)
		if inDoc == nil || inCode == nil || string(inDoc[1]) != string(inCode[1]) {
			t.Errorf("docs/format/%s tells version %q, %s has %q", doc, inDoc, code, inCode)
		}
	}
}
