// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/json"
	"fmt"
)

// stateVersion changes when what was read must be read again.
const stateVersion = 2

type keptState struct {
	Version int        `json:"version"`
	Files   []keptFile `json:"files"`
}

type keptFile struct {
	Path   string      `json:"path"`
	Read   stamp       `json:"read"`
	Offset int64       `json:"offset"`
	Tail   uint64      `json:"tail,omitempty"`
	Codex  codexState  `json:"codex,omitzero"`
	Gemini geminiState `json:"gemini,omitzero"`
	Form   form        `json:"form,omitzero"`
	Good   bool        `json:"good,omitempty"`
}

// State tells how far the files were read, for Restore.
func (s *Scanner) State() ([]byte, error) {
	kept := keptState{Version: stateVersion, Files: make([]keptFile, 0, len(s.files))}
	for _, f := range s.files {
		if f.read != (stamp{}) {
			kept.Files = append(kept.Files, keptFile{f.path, f.read, f.offset, f.tail, f.codex, f.gemini, f.form, f.good})
		}
	}
	return json.Marshal(kept)
}

// Fresh is what has to be kept of the calls told since it was last asked, to be added to the end of
// what it gave before. It must be kept before State is.
func (s *Scanner) Fresh() []byte {
	fresh := s.seen.fresh
	s.seen.fresh = nil
	return fresh
}

// Restore makes a new scanner go on where another one ended, by all that its Fresh gave and its last
// State. An error tells why it begins anew instead, which costs time and counts nothing twice.
func (s *Scanner) Restore(state, seen []byte) error {
	var kept keptState
	if err := json.Unmarshal(state, &kept); err != nil {
		return fmt.Errorf("cannot read how far the logs were read: %w", err)
	}
	if kept.Version != stateVersion {
		return fmt.Errorf("cannot go on where version %d of the scanner ended; this is %d", kept.Version, stateVersion)
	}
	for _, k := range kept.Files {
		s.restored[k.Path] = &file{path: k.Path, read: k.Read, offset: k.Offset, tail: k.Tail, codex: k.Codex, gemini: k.Gemini, form: k.Form, good: k.Good}
	}
	s.seen.restore(seen)
	return nil
}
