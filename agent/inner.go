// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

// a turn is one answer of the model.
type turn struct {
	// message is the answer as the model is to see it again.
	message json.RawMessage
	text    string
	refusal string
	calls   []toolCall
	finish  string
	usage   usage
}

// an innerError is an answer of the gateway that is not 200: it is passed on as it is.
type innerError struct {
	status int
	header http.Header
	body   []byte
}

func (e *innerError) Error() string {
	text := e.said()
	if text == "" {
		text = string(bytes.TrimSpace(e.body[:min(len(e.body), 500)]))
	}
	return fmt.Sprintf("the model call was answered %d: %s", e.status, text)
}

// said is the message of an error of the API, "" for a body of another kind.
func (e *innerError) said() string {
	var said struct {
		Error struct{ Message string }
	}
	_ = json.Unmarshal(e.body, &said)
	return said.Error.Message
}

// hint hands on what the gateway says about trying again.
func (e *innerError) hint(to http.Header) {
	for _, name := range []string{"Retry-After", "X-Should-Retry"} {
		if value := e.header.Get(name); value != "" && to.Get(name) == "" {
			to.Set(name, value)
		}
	}
}

// limited is why the gateway refused a call for now (a rate limit of every model, of the key, or a
// budget), in words for people; "" for any other error.
func limited(err error) string {
	inner, ok := errors.AsType[*innerError](err)
	if !ok || inner.status != http.StatusTooManyRequests {
		return ""
	}
	text := "the models are rate limited"
	if said := inner.said(); said != "" {
		text = strings.TrimRight(said, ". ")
		if !strings.Contains(text, "limit") {
			text = "the models are rate limited: " + text
		}
	}
	if seconds := inner.header.Get("Retry-After"); seconds != "" && !strings.Contains(text, "try again") {
		text += "; try again in " + seconds + " s"
	}
	return text + "."
}

const (
	maxAnswer = 32 << 20
	maxEvent  = 8 << 20
)

