// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// lines hands on the messages of a client, one a line. A line that is none is answered with why, for
// the library would end the session with all that it still owes.
type lines struct {
	from *bufio.Reader
	to   io.Writer
	rest []byte // of messages, to be handed on
	owed *owed

	version string // the one that the client asked for first
}

// Read gives the next part of a message.
func (l *lines) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		line, large, err := l.next()
		if line = bytes.TrimSpace(line); large || len(line) > 0 {
			var wrong *jsonrpc.Error
			if l.rest, wrong = l.judge(line, large); wrong == nil {
				continue
			}
			if err := l.refuse(wrong); err != nil {
				return 0, err
			}
		}
		if err != nil && len(l.rest) == 0 {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// next reads up to the next line end. Of a line that is too large nothing is kept.
func (l *lines) next() (line []byte, large bool, err error) {
	for {
		part, err := l.from.ReadSlice('\n')
		if large = large || len(line)+len(part) > maxBody; large {
			line = nil
		} else {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, large, err
		}
	}
}

// judge gives the messages of a line, each with its end, or says why there are none.
func (l *lines) judge(line []byte, large bool) ([]byte, *jsonrpc.Error) {
	switch {
	case large:
		return nil, invalid("the message is larger than %d bytes", maxBody)
	case !json.Valid(line):
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeParseError, Message: "the line is not JSON: want one message a line"}
	case line[0] == '[':
		return l.several(line)
	}
	message, err := jsonrpc.DecodeMessage(line)
	if err != nil {
		return nil, invalid("the line is no message: %v", err)
	}
	if !l.owed.note(nil, message) {
		return nil, invalid("a request with this id is not answered yet")
	}
	l.learn(message)
	return append(line, '\n'), nil
}

// learn notes the version that the client begins with.
func (l *lines) learn(message jsonrpc.Message) {
	asked, ok := message.(*jsonrpc.Request)
	if !ok || asked.Method != "initialize" || l.version != "" {
		return
	}
	var params struct {
		Version string `json:"protocolVersion"`
	}
	if json.Unmarshal(asked.Params, &params) == nil {
		l.version = params.Version
	}
}

// batched are the versions that know batches.
var batched = []string{"2024-11-05", "2025-03-26"}

// several takes a batch apart: the library ends the session over one that it cannot read, and over
// two notifications in one. It is taken whole or not at all.
func (l *lines) several(line []byte) ([]byte, *jsonrpc.Error) {
	if !slices.Contains(batched, l.version) {
		return nil, invalid("the protocol that is spoken has no batches: want one message a line")
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(line, &parts); err != nil {
		return nil, invalid("the batch cannot be read: %v", err)
	}
	if len(parts) == 0 {
		return nil, invalid("the batch is empty")
	}
	var rest []byte
	messages := make([]jsonrpc.Message, len(parts))
	for i, part := range parts {
		message, err := jsonrpc.DecodeMessage(part)
		if err != nil {
			return nil, invalid("number %d of the batch is no message: %v", i+1, err)
		}
		messages[i] = message
		rest = append(append(rest, part...), '\n')
	}
	if !l.owed.note(&batch{}, messages...) {
		return nil, invalid("the batch has two requests of one id, or one with an id that is not answered yet")
	}
	return rest, nil
}

func invalid(format string, args ...any) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: fmt.Sprintf(format, args...)}
}

// refuse answers what has no id that could be known.
func (l *lines) refuse(why *jsonrpc.Error) error {
	said, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": nil, "error": why})
	if err == nil {
		_, err = l.to.Write(append(said, '\n'))
	}
	return err
}

// Close leaves the connection to whoever opened it.
func (*lines) Close() error { return nil }
