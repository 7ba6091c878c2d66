// SPDX-License-Identifier: Apache-2.0

// Package openai reads OpenAI's chat completions dialect as far as the gateway needs it: which
// model is asked for, how much may come back, what an event of a stream carries, what was used.
//
// It is not a client and knows no network. Everything it does not need stays as the bytes it was:
// requests are edited in place, events are passed on untouched. All input is hostile: every
// function is fuzzed. Callers: the gateway and its providers.
package openai
