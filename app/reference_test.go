// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"holdfast/core/config"
	"holdfast/core/config/reference"
	"holdfast/core/home"
	"holdfast/surface/api"
)

var update = flag.Bool("update", false, "write the generated files anew")

// openAPIFile is what the Hub's client is generated from.
const openAPIFile = "surface/hub/web/openapi.json"

func wired(t *testing.T) *House {
	t.Helper()
	h, err := New(home.At(t.TempDir()), &Options{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestReferenceIsFresh holds the manual of holdfast.yaml against the sections' own source.
func TestReferenceIsFresh(t *testing.T) {
	var sections []config.Section
	for _, c := range wired(t).Capabilities {
		if c.Config != nil {
			sections = append(sections, config.Section{Name: sectionOf(c.Section, c.Name), Into: c.Config})
		}
	}
	if *update {
		if err := reference.Update("..", sections); err != nil {
			t.Fatal(err)
		}
	}
	if err := reference.Fresh("..", sections); err != nil {
		t.Errorf("%v; run make generate", err)
	}
}

// TestOpenAPIIsFresh holds the committed OpenAPI document against the registry.
func TestOpenAPIIsFresh(t *testing.T) {
	document, err := api.OpenAPI(wired(t).Registry, "1")
	if err != nil {
		t.Fatal(err)
	}
	document = append(document, '\n')
	path := filepath.Join("..", openAPIFile)
	if *update {
		if err := os.WriteFile(path, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, document) {
		t.Errorf("%s is not what the registry says; run make generate", openAPIFile)
	}
}
