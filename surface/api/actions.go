// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/surface/problem"
)

// ConfirmHeader carries the confirmation of a destroying action: "TOKEN; category, category".
const ConfirmHeader = "Holdfast-Confirm"

const (
	// maxBody bounds an action's input.
	maxBody = 4 << 20
	// heartbeat keeps an idle event stream from being taken for dead.
	heartbeat = 15 * time.Second
)

// Path is where an action is served.
func Path(name string) string { return "/api/v1/" + strings.Replace(name, ".", "/", 1) }

func (s *Server) mountActions(mux *table, who identify) {
	for _, a := range s.Registry.Actions() {
		mux.Handle("POST "+Path(a.Name), s.actionHandler(a, holdfast.ActionRoute{Method: "POST"}, who))
		for _, route := range a.Routes {
			mux.Handle(route.Method+" "+route.Path, s.actionHandler(a, route, who))
		}
		if s.Registry.Streams(a.Name) {
			mux.Handle("GET "+Path(a.Name)+"/follow", s.streamHandler(a, who))
		}
	}
	mux.Handle("GET /api/openapi.json", http.HandlerFunc(s.openAPI))
	mux.others("/api/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, holdfast.Errorf(holdfast.CodeNotFound, "nothing is served at %s %s; see /api/openapi.json", r.Method, r.URL.Path))
	})
}

func (s *Server) actionHandler(a holdfast.Action, route holdfast.ActionRoute, who identify) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.caller(r, a, who)
		if err != nil {
			problem.Write(w, err)
			return
		}
		input, err := readInput(w, r, a, route)
		if err != nil {
			problem.Write(w, err)
			return
		}
		out, err := s.Registry.Dispatch(r.Context(), caller, a.Name, input, confirmation(r))
		if err != nil {
			problem.Write(w, err)
			return
		}
		writeJSON(w, out)
	})
}

// caller tells who asks; nobody may reach only what is public.
func (s *Server) caller(r *http.Request, a holdfast.Action, who identify) (holdfast.Caller, error) {
	caller, err := who(r)
	if err != nil {
		return caller, err
	}
	if caller.Kind == holdfast.CallerNobody && a.Tier > holdfast.TierPublic {
		return caller, unknownCaller()
	}
	return caller, nil
}

func writeJSON(w http.ResponseWriter, out any) {
	raw, err := json.Marshal(out)
	if err != nil {
		problem.Write(w, fmt.Errorf("cannot encode the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(raw, '\n'))
}

// readInput gathers an action's input from body, query, path and upload.
func readInput(w http.ResponseWriter, r *http.Request, a holdfast.Action, route holdfast.ActionRoute) (json.RawMessage, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	values := map[string][]string{}
	if r.Method == http.MethodGet || r.Method == http.MethodDelete {
		values = r.URL.Query()
	}
	for _, f := range a.Input.Fields() {
		if v := r.PathValue(f.Name); v != "" {
			values[f.Name] = []string{v}
		}
	}
	if route.Upload != "" {
		text, err := upload(r)
		if err != nil {
			return nil, err
		}
		values[route.Upload] = []string{text}
	}
	fixed, err := action.FromText(a.Input.Fields(), values)
	if err != nil || route.Upload != "" || r.Method == http.MethodGet || r.Method == http.MethodDelete {
		return fixed, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, holdfast.BadInput(fmt.Sprintf("cannot read the body (at most %d bytes): %v", maxBody, err))
	}
	if route.Body != "" {
		body, err = json.Marshal(map[string]json.RawMessage{route.Body: body})
		if err != nil {
			return nil, holdfast.BadInput("the body is not JSON: " + err.Error())
		}
	}
	return merge(body, fixed, len(values))
}

// merge lays the fields that the path gave over those of the body.
func merge(body, fixed json.RawMessage, fields int) (json.RawMessage, error) {
	if fields == 0 {
		return body, nil
	}
	input := map[string]json.RawMessage{}
	if len(strings.TrimSpace(string(body))) > 0 {
		if err := json.Unmarshal(body, &input); err != nil {
			return nil, holdfast.BadInput("the body is not a JSON object: " + err.Error())
		}
	}
	if err := json.Unmarshal(fixed, &input); err != nil {
		return nil, err
	}
	return json.Marshal(input)
}

func upload(r *http.Request) (string, error) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return "", holdfast.BadInput("want a multipart form with the field file: " + err.Error())
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(file)
	if err != nil {
		return "", holdfast.BadInput("cannot read the upload: " + err.Error())
	}
	return string(raw), nil
}

func confirmation(r *http.Request) *holdfast.Confirmation {
	token, list, ok := strings.Cut(r.Header.Get(ConfirmHeader), ";")
	if !ok {
		return nil
	}
	c := &holdfast.Confirmation{Token: strings.TrimSpace(token)}
	for name := range strings.SplitSeq(list, ",") {
		c.Categories = append(c.Categories, strings.TrimSpace(name))
	}
	return c
}

// streamHandler serves what follows after an action's answer as server-sent events.
func (s *Server) streamHandler(a holdfast.Action, who identify) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.caller(r, a, who)
		if err != nil {
			problem.Write(w, err)
			return
		}
		input, err := action.FromText(a.Input.Fields(), r.URL.Query())
		if err != nil {
			problem.Write(w, err)
			return
		}
		events := &eventWriter{w: w, flush: http.NewResponseController(w)}
		stop := events.keepAlive(r.Context())
		err = s.Registry.Follow(r.Context(), caller, a.Name, input, events.send)
		stop()
		if err != nil && r.Context().Err() == nil {
			events.fail(err)
		}
	})
}

// openAIError answers in the form that OpenAI's clients read.
func openAIError(w http.ResponseWriter, d problem.Document) {
	kind := "invalid_request_error"
	if d.Status == http.StatusUnauthorized {
		kind = "authentication_error"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"message": d.Detail, "type": kind, "code": d.Code, "param": nil,
	}})
}

// anthropicError answers in the form that Anthropic's clients read.
func anthropicError(w http.ResponseWriter, d problem.Document) {
	kind := "invalid_request_error"
	if d.Status == http.StatusUnauthorized {
		kind = "authentication_error"
	}
	var form struct {
		Type  string `json:"type"`
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
	}
	form.Type, form.Error.Type, form.Error.Message = "error", kind, d.Detail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(form)
}

var errGone = errors.New("the reader is gone")
