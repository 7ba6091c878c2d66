// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"slices"
	"strconv"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/units/probe"
)

// A standing is all that is known of one unit at one moment: what is declared and ordered, its
// process, and how far that came. Whatever others are told is worked out from it.
type standing struct {
	unit  holdfast.Unit
	order order

	state     holdfast.UnitState
	detail    string
	since     time.Time
	lastCheck time.Time
	changed   chan struct{} // closed when the unit stands differently

	child    process.Child // nil when there is no process
	serial   int           // of the order that child was started for
	received []string      // keys that child was started with
	launched time.Time
	upSince  time.Time
	wellFor  time.Duration // how long it was up, when it is no more
	healthy  bool
	checks   int // of this launch, since it was ready
	passed   int
	lastWell time.Time
	restarts []time.Time
	looping  time.Time // since when it restarts again and again, zero when it does not
	left     error     // what outlived its end
}

// enter changes the state; it tells which it was, and whether anything is new.
func (s *standing) enter(to holdfast.UnitState, detail string, now time.Time) (from holdfast.UnitState, news bool) {
	from = s.state
	if from == to && s.detail == detail {
		return from, false
	}
	if from != to {
		s.since = now
	}
	switch {
	case to.Up() && !from.Up():
		s.upSince = now
	case !to.Up() && from.Up():
		s.healthy, s.wellFor = false, now.Sub(s.upSince)
	}
	s.state, s.detail = to, detail
	return from, true
}

// began takes up the process of a new launch.
func (s *standing) began(child process.Child, serial int, secrets []string, now time.Time) {
	s.child, s.serial, s.launched, s.left = child, serial, now, nil
	s.received = slices.Clone(secrets)
}

// adopted takes up a process that an earlier house started; whether it is ready is asked anew.
func (s *standing) adopted(child process.Child, restarts []time.Time, now time.Time) {
	s.child, s.received = child, slices.Clone(s.unit.Secrets)
	s.recall(restarts, now)
	s.launched = earlier(launchTime(child.Identity().Mark.Launch), now)
	if s.launched.IsZero() {
		s.launched = now
	}
	s.state, s.since = holdfast.UnitStarting, s.launched
}

// recall takes up the restarts that an earlier house counted.
func (s *standing) recall(restarts []time.Time, now time.Time) {
	s.restarts = nil
	for _, at := range restarts {
		s.restarts = append(s.restarts, earlier(at, now))
	}
	if len(s.recent(now)) > loopLimit {
		s.looping = s.recent(now)[loopLimit]
	}
}

// ended forgets the process; left is what outlived it.
func (s *standing) ended(left error) {
	s.child, s.received, s.healthy, s.left = nil, nil, false, left
	s.passed, s.checks = 0, 0
}

// checked counts a check; those before the unit is ready are only looks.
func (s *standing) checked(well, ready bool, now time.Time) {
	s.lastCheck = now
	if !ready {
		return
	}
	s.checks++
	if well {
		s.passed++
		s.lastWell = now
	}
}

// earlier keeps a time that another house wrote down from lying in the future: its clock was ahead.
func earlier(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// fell counts a restart, and tells how long the launch before it ran and was up.
func (s *standing) fell(now time.Time) (ran, up time.Duration) {
	if !s.launched.IsZero() {
		ran = now.Sub(s.launched)
	}
	up = s.wellFor
	if s.state.Up() {
		up = now.Sub(s.upSince)
	}
	s.launched, s.wellFor = time.Time{}, 0
	recent := s.recent(now)
	if len(recent) == 0 {
		s.looping = time.Time{}
	}
	s.restarts = append(slices.Clone(recent), now)
	return ran, up
}

// loops tells whether the restarts just became a loop; it says so once until an hour went by
// without any.
func (s *standing) loops(now time.Time) bool {
	if len(s.recent(now)) <= loopLimit || !s.looping.IsZero() {
		return false
	}
	s.looping = now
	return true
}

// met tells whether the unit came so far.
func (s *standing) met(until string) bool {
	switch until {
	case untilBooted:
		return s.child != nil
	case untilHealthy:
		return s.state.Up() && s.healthy
	}
	return s.state.Up()
}

// fits tells whether the process was started from the present declaration.
func (s *standing) fits() bool {
	return s.child != nil && launchDigest(s.launch()) == fingerprint(s.unit)
}

// works tells whether the unit is a worker at work.
func (s standing) works() bool { return s.unit.Worker && s.child != nil }

// launch names the present launch, empty when there is none.
func (s *standing) launch() string {
	if s.child == nil {
		return ""
	}
	return s.child.Identity().Mark.Launch
}

func (s *standing) pid() int {
	if s.child == nil {
		return 0
	}
	return s.child.Identity().PID
}

// recent are the restarts that count towards a loop.
func (s *standing) recent(now time.Time) []time.Time { return within(s.restarts, now, loopWindow) }

// status is how others see the unit.
func (s *standing) status() holdfast.UnitStatus {
	status := holdfast.UnitStatus{
		Name: s.unit.Name, Owner: s.unit.Owner, State: s.state, Detail: s.detail, PID: s.pid(), Port: s.unit.Port,
		Since: s.since, Restarts: len(s.recent(time.Now())), LastCheck: s.lastCheck, Log: logPath(s.unit),
		Kind: s.unit.Kind, Worker: s.unit.Worker, Lacks: lacks(s.unit, s.child),
	}
	for _, need := range s.unit.Needs {
		status.Needs = append(status.Needs, need.Unit)
	}
	return status
}

// service is the unit in luna's form.
func (s *standing) service() Service {
	service := Service{Status: simple(s.state)}
	if !s.lastCheck.IsZero() {
		service.LastCheck = &Stamp{s.lastCheck}
	}
	if pid := s.pid(); pid != 0 {
		service.PID = &pid
	}
	if port := s.unit.Port; port != 0 {
		service.Port = &port
	}
	return service
}

// daemon is the form of the unit's status file.
func (s *standing) daemon(now time.Time) daemonStatus {
	d := daemonStatus{
		Status: simple(s.state), Timestamp: Stamp{now},
		Details: daemonDetails{LastHeartbeat: Stamp{s.lastWell}, ChecksPassed: s.passed, TotalChecks: s.checks},
	}
	if pid := s.pid(); pid != 0 {
		d.PID = strconv.Itoa(pid)
	}
	if s.unit.Healthy != nil {
		d.HeartbeatInterval = int(probe.Interval(*s.unit.Healthy) / time.Second)
	}
	return d
}
