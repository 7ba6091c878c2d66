// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// Chat is the dialect of /v1/chat/completions as OpenAI itself speaks it.
func Chat() *dialect.Dialect { return ChatAs(Form{}) }

// ChatAs is the dialect of /v1/chat/completions as one of the compatible servers speaks it.
func ChatAs(f Form) *dialect.Dialect {
	return &dialect.Dialect{
		Name:       "openai.chat",
		Scan:       scanChat,
		Answer:     readAnswer,
		NewTap:     func() dialect.Tap { return new(Tap) },
		Error:      errorBody,
		ErrorEvent: errorEvent,
		ReadError:  readError,

		Decode:       decode,
		Encode:       f.encode,
		DecodeAnswer: decodeAnswer,
		EncodeAnswer: encodeAnswer,
		NewDecoder:   newDecoder,
		NewEncoder:   newEncoder,
	}
}

// errorBody writes a failure as OpenAI's clients read it, with null for what is not there.
func errorBody(f dialect.Failure) []byte {
	return appendError(make(wire.JSON, 0, 128+len(f.Message)), f)
}

func appendError(j wire.JSON, f dialect.Failure) []byte {
	j.Open()
	j.Key("error").Open()
	j.Key("message").Text(f.Message)
	j.Key("type").Text(f.Type)
	textOrNull(j.Key("param"), f.Param)
	textOrNull(j.Key("code"), f.Code)
	j.Field("reason", f.Reason)
	j.Close()
	j.Close()
	return j
}

func textOrNull(j *wire.JSON, text string) {
	if text == "" {
		j.Null()
		return
	}
	j.Text(text)
}

// errorEvent is a failure as the last event of a stream; no [DONE] follows, for nothing was done.
func errorEvent(f dialect.Failure) []byte {
	j := append(make(wire.JSON, 0, 160+len(f.Message)), "data: "...)
	return append(appendError(j, f), "\n\n"...)
}

// mostErrorText bounds what is repeated of an upstream's error.
const mostErrorText = 4096

// readError reads {"error": {…}}, {"error": "…"}, and the bare forms {"message": …}, {"detail": …} of
// compatible servers.
func readError(status int, body []byte) (dialect.Failure, bool) {
	f := dialect.Failure{Status: status, Type: typeOf(status)}
	if !json.Valid(body) {
		return f, false
	}
	s := wire.Scanner{B: body}
	if s.Peek() == '[' { // some gateways wrap the error in a list
		s.Elements(func(first []byte) {
			if f.Message == "" {
				takeError(first, &f, true)
			}
		})
	} else {
		takeError(body, &f, true)
	}
	return f, f.Message != ""
}

func takeError(raw []byte, f *dialect.Failure, outer bool) {
	s := wire.Scanner{B: raw}
	s.Members(func(m wire.Member) bool {
		value := wire.Value{Raw: raw[m.Start:m.End]}
		switch key := string(m.Key); {
		case key == "error" && outer && value.IsObject():
			takeError(value.Raw, f, false)
		case key == "message", key == "detail" && outer, key == "error" && outer && f.Message == "":
			f.Message = scalar(value)
		case key == "type" && !wire.Blank(value.Raw):
			f.Type = scalar(value)
		case key == "code" && !wire.Blank(value.Raw):
			f.Code = scalar(value)
		case key == "param" && !wire.Blank(value.Raw):
			f.Param = scalar(value)
		case key == "reason":
			f.Reason = scalar(value)
		}
		return true
	})
}

// scalar reads text, or a number as text.
func scalar(v wire.Value) string {
	text := ""
	switch {
	case v.IsText():
		text, _ = v.Text()
	case !v.IsObject() && !v.IsList() && !v.IsNull():
		text = string(v.Raw)
	}
	return text[:min(len(text), mostErrorText)]
}

// typeOf is OpenAI's word for the kind of error that a status means.
func typeOf(status int) string {
	switch {
	case status == 401:
		return "authentication_error"
	case status == 403:
		return "permission_error"
	case status == 404:
		return "not_found_error"
	case status == 429:
		return "rate_limit_error"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}
