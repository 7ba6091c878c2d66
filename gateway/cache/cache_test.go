// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/core/config"
	"holdfast/gateway/provider"
)

func on(change func(*Config)) *Cache {
	settings := Defaults()
	settings.On = true
	if change != nil {
		change(&settings)
	}
	c := &Cache{}
	c.Apply(settings)
	return c
}

func key(n int) Key { return Key{byte(n), byte(n >> 8), byte(n >> 16)} }

func put(c *Cache, n, size int) { c.Put(key(n), c.Age(), Answer{Body: make([]byte, size)}) }

func has(c *Cache, n int) bool { _, _, ok := c.Get(key(n)); return ok }

func TestWhatWasNotUsedForLongestGoesFirst(t *testing.T) {
	c := on(func(s *Config) { s.MaxAnswers = 3 })
	for n := range 3 {
		put(c, n, 10)
	}
	has(c, 0)
	put(c, 3, 10)
	for n, want := range []bool{true, false, true, true} {
		if has(c, n) != want {
			t.Errorf("answer %d: kept %v, want %v", n, !want, want)
		}
	}
}

func TestBytesAreBounded(t *testing.T) {
	c := on(func(s *Config) { s.MaxMB, s.MaxAnswerKB = 1, 300 })
	put(c, 1, 301<<10)
	if has(c, 1) {
		t.Error("an answer above max_answer_kb was kept")
	}
	for n := range 10_000 {
		put(c, n, 100<<10)
		if _, held := c.Held(); held > 1<<20 {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if n, _ := c.Held(); n < 8 {
		t.Errorf("%d answers are held where ten nearly fit", n)
	}
	for n := range 50_000 {
		put(c, n, 0) // what takes no bytes takes an entry
	}
	if n, held := c.Held(); held > 1<<20 || n > 1<<20/overhead {
		t.Errorf("%d empty answers are held", n)
	}
	for range 100 {
		put(c, 1, 50<<10) // the same again
	}
	c.Clear()
	if n, held := c.Held(); n != 0 || held != 0 {
		t.Errorf("%d answers of %d bytes after all were cleared", n, held)
	}
}

func TestAnswersAreGoodForAWhile(t *testing.T) {
	now := time.Now()
	c := on(func(s *Config) { s.TTL = config.Duration(time.Minute) })
	c.now = func() time.Time { return now }
	put(c, 1, 10)
	put(c, 2, 10)
	now = now.Add(59 * time.Second)
	if !has(c, 1) {
		t.Error("gone too soon")
	}
	now = now.Add(time.Second)
	if has(c, 1) {
		t.Error("kept too long: use does not make an answer younger")
	}
	now = now.Add(-time.Hour)
	if has(c, 2) {
		t.Error("an answer from the future is good")
	}
	if n, held := c.Held(); n != 0 || held != 0 {
		t.Errorf("%d answers of %d bytes remain", n, held)
	}
}

func TestWhatWasForgottenIsNotPutBack(t *testing.T) {
	c := on(nil)
	began := c.Age()
	c.Clear()
	c.Put(key(1), began, Answer{})
	if has(c, 1) {
		t.Error("a call that began before the clearing put its answer in")
	}
	began = c.Age()
	c.Apply(Defaults())
	c.Put(key(1), began, Answer{})
	put(c, 2, 1)
	if n, _ := c.Held(); n != 0 {
		t.Error("a cache that is off holds something")
	}
}

func TestTwoAtOnce(t *testing.T) {
	c := on(func(s *Config) { s.MaxAnswers = 20 })
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 2000 {
				body := []byte(fmt.Sprint(n % 50))
				c.Put(key(n%50), c.Age(), Answer{Body: body})
				if got, _, ok := c.Get(key(n % 50)); ok && string(got.Body) != string(body) {
					t.Errorf("key %d has %s", n%50, got.Body)
				}
				if worker == 0 && n%500 == 0 {
					c.Clear()
				}
			}
		})
	}
	all.Wait()
	n, held := c.Held()
	if n > 20 {
		t.Errorf("%d answers", n)
	}
	c.Clear()
	if _, left := c.Held(); left != 0 {
		t.Errorf("%d bytes of %d are never given back", left, held)
	}
}

func ask(body string) Request {
	return Request{Dialect: provider.Chat, Body: []byte(body), Tenant: "t", Caller: "agent:a", Key: "k", Agent: "a", Alias: "chat", Targets: []string{"up/m", "spare/n"}}
}

const plain = `{"model":"chat","temperature":0,"messages":[{"role":"user","content":"x"}]}`

