// SPDX-License-Identifier: Apache-2.0

// Package key knows the bearers of API keys: clients and agents that call the house's models,
// agents and tools.
//
// It is not for the secrets of providers (core/keys) nor for people's sessions (edge/auth). A key
// is shown once, when it is made, and kept as its SHA-256. A slow hash such as argon2id protects
// what a person could have chosen; a key is 256 random bits, which nobody finds by trying, and it
// is looked up at every call. Two keys stand in .env instead: AGENT_API_KEY, made on the first
// start, and SUPERVISOR_API_TOKEN, which an operator may set. Callers: surface/api and the MCP
// server, for every request with a bearer key.
package key

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"holdfast"
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

//go:embed migrations
var migrations embed.FS

// Migrations are the package's tables.
func Migrations() fs.FS { return migrations }

type secrets interface {
	Get(name string) (holdfast.Secret, bool)
	Generate(ctx context.Context, name, prefix string) (holdfast.Secret, bool, error)
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
}

// Keys knows the bearers of one house.
type Keys struct {
	needs Needs

	mu    sync.RWMutex
	known map[digest]string // name by hash, of those seen since the start
}

type digest [sha256.Size]byte

// New names the keys; nothing is read before the first use.
func New(needs Needs) *Keys {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	return &Keys{needs: needs, known: map[digest]string{}}
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

// Key tells who bears a token. Comparing takes the same time wherever a wrong token differs.
func (k *Keys) Key(ctx context.Context, token string) (holdfast.Caller, bool) {
	if token == "" || len(token) > mostToken {
		return holdfast.Caller{}, false
	}
	if k.is(SupervisorToken, token) {
		return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "supervisor-token", Tier: holdfast.TierOperator}, true
	}
	if k.is(AgentKey, token) {
		return bearer("agent-api-key"), true
	}
	name, ok := k.lookup(ctx, sha256.Sum256([]byte(token)))
	if !ok {
		return holdfast.Caller{}, false
	}
	return bearer(name), true
}

func bearer(name string) holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: name, Tier: holdfast.TierTenantPeer}
}

// is compares with a key of .env. The hashes are compared, so that not even the length shows.
func (k *Keys) is(name, token string) bool {
	secret, ok := k.needs.Keys.Get(name)
	if !ok || secret.Empty() {
		return false
	}
	a, b := sha256.Sum256([]byte(secret.Reveal())), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// lookup finds a key by its hash: among those seen, else in the store, where it may have come
// back from the trash.
func (k *Keys) lookup(ctx context.Context, hash digest) (string, bool) {
	k.mu.RLock()
	name, seen := k.known[hash]
	k.mu.RUnlock()
	if seen {
		return name, true
	}
	err := k.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT name FROM api_keys WHERE hash = ?", hex.EncodeToString(hash[:])).Scan(&name)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", false
	}
	if err != nil {
		k.needs.Log.Error("cannot look up an API key", "error", err)
		return "", false
	}
	k.remember(ctx, hash, name)
	return name, true
}

// remember keeps a key that was found, unless it was revoked meanwhile.
func (k *Keys) remember(ctx context.Context, hash digest, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	still := 0
	err := k.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM api_keys WHERE hash = ?", hex.EncodeToString(hash[:])).Scan(&still)
	})
	if err == nil && still == 1 {
		k.known[hash] = name
	}
}

// forget drops what was seen of a key. The row must be gone already.
func (k *Keys) forget(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for hash, known := range k.known {
		if known == name {
			delete(k.known, hash)
		}
	}
}

// create makes a key and keeps its hash.
func (k *Keys) create(ctx context.Context, name string) (token, hint string, err error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", "", fmt.Errorf("cannot make a key: %w", err)
	}
	token = prefix + base64.RawURLEncoding.EncodeToString(random)
	hash := sha256.Sum256([]byte(token))
	hint = token[:len(prefix)+4] + "…"
	by := holdfast.CallerFrom(ctx).String()
	err = k.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		taken := 0
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM api_keys WHERE name = ?", name).Scan(&taken); err != nil {
			return err
		}
		if taken > 0 {
			return holdfast.Errorf(holdfast.CodeConflict, "there is an API key %q already", name)
		}
		_, err := tx.Exec(ctx, "INSERT INTO api_keys (name, hash, hint, created_ns, created_by) VALUES (?, ?, ?, ?, ?)",
			name, hex.EncodeToString(hash[:]), hint, time.Now().UnixNano(), by)
		return err
	})
	return token, hint, err
}
