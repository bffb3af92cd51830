package file

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// A shell job has a terminal that is not the tree's own: who dumps it leaves the terminal where it is, and who restores it lends it his.

var ttyKind = kind{typ: image.FdTypes_TTY, dump: (*Table).tty}

// noIndex are the indexes that CRIU gives to terminals that are no pty; an id is twice the index, and one more for a master.
var noIndex = map[image.TtyType]uint32{
	image.TtyType_CONSOLE: 1002, image.TtyType_VT: 1004, image.TtyType_CTTY: 1006, image.TtyType_SERIAL: 1010,
}

// ttyType tells the kind of terminal by its numbers (Documentation/admin-guide/devices.txt).
func ttyType(major, minor uint32) image.TtyType {
	const firstSerial = 64
	switch {
	case major == auxMajor && minor == 0:
		return image.TtyType_CTTY
	case major == auxMajor && minor == 1:
		return image.TtyType_CONSOLE
	case major == ttyMajor && minor < firstSerial:
		return image.TtyType_VT
	case major == ttyMajor:
		return image.TtyType_SERIAL
	case major >= firstPts && major <= lastPts:
		return image.TtyType_PTY
	}
	return image.TtyType_UNKNOWN
}

var errTerminal = errors.New("a terminal: --shell-job leaves it here, and at restore that of the restorer takes its place")

func (tb *Table) tty(d *description) (*image.FileEntry, error) {
	if !tb.ShellJob {
		return nil, errTerminal
	}
	st, err := tb.inode(d.Link)
	if err != nil {
		return nil, err
	}
	typ := ttyType(st.rdevMajor, st.rdevMinor)
	index, fixed := noIndex[typ]
	if !fixed {
		index = st.rdevMinor
	}
	reg := regularEntry(tb.nextID(), d.Link, st, d.flags())
	tb.Entries = append(tb.Entries, reg)
	e := &image.TtyFileEntry{Id: d.id, TtyInfoId: index << 1, Flags: d.flags(), Fown: d.fown, RegfId: &reg.Id}
	if tb.ttyOf[e.TtyInfoId] == nil {
		info, err := tb.ttyInfo(d, st, e.TtyInfoId, typ)
		if err != nil {
			return nil, err
		}
		if typ == image.TtyType_PTY {
			info.Pty = &image.TtyPtyEntry{Index: index}
		}
		tb.ttyOf[info.Id] = info
		tb.ttys = append(tb.ttys, info)
	}
	return &image.FileEntry{Type: image.FdTypes_TTY, Id: d.id, Tty: e}, nil
}

func (tb *Table) ttyInfo(d *description, st *inode, id uint32, typ image.TtyType) (*image.TtyInfoEntry, error) {
	fd, err := tb.steal(d.Descriptor)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	dev := uint32(st.dev)
	info := &image.TtyInfoEntry{
		Id: id, Type: typ, Rdev: uint32(unix.Mkdev(st.rdevMajor, st.rdevMinor)), Dev: &dev, Uid: &st.uid, Gid: &st.gid,
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("settings (TCGETS): %w", err)
	}
	info.Termios = termiosEntry(t)
	info.TermiosLocked = termiosEntry(&unix.Termios{})
	w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return nil, fmt.Errorf("window (TIOCGWINSZ): %w", err)
	}
	info.Winsize = &image.WinsizeEntry{WsRow: uint32(w.Row), WsCol: uint32(w.Col), WsXpixel: uint32(w.Xpixel), WsYpixel: uint32(w.Ypixel)}
	if s := &d.Task.Stat; s.TTYNr != 0 && (typ == image.TtyType_CTTY || s.TTYNr == info.Rdev) {
		info.Sid, info.Pgrp = uint32(s.Session), uint32(max(s.TPgid, 0))
	}
	return info, nil
}

// writeTtys writes tty-info.img.
func (tb *Table) writeTtys(dir *image.Dir, tree *task.Tree) error {
	for _, info := range tb.ttys {
		if info.Sid != 0 && tree.Find(int(info.Sid)) != nil {
			return fmt.Errorf("task %d: leads the session of its terminal: not served yet: start it with setsid and redirect it, "+
				"or dump what runs in the terminal and not the leader", info.Sid)
		}
	}
	if len(tb.ttys) == 0 {
		return nil
	}
	return image.WriteAll(dir, image.TtyInfo, 0, tb.ttys)
}

