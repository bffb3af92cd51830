package procfs

import (
	"encoding/hex"
	"math"
)

// FileHandle is a file's name for open_by_handle_at(2) (fs/notify/fdinfo.c, show_mark_fhandle).
type FileHandle struct {
	Type  int32
	Bytes []byte
}

// InotifyWatch is fs/notify/fdinfo.c, inotify_fdinfo.
type InotifyWatch struct {
	Wd          int
	Ino         uint64
	Sdev        uint32 // as EpollTarget.Sdev
	Mask        uint32 // IN_*
	IgnoredMask uint32
	Handle      *FileHandle // nil without CONFIG_EXPORTFS, or for a file system that has none
}

// Fanotify is fs/notify/fdinfo.c, fanotify_show_fdinfo.
type Fanotify struct {
	Flags      uint32 // FAN_*, as given to fanotify_init(2)
	EventFlags uint32 // O_*
	Marks      []FanotifyMark
}

// FanotifyMark is on an inode (Ino and Sdev), a mount (MntID), a file system (Sdev alone) or a mount namespace (MntNS).
type FanotifyMark struct {
	Ino         Maybe[uint64]
	Sdev        Maybe[uint32]
	MntID       Maybe[int]
	MntNS       Maybe[uint32]
	Mflags      uint32
	Mask        uint32
	IgnoredMask uint32
	Handle      *FileHandle
}

// pair takes "key:value"; the key ends at the first colon.
func (f *fields) pair() (key string, value []byte) {
	w := f.word()
	for i, c := range w {
		if c == ':' {
			return string(w[:i]), w[i+1:]
		}
	}
	f.fail("no key in %q", clip(w))
	return "", nil
}

func (f *fields) handle(key string, value []byte, to **FileHandle) {
	h := *to
	if h == nil {
		h = new(FileHandle)
	}
	switch key {
	case "fhandle-bytes":
		f.value(value, 16, math.MaxUint8)
	case "fhandle-type":
		h.Type = int32(uint32(f.value(value, 16, math.MaxUint32)))
	case "f_handle":
		h.Bytes = make([]byte, hex.DecodedLen(len(value)))
		if _, err := hex.Decode(h.Bytes, value); err != nil {
			f.fail("f_handle: %w", err)
		}
	default:
		return
	}
	*to = h
}

func (f *fields) hex32(value []byte) uint32 { return uint32(f.value(value, 16, math.MaxUint32)) }

func (info *Fdinfo) parseInotify(line []byte) error {
	f := fields{rest: line}
	f.word()
	var w InotifyWatch
	for f.more() {
		key, value := f.pair()
		switch key {
		case "wd":
			w.Wd = int(f.value(value, 16, math.MaxInt32))
		case "ino":
			w.Ino = f.value(value, 16, math.MaxUint64)
		case "sdev":
			w.Sdev = f.hex32(value)
		case "mask":
			w.Mask = f.hex32(value)
		case "ignored_mask":
			w.IgnoredMask = f.hex32(value)
		default:
			f.handle(key, value, &w.Handle)
		}
	}
	info.Inotify = append(info.Inotify, w)
	return f.err
}

func (info *Fdinfo) parseFanotify(line []byte) error {
	f := fields{rest: line}
	f.word()
	group := info.Fanotify
	if group == nil {
		group = new(Fanotify)
		info.Fanotify = group
	}
	var m FanotifyMark
	mark := true
	for f.more() {
		key, value := f.pair()
		switch key {
		case "flags":
			group.Flags, mark = f.hex32(value), false
		case "event-flags":
			group.EventFlags, mark = f.hex32(value), false
		case "ino":
			m.Ino = Some(f.value(value, 16, math.MaxUint64))
		case "sdev":
			m.Sdev = Some(f.hex32(value))
		case "mnt_id":
			m.MntID = Some(int(f.value(value, 16, math.MaxInt32)))
		case "mnt_ns":
			m.MntNS = Some(uint32(f.value(value, 10, math.MaxUint32)))
		case "mflags":
			m.Mflags = f.hex32(value)
		case "mask":
			m.Mask = f.hex32(value)
		case "ignored_mask":
			m.IgnoredMask = f.hex32(value)
		default:
			f.handle(key, value, &m.Handle)
		}
	}
	if mark {
		group.Marks = append(group.Marks, m)
	}
	return f.err
}
