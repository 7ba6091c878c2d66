// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
)

const mask = "••••"

// A Secret cannot be printed: every way of formatting, logging or encoding it shows a mask. It
// reads from JSON and YAML as a plain string. Reveal is the one way to its value.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the one place that must send it.
func (s Secret) Reveal() string { return s.value }

// Empty tells whether there is no value.
func (s Secret) Empty() bool { return s.value == "" }

// Equal compares in constant time.
func (s Secret) Equal(other string) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other)) == 1
}

// Digest is the SHA-256 of the value in hexadecimal digits: what is kept of it where the value is not.
func (s Secret) Digest() string {
	sum := sha256.Sum256([]byte(s.value))
	return hex.EncodeToString(sum[:])
}

// Masked shows the first three and last two runes of a long value, and only dots of a short one.
func (s Secret) Masked() string {
	r := []rune(s.value)
	switch {
	case len(r) == 0:
		return ""
	case len(r) < 16:
		return mask
	}
	return string(r[:3]) + mask + string(r[len(r)-2:])
}

func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return mask
}

// GoString keeps %#v from showing the value.
func (s Secret) GoString() string { return "holdfast.Secret(" + s.String() + ")" }

// Format keeps every verb from showing the value.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue keeps slog from showing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON writes the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalText reads the value.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
