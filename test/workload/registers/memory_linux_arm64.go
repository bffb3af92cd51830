//go:build linux && arm64

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// setTag gives 16 bytes of memory the tag that is in bits 56 up of their address; getTag returns the address with the tag that they have.
func setTag(addr uint64)
func getTag(addr uint64) uint64

const (
	granule  = 16
	tagShift = 56
)

// keepBranchTargets keeps a mapping whose code can be branched to only where it says so.
func keepBranchTargets() (func() error, error) {
	mem, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	mem[0] = 1
	if err := unix.Mprotect(mem, unix.PROT_READ|unix.PROT_EXEC|unix.PROT_BTI); err != nil {
		return nil, err
	}
	return func() error {
		pause()
		return hasFlag(mem, "bt")
	}, nil
}

// smaps has room for what /proc/self/smaps says.
var smaps [256 << 10]byte

// hasFlag says whether smaps has a flag for memory.
func hasFlag(mem []byte, flag string) error {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.ReadFull(f, smaps[:])
	if err != io.ErrUnexpectedEOF {
		return fmt.Errorf("smaps: %w", err)
	}
	_, after, ok := bytes.Cut(smaps[:n], fmt.Appendf(nil, "%x-%x ", linux.Address(mem), linux.Address(mem)+uint64(len(mem))))
	_, flags, _ := bytes.Cut(after, []byte("VmFlags: "))
	flags, _, _ = bytes.Cut(flags, []byte("\n"))
	if !ok || !slices.Contains(strings.Fields(string(flags)), flag) {
		return fmt.Errorf("memory at %x has not the flag %s, but %q", linux.Address(mem), flag, flags)
	}
	return nil
}

// keepTags keeps tagged memory: a page with a tag for each granule, one that has content and no tags, one that was never written, and one that
// may no longer be read; and that the thread's accesses are checked.
func keepTags() (func() error, error) {
	const ctrl = unix.PR_TAGGED_ADDR_ENABLE | unix.PR_MTE_TCF_SYNC | 0xfff0<<unix.PR_MTE_TAG_SHIFT
	if _, err := prctl(unix.PR_SET_TAGGED_ADDR_CTRL, ctrl); err != nil {
		return nil, err
	}
	page := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 4*page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_MTE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	hidden := mem[3*page:]
	for _, part := range [][]byte{mem[:page], hidden} {
		for i := range part {
			part[i] = byte(i*3 + i>>8)
		}
	}
	setTags := func(part []byte) {
		for at := 0; at < page; at += granule {
			setTag(linux.Address(part) + uint64(at) | tagOf(at)<<tagShift)
		}
	}
	setTags(hidden)
	if getTag(linux.Address(hidden))>>tagShift != tagOf(0) {
		everyTag = 5 // an emulator (qemu 7.2) keeps two tags for a page
		setTags(hidden)
	}
	setTags(mem[:page])
	mem[page] = 1
	if err := unix.Mprotect(hidden, unix.PROT_NONE|unix.PROT_MTE); err != nil {
		return nil, err
	}
	self, err := os.Open("/proc/self/mem") // the tags of our own pointers are 0
	if err != nil {
		return nil, err
	}
	check := func(part []byte, tagged bool) error {
		got, want := make([]byte, page/granule), make([]byte, page/granule)
		for i := range got {
			if got[i] = byte(getTag(linux.Address(part)+uint64(granule*i)) >> tagShift); tagged {
				want[i] = byte(tagOf(granule * i))
			}
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("memory at %x has the tags %x, not %x", linux.Address(part), got, want)
		}
		if !tagged {
			return nil
		}
		content := make([]byte, page)
		if _, err := self.ReadAt(content, int64(linux.Address(part))); err != nil {
			return err
		}
		for i, b := range content {
			if b != byte(i*3+i>>8) {
				return fmt.Errorf("memory at %x changed", linux.Address(part)+uint64(i))
			}
		}
		return nil
	}
	return func() error {
		pause()
		if err := unix.Mprotect(hidden, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_MTE); err != nil {
			return err
		}
		for i, part := range [][]byte{mem[:page], mem[page : 2*page], mem[2*page : 3*page], hidden} {
			if err := check(part, i == 0 || i == 3); err != nil {
				return err
			}
		}
		if err := unix.Mprotect(hidden, unix.PROT_NONE|unix.PROT_MTE); err != nil {
			return err
		}
		return same(unix.PR_GET_TAGGED_ADDR_CTRL, ctrl)
	}, nil
}

// everyTag is the tag of all granules, if it is not 0.
var everyTag uint64

// tagOf is the tag of the granule at an offset.
func tagOf(at int) uint64 {
	if everyTag != 0 {
		return everyTag
	}
	return uint64(at/granule*7+1) & 0xf
}
