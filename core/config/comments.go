// SPDX-License-Identifier: Apache-2.0

package config

import (
	_ "embed"
	"encoding/json"
)

// comments.json is written by core/config/reference from the sections' source.
//
//go:embed comments.json
var commentsJSON []byte

// Comments are the field comments of all sections by path; what stands under a map's key or in a
// list has the segment *.
func Comments() map[string]string {
	out := map[string]string{}
	if json.Unmarshal(commentsJSON, &out) != nil {
		return map[string]string{} // a test proves that the file reads
	}
	return out
}
