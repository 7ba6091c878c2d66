// SPDX-License-Identifier: Apache-2.0

package swap

import "holdfast/core/home/disk"

// On makes the turn work on a disk that can fail.
func (t *Turn) On(d disk.Disk) { t.disk = d }
