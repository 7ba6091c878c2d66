// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"holdfast/core/config"
)

// module is the path that the packages of this module begin with.
const module = "holdfast"

// A source reads the comments of the module's types, a package at a time.
type source struct {
	root     string
	packages map[string]*pkg
}

// A pkg is what one package declares. ownForm names the types that read themselves from text or
// JSON: what lies in them is not a field of the file.
type pkg struct {
	path    string
	types   map[string]*typeOf
	ownForm map[string]bool
}

type typeOf struct {
	pkg  *pkg
	file *ast.File
	doc  string
	expr ast.Expr
}

func newSource(root string) *source { return &source{root: root, packages: map[string]*pkg{}} }

// section lists the section itself and its fields.
func (s *source) section(section config.Section) ([]entry, error) {
	t := reflect.TypeOf(section.Into).Elem()
	if t.PkgPath() == "" {
		return []entry{{path: section.Name, text: "One value."}}, nil
	}
	of, err := s.lookup(t.PkgPath(), t.Name())
	if err != nil {
		return nil, err
	}
	entries := []entry{{path: section.Name, text: pronoun(of.doc, t.Name())}}
	fields, err := s.fields(section.Name, ast.NewIdent(t.Name()), of, 0)
	return append(entries, fields...), err
}

func (s *source) lookup(path, name string) (*typeOf, error) {
	p, err := s.load(path)
	if err != nil {
		return nil, err
	}
	of, ok := p.types[name]
	if !ok {
		return nil, fmt.Errorf("package %s declares no type %s", path, name)
	}
	return of, nil
}

func (s *source) load(path string) (*pkg, error) {
	if p, ok := s.packages[path]; ok {
		return p, nil
	}
	p := &pkg{path: path, types: map[string]*typeOf{}, ownForm: map[string]bool{}}
	s.packages[path] = p
	dir := filepath.Join(s.root, filepath.FromSlash(strings.TrimPrefix(strings.TrimPrefix(path, module), "/")))
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.add(file)
	}
	return p, nil
}

func (p *pkg) add(file *ast.File) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					doc := t.Doc
					if doc == nil {
						doc = d.Doc
					}
					p.types[t.Name.Name] = &typeOf{pkg: p, file: file, doc: sentence(doc), expr: t.Type}
				}
			}
		case *ast.FuncDecl:
			if name := receiver(d); name != "" && (d.Name.Name == "UnmarshalJSON" || d.Name.Name == "UnmarshalText") {
				p.ownForm[name] = true
			}
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	expr := d.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if name, ok := expr.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// sentence is a comment on one line.
func sentence(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}

// called puts the name that the file knows in the place of Go's, where a comment begins with it.
func called(text, name, key string) string {
	if rest, ok := strings.CutPrefix(text, name+" "); ok {
		return key + " " + rest
	}
	return text
}

// pronoun puts a word for the name of a type, which a reader of the manual does not know.
func pronoun(text, name string) string {
	if rest, ok := strings.CutPrefix(text, name+" is "); ok {
		return "This is " + rest
	}
	if rest, ok := strings.CutPrefix(text, name+" are "); ok {
		return "These are " + rest
	}
	return text
}

// deepest ends types that hold themselves.
const deepest = 12

// fields lists what lies under a path whose value has the type expr, as written in the file of in.
func (s *source) fields(path string, expr ast.Expr, in *typeOf, depth int) ([]entry, error) {
	if depth > deepest {
		return nil, nil
	}
	switch e := expr.(type) {
	case *ast.StarExpr:
		return s.fields(path, e.X, in, depth)
	case *ast.ArrayType:
		return s.fields(path+".*", e.Elt, in, depth+1)
	case *ast.MapType:
		return s.fields(path+".*", e.Value, in, depth+1)
	case *ast.StructType:
		return s.members(path, e, in, depth)
	case *ast.Ident:
		named, ok := in.pkg.types[e.Name]
		if !ok || in.pkg.ownForm[e.Name] {
			return nil, nil // predeclared, or a form of its own
		}
		return s.fields(path, named.expr, named, depth+1)
	case *ast.SelectorExpr:
		return s.imported(path, e, in, depth)
	}
	return nil, nil
}

func (s *source) imported(path string, e *ast.SelectorExpr, in *typeOf, depth int) ([]entry, error) {
	name, ok := e.X.(*ast.Ident)
	if !ok {
		return nil, nil
	}
	for _, spec := range in.file.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil || from != module && !strings.HasPrefix(from, module+"/") {
			continue
		}
		local := from[strings.LastIndexByte(from, '/')+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local != name.Name {
			continue
		}
		named, err := s.lookup(from, e.Sel.Name)
		if err != nil || named.pkg.ownForm[e.Sel.Name] {
			return nil, err
		}
		return s.fields(path, named.expr, named, depth+1)
	}
	return nil, nil // a type of a library: its form is its own
}

func (s *source) members(path string, e *ast.StructType, in *typeOf, depth int) ([]entry, error) {
	var out []entry
	for _, f := range e.Fields.List {
		names := f.Names
		if len(names) == 0 {
			inner, err := s.fields(path, f.Type, in, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
			continue
		}
		for _, name := range names {
			key := jsonName(f, name.Name)
			if key == "-" || !name.IsExported() {
				continue
			}
			out = append(out, entry{path: path + "." + key, text: called(sentence(f.Doc, f.Comment), name.Name, key)})
			inner, err := s.fields(path+"."+key, f.Type, in, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		}
	}
	return out, nil
}

func jsonName(f *ast.Field, fallback string) string {
	if f.Tag == nil {
		return fallback
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return fallback
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	if name == "" {
		return fallback
	}
	return name
}
