// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"holdfast/agent/plain"
)

// misshapen says what in a server's answer is not as MCP wants it, empty when that is not what went
// wrong. The SDK tells it by the types of Go that it reads into, or by words of its own.
func misshapen(err error) string {
	if _, said := errors.AsType[*jsonrpc.Error](err); err == nil || said {
		return "" // words of the server's own, whatever they are
	}
	text := err.Error()
	_, rest, _ := strings.Cut(text, `calling "`)
	method, _, _ := strings.Cut(rest, `"`)
	answer := "its answer"
	if method != "" {
		answer += " to " + method
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if kind.Field == "" {
			return answer + " is not as MCP wants it: want " + kindName(kind.Type)
		}
		return fmt.Sprintf("%s is not as MCP wants it: want %s as `%s`", answer, kindName(kind.Type), plain.Text(kind.Field, 200))
	}
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return answer + " is not as MCP wants it: want base64 as `data` or `blob`"
	}
	for _, unknown := range []string{"unrecognized content type ", "invalid content type "} {
		if _, kind, ok := strings.Cut(text, unknown); ok {
			return answer + " has content of the type " + plain.Text(kind, 100) +
				", which MCP does not know there: want text, image, audio, resource_link or resource"
		}
	}
	if strings.HasSuffix(text, ": nil content") {
		return answer + " has no content: want a list, which may be empty, as `content`"
	}
	if _, asked, ok := strings.Cut(text, "unsupported InputRequest method: "); ok {
		return answer + " asks by " + plain.Text(asked, 100) + ", which MCP does not know: want elicitation/create, sampling/createMessage or roots/list"
	}
	return ""
}

// kindName is what JSON calls that which is read into a type.
func kindName(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "another kind of value"
	}
	switch t.Kind() { //nolint:exhaustive // the rest are no kinds of JSON
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "another kind of value"
}
