// SPDX-License-Identifier: Apache-2.0

// Package cache keeps answers to identical deterministic requests, so that the second is not paid for.
//
// It is for deciding which requests are such (KeyOf), and for keeping whole answers in memory within
// bounds of bytes, number and age. It is not for asking anybody, counting or refusing, which are the
// gateway's. Nothing is kept across tenants, nor across keys unless the settings say so; nothing is
// written to a disk. While it is off, which is the default, it holds nothing. Callers: the gateway.
package cache

import (
	"container/list"
	"sync"
	"time"

	"holdfast/core/config"
)

// Config is models.cache of holdfast.yaml.
type Config struct {
	// On answers a request that is identical to an earlier one, and says itself that it wants the same
	// answer each time (temperature 0, a seed, or embeddings), with that answer, from memory.
	On bool `json:"on"`
	// MaxMB bounds what all answers take; those that were not used for longest go first.
	MaxMB int `json:"max_mb" min:"1" max:"4096"`
	// MaxAnswers bounds how many there are.
	MaxAnswers int `json:"max_answers" min:"1" max:"1000000"`
	// MaxAnswerKB bounds the size of one answer; larger ones are not kept.
	MaxAnswerKB int `json:"max_answer_kb" min:"1" max:"65536"`
	// TTL is how long an answer is good for.
	TTL config.Duration `json:"ttl"`
	// AcrossKeys lets the keys and agents of one tenant have each other's answers.
	AcrossKeys bool `json:"across_keys"`
}

// Defaults is a cache that is off, and its bounds.
func Defaults() Config {
	return Config{MaxMB: 32, MaxAnswers: 10_000, MaxAnswerKB: 512, TTL: config.Duration(time.Hour)}
}

// Check lists what the types of the fields do not tell.
func (c Config) Check(add func(field, message, remedy string)) {
	if c.On && (c.MaxMB < 1 || c.MaxAnswers < 1 || c.MaxAnswerKB < 1) {
		add("cache", "max_mb, max_answers and max_answer_kb must be above 0", "for example 32, 10000 and 512")
	}
	if c.On && (c.TTL <= 0 || c.TTL > config.Duration(30*24*time.Hour)) {
		add("cache.ttl", "must be above 0 and at most 30 days", "for example 1h")
	}
}

// An Answer is what a client was sent. Its bytes are never changed.
type Answer struct {
	Body []byte
	// Kind is its content type.
	Kind string
	// Provider and Model gave it, under the name ID.
	Provider, Model, ID string
}

// overhead is about what an answer takes beside its body.
const overhead = 512

func (a Answer) size() int64 {
	return int64(cap(a.Body)+len(a.Kind)+len(a.Provider)+len(a.Model)+len(a.ID)) + overhead
}

// A Cache keeps answers. Its methods may be called by many goroutines. The zero value is off.
type Cache struct {
	mu     sync.Mutex
	config Config
	now    func() time.Time // for tests
	age    uint64           // counts what emptied it
	bytes  int64
	byKey  map[Key]*list.Element
	recent list.List // of *entry, what was used last in front
}

type entry struct {
	key    Key
	answer Answer
	kept   time.Time
}

// Apply takes up other settings, and forgets everything: providers may have new addresses.
func (c *Cache) Apply(settings Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = settings
	c.empty()
}

// Clear forgets everything and tells how many answers there were.
func (c *Cache) Clear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.recent.Len()
	c.empty()
	return n
}

func (c *Cache) empty() {
	c.age++
	c.bytes, c.byKey = 0, nil
	c.recent.Init()
}

// Get finds an answer that is still good, and how long ago it was given.
func (c *Cache) Get(key Key) (answer Answer, ago time.Duration, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.byKey[key]
	if at == nil {
		return Answer{}, 0, false
	}
	e := at.Value.(*entry)
	ago = c.clock().Sub(e.kept)
	if ago >= c.config.TTL.Std() || ago < 0 {
		c.drop(at)
		return Answer{}, 0, false
	}
	c.recent.MoveToFront(at)
	return e.answer, ago, true
}

// Age is what Put wants to know of the moment at which a call began: what was forgotten since is not
// put back by a call that was under way.
func (c *Cache) Age() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.age
}

// Put keeps an answer, and lets go of those that were not used for longest. Of two for one key the
// later stays.
func (c *Cache) Put(key Key, began uint64, answer Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := int64(c.config.MaxMB) << 20
	if !c.config.On || began != c.age || len(answer.Body) > c.config.MaxAnswerKB<<10 || answer.size() > most {
		return
	}
	if at := c.byKey[key]; at != nil {
		c.drop(at)
	}
	if c.byKey == nil {
		c.byKey = map[Key]*list.Element{}
	}
	c.byKey[key] = c.recent.PushFront(&entry{key, answer, c.clock()})
	c.bytes += answer.size()
	for c.bytes > most || c.recent.Len() > c.config.MaxAnswers {
		c.drop(c.recent.Back())
	}
}

func (c *Cache) drop(at *list.Element) {
	e := c.recent.Remove(at).(*entry)
	delete(c.byKey, e.key)
	c.bytes -= e.answer.size()
}

func (c *Cache) clock() time.Time {
	if c.now != nil {
		return c.now()
	}
	return time.Now()
}

// Held is how many answers there are, and how many bytes they take.
func (c *Cache) Held() (answers int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len(), c.bytes
}
