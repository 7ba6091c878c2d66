// SPDX-License-Identifier: Apache-2.0

package router

import (
	"crypto/sha256"
	"encoding/hex"
)

// Version is the version of the protocol on the socket: JSON objects, one a line. Either side
// ignores fields that it does not know, so that an edge outlives an upgrade of the house.
const Version = 1

// MaxLine bounds one line in either direction.
const MaxLine = 16 << 20

// A Word is one line from the router to the house; exactly one field is set.
type Word struct {
	Hello *Hello `json:"hello,omitempty"`
	Ask   *Ask   `json:"ask,omitempty"`
	// Applied acknowledges a table by its revision.
	Applied uint64 `json:"applied,omitempty"`
	// Refused says why a table was not taken; the one before it goes on.
	Refused string `json:"refused,omitempty"`
}

// A Hello opens the talk.
type Hello struct {
	Version int `json:"version"`
	PID     int `json:"pid"`
	// Revision is the table that the router has from an earlier house, 0 for none.
	Revision uint64 `json:"revision"`
	// Sessions are those with open requests, so that the house can say which of them ended meanwhile.
	Sessions []string `json:"sessions,omitempty"`
}

// The questions that a router asks.
const (
	AskSession   = "session"   // is this hub session valid?
	AskExtension = "extension" // is this session of the extension origin valid?
	AskKey       = "key"       // does this bearer key open extensions?
	AskHandover  = "handover"  // give a one-time token for the extension origin
	AskRedeem    = "redeem"    // turn such a token into a session of the extension origin
	AskUnit      = "unit"      // how is this unit, for the operator of this session?
)

// An Ask is a question; its answer carries the same ID.
type Ask struct {
	ID   uint64 `json:"id"`
	Kind string `json:"kind"`
	// Token is the cookie's value, the key or the handover token.
	Token string `json:"token,omitempty"`
	Unit  string `json:"unit,omitempty"`
}

// An Answer answers an Ask.
type Answer struct {
	ID uint64 `json:"id"`
	// OK means valid; not OK means not valid, and an Error that the house could not tell.
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Session is SessionID of the token; revocations name it.
	Session string `json:"session,omitempty"`
	User    string `json:"user,omitempty"`
	Tier    string `json:"tier,omitempty"`
	// Operator tells whether units and their logs may be shown.
	Operator bool `json:"operator,omitempty"`
	// Token is the handover token or the new cookie's value; MaxAge is the cookie's, in seconds.
	Token  string    `json:"token,omitempty"`
	MaxAge int       `json:"max_age,omitempty"`
	Unit   *UnitView `json:"unit,omitempty"`
}

// A UnitView is what an operator sees of a unit whose port does not answer.
type UnitView struct {
	Name   string   `json:"name"`
	State  string   `json:"state"`
	Detail string   `json:"detail,omitempty"`
	Log    []string `json:"log,omitempty"`
}

// An Order is one line from the house to the router; exactly one field is set.
type Order struct {
	Table  *Table  `json:"table,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
	// Revoke names sessions that ended: their cached answers go, and their open requests are cut.
	Revoke []string `json:"revoke,omitempty"`
}

// SessionID names a session without being the key to it: the SHA-256 of its token, in hex.
func SessionID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
