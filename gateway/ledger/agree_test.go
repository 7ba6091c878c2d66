// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestBooksAgree drives a ledger at random: calls settled, observed, observed again and larger, twice
// counted, booked late, with restarts, crashes and a clock that jumps. After every step rows, sums of
// quarters, sums of sessions, reports and purse agree with plain arithmetic, to the token and the
// nano-dollar.
func TestBooksAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := &books{model: *fresh(t, rt), clock: time.Now(), counted: map[string]entry{}, names: map[string]int64{}, relayed: map[string]bool{}}
		b.open()
		defer func() { _ = b.l.Stop(t.Context()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": b.reserve, "settle": b.settle, "book": b.book, "observe": b.observe, "jump": b.jump,
			"crash": b.crash, "": b.check,
		})
	})
}

// entry is one call that counts.
type entry struct {
	tokens  int64
	session string
	dark    bool // no price
}

type books struct {
	model
	clock   time.Time
	purse   *purse
	counted map[string]entry // by name: of the gateway's, its number
	names   map[string]int64 // the largest total that was observed of each name
	relayed map[string]bool  // answers that the gateway settled
	before  int64            // what the purses of former houses spent
	n       int
}

func (b *books) open() {
	b.purse = &purse{}
	b.l = New(Needs{Store: b.s, Dir: b.dir, Node: "here", Gate: wide(), Purse: b.purse, Prices: flat{}, Now: func() time.Time { return b.clock }})
	if err := b.l.Start(b.ctx); err != nil {
		b.t.Fatal(err)
	}
}

// prompt is too small to tell by itself that two calls are one (twinLeast): those that are alike by
// chance count both.
func prompt(t *rapid.T) int64 { return rapid.Int64Range(0, twinLeast-1).Draw(t, "input") }

func (b *books) truth(t *rapid.T) (Call, Result, entry) {
	c := call(rapid.SampledFrom([]string{"ada", "bob"}).Draw(t, "agent"))
	c.Session = rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "session")
	r := done(prompt(t), rapid.Int64Range(0, 500).Draw(t, "output"))
	r.Model = rapid.SampledFrom([]string{"m", "dark"}).Draw(t, "model")
	r.ResponseID = rapid.SampledFrom([]string{"", "r1", "r2", "r3"}).Draw(t, "response")
	return c, r, entry{r.Usage.Total(), c.Session, r.Model == "dark"}
}

// gone takes out what was observed of an answer that the gateway settles.
func (b *books) gone(response string) {
	if response == "" {
		return
	}
	b.relayed[response] = true
	for name := range b.counted {
		if len(name) > 3 && name[:2] == response {
			delete(b.counted, name)
		}
	}
}

func (b *books) add(e entry) {
	b.n++
	b.counted[fmt.Sprint(b.n)] = e
}

func (b *books) settle(t *rapid.T) {
	if len(b.under) == 0 {
		t.Skip("nothing under way")
	}
	i := rapid.IntRange(0, len(b.under)-1).Draw(t, "which")
	_, r, e := b.truth(t)
	e.session = ""
	b.under[i].Settle(r)
	b.under = append(b.under[:i], b.under[i+1:]...)
	b.gone(r.ResponseID)
	b.add(e)
}

func (b *books) book(t *rapid.T) {
	c, r, e := b.truth(t)
	b.l.Book(c, r, 0)
	b.gone(r.ResponseID)
	b.add(e)
}

