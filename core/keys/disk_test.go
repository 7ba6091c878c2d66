// SPDX-License-Identifier: Apache-2.0

//go:build linux

package keys

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk/disktest"
)

func TestFullAndReadOnlyDisk(t *testing.T) {
	dir := disktest.Mount(t, "256k")
	k := New(home.At(dir))
	if err := k.Set(t.Context(), "A", holdfast.NewSecret("one")); err != nil {
		t.Fatal(err)
	}
	check := func(cause error) {
		t.Helper()
		err := k.Set(t.Context(), "A", holdfast.NewSecret(strings.Repeat("two", 2000)))
		if !errors.Is(err, cause) || strings.Contains(err.Error(), "twotwo") {
			t.Errorf("got %v", err)
		}
		if a, _ := k.Get("A"); !a.Equal("one") {
			t.Error("memory has what the disk has not")
		}
		text, err := os.ReadFile(k.home.EnvFile())
		if err != nil || string(text) != "A=one\n" {
			t.Errorf("the file is %q, %v", text, err)
		}
	}
	free := disktest.Fill(t, dir)
	check(unix.ENOSPC)
	free()
	disktest.ReadOnly(t, dir)
	check(unix.EROFS)
}
