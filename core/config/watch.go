// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"os"
	"sync"
	"time"
)

// lookEvery is how often master_config.json is looked at while somebody watches it.
const lookEvery = 2 * time.Second

// a watch looks at a file for all who read it, so that it is looked at once and not by each.
type watch struct {
	mu       sync.Mutex
	seen     os.FileInfo // nil while it is not there
	state    uint64
	watchers map[chan struct{}]bool
	rest     context.CancelFunc // ends the looking, while anybody watches
}

// Look looks at the file now. Its state is a number, from 1, which is another when the file is another;
// who keeps that of what he read knows whether to read again. Who watches is woken by another state.
func (m *Master) Look() (state uint64, there bool) {
	info, err := os.Stat(m.home.MasterFile())
	w := &m.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		info = nil
	}
	if w.state > 0 && same(w.seen, info) {
		return w.state, info != nil
	}
	w.seen = info
	w.state++
	for watcher := range w.watchers {
		select {
		case watcher <- struct{}{}:
		default: // it is to be woken anyway
		}
	}
	return w.state, info != nil
}

func same(was, is os.FileInfo) bool {
	if was == nil || is == nil {
		return was == nil && is == nil
	}
	return os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime())
}

// Watch wakes at once, and whenever the file is another than it was, until ctx ends.
func (m *Master) Watch(ctx context.Context) <-chan struct{} {
	woken := make(chan struct{}, 1)
	woken <- struct{}{}
	w := &m.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watchers == nil {
		w.watchers = map[chan struct{}]bool{}
	}
	w.watchers[woken] = true
	if w.rest == nil {
		var life context.Context
		life, w.rest = context.WithCancel(context.Background())
		go m.keepLooking(life)
	}
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, woken)
		if len(w.watchers) == 0 && w.rest != nil {
			w.rest()
			w.rest = nil
		}
	})
	return woken
}

func (m *Master) keepLooking(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.Look()
		}
	}
}
