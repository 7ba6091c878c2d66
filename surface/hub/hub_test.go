// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(path string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestPagesAnswerWithThePage(t *testing.T) {
	for _, path := range []string{
		"/", "/units", "/units?log=notes.backend", "/models", "/tokens", "/keys", "/agents", "/tools", "/clients", "/approvals",
		"/journal", "/units/some.unit",
	} {
		r := get(path, nil)
		if r.Code != http.StatusOK || !strings.Contains(r.Body.String(), `<div id="root">`) {
			t.Errorf("GET %s: status %d, not the page", path, r.Code)
		}
		if got := r.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("GET %s: Cache-Control %q, want no-store", path, got)
		}
		if got := r.Header().Get("Content-Security-Policy"); got != Policy {
			t.Errorf("GET %s: Content-Security-Policy %q", path, got)
		}
	}
}

func TestOnlyPagesFallBack(t *testing.T) {
	for _, path := range []string{"/assets/gone-12345678.js", "/nothing", "/api/v1/unit/list", "/robots.txt", "/.source-sha256", "/assets", "/../hub.go", "/assets/.hidden"} {
		if r := get(path, nil); r.Code != http.StatusNotFound || strings.Contains(r.Body.String(), "root") {
			t.Errorf("GET %s: status %d, want 404 and not the page", path, r.Code)
		}
	}
	person := get("/nothing", map[string]string{"Sec-Fetch-Dest": "document"})
	if person.Code != http.StatusNotFound || !strings.Contains(person.Body.String(), `<div id="root">`) {
		t.Errorf("a person at a wrong address: status %d, want 404 with the page", person.Code)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/units", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestThePageHoldsNothingInline(t *testing.T) {
	page := get("/", nil).Body.String()
	for _, script := range regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`).FindAllStringSubmatch(page, -1) {
		if strings.TrimSpace(script[1]) != "" || !strings.Contains(script[0], "src=") {
			t.Errorf("inline script: %s", script[0])
		}
	}
	if strings.Contains(page, "<style") || strings.Contains(page, "style=") {
		t.Error("inline style, which the policy forbids")
	}
	links := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 3 {
		t.Fatalf("the page names %d files", len(links))
	}
	for _, link := range links {
		if r := get(link[1], nil); r.Code != http.StatusOK {
			t.Errorf("the page names %s: status %d", link[1], r.Code)
		}
	}
}

func script(t *testing.T) string {
	t.Helper()
	found, err := fs.Glob(dist, "dist/assets/index-*.js")
	if err != nil || len(found) != 1 {
		t.Fatalf("entry scripts %v: %v", found, err)
	}
	return strings.TrimPrefix(found[0], "dist")
}

func TestAssetsAreKeptForever(t *testing.T) {
	path := script(t)
	plain := get(path, nil)
	if got := plain.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", got)
	}
	if plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("without Accept-Encoding: encoding %q, Vary %q", plain.Header().Get("Content-Encoding"), plain.Header().Get("Vary"))
	}
	packed := get(path, map[string]string{"Accept-Encoding": "br;q=1, gzip;q=0.5"})
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("with gzip: encoding %q, Vary %q", packed.Header().Get("Content-Encoding"), packed.Header().Get("Vary"))
	}
	if packed.Header().Get("ETag") == plain.Header().Get("ETag") {
		t.Error("both forms have one ETag")
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(z)
	if err != nil || string(unpacked) != plain.Body.String() {
		t.Errorf("the packed form is another file (%v)", err)
	}
	again := get(path, map[string]string{"If-None-Match": plain.Header().Get("ETag")})
	if again.Code != http.StatusNotModified {
		t.Errorf("known ETag: status %d, want 304", again.Code)
	}
}

func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip;q=0.2": true, "gzip;q=0": false, "gzip; q=0": false,
		"*": true, "*;q=0": false, "*, gzip;q=0": false, "identity": false, "gzip;q=x": false,
	} {
		if got := takesGzip(header); got != want {
			t.Errorf("takesGzip(%q) = %v, want %v", header, got, want)
		}
	}
}

// The build must be of this source: anybody can prove it, without Node. See web/build/source.mjs.
func TestTheBuildIsOfThisSource(t *testing.T) {
	recorded, err := dist.ReadFile("dist/.source-sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sourceHash(t), strings.TrimSpace(string(recorded)); got != want {
		t.Errorf("the source is %s, dist was built from %s: run `make hub`", got, want)
	}
}

func sourceHash(t *testing.T) string {
	t.Helper()
	names := []string{"index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"}
	for _, folder := range []string{"build", "public", "src"} {
		err := filepath.WalkDir(filepath.Join("web", folder), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && !strings.HasSuffix(path, ".d.ts") && !strings.HasSuffix(path, ".test.ts") {
				name, relErr := filepath.Rel("web", path)
				names = append(names, filepath.ToSlash(name))
				return relErr
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	all := sha256.New()
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join("web", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		one := sha256.Sum256(raw)
		_, _ = fmt.Fprintf(all, "%s\x00%s\n", name, hex.EncodeToString(one[:]))
	}
	return hex.EncodeToString(all.Sum(nil))
}

// Pages is what the router of the pages knows.
func TestPagesAreTheRouters(t *testing.T) {
	routes, err := os.ReadFile("web/src/routes.tsx")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, match := range regexp.MustCompile(`path: '/([a-z]*)'`).FindAllStringSubmatch(string(routes), -1) {
		known = append(known, match[1])
	}
	if !slices.Equal(known, Pages()) {
		t.Errorf("the router knows %q, the handler %q", known, Pages())
	}
}

func TestNothingOfTheFixtureIsBuilt(t *testing.T) {
	err := fs.WalkDir(dist, "dist", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := dist.ReadFile(path)
		if strings.Contains(string(raw), "fixture-key") || strings.Contains(string(raw), "sourceMappingURL") {
			t.Errorf("%s holds what belongs to development", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPagesImportInNoCircle: what two pages share stands in a file of its own.
func TestPagesImportInNoCircle(t *testing.T) {
	imports := map[string][]string{}
	from := regexp.MustCompile(`(?m)^(?:import|export) [^t][^;]*?from '(\.[^']+)'`)
	err := filepath.WalkDir("web/src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".ts") && !strings.HasSuffix(path, ".tsx") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range from.FindAllStringSubmatch(string(text), -1) {
			imports[path] = append(imports[path], filepath.Join(filepath.Dir(path), m[1]))
		}
		return err
	})
	if err != nil || len(imports) < 50 {
		t.Fatalf("%d files import something, %v", len(imports), err)
	}
	left := map[string]bool{} // files of which all is looked at
	var visit func(path string, way []string)
	visit = func(path string, way []string) {
		if i := slices.Index(way, path); i >= 0 {
			t.Errorf("a circle: %s", strings.Join(append(way[i:], path), " → "))
			return
		}
		if left[path] {
			return
		}
		for _, next := range imports[path] {
			visit(next, append(slices.Clone(way), path))
		}
		left[path] = true
	}
	for path := range imports {
		visit(path, nil)
	}
}
