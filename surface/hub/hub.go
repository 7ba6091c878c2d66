// SPDX-License-Identifier: Apache-2.0

// Package hub serves the web interface of the house: the built pages of web/, embedded.
//
// It is not for powers of its own: the pages ask the control API for everything, and anybody may
// fetch them, for they hold nothing. Answers are compressed once, on first request, and kept.
// surface/api mounts the Handler at the root of the front door, behind every other route.
package hub

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// Policy is what the pages may load: only what the house itself serves, and no inline script or style.
const Policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// Pages are the first segments of the addresses that the pages answer themselves.
func Pages() []string {
	return []string{"", "units", "models", "tokens", "keys", "agents", "tools", "clients", "approvals", "journal"}
}

// smallest is the size in bytes below which compression gains nothing.
const smallest = 512

// Handler serves the Hub.
func Handler() http.Handler {
	return &server{built: map[string]*file{}}
}

// a file is one embedded file, ready to be sent.
type file struct {
	plain, packed []byte
	tag           string
}

type server struct {
	mu    sync.Mutex
	built map[string]*file
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the Hub only answers GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name, status := resolve(r)
	if name == "" {
		http.NotFound(w, r)
		return
	}
	f, err := s.file(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	head(w.Header(), name)
	send(w, r, name, f, status)
}

// resolve names the file that answers a request: a file of the build, or the page for the address
// of a page. A person who mistyped an address gets the page too, with status 404; a program does not.
func resolve(r *http.Request) (name string, status int) {
	clean := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	first, _, _ := strings.Cut(clean, "/")
	if slices.Contains(Pages(), first) || clean == "index.html" {
		return "index.html", http.StatusOK
	}
	if hidden(clean) {
		return "", http.StatusNotFound
	}
	if info, err := fs.Stat(dist, "dist/"+clean); err == nil && !info.IsDir() {
		return clean, http.StatusOK
	}
	if path.Ext(clean) == "" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		return "index.html", http.StatusNotFound
	}
	return "", http.StatusNotFound
}

func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
}

// file reads an embedded file once and keeps it compressed.
func (s *server) file(name string) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.built[name]; f != nil {
		return f, nil
	}
	plain, err := dist.ReadFile("dist/" + name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(plain)
	f := &file{plain: plain, tag: base64.RawURLEncoding.EncodeToString(sum[:12])}
	if compressible(name) && len(plain) >= smallest {
		f.packed = pack(plain)
	}
	s.built[name] = f
	return f, nil
}

func compressible(name string) bool {
	return slices.Contains([]string{".html", ".js", ".css", ".svg", ".md", ".json"}, path.Ext(name))
}

func pack(plain []byte) []byte {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(plain); err != nil {
		return nil
	}
	if err := z.Close(); err != nil || packed.Len() >= len(plain) {
		return nil
	}
	return packed.Bytes()
}

// head says how long a file may be kept. What stands under assets/ has its hash in its name and
// never changes; the page names those files and is never kept.
func head(h http.Header, name string) {
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case name == "index.html":
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", Policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	case strings.HasPrefix(name, "assets/"):
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	default:
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Type", contentType(name))
}

// contentType knows the few kinds of the build, for the system's own table differs between machines.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".md":
		return "text/markdown; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func send(w http.ResponseWriter, r *http.Request, name string, f *file, status int) {
	body, tag, h := f.plain, f.tag, w.Header()
	if f.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			body, tag = f.packed, f.tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	if name != "index.html" {
		h.Set("ETag", `"`+tag+`"`)
		if knows(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone when this fails
	}
}

func knows(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || one == `"`+tag+`"` {
			return true
		}
	}
	return false
}

// takesGzip tells whether a reader accepts gzip, by RFC 9110's weights.
func takesGzip(header string) bool {
	rest := false
	for one := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(one, ";")
		accepted := true
		if weight, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			q, err := strconv.ParseFloat(weight, 64)
			accepted = err == nil && q > 0
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return accepted
		case "*":
			rest = accepted
		}
	}
	return rest
}
