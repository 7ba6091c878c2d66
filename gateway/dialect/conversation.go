// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strconv"
	"strings"

	"holdfast"
)

// A Request is one call of a model, in no dialect. Pointers and zero values mean: not said.
type Request struct {
	Model    string
	Stream   bool
	Messages []Message // system and developer messages where they stood
	Tools    []Tool
	Choice   Choice
	// Parallel tells whether several tools may be called at once.
	Parallel *bool

	MaxOutput   int64
	Temperature *float64
	TopP        *float64
	TopK        *int64
	Frequency   *float64 // frequency penalty
	Presence    *float64 // presence penalty
	Seed        *int64
	Choices     int64 // how many answers; 0 and 1 are one
	Stop        []string
	Format      *Format
	Reasoning   *Reasoning
	Verbosity   string
	User        string
	Tier        string // service tier
	Store       *bool
	Metadata    map[string]string
	// UsageAsked: a streaming client wants usage at its end, where its dialect leaves that open.
	UsageAsked bool
	// Words are the client's names of fields, by those of chat completions, where they differ.
	Words map[string]string
	// Places are where the messages stand in the client's list, -1 for its system prompt; nil when they
	// stand as they do here.
	Places []int
}

// Named puts an input error of an Encode, which speaks of fields as chat completions call them, into
// the client's words.
func (r *Request) Named(err error) error {
	wrong, ok := err.(*InputError) //nolint:errorlint // never wrapped below the dialects
	if !ok {
		return err
	}
	field := r.placed(wrong.Field)
	end := strings.IndexAny(field, ".[")
	if end < 0 {
		end = len(field)
	}
	if word, other := r.Words[field[:end]]; other {
		field = word + field[end:]
	}
	wrong.Field = field
	return wrong
}

// placed names a message, messages[3] and what follows, by where it stands in the client's list.
func (r *Request) placed(field string) string {
	rest, ok := strings.CutPrefix(field, "messages[")
	number, rest, closed := strings.Cut(rest, "]")
	at, err := strconv.Atoi(number)
	if !ok || !closed || err != nil || at < 0 || at >= len(r.Places) {
		return field
	}
	if r.Places[at] < 0 {
		return "system" + rest
	}
	return "messages[" + strconv.Itoa(r.Places[at]) + "]" + rest
}

// A Role is who speaks.
type Role string

// The roles.
const (
	System    Role = "system"
	Developer Role = "developer"
	User      Role = "user"
	Assistant Role = "assistant"
	ToolRole  Role = "tool"
)

// A Message is what one speaker says. Results of tools stand in messages of role tool, one a
// message.
type Message struct {
	Role  Role
	Name  string
	Parts []Part
}

// A PartKind tells which field of a Part holds.
type PartKind int

// The kinds of parts.
const (
	PartText PartKind = iota
	PartImage
	PartFile
	PartAudio
	PartToolCall
	PartToolResult
	PartThinking
	PartRefusal
)

// A Part is one piece of a message or an answer.
type Part struct {
	Kind     PartKind
	Text     string // PartText, PartRefusal
	Media    *Media
	Call     *ToolCall
	Result   *ToolResult
	Thinking *Thinking
	// Cache marks the end of a prefix that shall be cached: "", "5m" or "1h".
	Cache string
}

// Media is an image, a file or a sound: data in base64, or a URL, or a provider's own id.
type Media struct {
	Type   string // media type such as image/png
	Data   string
	URL    string
	ID     string
	Name   string
	Detail string // of an image: low, high, auto
}

// A ToolCall is a tool that the model wants called. Arguments are JSON text as the model wrote it.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string
	// Space is the group that the tool stands in, where the dialect has groups, and Form how it writes
	// calls of it, where they are not those of a function.
	Space, Form string
}

// A ToolResult is what a tool answered.
type ToolResult struct {
	ID    string
	Parts []Part
	Error bool
}

// Thinking is reasoning that a model showed. Signature and Redacted are its provider's own and go
// back to it as they were.
type Thinking struct {
	Text      string
	Signature string
	Redacted  string
}

// A Tool is one that the model may call.
type Tool struct {
	Name        string
	Description string
	Schema      json.RawMessage // of the arguments; nil for none
	Strict      *bool
	Cache       string
	// Space is the group in which the client named the tool; Name has it too. Form is what the client's
	// dialect calls a tool that is no function.
	Space, Form string
}

// A Choice says whether tools are called. Mode is "", auto, none, required or tool, with Name.
type Choice struct {
	Mode string
	Name string
}

// A Format binds the form of the answer: json_object, or json_schema with its schema.
type Format struct {
	Type        string
	Name        string
	Description string
	Schema      json.RawMessage
	Strict      *bool
}

// Reasoning says how much a model shall think: by word (none, minimal, low, medium, high, xhigh) or by
// tokens; and whether it tells of it.
type Reasoning struct {
	Effort  string
	Budget  int64
	Off     bool
	Summary string
}

// A Response is a plain answer in no dialect.
type Response struct {
	ID      string
	Model   string
	Created int64 // Unix seconds
	Parts   []Part
	Stop    Stop
	// StopSequence is the one that ended the answer, where that is known.
	StopSequence string
	Usage        holdfast.Usage
	HasUsage     bool
}

// A Stop is why an answer ended.
type Stop string

// The reasons. Empty means that none was told.
const (
	StopEnd      Stop = "stop"
	StopLength   Stop = "length"
	StopTools    Stop = "tool_calls"
	StopFilter   Stop = "content_filter"
	StopSequence Stop = "stop_sequence"
	StopPause    Stop = "pause"
)

// An EventKind tells what an Event of a stream is.
type EventKind int

// The kinds of events of a stream. Each Begin is followed by its deltas and an End with the same
// Index; indexes count parts from 0.
const (
	EventStart   EventKind = iota // ID, Model, Created
	EventBegin                    // Index, Part: its kind, and a tool call's id and name
	EventDelta                    // Index, Text: more text, thinking, refusal, or arguments of a call
	EventSigned                   // Index, Text: the signature of the thinking at Index
	EventEnd                      // Index
	EventStop                     // Stop, StopSequence
	EventUsage                    // Usage: the whole so far, not a difference
	EventFailure                  // Failure: the upstream reported one
	EventDone                     // the stream ended in order
)

// An Event is one step of a streamed answer in no dialect.
type Event struct {
	Kind         EventKind
	ID, Model    string
	Created      int64
	Index        int
	Part         Part
	Text         string
	Stop         Stop
	StopSequence string
	Usage        holdfast.Usage
	Failure      *Failure
}

// A Decoder turns the data of a stream's events into steps.
type Decoder interface {
	Decode(data []byte) ([]Event, error)
}

// An Encoder appends the bytes of whole events to dst. It opens and closes what its dialect wants
// opened and closed.
type Encoder interface {
	Encode(dst []byte, e Event) []byte
}
