// SPDX-License-Identifier: Apache-2.0

package skills

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/poison"
)

// Bounds on what one source may hold. A folder beyond them is a problem and no skill.
const (
	manifestName = "SKILL.md"
	scheme       = "skill://"

	maxSkills      = 200 // of one source
	maxFiles       = 200 // of one skill
	maxDepth       = 8
	maxFile        = 4 << 20
	maxSkill       = 16 << 20
	maxManifest    = 512 << 10
	maxFrontmatter = 16 << 10
	maxName        = 64
	maxDescription = 1024
)

// read looks at every folder that may hold skills. Files that are as they were before are not read
// again.
func (s *Skills) read(before map[string]stamped) reading {
	r := reading{problems: []holdfast.Problem{}, before: before}
	s.source(&r, "home", "skills")
	extensions := s.needs.Home.Path("extensions")
	entries, err := os.ReadDir(extensions)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problem("extensions", "cannot be read: "+err.Error(), "")
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && (s.needs.Enabled == nil || s.needs.Enabled(e.Name())) {
			s.source(&r, "extension "+e.Name(), filepath.Join("extensions", e.Name(), "skills"))
		}
	}
	slices.SortStableFunc(r.skills, func(a, b *Skill) int { return strings.Compare(a.Name, b.Name) })
	return r
}

func (r *reading) problem(place, message, remedy string) {
	r.problems = append(r.problems, holdfast.Problem{File: filepath.ToSlash(place), Message: message, Remedy: remedy})
}

// source reads the skills in one folder of the home.
func (s *Skills) source(r *reading, source, place string) {
	dir := s.needs.Home.Path(place)
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		if err == nil {
			r.problem(place, "is no folder", "skills are read from a folder, not through a link")
		}
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.problem(place, "cannot be read: "+err.Error(), "")
		return
	}
	found := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		at := filepath.Join(place, e.Name())
		switch {
		case !e.IsDir():
			if e.Type()&fs.ModeSymlink != 0 {
				r.problem(at, "is a link, and not read", "put the skill's folder itself there")
			}
			continue
		case found == maxSkills:
			r.problem(place, fmt.Sprintf("holds more than %d folders; the rest is not read", maxSkills), "")
			return
		}
		found++
		k, problem := s.skill(filepath.Join(dir, e.Name()), source, r.before)
		if problem != "" {
			r.problem(at, problem, "")
			continue
		}
		r.skills = append(r.skills, k)
	}
}

// skill reads one folder, or says why it is none.
func (s *Skills) skill(folder, source string, before map[string]stamped) (*Skill, string) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, "cannot be read: " + err.Error()
	}
	defer func() { _ = root.Close() }()
	text, err := readFile(root, manifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "has no " + manifestName
	}
	if err != nil {
		return nil, "cannot read its " + manifestName + ": " + err.Error()
	}
	k, problem := s.parse(folder, text)
	if problem != "" {
		return nil, problem
	}
	k.Source, k.folder = source, folder
	k.URI = scheme + escaped(k.path()) + "/" + manifestName
	digests := func(name string, info fs.FileInfo) (string, int64, error) {
		path := filepath.Join(folder, name)
		known, ok := before[path]
		if !ok || known.size != info.Size() || !known.at.Equal(info.ModTime()) {
			sum, size, err := digest(root, name)
			if err != nil {
				return "", 0, err
			}
			known = stamped{size: size, at: info.ModTime(), sum: sum}
		}
		s.sums[path] = known
		return known.sum, known.size, nil
	}
	if k.Files, err = files(root, scheme+escaped(k.path()), digests); err != nil {
		return nil, err.Error()
	}
	return k, ""
}

// escaped is a path within an address.
func escaped(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// files lists what lies in a skill's folder. Links are left out wherever they point.
func files(root *os.Root, base string, digests func(string, fs.FileInfo) (string, int64, error)) ([]File, error) {
	list, total := []File{}, int64(0)
	err := fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("cannot read %s: %w", name, err)
		case e.IsDir() && strings.Count(name, "/") >= maxDepth:
			return fmt.Errorf("is nested more than %d deep", maxDepth)
		case name != "." && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular():
			return nil
		case len(list) == maxFiles:
			return fmt.Errorf("holds more than %d files", maxFiles)
		}
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		sum, size, err := digests(name, info)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		if total += size; total > maxSkill {
			return fmt.Errorf("is larger than %d MiB", maxSkill>>20)
		}
		list = append(list, File{Path: name, URI: base + "/" + escaped(name), Size: size, Digest: "sha256:" + sum})
		return nil
	})
	slices.SortFunc(list, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return list, err
}

func digest(root *os.Root, name string) (sum string, size int64, err error) {
	f, err := open(root, name, maxFile)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	size, err = io.Copy(hash, io.LimitReader(f, maxFile+1))
	if err == nil && size > maxFile {
		err = fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

// open opens an ordinary file and nothing that stands in its place: no link, no pipe that waits.
func open(root *os.Root, name string, bound int64) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, errors.New("is no ordinary file")
	}
	if before.Size() > bound {
		return nil, fmt.Errorf("is larger than %d bytes", bound)
	}
	// Without O_NONBLOCK a pipe that took the file's place would keep the house waiting.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = errors.New("is no ordinary file")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func readFile(root *os.Root, name string, bound int64) ([]byte, error) {
	f, err := open(root, name, bound)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, bound+1))
	if err == nil && int64(len(text)) > bound {
		err = fmt.Errorf("is larger than %d bytes", bound)
	}
	return text, err
}

