// SPDX-License-Identifier: Apache-2.0

package holdfast

// A Mount is a path of the front door that a unit's port serves.
type Mount struct {
	// Path is a prefix of whole segments, with its trailing slash: "/ext/notes/", "/api/notes/".
	Path string `json:"path"`
	Unit string `json:"unit"`
	Port int    `json:"port"`
	// StripPrefix takes Path away before the request goes upstream.
	StripPrefix bool `json:"strip_prefix"`
	// TrailingSlash redirects the path without its slash to the one with it.
	TrailingSlash bool `json:"trailing_slash"`
	// OwnOrigin mounts are user interfaces that others wrote: they are served from another origin
	// than the Hub.
	OwnOrigin bool `json:"own_origin"`
}
