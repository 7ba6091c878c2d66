// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// responsesGrammar is that of the Responses API's streams: numbered events; response.created and
// response.in_progress; items that are added, filled and done, whose done events repeat what their
// deltas said; and at the end the whole response, which repeats the items. Items come one after
// another, counted from 0. An error ends the stream, and response.failed may follow it.
type responsesGrammar struct {
	t       Transcript
	numbers int64
	state   string // "", created, open, failed, over
	next    int
	item    *responsesItem // the open one
	part    string         // the open part of it: text, refusal, summary, reasoning or arguments
	said    string         // of the open part
	ended   bool           // the open part was repeated whole
	parts   int            // of the open item
	items   []responsesItem
}

type responsesPart struct {
	Type    string  `json:"type"`
	Text    *string `json:"text"`
	Refusal *string `json:"refusal"`
}

type responsesItem struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Status    string          `json:"status"`
	Role      string          `json:"role"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments *string         `json:"arguments"`
	Input     *string         `json:"input"` // of a custom tool
	Content   []responsesPart `json:"content"`
	Summary   []responsesPart `json:"summary"`
}

type responsesEvent struct {
	Type      string         `json:"type"`
	Number    *int64         `json:"sequence_number"`
	Output    *int           `json:"output_index"`
	Content   *int           `json:"content_index"`
	Index     *int           `json:"summary_index"`
	ItemID    string         `json:"item_id"`
	Item      *responsesItem `json:"item"`
	Part      *responsesPart `json:"part"`
	Delta     *string        `json:"delta"`
	Text      *string        `json:"text"`
	Refusal   *string        `json:"refusal"`
	Arguments *string        `json:"arguments"`
	Input     *string        `json:"input"`
	Message   string         `json:"message"`
	Response  *struct {
		ID         string
		Object     string
		Status     string
		Output     []responsesItem
		Incomplete *struct{ Reason string } `json:"incomplete_details"`
		Error      *struct{ Code, Message string }
		Usage      *struct {
			Input  *int64 `json:"input_tokens"`
			Output *int64 `json:"output_tokens"`
			Total  *int64 `json:"total_tokens"`
			In     *struct {
				Cached *int64 `json:"cached_tokens"`
			} `json:"input_tokens_details"`
			Out *struct {
				Reasoning *int64 `json:"reasoning_tokens"`
			} `json:"output_tokens_details"`
		}
	} `json:"response"`
}

func (g *responsesGrammar) event(f frame) error {
	var e responsesEvent
	if err := read(f, &e); err != nil {
		return err
	}
	switch {
	case f.name != e.Type:
		return errors.New("the event's name is not its type")
	case g.state == "over", g.state == "failed" && e.Type != "response.failed":
		return errOver
	case e.Number == nil || *e.Number != g.numbers:
		return fmt.Errorf("the event's number is not %d", g.numbers)
	}
	g.numbers++
	switch e.Type {
	case "response.created", "response.in_progress":
		return g.begin(e)
	case "error":
		g.state, g.t.Failed = "failed", e.Message // the failed response may follow
		return nil
	case "response.completed", "response.incomplete", "response.failed":
		return g.finish(e)
	case "response.output_item.added":
		return g.add(e)
	case "response.output_item.done":
		return g.done(e)
	}
	if g.item == nil || e.Output == nil || *e.Output != g.next-1 || e.ItemID != g.item.ID {
		return errors.New("the event is of no open item")
	}
	return g.inItem(e)
}

func (i *responsesItem) calls() bool {
	return i.Type == "function_call" || i.Type == "custom_tool_call"
}

// takes is what a tool is called with.
func (i *responsesItem) takes() *string {
	if i.Type == "custom_tool_call" {
		return i.Input
	}
	return i.Arguments
}

func (g *responsesGrammar) begin(e responsesEvent) error {
	want := map[string]string{"response.created": "", "response.in_progress": "created"}[e.Type]
	if g.state != want || e.Response == nil || e.Response.ID == "" || e.Response.Object != "response" || e.Response.Status != "in_progress" {
		return errFormat
	}
	g.state = map[string]string{"": "created", "created": "open"}[g.state]
	return nil
}

func (g *responsesGrammar) add(e responsesEvent) error {
	if g.state != "open" || g.item != nil || e.Output == nil || *e.Output != g.next || e.Item == nil || e.Item.ID == "" {
		return errors.New("an item may not begin here, or has not the next index and an id")
	}
	ok := false
	switch e.Item.Type {
	case "message":
		ok = e.Item.Role == "assistant" && e.Item.Status == "in_progress" && len(e.Item.Content) == 0
	case "function_call", "custom_tool_call":
		if e.Item.CallID == "" || e.Item.Name == "" {
			return errNameless
		}
		takes := e.Item.takes()
		ok = takes != nil && *takes == ""
	case "reasoning":
		ok = len(e.Item.Summary) == 0
	}
	if !ok {
		return errFormat
	}
	g.item, g.part, g.parts = e.Item, "", 0
	g.next++
	return nil
}

// inItem judges what stands within an item: a part that opens, its deltas, and its two or three ends.
func (g *responsesGrammar) inItem(e responsesEvent) error {
	switch e.Type {
	case "response.content_part.added", "response.reasoning_summary_part.added":
		return g.openPart(e)
	case "response.output_text.delta", "response.refusal.delta", "response.reasoning_summary_text.delta",
		"response.reasoning_text.delta", "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		return g.delta(e)
	case "response.output_text.done", "response.reasoning_summary_text.done", "response.reasoning_text.done":
		return g.repeat(e.Text)
	case "response.refusal.done":
		return g.repeat(e.Refusal)
	case "response.function_call_arguments.done":
		g.item.Arguments = e.Arguments
		return g.repeat(e.Arguments)
	case "response.custom_tool_call_input.done":
		g.item.Input = e.Input
		return g.repeat(e.Input)
	case "response.content_part.done", "response.reasoning_summary_part.done":
		return g.closePart(e)
	}
	return errors.New("is no event of the dialect")
}

func (g *responsesGrammar) openPart(e responsesEvent) error {
	at := e.Content
	if e.Type == "response.reasoning_summary_part.added" {
		at = e.Index
	}
	if g.part != "" || at == nil || *at != g.parts || e.Part == nil {
		return errors.New("a part may not begin here, or has not the next index")
	}
	kinds := map[string]string{"output_text": "text", "refusal": "refusal", "summary_text": "summary", "reasoning_text": "reasoning"}
	g.part, g.said, g.ended = kinds[e.Part.Type], "", false
	if g.part == "" || (g.item.Type == "message") != (g.part == "text" || g.part == "refusal") {
		return errFormat
	}
	return nil
}

func (g *responsesGrammar) delta(e responsesEvent) error {
	kind, place := "", new(string)
	switch e.Type {
	case "response.output_text.delta":
		kind, place = "text", &g.t.Text
	case "response.refusal.delta":
		kind, place = "refusal", &g.t.Refusal
	case "response.reasoning_summary_text.delta":
		kind, place = "summary", &g.t.Thinking
	case "response.reasoning_text.delta":
		kind, place = "reasoning", &g.t.Thinking
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		kind = "arguments"
		if g.part == "" && g.item.calls() {
			g.part, g.said, g.ended = kind, "", false
		}
	}
	if g.part != kind || g.ended || e.Delta == nil {
		return errors.New("the delta is of no open part")
	}
	*place += *e.Delta
	g.said += *e.Delta
	return nil
}

// repeat checks that a done event says what the deltas said.
func (g *responsesGrammar) repeat(text *string) error {
	if g.item.calls() && g.part == "" {
		g.part, g.said, g.ended = "arguments", "", false
	}
	if g.part == "" || g.ended || text == nil || *text != g.said {
		return fmt.Errorf("the deltas said %q", g.said)
	}
	g.ended = true
	return nil
}

func (g *responsesGrammar) closePart(e responsesEvent) error {
	if g.part == "" || !g.ended || e.Part == nil {
		return errors.New("no part is open, or it was not repeated")
	}
	text := e.Part.Text
	if g.part == "refusal" {
		text = e.Part.Refusal
	}
	if text == nil || *text != g.said {
		return fmt.Errorf("the deltas said %q", g.said)
	}
	g.part = ""
	g.parts++
	return nil
}

func (g *responsesGrammar) done(e responsesEvent) error {
	open := g.item
	if open == nil || e.Item == nil || e.Output == nil || *e.Output != g.next-1 || e.Item.ID != open.ID || e.Item.Type != open.Type {
		return errors.New("no such item is open")
	}
	switch open.Type {
	case "function_call", "custom_tool_call":
		was, is := open.takes(), e.Item.takes()
		if !g.ended || was == nil || is == nil || *is != *was {
			return errors.New("the item repeats other arguments")
		}
		if open.Type == "function_call" && !json.Valid([]byte(*was)) {
			return fmt.Errorf("%w: %s: %q", errArguments, open.CallID, *was)
		}
		g.t.Calls = append(g.t.Calls, Call{e.Item.CallID, e.Item.Name, compact(*is)})
	default:
		if g.part != "" || len(e.Item.Content)+len(e.Item.Summary) != g.parts {
			return errors.New("a part is open, or the item repeats another number of them")
		}
	}
	g.items = append(g.items, *e.Item)
	g.item, g.part = nil, ""
	return nil
}

func (g *responsesGrammar) finish(e responsesEvent) error {
	r := e.Response
	if r == nil || "response."+r.Status != e.Type {
		return errFormat
	}
	g.state = "over"
	if e.Type == "response.failed" {
		if r.Error == nil || r.Error.Message == "" {
			return errFormat
		}
		g.t.Failed = r.Error.Message
		return nil
	}
	switch {
	case g.item != nil:
		return errors.New("an item is open")
	case len(r.Output) != len(g.items) || (len(g.items) > 0 && !reflect.DeepEqual(r.Output, g.items)):
		return errors.New("the response repeats other items")
	}
	g.t.Stop = "end"
	if len(g.t.Calls) > 0 {
		g.t.Stop = "tools"
	}
	if e.Type == "response.incomplete" {
		reasons := map[string]string{"max_output_tokens": "length", "content_filter": "filter"}
		if r.Incomplete == nil || reasons[r.Incomplete.Reason] == "" {
			return errFormat
		}
		g.t.Stop = reasons[r.Incomplete.Reason]
	}
	u := r.Usage
	if u == nil { // the provider told none
		return nil
	}
	if u.Input == nil || u.Output == nil || u.Total == nil || u.In == nil || u.In.Cached == nil || u.Out == nil || u.Out.Reasoning == nil {
		return errors.New("usage is not whole")
	}
	g.t.Usage = Counts{*u.Input, *u.In.Cached, *u.Output, *u.Out.Reasoning}
	return nil
}

func (g *responsesGrammar) end() (Transcript, error) {
	if g.state != "over" && g.state != "failed" {
		return g.t, errCut
	}
	return g.t, nil
}
