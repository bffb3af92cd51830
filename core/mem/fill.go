package mem

import (
	"woodfrog/arch"
	"woodfrog/core/stub"
)

// maxRead bounds one preadv; the kernel stops at MAX_RW_COUNT, 2 GiB less a page.
const maxRead = 1 << 30

// Fills is the number of bytes that Fill reads.
func (s *Space) Fills() uint64 {
	var n uint64
	for i := range s.areas {
		for _, f := range s.areas[i].fill {
			n += f.End - f.Start
		}
	}
	return n
}

// Fill appends reads of the pages from the pages file, open as fd, in parts of about the same size, one to each program. Pages that
// follow each other in the file are one read.
func (s *Space) Fill(fd int, progs ...*stub.Program) {
	var pieces []piece
	for i := range s.areas {
		pieces = append(pieces, s.areas[i].fill...)
	}
	for i, p := range progs {
		var mine []piece
		mine, pieces = cutOff(pieces, s.Fills()*uint64(i+1)/uint64(len(progs))-s.Fills()*uint64(i)/uint64(len(progs)), s.page)
		if i == len(progs)-1 {
			mine = append(mine, pieces...)
		}
		read(p, fd, mine)
	}
}

func read(p *stub.Program, fd int, pieces []piece) {
	var to []Run
	var start int64
	var size uint64
	flush := func() {
		if size > 0 {
			iov := p.ABI().Struct()
			for _, r := range to {
				iov.Word(r.Start, r.End-r.Start)
			}
			p.Call(arch.SysPreadv, fd, p.Area.Bytes(iov.Bytes()), len(to), stub.Halves(start)).Expect(int64(size))
		}
		to, size = nil, 0
	}
	for _, f := range pieces {
		if start+int64(size) != f.off {
			flush()
		}
		for at := f.Start; at < f.End; {
			if size == 0 {
				start = f.off + int64(at-f.Start)
			}
			k := min(f.End-at, maxRead-size)
			if n := len(to); n > 0 && to[n-1].End == at {
				to[n-1].End += k
			} else {
				to = append(to, Run{at, at + k})
			}
			at, size = at+k, size+k
			if size == maxRead || len(to) == maxIovecs {
				flush()
			}
		}
	}
	flush()
}

// cutOff divides pieces after size bytes, whole pages.
func cutOff(pieces []piece, size, page uint64) (first, rest []piece) {
	size &^= page - 1
	for i, f := range pieces {
		n := f.End - f.Start
		if n <= size {
			size -= n
			continue
		}
		first = append(first, pieces[:i]...)
		if size > 0 {
			first = append(first, piece{Run{f.Start, f.Start + size}, f.off})
			f.cut(f.Start + size)
		}
		return first, append([]piece{f}, pieces[i+1:]...)
	}
	return pieces, nil
}
