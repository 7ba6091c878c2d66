// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/agent/tools/poison"
)

// The kinds of what a source brings.
const (
	kindTool         = "tool"
	kindPrompt       = "prompt"
	kindResource     = "resource"
	kindTemplate     = "template"
	kindInstructions = "instructions"
	// What is found once and not pinned: a name that was not given, and a place that a remote server
	// led to.
	kindName  = "name"
	kindPlace = "place"
)

// A Standing is whether what a source brings may reach models and clients:
//
//	first sight ──▶ pinned ──differs──▶ changed ──accepted──▶ pinned, by a person
//	     └─ words that steer ─▶ flagged ──accepted──────────────▲
//
// What is changed or flagged is listed to operators and neither offered nor called.
type Standing string

// The standings; the zero value is offered.
const (
	StandingChanged Standing = "changed"
	StandingFlagged Standing = "flagged"
)

// a thing is what is pinned, by its source and the name that the source gives it.
type thing struct{ source, kind, name string }

// a pin is what a thing was when it was first seen, or accepted since.
type pin struct {
	sum   string
	by    string // who accepted it; empty for a first sight
	at    time.Time
	form  json.RawMessage // until it is stored; kept when there is no store
	other string          // the fingerprint of what its source says instead, empty for nothing
	since time.Time
	said  json.RawMessage // the form of that
	// flagged is the fingerprint whose words that steer were journaled; doubts are those words, until
	// they are.
	flagged string
	doubts  []poison.Finding
}

// pins remember what the tools of others looked like, so that none changes unseen.
type pins struct {
	rows    pinRows
	journal journal
	log     *slog.Logger

	// writing is held while pins are written, so that what happened before a person accepted a thing is
	// not written over the acceptance.
	writing sync.Mutex

	mu    sync.Mutex
	known map[thing]*pin
	count map[string]int // pins by source
	dirty map[thing]event
	wake  chan struct{} // something is to be written; of one place
}

// an event is what happened to a pin since it was last written.
type event string

const (
	eventFirst   event = "first"
	eventChanged event = "changed"
	eventBack    event = "back"
	eventTold    event = "told"    // it changed and counts, as of instructions
	eventFlagged event = "flagged" // its words steer, and it was known before
	eventFound   event = "found"   // it is told once and not held against anything
)

func newPins(rows pinRows, book journal, log *slog.Logger) *pins {
	return &pins{rows: rows, journal: book, log: log, known: map[thing]*pin{}, count: map[string]int{}, dirty: map[thing]event{}, wake: make(chan struct{}, 1)}
}

// maxForm bounds what is kept of a thing's form; a larger one is known by its fingerprint alone.
const maxForm = 256 << 10

// maxPins bounds how many things of one source are remembered.
const maxPins = 10_000

// thingOf names a thing as every store can keep it.
func thingOf(source, kind, name string) thing {
	if len(name) > 512 || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		name = "sha256:" + fingerprint([]byte(name))
	}
	return thing{source: source, kind: kind, name: name}
}

// formOf is a thing as it is fingerprinted: JSON whose names are in order.
func formOf(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	return raw
}

func fingerprint(form json.RawMessage) string {
	sum := sha256.Sum256(form)
	return hex.EncodeToString(sum[:])
}

func kept(form json.RawMessage) json.RawMessage {
	if len(form) > maxForm {
		return json.RawMessage(`{"too_large_to_show":true}`)
	}
	return form
}