// observe sees up to four calls, of few names, so that they are seen again.
func (b *books) observe(t *rapid.T) {
	var list []Observation
	for range rapid.IntRange(1, 4).Draw(t, "calls") {
		response := rapid.SampledFrom([]string{"", "r1", "r2", "r3"}).Draw(t, "response")
		o := seen("", response, b.clock.Add(-time.Duration(rapid.Int64Range(-3600, 40*3600).Draw(t, "ago"))*time.Second),
			prompt(t), rapid.Int64Range(0, 500).Draw(t, "output"))
		o.Key = fmt.Sprintf("%2s-%d", response, rapid.IntRange(1, 3).Draw(t, "name"))
		o.Model = rapid.SampledFrom([]string{"m", "dark"}).Draw(t, "model")
		o.Session = rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "session")
		list = append(list, o)
	}
	if err := b.l.Observe(b.ctx, list); err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if was, ok := b.names[o.Key]; ok && was >= o.Usage.Total() {
			continue
		}
		b.names[o.Key] = o.Usage.Total()
		delete(b.counted, o.Key)
		if !b.relayed[o.ResponseID] {
			b.counted[o.Key] = entry{o.Usage.Total(), o.Session, o.Model == "dark"}
		}
	}
}

func (b *books) jump(t *rapid.T) {
	b.clock = b.clock.Add(time.Duration(rapid.Int64Range(-7200, 4*3600).Draw(t, "seconds")) * time.Second)
}

func (b *books) crash(t *rapid.T) {
	if _, err := b.l.Summary(b.ctx, 1); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.under {
		b.add(entry{tokens: r.Held()})
	}
	b.under = nil
	b.before += b.purse.spent
	crash(b.l)
	b.open()
}

func (b *books) check(t *rapid.T) {
	var want Sum
	sessions, purse := map[string]int64{}, int64(0)
	for _, e := range b.counted {
		want.Calls++
		want.Total += e.tokens
		if e.dark {
			want.Unpriced++
		}
		if e.session != "" {
			sessions[e.session] += e.tokens
		}
		purse += e.tokens
	}
	far := b.clock.Add(-1000 * time.Hour).Format(time.RFC3339)
	by := rapid.SampledFrom([]string{"day", "agent", "model", "source"}).Draw(t, "by")
	got, err := asked(b.l).usage(b.ctx, usageInput{By: by, Since: far})
	if err != nil || got.Sum.Total != want.Total || got.Sum.Calls != want.Calls || got.Sum.Unpriced != want.Unpriced {
		t.Fatalf("by %s: %+v, %v, want %+v", by, got, err, want)
	}
	got, err = asked(b.l).usage(b.ctx, usageInput{By: "session", Since: far})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range got.Rows {
		if row.Total != sessions[row.Name] {
			t.Fatalf("session %s has %d tokens, want %d", row.Name, row.Total, sessions[row.Name])
		}
	}
	b.sameInRows(t, want)
}

// sameInRows compares the rows themselves with the sums, in every class.
func (b *books) sameInRows(t *rapid.T, want Sum) {
	text := "SELECT " + adding("1", "estimated", "input", "cached_read", "cache_write_5m + cache_write_1h", "output", "reasoning", total, "cost", "CASE WHEN cost IS NULL THEN 1 ELSE 0 END")
	var inRows, inSums Sum
	err := b.l.read(b.ctx, func(q *query) {
		inRows = q.sum(text + " FROM ledger_calls")
		inSums = q.sum("SELECT " + sums() + " FROM ledger_sums")
	})
	if err != nil || inRows != inSums || inRows.Total != want.Total {
		t.Fatalf("rows say %+v, sums %+v, want %d: %v", inRows, inSums, want.Total, err)
	}
	spent := b.before + b.purse.spent + b.orphaned(t)
	if spent != want.Total {
		t.Fatalf("the purses spent %d of %d", spent, want.Total)
	}
	held := int64(0)
	for _, r := range b.under {
		held += r.Held()
	}
	if b.purse.held != held {
		t.Fatalf("the purse holds %d, want %d", b.purse.held, held)
	}
}

// orphaned is what was settled at a start, before there was a purse to tell.
func (b *books) orphaned(t *rapid.T) (tokens int64) {
	err := b.l.read(b.ctx, func(q *query) {
		q.each("SELECT "+adding(total)+" FROM ledger_calls WHERE status = 'orphan'", nil, func(scan func(...any) error) error { return scan(&tokens) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}
