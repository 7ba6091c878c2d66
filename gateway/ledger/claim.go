// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"holdfast"
	"holdfast/gateway/price"
)

// A Claim is what one call may spend, or spent, as gates and purses see it.
type Claim struct {
	Call
	Tokens int64
	Cost   price.Cost
	// At is when it is reserved, or was spent: of a late observation, long ago.
	At time.Time
}

func (c Claim) negative() Claim {
	c.Tokens, c.Cost.Nano = -c.Tokens, -c.Cost.Nano
	return c
}

// A Purse keeps what callers may spend. Its methods are called with the ledger's lock held, one at a
// time, and must not block.
type Purse interface {
	// Reserve takes a claim from every budget in force, or from none: the error says which one
	// refused, how much is left and until when.
	Reserve(c Claim) error
	// Settle gives back what was reserved and takes what was spent at that time. A call that was
	// never reserved gives back nothing. What turns out to be counted elsewhere, or differently, is
	// taken back as a negative amount at the time of its first settlement.
	Settle(reserved, spent Claim, at time.Time)
}

// A taster is a purse that tells whether it would take a claim, and takes nothing.
type taster interface{ Fits(c Claim) bool }

// An Observation is a call that somebody else made and wrote down, such as a coding agent in its
// session log.
type Observation struct {
	// Key names the call for ever. What is observed again replaces what stands when its total is
	// larger, and is ignored otherwise.
	Key      string
	Source   string // claude, codex, gemini, opencode, import
	Time     time.Time
	Session  string
	Agent    string
	Project  string
	Provider string
	Model    string
	Usage    holdfast.Usage
	// ResponseID is the provider's own name of the answer: a call that the gateway relayed is
	// counted once.
	ResponseID string
	// Instead, unless empty, is the key of an observation, or its own, that this one stands for though
	// its total may be smaller: that one is taken back.
	Instead string
	// Cost is what the log itself says that it cost, where it does.
	Cost price.Cost
}
