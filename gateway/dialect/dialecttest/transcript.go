// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The names of the dialects that the suite knows.
const (
	Chat      = "openai.chat"
	Responses = "openai.responses"
	Messages  = "anthropic.messages"
)

// A Transcript is what an answer said, in whatever dialect.
type Transcript struct {
	Text     string
	Thinking string
	Refusal  string
	Calls    []Call
	// Stop is end, length, tools, filter, sequence or pause.
	Stop string
	// Failed is the message of an error that ended the stream.
	Failed string
	Usage  Counts
}

// A Call is a tool that was called. Arguments are compacted JSON, or the text as it was where it is
// none.
type Call struct{ ID, Name, Arguments string }

// Counts is usage in what the dialects have in common: Input holds all of the input, Cached and
// Reasoning are parts of Input and Output.
type Counts struct{ Input, Cached, Output, Reasoning int64 }

func compact(arguments string) string {
	var out bytes.Buffer
	if json.Compact(&out, []byte(arguments)) != nil {
		return arguments
	}
	return out.String()
}

// frame is one server-sent event.
type frame struct{ name, data string }

// frames takes a stream apart as strictly as servers write it: at most one event line, one data line,
// one empty line.
func frames(stream []byte) ([]frame, error) {
	var list []frame
	text := string(stream)
	for text != "" {
		block, rest, whole := strings.Cut(text, "\n\n")
		if !whole {
			return nil, fmt.Errorf("the stream ends within an event: %q", block)
		}
		text = rest
		var f frame
		for line := range strings.SplitSeq(block, "\n") {
			name, isName := strings.CutPrefix(line, "event: ")
			data, isData := strings.CutPrefix(line, "data: ")
			switch {
			case isName && f == (frame{}):
				f.name = name
			case isData && f.data == "":
				f.data = data
			default:
				return nil, fmt.Errorf("a line that may not stand here: %q", line)
			}
		}
		list = append(list, f)
	}
	return list, nil
}

// A grammar judges a stream event by event.
type grammar interface {
	event(frame) error
	// end judges the whole.
	end() (Transcript, error)
}

// Check judges a stream by the grammar of a dialect and returns what it said. A stream that ends in
// an error is legal; Failed tells.
func Check(dialect string, stream []byte) (Transcript, error) {
	list, err := frames(stream)
	if err != nil {
		return Transcript{}, err
	}
	var g grammar
	switch dialect {
	case Chat:
		g = new(chatGrammar)
	case Responses:
		g = new(responsesGrammar)
	case Messages:
		g = new(messagesGrammar)
	default:
		return Transcript{}, fmt.Errorf("no grammar of %q is known", dialect)
	}
	for i, f := range list {
		if err := g.event(f); err != nil {
			return Transcript{}, fmt.Errorf("event %d (%s %s): %w", i, f.name, f.data, err)
		}
	}
	return g.end()
}

var (
	errOver   = errors.New("follows the end of the stream")
	errCut    = errors.New("the stream is cut: its end is missing")
	errFormat = errors.New("is not in the dialect's form")
	// errNameless and errArguments are what servers and models may do to any client.
	errNameless  = errors.New("a call has no id or no name")
	errArguments = errors.New("the arguments of a call are no JSON")
)

// read reads an event's data, which must be one JSON object.
func read(f frame, into any) error {
	if err := json.Unmarshal([]byte(f.data), into); err != nil {
		return fmt.Errorf("%w: %w", errFormat, err)
	}
	return nil
}
