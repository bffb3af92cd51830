package stub

import (
	"golang.org/x/sys/unix"

	"woodfrog/arch"
)

// Seek appends the setting of a file's position. Where words have 32 bits the call that takes 64 returns them in memory.
func (p *Program) Seek(fd any, off int64) *Op {
	if p.ABI().WordSize() == 4 {
		return p.Call(arch.SysLlseek, fd, off>>32, off, p.Area.Out(8), unix.SEEK_SET)
	}
	return p.Call(arch.SysLseek, fd, off, unix.SEEK_SET)
}
