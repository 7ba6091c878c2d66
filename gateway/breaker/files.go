// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
)

// The causes of a HALT. Only one of the burn may end by itself.
const (
	causeBurn    = "burn"
	causePerson  = "person"
	causeUnknown = "unknown"
)

// A Flag is what HALT_FLAG says.
type Flag struct {
	Reason string    `json:"reason"`
	Cause  string    `json:"cause"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	Window string    `json:"window,omitempty"`
	Burn   int64     `json:"burn,omitempty"`
	Cap    int64     `json:"cap,omitempty"`
	// CooldownUntil is when the HALT may end by itself; a person's HALT has none.
	CooldownUntil *time.Time `json:"cooldown_until,omitempty"`
}

func (f Flag) endsItself() bool { return f.Cause == causeBurn && f.CooldownUntil != nil }

// refusal is what the HALT answers.
func (f Flag) refusal(now time.Time) *holdfast.Refusal {
	r := &holdfast.Refusal{
		Guard: "breaker", Reason: Reason + ": " + f.Reason,
		Remedy: "see `holdfast breaker status`; the owner ends it with `holdfast breaker resume`",
	}
	r.RetryAfter = judgeEvery
	if f.CooldownUntil != nil && f.CooldownUntil.After(now) {
		r.RetryAfter = f.CooldownUntil.Sub(now)
	}
	return r
}

// state is what the house remembers beside the flag.
type state struct {
	Halt           *Flag     `json:"halt"`
	SuspendedUntil time.Time `json:"suspended_until,omitzero"`
}

// event is one line of the history.
type event struct {
	Time   time.Time `json:"time"`
	Event  string    `json:"event"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
	Flag   *Flag     `json:"flag,omitempty"`
	Detail any       `json:"detail,omitempty"`

	// journaled events were journaled by the waist as the action that they are.
	journaled bool
}

// files are the breaker's places on disk.
type files struct {
	flagPath, statePath, thresholdsPath, historyPath string
}

func filesOf(h home.Home) files {
	in := func(name string) string { return h.Var("breaker", name) }
	return files{in("HALT_FLAG"), in("state.json"), in("thresholds.json"), in("history.jsonl")}
}

func (f files) flag() (Flag, error) {
	var flag Flag
	data, err := os.ReadFile(f.flagPath)
	if err != nil {
		return flag, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return Flag{Reason: "the flag is there and gives no reason", Cause: causeUnknown}, nil
	}
	if err := json.Unmarshal(data, &flag); err != nil {
		// Any program may raise the flag, with a plain sentence in it.
		return Flag{Reason: string(bytes.TrimSpace(data[:min(len(data), 500)])), Cause: causeUnknown}, nil
	}
	return flag, nil
}

func (f files) writeFlag(flag Flag) error { return f.write(f.flagPath, flag) }

func (f files) removeFlag() error {
	err := os.Remove(f.flagPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(f.flagPath))
}

func (f files) state() (state, error) {
	var s state
	data, err := os.ReadFile(f.statePath)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	return s, err
}

func (f files) writeState(s state) error { return f.write(f.statePath, s) }

// write makes the folder too: the breaker works in a home that was never started.
func (f files) write(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return home.WriteFile(path, append(data, '\n'), 0o644)
}

// thresholds reads the owner's file over the defaults; a field that it leaves out has its default.
func (f files) thresholds() (judge.Thresholds, error) {
	t := judge.Defaults()
	data, err := os.ReadFile(f.thresholdsPath)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return judge.Defaults(), fmt.Errorf("%s: %w", f.thresholdsPath, err)
	}
	if wrong := t.Check(); len(wrong) > 0 {
		return judge.Defaults(), fmt.Errorf("%s: %s", f.thresholdsPath, wrong[0])
	}
	return t, nil
}

const mostHistory = 1 << 20

// remember appends to the history, which is cut into two files so that it never grows for good.
func (f files) remember(e event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if info, err := os.Stat(f.historyPath); err == nil && info.Size() > mostHistory {
		_ = os.Rename(f.historyPath, f.historyPath+".1")
	}
	if err := os.MkdirAll(filepath.Dir(f.historyPath), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(f.historyPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// history reads the last events, newest first. A line that a crash tore is left out.
func (f files) history(limit int) ([]event, error) {
	var all []event
	for _, path := range []string{f.historyPath + ".1", f.historyPath} {
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, mostHistory)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				all = append(all, e)
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return nil, err
		}
	}
	newest := make([]event, 0, min(limit, len(all)))
	for i := len(all) - 1; i >= 0 && len(newest) < limit; i-- {
		newest = append(newest, all[i])
	}
	return newest, nil
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
