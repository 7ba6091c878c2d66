// SPDX-License-Identifier: Apache-2.0

package tools

import "holdfast/agent/upstream"

// Lends is what a server beside the catalogue's own is made of, such as an agent of the home; it is
// whole once the catalogue has started.
func (c *Catalogue) Lends() upstream.Needs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lends
}
