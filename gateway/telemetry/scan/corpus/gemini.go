// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A chat is one conversation with Gemini CLI under way: its versions since 2026 write a line a record,
// those before one JSON file.
type chat struct {
	w       *writer
	session string
	model   string
	now     time.Time
	lines   []string // as they are written
	kept    []string // the messages that stand, for what repeats them
}

func (w *writer) chat(session string, now time.Time) *chat {
	c := &chat{w: w, session: session, now: now, model: w.one("gemini-3-pro-preview", "gemini-2.5-flash", "gemini-3.1-pro")}
	c.lines = append(c.lines, c.head())
	return c
}

func (c *chat) head() string {
	return fmt.Sprintf(`{"sessionId":"%s","projectHash":"0f3c","startTime":"%s","lastUpdated":"%s","kind":"main"}`, c.session, stamp(c.now), stamp(c.now))
}

// tokens are those of one answer. Cached ones are part of input, as the API counts, unless
// beside says that the total has them once more.
func (c *chat) tokens() string {
	r := c.w.rand
	input, output, thoughts, tool := 400+r.IntN(90_000), 1+r.IntN(4000), r.IntN(3)*r.IntN(2000), r.IntN(4)/3*r.IntN(500)
	cached := r.IntN(2) * r.IntN(input)
	total := input + output + thoughts + tool
	switch {
	case c.w.chance(8): // the total has them twice
		total += cached
	case c.w.chance(8): // thoughts were told in the total alone
		total, thoughts = total+cached+77, 0
	case c.w.chance(4):
		return fmt.Sprintf(`{"total":%d}`, total)
	case c.w.chance(6): // of the first versions
		return fmt.Sprintf(`{"input":%d,"output":%d.0,"cached":0,"total":%d}`, input, output, input+output)
	}
	return fmt.Sprintf(`{"input":%d,"output":%d,"cached":%d,"thoughts":%d,"tool":%d,"total":%d}`, input, output, cached, thoughts, tool, total)
}

func (c *chat) message(id, kind, rest string) string {
	return fmt.Sprintf(`{"id":"%s","timestamp":"%s","type":"%s","content":[{"text":"%s"}]%s}`, id, stamp(c.now), kind, c.w.filler(200+c.w.rand.IntN(900)), rest)
}

// reply writes an answer the way a line a record does: first without its tokens, then with them, and
// again with each tool that it called.
func (c *chat) reply() {
	id, tokens := c.w.id("5f1e-"), c.tokens()
	c.lines = append(c.lines, c.message(id, "gemini", fmt.Sprintf(`,"thoughts":[],"tokens":null,"model":"%s"`, c.model)))
	whole := c.message(id, "gemini", fmt.Sprintf(`,"thoughts":[{"subject":"x","description":"\"tokens\":{\"input\":9}"}],"tokens":%s,"model":"%s"`, tokens, c.model))
	c.lines, c.kept = append(c.lines, whole), append(c.kept, whole)
	for range c.w.rand.IntN(3) {
		c.lines = append(c.lines, strings.Replace(whole, `"thoughts":`, `"toolCalls":[{"id":"t","name":"run","args":{"tokens":{"input":5}},"status":"success"}],"thoughts":`, 1))
	}
	c.lines = append(c.lines, fmt.Sprintf(`{"$set":{"lastUpdated":"%s"}}`, stamp(c.now)))
}

func (c *chat) turns(n int) {
	for range n {
		c.now = c.now.Add(time.Duration(10+c.w.rand.IntN(900)) * time.Second)
		user := c.message(c.w.id("7a-"), "user", "")
		c.lines, c.kept = append(c.lines, user), append(c.kept, user)
		c.reply()
		c.trap()
	}
}

func (c *chat) trap() {
	if c.w.chance(10) { // taken back by the user: spent all the same
		c.lines = append(c.lines, fmt.Sprintf(`{"$rewindTo":"%s"}`, c.w.id("7a-")))
	}
	if c.w.chance(10) { // the history again, after a compression
		c.lines = append(c.lines, fmt.Sprintf(`{"$set":{"messages":[%s],"lastUpdated":"%s"}}`, strings.Join(c.kept, ","), stamp(c.now)))
	}
	if c.w.chance(10) {
		c.model = c.w.one("gemini-2.5-flash", "gemini-2.5-pro")
	}
	if c.w.chance(12) {
		c.lines = append(c.lines, c.w.one(
			``, `{}`, `null`, `[]`, `not json "tokens":{`, `{"id":"x","type":"gemini","tokens":`,
			c.message(c.w.id("i-"), "info", `,"tokens":{"input":5,"total":5}`), c.message(c.w.id("e-"), "error", `,"model":"m"`),
			c.message(c.w.id("g-"), "gemini", fmt.Sprintf(`,"tokens":null,"model":"%s"`, c.model)),
			c.message(c.w.id("g-"), "gemini", fmt.Sprintf(`,"tokens":{"input":0,"output":0,"cached":0,"total":0},"model":"%s"`, c.model)),
			c.message(c.w.id("g-"), "gemini", fmt.Sprintf(`,"tokens":{"input":-4,"output":6,"cached":0,"total":6},"model":"%s"`, c.model)),
		))
	}
}

func (w *writer) geminiSession(n int) {
	session := w.id("9b2d-")
	c := w.chat(session, w.options.Start.Add(time.Duration(n)*173*time.Minute))
	c.turns(8)
	project := fmt.Sprintf(".gemini/tmp/%s", w.one("0f3c9a", "site", "api"))
	name := fmt.Sprintf("%s/chats/session-%s-%s", project, c.now.Format("2006-01-02T15-04"), session[5:13])
	if n%3 == 0 {
		w.geminiWhole(name+".json", c)
	} else {
		w.geminiLines(name+".jsonl", c, n)
		agent := w.chat(w.id("a6-"), c.now) // a sub-agent's own log, below its parent's name
		agent.turns(2)
		w.geminiLines(fmt.Sprintf("%s/chats/%s/%s.jsonl", project, session, agent.session), agent, 0)
	}
	if n == 1 { // what else stands in the folder
		w.copyOf(project+"/logs.json", []string{"[" + strings.Join(c.kept, ",") + "]"}, strings.TrimSpace)
		w.copyOf(project+"/checkpoint-x.json", []string{`{"history":[` + strings.Join(c.kept, ",") + `]}`}, strings.TrimSpace)
	}
}

func (w *writer) geminiLines(path string, c *chat, n int) {
	l := w.create(path)
	for _, text := range c.lines {
		l.line(text)
	}
	if n%4 == 1 && !w.options.Plain {
		l.raw(`{"id":"half","timestamp":"2026-09-01T10:00:00.000Z","type":"gemini","model":"m","tokens":{"inp`)
	}
	l.close()
}

// geminiWhole writes the messages that stand as one file, as older versions do.
func (w *writer) geminiWhole(path string, c *chat) {
	text := strings.Replace(c.head(), `,"kind":"main"}`, `,"messages":[`+strings.Join(c.kept, ",")+`]}`, 1)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(text), "", "  "); err != nil && w.err == nil {
		w.err = err
	}
	l := w.create(path)
	l.raw(pretty.String())
	l.close()
	if !w.options.Plain {
		w.copyOf(strings.TrimSuffix(path, ".json")+"-torn.json", []string{text[:len(text)*2/3]}, strings.TrimSpace)
	}
}
