// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// lines hands on the messages of a client, one a line. A line that is none is answered with why, for
// the library would end the session with all that it still owes.
type lines struct {
	from *bufio.Reader
	to   io.Writer
	rest []byte // of a message, to be handed on
}

// Read gives the next part of a message.
func (l *lines) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		line, large, err := l.next()
		if line = bytes.TrimSpace(line); large || len(line) > 0 {
			if said := wrong(line, large); said == nil {
				l.rest = append(line, '\n')
			} else if err := l.refuse(said); err != nil {
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

// wrong says why a line is no message, nil for one that is. Several in a list are for the library to
// judge, which knows the version that is spoken.
func wrong(line []byte, large bool) *jsonrpc.Error {
	switch {
	case large:
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: fmt.Sprintf("the message is larger than %d bytes", maxBody)}
	case !json.Valid(line):
		return &jsonrpc.Error{Code: jsonrpc.CodeParseError, Message: "the line is not JSON: want one message a line"}
	case line[0] == '[':
		return nil
	}
	if _, err := jsonrpc.DecodeMessage(line); err != nil {
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "the line is no message: " + err.Error()}
	}
	return nil
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
