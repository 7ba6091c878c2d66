// SPDX-License-Identifier: Apache-2.0

// Package venvtest builds Python packages for tests, without a network and without Python. It is for
// the tests of units/venv and of those that install packages; it is not for anything that ships.
package venvtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Wheel builds a package of one module into a folder; its program of the same name calls main.
func Wheel(t testing.TB, folder, name, version, code string, needs ...string) {
	t.Helper()
	metadata := "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"
	for _, n := range needs {
		metadata += "Requires-Dist: " + n + "\n"
	}
	info := name + "-" + version + ".dist-info/"
	files := []struct{ name, text string }{
		{name + ".py", code},
		{info + "METADATA", metadata},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "entry_points.txt", "[console_scripts]\n" + name + " = " + name + ":main\n"},
	}
	var out bytes.Buffer
	z, record := zip.NewWriter(&out), ""
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.text))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.text))
		add(t, z, f.name, f.text)
	}
	add(t, z, info+"RECORD", record+info+"RECORD,,\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+"-"+version+"-py3-none-any.whl"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Source packs a package's source into a folder, as it lies in an index: pip runs its setup.py, which
// is a build backend by itself, to make a wheel of it.
func Source(t testing.TB, folder, name, version, setup string) {
	t.Helper()
	root := name + "-" + version
	var out bytes.Buffer
	squeezed := gzip.NewWriter(&out)
	z := tar.NewWriter(squeezed)
	for _, f := range []struct{ name, text string }{
		{"PKG-INFO", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"},
		{"pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = \"setup\"\nbackend-path = [\".\"]\n"},
		{"setup.py", setup},
	} {
		if err := z.WriteHeader(&tar.Header{Name: root + "/" + f.name, Mode: 0o644, Size: int64(len(f.text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write([]byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), squeezed.Close(), os.WriteFile(filepath.Join(folder, root+".tar.gz"), out.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, z *zip.Writer, name, text string) {
	t.Helper()
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}
