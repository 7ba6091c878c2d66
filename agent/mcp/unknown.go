// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// unhandled is how the library's words about a method that it does not know begin.
const unhandled = "JSON RPC not handled"

// unknown answers a method that nobody knows as the protocol has it. For versions with sessions the
// library refuses it as a bad request of HTTP, which clients take for a broken transport.
type unknown struct {
	http.ResponseWriter
	body []byte // of the request
	held bool   // the status of a refusal, until it is known what was refused
}

// Unwrap is for http.ResponseController.
func (u *unknown) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// WriteHeader lets all pass but what may be such a refusal.
func (u *unknown) WriteHeader(status int) {
	if u.held = status == http.StatusBadRequest && strings.HasPrefix(u.Header().Get("Content-Type"), "text/plain"); !u.held {
		u.ResponseWriter.WriteHeader(status)
	}
}

// Write judges what is held back by its words.
func (u *unknown) Write(p []byte) (int, error) {
	if !u.held {
		return u.ResponseWriter.Write(p)
	}
	u.held = false
	asked := u.asked(string(p))
	if asked == nil {
		u.ResponseWriter.WriteHeader(http.StatusBadRequest)
		return u.ResponseWriter.Write(p)
	}
	if !asked.IsCall() {
		u.Header().Del("Content-Type")
		u.ResponseWriter.WriteHeader(http.StatusAccepted)
		return len(p), nil
	}
	said, err := jsonrpc.EncodeMessage(&jsonrpc.Response{ID: asked.ID, Error: &jsonrpc.Error{
		Code: jsonrpc.CodeMethodNotFound, Message: "there is no method " + quote(asked.Method),
	}})
	if err != nil {
		return 0, err
	}
	u.Header().Set("Content-Type", "application/json")
	u.ResponseWriter.WriteHeader(http.StatusOK)
	if _, err := u.ResponseWriter.Write(said); err != nil {
		return 0, err
	}
	return len(p), nil
}

// asked is the request whose method is unknown, nil where something else was refused, or a batch.
func (u *unknown) asked(why string) *jsonrpc.Request {
	if !strings.HasPrefix(why, unhandled) {
		return nil
	}
	message, err := jsonrpc.DecodeMessage(u.body)
	if err != nil {
		return nil
	}
	asked, _ := message.(*jsonrpc.Request)
	return asked
}
