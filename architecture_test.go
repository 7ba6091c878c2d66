// SPDX-License-Identifier: Apache-2.0

package holdfast_test

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A stratum says what the packages under one folder may import of this module. The first row that
// matches a package decides; a package in no row fails.
type stratum struct {
	packages string   // "core/*" matches everything below core, "." the root
	may      []string // patterns of the same form
}

var strata = []stratum{
	{"edge/router", nil},
	{".", nil},
	{"core/home/*", []string{".", "core/home/*"}},
	{"core/config/configactions", []string{".", "core/*"}},
	{"core/config/*", []string{".", "core/home/*", "core/config/*"}},
	{"core/process/*", []string{".", "core/home/*", "core/process/*"}},
	{"core/store/*", []string{".", "core/home/*", "core/store/*"}},
	{"core/metrics", []string{"."}},
	{"core/trace", []string{".", "core/house", "core/keys"}},
	{"core/intent", []string{".", "core/home/*"}},
	{"core/*", []string{".", "core/*"}},
	{"cmd/holdfast-edge", []string{"edge/router"}},
	{"cmd/holdfast", []string{"app"}},
	{"cmd/holdfast-watch", []string{
		".", "core/home/*", "core/intent", "core/process/*", "units/logkeeper", "units/watch", "units/upgrade/swap",
		"gateway/breaker/judge", "gateway/breaker/halt", "gateway/telemetry/outside",
	}},
	{"units/logkeeper", []string{".", "core/home/*", "core/process/*"}},
	{"units/upgrade/swap", []string{".", "core/home/*"}},
	{"units/watch", []string{".", "core/home/*", "core/intent", "core/process/*", "units/logkeeper", "units/upgrade/swap"}},
	{"gateway/breaker/judge", []string{"."}},
	{"gateway/breaker/halt", []string{".", "core/home/*", "gateway/breaker/judge"}},
	{"gateway/breaker/hook", nil},
	{"gateway/telemetry/scan", []string{".", "core/home/*"}},
	{"gateway/telemetry/outside", []string{".", "core/home/*", "gateway/breaker/judge", "gateway/telemetry/scan"}},
	{"units/*", []string{".", "core/*", "units/*"}},
	{"gateway/*", []string{".", "core/*", "gateway/*"}},
	{"agent/*", []string{".", "core/*", "agent/*"}},
	{"edge/*", []string{".", "core/*", "edge/*"}},
	{"surface/*", []string{".", "core/*", "surface/*"}},
	{"app/*", []string{"*"}},
	{"holdfasttest/need", nil},
	{"holdfasttest/timing", nil},
	{"holdfasttest", []string{"*"}},
	{"bench/*", []string{"*"}},
	{"test/*", []string{"*"}},
}

// exceptions to the ratchets; the list only shrinks.
var exceptions = map[string]string{}

func under(pattern, pkg string) bool {
	base, deep := strings.CutSuffix(pattern, "/*")
	return pattern == "*" || pkg == base || (deep && strings.HasPrefix(pkg, base+"/"))
}

type source struct {
	path  string // from the root
	pkg   string // folder, "." for the root
	test  bool
	text  []byte
	file  *ast.File
	lines int
}

