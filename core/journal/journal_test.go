// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func tables() []store.Migration {
	return []store.Migration{{Package: "journal", FS: journal.Migrations()}}
}

func each(t *testing.T, test func(t *testing.T, s *store.Store, j *journal.Journal)) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) { test(t, s, journal.New(s, "alpha")) })
}

func entry(action string) holdfast.Entry {
	return holdfast.Entry{Caller: "operator:ada", Tier: holdfast.TierOperator, Action: action, Subject: "x", Outcome: holdfast.OutcomeDone}
}

func add(t *testing.T, j *journal.Journal, entries ...holdfast.Entry) {
	t.Helper()
	for _, e := range entries {
		if _, err := j.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAppendGivesPlaceTimeAndHash(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		before := time.Now()
		e := entry("backup.create")
		e.Duration, e.Detail = 3*time.Second, json.RawMessage(`{ "bytes": 12, "note": "<ünï>" }`)
		got, err := j.Append(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if got.Sequence != 1 || got.Node != "alpha" || len(got.Hash) != 64 || got.Time.Before(before) || got.Time.Location() != time.UTC {
			t.Errorf("entry = %+v", got)
		}
		shown, err := j.Show(t.Context(), journal.Query{})
		if err != nil || len(shown) != 1 {
			t.Fatalf("shown %v, %v", shown, err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(shown[0])
		if !bytes.Equal(a, b) {
			t.Errorf("appended %s\nshown    %s", a, b)
		}
	})
}

func TestManyCallersMakeOneChain(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		beta := journal.New(s, "beta") // another node on the same store
		const callers, times = 16, 25
		seen := make([][]int64, callers)
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for range times {
					e, err := j.Append(t.Context(), entry("tool.call"))
					if err != nil {
						t.Error(err)
						return
					}
					seen[c] = append(seen[c], e.Sequence)
				}
			})
		}
		wg.Go(func() { add(t, beta, entry("a.b"), entry("a.c")) })
		wg.Wait()
		all := map[int64]bool{}
		for _, mine := range seen {
			for i, n := range mine {
				if all[n] || i > 0 && mine[i-1] >= n {
					t.Errorf("sequence %d came twice, or after a later one", n)
				}
				all[n] = true
			}
		}
		v, err := j.Verify(t.Context())
		if err != nil || v.Broken != nil || v.Entries != callers*times+2 || v.Chains != 2 {
			t.Errorf("verification = %+v, %v", v, err)
		}
	})
}

func TestShowChooses(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		refused := entry("extension.delete")
		refused.Outcome, refused.Caller = holdfast.OutcomeRefused, "agent:companion"
		sail := entry("flagship.sail")
		sail.Subject = "a_b"
		add(t, j, entry("flag.flip"), entry("flag.list"), refused, sail)
		all, err := j.Show(t.Context(), journal.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			q    journal.Query
			want string
		}{
			{"all", journal.Query{}, "1 2 3 4"},
			{"noun", journal.Query{Action: "flag"}, "1 2"},
			{"action", journal.Query{Action: "flag.list"}, "2"},
			{"caller", journal.Query{Caller: "agent:companion"}, "3"},
			{"kind", journal.Query{Caller: "operator"}, "1 2 4"},
			{"outcome", journal.Query{Outcome: holdfast.OutcomeRefused}, "3"},
			{"limit", journal.Query{Limit: 2}, "3 4"},
			{"since", journal.Query{Since: all[2].Time}, "3 4"},
			{"since a time before all", journal.Query{Since: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)}, "1 2 3 4"},
			{"since a time after all", journal.Query{Since: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
			{"after", journal.Query{After: 3, Node: "alpha"}, "4"},
			{"node", journal.Query{Node: "beta"}, ""},
			{"subject", journal.Query{Subject: "a_b"}, "4"},
			{"subjects are taken whole", journal.Query{Subject: "a"}, ""},
			{"case counts in subjects", journal.Query{Subject: "A_B"}, ""},
			{"wildcards are no wildcards in subjects", journal.Query{Subject: "a%"}, ""},
			{"quotes are no quotes in subjects", journal.Query{Subject: "' OR '1'='1"}, ""},
			{"wildcards are no wildcards", journal.Query{Action: "%"}, ""},
			{"quotes are no quotes", journal.Query{Caller: "' OR '1'='1"}, ""},
		} {
			got, err := j.Show(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			var numbers []string
			for _, e := range got {
				numbers = append(numbers, fmt.Sprint(e.Sequence))
			}
			if strings.Join(numbers, " ") != c.want {
				t.Errorf("%s: %v, want %s", c.name, numbers, c.want)
			}
			for _, e := range all {
				if c.q.Limit == 0 && c.q.Since.IsZero() && c.q.Matches(e) != strings.Contains(c.want, fmt.Sprint(e.Sequence)) {
					t.Errorf("%s: Matches(%d) = %v", c.name, e.Sequence, c.q.Matches(e))
				}
			}
		}
	})
}

