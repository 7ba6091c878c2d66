// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
	"unicode/utf8"

	"holdfast"
)

// Capture keeps whole requests and answers for looking at them.
type Capture struct {
	// On turns it on; keys and what looks like one are blanked out, everything else is kept.
	On bool `json:"on"`
	// MaxMB bounds the file; when it is full it becomes capture.1.jsonl, and the one before is gone.
	MaxMB int `json:"max_mb" min:"1" max:"1024"`
	// MaxBodyKB bounds what is kept of one request and of one answer.
	MaxBodyKB int `json:"max_body_kb" min:"1" max:"10240"`
}

// check lists what is wrong with it.
func (c Capture) check(add func(field, message, remedy string)) {
	if c.On && (c.MaxMB < 1 || c.MaxBodyKB < 1) {
		add("capture", "max_mb and max_body_kb must be above 0", "for example 16 and 256")
	}
}

// tape is a file of lines, the older half of which goes first.
type tape struct {
	path string
	mu   sync.Mutex
}

// logged is what is said of a call without its bodies: a line of the request log.
type logged struct {
	Time     time.Time      `json:"time"`
	ID       string         `json:"request_id"`
	Caller   string         `json:"caller"`
	Dialect  string         `json:"dialect"`
	Asked    string         `json:"asked"`
	Provider string         `json:"provider"`
	Model    string         `json:"model"`
	Status   int            `json:"status"`
	Stream   bool           `json:"stream"`
	Fallback int            `json:"fallback"`
	Booked   string         `json:"booked"`
	Usage    holdfast.Usage `json:"usage"`
	Took     int64          `json:"ms"`
}

// captured is a line of the capture.
type captured struct {
	logged
	Request  string `json:"request"`
	Response string `json:"response"`
	Cut      bool   `json:"cut,omitempty"` // one of the bodies is longer than what is kept
}

func lineOf(c *call) logged {
	return logged{
		Time: c.began.UTC(), ID: c.id, Caller: c.asked.Caller, Dialect: c.client.Name, Asked: c.req.Model,
		Provider: c.ended.Provider, Model: c.ended.Model, Status: c.status, Stream: c.req.Stream, Fallback: c.ended.Fallback,
		Booked: c.ended.Status, Usage: c.ended.Usage, Took: time.Since(c.began).Milliseconds(),
	}
}

// mostLog bounds the request log.
const mostLog = 64 << 20

// log writes a call's line.
func (g *Gateway) log(c *call) {
	if err := g.lines.write(lineOf(c), mostLog); err != nil {
		g.needs.Log.Error("cannot write the request log", "error", err)
	}
}

// begin listens to what a call's client gets; what it returns writes the call down.
func (t *tape) begin(c *call, settings *Capture) func() {
	most := settings.MaxBodyKB << 10
	ear := &ear{ResponseWriter: c.w, most: most}
	c.w = ear
	request := redact(c.body[:min(len(c.body), most)])
	return func() {
		line := captured{logged: lineOf(c), Request: request, Response: redact(ear.kept.Bytes()), Cut: ear.cut || len(c.body) > most}
		if err := t.write(line, int64(settings.MaxMB)<<20); err != nil {
			c.g.needs.Log.Error("cannot capture a model call", "error", err)
		}
	}
}

func (t *tape) write(line any, most int64) error {
	data, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", t.path, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(t.path), 0o700); err != nil {
		return fmt.Errorf("cannot write %s: %w", t.path, err)
	}
	if known, err := os.Stat(t.path); err == nil && known.Size()+int64(len(data)) > most/2 {
		if err := os.Rename(t.path, older(t.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot turn %s: %w", t.path, err)
		}
	}
	file, err := os.OpenFile(t.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", t.path, err)
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("cannot write %s: %w", t.path, err)
	}
	return nil
}

func older(path string) string {
	return path[:len(path)-len(filepath.Ext(path))] + ".1" + filepath.Ext(path)
}

// ear keeps the beginning of what is written.
type ear struct {
	http.ResponseWriter
	kept bytes.Buffer
	most int
	cut  bool
}

// Write passes on what it keeps.
func (e *ear) Write(p []byte) (int, error) {
	room := min(len(p), max(e.most-e.kept.Len(), 0))
	e.kept.Write(p[:room])
	e.cut = e.cut || room < len(p)
	return e.ResponseWriter.Write(p)
}

// Unwrap lets the connection's deadlines and flushes through.
func (e *ear) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// secretLooks are keys as services make them, bearer tokens, and JSON members that are named for one.
var secretLooks = []*regexp.Regexp{
	regexp.MustCompile(`\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_-]{8,}`),
	regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{20,}`),
	regexp.MustCompile(`\bAKIA[A-Z0-9]{12,}`),
	regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`),
}

var secretMembers = regexp.MustCompile(`(?i)(\\*"(?:[a-z0-9_-]*(?:api[_-]?key|password|passwd|secret|access[_-]?token|auth[_-]?token|refresh[_-]?token|authorization))\\*"\s*:\s*\\*")[^"\\]+`)

const blanked = "[redacted]"

// redact blanks out what looks like a secret; what is no text is not kept.
func redact(body []byte) string {
	for len(body) > 0 && !utf8.Valid(body) {
		last, size := utf8.DecodeLastRune(body)
		if last != utf8.RuneError || size != 1 {
			break
		}
		body = body[:len(body)-1] // cut in the middle of a letter
	}
	for _, look := range secretLooks {
		body = look.ReplaceAll(body, []byte(blanked))
	}
	return string(secretMembers.ReplaceAll(body, []byte("${1}"+blanked)))
}
