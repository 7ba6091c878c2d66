// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"time"
)

// tokens are those of one event of Codex: cached are part of input, reasoning of output.
type tokens struct{ input, cached, output, reasoning int }

func (t tokens) plus(u tokens) tokens {
	return tokens{t.input + u.input, t.cached + u.cached, t.output + u.output, t.reasoning + u.reasoning}
}

func (t tokens) json() string {
	return fmt.Sprintf(`{"input_tokens":%d,"cached_input_tokens":%d,"output_tokens":%d,"reasoning_output_tokens":%d,"total_tokens":%d}`,
		t.input, t.cached, t.output, t.reasoning, t.input+t.output)
}

// A thread is one session of Codex under way.
type thread struct {
	*log
	w     *writer
	id    string
	path  string
	model string
	now   time.Time
	total tokens
	// spent are its events, those that it repeats among them.
	spent []spending
}

type spending struct {
	at          time.Time
	last, total tokens
}

func (w *writer) thread(folder string, now time.Time, origin string) *thread {
	id := w.id("0199")
	t := &thread{w: w, id: id, now: now, model: w.one("gpt-5-codex", "gpt-5.1", "gpt-5.6-sol")}
	t.path = fmt.Sprintf("%s/%s/rollout-%s-%s.jsonl", folder, now.Format("2006/01/02"), now.Format("2006-01-02T15-04-05"), id)
	t.log = w.create(t.path)
	t.keep = true
	t.event("session_meta", fmt.Sprintf(`{"id":"%s","timestamp":"%s","cwd":"/home/me/p","originator":"codex_cli_rs","cli_version":"0.98.0"%s,"instructions":"%s"}`,
		id, stamp(now), origin, w.filler(400)))
	return t
}

func (t *thread) event(kind, payload string) {
	t.line(fmt.Sprintf(`{"timestamp":"%s","type":"%s","payload":%s}`, stamp(t.now), kind, payload))
}

func (t *thread) context() {
	t.event("turn_context", fmt.Sprintf(`{"cwd":"/home/me/p","approval_policy":"never","model":"%s","summary":"auto"}`, t.model))
}

func (t *thread) count(info string) {
	t.event("event_msg", fmt.Sprintf(`{"type":"token_count","info":%s,"rate_limits":{"primary":{"used_percent":12.5,"window_minutes":300}}}`, info))
}

// say writes an event that spent tokens.
func (t *thread) say(last tokens) {
	t.total = t.total.plus(last)
	t.spent = append(t.spent, spending{t.now, last, t.total})
	t.count(fmt.Sprintf(`{"total_token_usage":%s,"last_token_usage":%s,"model_context_window":272000}`, t.total.json(), last.json()))
}

func (t *thread) some() tokens {
	r := t.w.rand
	in := 500 + r.IntN(60_000)
	out := 10 + r.IntN(3000)
	return tokens{in, r.IntN(in), out, r.IntN(out)}
}

// turns goes on with the conversation.
func (t *thread) turns(n int) {
	for range n {
		t.now = t.now.Add(time.Duration(20+t.w.rand.IntN(400)) * time.Second)
		if t.w.chance(10) {
			t.model = t.w.one("gpt-5-codex", "gpt-5.1")
		}
		t.context()
		t.event("response_item", fmt.Sprintf(`{"type":"message","role":"assistant","content":[{"type":"output_text","text":"%s"}]}`, t.w.filler(900)))
		t.now = t.now.Add(1500 * time.Millisecond)
		t.say(t.some())
		if t.w.chance(30) { // told again, for the limits changed
			t.now = t.now.Add(time.Second)
			t.count(fmt.Sprintf(`{"total_token_usage":%s,"last_token_usage":%s}`, t.total.json(), t.spent[len(t.spent)-1].last.json()))
		}
		if t.w.chance(10) {
			t.count(`null`)
		}
		if t.w.chance(6) { // compacted: the totals begin anew
			t.event("compacted", `{"message":"short"}`)
			t.total = tokens{}
		}
	}
}

// repeat writes what the parent spent, with new times, as a fork and a sub-agent begin.
func (t *thread) repeat(parent *thread) {
	for i, s := range parent.spent {
		if i%3 == 0 {
			t.context()
		}
		t.count(fmt.Sprintf(`{"total_token_usage":%s,"last_token_usage":%s}`, s.total.json(), s.last.json()))
		t.spent = append(t.spent, spending{t.now, s.last, s.total})
		t.now = t.now.Add(time.Millisecond)
	}
	t.total = parent.total
}

func forkedFrom(id string) string { return fmt.Sprintf(`,"forked_from_id":"%s"`, id) }

func spawnedBy(id string) string {
	return fmt.Sprintf(`,"source":{"subagent":{"thread_spawn":{"parent_thread_id":"%s","depth":1}}}`, id)
}

func (w *writer) codexSession(n int) {
	const sessions = ".codex/sessions"
	start := w.options.Start.Add(time.Duration(n) * 131 * time.Minute)
	parent := w.thread(sessions, start, "")
	parent.turns(6)
	if w.options.Plain {
		parent.close()
		return
	}
	later := parent.now.Add(time.Minute)
	fork := w.thread(sessions, later, forkedFrom(parent.id))
	fork.repeat(parent)
	fork.turns(3)
	second := w.thread(sessions, fork.now.Add(time.Minute), forkedFrom(fork.id)) // a fork of the fork
	second.repeat(fork)
	second.turns(2)
	for range 2 { // siblings, alike but for their times
		agent := w.thread(sessions, later.Add(time.Second), spawnedBy(parent.id))
		agent.model = "gpt-5.1"
		if n%2 == 0 {
			agent.repeat(parent)
		}
		agent.now = agent.now.Add(time.Duration(5+w.rand.IntN(50)) * time.Second)
		agent.context()
		agent.say(tokens{1000, 10, 100, 1})
		agent.turns(1)
		agent.close()
	}
	parent.now = later.Add(time.Hour) // the parent goes on after the fork, with what the fork spent too
	parent.say(fork.spent[len(parent.spent)].last)
	parent.turns(2)
	fork.close()
	second.close()
	parent.close()
	w.copyOf(".codex/archived_sessions/copy-"+parent.id+".jsonl", parent.lines, func(s string) string { return s })
}

// oddCodex is a fork whose parent is gone, an old session without a model, one with totals only, and
// lines that are none.
func (w *writer) oddCodex() {
	start := w.options.Start.Add(50 * time.Hour)
	gone := &thread{w: w, id: "gone", spent: []spending{{start, tokens{100, 4, 10, 2}, tokens{100, 4, 10, 2}}, {start, tokens{900, 4, 10, 2}, tokens{1000, 8, 20, 4}}}}
	orphan := w.thread(".codex/sessions", start, forkedFrom(gone.id))
	orphan.repeat(gone)
	orphan.turns(2)
	orphan.close()

	old := w.thread(".codex/sessions", start.Add(time.Hour), "")
	old.now = old.now.Add(time.Minute)
	old.say(tokens{10, 3, 5, 0})
	old.line(`{"type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":5}}}}`)
	old.line(`{"type":"event_msg","payload":{"type":"token_count"`)
	old.now = old.now.Add(time.Minute)
	old.count(`{"total_token_usage":` + tokens{50, 9, 15, 1}.json() + `}`)
	old.now = old.now.Add(time.Minute)
	old.count(`{"total_token_usage":` + tokens{60, 9, 16, 1}.json() + `}`)
	old.raw(`{"timestamp":"2026-09-03T00:00:00.000Z","type":"event_msg","payload":{"type":"token_cou`)
	old.close()
}
