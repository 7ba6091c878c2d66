// SPDX-License-Identifier: Apache-2.0

package supervisor

import "syscall"

// hasACL tells whether more than the mode decides who may enter a folder.
func hasACL(folder string) bool {
	n, err := syscall.Getxattr(folder, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
