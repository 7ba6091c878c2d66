// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast"
)

// dropIns is the folder of the home with parts of a holdfast.yaml that programs write.
const dropIns = "holdfast.d"

// dropInLayer takes holdfast.d/*.yaml, each a part of a holdfast.yaml, in the order of their names.
// What programs declare stands there, one file a thing, so that they never rewrite what a person wrote.
func (c *Config) dropInLayer(s snapshot, _ *node) (*node, []holdfast.Problem) {
	entries, err := os.ReadDir(c.home.Path(dropIns))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []holdfast.Problem{{File: dropIns, Message: "cannot be opened: " + reason(err)}}
	}
	var problems []holdfast.Problem
	layer := object(place{origin: OriginFile, file: dropIns})
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".yaml" {
			continue
		}
		src, there, problem := readSource(c.home.Path(dropIns, e.Name()), dropIns+"/"+e.Name())
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		if !there {
			continue // it went while the folder was read
		}
		s.sources[src.name] = src
		tree, found := readYAML(src)
		problems = append(problems, found...)
		layer = merge(layer, tree)
	}
	return layer, problems
}
