// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"

	"holdfast"
)

// A dotenv is the text of a .env file cut into statements, so that one can be changed and the
// others keep their bytes: comments, blank lines, order, line ends.
type dotenv struct {
	file       string
	bom        bool
	statements []statement
	values     map[string]string
	problems   []holdfast.Problem // lines that say nothing, by line; never with a value in them
	notes      []holdfast.Problem // lines that say something that does not count
}

// A statement is one assignment, or one line of anything else.
type statement struct {
	text  string // with its line end
	line  int
	key   string // empty: no assignment
	begin int    // of the value in text, quotes included
	end   int
}

// parseDotenv reads a file. What cannot be read is in problems; the rest counts. Values are
// godotenv's: quotes, escapes, ${OTHER}, comments after a space.
func parseDotenv(file string, text []byte) *dotenv {
	d := &dotenv{file: file, values: map[string]string{}}
	if rest, ok := bytes.CutPrefix(text, []byte("\xef\xbb\xbf")); ok {
		d.bom, text = true, rest
	}
	if at := badByte(text); at >= 0 {
		line := bytes.Count(text[:at], []byte{'\n'}) + 1
		d.problems = append(d.problems, d.problem(line, "", fmt.Sprintf("holds the byte 0x%02x, which is not text", text[at]), "save the file as UTF-8"))
		return d
	}
	d.cut(string(text))
	d.evaluate()
	return d
}

func badByte(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r == 0 {
			return i
		}
		i += size
	}
	return -1
}

func (d *dotenv) problem(line int, key, message, remedy string) holdfast.Problem {
	return holdfast.Problem{File: d.file, Line: line, Column: 1, Field: key, Message: message, Remedy: remedy}
}

func (d *dotenv) cut(text string) {
	for line := 1; text != ""; {
		s, reason := scan(text)
		s.line = line
		if reason != "" {
			d.problems = append(d.problems, d.problem(line, s.key, reason, "want NAME=value"))
			s.key = ""
		}
		d.statements = append(d.statements, s)
		line += strings.Count(s.text, "\n")
		text = text[len(s.text):]
	}
}

// scan takes the first statement off a text; reason says why a line is none.
func scan(text string) (s statement, reason string) {
	whole := firstLine(text)
	body := strings.TrimLeft(whole, " \t\v\f\r\n")
	if body == "" || body[0] == '#' {
		return statement{text: whole}, ""
	}
	start := len(whole) - len(body)
	if rest, ok := strings.CutPrefix(body, "export"); ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		body = strings.TrimLeft(rest, " \t")
		start = len(whole) - len(body)
	}
	eq := strings.IndexAny(body, "=:")
	if eq < 0 {
		return statement{text: whole}, "has no = after the name"
	}
	key := strings.TrimRight(body[:eq], " \t")
	if !ValidName(key) {
		return statement{text: whole}, "the name may hold letters, digits and _ only, and begin with no digit"
	}
	begin := start + eq + 1
	begin += len(text[begin:]) - len(strings.TrimLeft(text[begin:], " \t"))
	s = statement{text: whole, key: key, begin: begin}
	if begin < len(whole) && (whole[begin] == '"' || whole[begin] == '\'') {
		return s.quoted(text)
	}
	s.end = begin + unquotedLength(whole[begin:])
	return s, ""
}

func firstLine(text string) string {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1]
	}
	return text
}

// quoted finds the closing quote, maybe lines later, by godotenv's rule: a quote after a
// backslash does not close.
func (s statement) quoted(text string) (statement, string) {
	quote := text[s.begin]
	for i := s.begin + 1; i < len(text); i++ {
		if text[i] != quote || text[i-1] == '\\' {
			continue
		}
		s.end = i + 1
		tail := firstLine(text[s.end:])
		s.text = text[:s.end+len(tail)]
		if after := strings.TrimSpace(tail); after != "" && after[0] != '#' {
			return s, "something follows the closing quote"
		}
		return s, ""
	}
	return s, "the quote is never closed"
}

// unquotedLength ends a value before a comment and the spaces around it.
func unquotedLength(rest string) int {
	rest = strings.TrimRight(rest, "\r\n")
	for i := len(rest) - 1; i > 0; i-- {
		if rest[i] == '#' && (rest[i-1] == ' ' || rest[i-1] == '\t') {
			rest = rest[:i]
		}
	}
	return len(strings.TrimRight(rest, " \t"))
}

