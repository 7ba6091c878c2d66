// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is two bytes of magic, the length of the record in two, the low half of its own position in
// four, a CRC-32C of its position and the record in four, and the record. The position tells it from
// what an earlier use of the file left in the same place. A record of no length ends a file before its
// room does.
const (
	headSize   = 12
	mostRecord = 1<<16 - 1
	magic      = 0x4c57
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(b []byte, at int64, record []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, magic)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(record)))
	b = binary.LittleEndian.AppendUint32(b, uint32(at))
	b = binary.LittleEndian.AppendUint32(b, checksum(at, record))
	return append(b, record...)
}

func checksum(at int64, record []byte) uint32 {
	var place [8]byte
	binary.LittleEndian.PutUint64(place[:], uint64(at))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, record)
}

// frameAt reads the frame at the beginning of b, which stands at that position. begun tells that one
// begins there, whole or not.
func frameAt(b []byte, at int64) (record []byte, begun, whole bool) {
	if len(b) < headSize || binary.LittleEndian.Uint16(b) != magic || binary.LittleEndian.Uint32(b[4:]) != uint32(at) {
		return nil, false, false
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if headSize+n > len(b) {
		return nil, true, false
	}
	record = b[headSize : headSize+n]
	return record, true, binary.LittleEndian.Uint32(b[8:]) == checksum(at, record)
}
