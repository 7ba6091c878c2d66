// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/core/home/disk/disktest"
)

// TestDiskFullWhileItCalls fills the disk of the home while calls run: calls are refused with 503,
// none is lost, and with room again all goes on, also when the house was killed meanwhile.
func TestDiskFullWhileItCalls(t *testing.T) {
	rounds := 3
	if long() {
		rounds = 30
	}
	a := newAccounts()
	disk := disktest.Mount(t, "48m")
	h := build(t, filepath.Join(disk, "home"), upstream(t, a), nil)
	h.key("tokens")
	h.key("free")
	h.must(nil, "budget", "set", "key:tokens", "--tokens-per-month", "100000000")
	settled := map[string]bool{}
	for round := range rounds {
		what := fmt.Sprintf("f%02d", round)
		callers := h.load(a, what, 4)
		whole := a.whole()
		h.until(time.Minute, "calls are answered", func() bool { return a.whole() > whole+50 })
		refused := a.of(http.StatusServiceUnavailable)
		free := disktest.Fill(t, disk)
		h.until(time.Minute, "calls are refused", func() bool { return a.of(http.StatusServiceUnavailable) > refused+50 })
		if _, err := h.run("status"); err != nil {
			t.Errorf("round %d, on a full disk: %v", round, err)
		}
		if round%3 == 1 {
			h.kill()
			callers.stop()
			callers.wait()
			free()
			h.up()
		} else {
			free()
			whole = a.whole()
			h.until(time.Minute, "calls are answered again", func() bool { return a.whole() > whole+50 })
			callers.stop()
			callers.wait()
			h.until(time.Minute, "all is settled", h.settled)
			if round%3 == 0 {
				for name := range a.complete {
					settled[name] = settled[name] || strings.HasPrefix(name, what+"-")
				}
			}
		}
		b := h.read()
		wrong := append(b.agree(a, func(name string) bool { return settled[name] }), h.reconciled(b)...)
		if len(wrong) > 0 {
			t.Fatalf("round %d: %d things are wrong:\n%s", round, len(wrong), strings.Join(wrong[:min(len(wrong), 20)], "\n"))
		}
	}
	t.Logf("%d rounds: %d calls whole, %d broken, %d refused with 503, %d orphans; by their codes %v",
		rounds, a.whole(), a.broken, a.of(http.StatusServiceUnavailable), h.read().orphans(), maps.Clone(a.codes))
	if _, err := h.run("down"); err != nil {
		t.Error(err)
	}
}
