// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/binary"
	"strconv"
)

// found is a call as a worker reads it: its key and, for Claude Code, the name of the message in its
// session as hashes.
type found struct {
	Record
	key, route uint64
	side       bool
	// instead is the key under which a side conversation told the call before.
	instead uint64
}

// seen knows the calls of Claude Code that were told, for a side conversation may repeat any of
// them. It maps the hash of a key, or of a message in its session, to the key under which the call
// was told; the lowest bit says that it was told by a side conversation.
//
// A call counts once whoever tells it. The conversation's own word stands over that of a side
// conversation; of two that are alike in this, the larger stands, which Observe sees to across ticks.
type seen struct {
	calls map[uint64]uint64
	fresh []byte // what came in since it was last kept
}

const sideBit = 1

func (s *seen) set(hash, value uint64) {
	if old, ok := s.calls[hash]; ok && old == value {
		return
	}
	s.calls[hash] = value
	s.fresh = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(s.fresh, hash), value)
}

// judge gives a call the key under which to tell it, or says that it repeats one told.
func (s *seen) judge(f *found) (repeats bool) {
	f.key &^= sideBit
	if f.route == 0 {
		return false
	}
	side := uint64(0)
	if f.side {
		side = sideBit
	}
	told, known := s.told(f.key)
	if !known {
		told, known = s.told(f.route)
		known = known && (f.side || told&sideBit != 0)
	}
	if !known {
		told = f.key | side
	} else if f.side && told&sideBit == 0 {
		repeats = true
	} else if !f.side && told&sideBit != 0 {
		f.instead = told &^ sideBit
		told = f.key
		s.set(f.instead, told)
	}
	// Under each of its names, so that a copy of the session with other names is known too.
	s.set(f.key, told)
	if old, taken := s.told(f.route); !taken || old&^sideBit == told&^sideBit || f.instead != 0 {
		s.set(f.route, told)
	}
	f.key = told &^ sideBit
	return repeats
}

// told is under which key a call was told, or what stands for that one since.
func (s *seen) told(name uint64) (value uint64, known bool) {
	value, known = s.calls[name]
	if now, ok := s.calls[value&^sideBit]; ok && known {
		value = now
	}
	return value, known
}

// restore takes in what fresh once held; a part at the end, as a crash leaves it, is passed over.
func (s *seen) restore(kept []byte) {
	for ; len(kept) >= 16; kept = kept[16:] {
		s.calls[binary.LittleEndian.Uint64(kept)] = binary.LittleEndian.Uint64(kept[8:])
	}
}

// gather brings calls together by key, in the order in which they were read: the larger one stands,
// the first of equals.
func (s *seen) gather(lists [][]found) []Record {
	n := 0
	for _, list := range lists {
		n += len(list)
	}
	at := make(map[uint64]int, n)
	all := make([]Record, 0, n)
	for _, list := range lists {
		for i := range list {
			f := &list[i]
			if f.Source == Claude && s.judge(f) {
				continue
			}
			j, again := at[f.key]
			if f.instead != 0 {
				f.Instead = keyOf(f.Source, f.instead)
				if k, told := at[f.instead]; told { // in this list
					delete(at, f.instead)
					j, at[f.key] = k, k
					f.Key = keyOf(f.Source, f.key)
					all[j] = f.Record
					continue
				}
			}
			if !again {
				at[f.key] = len(all)
				f.Key = keyOf(f.Source, f.key)
				all = append(all, f.Record)
			} else if f.Usage.Total() > all[j].Usage.Total() {
				f.Key, f.Instead = all[j].Key, all[j].Instead
				all[j] = f.Record
			}
		}
	}
	return all
}

func keyOf(source Source, key uint64) string {
	return string(source) + ":" + strconv.FormatUint(key, 36)
}

// hash sums up parts (FNV-1a, 64 bits); each part is closed off from the next.
func hash(kind string, parts ...[]byte) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * 1099511628211
	}
	for _, p := range parts {
		for _, c := range p {
			h = (h ^ uint64(c)) * 1099511628211
		}
		h = (h ^ 0x1ff) * 1099511628211 // no byte is that
	}
	return h
}
