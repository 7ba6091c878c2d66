// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A talk is one conversation with Claude Code under way.
type talk struct {
	*log
	w       *writer
	session string
	project string
	model   string
	now     time.Time
	// answers are the calls so far, for what repeats them.
	answers []answer
	target  int64
}

// An answer is one response of the model.
type answer struct {
	id, request, session, model string
	side                        bool
	at                          time.Time
	input, output               int
	read, write5, write1        int
	extra                       string // more fields of the line
	inUsage                     string // more fields of usage
	split                       bool
}

func (a answer) usage() string {
	u := fmt.Sprintf(`{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,`, a.input, a.write5+a.write1, a.read)
	if a.split {
		u += fmt.Sprintf(`"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d},`, a.write5, a.write1)
	}
	return u + fmt.Sprintf(`"output_tokens":%d,"service_tier":"standard"%s}`, a.output, a.inUsage)
}

func (a answer) line(text string) string {
	request, id := "", ""
	if a.request != "" {
		request = fmt.Sprintf(`"requestId":"%s",`, a.request)
	}
	if a.id != "" {
		id = fmt.Sprintf(`"id":"%s",`, a.id)
	}
	return fmt.Sprintf(`{"parentUuid":null,"isSidechain":%t,"userType":"external","cwd":"/home/me/p","sessionId":"%s","version":"2.1.14","gitBranch":"main","message":{%s"type":"message","role":"assistant","model":"%s","content":[{"type":"text","text":"%s"}],"stop_reason":null,"stop_sequence":null,"usage":%s},%s%s"type":"assistant","uuid":"u-%d","timestamp":"%s"}`,
		a.side, a.session, id, a.model, text, a.usage(), request, a.extra, a.output, stamp(a.at))
}

func (t *talk) ask(n int) {
	t.line(fmt.Sprintf(`{"parentUuid":null,"isSidechain":false,"userType":"external","cwd":"/home/me/p","sessionId":"%s","version":"2.1.14","type":"user","message":{"role":"user","content":"%s"},"uuid":"x","timestamp":"%s"}`,
		t.session, t.w.filler(n), stamp(t.now)))
}

// tool writes a tool's result, which for a sub-agent repeats what it used.
func (t *talk) tool(n int) {
	t.line(fmt.Sprintf(`{"parentUuid":"y","isSidechain":false,"sessionId":"%s","version":"2.1.14","type":"user","message":{"role":"user","content":[{"type":"tool_result","content":"%s"}]},"timestamp":"%s","toolUseResult":{"status":"completed","totalTokens":4711,"usage":{"input_tokens":4000,"output_tokens":711}}}`,
		t.session, t.w.filler(n), stamp(t.now)))
}

func (t *talk) fresh(side bool) answer {
	r := t.w.rand
	return answer{
		id: t.w.id("msg_01"), request: t.w.id("req_01"), session: t.session, model: t.model, side: side, at: t.now,
		input: 1 + r.IntN(400), output: 1, read: r.IntN(90_000), write5: r.IntN(3000), write1: r.IntN(2) * r.IntN(2000), split: r.IntN(4) > 0,
	}
}

// reply writes an answer as several lines with growing output.
func (t *talk) reply(a answer, size int) answer {
	lines := 1 + t.w.rand.IntN(4)
	for range lines {
		a.output += t.w.rand.IntN(700)
		t.line(a.line(t.w.filler(size / lines)))
		t.now = t.now.Add(time.Duration(50+t.w.rand.IntN(3000)) * time.Millisecond)
		a.at = t.now
	}
	t.answers = append(t.answers, a)
	return a
}

func (w *writer) claudeSession(n int) {
	t := &talk{
		w: w, session: w.id("s-"), project: fmt.Sprintf("-home-me-p%d", n%7),
		model: w.one("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"),
		now:   w.options.Start.Add(time.Duration(n) * 97 * time.Minute),
	}
	if w.options.Claude > 0 {
		t.target = w.options.Bytes / int64(w.options.Claude)
	}
	root := w.one(".claude", ".claude", ".config/claude")
	t.log = w.create(fmt.Sprintf("%s/projects/%s/%s.jsonl", root, t.project, t.session))
	t.keep = !w.options.Plain && !w.options.Apart && n%5 == 0
	for turn := 0; turn < 12 || t.size < t.target; turn++ {
		t.ask(300 + w.rand.IntN(900))
		a := t.reply(t.fresh(false), 600+w.rand.IntN(2400))
		t.tool(500 + w.rand.IntN(9000))
		t.trap(a)
		t.now = t.now.Add(time.Duration(w.rand.IntN(900)) * time.Second)
	}
	w.ending(t.log, n)
	t.close()
	if t.keep {
		w.copies(t, root)
	}
}

