// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"holdfast"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
	"holdfast/core/store"
)

// a memory keeps what each tool server offered last, so that the next house lists it before the server's
// process starts. Nodes that share a store remember for themselves. Without a store nothing is kept.
type memory struct {
	store *store.Store
	log   *slog.Logger
	node  string // whose servers these are; set before the first use

	mu    sync.Mutex
	known map[string]kept   // by server: of the house before, until its server is declared
	last  map[string]string // by server: the sum of what was noted last
	fresh map[string]kept   // by server: to be written
}

// a kept is what a server offered, as it is stored; the zero value is nothing.
type kept struct{ identity, offer, sum string }

func newMemory(in *store.Store, log *slog.Logger) *memory {
	return &memory{store: in, log: log, known: map[string]kept{}, last: map[string]string{}, fresh: map[string]kept{}}
}

const (
	// shape is that of kept offers: who changes it has the older ones dropped.
	shape = "1"
	// maxKept bounds one offer: of a server with a larger one the process starts with the house.
	maxKept = 1 << 20
)

// newKept is an offer as it is stored. Not every one can be: it must be whole, come back as it was, and
// give nothing away.
func newKept(identity string, o upstream.Offer, secrets []holdfast.Secret) (kept, error) {
	if len(o.Problems) > 0 {
		return kept{}, errors.New("a part of it could not be used")
	}
	text, err := json.Marshal(o)
	if err != nil {
		return kept{}, err
	}
	if len(text) > maxKept {
		return kept{}, fmt.Errorf("it is larger than %d bytes", maxKept)
	}
	for _, secret := range secrets {
		hidden, err := json.Marshal(secret.Reveal())
		if err != nil || bytes.Contains(text, hidden[1:len(hidden)-1]) {
			return kept{}, errors.New("a secret of the server is in it")
		}
	}
	k := kept{identity: identity, offer: string(text)}
	k.sum = k.fingerprint()
	_, err = k.read()
	return k, err
}

func (k kept) fingerprint() string {
	sum := sha256.Sum256([]byte(shape + "\n" + k.identity + "\n" + k.offer))
	return hex.EncodeToString(sum[:])
}

// read is the offer, if it is all there: what this house would not write so is none.
func (k kept) read() (upstream.Offer, error) {
	var o upstream.Offer
	if k.sum != k.fingerprint() {
		return o, errors.New("it is damaged, or was kept by a house of another version")
	}
	if err := json.Unmarshal([]byte(k.offer), &o); err != nil {
		return o, err
	}
	if text, err := json.Marshal(o); err != nil || string(text) != k.offer {
		return o, errors.New("it does not come back as it was")
	}
	return o, nil
}

// load reads what the house before kept.
func (m *memory) load(ctx context.Context, node string) error {
	m.node = node
	if m.store == nil {
		return nil
	}
	found := map[string]kept{}
	err := m.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		clear(found)
		rows, err := tx.Query(ctx, `SELECT server, identity, CASE WHEN length(offer) <= ? THEN offer ELSE '' END, sum FROM tool_offers WHERE node = ?`,
			maxKept, node)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var server string
			var k kept
			if err := rows.Scan(&server, &k.identity, &k.offer, &k.sum); err != nil {
				return err
			}
			found[server] = k
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("cannot read what the tool servers offered: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = found
	for server, k := range found {
		m.last[server] = k.sum
	}
	return nil
}

// take is what the house before kept, for each to be judged once.
func (m *memory) take() map[string]kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.known
	m.known = nil
	return taken
}

// note has what a server offers written down by the next flush; nothing has it forgotten.
func (m *memory) note(server string, k kept) {
	if m.store == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last[server] == k.sum {
		return
	}
	m.last[server], m.fresh[server] = k.sum, k
}

// pending tells whether something is to be written down.
func (m *memory) pending() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.fresh) > 0
}

// flush writes down what was noted. What cannot be written is tried again at the next flush.
func (m *memory) flush(ctx context.Context) error {
	m.mu.Lock()
	batch := m.fresh
	m.fresh = map[string]kept{}
	m.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	const query = `INSERT INTO tool_offers (node, server, identity, offer, sum) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (node, server) DO UPDATE SET identity = excluded.identity, offer = excluded.offer, sum = excluded.sum`
	err := m.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for server, k := range batch {
			var err error
			if k == (kept{}) {
				_, err = tx.Exec(ctx, `DELETE FROM tool_offers WHERE node = ? AND server = ?`, m.node, server)
			} else {
				_, err = tx.Exec(ctx, query, m.node, server, k.identity, k.offer, k.sum)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for server, k := range batch {
		if _, newer := m.fresh[server]; !newer {
			m.fresh[server] = k
		}
	}
	return fmt.Errorf("cannot write down what the tool servers offer: %w", err)
}

// a keeper keeps what one server offers.
type keeper struct {
	memory *memory
	decl   holdfast.ToolServer
	host   string
	secret func(name string) (holdfast.Secret, bool)
}

// begins is called before the server's process starts: what that offers belongs to the files as they are
// now.
func (k keeper) begins() func(upstream.Offer, error) {
	if k.memory.store == nil {
		return func(upstream.Offer, error) {}
	}
	as, unknown := identity(k.decl, k.host)
	return func(o upstream.Offer, err error) {
		var row kept
		if err = errors.Join(err, unknown); err == nil {
			row, err = newKept(as, o, k.secrets())
		}
		if err != nil {
			row = kept{}
			k.memory.log.Debug("what a tool server offers is not kept", slog.String("server", k.decl.Name), slog.Any("error", err))
		}
		k.memory.note(k.decl.Name, row)
	}
}

func (k keeper) secrets() (list []holdfast.Secret) {
	for _, name := range k.decl.Secrets {
		if k.secret == nil {
			break
		}
		if secret, ok := k.secret(name); ok && !secret.Empty() {
			list = append(list, secret)
		}
	}
	return list
}

// recall finds what servers that are declared offered in the house before, so far as it still counts:
// the server and its files are as they were, it may rest, and nothing that it offers is withheld, for
// nobody's call would start it to say something better. What is unreadable, or of a server that is gone,
// is forgotten.
func recall(c *Catalogue, declared []upstream.Declaration) map[string]upstream.Offer {
	offers := map[string]upstream.Offer{}
	known := c.memory.take()
	for _, decl := range declared {
		row, ok := known[decl.Name]
		if !ok || decl.Stdio == nil {
			continue
		}
		delete(known, decl.Name)
		offer, err := row.read()
		if err != nil {
			c.needs.Log.Warn("what a tool server offered cannot be read, so it is started", slog.String("server", decl.Name), slog.Any("error", err))
			c.memory.note(decl.Name, kept{})
			continue
		}
		as, err := identity(*decl.Stdio, c.lends.Python)
		if err == nil && as == row.identity && decl.Stdio.Blocked == "" && c.settings().Idle != 0 && asPinned(c.pins, decl, offer) {
			offers[decl.Name] = offer
		}
	}
	for server := range known {
		c.memory.note(server, kept{})
	}
	return offers
}

// asPinned tells whether every tool and prompt of an offer is as it was pinned.
func asPinned(pins *pin.Pins, decl upstream.Declaration, o upstream.Offer) bool {
	label := (&source{decl: decl}).label()
	for _, t := range o.Tools {
		if t == nil || !pins.Stands(pin.Of(label, pin.KindTool, t.Name), pin.Form(tidy(t))) {
			return false
		}
	}
	for _, p := range o.Prompts {
		if p == nil || !pins.Stands(pin.Of(label, pin.KindPrompt, p.Name), promptForm(p)) {
			return false
		}
	}
	return true
}
