// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package calls breaks a real house while it makes model calls: it is killed, its disk is full, its
// clock jumps, and it must still have every call in its books once and have passed no budget.
//
// It is for the gateway, its ledger, budgets and breaker as one process with a real upstream and
// real clients; single faults of upstream and client are tested in gateway. Each round compares
// three accounts of the same calls: what clients saw, what the upstream answered, and the rows.
package calls

import (
	"os"
	"sync"
	"testing"

	"holdfast/test/outside"
)

func TestMain(m *testing.M) {
	outside.Guardian()
	outside.Clocked()
	os.Exit(m.Run())
}

func long() bool { return os.Getenv("HOLDFAST_LONG") != "" }

// accounts is what clients and the upstream saw, by the name of the call.
type accounts struct {
	mu       sync.Mutex
	asked    map[string]int   // how often the upstream was asked
	answers  map[string]spent // what it stated
	complete map[string]spent // what a client got whole
	refused  map[string]int   // the status
	codes    map[string]int   // of refusals
	broken   int              // calls that ended in the middle
	strange  []string         // what no client should see
}

type spent struct{ input, output int }

func newAccounts() *accounts {
	return &accounts{asked: map[string]int{}, answers: map[string]spent{}, complete: map[string]spent{}, refused: map[string]int{}, codes: map[string]int{}}
}
