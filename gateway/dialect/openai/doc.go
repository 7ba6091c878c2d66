// SPDX-License-Identifier: Apache-2.0

// Package openai reads and writes OpenAI's chat completions, as OpenAI and the servers compatible with
// it speak them, and embeddings.
//
// It is not a client and knows no network. Where both sides speak the dialect, requests are edited in
// place, events are passed on untouched, and what is not needed stays the bytes it was. What a
// translation cannot say is an error that names the field. Left out without one is what changes nothing
// about the answer: user, metadata, where to find a cached prompt, and thinking of earlier turns for
// servers that take none back. All input is hostile: every function is fuzzed. Callers: the gateway and
// its providers.
package openai
