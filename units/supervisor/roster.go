// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"holdfast"
	"holdfast/core/intent"
	"holdfast/core/process"
)

// A roster is the units of the house by name: declarations and orders come in here, each unit's
// keeper is set to work here.
type roster struct {
	ground
	herald *herald
	log    *slog.Logger
	holds  *intent.Book

	setting sync.Mutex // one set at a time
	mu      sync.Mutex
	estate  *estate
	life    context.Context // of the house; nil before open
	end     context.CancelFunc
	posts   map[string]*post
	changed chan struct{} // closed when a unit comes or goes
	closing bool
	ending  Shutdown
}

func newRoster(g ground, h *herald, log *slog.Logger, holds *intent.Book, e *estate) *roster {
	return &roster{
		ground: g, herald: h, log: log, holds: holds, estate: e,
		posts: map[string]*post{}, changed: make(chan struct{}),
	}
}

// open finds what an earlier house left, and takes declarations from now on.
func (r *roster) open(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.estate.find(); err != nil {
		return err
	}
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	r.herald.start()
	return nil
}

// plan says how close will end the units.
func (r *roster) plan(e Shutdown) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ending = e
}

// close ends all units as planned: without a plan each after those that need it. Only a crash, and
// a plan for workers, leave units running.
func (r *roster) close(ctx context.Context) error {
	r.setting.Lock()
	defer r.setting.Unlock()
	r.mu.Lock()
	if !r.living() {
		r.mu.Unlock()
		return nil
	}
	r.closing = true
	plan := r.ending
	gone := r.dismiss(slices.Collect(maps.Keys(r.posts)))
	r.mu.Unlock()
	if plan.Quick {
		bounded, cancel := context.WithTimeout(ctx, quickGrace)
		defer cancel()
		ctx = bounded
	}
	err := waitAll(ctx, gone)
	if plan.Quick {
		err = nil // the rest is killed now
	}
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	r.running.Wait()
	r.herald.close()
	return err
}

func (r *roster) living() bool { return r.life != nil && r.life.Err() == nil }

// attend runs work that ends with the house.
func (r *roster) attend(work func(ctx context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if life := r.life; r.living() {
		r.running.Go(func() { work(life) })
	}
}

// set takes the units of one owner, and returns what to wait for until the vanished ones ended.
func (r *roster) set(ctx context.Context, owner string, units []holdfast.Unit) ([]<-chan struct{}, error) {
	r.setting.Lock()
	defer r.setting.Unlock()
	if err := waitAll(ctx, r.leaving(units)); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	vanished, err := r.compare(owner, units)
	if err != nil {
		return nil, err
	}
	gone := r.dismiss(vanished)
	for _, u := range units {
		u.Owner = owner
		r.take(u)
	}
	r.herald.board.touch()
	return gone, nil
}

// leaving finds units of the same names that are on their way out, to be waited for.
func (r *roster) leaving(units []holdfast.Unit) []<-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []<-chan struct{}
	for _, u := range units {
		if p, ok := r.posts[u.Name]; ok && p.look().order.want == wantGone && !r.closing {
			all = append(all, p.done)
		}
	}
	return all
}

// compare finds which units of the owner vanished, and refuses names of others and cycles; the
// caller holds the lock.
func (r *roster) compare(owner string, units []holdfast.Unit) (vanished []string, err error) {
	if !r.living() {
		return nil, holdfast.Errorf(holdfast.CodeUnavailable, "cannot take units: the supervisor is not running")
	}
	next, own := map[string]holdfast.Unit{}, []string{}
	for name, p := range r.posts {
		now := p.look()
		switch {
		case now.order.want == wantGone:
		case now.unit.Owner == owner:
			own = append(own, name)
		default:
			next[name] = now.unit
		}
	}
	var problems []holdfast.Problem
	logs := map[string]holdfast.Unit{}
	for _, u := range next {
		logs[logName(u)] = u
	}
	for _, u := range units {
		if other, taken := next[u.Name]; taken {
			problems = append(problems, holdfast.Problem{
				Field: u.Name, Message: "is already a unit of " + other.Owner, Remedy: "give it another name",
			})
			continue
		}
		if other, shared := logs[logName(u)]; shared {
			problems = append(problems, sharedLog(u, other))
		}
		next[u.Name] = u
	}
	if ring := cycle(next); ring != nil {
		problems = append(problems, cycleProblem(ring))
	}
	if len(problems) > 0 {
		return nil, holdfast.BadInput("cannot take the units of "+owner, problems...)
	}
	return slices.DeleteFunc(own, func(name string) bool { _, stays := next[name]; return stays }), nil
}

