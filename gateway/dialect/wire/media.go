// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// SplitDataURI reads data:TYPE;base64,DATA; false for anything else. Parameters of the type are left
// out.
func SplitDataURI(uri string) (mediaType, data string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "data:")
	if !ok {
		return "", "", false
	}
	head, data, ok := strings.Cut(rest, ",")
	head, encoded := strings.CutSuffix(head, ";base64")
	if !ok || !encoded || data == "" {
		return "", "", false
	}
	mediaType, _, _ = strings.Cut(head, ";")
	return mediaType, data, true
}

// DataURI writes data in base64 as a URI.
func DataURI(mediaType, data string) string {
	return "data:" + mediaType + ";base64," + data
}
