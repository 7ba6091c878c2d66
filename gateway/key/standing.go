// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"

	"holdfast"
)

// supervisorName is the bearer of SUPERVISOR_API_TOKEN.
const supervisorName = "supervisor-token"

// noKey is the standing of callers who came without a key.
const noKey = "no key"

// Standing is what lets a caller in, as a word that becomes another when that does; it is empty once
// nothing does. A rotation tells at the end of its overlap, for until then either key opens.
func (k *Keys) Standing(ctx context.Context, caller holdfast.Caller) (string, error) {
	switch {
	case caller.Kind == holdfast.CallerOperator && caller.Key == "" && caller.Name == supervisorName:
		return inEnvNow(k.needs.Keys, SupervisorToken), nil
	case caller.Key == "":
		return noKey, nil
	case caller.Key == AgentKey:
		return inEnvNow(k.needs.Keys, AgentKey), nil
	}
	g, err := k.granted(ctx, caller.Key)
	if err != nil {
		return "", err
	}
	now := k.needs.Now().UnixNano()
	switch {
	case g == nil, g.Expires > 0 && now >= g.Expires:
		return "", nil
	case g.caller.Kind != caller.Kind, g.caller.Name != caller.Name, g.caller.Tenant != caller.Tenant:
		return "", nil // it is another's by now
	case now < g.OldUntil:
		return g.oldHash, nil
	}
	return g.hash, nil
}

func inEnvNow(env secrets, name string) string {
	secret, ok := env.Get(name)
	if !ok || secret.Empty() {
		return ""
	}
	return secret.Digest()
}

// Changed is closed when what a key opens may be another: at once when it is changed here, and once a
// minute, for keys expire, and other nodes change them too. Ask for it before asking for Standing.
func (k *Keys) Changed() <-chan struct{} {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.changed
}

// turn tells that what was seen may not hold any more. Called with the lock held.
func turn(k *Keys) {
	k.changes++
	close(k.changed)
	k.changed = make(chan struct{})
}

// followEnv tells of other keys in .env.
func followEnv(ctx context.Context, k *Keys) {
	for changed := k.needs.Keys.Changed(); ; {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		changed = k.needs.Keys.Changed() // before others look
		k.mu.Lock()
		turn(k)
		k.mu.Unlock()
	}
}
