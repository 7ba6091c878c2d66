// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"slices"
	"strings"
	"sync"

	"holdfast"
	"holdfast/agent/upstream"
)

// subscriptions are who wants to hear of which resource. A server is asked once however many listen.
type subscriptions struct {
	mu      sync.Mutex
	wanted  map[string]int // by server and address
	hearers map[int]func(uri string)
	next    int
}

func newSubscriptions() *subscriptions {
	return &subscriptions{wanted: map[string]int{}, hearers: map[int]func(string){}}
}

// maxSubscriptions bounds what is wanted of all servers together.
const maxSubscriptions = 4096

func (s *subscriptions) add(key string) (first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted[key] == 0 && len(s.wanted) >= maxSubscriptions {
		return false, holdfast.Errorf(holdfast.CodeUnavailable, "cannot subscribe: %d resources are subscribed to already", maxSubscriptions)
	}
	s.wanted[key]++
	return s.wanted[key] == 1, nil
}

func (s *subscriptions) drop(key string) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted[key] == 0 {
		return false
	}
	if s.wanted[key]--; s.wanted[key] == 0 {
		delete(s.wanted, key)
		return true
	}
	return false
}

// of are the addresses that are wanted of a server.
func (s *subscriptions) of(server string) (uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.wanted {
		if uri, ok := strings.CutPrefix(key, server+"\x00"); ok {
			uris = append(uris, uri)
		}
	}
	return uris
}

// subscribedTo is a server whose resource of an address is wanted, nil when there is none.
func subscribedTo(c *Catalogue, uri string) *source {
	for _, from := range c.all() {
		if slices.Contains(c.subscriptions.of(from.decl.Name), uri) {
			return from
		}
	}
	return nil
}

// updated tells everyone who listens.
func (s *subscriptions) updated(uri string) {
	s.mu.Lock()
	hearers := make([]func(string), 0, len(s.hearers))
	for _, hear := range s.hearers {
		hearers = append(hearers, hear)
	}
	s.mu.Unlock()
	for _, hear := range hearers {
		hear(uri)
	}
}

// Hear calls hear with the address of each resource that a server says has changed, until stop. It
// must not block; who hears tells only those who asked for the resource.
func (c *Catalogue) Hear(hear func(uri string)) (stop func()) {
	s := c.subscriptions
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := s.next
	s.hearers[id] = hear
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.hearers, id)
	}
}

// Subscribe asks for changes of a resource, which Hear tells, until as many calls of Unsubscribe.
func (v View) Subscribe(ctx context.Context, uri string) error {
	found := v.catalogue.snapshot()
	from, skill, err := v.resource(ctx, uri)
	if err != nil || skill { // a skill's file is read anew each time
		return err
	}
	if !from.brings().subscribes {
		return holdfast.Errorf(holdfast.CodeBadInput, "%s tells no changes of its resources", from.label())
	}
	key := from.decl.Name + "\x00" + uri
	first, err := v.catalogue.subscriptions.add(key)
	if err != nil || !first {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, v.catalogue.settings().Timeout.Std(), upstream.ErrTimeout)
	defer cancel()
	if err := from.Subscribe(ctx, uri, v.still(found, sameResource(uri, from))); err != nil {
		v.catalogue.subscriptions.drop(key)
		return err
	}
	return nil
}

// Unsubscribe takes one Subscribe back, also of a resource that the view shows no more.
func (v View) Unsubscribe(ctx context.Context, uri string) error {
	from, skill, err := v.resource(ctx, uri)
	if err != nil {
		from = subscribedTo(v.catalogue, uri)
	}
	if skill || from == nil {
		return err
	}
	if !v.catalogue.subscriptions.drop(from.decl.Name + "\x00" + uri) {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, v.catalogue.settings().Timeout.Std(), upstream.ErrTimeout)
	defer cancel()
	return from.Unsubscribe(ctx, uri)
}