func TestWhichRequestsAreDeterministic(t *testing.T) {
	with := func(more string) string { return strings.Replace(plain, `"temperature":0`, more, 1) }
	for name, one := range map[string]struct {
		dialect, body string
		want          bool
	}{
		"temperature 0":             {provider.Chat, plain, true},
		"temperature 0.0":           {provider.Chat, with(`"temperature":0.0`), true},
		"temperature -0":            {provider.Chat, with(`"temperature":-0`), true},
		"temperature 1e-9":          {provider.Chat, with(`"temperature":1e-9`), false},
		"temperature null":          {provider.Chat, with(`"temperature":null`), false},
		"temperature as text":       {provider.Chat, with(`"temperature":"0"`), false},
		"no temperature":            {provider.Chat, with(`"top_p":1`), false},
		"a seed":                    {provider.Chat, with(`"seed":7`), true},
		"a seed of 0":               {provider.Chat, with(`"seed":0`), true},
		"no seed":                   {provider.Chat, with(`"seed":null`), false},
		"given twice":               {provider.Chat, with(`"temperature":1,"temperature":0`), false},
		"anything twice":            {provider.Chat, with(`"temperature":0,"x":1,"x":2`), false},
		"messages":                  {provider.Messages, plain, true},
		"embeddings":                {provider.Embeddings, `{"model":"e","input":"x"}`, true},
		"responses that are kept":   {provider.Responses, plain, false},
		"responses that are not":    {provider.Responses, with(`"temperature":0,"store":false`), true},
		"responses that go on":      {provider.Responses, with(`"temperature":0,"store":false,"previous_response_id":"r"`), false},
		"completions that are":      {provider.Chat, with(`"temperature":0,"store":true`), false},
		"tools of the client":       {provider.Chat, with(`"temperature":0,"tools":[{"type":"function","function":{"name":"f"}}]`), true},
		"tools of a client's own":   {provider.Messages, with(`"temperature":0,"tools":[{"name":"f","input_schema":{}}]`), true},
		"tools of the provider":     {provider.Messages, with(`"temperature":0,"tools":[{"name":"f"},{"type":"web_search_20250305","name":"web_search"}]`), false},
		"a search":                  {provider.Chat, with(`"temperature":0,"web_search_options":{"x":1}`), false},
		"tools of another kind":     {provider.Chat, with(`"temperature":0,"tools":[{"google_search":{}}]`), false},
		"remote tools":              {provider.Messages, with(`"temperature":0,"mcp_servers":[{"url":"u"}]`), false},
		"tools that are no list":    {provider.Chat, with(`"temperature":0,"tools":{"type":"function"}`), false},
		"too many members":          {provider.Chat, with(`"temperature":0` + strings.Repeat(`,"x":1`, 1000)), false},
		"too large":                 {provider.Chat, with(`"temperature":0,"x":"` + strings.Repeat("x", 2<<20) + `"`), false},
		"a tool named by an escape": {provider.Chat, with("\"temperature\":0,\"t\\u006fols\":[{\"type\":\"mcp\"}]"), false},
	} {
		r := ask(one.body)
		r.Dialect = one.dialect
		if _, got := KeyOf(r, false); got != one.want {
			t.Errorf("%s: %v, want %v", name, got, one.want)
		}
	}
}

func TestWhoseKeyItIs(t *testing.T) {
	same, _ := KeyOf(ask(plain), false)
	for name, one := range map[string]struct {
		change     func(*Request)
		acrossKeys bool
		equal      bool
	}{
		"again": {func(*Request) {}, false, true},
		"spaces and order": {func(r *Request) {
			r.Body = []byte("{ \"messages\" : [ {\"role\":\"user\", \"content\":\"x\"} ],\n\"temperature\":0, \"model\":\"chat\" }")
		}, false, true},
		"another word":            {func(r *Request) { r.Body = []byte(strings.Replace(plain, `"x"`, `"y"`, 1)) }, false, false},
		"a space in a text":       {func(r *Request) { r.Body = []byte(strings.Replace(plain, `"x"`, `"x "`, 1)) }, false, false},
		"streamed":                {func(r *Request) { r.Body = []byte(strings.Replace(plain, `{"model"`, `{"stream":true,"model"`, 1)) }, false, false},
		"another tenant":          {func(r *Request) { r.Tenant = "u" }, false, false},
		"another key":             {func(r *Request) { r.Key = "l" }, false, false},
		"another caller":          {func(r *Request) { r.Caller = "agent:b" }, false, false},
		"another agent":           {func(r *Request) { r.Agent = "b" }, false, false},
		"another dialect":         {func(r *Request) { r.Dialect = provider.Messages }, false, false},
		"another alias":           {func(r *Request) { r.Alias = "fast" }, false, false},
		"another target":          {func(r *Request) { r.Targets = []string{"up/m2", "spare/n"} }, false, false},
		"a shorter chain":         {func(r *Request) { r.Targets = r.Targets[:1] }, false, false},
		"a beta":                  {func(r *Request) { r.Header = http.Header{"Anthropic-Beta": {"x"}} }, false, false},
		"a header without weight": {func(r *Request) { r.Header = http.Header{"User-Agent": {"x"}, "Traceparent": {"y"}} }, false, true},
		"names that run together": {func(r *Request) { r.Tenant, r.Caller = "tone", "agent:a" }, false, false},
	} {
		r := ask(plain)
		one.change(&r)
		got, ok := KeyOf(r, one.acrossKeys)
		if !ok || (got == same) != one.equal {
			t.Errorf("%s: equal %v, want %v", name, got == same, one.equal)
		}
	}
}

func TestSharingIsWithinATenant(t *testing.T) {
	first, _ := KeyOf(ask(plain), true)
	other := ask(plain)
	other.Key, other.Caller, other.Agent = "l", "agent:b", "b"
	if got, _ := KeyOf(other, true); got != first {
		t.Error("keys of one tenant do not share")
	}
	other.Tenant = "u"
	if got, _ := KeyOf(other, true); got == first {
		t.Error("two tenants share")
	}
}

func TestAClientMaySayNo(t *testing.T) {
	for value, want := range map[string]bool{
		"no-store": false, "no-cache": false, "max-age=60, No-Store": false, "private,no-cache": false, "max-age=0": false, "": true, "max-age=60": true, "only-if-cached": true,
	} {
		r := ask(plain)
		r.Header = http.Header{"Cache-Control": {value}}
		if _, got := KeyOf(r, false); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func FuzzKeyOf(f *testing.F) {
	f.Add(plain)
	f.Add(`{"a":[{"type":1}],"tools":[[]],"temperature":0}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := ask(body)
		first, ok := KeyOf(r, false)
		again, still := KeyOf(r, false)
		if ok != still || first != again {
			t.Errorf("two keys of one request: %q", body)
		}
	})
}