func TestFollowYieldsEachEntryOnce(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		add(t, j, entry("a.1"), entry("a.2"))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := make(chan int64, 1000)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for e, err := range j.Follow(ctx, 1) {
				if err != nil {
					t.Error(err)
				}
				got <- e.Sequence
			}
		}()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					add(t, j, entry("b.c"))
				}
			})
		}
		for want := int64(2); want <= 202; want++ {
			if n := <-got; n != want {
				t.Fatalf("got %d, want %d", n, want)
			}
		}
		wg.Wait()
		cancel()
		<-ended
		for e, err := range j.Follow(t.Context(), 201) {
			if err != nil || e.Sequence != 202 {
				t.Errorf("from 201: %d, %v", e.Sequence, err)
			}
			break
		}
	})
}

// credentials is what a careless capability might put into a detail.
type credentials struct {
	Token  holdfast.Secret            `json:"token"`
	Nested struct{ Keys []any }       `json:"nested"`
	ByName map[string]holdfast.Secret `json:"by_name"`
	Err    error                      `json:"err"`
}

func TestASecretNeverReachesTheTableOrAnExport(t *testing.T) {
	const value = "sk-very-secret-value-1234567890"
	secret := holdfast.NewSecret(value)
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		var c credentials
		c.Token, c.ByName = secret, map[string]holdfast.Secret{"OPENAI": secret}
		c.Nested.Keys = []any{secret, &secret, map[holdfast.Secret]int{secret: 1}, []holdfast.Secret{secret}}
		c.Err = fmt.Errorf("cannot log in with %v, %q, %#v, %x", secret, secret, secret, secret)
		for _, detail := range []any{
			c, &c,
			map[string]any{"input": c, "secret": secret, "err": c.Err},
			[]any{c, secret},
			c.Err,
			errors.Join(c.Err, c.Err), secret,
			map[string]any{"deep": map[string]any{"err": c.Err, "f": func() {}}},
		} {
			e := entry("key.set")
			e.Detail = journal.Detail(detail)
			e.Subject = fmt.Sprintf("%v", detail)
			add(t, j, e)
		}
		var export bytes.Buffer
		if err := j.Export(t.Context(), &export, journal.Query{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(export.String(), value) || strings.Contains(export.String(), value[:12]) {
			t.Error("the export shows the secret")
		}
		err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
			var n int
			err := tx.QueryRow(ctx, "SELECT count(*) FROM journal WHERE entry LIKE ? OR caller LIKE ?", "%"+value+"%", "%"+value+"%").Scan(&n)
			if n != 0 {
				t.Errorf("%d rows show the secret", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.Dialect() == store.SQLite && !strings.Contains(export.String(), "cannot log in with") {
			t.Error("errors left no text")
		}
	})
}

func TestHostileEntriesAreTamed(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		bad := entry("a.b")
		bad.Detail = json.RawMessage(`{"half": `)
		if _, err := j.Append(t.Context(), bad); err == nil {
			t.Error("a detail that is no JSON was taken")
		}
		bad = entry("")
		if _, err := j.Append(t.Context(), bad); err == nil {
			t.Error("an entry without action was taken")
		}
		bad = entry("a.b")
		bad.Outcome = "perhaps"
		if _, err := j.Append(t.Context(), bad); err == nil {
			t.Error("an unknown outcome was taken")
		}
		odd := entry("a\x00b\xff")
		odd.Subject = strings.Repeat("long ", 1<<20)
		odd.Caller = "agent:\x00'; DROP TABLE journal; --"
		odd.Detail = json.RawMessage("{\"bytes\": \"\xff\xfe\", \"nul\": \"\\u0000\", \"lone\": \"\\ud800\"}")
		huge := entry("a.c")
		huge.Detail, _ = json.Marshal(strings.Repeat("x", 1<<20))
		add(t, j, odd, huge)
		shown, err := j.Show(t.Context(), journal.Query{})
		if err != nil || len(shown) != 2 || len(shown[0].Subject) > 1100 || !strings.Contains(string(shown[1].Detail), "omitted_bytes") {
			t.Errorf("shown %d, %v", len(shown), err)
		}
		if v, err := j.Verify(t.Context()); err != nil || v.Broken != nil {
			t.Errorf("verification: %v, %v", v.Broken, err)
		}
		var export bytes.Buffer
		if err := j.Export(t.Context(), &export, journal.Query{}); err != nil {
			t.Fatal(err)
		}
		if v, err := journal.VerifyExport(&export); err != nil || v.Broken != nil || v.Entries != 2 {
			t.Errorf("export: %+v, %v", v, err)
		}
	})
}

func TestAppendWithinAWriteIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		err := s.Write(t.Context(), func(ctx context.Context, _ store.Tx) error {
			_, err := j.Append(ctx, entry("a.b"))
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "not within a write") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestAnAppendThatCannotBeStoredIsAnError(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		add(t, j, entry("a.b"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := j.Append(t.Context(), entry("a.c")); err == nil {
					t.Error("acknowledged without a store")
				}
			})
		}
		wg.Wait()
	})
}

func TestActions(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		add(t, j, entry("a.b"), entry("a.c"), entry("d.e"))
		run := func(name, input string) (any, error) {
			for _, a := range j.Capability().Actions {
				if a.Name != name {
					continue
				}
				in, err := a.Decode(json.RawMessage(input))
				if err != nil {
					return nil, err
				}
				return a.Run(t.Context(), in)
			}
			return nil, errors.New("no such action")
		}
		out, err := run("journal.show", `{"since":"1h","action":"a","limit":1}`)
		if text, _ := json.Marshal(out); err != nil || !strings.Contains(string(text), `"a.c"`) || strings.Contains(string(text), `"a.b"`) {
			t.Errorf("show: %s, %v", text, err)
		}
		for _, since := range []string{"yesterday", "-1h", "d", "99999999d"} {
			if _, err := run("journal.show", `{"since":"`+since+`"}`); err == nil {
				t.Errorf("since %q was taken", since)
			}
		}
		if _, err := run("journal.verify", `{}`); err != nil {
			t.Errorf("verify: %v", err)
		}
		path := filepath.Join(t.TempDir(), "out.jsonl")
		if _, err := run("journal.export", `{"path":"`+path+`","since":"7d"}`); err != nil {
			t.Fatalf("export: %v", err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		if v, err := journal.VerifyExport(file); err != nil || v.Broken != nil || v.Entries != 3 {
			t.Errorf("exported: %+v, %v", v, err)
		}
		if info, _ := file.Stat(); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		for _, again := range []string{path, "relative.jsonl", filepath.Join(t.TempDir(), "no", "folder")} {
			if _, err := run("journal.export", `{"path":"`+again+`"}`); err == nil {
				t.Errorf("exported to %s", again)
			}
		}
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		tamper(t, s, "UPDATE journal SET caller = 'owner:eve' WHERE sequence = 2")
		_, err = run("journal.verify", `{}`)
		told, ok := errors.AsType[*holdfast.Error](err)
		if !ok || told.Code != holdfast.CodeFailed || !strings.Contains(err.Error(), "entry 2 of node alpha") {
			t.Errorf("verify: %v", err)
		}
	})
}

func TestTheStreamShowsThenFollows(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		add(t, j, entry("a.1"), entry("b.2"), entry("a.3"))
		capability := j.Capability()
		input, err := capability.Actions[0].Decode(json.RawMessage(`{"action":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := make(chan string)
		ended := make(chan error, 1)
		go func() {
			ended <- capability.Streams[0].Run(ctx, input, func(event any) error {
				got <- event.(holdfast.Entry).Action
				return nil
			})
		}()
		for _, want := range []string{"a.1", "a.3"} {
			if name := <-got; name != want {
				t.Errorf("got %s, want %s", name, want)
			}
		}
		add(t, j, entry("b.4"), entry("a.5"))
		if name := <-got; name != "a.5" {
			t.Errorf("got %s, want a.5", name)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}
