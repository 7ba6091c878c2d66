// SPDX-License-Identifier: Apache-2.0

// Package pin remembers what the tools, prompts and instructions of others were like when they were
// first seen, so that none changes unseen.
//
// It is for judging a thing by its fingerprint and by what was found in its words, for telling a person
// what changed, and for taking a person's acceptance. It is not for reading the words (agent/tools/poison)
// nor for who may accept (agent/tools). It guarantees that a thing that changed, or steers, stands as
// such until a person accepted just that form, over restarts and while the store fails, and that each
// finding is journaled once. agent/tools calls it.
package pin

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
	"holdfast/agent/plain"
	"holdfast/agent/tools/poison"
	"holdfast/core/store"
)

// The kinds of what a source brings.
const (
	KindTool         = "tool"
	KindPrompt       = "prompt"
	KindResource     = "resource"
	KindTemplate     = "template"
	KindInstructions = "instructions"
	// KindName and KindPlace are found once and not pinned: a name that was not given, and a place that a
	// remote server led to.
	KindName  = "name"
	KindPlace = "place"
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
	Changed Standing = "changed"
	Flagged Standing = "flagged"
)

// A Thing is what is pinned, by its source and the name that the source gives it.
type Thing struct{ Source, Kind, Name string }

// journal is what pins need of the journal.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

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

// Pins remember what the things of others looked like, so that none changes unseen.
type Pins struct {
	rows    rows
	journal journal
	log     *slog.Logger

	// writing is held while pins are written, so that what happened before a person accepted a thing is
	// not written over the acceptance.
	writing sync.Mutex

	mu    sync.Mutex
	known map[Thing]*pin
	count map[string]int // pins by source
	dirty map[Thing]event
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

// New makes pins that are kept in a store; without one they last as long as the process.
func New(in *store.Store, book journal, log *slog.Logger) *Pins {
	return &Pins{
		rows: rows{store: in}, journal: book, log: log,
		known: map[Thing]*pin{}, count: map[string]int{}, dirty: map[Thing]event{}, wake: make(chan struct{}, 1),
	}
}

// Wake tells that something is to be written, by Flush.
func (p *Pins) Wake() <-chan struct{} { return p.wake }

// maxForm bounds what is kept of a thing's form; a larger one is known by its fingerprint alone.
const maxForm = 256 << 10

// maxName bounds what the journal shows of a name.
const maxName = 64

// maxPins bounds how many things of one source are remembered.
const maxPins = 10_000

// Of names a thing as every store can keep it.
func Of(source, kind, name string) Thing {
	if len(name) > 512 || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		name = "sha256:" + Sum([]byte(name))
	}
	return Thing{Source: source, Kind: kind, Name: name}
}

// Form is a thing as it is fingerprinted: JSON whose names are in order.
func Form(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	return raw
}

// Sum is the fingerprint of a form.
func Sum(form json.RawMessage) string {
	sum := sha256.Sum256(form)
	return hex.EncodeToString(sum[:])
}

func kept(form json.RawMessage) json.RawMessage {
	if len(form) > maxForm {
		return json.RawMessage(`{"too_large_to_show":true}`)
	}
	return form
}

// Judge holds a thing against its pin, and pins one that is new. It does no I/O: what is to be
// written waits for flush. Doubts are what steers in its words, which only a person's acceptance
// of just these words takes away. What follows may change and is only told.
func (p *Pins) Judge(t Thing, form json.RawMessage, doubts []poison.Finding, follows bool) Standing {
	sum := Sum(form)
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.known[t]
	switch {
	case had == nil && p.count[t.Source] >= maxPins:
		return Flagged // a source that ever brings new names is not followed for ever
	case had == nil:
		p.count[t.Source]++
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
		return Changed
	case len(doubts) > 0 && (had.by == "" || had.sum != sum):
		if had.flagged != sum {
			had.flagged, had.doubts = sum, doubts
			p.note(t, eventFlagged)
		}
		return Flagged
	}
	return ""
}

// Found tells of a thing that was refused, once: what is known is not told again, also by later houses.
func (p *Pins) Found(t Thing, what any) {
	form := Form(what)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[t] != nil || p.count[t.Source] >= maxPins {
		return
	}
	p.count[t.Source]++
	p.known[t] = &pin{sum: Sum(form), form: kept(form), at: time.Now()}
	p.note(t, eventFound)
}

