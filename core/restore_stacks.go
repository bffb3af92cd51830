package core

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
	"woodfrog/core/vdso"
)

// stackPart is the part of a thread's stack that may hold signal frames: from its stack pointer up.
type stackPart struct {
	at   uint64
	mem  []byte
	was  []byte // nil: as mem
	regs []byte // the thread's general registers
}

// framesWithin is how far above the stack pointer frames are looked for, bytes.
const framesWithin = 1 << 20

// refitter changes the frames in a piece of a stack at address at: Refit or RefitXstate of arch.ABI.
type refitter func(mem []byte, at uint64) (changed bool, lost uint64)

// mostStacks bounds what is believed of a program, or an image, that lays out frames itself.
const mostStacks = 16

// refitStacks looks at the stacks of t for signal frames that other kernels or processors have made, where an ABI's differ in that.
func (r *restore) refitStacks(t *loadedTask, content io.ReaderAt) error {
	var layout *arch.XstateLayout
	if r.backend.Xstate != nil && t.abi.RefitXstate != nil {
		layout = r.backend.Xstate()
	}
	for _, th := range t.threads {
		other := image.OtherProcessor(th.core, layout)
		if t.abi.Refit == nil && !other {
			continue
		}
		gpr, err := image.StoredSet(th.core, &t.abi.RegSets[0], th.rest)
		if err != nil {
			return fmt.Errorf("thread %d: %w", th.tid, err)
		}
		var sp uint64
		var refit refitter
		switch {
		case other:
			sp = th.core.ThreadInfo.Gpregs.Sp
			refit = func(mem []byte, at uint64) (bool, uint64) { return t.abi.RefitXstate(mem, at, layout) }
		case gpr == nil:
			continue
		default:
			sp = t.abi.Regs.SP(gpr)
			refit = func(mem []byte, _ uint64) (bool, uint64) { return t.abi.Refit(mem), 0 }
		}
		stacks, err := t.refitThread(th.core, sp, content, refit)
		if err != nil {
			return fmt.Errorf("thread %d: %w", th.tid, err)
		}
		stacks[0].regs = gpr
		t.stacks = append(t.stacks, stacks...)
	}
	return nil
}

// refitThread looks at the stack of one thread from sp on, and at those that handlers on it have interrupted.
func (t *loadedTask) refitThread(c *image.CoreEntry, sp uint64, content io.ReaderAt, refit refitter) (stacks []stackPart, err error) {
	gpr := make([]byte, t.abi.RegSets[0].Size)
	for next := []uint64{sp}; len(next) > 0 && len(stacks) < mostStacks; next = next[1:] {
		s := stackPart{at: next[0] &^ 7}
		if slices.ContainsFunc(stacks, func(p stackPart) bool { return p.at <= s.at && s.at-p.at < uint64(len(p.mem)) }) {
			continue
		}
		if end := t.stackEnd(c, s.at); end != 0 {
			if s.mem, err = readPart(t.pages, s.at, end, content); err != nil {
				return nil, fmt.Errorf("stack: %w", err)
			}
		}
		was := bytes.Clone(s.mem)
		changed, lost := refit(s.mem, s.at)
		if lost != 0 {
			return nil, fmt.Errorf("what a signal handler interrupted has %s in use: this processor has no such registers", image.Registers(lost))
		}
		if changed {
			s.was = was
		}
		for _, f := range arch.FramesIn(t.abi.Frames, s.mem, s.at, gpr) {
			next = append(next, t.abi.Regs.SP(f.GPR))
		}
		stacks = append(stacks, s)
	}
	return stacks, nil
}

// stackEnd is where the stack ends, or the part of it that is looked at; 0 where sp is in no memory.
func (t *loadedTask) stackEnd(c *image.CoreEntry, sp uint64) uint64 {
	i := slices.IndexFunc(t.mm.Vmas, func(v *image.VmaEntry) bool { return v.Start <= sp && sp < v.End })
	if i < 0 {
		return 0
	}
	end := min(t.mm.Vmas[i].End, sp+framesWithin)
	if tc := c.ThreadCore; tc != nil && tc.Sas != nil && tc.Sas.SsSp <= sp && sp-tc.Sas.SsSp < tc.Sas.SsSize {
		end = min(end, tc.Sas.SsSp+tc.Sas.SsSize)
	}
	return end
}

// returnsInto are the offsets in area a to which a thread of t may return: addresses of it are on its stack or in its registers.
func (t *loadedTask) returnsInto(a vdso.Area) []uint64 {
	seen := map[uint64]bool{}
	for _, s := range t.stacks {
		for _, mem := range [][]byte{s.mem, s.regs} {
			for ; len(mem) >= 4; mem = mem[4:] {
				if v := uint64(binary.LittleEndian.Uint32(mem)); a.Start <= v && v < a.End {
					seen[v-a.Start] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// patchStacks writes what was changed over what was read from the image.
func (r *restore) patchStacks(p *stub.Program, t *loadedTask) {
	page := unix.Getpagesize()
	for _, s := range t.stacks {
		for off := 0; off < len(s.was); off += page {
			mem := s.mem[off:min(off+page, len(s.mem))]
			if !bytes.Equal(mem, s.was[off:off+len(mem)]) {
				p.Call(arch.SysPread64, r.areaFd, s.at+uint64(off), len(mem), stub.Offset(p.Area.Bytes(mem).Off())).Expect(int64(len(mem))).Note("signal frame")
			}
		}
	}
}

// readPart reads memory of an image; what is not stored reads as zeroes.
func readPart(pages *image.PageRuns, start, end uint64, content io.ReaderAt) ([]byte, error) {
	b := make([]byte, end-start)
	for _, run := range pages.Runs {
		from, to := max(run.Addr, start), min(run.End, end)
		if run.Flags&image.PagePresent == 0 || from >= to {
			continue
		}
		if _, err := content.ReadAt(b[from-start:to-start], run.Off+int64(from-run.Addr)); err != nil {
			return nil, fmt.Errorf("pages at %#x: %w", from, err)
		}
	}
	return b, nil
}
