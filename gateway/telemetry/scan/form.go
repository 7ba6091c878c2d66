// SPDX-License-Identifier: Apache-2.0

package scan

import "fmt"

// form is what was seen of a log's form while none of its answers was understood.
type form struct {
	Lines   int `json:"lines,omitempty"`   // that hold anything
	Objects int `json:"objects,omitempty"` // of these, that begin as JSON objects do
	Answers int `json:"answers,omitempty"` // that say what they used, in a form that is not known
	// Wrong says why the file counts as one that cannot be read.
	Wrong string `json:"wrong,omitempty"`
}

// sees takes in the beginning of a line.
func (f *form) sees(line []byte) {
	at := space(line, 0)
	if at == len(line) {
		return
	}
	f.Lines++
	if line[at] == '{' {
		f.Objects++
	}
}

// answer takes in an answer that says what it used.
func (f *file) answer(understood bool) {
	if understood {
		f.good = true
	} else {
		f.form.Answers++
	}
}

// judge says whether what was read of a file is of a known form.
func (f *file) judge() {
	switch {
	case f.form.Wrong != "":
	case f.good:
		f.form = form{}
	case f.form.Answers > 0:
		f.form.Wrong = fmt.Sprintf("none of its %d answers says in a known form what it used: a newer version may have written it", f.form.Answers)
	case f.form.Lines > 0 && f.form.Objects == 0:
		f.form.Wrong = "it holds no line of JSON"
	}
}

// mostProblems bounds how many problems a tick tells one by one.
const mostProblems = 100

// problem tells of a folder or file that could not be read.
func (s *Scanner) problem(path string, err error) {
	s.tell(Problem{Path: path, Err: fmt.Errorf("cannot read %s: %w", path, err)})
}

func (s *Scanner) tell(p Problem) {
	s.tick.Unread++
	if len(s.tick.Problems) < mostProblems {
		s.tick.Problems = append(s.tick.Problems, p)
	}
}

// malformed tells of the files that were read and not understood.
func (s *Scanner) malformed() {
	for _, f := range s.files {
		if f.form.Wrong != "" {
			s.tell(Problem{Path: f.path, Form: true, Err: fmt.Errorf("cannot read %s: %s", f.path, f.form.Wrong)})
		}
	}
}
