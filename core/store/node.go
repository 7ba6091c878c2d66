// SPDX-License-Identifier: Apache-2.0

package store

// OfNode is the part of a WHERE clause that finds what a node wrote, and its arguments: in a database of
// several nodes the rows with its name, or with none, as older houses wrote them; in a SQLite file, which
// is one node's whatever the node was called when it wrote, all.
func OfNode(dialect, node string) (clause string, args []any) {
	if dialect == SQLite {
		return "1 = 1", nil
	}
	return "(node = ? OR node = '')", []any{node}
}
