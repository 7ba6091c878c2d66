// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// The events of the history.
const (
	EventHalt       = "halt"
	EventResume     = "resume"
	EventAutoResume = "auto-resume"
	EventForced     = "forced-resume"
	EventWarn       = "warn"
	EventThresholds = "thresholds"
	EventRewritten  = "flag-rewritten"
	EventBypass     = "bypass"
	EventBlind      = "blind"
)

// An Event is one line of the history.
type Event struct {
	Time   time.Time       `json:"time"`
	Event  string          `json:"event"`
	Reason string          `json:"reason,omitempty"`
	By     string          `json:"by,omitempty"`
	Flag   *Flag           `json:"flag,omitempty"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

// Scope is whose event it is.
func (e Event) Scope() Scope {
	if e.Flag == nil {
		return House
	}
	return e.Flag.Scope
}

const mostHistory = 1 << 20

// A Diary is what the breaker did, and what of it nobody has journaled.
type Diary struct{ files Files }

// Diary is that of the home.
func (f Files) Diary() Diary { return Diary{f} }

func (f Diary) historyPath() string { return f.files.path("history.jsonl") }
func (f Diary) untoldPath() string  { return f.files.path("untold.jsonl") }

// Tell appends an event to the history, which is cut into two files so that it never grows for good.
func (f Diary) Tell(e Event) error { return f.appendTo(f.historyPath(), e) }

// Leave has the next house journal an event that was told while none could.
func (f Diary) Leave(e Event) error { return f.appendTo(f.untoldPath(), e) }

func (f Diary) appendTo(path string, e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > mostHistory {
		_ = os.Rename(path, path+".1")
	}
	if err := (disk.Disk{}).MkdirAll(f.files.dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	// A line that a crash or a full disk tore must not take this one with it.
	if info, err := file.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// History reads the last events, newest first.
func (f Diary) History(limit int) ([]Event, error) {
	var all []Event
	for _, path := range []string{f.historyPath() + ".1", f.historyPath()} {
		events, err := readEvents(path)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	newest := make([]Event, 0, min(limit, len(all)))
	for i := len(all) - 1; i >= 0 && len(newest) < limit; i-- {
		newest = append(newest, all[i])
	}
	return newest, nil
}

// Untold takes the events that nobody has journaled, and calls tell for each. Those of which tell
// fails are kept.
func (f Diary) Untold(tell func(Event) error) error {
	taken := f.untoldPath() + ".taken"
	if _, err := os.Lstat(taken); absent(err) { // else a house died over it: those come first
		if err := os.Rename(f.untoldPath(), taken); err != nil {
			if absent(err) {
				return nil
			}
			return err
		}
	}
	events, err := readEvents(taken)
	if err != nil {
		return err
	}
	for i, e := range events {
		if err := tell(e); err != nil {
			err = fmt.Errorf("cannot journal %s of %s: %w", e.Event, e.Time.Format(time.RFC3339), err)
			if i > 0 { // those before are told
				err = errors.Join(err, rewrite(taken, events[i:]))
			}
			return err
		}
	}
	return os.Remove(taken)
}

func rewrite(path string, events []Event) error {
	var text []byte
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	return home.WriteFile(path, text, 0o644)
}

// readEvents leaves out lines that a crash tore.
func readEvents(path string) ([]Event, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var all []Event
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, mostHistory)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			all = append(all, e)
		}
	}
	return all, lines.Err()
}
