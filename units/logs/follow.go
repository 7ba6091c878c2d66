// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// lookEvery is how often followed logs are looked at: the cost is a stat of each. Many are looked
	// at less often.
	lookEvery = 100 * time.Millisecond
	manyLogs  = 50
	// againEvery is how often units that are new are looked for when all are followed.
	againEvery = 2 * time.Second
	// openMost is how long the rest of a line that was written in parts is waited for.
	openMost = time.Second
)

// follow sends the last entries and then every new one, until ctx ends.
func (l *Logs) follow(ctx context.Context, input any, send func(any) error) error {
	in, ok := input.(In)
	if !ok {
		return fmt.Errorf("cannot follow a log by %T", input)
	}
	f, err := in.filter(now())
	if err != nil {
		return err
	}
	t := &train{filter: f, send: send, known: map[string]bool{}}
	defer t.close()
	found, err := l.find(in.names())
	if err != nil {
		return err
	}
	if err := t.begin(ctx, found, in.Lines); err != nil {
		return err
	}
	all := len(in.names()) == 0
	again := time.Now()
	ticker := time.NewTicker(pace(len(found)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if all && time.Since(again) > againEvery {
			again = time.Now()
			if found, err = l.find(nil); err != nil {
				return err
			}
			t.join(found)
			ticker.Reset(pace(len(t.followers)))
		}
		if err := t.look(); err != nil {
			return err
		}
	}
}

func pace(logs int) time.Duration {
	return lookEvery * time.Duration(1+min(logs/manyLogs, 9))
}

// A train follows several logs at once.
type train struct {
	filter
	send      func(any) error
	followers []*follower
	known     map[string]bool // paths
}

func (t *train) close() {
	for _, f := range t.followers {
		f.close()
	}
}

// begin sends the last entries of what is there.
func (t *train) begin(ctx context.Context, found []log, most int) error {
	var m merge
	defer m.close()
	for _, one := range found {
		f := newFollower(one)
		t.followers, t.known[one.path] = append(t.followers, f), true
		s, err := f.begin()
		if err != nil {
			return err
		}
		m.add(newWalk(one, s, f.offset, t.filter), sight{}) // the file is the follower's
	}
	list, _, err := m.last(ctx, most)
	if err != nil {
		return err
	}
	return t.pass(list)
}

// join follows the logs that are new from their beginning.
func (t *train) join(found []log) {
	for _, one := range found {
		if !t.known[one.path] {
			t.followers, t.known[one.path] = append(t.followers, newFollower(one)), true
		}
	}
}

// look sends what is new, by its time as far as it came between two looks.
func (t *train) look() error {
	var fresh []Entry
	var fail error
	for _, f := range t.followers {
		if fail = f.look(); fail != nil {
			break
		}
		for _, e := range f.take() {
			if t.takes(e) && (e.At.IsZero() || !e.At.Before(t.since)) {
				fresh = append(fresh, e)
			}
		}
	}
	slices.SortStableFunc(fresh, func(a, b Entry) int {
		if a.At.IsZero() || b.At.IsZero() {
			return 0
		}
		return a.At.Compare(b.At)
	})
	if err := t.pass(fresh); err != nil {
		return err
	}
	return fail
}

func (t *train) pass(list []Entry) error {
	for _, e := range list {
		if err := t.send(e); err != nil {
			return err
		}
	}
	return nil
}
