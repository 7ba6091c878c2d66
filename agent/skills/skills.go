// SPDX-License-Identifier: Apache-2.0

// Package skills reads the skills of the house: folders with a SKILL.md (the Agent Skills format) in
// the home's skills/ and in the skills/ of each extension.
//
// It is for listing them, for reading what lies in their folders, and for the short index by which
// an agent knows that there is one for what it is about to do. It runs nothing of them. It
// guarantees that a folder which is too large, lies, or points elsewhere is told as a problem and
// hurts no other, that nothing outside of a skill's folder is read, and that a skill whose words are
// meant to steer a model is not offered. Callers: agent/tools, which serves skills as prompts and
// resources; agent, for the index; the skill actions.
package skills

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/poison"
	"holdfast/core/home"
)

// A Skill is one folder with a SKILL.md. Its text is read when it is asked for.
type Skill struct {
	// Name is the folder's and the manifest's; two of one name are told apart by their sources.
	Name        string `json:"name"`
	Description string `json:"description"`
	// Source is "home" or "extension NAME".
	Source  string `json:"source"`
	License string `json:"license,omitempty"`
	// Compatibility says what the skill needs of its surroundings.
	Compatibility string `json:"compatibility,omitempty"`
	// URI is the resource of its SKILL.md.
	URI   string `json:"uri"`
	Files []File `json:"files"`
	// Withheld says why it is not offered, empty when it is.
	Withheld string `json:"withheld,omitempty"`
	// Frontmatter is the whole of the manifest as JSON.
	Frontmatter json.RawMessage `json:"frontmatter"`

	folder string // absolute
}

// A File is one file of a skill.
type File struct {
	// Path is relative to the skill's folder, with slashes.
	Path   string `json:"path"`
	URI    string `json:"uri"`
	Size   int64  `json:"size"`
	Digest string `json:"digest" help:"sha256: and the hash in hex"`
}

// Needs is what skills are read from.
type Needs struct {
	Home home.Home
	// Enabled tells whether the skills of an extension are offered; nil offers those of all.
	Enabled func(extension string) bool
	Log     *slog.Logger
}

// fresh is how long a reading of the folders counts.
const fresh = 5 * time.Second

// Skills are those of one home.
type Skills struct {
	needs  Needs
	reader func() *poison.Reader

	reading sync.Mutex         // one look at the folders at a time
	sums    map[string]stamped // of files by path, as they were last read; under reading
	mu      sync.Mutex
	seen    reading
	at      time.Time
}

// a reading is what the folders held at one time.
type reading struct {
	skills   []*Skill // by name, then source: the home's first
	problems []holdfast.Problem
	before   map[string]stamped // what was known of the files
}

// stamped is the digest of a file that had this size and time.
type stamped struct {
	size int64
	at   time.Time
	sum  string
}

// New names the skills of a home; nothing is read before they are asked for.
func New(needs Needs) *Skills {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	return &Skills{needs: needs, reader: sync.OnceValue(poison.NewReader)}
}