// trap now and then follows an answer with what must not be counted, or is counted easily wrong.
func (t *talk) trap(a answer) {
	w := t.w
	if w.chance(6) { // replayed by a side conversation, under another request and with more read
		b := a
		b.side, b.request, b.at = true, w.id("req_side"), t.now.Add(time.Hour)
		b.read += 50_000
		t.line(b.line("replay"))
	}
	if w.chance(4) { // a side conversation's own call, and its replay by another one
		b := t.reply(t.fresh(true), 300)
		b.request = w.id("req_other")
		t.line(b.line("again"))
	}
	// The replay stands before the answer. Not in what is copied: there the other counter counts
	// the copy's replay too, which a test of our own holds to be one call.
	if !t.keep && w.chance(3) {
		b := t.fresh(false)
		c := b
		c.side, c.request, c.output = true, w.id("req_early"), 999
		t.line(c.line("early"))
		t.reply(b, 200)
	}
	if w.chance(5) { // an error of the API, told as an answer
		b := answer{id: w.id(""), session: t.session, model: "<synthetic>", at: t.now, extra: `"isApiErrorMessage":true,`}
		t.line(b.line("API Error: 529"))
	}
	if w.chance(5) { // a sub-agent's answer, told as progress too
		b := t.reply(t.fresh(true), 200)
		t.line(fmt.Sprintf(`{"type":"progress","sessionId":"%s","timestamp":"%s","data":{"type":"agent_progress","message":{"type":"assistant","timestamp":"%s","requestId":"%s","message":{"id":"%s","model":"%s","usage":%s}}}}`,
			t.session, stamp(t.now), stamp(b.at), b.request, b.id, b.model, b.usage()))
	}
	if w.chance(4) { // other prices, other models within
		b := t.fresh(false)
		b.extra, b.inUsage = `"costUSD":0.0125,`, `,"speed":"fast"`
		t.reply(b, 100)
		b = t.fresh(false)
		b.inUsage = `,"iterations":[{"type":"message","input_tokens":1,"output_tokens":2},{"type":"advisor_message","model":"claude-opus-4-6","input_tokens":700,"output_tokens":70,"cache_read_input_tokens":9}]`
		t.reply(b, 100)
	}
	if w.chance(6) {
		t.line(w.one(
			`{"type":"summary","summary":"x","leafUuid":"y"}`, `{}`, ``, `null`, `[1,2]`, `not json "usage":{`,
			strings.Replace(a.line("null"), `"requestId":"`+a.request+`"`, `"requestId":null`, 1),
			strings.Replace(a.line("null"), `"model":"`+a.model+`"`, `"model":null`, 1),
			strings.Replace(a.line("text"), `"output_tokens":`, `"output_tokens":-`, 1),
			strings.Replace(a.line("gone"), `"timestamp":`, `"when":`, 1),
			strings.Replace(a.line("odd"), `"version":"2.1.14"`, `"version":"dev"`, 1),
			`{"type":"assistant","message":{"usage":{"input_tokens":99`,
		))
	}
}

// ending is how a log ends that is being written, or was cut.
func (w *writer) ending(l *log, n int) {
	if w.options.Plain {
		return
	}
	switch n % 4 {
	case 1:
		l.raw(`{"parentUuid":null,"isSidechain":false,"message":{"id":"msg_half","usage":{"input_tok`)
	case 2: // whole, but without an end
		a := answer{id: w.id("msg_01"), request: w.id("req_01"), session: "s", model: "claude-opus-4-5-20251101", at: w.options.Start, input: 5, output: 6}
		l.raw(a.line("last"))
	case 3:
		l.raw("\r\n\n")
	}
}

// copies writes the conversation again: resumed under another name, in the other folder, and
// forked before its end.
func (w *writer) copies(t *talk, root string) {
	other := ".claude"
	if root == other {
		other = ".config/claude"
	}
	renamed := w.id("s-")
	rename := func(line string) string { return strings.ReplaceAll(line, t.session, renamed) }
	w.copyOf(fmt.Sprintf("%s/projects/%s/%s.jsonl", root, t.project, renamed), t.lines, rename)
	w.copyOf(fmt.Sprintf("%s/projects/%s/%s.jsonl", other, t.project, t.session), t.lines[:len(t.lines)/2], func(s string) string { return s })
	agent := slices.DeleteFunc(slices.Clone(t.lines), func(s string) bool { return !strings.Contains(s, `"isSidechain":true`) })
	w.copyOf(fmt.Sprintf("%s/projects/%s/%s/subagents/agent-%s.jsonl", root, t.project, t.session, w.id("")), agent, func(s string) string { return s })
}

// oddClaude is what other programs leave: answers without a request, and without any name.
func (w *writer) oddClaude() {
	at := w.options.Start.Add(26 * time.Hour)
	for n := range 6 {
		l := w.create(fmt.Sprintf(".claude/projects/-odd/odd-%d.jsonl", n))
		session := fmt.Sprintf("odd-%d", n)
		for i := range 5 {
			a := answer{session: session, model: "glm-5", at: at.Add(time.Duration(i) * time.Minute), input: 10 + i, output: 1 + n}
			a.id = fmt.Sprintf("gateway-%d", i) // given again in every session
			l.line(a.line("one"))
			a.output += 20
			l.line(a.line("grown"))
			a.id = "" // each counts
			l.line(a.line("unnamed"))
			l.line(a.line("unnamed") + "\r")
			b := answer{id: w.id("msg_01"), session: session, model: "claude-x", at: at, input: 3, output: 4}
			l.line(b.line("no request"))
			l.line(b.line("no request"))
		}
		far := answer{id: w.id("msg_01"), request: w.id("req_01"), session: session, model: "claude-x", at: at, input: 3, output: 4}
		l.line(strings.Replace(far.line("zone"), stamp(at), at.In(time.FixedZone("", -8*3600)).Format(time.RFC3339), 1))
		l.line(far.line(w.filler(11 << 20 * (n / 5))))
		l.close()
	}
	w.create(".claude/projects/-odd/empty.jsonl").close()
}
