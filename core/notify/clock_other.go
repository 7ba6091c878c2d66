// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package notify

// reloading begins a reload.
func reloading() []string { return []string{"RELOADING=1"} }