// note leaves an event to be written. Called with the lock held.
func (p *Pins) note(t Thing, e event) {
	// What was never written is still new, and what changed is no less so for its words.
	if before := p.dirty[t]; before == "" || before != eventFirst && e != eventFlagged {
		p.dirty[t] = e
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Pinned is since when a thing is as it is, who accepted it, and since when its source says something
// else.
type Pinned struct {
	At    time.Time
	By    string
	Since time.Time
}

// Pinned tells how a thing was pinned.
func (p *Pins) Pinned(t Thing) Pinned {
	had, _ := p.pinned(t)
	return Pinned{At: had.at, By: had.by, Since: had.since}
}

// Stands tells whether a thing is offered just so: it is pinned, its source said nothing else since, and
// its words do not wait for a person.
func (p *Pins) Stands(t Thing, form json.RawMessage) bool {
	had, ok := p.pinned(t)
	return ok && had.sum == Sum(form) && had.other == "" && (had.flagged != had.sum || had.by != "")
}

func (p *Pins) pinned(t Thing) (pin, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.known[t]
	if had == nil {
		return pin{}, false
	}
	return *had, true
}

// Load reads what earlier houses pinned. Nodes that share a store have pins of their own.
func (p *Pins) Load(ctx context.Context, node string) error {
	p.rows.node = node
	known, err := p.rows.all(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for t, had := range known {
		if p.known[t] == nil {
			p.known[t] = had
			p.count[t.Source]++
		}
	}
	return nil
}

// written is one pin on its way to the store and the journal.
type written struct {
	Thing
	pin
	event event
	diff  []Change
}

// Flush writes down what happened, and journals it. What cannot be written is tried again at the
// next flush.
func (p *Pins) Flush(ctx context.Context) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	batch := make([]written, 0, len(p.dirty))
	for t, e := range p.dirty {
		batch = append(batch, written{Thing: t, pin: *p.known[t], event: e})
	}
	clear(p.dirty)
	p.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	slices.SortFunc(batch, func(a, b written) int { return compareThings(a.Thing, b.Thing) })
	for i, w := range batch {
		if w.event == eventChanged || w.event == eventTold {
			batch[i].diff = p.Diff(ctx, w.Thing)
		}
		if w.event == eventTold {
			batch[i].sum, batch[i].form, batch[i].other, batch[i].said, batch[i].at = w.other, w.said, "", nil, w.since
		}
	}
	if err := p.rows.put(ctx, batch); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range batch {
			if _, newer := p.dirty[w.Thing]; !newer || w.event == eventFirst {
				p.dirty[w.Thing] = w.event
			}
		}
		return err
	}
	p.settle(batch)
	return p.tell(ctx, batch)
}

// settle takes up what was written: forms that are stored need not be remembered.
func (p *Pins) settle(batch []written) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range batch {
		had := p.known[w.Thing]
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
func (p *Pins) tell(ctx context.Context, batch []written) error {
	firsts := map[string][]string{}
	for _, w := range batch {
		if len(w.doubts) > 0 {
			p.enter(ctx, "tool.flagged", holdfast.OutcomeRefused, w, nil)
		}
		switch w.event {
		case eventFlagged:
		case eventFound:
			p.append(ctx, holdfast.Entry{
				Action: foundAs(w.Kind), Subject: plain.Text(w.Name, maxName), Outcome: holdfast.OutcomeRefused,
				Detail: Form(map[string]any{"source": w.Source, "kind": w.Kind, "found": w.form}),
			})
		case eventFirst:
			firsts[w.Source] = append(firsts[w.Source], w.Kind+" "+plain.Text(w.Name, maxName))
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
		detail := Form(map[string]any{"pinned": names[:min(len(names), 500)], "count": len(names)})
		p.append(ctx, holdfast.Entry{Action: "tool.pinned", Subject: source, Outcome: holdfast.OutcomeNoted, Detail: detail})
	}
	return nil
}

// foundAs is what the journal calls what is told once.
func foundAs(kind string) string {
	switch kind {
	case KindName:
		return "tool.shadowed"
	case KindPlace:
		return "remote.led_elsewhere"
	}
	return "tool.flagged"
}

func (p *Pins) enter(ctx context.Context, action string, outcome holdfast.Outcome, w written, diff []Change) {
	detail := map[string]any{"source": w.Source, "kind": w.Kind, "fingerprint": w.sum}
	if w.other != "" {
		detail["says_now"] = w.other
	}
	if diff != nil {
		detail["changes"] = diff
	}
	if len(w.doubts) > 0 {
		detail["findings"] = w.doubts
	}
	p.append(ctx, holdfast.Entry{Action: action, Subject: plain.Text(w.Name, maxName), Outcome: outcome, Detail: Form(detail)})
}

func (p *Pins) append(ctx context.Context, e holdfast.Entry) {
	house := holdfast.Internal("tools", e.Action)
	e.Caller, e.Tier = house.String(), house.Tier
	if _, err := p.journal.Append(ctx, e); err != nil {
		p.log.Error("cannot journal what became of a tool", slog.String("tool", e.Subject), slog.String("what", e.Action), slog.Any("error", err))
	}
}

// Diff is what changed of a thing, nil when it is as it was.
func (p *Pins) Diff(ctx context.Context, t Thing) []Change {
	had, ok := p.pinned(t)
	if !ok || had.other == "" {
		return nil
	}
	before, after := had.form, had.said
	if before == nil || after == nil {
		stored, said, err := p.rows.forms(ctx, t, had.sum)
		if err != nil {
			p.log.Warn("cannot read what a tool was like", slog.String("tool", t.Name), slog.Any("error", err))
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

// Accept takes a thing as its source says it now, on a person's word. Sum, when given, is what the
// person saw: another is refused, for it changed since. It is written before it counts.
func (p *Pins) Accept(ctx context.Context, t Thing, form json.RawMessage, sum, by string) error {
	now := Sum(form)
	if sum != "" && sum != now {
		return holdfast.Errorf(holdfast.CodeConflict, "%s %s changed since it was looked at: look at it again (`holdfast tool show`)", t.Kind, plain.Text(t.Name, maxName))
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	w := written{Thing: t, pin: pin{sum: now, form: kept(form), by: by, at: time.Now()}}
	if err := p.rows.put(ctx, []written{w}); err != nil {
		return holdfast.Errorf(holdfast.CodeUnavailable, "cannot write down that %s %s is accepted, so it is not: %w", t.Kind, plain.Text(t.Name, maxName), err)
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
