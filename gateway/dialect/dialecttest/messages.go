// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// messagesGrammar is that of Anthropic's streams:
//
//	message_start (content_block_start content_block_delta* content_block_stop)* message_delta+
//	message_stop, or error in place of any rest; ping anywhere.
//
// Blocks come one after another, counted from 0.
type messagesGrammar struct {
	t       Transcript
	state   string // "", open, told, over
	block   *messagesBlock
	next    int
	input   string
	reason  *string
	started messagesUsage
}

type messagesBlock struct {
	Type     string           `json:"type"`
	Text     *string          `json:"text"`
	Thinking *string          `json:"thinking"`
	Sign     *string          `json:"signature"`
	Data     string           `json:"data"`
	ID       string           `json:"id"`
	Name     string           `json:"name"`
	Input    *json.RawMessage `json:"input"`
	signed   bool
}

type messagesUsage struct {
	Input   *int64 `json:"input_tokens"`
	Written *int64 `json:"cache_creation_input_tokens"`
	Read    *int64 `json:"cache_read_input_tokens"`
	Output  *int64 `json:"output_tokens"`
	Details *struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

type messagesEvent struct {
	Type    string         `json:"type"`
	Index   *int           `json:"index"`
	Block   *messagesBlock `json:"content_block"`
	Message *struct {
		ID, Type, Role, Model string
		Content               []messagesBlock
		StopReason            *string `json:"stop_reason"`
		Usage                 *messagesUsage
	} `json:"message"`
	Delta *struct {
		Type      string
		Text      *string
		Thinking  *string
		Signature *string
		Partial   *string `json:"partial_json"`
		Reason    *string `json:"stop_reason"`
		Sequence  *string `json:"stop_sequence"`
	} `json:"delta"`
	Usage *messagesUsage `json:"usage"`
	Error *struct{ Type, Message string }
}

func (g *messagesGrammar) event(f frame) error {
	var e messagesEvent
	if err := read(f, &e); err != nil {
		return err
	}
	switch {
	case f.name != e.Type:
		return errors.New("the event's name is not its type")
	case e.Type == "ping":
		return nil
	case g.state == "over":
		return errOver
	case e.Type == "error":
		g.state = "over"
		if e.Error == nil || e.Error.Type == "" || e.Error.Message == "" {
			return errFormat
		}
		g.t.Failed = e.Error.Message
		return nil
	case (g.state == "") != (e.Type == "message_start"):
		return errors.New("message_start must come first, and once")
	}
	switch e.Type {
	case "message_start":
		return g.start(e)
	case "content_block_start":
		return g.open(e)
	case "content_block_delta":
		return g.delta(e)
	case "content_block_stop":
		return g.close(e)
	case "message_delta":
		return g.tell(e)
	case "message_stop":
		if g.state != "told" {
			return errors.New("no message_delta told why the answer stopped")
		}
		g.state = "over"
		return nil
	}
	return errors.New("is no event of the dialect")
}

func (g *messagesGrammar) start(e messagesEvent) error {
	m := e.Message
	if m == nil || m.Type != "message" || m.Role != "assistant" || m.Content == nil || len(m.Content) > 0 ||
		m.StopReason != nil || m.Usage == nil || m.Usage.Input == nil || m.Usage.Output == nil {
		return errFormat
	}
	g.state, g.started = "open", *m.Usage
	return nil
}

func (g *messagesGrammar) open(e messagesEvent) error {
	switch {
	case g.state != "open":
		return errors.New("a block begins after message_delta")
	case g.block != nil:
		return errors.New("a block begins within another")
	case e.Index == nil || *e.Index != g.next || e.Block == nil:
		return fmt.Errorf("the block's index is not %d", g.next)
	}
	b := e.Block
	ok := false
	switch b.Type {
	case "text":
		ok = b.Text != nil && *b.Text == ""
	case "thinking":
		ok = b.Thinking != nil && *b.Thinking == "" && b.Sign != nil
	case "redacted_thinking":
		ok = b.Data != ""
	case "tool_use":
		if b.ID == "" || b.Name == "" {
			return errNameless
		}
		ok = b.Input != nil && string(*b.Input) == "{}"
	}
	if !ok {
		return errFormat
	}
	g.block, g.input = b, ""
	g.next++
	return nil
}

func (g *messagesGrammar) delta(e messagesEvent) error {
	if g.block == nil || e.Index == nil || *e.Index != g.next-1 || e.Delta == nil {
		return errors.New("the delta is of no open block")
	}
	d := e.Delta
	switch {
	case g.block.signed:
		return errors.New("a delta follows the signature")
	case d.Type == "text_delta" && g.block.Type == "text" && d.Text != nil:
		g.t.Text += *d.Text
	case d.Type == "thinking_delta" && g.block.Type == "thinking" && d.Thinking != nil:
		g.t.Thinking += *d.Thinking
	case d.Type == "input_json_delta" && g.block.Type == "tool_use" && d.Partial != nil:
		g.input += *d.Partial
	case d.Type == "signature_delta" && g.block.Type == "thinking" && d.Signature != nil:
		g.block.signed = true
	default:
		return fmt.Errorf("a %s may not stand in a block of type %s", d.Type, g.block.Type)
	}
	return nil
}

func (g *messagesGrammar) close(e messagesEvent) error {
	if g.block == nil || e.Index == nil || *e.Index != g.next-1 {
		return errors.New("no such block is open")
	}
	if g.block.Type == "tool_use" {
		if g.input == "" {
			g.input = "{}"
		}
		if !json.Valid([]byte(g.input)) {
			return fmt.Errorf("%w: %s: %q", errArguments, g.block.ID, g.input)
		}
		g.t.Calls = append(g.t.Calls, Call{g.block.ID, g.block.Name, compact(g.input)})
	}
	g.block = nil
	return nil
}

func (g *messagesGrammar) tell(e messagesEvent) error {
	if g.block != nil || e.Delta == nil || e.Usage == nil || e.Usage.Output == nil {
		return errFormat
	}
	g.state = "told"
	if e.Delta.Reason != nil {
		g.reason = e.Delta.Reason
		if e.Delta.Sequence != nil && *g.reason != "stop_sequence" {
			return errors.New("stop_sequence is not why the answer stopped")
		}
	}
	g.count(*e.Usage)
	return nil
}

// count takes usage for the whole; what it does not tell was told at the beginning.
func (g *messagesGrammar) count(u messagesUsage) {
	newest := func(end, start *int64) int64 {
		switch {
		case end != nil:
			return *end
		case start != nil:
			return *start
		}
		return 0
	}
	g.t.Usage = Counts{
		Input:  newest(u.Input, g.started.Input) + newest(u.Written, g.started.Written) + newest(u.Read, g.started.Read),
		Cached: newest(u.Read, g.started.Read), Output: *u.Output,
	}
	if u.Details != nil {
		g.t.Usage.Reasoning = u.Details.Thinking
	}
}

func (g *messagesGrammar) end() (Transcript, error) {
	if g.state != "over" {
		return g.t, errCut
	}
	if g.t.Failed != "" {
		return g.t, nil
	}
	if g.reason == nil {
		return g.t, errors.New("no reason to stop was told")
	}
	stops := map[string]string{
		"end_turn": "end", "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "tools",
		"refusal": "filter", "stop_sequence": "sequence", "pause_turn": "pause",
	}
	var known bool
	if g.t.Stop, known = stops[*g.reason]; !known {
		return g.t, fmt.Errorf("%q is no reason to stop", *g.reason)
	}
	return g.t, nil
}
