// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"holdfast"
)

// General is the section house of holdfast.yaml.
type General struct {
	// Name is how this house calls itself, in titles and messages.
	Name string `yaml:"name" json:"name"`
	// Timezone is the operator's, by its IANA name: days begin and schedules run by it.
	Timezone string `yaml:"timezone" json:"timezone"`
}

// Check tells an unknown time zone.
func (g General) Check() []holdfast.Problem {
	if _, err := time.LoadLocation(g.Timezone); err != nil {
		return []holdfast.Problem{{Field: "timezone", Message: err.Error(), Remedy: "want an IANA name like UTC or Europe/Lisbon"}}
	}
	return nil
}

// Location is the operator's time zone.
func (g *General) Location() *time.Location {
	at, err := time.LoadLocation(g.Timezone)
	if err != nil {
		return time.UTC
	}
	return at
}
