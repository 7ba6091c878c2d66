// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

const (
	noMessage = "what it answered is no message of MCP: want an answer of JSON-RPC 2.0 to what it was asked"
	hungUp    = "it hung up without an answer"
)

// The SDK ends the session, and with it everybody's calls, when the answer to one POST is bad. So
// another answer is put in its place: an error to that request, which bears this mark.
var spoiltMark = json.RawMessage(`"holdfast: no answer"`)

// spoilt is why a request alone got no answer that could be used; empty when it was not so.
func spoilt(err error) string {
	said, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok || !bytes.Equal(said.Data, spoiltMark) {
		return ""
	}
	return shown(said.Message)
}

// a post is a request to a server that one POST carries. What makes the session is none, for there the
// SDK, and the older transport, are led by how the server refuses it.
type post struct {
	*jsonrpc.Request
	wire *wire
	via  *http.Request
}

// posted is what a POST carries, nil where that is no such request.
func (w *wire) posted(r *http.Request) *post {
	if r.Method != http.MethodPost || w.remote.Legacy || r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil
	}
	message, _ := jsonrpc.DecodeMessage(data)
	asked, ok := message.(*jsonrpc.Request)
	if !ok || !asked.IsCall() {
		return nil
	}
	switch asked.Method {
	case "initialize", "server/discover", "subscriptions/listen":
		return nil
	}
	return &post{asked, w, r}
}

// instead is the message that is put in the place of an answer.
func (p *post) instead(why string) []byte {
	p.wire.fail("") // it is no reason of the session's end
	data, err := jsonrpc.EncodeMessage(&jsonrpc.Response{
		ID: p.ID, Error: &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: why, Data: spoiltMark},
	})
	if err != nil {
		return nil
	}
	return data
}

func (p *post) spoil(why string) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: p.via,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(p.instead(why))),
	}
}

// guard passes on an answer that is one, and of a bad one that it is bad.
func (p *post) guard(answer *http.Response) (*http.Response, error) {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	good := answer.StatusCode >= http.StatusOK && answer.StatusCode < http.StatusMultipleChoices
	switch {
	case p.leads(answer):
		return answer, nil
	case good && kind == "text/event-stream":
		answer.Body = &guarded{Closer: answer.Body, post: p, from: bufio.NewReader(answer.Body)}
		return answer, nil
	}
	why := p.wire.declined(answer)
	if good && kind != "application/json" {
		_ = answer.Body.Close()
		if why == "" {
			why = noMessage
		}
		return p.spoil(why), nil
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil && p.via.Context().Err() != nil {
		return nil, err
	}
	message, _ := jsonrpc.DecodeMessage(body)
	said, ok := message.(*jsonrpc.Response)
	switch {
	case err != nil && good:
		return p.spoil(cut(err)), nil
	case good && (!ok || said.ID != p.ID):
		return p.spoil(noMessage), nil
	case !good && (!ok || said.Error == nil):
		if why == "" {
			why = "it answered " + answer.Status
		}
		return p.spoil(why), nil
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// leads tells whether an answer says how to go on: to another address, by a new session, or with
// another authorization, which is asked for once.
func (p *post) leads(answer *http.Response) bool {
	switch status := answer.StatusCode; {
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return answer.Header.Get("Location") != ""
	case status == http.StatusNotFound:
		return p.via.Header.Get("Mcp-Session-Id") != ""
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return p.wire.remote.Auth != nil && p.wire.first(p.ID)
	}
	return false
}

// first tells whether a request is refused for the first time.
func (w *wire) first(id jsonrpc.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusals[id] {
		delete(w.refusals, id)
		return false
	}
	if w.refusals == nil || len(w.refusals) >= maxItems { // of those that were never made again
		w.refusals = map[jsonrpc.ID]bool{}
	}
	w.refusals[id] = true
	return true
}

// cut says why an answer came by halves.
func cut(err error) string {
	if errors.Is(err, errLarge) {
		return errLarge.Error()
	}
	return "it hung up before its answer was whole"
}

// a guarded is the answer to a post as a stream, passed on event by event.
type guarded struct {
	io.Closer

	post *post
	from *bufio.Reader
	rest []byte // of what may be passed on
	last error  // what follows it
	goes bool   // the stream can be taken up again
	done bool   // the answer was in it
}

// Read gives the next part of an event.
func (e *guarded) Read(to []byte) (int, error) {
	for len(e.rest) == 0 && e.last == nil {
		e.next()
	}
	if len(e.rest) == 0 {
		return 0, e.last
	}
	n := copy(to, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// next takes up a whole event, or what stands in its place.
func (e *guarded) next() {
	var event, data []byte
	name, bad := "", ""
	for {
		line, err := e.line(maxMessage - len(event))
		event = append(event, line...)
		line = bytes.TrimRight(line, "\r\n")
		field, value, ok := strings.Cut(string(line), ":")
		switch value = strings.TrimSpace(value); {
		case len(line) == 0:
		case !ok:
			bad = noMessage
		case field == "data":
			data = append(append(data, value...), '\n')
		case field == "event":
			name = value
		case field == "id":
			e.goes = e.goes || value != ""
		}
		e.last = err
		if err != nil || bad != "" || len(line) == 0 {
			break
		}
	}
	// An event without data only says where a stream can be taken up again.
	if bad == "" && len(bytes.TrimSpace(data)) > 0 && (name == "" || name == "message") {
		message, err := jsonrpc.DecodeMessage(data)
		if err != nil {
			bad = noMessage
		}
		said, ok := message.(*jsonrpc.Response)
		e.done = e.done || ok && said.ID == e.post.ID
	}
	e.settle(event, bad)
}

// settle decides what is passed on of an event.
func (e *guarded) settle(event []byte, bad string) {
	over := e.done || e.last != nil && e.post.via.Context().Err() != nil // nobody waits any more
	switch {
	case over:
	case errors.Is(e.last, errLarge):
		event, bad = nil, errLarge.Error()
	case bad != "":
		event = nil
	case e.last != nil && !e.goes:
		bad = hungUp
	}
	e.rest = event
	if bad == "" || over {
		return
	}
	e.rest = append(e.rest, "\n\nevent: message\ndata: "+string(e.post.instead(bad))+"\n\n"...)
	e.last = io.EOF
}

// line is the next line with its end, of no more than so many bytes.
func (e *guarded) line(most int) ([]byte, error) {
	var line []byte
	for {
		part, err := e.from.ReadSlice('\n')
		if len(line)+len(part) > most {
			return nil, errLarge
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// lost is what stands for a request that did not get through.
func (p *post) lost(asker context.Context, err error) (*http.Response, error) {
	if p == nil || asker.Err() != nil || p.wire.talk.Err() != nil {
		return nil, err
	}
	return p.spoil(unreached(p.wire.at.Host, err)), nil
}
