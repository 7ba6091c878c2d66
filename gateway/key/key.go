// SPDX-License-Identifier: Apache-2.0

// Package key knows the bearers of API keys: clients, agents, extensions and tenants that call the
// house's models, agents and tools.
//
// It is for whose a key is, which models it may call, how many requests and tokens a minute, and
// until when. It is not for the secrets of providers (core/keys), for budgets (gateway/budget, scope
// key:NAME) nor for people's sessions (edge/auth). A key is shown once, when it is made, and kept as
// its SHA-256. A slow hash such as argon2id protects what a person could have chosen; a key is 256
// random bits, which nobody finds by trying, and it is looked up at every call. Two keys stand in
// .env instead: AGENT_API_KEY, made on the first start, and SUPERVISOR_API_TOKEN, which an operator
// may set. Callers: surface/api and the MCP server, for every request with a bearer key; the
// gateway, before every model call.
package key

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/core/trash"
)

// The keys of .env that are API keys too.
const (
	AgentKey        = "AGENT_API_KEY"
	SupervisorToken = "SUPERVISOR_API_TOKEN"
)

// prefix begins every key, as clients of OpenAI expect.
const prefix = "sk-"

// mostToken bounds what is hashed of a stranger's request.
const mostToken = 512

// fresh is how long what was seen of a key counts: another node may have changed it.
const fresh = time.Minute

//go:embed migrations
var migrations embed.FS

// Migrations are the package's tables.
func Migrations() fs.FS { return migrations }

type secrets interface {
	Get(name string) (holdfast.Secret, bool)
	Generate(ctx context.Context, name, prefix string) (holdfast.Secret, bool, error)
	Changed() <-chan struct{}
}

type bin interface {
	Keep(ctx context.Context, e trash.Entry) (string, error)
}

// Needs is what the keys are made of.
type Needs struct {
	Store *store.Store
	Keys  secrets
	Trash bin
	Log   *slog.Logger
	// Now is the time; nil means the machine's.
	Now func() time.Time
}

// Keys knows the bearers of one house.
type Keys struct {
	needs Needs
	rows  rows
	began time.Time

	mu      sync.RWMutex
	known   map[digest]*seen  // what was seen lately
	named   map[string]*grant // the same by name
	meters  map[string]*meter
	used    map[string]int64 // last uses of those forgotten, until they are written down
	changes int              // counts what was forgotten
	changed chan struct{}    // closed and replaced with each

	// inEnv are the keys of .env, and when each was last used.
	inEnv map[string]*atomic.Int64
}

type digest [sha256.Size]byte

// seen is a key that was looked up: until when it opens, 0 for ever, and to what.
type seen struct {
	until int64
	grant *grant
}

// A grant is what a key is for, as it stands in the store.
type grant struct {
	terms
	hash, oldHash string
	caller        holdfast.Caller
	meter         *meter
	used          atomic.Int64
}

// New names the keys; nothing is read before the first use.
func New(needs Needs) *Keys {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Now == nil {
		needs.Now = time.Now
	}
	return &Keys{
		needs: needs, rows: rows{needs.Store}, began: needs.Now(),
		known: map[digest]*seen{}, named: map[string]*grant{}, meters: map[string]*meter{}, used: map[string]int64{},
		changed: make(chan struct{}),
		inEnv:   map[string]*atomic.Int64{AgentKey: {}, SupervisorToken: {}},
	}
}

// Start makes AGENT_API_KEY when the home has none.
func (k *Keys) Start(ctx context.Context) error {
	_, made, err := k.needs.Keys.Generate(ctx, AgentKey, prefix)
	if err != nil {
		return fmt.Errorf("cannot make %s: %w", AgentKey, err)
	}
	if made {
		k.needs.Log.Info("made the first API key", "key", AgentKey)
	}
	return nil
}

// Run writes down when keys were used and tells of other keys in .env, until the house ends.
func (k *Keys) Run(ctx context.Context) error {
	var env sync.WaitGroup
	defer env.Wait()
	env.Go(func() { followEnv(ctx, k) })
	return house.Every(ctx, fresh, k.refresh)
}

// Stop writes down the rest.
func (k *Keys) Stop(ctx context.Context) error {
	k.refresh(ctx)
	return nil
}

// refresh writes down when keys were used and forgets what was seen of them.
func (k *Keys) refresh(ctx context.Context) {
	k.mu.Lock()
	for name := range k.named {
		k.drop(name)
	}
	clear(k.known)
	used := k.used
	k.used = map[string]int64{}
	turn(k)
	k.mu.Unlock()
	for name, at := range k.inEnv {
		if ns := at.Load(); ns > 0 {
			used[name] = ns
		}
	}
	if err := k.rows.touch(ctx, used); err != nil {
		k.needs.Log.Error("cannot write down when keys were used", "error", err)
	}
	k.letGo(ctx)
}

