// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Code sorts errors by what the asker can do about them.
type Code string

// The codes; CLI exit status and HTTP status follow from them.
const (
	CodeBadInput    Code = "bad-input"      // exit 2, HTTP 400
	CodeNotFound    Code = "not-found"      // exit 1, HTTP 404
	CodeConflict    Code = "conflict"       // exit 1, HTTP 409
	CodeFailed      Code = "failed"         // exit 1, HTTP 500
	CodeUnavailable Code = "unavailable"    // exit 1, HTTP 503
	CodeUnknown     Code = "unknown-caller" // exit 3, HTTP 401
)

// EndingCode names ErrEnding to clients, and EndingRetry is when they may ask again.
const (
	EndingCode  = "house_ending"
	EndingRetry = 5 * time.Second
)

// ErrEnding is the cause by which what clients have under way is given up when the house ends.
var ErrEnding = errors.New("the house is ending, and gave this up: ask again in a moment")

// A Problem is one thing wrong with an input, and where.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	// Remedy says what would be right.
	Remedy string `json:"remedy,omitempty"`
	// Excerpt is the source around the place, ready to print.
	Excerpt string `json:"excerpt,omitempty"`
}

func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	if p.Remedy != "" {
		b.WriteString(" (" + p.Remedy + ")")
	}
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	return b.String()
}

// An Error is a failure in words fit for the asker; Err keeps the cause for the log.
type Error struct {
	Code     Code
	Message  string
	Problems []Problem
	Err      error
}

func (e *Error) Error() string {
	lines := []string{}
	if e.Message != "" {
		lines = append(lines, e.Message)
	}
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	if len(lines) == 0 && e.Err != nil {
		return e.Err.Error()
	}
	return strings.Join(lines, "\n")
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a code; %w keeps the cause, or several.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if several, ok := any(err).(interface{ Unwrap() []error }); ok {
		cause = errors.Join(several.Unwrap()...)
	}
	return &Error{Code: code, Message: err.Error(), Err: cause}
}

// BadInput reports every problem of one input together.
func BadInput(message string, problems ...Problem) *Error {
	return &Error{Code: CodeBadInput, Message: message, Problems: problems}
}

// Unconfirmed answers a call of a destroying action that lacks a valid confirmation: what it would
// destroy, and why the confirmation given, if any, does not hold.
type Unconfirmed struct {
	Inventory Inventory
	Reason    string
}

func (u *Unconfirmed) Error() string {
	text := u.Inventory.Action + " destroys: confirm each category of its inventory"
	if u.Reason != "" {
		text += " (" + u.Reason + ")"
	}
	return text
}

// Pending answers a caller whose request waits for a person's approval.
type Pending struct{ ID string }

func (p *Pending) Error() string {
	return "waits for approval " + p.ID + ": a person answers with `holdfast approval allow " + p.ID + "` or `deny`"
}
