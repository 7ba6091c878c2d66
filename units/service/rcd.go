// SPDX-License-Identifier: Apache-2.0

package service

import "strings"

// rcScript is FreeBSD's rc.d script. rc.d starts and stops and watches nothing: the house has its
// own watch there. The house's pid is what it wrote into its lock, held against its name, for a
// restarted house has another pid than daemon(8) knows. daemon(8) opens the log as root, so the log
// is made first, for who the house runs as.
const rcScript = `#!/bin/sh
# Written by @holdfast install@; set what differs in /etc/rc.conf, not here.
#
# PROVIDE: NAME
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown
#
# NAME_enable (bool): YES starts the house at boot; NO by default.
# shellcheck disable=SC1091,SC2016,SC2034

. /etc/rc.subr

name="NAME"
desc="Holdfast house"
rcvar="NAME_enable"

load_rc_config "$name"
: "${NAME_enable:=NO}"

program=PROGRAM
house=HOUSE
account=ACCOUNT
folder=FOLDER
search=SEARCH
log="${house}/var/logs/house.log"
required_dirs="$house"
extra_commands="reload status"
start_cmd="NAME_start"
stop_cmd="NAME_stop"
status_cmd="NAME_status"
reload_cmd="NAME_reload"

# NAME_pid prints the pid of the house that runs, if one does.
NAME_pid() {
	_pid=$(sed -n 's/^{"pid":\([0-9][0-9]*\),.*/\1/p' "${house}/var/run/house.lock" 2>/dev/null)
	[ -n "$_pid" ] && [ "$(ps -o comm= -p "$_pid" 2>/dev/null)" = "$(basename "$program")" ] && echo "$_pid"
}

NAME_start() {
	_pid=$(NAME_pid)
	if [ -n "$_pid" ]; then
		echo "${name} is already running as pid ${_pid}."
		return 1
	fi
	echo "Starting ${name}."
	if [ -x "${program}.before" ]; then
		su -m "$account" -c 'exec "$0" --home "$1" upgrade undo' "${program}.before" "$house"
	fi
	install -d -o "$account" "${house}/var" "${house}/var/logs"
	[ -e "$log" ] || install -o "$account" -m 600 /dev/null "$log"
	/usr/sbin/daemon -f -u "$account" -o "$log" /usr/bin/env HOLDFAST_SERVICE=rc.d HOME="$folder" PATH="$search" \
		"$program" --home "$house" up --boot
}

# NAME_running finds the house that runs, in _pid, or says that none does.
NAME_running() {
	_pid=$(NAME_pid)
	[ -n "$_pid" ] && return
	echo "${name} is not running."
	return 1
}

NAME_stop() {
	NAME_running || return 1
	echo "Stopping ${name}."
	kill -TERM "$_pid"
	wait_for_pids "$_pid"
}

NAME_status() {
	NAME_running || return 1
	echo "${name} is running as pid ${_pid}."
}

NAME_reload() {
	NAME_running || return 1
	kill -HUP "$_pid"
}

run_rc_command "$1"
`

func (d definition) script() string {
	return strings.NewReplacer(
		"@", "`", "NAME", d.Name, "PROGRAM", shell(d.Program), "HOUSE", shell(d.House),
		"ACCOUNT", shell(d.Account), "FOLDER", shell(d.Folder), "SEARCH", shell(d.Path),
	).Replace(rcScript)
}

// shell is one word of the shell, whatever it holds.
func shell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
