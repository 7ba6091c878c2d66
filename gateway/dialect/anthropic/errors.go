// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"
	"net/http"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

const (
	invalidRequest  = "invalid_request_error"
	authentication  = "authentication_error"
	billing         = "billing_error"
	permission      = "permission_error"
	notFound        = "not_found_error"
	requestTooLarge = "request_too_large"
	rateLimit       = "rate_limit_error"
	timedOut        = "timeout_error"
	apiError        = "api_error"
	overloaded      = "overloaded_error"
)

// statusOverloaded is what the API answers when it is overloaded.
const statusOverloaded = 529

// errorType is the dialect's word for a failure.
func errorType(f dialect.Failure) string {
	switch f.Status {
	case 0:
		return typeWithoutStatus(f.Type)
	case http.StatusUnauthorized:
		return authentication
	case http.StatusPaymentRequired:
		return billing
	case http.StatusForbidden:
		return permission
	case http.StatusNotFound:
		return notFound
	case http.StatusRequestEntityTooLarge:
		return requestTooLarge
	case http.StatusTooManyRequests:
		return rateLimit
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return timedOut
	case http.StatusServiceUnavailable, statusOverloaded:
		return overloaded
	}
	if f.Status < http.StatusInternalServerError {
		return invalidRequest
	}
	return apiError
}

// typeWithoutStatus words a failure in the middle of a stream.
func typeWithoutStatus(kind string) string {
	switch kind {
	case invalidRequest, authentication, permission, notFound, rateLimit:
		return kind
	case "insufficient_quota":
		return billing
	case "service_unavailable", "overloaded":
		return overloaded
	}
	return apiError
}

func errorBody(f dialect.Failure) []byte {
	message := f.Message
	if f.Param != "" {
		message = f.Param + ": " + strings.TrimPrefix(message, f.Param+": ")
	}
	var j wire.JSON
	j.Open()
	j.Key("type").Text("error")
	j.Key("error").Open()
	j.Key("type").Text(errorType(f))
	j.Key("message").Text(message)
	j.Field("code", f.Code)
	j.Field("reason", f.Reason)
	j.Close()
	j.Close()
	return j
}

func errorEvent(f dialect.Failure) []byte {
	return append(append([]byte("event: error\ndata: "), errorBody(f)...), "\n\n"...)
}

// mostErrorText bounds what is repeated of an upstream's error.
const mostErrorText = 4096

// readError reads an upstream's error. Status 0 means that it came in a stream, and is made up from
// its type.
func readError(status int, body []byte) (dialect.Failure, bool) {
	var wrong []byte
	if !json.Valid(body) {
		return dialect.Failure{}, false
	}
	eachMember(body, func(key, value []byte) {
		if string(key) == "error" {
			wrong = value
		}
	})
	if len(wrong) == 0 || wrong[0] != '{' {
		return dialect.Failure{}, false
	}
	f := dialect.Failure{Status: status}
	kind := ""
	eachMember(wrong, func(key, value []byte) {
		switch string(key) {
		case "type":
			kind = textOf(value)
		case "message":
			text := textOf(value)
			f.Message = strings.ToValidUTF8(text[:min(len(text), mostErrorText)], "")
		case "reason":
			f.Reason = textOf(value)
		}
	})
	if status == 0 {
		f.Status = statusOf(kind)
	}
	f.Type, f.Code = neutralType(kind)
	return f, kind != ""
}

func statusOf(kind string) int {
	switch kind {
	case invalidRequest:
		return http.StatusBadRequest
	case authentication:
		return http.StatusUnauthorized
	case billing:
		return http.StatusPaymentRequired
	case permission:
		return http.StatusForbidden
	case notFound:
		return http.StatusNotFound
	case requestTooLarge:
		return http.StatusRequestEntityTooLarge
	case rateLimit:
		return http.StatusTooManyRequests
	case timedOut:
		return http.StatusGatewayTimeout
	case overloaded:
		return statusOverloaded
	}
	return http.StatusInternalServerError
}

// neutralType words an error as OpenAI's clients expect it; the dialect's own word becomes the code
// where the type does not say it.
func neutralType(kind string) (neutral, code string) {
	switch kind {
	case invalidRequest, authentication, permission, rateLimit:
		return kind, ""
	case notFound, requestTooLarge:
		return invalidRequest, kind
	case billing:
		return "insufficient_quota", kind
	case overloaded:
		return "service_unavailable", kind
	}
	return "server_error", kind
}
