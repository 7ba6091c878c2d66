// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/surface/problem"
)

// Remote runs actions in the house that listens on a control socket.
type Remote struct{ client *http.Client }

// NewRemote speaks HTTP over the connections that dial opens.
func NewRemote(dial func(context.Context) (net.Conn, error)) *Remote {
	return &Remote{&http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableKeepAlives: true,
	}}}
}

// Dispatch sends one action and reads its answer.
func (r *Remote) Dispatch(ctx context.Context, name string, input json.RawMessage, confirm *holdfast.Confirmation) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://house/api/v1/"+strings.Replace(name, ".", "/", 1), bytes.NewReader(input))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if holdfast.BypassFrom(ctx) {
		req.Header.Set(holdfast.BypassHeader, "breaker")
	}
	if confirm != nil {
		req.Header.Set("Holdfast-Confirm", confirm.Token+"; "+strings.Join(confirm.Categories, ", "))
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, unanswered(ctx, name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, unanswered(ctx, name, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, problem.Read(resp.StatusCode, body)
	}
	return body, nil
}

// unanswered says what is known of an action that was asked for and not answered.
func unanswered(ctx context.Context, name string, err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return fmt.Errorf("cannot ask the house: %w", err)
	}
	if cause, ok := errors.AsType[*url.Error](err); ok {
		err = cause.Err // it names an address that is none
	}
	what := "the house went away before it answered"
	if ctx.Err() != nil {
		what = "interrupted before the house answered"
	}
	return fmt.Errorf("%s: whether %s was done, or goes on, is not known; ask `holdfast units` and `holdfast journal` once a house is up: %w", what, name, err)
}

// Follow reads server-sent events until the stream or ctx ends.
func (r *Remote) Follow(ctx context.Context, name string, input json.RawMessage, receive func(json.RawMessage) error) error {
	query, err := toQuery(input)
	if err != nil {
		return err
	}
	at := "http://house/api/v1/" + strings.Replace(name, ".", "/", 1) + "/follow?" + query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("cannot ask the house: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		return problem.Read(resp.StatusCode, body)
	}
	return readEvents(resp.Body, receive)
}

func readEvents(body io.Reader, receive func(json.RawMessage) error) error {
	reader := bufio.NewReader(body)
	failed := false
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte("event: problem")) {
			failed = true
			continue
		}
		data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: "))
		if !ok {
			continue
		}
		if failed {
			return problem.Read(http.StatusInternalServerError, data)
		}
		if err := receive(data); err != nil {
			return err
		}
	}
}

// toQuery writes an input's plain fields as a query.
func toQuery(input json.RawMessage) (string, error) {
	fields := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(input))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return "", err
	}
	query := url.Values{}
	for name, value := range fields {
		if list, ok := value.([]any); ok {
			for _, one := range list {
				query.Add(name, fmt.Sprint(one))
			}
			continue
		}
		query.Set(name, fmt.Sprint(value))
	}
	return query.Encode(), nil
}

// Local runs actions in this process.
type Local struct {
	Registry *action.Registry
	Caller   holdfast.Caller
}

// Dispatch runs one action.
func (l Local) Dispatch(ctx context.Context, name string, input json.RawMessage, confirm *holdfast.Confirmation) (json.RawMessage, error) {
	out, err := l.Registry.Dispatch(ctx, l.Caller, name, input, confirm)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// Follow follows a stream in process.
func (l Local) Follow(ctx context.Context, name string, input json.RawMessage, receive func(json.RawMessage) error) error {
	return l.Registry.Follow(ctx, l.Caller, name, input, func(event any) error {
		raw, err := json.Marshal(event)
		if err != nil {
			return err
		}
		return receive(raw)
	})
}
