// SPDX-License-Identifier: Apache-2.0

package service

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// plist is launchd's property list. KeepAlive starts the house again unless it ended in order, and
// AbandonProcessGroup lets units outlive a house that crashed.
func (d definition) plist() string {
	var b plist
	b.line(`<?xml version="1.0" encoding="UTF-8"?>`)
	b.line(`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">`)
	b.line(`<plist version="1.0">`)
	b.line("<dict>")
	b.text("Label", d.Name)
	b.list("ProgramArguments", d.Program, "--home", d.House, "up", "--boot")
	b.text("WorkingDirectory", d.House)
	b.key("EnvironmentVariables")
	b.line("<dict>")
	b.text("HOLDFAST_SERVICE", launchd)
	b.text("HOME", d.Folder)
	b.text("PATH", d.Path)
	b.line("</dict>")
	if !d.User {
		b.text("UserName", d.Account)
		b.text("GroupName", d.Group)
	}
	b.key("RunAtLoad")
	b.line("<true/>")
	b.key("KeepAlive")
	b.line("<dict>")
	b.key("SuccessfulExit")
	b.line("<false/>")
	b.line("</dict>")
	b.number("ThrottleInterval", "5")
	b.number("ExitTimeOut", strconv.Itoa(d.Stop))
	b.text("ProcessType", "Interactive") // the others slow down what units do
	b.key("AbandonProcessGroup")
	b.line("<true/>")
	b.key("SoftResourceLimits")
	b.line("<dict>")
	b.number("NumberOfFiles", "8192")
	b.line("</dict>")
	log := d.House + "/var/logs/house.log"
	b.text("StandardOutPath", log)
	b.text("StandardErrorPath", log)
	b.line("</dict>")
	b.line("</plist>")
	return b.String()
}

// A plist is a property list in the making.
type plist struct{ strings.Builder }

func (b *plist) line(text string) { b.WriteString(text + "\n") }

func (b *plist) element(name, text string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // a builder takes everything
	b.WriteString("</" + name + ">\n")
}

func (b *plist) key(name string) { b.element("key", name) }

func (b *plist) text(name, value string) {
	b.key(name)
	b.element("string", value)
}

func (b *plist) number(name, value string) {
	b.key(name)
	b.element("integer", value)
}

func (b *plist) list(name string, values ...string) {
	b.key(name)
	b.line("<array>")
	for _, value := range values {
		b.element("string", value)
	}
	b.line("</array>")
}
