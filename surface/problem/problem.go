// SPDX-License-Identifier: Apache-2.0

// Package problem writes errors as RFC 9457 problem documents and reads them back as the same
// errors, so that a command gives the same answer with and without a house running.
//
// It is not for judging errors. surface/api writes, surface/cli reads.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"holdfast"
)

// MediaType is the content type of a problem document.
const MediaType = "application/problem+json"

// A Document is an error as clients read it. Type is "about:blank", so Title is the status text.
type Document struct {
	Title    string              `json:"title"`
	Status   int                 `json:"status"`
	Detail   string              `json:"detail"`
	Code     string              `json:"code"`
	Problems []holdfast.Problem  `json:"problems,omitempty"`
	Guard    string              `json:"guard,omitempty"`
	Reason   string              `json:"reason,omitempty"`
	Remedy   string              `json:"remedy,omitempty"`
	Retry    float64             `json:"retry_after,omitempty"`
	Needed   *holdfast.Inventory `json:"inventory,omitempty"`
	Approval string              `json:"approval,omitempty"`
}

const (
	codeRefused     = "refused"
	codeUnconfirmed = "unconfirmed"
	codePending     = "pending"
)

// Of describes an error.
func Of(err error) Document {
	d := Document{Status: http.StatusInternalServerError, Code: string(holdfast.CodeFailed), Detail: err.Error()}
	if refusal, ok := errors.AsType[*holdfast.Refusal](err); ok {
		d.Status, d.Code = http.StatusForbidden, codeRefused
		d.Guard, d.Reason, d.Remedy, d.Retry = refusal.Guard, refusal.Reason, refusal.Remedy, refusal.RetryAfter.Seconds()
	} else if need, ok := errors.AsType[*holdfast.Unconfirmed](err); ok {
		d.Status, d.Code, d.Needed, d.Reason = http.StatusConflict, codeUnconfirmed, &need.Inventory, need.Reason
	} else if pending, ok := errors.AsType[*holdfast.Pending](err); ok {
		d.Status, d.Code, d.Approval = http.StatusAccepted, codePending, pending.ID
	} else if known, ok := errors.AsType[*holdfast.Error](err); ok {
		d.Status, d.Code, d.Problems = statusOf(known.Code), string(known.Code), known.Problems
		if known.Message != "" {
			d.Detail = known.Message
		}
	}
	d.Title = http.StatusText(d.Status)
	return d
}

func statusOf(code holdfast.Code) int {
	switch code {
	case holdfast.CodeBadInput:
		return http.StatusBadRequest
	case holdfast.CodeNotFound:
		return http.StatusNotFound
	case holdfast.CodeConflict:
		return http.StatusConflict
	case holdfast.CodeUnavailable:
		return http.StatusServiceUnavailable
	case holdfast.CodeUnknown:
		return http.StatusUnauthorized
	case holdfast.CodeFailed:
	}
	return http.StatusInternalServerError
}

// Write answers a request with an error.
func Write(w http.ResponseWriter, err error) { Of(err).Write(w) }

// Write answers a request with the document.
func (d Document) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", MediaType)
	w.Header().Set("Cache-Control", "no-store")
	if d.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Retry))))
	}
	if d.Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
	}
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(d) // the client is gone when this fails
}

// Read turns a problem document back into the error that it was made of.
func Read(status int, body []byte) error {
	var d Document
	if err := json.Unmarshal(body, &d); err != nil || d.Code == "" {
		return fmt.Errorf("the house answered HTTP %d: %.200s", status, body)
	}
	switch d.Code {
	case codeRefused:
		return &holdfast.Refusal{Guard: d.Guard, Reason: d.Reason, Remedy: d.Remedy, RetryAfter: time.Duration(d.Retry * float64(time.Second))}
	case codeUnconfirmed:
		if d.Needed != nil {
			return &holdfast.Unconfirmed{Inventory: *d.Needed, Reason: d.Reason}
		}
	case codePending:
		return &holdfast.Pending{ID: d.Approval}
	}
	known := &holdfast.Error{Code: holdfast.Code(d.Code), Problems: d.Problems}
	if known.Error() != d.Detail { // an error without words of its own is told by its problems
		known.Message = d.Detail
	}
	return known
}