// judge holds a thing against its pin, and pins one that is new. It does no I/O: what is to be
// written waits for flush. Doubts are what steers in its words, which only a person's acceptance
// of just these words takes away. What follows may change and is only told.
func (p *pins) judge(t thing, form json.RawMessage, doubts []poison.Finding, follows bool) Standing {
	sum := fingerprint(form)
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.known[t]
	switch {
	case had == nil && p.count[t.source] >= maxPins:
		return StandingFlagged // a source that ever brings new names is not followed for ever
	case had == nil:
		p.count[t.source]++
		had = &pin{sum: sum, form: kept(form), at: time.Now()}
		p.known[t] = had
		p.note(t, eventFirst)
	case had.sum == sum && had.other != "":
		had.other, had.said = "", nil
		p.note(t, eventBack)
	case had.sum != sum && had.other != sum:
		had.other, had.said, had.since = sum, kept(form), time.Now()
		if follows {
			p.note(t, eventTold)
		} else {
			p.note(t, eventChanged)
		}
	}
	switch {
	case had.sum != sum && !follows:
		return StandingChanged
	case len(doubts) > 0 && (had.by == "" || had.sum != sum):
		if had.flagged != sum {
			had.flagged, had.doubts = sum, doubts
			p.note(t, eventFlagged)
		}
		return StandingFlagged
	}
	return ""
}

// found tells of a thing that was refused, once: what is known is not told again, also by later houses.
func (p *pins) found(t thing, what any) {
	form := formOf(what)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[t] != nil || p.count[t.source] >= maxPins {
		return
	}
	p.count[t.source]++
	p.known[t] = &pin{sum: fingerprint(form), form: kept(form), at: time.Now()}
	p.note(t, eventFound)
}

// note leaves an event to be written. Called with the lock held.
func (p *pins) note(t thing, e event) {
	// What was never written is still new, and what changed is no less so for its words.
	if before := p.dirty[t]; before == "" || before != eventFirst && e != eventFlagged {
		p.dirty[t] = e
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// pinned tells since when a thing is as it is, and who accepted it.
func (p *pins) pinned(t thing) (pin, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.known[t]
	if had == nil {
		return pin{}, false
	}
	return *had, true
}

// load reads what earlier houses pinned.
func (p *pins) load(ctx context.Context) error {
	known, err := p.rows.all(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for t, had := range known {
		if p.known[t] == nil {
			p.known[t] = had
			p.count[t.source]++
		}
	}
	return nil
}

// written is one pin on its way to the store and the journal.
type written struct {
	thing
	pin
	event event
	diff  []Change
}

// flush writes down what happened, and journals it. What cannot be written is tried again at the
// next flush.
func (p *pins) flush(ctx context.Context) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	batch := make([]written, 0, len(p.dirty))
	for t, e := range p.dirty {
		batch = append(batch, written{thing: t, pin: *p.known[t], event: e})
	}
	clear(p.dirty)
	p.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	slices.SortFunc(batch, func(a, b written) int { return compareThings(a.thing, b.thing) })
	for i, w := range batch {
		if w.event == eventChanged || w.event == eventTold {
			batch[i].diff = p.diff(ctx, w.thing)
		}
		if w.event == eventTold {
			batch[i].sum, batch[i].form, batch[i].other, batch[i].said, batch[i].at = w.other, w.said, "", nil, w.since
		}
	}
	if err := p.rows.put(ctx, batch); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range batch {
			if _, newer := p.dirty[w.thing]; !newer || w.event == eventFirst {
				p.dirty[w.thing] = w.event
			}
		}
		return err
	}
	p.settle(batch)
	return p.tell(ctx, batch)
}

// settle takes up what was written: forms that are stored need not be remembered.
func (p *pins) settle(batch []written) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range batch {
		had := p.known[w.thing]
		if w.event == eventTold && had.other == w.sum {
			had.sum, had.form, had.at, had.other, had.said = w.sum, w.form, w.at, "", nil
		}
		if p.rows.store != nil && had.sum == w.sum {
			had.form = nil
		}
		had.doubts = nil
	}
}

