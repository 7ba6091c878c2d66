// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"sort"
	"time"
)

// A Period is a span of the operator's calendar.
type Period string

// The periods: a day begins at midnight, a week on Monday, a month on its first.
const (
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

// periods gives each period its place in what is kept of all three.
var periods = [...]Period{Day, Week, Month}

const (
	day = iota
	week
	month
	periodCount
)

// A span is one day, week or month: its first day and where it begins and ends.
type span struct {
	first       int // the number of its first day
	since, till time.Time
}

// A calendar knows the day, the week and the month that stand. Days are numbered by their date,
// from 1 January 1970.
type calendar struct {
	zone  *time.Location
	today int
	now   [periodCount]span
}

// stands tells whether the calendar stands on the day of a time.
func (c *calendar) stands(at time.Time) bool {
	return !at.Before(c.now[day].since) && at.Before(c.now[day].till)
}

// turn puts the calendar on the day of a time, forward or back; false when it stands there already.
func (c *calendar) turn(at time.Time) bool {
	if c.stands(at) {
		return false
	}
	c.today = c.dayOf(at)
	c.now = c.spans(c.today)
	return true
}

// spans are the day, the week and the month of a day.
func (c *calendar) spans(today int) [periodCount]span {
	year, m, _ := date(today).Date()
	monday := today - (int(date(today).Weekday())+6)%7
	first := number(time.Date(year, m, 1, 0, 0, 0, 0, time.UTC))
	next := number(time.Date(year, m+1, 1, 0, 0, 0, 0, time.UTC))
	return [periodCount]span{
		day:   {today, c.begins(today), c.begins(today + 1)},
		week:  {monday, c.begins(monday), c.begins(monday + 7)},
		month: {first, c.begins(first), c.begins(next)},
	}
}

// dayOf is the number of the day in which a time lies.
func (c *calendar) dayOf(at time.Time) int {
	if c.stands(at) {
		return c.today
	}
	n := c.local(at)
	for at.Before(c.begins(n)) {
		n--
	}
	for !at.Before(c.begins(n + 1)) {
		n++
	}
	return n
}

// begins is the first moment of a day. Where the clocks skip midnight, or the whole day, that is
// the moment after the skip.
func (c *calendar) begins(n int) time.Time {
	const reach = 16 * 60 * 60 // further than any zone is from UTC, in seconds
	from := int64(n)*24*60*60 - reach
	after := sort.Search(2*reach, func(i int) bool { return c.local(time.Unix(from+int64(i), 0)) >= n })
	return time.Unix(from+int64(after), 0).In(c.zone)
}

// local is the number of the date on the wall.
func (c *calendar) local(at time.Time) int {
	year, m, d := at.In(c.zone).Date()
	return number(time.Date(year, m, d, 0, 0, 0, 0, time.UTC))
}

func number(date time.Time) int { return int(date.Unix() / (24 * 60 * 60)) }

func date(n int) time.Time { return time.Unix(int64(n)*24*60*60, 0).UTC() }
