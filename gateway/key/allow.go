// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// Limited refuses a call that passes a key's rate.
type Limited struct {
	Key string
	// Setting is rpm or tpm; Most is its value.
	Setting string
	Most    int64
	// Wait is how long until the call fits; 0 when it never does.
	Wait time.Duration
}

// RetryAfter is how long until the call fits; 0 when it never does.
func (e *Limited) RetryAfter() time.Duration { return e.Wait }

func (e *Limited) Error() string {
	what := map[string]string{settingRPM: "requests", settingTPM: "tokens"}[e.Setting]
	if e.Most == 1 {
		what = strings.TrimSuffix(what, "s")
	}
	text := fmt.Sprintf("the key %s may spend %d %s a minute (%s of the key)", e.Key, e.Most, what, e.Setting)
	if e.Wait == 0 {
		return text + ", and this call alone may need more: a smaller max_tokens would help"
	}
	return text + fmt.Sprintf(": try again in %d s", int64((e.Wait+time.Second-1)/time.Second))
}

// NotAllowed refuses a call that a key is not for.
type NotAllowed struct {
	Key   string
	Model string
	// Models are what the key is for; none when the key itself is gone.
	Models []string
}

func (e *NotAllowed) Error() string {
	if len(e.Models) == 0 {
		return fmt.Sprintf("the key %s was revoked or has expired", e.Key)
	}
	return fmt.Sprintf("the key %s may not call %q: it is for %s", e.Key, e.Model, strings.Join(e.Models, ", "))
}

const (
	settingRPM = "rpm"
	settingTPM = "tpm"
)

// Allow tells whether a caller's key may call a model by the name that the client gave, with so
// many tokens, and counts the call. The error is *NotAllowed or *Limited. Callers without a key
// pass.
func (k *Keys) Allow(ctx context.Context, caller holdfast.Caller, model string, tokens int64) error {
	if caller.Key == "" {
		return nil
	}
	g, err := k.granted(ctx, caller.Key)
	switch {
	case err != nil:
		return fmt.Errorf("cannot look up the key %s: %w", caller.Key, err)
	case g == nil || (g.Expires > 0 && k.needs.Now().UnixNano() >= g.Expires):
		return &NotAllowed{Key: caller.Key, Model: model}
	case !g.allows(model):
		return &NotAllowed{Key: caller.Key, Model: model, Models: g.Models}
	case g.RPM == 0 && g.TPM == 0:
		return nil
	}
	if limited := g.meter.take(k.needs.Now().Sub(k.began), g.RPM, g.TPM, tokens); limited != nil {
		limited.Key = caller.Key
		return limited
	}
	return nil
}

// Settle corrects the tokens that Allow counted for a call, which began then, to what it spent, also
// where what was seen of the key was forgotten meanwhile.
func (k *Keys) Settle(caller holdfast.Caller, began time.Time, counted, spent int64) {
	if caller.Key == "" || counted == spent {
		return
	}
	k.mu.RLock()
	g, m := k.named[caller.Key], k.meters[caller.Key]
	k.mu.RUnlock()
	if m != nil && (g == nil || g.TPM > 0) {
		m.correct(k.needs.Now().Sub(k.began), began.Sub(k.began), counted, spent)
	}
}

// Left is how many tokens a caller's key may still spend in this minute.
func (k *Keys) Left(ctx context.Context, caller holdfast.Caller) int64 {
	if caller.Key == "" {
		return math.MaxInt64
	}
	g, err := k.granted(ctx, caller.Key)
	switch {
	case err != nil || g == nil:
		return 0
	case g.TPM == 0:
		return math.MaxInt64
	}
	return g.meter.left(k.needs.Now().Sub(k.began), g.TPM)
}

// May tells whether a caller's key is for a model, without counting anything.
func (k *Keys) May(ctx context.Context, caller holdfast.Caller, model string) bool {
	if caller.Key == "" {
		return true
	}
	g, err := k.granted(ctx, caller.Key)
	return err == nil && g != nil && g.allows(model)
}

// granted is what a key is for, nil when there is none of that name. AGENT_API_KEY is for
// everything until somebody says otherwise.
func (k *Keys) granted(ctx context.Context, name string) (*grant, error) {
	k.mu.RLock()
	g, changes := k.named[name], k.changes
	k.mu.RUnlock()
	if g != nil {
		return g, nil
	}
	r, err := k.rows.find(ctx, "name = ?", name)
	if err != nil {
		return nil, err
	}
	if r == nil {
		if name != AgentKey {
			return nil, nil //nolint:nilnil // there is none, and that is no error
		}
		r = &row{terms: terms{Name: AgentKey}}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.grant(r, changes), nil
}

// allows tells whether a key is for a model: by its name, or by its beginning and a star.
func (t *terms) allows(model string) bool {
	return len(t.Models) == 0 || slices.ContainsFunc(t.Models, func(pattern string) bool {
		start, open := strings.CutSuffix(pattern, "*")
		return pattern == model || (open && strings.HasPrefix(model, start))
	})
}