// letGo forgets the rates of revoked keys of which nothing counts any more.
func (k *Keys) letGo(ctx context.Context) {
	for _, name := range k.idle() {
		if r, err := k.rows.find(ctx, "name = ?", name); r == nil && err == nil && name != AgentKey {
			k.mu.Lock()
			delete(k.meters, name)
			k.mu.Unlock()
		}
	}
}

// idle names those that did nothing in the last minute.
func (k *Keys) idle() (names []string) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for name, m := range k.meters {
		if m.idle(k.needs.Now().Sub(k.began)) {
			names = append(names, name)
		}
	}
	return names
}

// Key tells who bears a token. Comparing takes the same time wherever a wrong token differs.
func (k *Keys) Key(ctx context.Context, token string) (holdfast.Caller, bool) {
	if token == "" || len(token) > mostToken {
		return holdfast.Caller{}, false
	}
	hash, now := digest(sha256.Sum256([]byte(token))), k.needs.Now().UnixNano()
	if k.is(SupervisorToken, hash) {
		k.inEnv[SupervisorToken].Store(now)
		return holdfast.Caller{Kind: holdfast.CallerOperator, Name: supervisorName, Tier: holdfast.TierOperator}, true
	}
	if k.is(AgentKey, hash) {
		k.inEnv[AgentKey].Store(now)
		return bearer(terms{Name: AgentKey, Owner: "agent-api-key"}), true
	}
	found := k.lookup(ctx, hash)
	if found == nil {
		return holdfast.Caller{}, false
	}
	if found.until > 0 && now >= found.until {
		return holdfast.Caller{}, false
	}
	found.grant.used.Store(now)
	return found.grant.caller, true
}

// bearer is who bears a key: a tenant, or an agent by the name of the key's owner.
func bearer(t terms) holdfast.Caller {
	c := holdfast.Caller{Kind: holdfast.CallerAgent, Name: t.Owner, Tier: holdfast.TierTenantPeer, Tenant: t.Tenant, Key: t.Name}
	if t.OwnerKind == ownerTenant {
		c.Kind, c.Tenant = holdfast.CallerTenant, t.Owner
	}
	return c
}

// is compares with a key of .env. The hashes are compared, so that not even the length shows.
func (k *Keys) is(name string, hash digest) bool {
	secret, ok := k.needs.Keys.Get(name)
	if !ok || secret.Empty() {
		return false
	}
	want := sha256.Sum256([]byte(secret.Reveal()))
	return subtle.ConstantTimeCompare(want[:], hash[:]) == 1
}

// lookup finds a key by its hash: among those seen, else in the store, where it may have come
// back from the trash.
func (k *Keys) lookup(ctx context.Context, hash digest) *seen {
	k.mu.RLock()
	found, changes := k.known[hash], k.changes
	k.mu.RUnlock()
	if found != nil {
		return found
	}
	text := hex.EncodeToString(hash[:])
	r, err := k.rows.find(ctx, "hash = ? OR old_hash = ?", text, text)
	if err != nil {
		k.needs.Log.Error("cannot look up an API key", "error", err)
	}
	if r == nil {
		return nil
	}
	found = &seen{until: r.Expires}
	if subtle.ConstantTimeCompare([]byte(r.hash), []byte(text)) != 1 {
		found.until = r.OldUntil
		if r.Expires > 0 {
			found.until = min(found.until, r.Expires)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	found.grant = k.grant(r, changes)
	if changes == k.changes {
		k.known[hash] = found
	}
	return found
}

// grant makes what is kept of a key, unless something changed since it was read. Called with the
// lock held.
func (k *Keys) grant(r *row, changes int) *grant {
	if g := k.named[r.Name]; g != nil && changes == k.changes {
		return g
	}
	m := k.meters[r.Name]
	if m == nil {
		m = &meter{}
		k.meters[r.Name] = m
	}
	g := &grant{terms: r.terms, hash: r.hash, oldHash: r.oldHash, caller: bearer(r.terms), meter: m}
	if changes == k.changes {
		k.named[r.Name] = g
	}
	return g
}

// forget drops what was seen of a key. Its row must be gone or changed already.
func (k *Keys) forget(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	turn(k)
	k.drop(name)
	for hash, found := range k.known {
		if found.grant.Name == name {
			delete(k.known, hash)
		}
	}
}

// drop forgets what a key is for, and keeps when it was last used. Called with the lock held.
func (k *Keys) drop(name string) {
	if g := k.named[name]; g != nil && g.used.Load() > 0 {
		k.used[name] = max(k.used[name], g.used.Load())
	}
	delete(k.named, name)
}

// generate makes a key: what is shown once, its hash, and how it begins.
func generate() (token, hash, hint string, err error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", "", "", fmt.Errorf("cannot make a key: %w", err)
	}
	token = prefix + base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(token))
	return token, hex.EncodeToString(sum[:]), token[:len(prefix)+4] + "…", nil
}
