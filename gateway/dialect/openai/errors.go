// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// An Error is a failure in the form that OpenAI's clients read.
type Error struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"-"`
	Code    string `json:"-"`
	// Reason is the house's word for a refusal, such as breaker_halt.
	Reason string `json:"-"`
	// Field is kept as param; RetryAfter is rounded up to whole seconds.
	RetryAfter time.Duration `json:"-"`
}

func (e *Error) Error() string { return e.Message }

// MarshalJSON writes the error with null for what is not there.
func (e *Error) MarshalJSON() ([]byte, error) {
	body := map[string]any{"message": e.Message, "type": e.Type, "param": nil, "code": nil}
	if e.Param != "" {
		body["param"] = e.Param
	}
	if e.Code != "" {
		body["code"] = e.Code
	}
	if e.Reason != "" {
		body["reason"] = e.Reason
	}
	return json.Marshal(map[string]any{"error": body})
}

// Write answers a request with the error.
func (e *Error) Write(w http.ResponseWriter) {
	body, _ := json.Marshal(e)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if e.Reason != "" {
		// Clients of OpenAI repeat a 503 at once; a refusal of the house is not to be repeated.
		h.Set("X-Should-Retry", "false")
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(body)
}

// Event is the error as the last event of a stream.
func (e *Error) Event() []byte {
	body, _ := json.Marshal(e)
	return append(append([]byte("data: "), body...), "\n\n"...)
}
