// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"time"
)

// profileVariable tells the house where to serve its profiles.
const profileVariable = "HOLDFAST_BENCH_PROFILE"

// serveProfiles serves profiles of this process at an address.
func serveProfiles(address string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/profile", pprof.Profile)
	mux.Handle("/allocs", pprof.Handler("allocs"))
	mux.Handle("/heap", pprof.Handler("heap"))
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.ListenAndServe() }() // as long as the process
}

// profiled runs what is measured, and keeps a CPU profile of the server meanwhile when one is wanted.
func (c *child) profiled(ctx context.Context, dir, name string, run func() error) error {
	if c.profiles == "" || dir == "" {
		return run()
	}
	failed := make(chan error, 1)
	go func() { failed <- c.keep(ctx, "profile?seconds=8", filepath.Join(dir, name+".pprof")) }()
	err := errors.Join(run(), <-failed)
	return errors.Join(err, c.keep(ctx, "allocs", filepath.Join(dir, "allocs.pprof")))
}

// keep writes one of the server's profiles into a file.
func (c *child) keep(ctx context.Context, profile, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.profiles+"/"+profile, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("cannot read a profile: %w", err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644))
}
