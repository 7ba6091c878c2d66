// SPDX-License-Identifier: Apache-2.0

//go:build race

package need

const racing = true