// look is what the folders hold, as it was a few seconds ago at most.
func (s *Skills) look() reading {
	if seen, ok := s.recent(); ok {
		return seen
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	if seen, ok := s.recent(); ok { // somebody else has just looked
		return seen
	}
	before := s.sums
	s.sums = make(map[string]stamped, len(before))
	seen := s.read(before)
	seen.before = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.at = seen, time.Now()
	return seen
}

func (s *Skills) recent() (reading, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen, !s.at.IsZero() && time.Since(s.at) < fresh
}

// List is every skill, those that are withheld too, and what is wrong with folders that are none.
func (s *Skills) List() ([]Skill, []holdfast.Problem) {
	seen := s.look()
	list := make([]Skill, 0, len(seen.skills))
	for _, k := range seen.skills {
		list = append(list, *k)
	}
	return list, seen.problems
}

// Offered are the skills that may reach a model. Only the first of one name is among them: the
// home's before those of extensions.
func (s *Skills) Offered() []Skill {
	var list []Skill
	taken := map[string]bool{}
	for _, k := range s.look().skills {
		if k.Withheld == "" && !taken[k.Name] {
			taken[k.Name] = true
			list = append(list, *k)
		}
	}
	return list
}

// Stamp tells whether what is offered is as it was: it is another when a skill or one of its files is.
func Stamp(offered []Skill) string {
	sum := sha256.New()
	for _, k := range offered {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", k.URI, k.Description)
		for _, f := range k.Files {
			_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", f.URI, f.Digest)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Find is a skill by its name, or by "extension/name" where two share one.
func (s *Skills) Find(name string) (Skill, error) {
	for _, k := range s.look().skills {
		if name == k.Name || name == k.path() || name == k.URI {
			return *k, nil
		}
	}
	return Skill{}, holdfast.Errorf(holdfast.CodeNotFound, "there is no skill %q: `holdfast skill list` lists them", plain.Text(name, 200))
}

// Read is one file of a skill, SKILL.md for an empty path. It reads the file as it is now and
// nothing outside of the skill's folder.
func (s *Skills) Read(k Skill, path string) ([]byte, error) {
	if k.Withheld != "" {
		return nil, holdfast.Errorf(holdfast.CodeConflict, "the skill %s is withheld: %s", k.Name, k.Withheld)
	}
	path = cmp.Or(path, manifestName)
	if !slices.ContainsFunc(k.Files, func(f File) bool { return f.Path == path }) {
		return nil, holdfast.Errorf(holdfast.CodeNotFound, "the skill %s has no file %q", k.Name, plain.Text(path, 200))
	}
	text, err := readIn(k.folder, path)
	if err != nil {
		return nil, holdfast.Errorf(holdfast.CodeUnavailable, "cannot read %s of the skill %s: %w", path, k.Name, err)
	}
	if path == manifestName {
		// It may have changed since it was listed, and what steers must not slip in between.
		fresh, problem := s.parse(k.folder, text)
		if problem != "" || fresh.Withheld != "" {
			return nil, holdfast.Errorf(holdfast.CodeConflict, "the skill %s is withheld: %s", k.Name, cmp.Or(problem, fresh.Withheld))
		}
	}
	return text, nil
}

// Resource finds the file that a skill:// address names.
func (s *Skills) Resource(uri string) (Skill, File, error) {
	if strings.HasPrefix(uri, scheme) {
		for _, k := range s.look().skills {
			for _, f := range k.Files {
				if f.URI == uri {
					return *k, f, nil
				}
			}
		}
	}
	return Skill{}, File{}, holdfast.Errorf(holdfast.CodeNotFound, "there is no resource %q", plain.Text(uri, 200))
}

// Index tells an agent which of the skills that are offered there are, one line each, in at most so
// many bytes; empty when there are none. The agent loads one by the tool that it names.
func Index(offered []Skill, bound int) string {
	const head = "Skills are instructions for certain kinds of work. When what you are asked fits one of them, load it first by the tool skill_show with its name, then follow it as far as it helps the user:\n"
	var b strings.Builder
	for i, k := range offered {
		line := fmt.Sprintf("- %s: %s\n", k.Name, oneLine(k.Description, 300))
		if b.Len()+len(line)+len(head)+80 > bound {
			fmt.Fprintf(&b, "- and %d more, which the tool skill_list lists\n", len(offered)-i)
			break
		}
		b.WriteString(line)
	}
	if b.Len() == 0 {
		return ""
	}
	return head + b.String()
}

// path is the skill's place in its address: its name, after its extension's.
func (k *Skill) path() string {
	if extension, ok := strings.CutPrefix(k.Source, "extension "); ok {
		return extension + "/" + k.Name
	}
	return k.Name
}

func oneLine(text string, bound int) string {
	return plain.Text(strings.Join(strings.Fields(text), " "), bound)
}