func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	set := token.NewFileSet()
	var list []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "testdata", "bin", "dist"}, d.Name())) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		list = append(list, source{
			path: filepath.ToSlash(p), pkg: path.Dir(filepath.ToSlash(p)), test: strings.HasSuffix(p, "_test.go"),
			text: text, file: file, lines: strings.Count(string(text), "\n"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, list
}

func TestStrata(t *testing.T) {
	_, list := sources(t)
	for _, s := range list {
		at := slices.IndexFunc(strata, func(row stratum) bool { return under(row.packages, s.pkg) })
		if at < 0 {
			t.Errorf("%s: package %s stands in no row of the strata table", s.path, s.pkg)
			continue
		}
		for _, spec := range s.file.Imports {
			checkImport(t, s, strata[at], strings.Trim(spec.Path.Value, `"`))
		}
	}
}

func checkImport(t *testing.T, s source, row stratum, imported string) {
	t.Helper()
	first, _, _ := strings.Cut(imported, "/")
	if imported != "holdfast" && !strings.HasPrefix(imported, "holdfast/") {
		if s.pkg == "edge/router" && strings.Contains(first, ".") {
			t.Errorf("%s imports %s: edge/router imports only the standard library", s.path, imported)
		}
		if s.pkg == "." && !s.test && slices.Contains([]string{"os", "net", "net/http", "database/sql"}, imported) {
			t.Errorf("%s imports %s: the words do no I/O", s.path, imported)
		}
		return
	}
	target := strings.TrimPrefix(strings.TrimPrefix(imported, "holdfast"), "/")
	if target == "" {
		target = "."
	}
	if s.test && (under("core/*", target) || under("holdfasttest/*", target) || target == s.pkg) {
		return // a test may use core's own test helpers
	}
	if target == s.pkg || slices.ContainsFunc(row.may, func(p string) bool { return under(p, target) }) {
		return
	}
	t.Errorf("%s imports %s: %s may import only %v", s.path, imported, row.packages, row.may)
}

// TestTheLinkerDropsWhatNobodyCalls: a program that may find a method by its name while it runs, as
// templates do, keeps every method of every type in it. That is a tenth of holdfast, on the disk and in the
// memory of each house.
func TestTheLinkerDropsWhatNobodyCalls(t *testing.T) {
	_, list := sources(t)
	for _, s := range list {
		if s.test || slices.ContainsFunc([]string{"bench/*", "test/*", "holdfasttest/*", "cmd/holdfast-edge"}, func(of string) bool { return under(of, s.pkg) }) {
			continue
		}
		for _, spec := range s.file.Imports {
			if imported := strings.Trim(spec.Path.Value, `"`); imported == "text/template" || imported == "html/template" {
				t.Errorf("%s imports %s", s.path, imported)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"MethodByName", "SetUsageTemplate", "SetHelpTemplate", "SetVersionTemplate"}, call.Sel.Name) {
				t.Errorf("%s calls %s", s.path, call.Sel.Name)
			}
			return true
		})
	}
}

func TestRatchets(t *testing.T) {
	set, list := sources(t)
	methods := map[string]int{}
	commented := map[string]bool{}
	for _, s := range list {
		if !strings.HasPrefix(string(s.text), "// SPDX-License-Identifier: Apache-2.0\n") {
			complain(t, s.path, "does not begin with the SPDX line")
		}
		if s.lines > 600 {
			complain(t, s.path, "has more than 600 lines")
		}
		for _, line := range wide(set, s) {
			complain(t, fmt.Sprintf("%s:%d", s.path, line), "has more than 160 characters of code: lay it out on several lines")
		}
		commented[s.pkg] = commented[s.pkg] || s.file.Doc != nil && !s.test
		if s.test && regexp.MustCompile(`\btime\.Sleep\(`).Match(s.text) {
			complain(t, s.path, "sleeps in a test: use synctest, a channel, or polling with a deadline")
		}
		for _, d := range s.file.Decls {
			checkDeclaration(t, set, s, d, methods)
		}
	}
	for _, s := range list {
		if !s.test && !commented[s.pkg] {
			complain(t, s.pkg, "has no package comment")
			commented[s.pkg] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		if methods[name] > 25 {
			complain(t, name, "has more than 25 methods")
		}
	}
}

func complain(t *testing.T, what, why string) {
	t.Helper()
	if _, listed := exceptions[what]; !listed {
		t.Errorf("%s %s", what, why)
	}
}

// wide lists the lines with more than 160 characters of code. Comments and strings do not count: a
// message, a tag or a URL stays whole, so that it can be searched for.
func wide(set *token.FileSet, s source) (list []int) {
	code := slices.Clone(s.text)
	leaveOut := func(n ast.Node) {
		for i := set.Position(n.Pos()).Offset; i < set.Position(n.End()).Offset; i++ {
			if code[i] != '\n' {
				code[i] = 0
			}
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			leaveOut(text)
		}
		return true
	})
	for _, comment := range s.file.Comments {
		leaveOut(comment)
	}
	number := 0
	for line := range bytes.Lines(code) {
		number++
		if utf8.RuneCount(bytes.ReplaceAll(line, []byte{0}, nil)) > 161 { // with the line's end
			list = append(list, number)
		}
	}
	return list
}

