// SPDX-License-Identifier: Apache-2.0

// Package venvtest builds Python packages for tests, without a network and without Python. It is for
// the tests of units/venv and of those that install packages; it is not for anything that ships.
package venvtest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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