// ask makes one model call in process. Text is handed out as it comes when the call streams.
func (a *Agents) ask(ctx context.Context, body map[string]json.RawMessage, stream bool, hand deltas) (turn, error) {
	ctx, cancel := context.WithCancel(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", bytes.NewReader(encode(body)))
	if err != nil {
		cancel()
		return turn{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	reader, writer := io.Pipe()
	w := &pipe{header: http.Header{}, to: writer, begun: make(chan struct{})}
	var call sync.WaitGroup
	call.Go(func() { a.handle(w, r) })
	defer func() {
		cancel()
		_ = reader.Close()
		call.Wait()
	}()
	stop := context.AfterFunc(ctx, func() { _ = reader.CloseWithError(ctx.Err()) })
	defer stop()
	<-w.begun
	if w.status != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(reader, maxAnswer)) // what there is of an error's text
		return turn{}, &innerError{w.status, w.header, text}
	}
	if stream {
		return readStream(reader, hand)
	}
	return readWhole(reader)
}

// handle runs the gateway's handler; a panic by which it cuts an answer ends the pipe with an error.
func (a *Agents) handle(w *pipe, r *http.Request) {
	defer func() {
		err := io.EOF
		if p := recover(); p != nil {
			err = errCut
			if abort, ok := p.(error); !ok || !errors.Is(abort, http.ErrAbortHandler) {
				a.needs.Log.Error("the model call panicked", slog.Any("panic", p))
			}
		}
		w.begin(http.StatusOK)
		_ = w.to.CloseWithError(err)
	}()
	a.needs.Chat.ServeHTTP(w, r)
}

var errCut = errors.New("the model's answer was cut off")

// a pipe is the ResponseWriter of a call in process.
type pipe struct {
	header http.Header
	status int
	to     *io.PipeWriter
	once   sync.Once
	begun  chan struct{}
}

func (p *pipe) Header() http.Header { return p.header }

func (p *pipe) WriteHeader(status int) {
	if status >= 200 {
		p.begin(status)
	}
}

func (p *pipe) begin(status int) {
	p.once.Do(func() {
		p.status = status
		close(p.begun)
	})
}

func (p *pipe) Write(data []byte) (int, error) {
	p.begin(http.StatusOK)
	return p.to.Write(data)
}

// Flush has nothing to do: a pipe holds nothing back.
func (p *pipe) Flush() { p.begin(http.StatusOK) }

// readWhole reads an answer that does not stream.
func readWhole(from io.Reader) (turn, error) {
	raw, err := io.ReadAll(io.LimitReader(from, maxAnswer))
	if err != nil {
		return turn{}, err
	}
	var answer struct {
		Choices []struct {
			Message json.RawMessage `json:"message"`
			Finish  string          `json:"finish_reason"`
		} `json:"choices"`
		Usage usage `json:"usage"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Choices) == 0 {
		return turn{usage: answer.Usage}, fmt.Errorf("the model's answer cannot be read: %.200s", raw)
	}
	var m message
	if err := json.Unmarshal(answer.Choices[0].Message, &m); err != nil {
		return turn{usage: answer.Usage}, fmt.Errorf("the model's message cannot be read: %.200s", answer.Choices[0].Message)
	}
	if len(m.ToolCalls) > maxCalls { // the model sees itself as planning what is done, as in a stream
		g := gathering{calls: m.ToolCalls[:maxCalls], finish: answer.Choices[0].Finish, usage: answer.Usage}
		g.text.WriteString(m.text())
		g.refusal.WriteString(m.Refusal)
		return g.turn(), nil
	}
	return turn{
		message: answer.Choices[0].Message, text: m.text(), refusal: m.Refusal, calls: m.ToolCalls,
		finish: answer.Choices[0].Finish, usage: answer.Usage,
	}, nil
}

// deltas takes what a streaming model says, as it says it.
type deltas struct {
	text    func(string)
	refusal func(string)
}

// a gathering builds a turn from the events of a stream.
type gathering struct {
	text, refusal strings.Builder
	calls         []toolCall
	finish        string
	usage         usage
}

type chunk struct {
	Choices []struct {
		Delta struct {
			Content   *string `json:"content"`
			Refusal   *string `json:"refusal"`
			ToolCalls []struct {
				toolCall
				Index *int `json:"index"`
			} `json:"tool_calls"`
		} `json:"delta"`
		Finish string `json:"finish_reason"`
	} `json:"choices"`
	Usage usage           `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// readStream reads an answer that streams.
func readStream(from io.Reader, hand deltas) (turn, error) {
	var g gathering
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		data = strings.TrimSpace(data)
		if data == "[DONE]" {
			// To the end, so that the gateway finishes its books and does not see a client that left.
			_, err := io.Copy(io.Discard, from)
			return g.turn(), err
		}
		if err := g.take(data, hand); err != nil {
			return g.turn(), err
		}
	}
	if err := lines.Err(); err != nil {
		return g.turn(), err
	}
	if g.finish == "" {
		return g.turn(), errCut
	}
	return g.turn(), nil
}

func (g *gathering) take(data string, hand deltas) error {
	var c chunk
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		return fmt.Errorf("the model's answer cannot be read: %.200s", data)
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		return &innerError{status: http.StatusBadGateway, body: []byte(data)}
	}
	if c.Usage != nil {
		g.usage = c.Usage
	}
	if len(c.Choices) == 0 {
		return nil
	}
	choice := c.Choices[0]
	if choice.Finish != "" {
		g.finish = choice.Finish
	}
	if t := choice.Delta.Content; t != nil && *t != "" {
		g.text.WriteString(*t)
		hand.text(*t)
	}
	if t := choice.Delta.Refusal; t != nil && *t != "" {
		g.refusal.WriteString(*t)
		hand.refusal(*t)
	}
	for _, part := range choice.Delta.ToolCalls {
		g.call(part.toolCall, part.Index)
	}
	return nil
}

// maxCalls bounds how many calls one answer of a model may plan.
const maxCalls = 64

// call joins the parts of a tool call: by index, or to the last when a provider gives none.
func (g *gathering) call(part toolCall, index *int) {
	at := len(g.calls) - 1
	if index != nil {
		at = *index
	} else if part.ID != "" || at < 0 {
		at = len(g.calls)
	}
	if at < 0 || at >= maxCalls {
		return
	}
	for len(g.calls) <= at {
		g.calls = append(g.calls, toolCall{Type: "function"})
	}
	c := &g.calls[at]
	if part.ID != "" {
		c.ID = part.ID
	}
	if part.Extra != nil {
		c.Extra = part.Extra
	}
	c.Function.Name += part.Function.Name
	c.Function.Arguments += part.Function.Arguments
}

func (g *gathering) turn() turn {
	t := turn{text: g.text.String(), refusal: g.refusal.String(), calls: g.calls, finish: g.finish, usage: g.usage}
	m := map[string]any{"role": "assistant", "content": t.text}
	if t.text == "" {
		m["content"] = nil
	}
	if len(t.calls) > 0 {
		m["tool_calls"] = t.calls
	}
	if t.refusal != "" {
		m["refusal"] = t.refusal
	}
	t.message = encode(m)
	return t
}
