// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"time"

	"holdfast/core/home"
)

// object is a JSON object of Caddy's configuration, which has types only inside Caddy.
type object = map[string]any

// caddyConfig is the configuration of the edge in mode local: two sockets that the house bound
// (descriptors 3 and 4), no TLS, compression of what is text and no stream, and our handler.
func caddyConfig(h home.Home) object {
	encode := object{
		"handler": "encode", "encodings": object{"gzip": object{}, "zstd": object{}}, "prefer": []any{"zstd", "gzip"},
		"minimum_length": 1024.0,
		"match": object{"headers": object{"Content-Type": []any{
			"text/html*", "text/css*", "text/plain*", "text/javascript*", "text/markdown*", "application/javascript*",
			"application/json*", "application/problem+json*", "application/manifest+json*", "image/svg+xml*", "application/wasm*",
		}}},
	}
	door := object{
		"listen": []any{"fd/3", "fd/4"}, "protocols": []any{"h1"}, "automatic_https": object{"disable": true},
		"read_header_timeout": "10s", "idle_timeout": "2m", "max_header_bytes": 65536.0,
		"routes": []any{object{"handle": []any{encode, object{"handler": "holdfast_router", "socket": h.Socket("router")}}}},
	}
	return object{
		"admin": object{"listen": "fd/5", "config": object{"persist": false}},
		// Its admin log warns of an open interface, which a socket of mode 0600 is not.
		"logging": object{"logs": object{"default": object{"exclude": []any{"admin"}}}},
		"storage": object{"module": "file_system", "root": h.Var("edge", "storage")},
		"apps": object{
			"http": object{"grace_period": "3s", "servers": object{"door": door}},
			"tls":  object{"disable_storage_clean": true},
		},
	}
}

// writeConfig puts the configuration where the edge reads it when it starts.
func writeConfig(h home.Home, config object) (path string, err error) {
	path = h.Var("edge", "caddy.json")
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return "", fmt.Errorf("cannot word the edge's configuration: %w", err)
	}
	return path, home.WriteFile(path, append(text, '\n'), 0o600)
}

// admin speaks to Caddy's admin API over its socket.
type admin struct{ client *http.Client }

func newAdmin(h home.Home) admin {
	return admin{&http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return h.Dial(ctx, adminSocket)
			},
		},
	}}
}

// running is the configuration of the edge that runs, nil when none does.
func (a admin) running(ctx context.Context) object {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	body, err := a.call(ctx, http.MethodGet, "/config/", nil)
	if err != nil {
		return nil
	}
	var config object
	if json.Unmarshal(body, &config) != nil {
		return nil
	}
	return config
}

// load gives the running edge another configuration; one that fails leaves the old one serving.
func (a admin) load(ctx context.Context, config object) error {
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("cannot word the edge's configuration: %w", err)
	}
	_, err = a.call(ctx, http.MethodPost, "/load", text)
	return err
}

func (a admin) call(ctx context.Context, method, path string, body []byte) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://edge"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the edge: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err = io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the edge refused its configuration: %.500s", answer)
	}
	return answer, err
}

func sameConfig(a, b object) bool { return reflect.DeepEqual(a, b) }
