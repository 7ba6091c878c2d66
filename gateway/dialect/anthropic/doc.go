// SPDX-License-Identifier: Apache-2.0

// Package anthropic reads and writes Anthropic's Messages dialect: requests, answers, streams, errors,
// and the counting of tokens.
//
// It is not a client and knows no network. Where both sides speak the dialect the bytes pass as they
// came; what a translation cannot say is an error that names the field, never left out. What changes
// nothing about the answer (cache marks, diagnostics of the cache, metadata, eager_input_streaming,
// edits that clear old thinking) is left out without one, and deferred tools until a search found
// them. All input is hostile: every function is fuzzed. Callers: the gateway and its providers.
package anthropic

import "holdfast/gateway/dialect"

// Messages is the dialect of POST /v1/messages.
func Messages() *dialect.Dialect {
	return &dialect.Dialect{
		Name:         "anthropic.messages",
		Scan:         scanMessages,
		Answer:       readAnswer,
		NewTap:       func() dialect.Tap { return new(tap) },
		Error:        errorBody,
		ErrorEvent:   errorEvent,
		ReadError:    readError,
		Decode:       decode,
		Encode:       encode,
		DecodeAnswer: decodeAnswer,
		EncodeAnswer: encodeAnswer,
		NewDecoder:   func() dialect.Decoder { return new(decoder) },
		NewEncoder:   func(*dialect.Request) dialect.Encoder { return new(encoder) },
	}
}
