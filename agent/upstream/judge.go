// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"holdfast/agent/plain"
)

const (
	// maxQuoted is how many bytes of a message are told of what is wrong with it.
	maxQuoted = 200
	// logged stands for them where others than the asker are told, for they may be of the asker's answer.
	logged = " (see its log)"
)

// The SDK ends the session, and with it everybody's calls, at the first message that it cannot read.
// judge is what it may have instead: of an answer that cannot be used an error to its request alone, and
// nothing of one that is for nobody, or of an object that means no message, such as a line of a log. What
// means one and is none, or may be waited for by somebody who cannot be told, is a fault of the server.
func (m *messages) judge(message []byte) ([]byte, error) {
	_, err := jsonrpc.DecodeMessage(message)
	if err == nil {
		return message, nil
	}
	var said struct {
		Version json.RawMessage `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  json.RawMessage `json:"method"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	// What cannot be read so is judged by the rest of it.
	_ = json.Unmarshal(message, &said)
	quoted := m.quote(message)
	if said.Version == nil && said.ID == nil && said.Method == nil && said.Result == nil && said.Error == nil {
		noise := "what is no message" + logged
		m.stray.Store(&noise)
		m.to.note("not a message on standard output: " + quoted)
		return nil, nil
	}
	bad := "it sent a message that is not JSON-RPC 2.0"
	if strings.Contains(err.Error(), "nesting depth") { // the SDK's own bound, which has no type
		bad = "it sent a message that is nested too deep"
	}
	m.to.note(bad + ": " + quoted)
	if said.Method != nil || said.Result == nil && said.Error == nil {
		return nil, m.giveUp(bad + logged)
	}
	if id, ok := idOf(said.ID); ok {
		return jsonrpc.EncodeMessage(&jsonrpc.Response{
			ID: id, Error: &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: bad + ": " + quoted, Data: spoiltMark},
		})
	}
	// JSON-RPC has an answer to what could not be read bear null.
	if string(said.Version) == `"2.0"` && (said.ID == nil || bytes.Equal(said.ID, []byte("null"))) {
		stray := "an answer to nobody" + logged
		m.stray.Store(&stray)
		return nil, nil
	}
	return nil, m.giveUp(bad + logged)
}

// idOf is an id that a request can have.
func idOf(raw json.RawMessage) (jsonrpc.ID, bool) {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return jsonrpc.ID{}, false
	}
	id, err := jsonrpc.MakeID(value)
	return id, err == nil && id.IsValid()
}

// quote is the beginning of a message, fit for an error text.
func (m *messages) quote(message []byte) string {
	text := m.to.mask(string(message[:min(len(message), maxNoise)])) // first, for a cut would leave half a secret
	if plain.Show(text) == plain.Hidden {
		return plain.Hidden
	}
	return plain.Text(text, maxQuoted)
}

// giveUp ends the reading, and with it the session, for a reason that is told.
func (m *messages) giveUp(why string) error {
	if m.fault.CompareAndSwap(nil, &why) {
		m.to.note(why)
	}
	_ = m.Close()
	return errors.New(*m.fault.Load())
}
