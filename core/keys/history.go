// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/home/disk"
)

// keepFor is how long a replaced value can come back.
const keepFor = 30 * 24 * time.Hour

// A past is one value that a change replaced or took away. It is written before the change, so a
// crash in between leaves one entry too many, never one too few.
type past struct {
	Time   time.Time `json:"time"`
	Key    string    `json:"key"`
	Value  string    `json:"value"`
	Action string    `json:"action"`
	Caller string    `json:"caller"`
}

func (k *Keys) historyFile() string { return k.home.Var("keys_history.json") }

func (k *Keys) history() ([]past, error) {
	text, err := os.ReadFile(k.historyFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, disk.Explain("read", k.historyFile(), err)
	}
	var all []past
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("cannot read %s, move it away to go on: %w", k.historyFile(), errors.New("it is not what the house wrote"))
	}
	oldest := k.now().Add(-keepFor)
	return slices.DeleteFunc(all, func(p past) bool { return p.Time.Before(oldest) }), nil
}

// remember keeps the old values of the keys that a change replaces.
func (k *Keys) remember(ctx context.Context, action string, before map[string]string, changed []string) error {
	all, err := k.history()
	if err != nil {
		return err
	}
	had := len(all)
	for _, key := range changed {
		if old, ok := before[key]; ok {
			all = append(all, past{
				Time: k.now().UTC(), Key: key, Value: old, Action: action, Caller: holdfast.CallerFrom(ctx).String(),
			})
		}
	}
	if len(all) == had {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot word the history of keys: %w", err)
	}
	if err := k.disk.MkdirAll(k.home.Var(), 0o755); err != nil {
		return err
	}
	return k.disk.WriteFile(k.historyFile(), append(text, '\n'), 0o600)
}

// Restore brings back the value that the last change of a key replaced. The value that it
// replaces is kept too, so restoring twice is where one began.
func (k *Keys) Restore(ctx context.Context, name string) error {
	all, err := k.history()
	if err != nil {
		return err
	}
	for _, p := range slices.Backward(all) {
		if p.Key != name {
			continue
		}
		if now, ok := k.Get(name); ok && now.Equal(p.Value) {
			continue // a crash came between history and change
		}
		_, err := k.change(ctx, "keys.restore", func(d *dotenv) error { return assign(d, name, p.Value) })
		return err
	}
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no earlier value of %q: values are kept 30 days after a change", name)
}