// take gives a declaration to its post, a new one with a keeper when there is none; the caller
// holds the lock.
func (r *roster) take(u holdfast.Unit) {
	if p, ok := r.posts[u.Name]; ok {
		p.redeclare(u)
		return
	}
	p := newPost(r.life, r.herald, r.log, u)
	r.posts[u.Name] = p
	k := &keeper{post: p, ground: r.ground, neighbours: r}
	bygone := r.estate.bygone(u)
	k.adopt(bygone.inherit(r.estate.claim(u.Name)))
	k.recall(bygone)
	p.begin(r.holds.Holds(u.Name))
	r.wake()
	r.running.Go(k.run)
}

// dismiss orders units to end for good, each after those that need it; the caller holds the lock.
func (r *roster) dismiss(names []string) []<-chan struct{} {
	declared := map[string]holdfast.Unit{}
	for name, p := range r.posts {
		declared[name] = p.look().unit
	}
	needed := dependents(declared)
	var gone []<-chan struct{}
	for _, name := range names {
		o := order{want: wantGone}
		if r.closing && (r.ending.LeaveAll || r.ending.LeaveWorkers && r.posts[name].look().works()) {
			o.want = wantLeave
		}
		for _, by := range needed[name] {
			if slices.Contains(names, by) && !(r.closing && r.ending.Quick) {
				o.after = append(o.after, r.posts[by].done)
			}
		}
		r.posts[name].give(o)
		gone = append(gone, r.posts[name].done)
	}
	return gone
}

// wake tells all who wait for a unit to be declared; the caller holds the lock.
func (r *roster) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// remove takes a unit that is gone from the list. Once the house closes, its last status stays to
// be read.
func (r *roster) remove(p *post) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return
	}
	delete(r.posts, p.name)
	r.herald.board.drop(p.name)
	p.vacate()
	r.wake()
}

// undeclared hands over what an earlier house left and nobody declared so far.
func (r *roster) undeclared() []process.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.estate.rest(func(unit string) bool { return r.posts[unit] != nil })
}

// find gives the post of a unit; the caller holds the lock.
func (r *roster) find(name string) (*post, error) {
	if p, ok := r.posts[name]; ok {
		return p, nil
	}
	return nil, holdfast.Errorf(holdfast.CodeNotFound, "there is no unit %q; `holdfast unit list` shows all", name)
}

// look tells how one unit stands.
func (r *roster) look(name string) (standing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.find(name)
	if err != nil {
		return standing{}, err
	}
	return p.look(), nil
}

// launch names the launch that a unit runs now, empty for none.
func (r *roster) launch(unit string) string {
	u, err := r.look(unit)
	if err != nil {
		return ""
	}
	return u.launch()
}

// all tells how every unit stands, by name.
func (r *roster) all() []standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]standing, 0, len(r.posts))
	for _, name := range slices.Sorted(maps.Keys(r.posts)) {
		list = append(list, r.posts[name].look())
	}
	return list
}

// answer takes every lock that all takes, and nothing else.
func (r *roster) answer() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.posts {
		p.mu.Lock()
		p.mu.Unlock() //nolint:staticcheck // that it can be had is the answer
	}
}

// start clears the hold of a unit and orders it to run; the outcome comes from the channel.
func (r *roster) start(name string) (<-chan error, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if why := p.look().unit.Blocked; why != "" {
		return nil, holdfast.Errorf(holdfast.CodeConflict, "cannot start %s: %s", name, why)
	}
	if err := r.holds.Release(name); err != nil {
		return nil, err
	}
	r.forget(p)
	return p.demand(false), nil
}

// restart orders a new launch of a unit; the outcome comes from the channel.
func (r *roster) restart(name string) (<-chan error, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.find(name)
	if err == nil {
		err = r.holds.Refuse(name)
	}
	if err != nil {
		return nil, err
	}
	switch now := p.look(); {
	case now.order.want == wantStop:
		return nil, holdfast.Errorf(holdfast.CodeConflict, "cannot restart %s: it is disabled", name)
	case now.unit.Blocked != "":
		return nil, holdfast.Errorf(holdfast.CodeConflict, "cannot restart %s: %s", name, now.unit.Blocked)
	}
	r.forget(p)
	return p.demand(true), nil
}

// forget has a unit that ended start anew, whatever becomes of this house before it does.
func (r *roster) forget(p *post) {
	if p.look().child == nil {
		r.fates.clear(p.name)
	}
}

// stop orders a unit to end and holds it. unkept is why the hold stands for this house only.
func (r *roster) stop(name, by string) (p *post, ended <-chan struct{}, unkept, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, err = r.find(name); err != nil {
		return nil, nil, nil, err
	}
	ended = p.give(order{want: wantHold})
	return p, ended, r.holds.Keep(name, by), nil
}

func waitAll(ctx context.Context, all []<-chan struct{}) error {
	for _, one := range all {
		select {
		case <-one:
		case <-ctx.Done():
			return fmt.Errorf("cannot wait for units to end: %w", ctx.Err())
		}
	}
	return nil
}
