// SPDX-License-Identifier: Apache-2.0

package venv

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/units/venv/venvtest"
)

// index serves a folder of wheels to whom knows the password, and answers the URL with it in it.
func index(t *testing.T, folder string) string {
	t.Helper()
	files := http.FileServer(http.Dir(folder))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if (user != "reader" || password != "hush") && !strings.HasSuffix(r.URL.Path, ".tar.gz") {
			w.Header().Set("WWW-Authenticate", `Basic realm="packages"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "http://reader:hush@", 1) + "/"
}

// telling is a build backend that writes down the variables it runs with.
func telling(file string) string {
	return "import os\nopen(" + `"` + file + `"` + ", 'w').write(repr(dict(os.environ)))\nraise SystemExit(3)\n"
}

func TestNoBuildReadsAnIndexsPassword(t *testing.T) {
	d := newDesk(t, t.TempDir())
	d.order.Offline = false
	packages, told := t.TempDir(), filepath.Join(t.TempDir(), "told")
	venvtest.Wheel(t, packages, "words", "2.5", "HELLO = 'hello'\n")
	venvtest.Source(t, packages, "built", "1.0", telling(told))
	at := index(t, packages)
	direct := strings.Replace(at, "reader:hush@", "", 1) + "built-1.0.tar.gz"
	venvtest.Wheel(t, packages, "sly", "1.0", "", "built @ "+direct)
	d.order.Env = map[string]string{"PIP_INDEX_URL": at, "PIP_FIND_LINKS": at}
	e := d.must("words\n")
	if got := d.says(e, "import words; print(words.HELLO)"); got != "hello" {
		t.Errorf("it says %q", got)
	}
	for _, requirements := range []string{"built\n", "sly\n", "built @ " + direct + "\n", "git+http://127.0.0.1:1/x\n"} {
		_, err := d.Build(t.Context(), d.want(requirements))
		if err == nil || !strings.Contains(err.Error(), "PIP_INDEX_URL holds a password") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: the error is %v", requirements, err)
		}
		d.current(e, 1)
	}
	if text, err := os.ReadFile(told); err == nil {
		t.Errorf("a build ran with %s", text)
	}
	// Without a password the same package is built, in what a build may know.
	d.order.Env = nil
	d.order.Wheels, d.order.Offline = []string{packages}, true
	t.Setenv("PIP_INDEX_URL", at)
	if _, err := d.Build(t.Context(), d.want("built\n")); err == nil || strings.Contains(err.Error(), "holds a password") {
		t.Errorf("offline: the error is %v", err)
	}
	if text, err := os.ReadFile(told); err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("offline: a build ran with %s (%v)", text, err)
	}
}

func TestWhichURLHoldsAPassword(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"PIP_INDEX_URL", "https://packages.example.com/simple", ""},
		{"PIP_INDEX_URL", "https://a:b@packages.example.com/simple", "PIP_INDEX_URL"},
		{"PIP_INDEX_URL", "https://token@packages.example.com/simple", "PIP_INDEX_URL"},
		{"PIP_EXTRA_INDEX_URL", "https://one.example.com https://a:b@two.example.com", "PIP_EXTRA_INDEX_URL"},
		{"PIP_EXTRA_INDEX_URL", "https://one.example.com\nhttps://a:%zz@two.example.com", "PIP_EXTRA_INDEX_URL"},
		{"https_proxy", "http://a:b@proxy.example.com:3128", "https_proxy"},
		{"HTTPS_PROXY", "a:b@proxy.example.com:3128", "HTTPS_PROXY"},
		{"PIP_FIND_LINKS", "/srv/wheels", ""},
		{"NOTES_URL", "postgres://a:b@db.example.com/notes", ""},
	} {
		if got := withPassword(map[string]string{row.name: row.value}); got != row.want {
			t.Errorf("%s=%s: found in %q, want %q", row.name, row.value, got, row.want)
		}
	}
}
