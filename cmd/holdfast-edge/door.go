// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"holdfast/edge/router"
)

// door is the Caddy handler around edge/router:
//
//	{"handler": "holdfast_router", "socket": "/home/…/var/run/router.sock", "body_limit": 104857600}
type door struct {
	// Socket is the house's, which streams the table.
	Socket string `json:"socket"`
	// BodyLimit is the greatest request body in bytes; 100 MiB when absent.
	BodyLimit int64 `json:"body_limit,omitempty"`

	pool   *caddy.UsagePool
	key    string
	router *running
}

// running is a router and its life. A reload of Caddy's configuration shares it, so that the table
// and the cached sessions stay.
type running struct {
	*router.Router
	cancel context.CancelFunc
	done   chan struct{}
}

// Destruct ends the router when no configuration uses it any more.
func (r *running) Destruct() error {
	r.cancel()
	<-r.done
	return nil
}

// CaddyModule names the handler; its instances share one pool of routers.
func (d door) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.holdfast_router", New: func() caddy.Module { return &door{pool: d.pool} }}
}

// Provision starts following the house, or joins a router that already does.
func (d *door) Provision(ctx caddy.Context) error {
	if d.Socket == "" {
		return errors.New("holdfast_router: socket is missing")
	}
	log := ctx.Slogger()
	shared, _, err := d.pool.LoadOrNew(d.Socket, func() (caddy.Destructor, error) {
		life, cancel := context.WithCancel(context.Background())
		r := &running{
			Router: router.New(router.Options{Socket: d.Socket, BodyLimit: d.BodyLimit, Log: log}),
			cancel: cancel, done: make(chan struct{}),
		}
		go func() {
			defer close(r.done)
			r.Run(life)
		}()
		return r, nil
	})
	if err != nil {
		return err
	}
	d.key, d.router = d.Socket, shared.(*running)
	return nil
}

// Cleanup lets go of the router.
func (d *door) Cleanup() error {
	if d.router == nil {
		return nil
	}
	_, err := d.pool.Delete(d.key)
	return err
}

// ServeHTTP hands the request to the router, which answers every one.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	d.router.ServeHTTP(w, r)
	return nil
}