func checkDeclaration(t *testing.T, set *token.FileSet, s source, d ast.Decl, methods map[string]int) {
	t.Helper()
	switch d := d.(type) {
	case *ast.FuncDecl:
		if lines := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1; lines > 70 {
			complain(t, s.path+":"+d.Name.Name, "is longer than 70 lines")
		}
		if d.Name.Name == "init" && d.Recv == nil {
			complain(t, s.path, "has an init function")
		}
		if d.Recv != nil && !s.test {
			methods[s.pkg+"."+receiver(d.Recv.List[0].Type)]++
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			checkSpec(t, s, d.Tok, spec)
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// checkSpec holds interfaces to five methods, and package variables to what cannot change: embedded
// files, errors, compiled patterns, and lists that are only read stand in the form `var x = …` with
// a comment; a variable without a value or that is assigned to anywhere is mutable.
func checkSpec(t *testing.T, s source, tok token.Token, spec ast.Spec) {
	t.Helper()
	if ts, ok := spec.(*ast.TypeSpec); ok {
		if i, ok := ts.Type.(*ast.InterfaceType); ok && len(i.Methods.List) > 5 {
			complain(t, s.path+":"+ts.Name.Name, "has more than 5 methods")
		}
		return
	}
	vs, ok := spec.(*ast.ValueSpec)
	if !ok || tok != token.VAR || s.test {
		return
	}
	for _, name := range vs.Names {
		if name.Name != "_" && assigned(s.file, name.Name) {
			complain(t, s.path+":"+name.Name, "is a package variable that is assigned to")
		}
	}
}

// assigned tells whether a function of the file assigns to the package's own name: an assignment
// within a function that declares no name of its own like it.
func assigned(file *ast.File, name string) bool {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		own, set := false, false
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				own = own || slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name == name })
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok && id.Name == name {
						own, set = own || n.Tok == token.DEFINE, set || n.Tok != token.DEFINE
					}
				}
			case *ast.ValueSpec:
				own = own || slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name == name })
			}
			return true
		})
		if set && !own {
			return true
		}
	}
	return false
}

func TestWordsStayShort(t *testing.T) {
	_, list := sources(t)
	total := 0
	for _, s := range list {
		if s.pkg == "." && !s.test {
			total += s.lines
		}
	}
	if total > 1500 {
		t.Errorf("the words take %d lines, want at most 1,500", total)
	}
}

func TestNoReplace(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*replace\b`).Match(text) {
		t.Error("go.mod has a replace directive")
	}
}

// TestMapsNameWhatExists holds every path that a map names in backquotes, and every relative link,
// against the tree.
func TestMapsNameWhatExists(t *testing.T) {
	inQuotes := regexp.MustCompile("`([a-z][a-zA-Z0-9_.-]*/[a-zA-Z0-9_./*-]*)`")
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, doc := range []string{"ARCHITECTURE.md", "README.md"} {
		for _, named := range append(found(t, doc, inQuotes), found(t, doc, link)...) {
			matches, err := filepath.Glob(filepath.FromSlash(strings.TrimSuffix(named, "/")))
			if err != nil || len(matches) == 0 && !made(named) {
				t.Errorf("%s names %s, which does not exist", doc, named)
			}
		}
	}
}

// made tells of paths that appear only in a home, in a build, or in an address.
func made(p string) bool {
	return slices.ContainsFunc([]string{"bin/", "home/", "var/", "extensions/", "agents/", "ext/", "api/", "v1/"}, func(prefix string) bool { return strings.HasPrefix(p, prefix) })
}

func found(t *testing.T, doc string, pattern *regexp.Regexp) []string {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range pattern.FindAllSubmatch(text, -1) {
		list = append(list, string(m[1]))
	}
	return list
}

// TestMapIsComplete wants every package of the house on the map.
func TestMapIsComplete(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list := sources(t)
	missing := map[string]bool{}
	for _, s := range list {
		if s.test || s.pkg == "." || strings.HasPrefix(s.pkg, "bench") || strings.HasPrefix(s.pkg, "test") {
			continue
		}
		if !strings.Contains(string(text), "`"+s.pkg+"`") && !strings.Contains(string(text), "`"+s.pkg+"/`") {
			missing[s.pkg] = true
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("ARCHITECTURE.md does not name `%s`", pkg)
	}
}

// TestMakefileStaysShort keeps the Makefile under forty lines.
func TestMakefileStaysShort(t *testing.T) {
	file, err := os.Open("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := 0
	for s := bufio.NewScanner(file); s.Scan(); {
		lines++
	}
	if lines >= 40 {
		t.Errorf("the Makefile has %d lines, want under 40", lines)
	}
}