// readIn reads one file of a skill's folder.
func readIn(folder, name string) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	bound := int64(maxFile)
	if name == manifestName {
		bound = maxManifest
	}
	return readFile(root, path.Clean(name), bound)
}

// manifest is what counts of the front of a SKILL.md.
type manifest struct {
	Name          string `yaml:"name"`
	Description   string `yaml:"description"`
	License       string `yaml:"license"`
	Compatibility string `yaml:"compatibility"`
}

// parse reads a SKILL.md; problem says why it is none.
func (s *Skills) parse(folder string, text []byte) (k *Skill, problem string) {
	front, body, err := split(text)
	if err != nil {
		return nil, manifestName + " " + err.Error()
	}
	m, all, err := frontmatter(front)
	if err != nil {
		return nil, "the front of " + manifestName + " cannot be read: " + plain.Text(err.Error(), 500)
	}
	name := strings.TrimSpace(m.Name)
	switch {
	case !validName(name):
		return nil, fmt.Sprintf("the name %q is none for a skill: 1 to 64 letters a-z, digits and single -, no - at an end", plain.Text(name, 80))
	case name != filepath.Base(folder):
		return nil, fmt.Sprintf("the name %q is not its folder's", name)
	case strings.TrimSpace(m.Description) == "":
		return nil, "has no description, by which an agent would know when to use it"
	case len([]rune(m.Description)) > maxDescription:
		return nil, fmt.Sprintf("has a description of more than %d characters", maxDescription)
	}
	k = &Skill{
		Name: name, Description: strings.TrimSpace(m.Description), Frontmatter: all,
		License: plain.Text(m.License, 500), Compatibility: plain.Text(m.Compatibility, 500),
	}
	k.Withheld = s.judge(k, body)
	return k, ""
}

// judge says why a skill must not reach a model. Its body gives orders, as it should; only what
// nobody sees has no place there.
func (s *Skills) judge(k *Skill, body []byte) string {
	reader := s.reader()
	for _, f := range reader.Look([]poison.Text{{Where: "description", Text: k.Description}}) {
		return f.String()
	}
	for part := range slices.Chunk(body, 8<<10) {
		for _, f := range reader.Look([]poison.Text{{Where: "text", Text: string(part)}}) {
			if f.Kind == poison.Hidden {
				return f.String()
			}
		}
	}
	return ""
}

// validName is the rule of the format.
func validName(name string) bool {
	if name == "" || len(name) > maxName || strings.Contains(name, "--") || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// split cuts a SKILL.md into its front, which stands between two lines of ---, and the rest.
func split(text []byte) (front, body []byte, err error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !bytes.HasPrefix(text, []byte("---\n")) && !bytes.HasPrefix(text, []byte("---\r\n")) {
		return nil, nil, errors.New("does not begin with a line ---")
	}
	rest := text[bytes.IndexByte(text, '\n')+1:]
	for at := 0; at < len(rest) && at <= maxFrontmatter; {
		end := bytes.IndexByte(rest[at:], '\n')
		line := rest[at:]
		next := len(rest)
		if end >= 0 {
			line, next = rest[at:at+end], at+end+1
		}
		if string(bytes.TrimRight(line, " \t\r")) == "---" {
			return rest[:at], rest[next:], nil
		}
		at = next
	}
	return nil, nil, fmt.Errorf("has no second line --- within %d KiB", maxFrontmatter>>10)
}

// frontmatter reads the front. Anchors, aliases and tags are refused: no manifest needs them, and
// they unfold to more than was written.
func frontmatter(front []byte) (m manifest, all json.RawMessage, err error) {
	defer func() {
		if caught := recover(); caught != nil { // the file is not ours
			err = fmt.Errorf("is not YAML that can be understood (%v)", caught)
		}
	}()
	file, err := parser.ParseBytes(bytes.ReplaceAll(front, []byte("\r\n"), []byte("\n")), 0)
	if err != nil {
		return m, nil, err
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return m, nil, errors.New("holds no fields")
	}
	body := file.Docs[0].Body
	guard := &plainYAML{}
	ast.Walk(guard, body)
	if guard.fault != "" {
		return m, nil, errors.New(guard.fault)
	}
	var fields map[string]any
	if err := yaml.NodeToValue(body, &fields); err != nil {
		return m, nil, err
	}
	if err := yaml.NodeToValue(body, &m); err != nil {
		return m, nil, err
	}
	all, err = json.Marshal(fields)
	return m, all, err
}

// plainYAML notes what is more than fields and values.
type plainYAML struct {
	nodes int
	fault string
}

// Visit looks at one node.
func (p *plainYAML) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		p.fault = "anchors, aliases and tags are not read"
	}
	if p.nodes++; p.nodes > 2000 {
		p.fault = "holds too many values"
	}
	if p.fault != "" {
		return nil
	}
	return p
}
