// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// chatGrammar is that of chat completions' streams: chunks of one id, the role first, one finish
// reason after the last delta, then at most one chunk with usage alone, then [DONE]; or an error in
// place of any rest. Events have no names.
type chatGrammar struct {
	t        Transcript
	id       string
	created  int64
	state    string // "", open, finished, used, over
	finished string
	calls    []Call
}

type chatDelta struct {
	Role      string
	Content   *string
	Reasoning *string `json:"reasoning_content"`
	Refusal   *string
	Calls     []struct {
		Index    *int
		ID       *string
		Type     *string
		Function *struct {
			Name      *string
			Arguments *string
		}
	} `json:"tool_calls"`
}

type chatChunk struct {
	ID      string
	Object  string
	Created *int64
	Model   *string
	Choices *[]struct {
		Index  *int
		Delta  *chatDelta
		Finish *string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     *int64 `json:"prompt_tokens"`
		Completion *int64 `json:"completion_tokens"`
		Total      *int64 `json:"total_tokens"`
		In         struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		Out struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	}
	Error *struct{ Message, Type string }
}

func (g *chatGrammar) event(f frame) error {
	switch {
	case f.name != "":
		return errors.New("events of the dialect have no names")
	case g.state == "over":
		return errOver
	case f.data == "[DONE]":
		if g.state != "finished" && g.state != "used" {
			return errors.New("[DONE] before a finish reason")
		}
		g.state = "over"
		return nil
	}
	var c chatChunk
	if err := read(f, &c); err != nil {
		return err
	}
	if c.Error != nil {
		g.state, g.t.Failed = "over", c.Error.Message
		return nil
	}
	if err := g.whole(c); err != nil {
		return err
	}
	if c.Usage != nil {
		return g.use(c)
	}
	if len(*c.Choices) != 1 {
		return errors.New("want one choice")
	}
	return g.choice(c)
}

// whole checks what every chunk has.
func (g *chatGrammar) whole(c chatChunk) error {
	if c.ID == "" || c.Object != "chat.completion.chunk" || c.Created == nil || c.Model == nil || c.Choices == nil {
		return errFormat
	}
	if g.state != "" && (c.ID != g.id || *c.Created != g.created) {
		return errors.New("id or created differ from the first chunk's")
	}
	g.id, g.created = c.ID, *c.Created
	return nil
}

func (g *chatGrammar) choice(c chatChunk) error {
	choice := (*c.Choices)[0]
	switch {
	case choice.Index == nil || *choice.Index != 0 || choice.Delta == nil:
		return errFormat
	case g.state == "finished" || g.state == "used":
		return errors.New("a delta follows the finish reason")
	case (g.state == "") != (choice.Delta.Role == "assistant"):
		return errors.New("the role must come first, and once")
	}
	g.state = "open"
	if err := g.delta(choice.Delta); err != nil {
		return err
	}
	if choice.Finish != nil {
		g.state, g.finished = "finished", *choice.Finish
	}
	return nil
}

func (g *chatGrammar) delta(d *chatDelta) error {
	for place, text := range map[*string]*string{&g.t.Text: d.Content, &g.t.Thinking: d.Reasoning, &g.t.Refusal: d.Refusal} {
		if text != nil {
			*place += *text
		}
	}
	for _, c := range d.Calls {
		switch {
		case c.Index == nil || c.Function == nil || *c.Index < 0 || *c.Index > len(g.calls):
			return errFormat
		case *c.Index == len(g.calls):
			if c.ID == nil || c.Type == nil || *c.Type != "function" || c.Function.Name == nil || c.Function.Arguments == nil {
				return errors.New("a call begins without id, type, name or arguments")
			}
			if *c.ID == "" || *c.Function.Name == "" {
				return errNameless
			}
			g.calls = append(g.calls, Call{ID: *c.ID, Name: *c.Function.Name, Arguments: *c.Function.Arguments})
		case c.ID != nil || c.Function.Name != nil || c.Function.Arguments == nil:
			return errors.New("a call goes on with more than arguments")
		default:
			g.calls[*c.Index].Arguments += *c.Function.Arguments
		}
	}
	return nil
}

func (g *chatGrammar) use(c chatChunk) error {
	u := c.Usage
	switch {
	case len(*c.Choices) > 0:
		return errors.New("usage stands beside a choice")
	case g.state != "finished":
		return errors.New("usage before the finish reason, or twice")
	case u.Prompt == nil || u.Completion == nil || u.Total == nil || *u.Prompt+*u.Completion != *u.Total:
		return errFormat
	}
	g.state = "used"
	g.t.Usage = Counts{Input: *u.Prompt, Cached: u.In.Cached, Output: *u.Completion, Reasoning: u.Out.Reasoning}
	return nil
}

func (g *chatGrammar) end() (Transcript, error) {
	if g.state != "over" {
		return g.t, errCut
	}
	if g.t.Failed != "" {
		return g.t, nil
	}
	for _, c := range g.calls {
		if !json.Valid([]byte(c.Arguments)) {
			return g.t, fmt.Errorf("%w: %s: %q", errArguments, c.ID, c.Arguments)
		}
		c.Arguments = compact(c.Arguments)
		g.t.Calls = append(g.t.Calls, c)
	}
	stops := map[string]string{"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "filter"}
	var known bool
	if g.t.Stop, known = stops[g.finished]; !known {
		return g.t, fmt.Errorf("%q is no finish reason", g.finished)
	}
	return g.t, nil
}
