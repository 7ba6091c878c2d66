// SPDX-License-Identifier: Apache-2.0

// Package responses reads and writes OpenAI's Responses dialect: requests, answers, streams, errors.
//
// It is not a client, knows no network and keeps no response: what lies with the server
// (previous_response_id, conversation, store) passes to a server of the same dialect and is refused by
// its name where the request is translated, as are tools that only the server could run. Tools of the
// client that are no functions become some, and calls of them what they were. All input is hostile:
// every function is fuzzed. Callers: the gateway and its providers.
package responses

import (
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
)

// Dialect is the dialect of POST /v1/responses.
func Dialect() *dialect.Dialect {
	chat := openai.Chat()
	return &dialect.Dialect{
		Name:       "openai.responses",
		Scan:       scan,
		Answer:     readAnswer,
		NewTap:     func() dialect.Tap { return new(tap) },
		Error:      chat.Error,
		ErrorEvent: func(f dialect.Failure) []byte { return appendFailure(nil, f, whole{}, 0) },
		ReadError:  chat.ReadError,

		Decode:       decode,
		Encode:       encode,
		DecodeAnswer: decodeAnswer,
		EncodeAnswer: encodeAnswer,
		NewDecoder:   func() dialect.Decoder { return &decoder{} },
		NewEncoder:   newEncoder,
	}
}

// open begins an event of a stream; its object is still open.
func open(dst []byte, kind string, sequence int64) wire.JSON {
	j := wire.JSON(append(append(append(dst, "event: "...), kind...), "\ndata: "...))
	j.Open()
	j.Key("type").Text(kind)
	j.Key("sequence_number").Int(sequence)
	return j
}

// closed ends an event.
func closed(j wire.JSON) []byte {
	j.Close()
	return append(j, "\n\n"...)
}

// appendFailure writes the two events that end a stream which broke: some clients listen to the one,
// some to the other.
func appendFailure(dst []byte, f dialect.Failure, w whole, sequence int64) []byte {
	j := open(dst, "error", sequence)
	j.Key("code").Text(codeOf(f))
	j.Key("message").Text(f.Message)
	orNull(&j, "param", f.Param)
	j.Key("error").Open()
	j.Key("type").Text(f.Type)
	j.Key("code").Text(codeOf(f))
	j.Key("message").Text(f.Message)
	orNull(&j, "param", f.Param)
	j.Field("reason", f.Reason)
	j.Close()
	dst = closed(j)
	w.status, w.failure = "failed", &f
	j = open(dst, "response.failed", sequence+1)
	j.Key("response")
	w.write(&j)
	return closed(j)
}

// codeOf is a failure's code; every failed response has one.
func codeOf(f dialect.Failure) string {
	switch {
	case f.Code != "":
		return f.Code
	case f.Type == "rate_limit_error":
		return "rate_limit_exceeded"
	}
	return "server_error"
}

func orNull(j *wire.JSON, name, text string) {
	j.Key(name)
	if text == "" {
		j.Null()
		return
	}
	j.Text(text)
}
