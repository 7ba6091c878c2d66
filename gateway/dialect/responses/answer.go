// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
)

// decodeAnswer reads a plain answer.
func decodeAnswer(body []byte) (*dialect.Response, error) {
	v, err := wire.Check(body)
	if err == nil {
		var r *dialect.Response
		if r, err = decodeResponse(v); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("cannot read the answer: %w", err)
}

func decodeResponse(v wire.Value) (*dialect.Response, error) {
	r := &dialect.Response{}
	var status, reason string
	var failure wire.Value
	listed := false
	err := v.Object(func(key []byte, v wire.Value) (err error) {
		switch string(key) {
		case "id":
			err = v.Into(&r.ID)
		case "model":
			err = v.Into(&r.Model)
		case "created_at":
			r.Created = v.Moment()
		case "status":
			err = v.Into(&status)
		case "error":
			failure = v
		case "incomplete_details":
			reason = textOf(v.Raw, "reason")
		case "usage":
			r.Usage, r.HasUsage = parseUsage(v.Raw)
		case "output":
			listed = true
			err = decodeOutput(r, v)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case status == "failed" || !failure.IsNull():
		return nil, errors.New("the response failed: " + textOf(failure.Raw, "message"))
	case !listed:
		return nil, wire.WrongField("output", "is missing")
	}
	r.Stop = stopOf(status, reason, r.Parts)
	return r, nil
}

func stopOf(status, reason string, parts []dialect.Part) dialect.Stop {
	switch {
	case status == "incomplete" && reason == "content_filter":
		return dialect.StopFilter
	case status == "incomplete":
		return dialect.StopLength
	}
	for _, p := range parts {
		if p.Kind == dialect.PartToolCall {
			return dialect.StopTools
		}
	}
	return dialect.StopEnd
}

func decodeOutput(r *dialect.Response, v wire.Value) error {
	return v.List(func(_ int, v wire.Value) error {
		parts, err := decodeOutputItem(v)
		r.Parts = append(r.Parts, parts...)
		return err
	})
}

// decodeOutputItem reads one item of an answer. What the server's own tools did has no word elsewhere.
func decodeOutputItem(v wire.Value) ([]dialect.Part, error) {
	switch kind := typeOf(v.Raw); {
	case kind == "message":
		var parts []dialect.Part
		content := member(v.Raw, "content")
		err := content.List(func(_ int, v wire.Value) error {
			part := dialect.Part{Text: textOf(v.Raw, "text")}
			if typeOf(v.Raw) == "refusal" {
				part = dialect.Part{Kind: dialect.PartRefusal, Text: textOf(v.Raw, "refusal")}
			}
			if part.Text != "" {
				parts = append(parts, part)
			}
			return nil
		})
		if err != nil {
			return nil, wire.Within("content", err)
		}
		return parts, nil
	case kind == "reasoning":
		thinking, err := readThought(v.Raw)
		if err != nil || thinking == (dialect.Thinking{}) {
			return nil, err
		}
		return []dialect.Part{{Kind: dialect.PartThinking, Thinking: &thinking}}, nil
	case kind == "function_call":
		call := readCall(v.Raw)
		if call.Name == "" || call.ID == "" {
			return nil, wire.Wrong("a call needs name and call_id")
		}
		return []dialect.Part{{Kind: dialect.PartToolCall, Call: &call}}, nil
	case strings.HasSuffix(kind, "_call"):
		return nil, wire.WrongField("type", "an item of type %q %s", kind, untranslated)
	}
	return nil, nil
}

func readThought(raw []byte) (dialect.Thinking, error) {
	var t dialect.Thinking
	for _, name := range [...]string{"summary", "content", "encrypted_content"} {
		if err := takeThought(&t, name, member(raw, name)); err != nil {
			return t, wire.Within(name, err)
		}
	}
	return t, nil
}

func readCall(raw []byte) dialect.ToolCall {
	return dialect.ToolCall{ID: textOf(raw, "call_id"), Name: textOf(raw, "name"), Arguments: textOf(raw, "arguments")}
}

// encodeAnswer writes a plain answer.
func encodeAnswer(r *dialect.Response, req *dialect.Request) ([]byte, error) {
	w := whole{id: r.ID, model: r.Model, created: r.Created, req: req, usage: r.Usage, stated: r.HasUsage}
	w.ended(r.Stop)
	var output wire.JSON
	output.List()
	for i, p := range r.Parts {
		p = grouped(req, p)
		switch p.Kind {
		case dialect.PartText, dialect.PartRefusal, dialect.PartThinking, dialect.PartToolCall:
			writeItem(&output, w.itemID(p.Kind, i), p, "completed")
		default:
			return nil, fmt.Errorf("cannot write the answer: a part of kind %d has no word in the Responses API", p.Kind)
		}
	}
	output.EndList()
	w.output = output
	j := make(wire.JSON, 0, 1024+len(output))
	w.write(&j)
	return j, nil
}

// writeItem writes one part of an answer as an item.
func writeItem(j *wire.JSON, id string, p dialect.Part, status string) {
	j.Open()
	j.Key("id").Text(id)
	switch p.Kind {
	case dialect.PartThinking:
		j.Key("type").Text("reasoning")
		writeSummary(j, p.Thinking.Text)
		switch {
		case p.Thinking.Redacted != "":
			j.Key("encrypted_content").Text(redacted + p.Thinking.Redacted)
		case p.Thinking.Signature != "":
			j.Key("encrypted_content").Text(p.Thinking.Signature)
		}
		j.Close()
		return
	case dialect.PartToolCall:
		writeCall(j, p.Call)
	default:
		j.Key("type").Text("message")
		j.Key("role").Text("assistant")
		j.Key("content").List()
		if status == "completed" {
			writeSaid(j, p)
		}
		j.EndList()
	}
	j.Key("status").Text(status)
	j.Close()
}

// A whole is a response as it stands in a plain answer and in the events of a stream.
type whole struct {
	id, model string
	created   int64
	status    string
	reason    string // why it is incomplete
	failure   *dialect.Failure
	output    []byte // a list; nil for an empty one
	req       *dialect.Request
	usage     holdfast.Usage
	stated    bool
}

// ended sets how the answer ended.
func (w *whole) ended(stop dialect.Stop) {
	w.status = "completed"
	switch stop { //nolint:exhaustive // the others are complete
	case dialect.StopLength:
		w.status, w.reason = "incomplete", "max_output_tokens"
	case dialect.StopFilter:
		w.status, w.reason = "incomplete", "content_filter"
	}
}

// itemID names an item after its response.
func (w *whole) itemID(kind dialect.PartKind, at int) string {
	prefix := "msg_"
	switch kind { //nolint:exhaustive // the others are messages
	case dialect.PartThinking:
		prefix = "rs_"
	case dialect.PartToolCall:
		prefix = "fc_"
	}
	return prefix + strings.TrimPrefix(w.id, "resp_") + "_" + strconv.Itoa(at)
}

func (w *whole) write(j *wire.JSON) {
	if w.id == "" {
		w.id = "resp_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	if w.created == 0 {
		w.created = time.Now().Unix()
	}
	j.Open()
	j.Key("id").Text(w.id)
	j.Key("object").Text("response")
	j.Key("created_at").Int(w.created)
	j.Key("status").Text(w.status)
	j.Key("background").Bool(false)
	w.writeEnding(j)
	j.Key("model").Text(w.model)
	j.Key("output")
	if w.output == nil {
		j.Raw([]byte("[]"))
	} else {
		j.Raw(w.output)
	}
	w.echo(j)
	j.Key("usage")
	if w.stated || w.status == "completed" || w.status == "incomplete" { // of which clients expect it
		writeUsage(j, w.usage)
	} else {
		j.Null()
	}
	j.Key("metadata").Open()
	j.Close()
	j.Close()
}

func (w *whole) writeEnding(j *wire.JSON) {
	j.Key("error")
	if w.failure == nil {
		j.Null()
	} else {
		j.Open()
		j.Key("code").Text(codeOf(*w.failure))
		j.Key("message").Text(w.failure.Message)
		j.Close()
	}
	j.Key("incomplete_details")
	if w.reason == "" {
		j.Null()
		return
	}
	j.Open()
	j.Key("reason").Text(w.reason)
	j.Close()
}

// echo repeats the request, as clients expect.
func (w *whole) echo(j *wire.JSON) {
	req := w.req
	if req == nil {
		req = &dialect.Request{}
	}
	_, instructions := leading(req.Messages)
	orNull(j, "instructions", instructions)
	j.Key("max_output_tokens")
	if req.MaxOutput > 0 {
		j.Int(req.MaxOutput)
	} else {
		j.Null()
	}
	j.Key("parallel_tool_calls").Bool(req.Parallel == nil || *req.Parallel)
	j.Key("previous_response_id").Null()
	j.Key("reasoning").Open()
	orNull(j, "effort", openai.Effort(req.Reasoning))
	orNull(j, "summary", summaryOf(req.Reasoning))
	j.Close()
	j.Key("store").Bool(false)
	writeNumber(j, "temperature", req.Temperature)
	j.Key("text").Open()
	j.Key("format")
	if req.Format == nil {
		writeFormat(j, &dialect.Format{Type: "text"})
	} else {
		writeFormat(j, req.Format)
	}
	j.Field("verbosity", req.Verbosity)
	j.Close()
	j.Key("tool_choice")
	writeChoice(j, req.Choice)
	j.Key("tools")
	writeToolList(j, req.Tools)
	writeNumber(j, "top_p", req.TopP)
	j.Key("truncation").Text("disabled")
}

func summaryOf(how *dialect.Reasoning) string {
	if how == nil {
		return ""
	}
	return how.Summary
}

// writeNumber writes a number that is 1 where the client said none.
func writeNumber(j *wire.JSON, name string, f *float64) {
	j.Key(name)
	if f == nil {
		j.Int(1)
		return
	}
	j.Float(*f)
}