// evaluate has godotenv read the assignments, all together because one may use another.
func (d *dotenv) evaluate() {
	var sound strings.Builder
	first := map[string]int{}
	for i, s := range d.statements {
		if s.key == "" {
			continue
		}
		if alone, err := godotenv.Unmarshal(s.text); err != nil || len(alone) != 1 {
			// The parser's own words quote the line, and the line holds the secret.
			d.problems = append(d.problems, d.problem(s.line, s.key, "cannot be read", "put the value in single quotes"))
			d.statements[i].key = ""
			continue
		}
		if line, twice := first[s.key]; twice {
			d.notes = append(d.notes, d.problem(s.line, s.key, fmt.Sprintf("is set again, first in line %d; the last one counts", line), "keep one of them"))
		} else {
			first[s.key] = s.line
		}
		sound.WriteString(strings.TrimRight(s.text, "\r\n") + "\n")
	}
	values, err := godotenv.Unmarshal(sound.String())
	if err != nil {
		d.problems = append(d.problems, d.problem(1, "", "cannot be read as a whole", "put the values in single quotes"))
		return
	}
	d.values = values
}

// ValidName tells whether a name can be an environment variable's.
func ValidName(name string) bool {
	if name == "" || len(name) > 256 {
		return false
	}
	for i, c := range []byte(name) {
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// names lists the keys in the order of the file, each once.
func (d *dotenv) names() []string {
	var out []string
	for _, s := range d.statements {
		if s.key != "" && !slices.Contains(out, s.key) {
			out = append(out, s.key)
		}
	}
	return out
}

// set changes the value that counts, or adds a line at the end. Everything else keeps its bytes.
func (d *dotenv) set(key, value string) error {
	written, err := quoteFor(key, value)
	if err != nil {
		return err
	}
	for i := len(d.statements) - 1; i >= 0; i-- {
		s := &d.statements[i]
		if s.key != key {
			continue
		}
		s.text = s.text[:s.begin] + written + s.text[s.end:]
		s.end = s.begin + len(written)
		d.values[key] = value
		return nil
	}
	end := d.lineEnd()
	if n := len(d.statements); n > 0 && !strings.HasSuffix(d.statements[n-1].text, "\n") {
		d.statements[n-1].text += end
	}
	text := key + "=" + written + end
	d.statements = append(d.statements, statement{text: text, key: key, begin: len(key) + 1, end: len(key) + 1 + len(written)})
	d.values[key] = value
	return nil
}

// With is the text of a .env with one more key in it, as a home that is made begins.
func With(text []byte, name string, value holdfast.Secret) ([]byte, error) {
	d := parseDotenv(envName, text)
	if err := assign(d, name, value.Reveal()); err != nil {
		return nil, err
	}
	return d.bytes(), nil
}

// remove takes away every assignment of a key.
func (d *dotenv) remove(key string) {
	d.statements = slices.DeleteFunc(d.statements, func(s statement) bool { return s.key == key })
	delete(d.values, key)
}

func (d *dotenv) lineEnd() string {
	if len(d.statements) > 0 && strings.HasSuffix(d.statements[0].text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

func (d *dotenv) bytes() []byte {
	var b bytes.Buffer
	if d.bom {
		b.WriteString("\xef\xbb\xbf")
	}
	for _, s := range d.statements {
		b.WriteString(s.text)
	}
	return b.Bytes()
}

// quoteFor writes a value in the plainest form that reads back as exactly that value.
func quoteFor(key, value string) (string, error) {
	double := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, `"`, `\"`, "$", `\$`).Replace(value)
	candidates := []string{"'" + value + "'", `"` + double + `"`, value}
	if plainValue(value) {
		slices.Reverse(candidates)
	}
	for _, candidate := range candidates {
		line := key + "=" + candidate + "\n"
		s, reason := scan(line + "NEXT=1\n")
		if reason != "" || s.text != line || s.begin+len(candidate) != s.end {
			continue
		}
		if read, err := godotenv.Unmarshal(line + "NEXT=1\n"); err == nil && read[key] == value && read["NEXT"] == "1" && len(read) == 2 {
			return candidate, nil
		}
	}
	return "", holdfast.BadInput("", holdfast.Problem{
		Field: key, Message: "the value cannot be written into .env so that it reads back the same",
		Remedy: "store it in base64, or without backslashes before quotes",
	})
}

// plainValue tells what every dotenv reader takes without quotes.
func plainValue(value string) bool {
	return strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+,=%~") == ""
}
