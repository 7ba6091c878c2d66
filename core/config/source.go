// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"holdfast"
)

// largest is the most that a configuration file may hold.
const largest = 1 << 20

// A source is the text of one file, kept for excerpts.
type source struct {
	name string
	text []byte
}

// readSource reads a file; one that is not there is an empty source with ok false.
func readSource(path, name string) (src source, ok bool, problem *holdfast.Problem) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return source{name: name}, false, nil
	}
	if err != nil {
		return source{name: name}, false, &holdfast.Problem{File: name, Message: "cannot be opened: " + reason(err)}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return source{name: name}, false, &holdfast.Problem{File: name, Message: "cannot be read: " + reason(err)}
	}
	if len(text) > largest {
		return source{name: name}, false, &holdfast.Problem{
			File: name, Message: fmt.Sprintf("is larger than %s", Bytes(largest)), Remedy: "is this the right file?",
		}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	return source{name: name, text: text}, true, nil
}

func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// notText finds what no parser should be given: bytes that are not UTF-8 and control characters.
func (s source) notText() *holdfast.Problem {
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRune(s.text[i:])
		bad := r == utf8.RuneError && size == 1
		control := r < ' ' && r != '\n' && r != '\r' && r != '\t'
		if bad || control || r == 0x7f {
			line, column := position(s.text, i)
			p := s.problem(place{file: s.name, line: line, column: column}, "",
				fmt.Sprintf("holds the byte 0x%02x, which is not text", s.text[i]), "save the file as UTF-8")
			return &p
		}
		i += size
	}
	return nil
}

// problem words a finding at a place, with the lines around it.
func (s source) problem(at place, fieldPath, message, remedy string) holdfast.Problem {
	p := holdfast.Problem{
		File: at.file, Line: at.line, Column: at.column, Field: fieldPath, Message: message, Remedy: remedy,
	}
	if at.file == s.name && at.line > 0 {
		p.Excerpt = excerpt(s.text, at.line, at.column)
	}
	return p
}

// position turns an offset into line and column, both from 1; columns count characters.
func position(text []byte, offset int) (line, column int) {
	offset = max(0, min(offset, len(text)))
	before := text[:offset]
	line = bytes.Count(before, []byte{'\n'}) + 1
	start := bytes.LastIndexByte(before, '\n') + 1
	return line, utf8.RuneCount(before[start:]) + 1
}

// excerpt shows a line between its neighbours, with a mark beneath the column.
func excerpt(text []byte, line, column int) string {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var b strings.Builder
	for n := max(1, line-1); n <= min(len(lines), line+1); n++ {
		if n == len(lines) && lines[n-1] == "" && n != line {
			continue
		}
		sign := " "
		if n == line {
			sign = ">"
		}
		fmt.Fprintf(&b, "%s %4d | %s\n", sign, n, clipLine(lines[n-1]))
		if n == line && column > 0 && column <= mostColumns {
			fmt.Fprintf(&b, "       | %s^\n", indent(lines[n-1], column-1))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

const mostColumns = 160

// clipLine is a line as an excerpt shows it: not too long, and without the password of an address.
func clipLine(line string) string {
	line = withoutPassword(line)
	if r := []rune(line); len(r) > mostColumns {
		return string(r[:mostColumns]) + "…"
	}
	return line
}

// withoutPassword masks what stands between a user and the host of every address in a line, with as
// many dots as it has letters, so that columns stay.
func withoutPassword(line string) string {
	rest := line
	var shown strings.Builder
	for {
		before, after, found := strings.Cut(rest, "://")
		if !found {
			return shown.String() + rest
		}
		shown.WriteString(before + "://")
		address := after
		if end := strings.IndexAny(after, " \t\"'"); end >= 0 {
			address = after[:end]
		}
		rest = after[len(address):]
		if at := strings.LastIndex(address, "@"); at >= 0 {
			if user, password, has := strings.Cut(address[:at], ":"); has {
				address = user + ":" + strings.Repeat("•", len([]rune(password))) + address[at:]
			}
		}
		shown.WriteString(address)
	}
}

// indent is as wide as the first n characters of a line, tabs kept.
func indent(line string, n int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i == n {
			return b.String()
		}
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteByte(' ')
	}
	b.WriteString(strings.Repeat(" ", max(0, n-len([]rune(line)))))
	return b.String()
}
