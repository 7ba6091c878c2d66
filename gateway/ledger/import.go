// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"holdfast"
)

const (
	importLine     = 4 << 20 // the longest line; read, it takes many times as much
	importTogether = 1024
	shownProblems  = 10
	mostTokens     = int64(1) << 40 // of one call, in any class: more is a mistake in the file
)

type importInput struct {
	File string   `json:"file" help:"the file; over HTTP and MCP its absolute path on the house's machine" required:"true" pos:"1" path:"true"`
	Map  []string `json:"map,omitempty" help:"where a field stands in a line: field=path.of.members, or field=\"a text for every line\""`
}

// Imported says what came of an import.
type Imported struct {
	File     string   `json:"file"`
	Lines    int64    `json:"lines"`
	Calls    int64    `json:"calls" help:"lines that are calls; what was known already is counted here and booked once"`
	Skipped  int64    `json:"skipped" help:"lines that could not be used"`
	Problems []string `json:"problems"`
}

func (a answers) importFile(ctx context.Context, in importInput) (out Imported, err error) {
	if !filepath.IsAbs(in.File) {
		return out, holdfast.BadInput("", holdfast.Problem{Field: "file", Message: fmt.Sprintf("%q is not an absolute path", in.File), Remedy: "the command line takes it from where it runs; elsewhere begin with /"})
	}
	m, err := parseMapping(in.Map)
	if err != nil {
		return out, err
	}
	file, err := openOrdinary(in.File)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out, err = a.importLines(ctx, file, m)
	out.File = in.File
	return out, err
}

// openOrdinary opens a file of lines, and nothing else: a pipe would keep the house waiting, a device
// may have no end.
func openOrdinary(path string) (*os.File, error) {
	wrong := func(message string) error {
		return holdfast.BadInput("", holdfast.Problem{Field: "file", Message: message, Remedy: "want a file of JSON lines"})
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, wrong(err.Error())
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		return file, nil
	}
	if err == nil {
		err = fmt.Errorf("%s is not an ordinary file", path)
	}
	_ = file.Close()
	return nil, wrong(err.Error())
}

func (a answers) importLines(ctx context.Context, from io.Reader, m mapping) (Imported, error) {
	out := Imported{Problems: []string{}}
	lines := bufio.NewReaderSize(from, 64<<10)
	var seen []Observation
	var line []byte
	for ctx.Err() == nil {
		var err error
		line, err = nextLine(lines, line)
		if errors.Is(err, io.EOF) {
			break
		}
		out.Lines++
		if errors.Is(err, errLongLine) {
			out.skip(err)
			continue
		}
		if err != nil {
			out.skip(fmt.Errorf("cannot read on: %w", err))
			break
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		o, err := m.read(line)
		if err != nil {
			out.skip(err)
			continue
		}
		out.Calls++
		if seen = append(seen, o); len(seen) == importTogether {
			if err := a.Observe(ctx, seen); err != nil {
				return out, err
			}
			seen = seen[:0]
		}
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	return out, a.Observe(ctx, seen)
}

func (i *Imported) skip(err error) {
	i.Skipped++
	if len(i.Problems) < shownProblems {
		i.Problems = append(i.Problems, fmt.Sprintf("line %d: %s", i.Lines, err))
	}
}

// mapping says where the fields of an observation stand in a line.
type mapping map[string]place

// place is a path of members, or a text for every line.
type place struct {
	path    []string
	literal string
}

func fieldNames() []string {
	return []string{
		"cache_write_1h", "cache_write_5m", "cached_read", "cost", "input", "key", "model", "output", "project", "provider",
		"reasoning", "response_id", "session", "agent", "time",
	}
}

// read makes an observation of a line.
func (m mapping) read(line []byte) (Observation, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return Observation{}, errors.New("is no JSON")
	}
	o := Observation{
		Source: "import", Key: m.text(doc, "key"), Session: m.text(doc, "session"), Agent: m.text(doc, "agent"), Project: m.text(doc, "project"),
		Provider: m.text(doc, "provider"), Model: m.text(doc, "model"), ResponseID: m.text(doc, "response_id"),
	}
	var errs []error
	tokens := func(name string) int64 {
		n, err := m.tokens(doc, name)
		errs = append(errs, err)
		return n
	}
	o.Usage = holdfast.Usage{
		Input: tokens("input"), CachedRead: tokens("cached_read"), CacheWrite5m: tokens("cache_write_5m"),
		CacheWrite1h: tokens("cache_write_1h"), Output: tokens("output"), Reasoning: tokens("reasoning"),
	}
	var err error
	o.Time, err = m.time(doc)
	errs = append(errs, err)
	if text := m.text(doc, "cost"); text != "" {
		dollars, err := strconv.ParseFloat(text, 64)
		if err != nil || dollars < 0 || dollars > 1e9 || math.IsNaN(dollars) {
			errs = append(errs, errors.New("cost is no amount of dollars"))
		}
		o.Cost = costOf(dollars)
	}
	if o.Model == "" {
		errs = append(errs, errors.New("model is missing"))
	}
	if o.Usage.Total() == 0 {
		errs = append(errs, errors.New("there are no tokens"))
	}
	if o.Key == "" {
		sum := sha256.Sum256(bytes.TrimSpace(line))
		o.Key = hex.EncodeToString(sum[:])
	}
	o.Key = "import:" + o.Key
	for _, err := range errs {
		if err != nil {
			return Observation{}, err // the first says enough
		}
	}
	return o, nil
}

// text is a field as text; empty when it is not there.
func (m mapping) text(doc any, name string) string {
	p := m[name]
	if p.path == nil {
		return p.literal
	}
	for _, member := range p.path {
		object, ok := doc.(map[string]any)
		if !ok {
			return ""
		}
		doc = object[member]
	}
	switch v := doc.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (m mapping) tokens(doc any, name string) (int64, error) {
	text := m.text(doc, name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > mostTokens {
		return 0, fmt.Errorf("%s is no number of tokens", name)
	}
	return n, nil
}

// time reads RFC 3339, or seconds or milliseconds since 1970.
func (m mapping) time(doc any) (time.Time, error) {
	text := m.text(doc, "time")
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Year() > 1970 && at.Year() < 2200 {
		return at, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(n >= 1e8 && n <= 1e14): // NaN is neither
		return time.Time{}, errors.New("time is missing or no time")
	case n > 1e11:
		return time.UnixMilli(int64(n)), nil
	}
	return time.UnixMilli(int64(n * 1000)), nil
}
