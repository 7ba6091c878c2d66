// SPDX-License-Identifier: Apache-2.0

package service

import (
	"fmt"
	"strings"
)

// unit is the systemd unit. Units inherit what it sets, so it holds nothing that would confine them:
// whoever wants a unit confined says so by its sandbox and limits.
func (d definition) unit() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by `holdfast install`; change it by `systemctl edit %s`, not here.", d.Name)
	line("[Unit]")
	line("Description=Holdfast house %s", specifiers(d.House))
	line("RequiresMountsFor=%s %s", quoted(d.House), quoted(d.Program))
	if !d.User {
		line("Wants=network-online.target")
		line("After=network-online.target")
	}
	line("# A house that dies often is started as often; it slows its units down by itself.")
	line("StartLimitIntervalSec=0")
	line("")
	line("[Service]")
	line("Type=notify")
	line("NotifyAccess=main")
	if !d.User {
		line("User=%s", specifiers(d.Account))
		line("Group=%s", specifiers(d.Group))
	}
	line("WorkingDirectory=%s", specifiers(d.House))
	line("Environment=%s", quoted("HOLDFAST_SERVICE=systemd"))
	line("Environment=%s", quoted("PATH="+d.Path))
	line("# Takes an upgrade back that was killed half-way, by the program from before it.")
	line("ExecStartPre=-/bin/sh -c %s sh %s --home %s upgrade undo", quoted(`test ! -x "$$1" || exec "$$@"`), argument(d.Program+".before"), argument(d.House))
	line("ExecStart=%s --home %s up --boot", program(d.Program), argument(d.House))
	line("ExecReload=%s --home %s config reload", program(d.Program), argument(d.House))
	line("# Status 0 is `down`, or an end in order: it stays down.")
	line("Restart=always")
	line("RestartPreventExitStatus=0")
	line("RestartSec=1")
	line("TimeoutStartSec=300")
	line("TimeoutStopSec=%d", d.Stop)
	line("WatchdogSec=30")
	line("TimeoutAbortSec=10")
	line("# Only the house is ended by systemd: it ends its units itself, and when it crashed they run on")
	line("# until the next one adopts them.")
	line("KillMode=process")
	line("Delegate=yes")
	line("OOMPolicy=continue")
	if !d.User { // a person's manager may not lower it
		line("OOMScoreAdjust=-100")
	}
	line("LimitNOFILE=1024:524288")
	line("TasksMax=infinity")
	line("KeyringMode=private")
	line("")
	line("[Install]")
	if d.User {
		line("WantedBy=default.target")
	} else {
		line("WantedBy=multi-user.target")
	}
	return b.String()
}

// specifiers keeps % from being read as one. Such a value is taken to the end of its line as it is.
func specifiers(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// quoted is one word of systemd's command lines and lists.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(text) + `"`
}

// program is the first word of a command line. systemd takes no quote in it, so a shell executes such
// a one.
func program(path string) string {
	if strings.ContainsAny(path, `"'\`) {
		return "/bin/sh -c " + quoted(`exec "$$@"`) + " sh " + argument(path)
	}
	return quoted(path)
}

// argument is a quoted word in which no variable is replaced.
func argument(text string) string { return strings.ReplaceAll(quoted(text), "$", "$$") }