// ccBytes is how many control characters the kernel's struct termios has (include/uapi/asm-generic/termbits.h, NCCS).
const ccBytes = 19

// termiosEntry packs the control characters as CRIU does: four to a word of as many words as there are characters.
func termiosEntry(t *unix.Termios) *image.TermiosEntry {
	packed := make([]byte, 4*ccBytes)
	copy(packed, t.Cc[:ccBytes])
	e := &image.TermiosEntry{CIflag: t.Iflag, COflag: t.Oflag, CCflag: t.Cflag, CLflag: t.Lflag, CLine: uint32(t.Line)}
	for i := range ccBytes {
		e.CCc = append(e.CCc, binary.LittleEndian.Uint32(packed[4*i:]))
	}
	return e
}

// termios is the reverse of termiosEntry.
func termios(e *image.TermiosEntry) (*unix.Termios, error) {
	if len(e.CCc) != ccBytes {
		return nil, fmt.Errorf("termios.c_cc: %d words: want %d", len(e.CCc), ccBytes)
	}
	var packed []byte
	for _, w := range e.CCc {
		packed = binary.LittleEndian.AppendUint32(packed, w)
	}
	t := &unix.Termios{Iflag: e.CIflag, Oflag: e.COflag, Cflag: e.CCflag, Lflag: e.CLflag, Line: uint8(e.CLine)}
	copy(t.Cc[:ccBytes], packed)
	return t, nil
}

// tty opens the engine's own terminal in place of the one that was.
func (o *Opener) tty(f *image.FileEntry) (int, error) {
	if !o.ShellJob {
		return -1, errTerminal
	}
	e := f.Tty
	flags := e.Flags&^notOpened | unix.O_NOCTTY
	if e.TtyInfoId == noIndex[image.TtyType_CTTY]<<1 {
		fd, err := open("/dev/tty", flags)
		if err != nil {
			return -1, fmt.Errorf("/dev/tty: open: %w", err)
		}
		return orClose(fd, o.setAsync(fd, e.Flags, e.Fown))
	}
	own := terminal()
	if own < 0 {
		return -1, errors.New("a terminal: the restorer has none to lend: restore from a terminal")
	}
	fd, err := reopen(own, flags)
	if err != nil {
		return -1, err
	}
	return orClose(fd, o.setAsync(fd, e.Flags, e.Fown))
}

// terminal is the engine's descriptor of its terminal, or -1.
func terminal() int {
	for fd := range 3 {
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			return fd
		}
	}
	return -1
}

// Foreground gives the terminal to the process group that had it, with its settings, if that group is led by a task of the image.
func (o *Opener) Foreground(infos map[uint32]*image.TtyInfoEntry, led func(pgrp uint32) bool) error {
	if !o.ShellJob || len(infos) == 0 {
		return nil
	}
	own := terminal()
	if own < 0 {
		return nil
	}
	// else the change, by who is in the background, stops the engine
	mask, err := linux.BlockSignals()
	if err != nil {
		return err
	}
	defer linux.RestoreSignals(mask)
	for _, info := range infos {
		if info.Pgrp == 0 || !led(info.Pgrp) {
			continue
		}
		if info.Termios != nil {
			t, err := termios(info.Termios)
			if err != nil {
				return fmt.Errorf("tty-info.img: id %d: %w", info.Id, err)
			}
			if err := unix.IoctlSetTermios(own, unix.TCSETS, t); err != nil {
				return fmt.Errorf("terminal: settings (TCSETS): %w", err)
			}
		}
		// ENOTTY: not the engine's controlling terminal, so no group of its session is in front of it
		if err := unix.IoctlSetPointerInt(own, unix.TIOCSPGRP, int(info.Pgrp)); err != nil && err != unix.ENOTTY {
			return fmt.Errorf("terminal: process group %d to the foreground: %w", info.Pgrp, err)
		}
	}
	return nil
}
