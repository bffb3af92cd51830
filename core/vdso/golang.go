package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"

	"woodfrog/arch"
)

// A signal handler of Go's takes its own state from a register that C code may use for anything. It knows that it cannot where code of the
// vDSO was interrupted, by the place that the vDSO had when the program started (runtime/signal_unix.go, sigFetchG; vdso_linux.go,
// inVDSOPage). It does not know a parked one, so where kernels' code uses that register, Go programs are given system calls.

// goMagic is where Go's linker puts what the program was built from, aligned to 16 bytes near the start of the data segment
// (debug/buildinfo).
const (
	goMagic  = "\xff Go buildinf:"
	goSearch = 64 << 10 // bytes
)

// FromGo says whether an executable was linked by Go.
func FromGo(r io.ReaderAt) bool {
	head := make([]byte, 4096)
	n, _ := r.ReadAt(head, 0)
	if head = head[:n]; n < 64 || string(head[:4]) != elf.ELFMAG || elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return false
	}
	le := binary.LittleEndian
	at, size, count := uint64(le.Uint32(head[28:])), uint64(32), le.Uint16(head[44:])
	if elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS64 {
		at, size, count = le.Uint64(head[32:]), 56, le.Uint16(head[56:])
	}
	for ; count > 0 && at <= uint64(len(head)) && size <= uint64(len(head))-at; count, at = count-1, at+size {
		p := head[at:][:size]
		flags, off := le.Uint32(p[24:]), uint64(le.Uint32(p[4:]))
		if size == 56 {
			flags, off = le.Uint32(p[4:]), le.Uint64(p[8:])
		}
		if elf.ProgType(le.Uint32(p)) == elf.PT_LOAD && elf.ProgFlag(flags)&elf.PF_W != 0 {
			data := make([]byte, goSearch)
			n, _ := r.ReadAt(data, int64(off))
			return bytes.Contains(data[:max(n, 0)], []byte(goMagic))
		}
	}
	return false
}

// spareGo turns jumps to functions that a Go program must not be in into the system calls that stand for them.
func spareGo(all []Decision, abi *arch.ABI) {
	for i := range all {
		d := &all[i]
		for _, name := range d.Names {
			if r, ok := roles[bare(name)]; ok && d.Action == Jump && abi.VDSO.GoCalls[bare(name)] {
				d.Action, d.Call = r.action, r.call
			}
		}
	}
}