// tell journals a batch: first sights by source, each change with what changed.
func (p *pins) tell(ctx context.Context, batch []written) error {
	firsts := map[string][]string{}
	for _, w := range batch {
		if len(w.doubts) > 0 {
			p.enter(ctx, "tool.flagged", holdfast.OutcomeRefused, w, nil)
		}
		switch w.event {
		case eventFlagged:
		case eventFound:
			p.append(ctx, holdfast.Entry{Action: foundAs(w.kind), Subject: printable(w.name, maxName), Outcome: holdfast.OutcomeRefused, Detail: formOf(map[string]any{"source": w.source, "kind": w.kind, "found": w.form})})
		case eventFirst:
			firsts[w.source] = append(firsts[w.source], w.kind+" "+printable(w.name, maxName))
			continue
		case eventBack:
			p.enter(ctx, "tool.back", holdfast.OutcomeNoted, w, nil)
		case eventTold:
			p.enter(ctx, "tool.changed", holdfast.OutcomeNoted, w, w.diff)
		case eventChanged:
			p.enter(ctx, "tool.changed", holdfast.OutcomeRefused, w, w.diff)
		}
	}
	for source, names := range firsts {
		detail := formOf(map[string]any{"pinned": names[:min(len(names), 500)], "count": len(names)})
		p.append(ctx, holdfast.Entry{Action: "tool.pinned", Subject: source, Outcome: holdfast.OutcomeNoted, Detail: detail})
	}
	return nil
}

// foundAs is what the journal calls what is told once.
func foundAs(kind string) string {
	switch kind {
	case kindName:
		return "tool.shadowed"
	case kindPlace:
		return "remote.led_elsewhere"
	}
	return "tool.flagged"
}

func (p *pins) enter(ctx context.Context, action string, outcome holdfast.Outcome, w written, diff []Change) {
	detail := map[string]any{"source": w.source, "kind": w.kind, "fingerprint": w.sum}
	if w.other != "" {
		detail["says_now"] = w.other
	}
	if diff != nil {
		detail["changes"] = diff
	}
	if len(w.doubts) > 0 {
		detail["findings"] = w.doubts
	}
	p.append(ctx, holdfast.Entry{Action: action, Subject: printable(w.name, maxName), Outcome: outcome, Detail: formOf(detail)})
}

func (p *pins) append(ctx context.Context, e holdfast.Entry) {
	house := holdfast.Internal("tools", e.Action)
	e.Caller, e.Tier = house.String(), house.Tier
	if _, err := p.journal.Append(ctx, e); err != nil {
		p.log.Error("cannot journal what became of a tool", slog.String("tool", e.Subject), slog.String("what", e.Action), slog.Any("error", err))
	}
}

// diff is what changed of a thing, nil when it is as it was.
func (p *pins) diff(ctx context.Context, t thing) []Change {
	had, ok := p.pinned(t)
	if !ok || had.other == "" {
		return nil
	}
	before, after := had.form, had.said
	if before == nil || after == nil {
		stored, said, err := p.rows.forms(ctx, t, had.sum)
		if err != nil {
			p.log.Warn("cannot read what a tool was like", slog.String("tool", t.name), slog.Any("error", err))
		}
		if before == nil {
			before = stored
		}
		if after == nil {
			after = said
		}
	}
	return differences(before, after)
}

// accept takes a thing as its source says it now, on a person's word. Sum, when given, is what the
// person saw: another is refused, for it changed since. It is written before it counts.
func (p *pins) accept(ctx context.Context, t thing, form json.RawMessage, sum, by string) error {
	now := fingerprint(form)
	if sum != "" && sum != now {
		return holdfast.Errorf(holdfast.CodeConflict, "%s %s changed since it was looked at: look at it again (`holdfast tool show`)", t.kind, printable(t.name, maxName))
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	w := written{thing: t, pin: pin{sum: now, form: kept(form), by: by, at: time.Now()}}
	if err := p.rows.put(ctx, []written{w}); err != nil {
		return holdfast.Errorf(holdfast.CodeUnavailable, "cannot write down that %s %s is accepted, so it is not: %w", t.kind, printable(t.name, maxName), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := w.pin
	if p.rows.store != nil {
		fresh.form = nil
	}
	p.known[t] = &fresh
	delete(p.dirty, t)
	return nil
}
