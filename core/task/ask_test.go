package task

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
	"woodfrog/test/abis"
)

// The area has room for what is asked of threads that use no more than general registers, whose frames may have room for more, and for what the
// leader is told to do later: the iovecs of a writer of pages, and more.
func TestCageSize(t *testing.T) {
	const later = 32 << 10
	for _, abi := range abis.All {
		for _, page := range []int{4 << 10, 16 << 10, 64 << 10} {
			for _, threads := range []int{1, 2, manyThreads, manyThreads + 1, 10*manyThreads + 1} {
				t.Run(fmt.Sprintf("%s/%dk/%d", abi.Name, page>>10, threads), func(t *testing.T) {
					task := &Task{ABI: abi, Stopped: unix.SIGSTOP, Cage: &Cage{}, Timers: make([]procfs.Timer, 3)}
					task.Status.SigCgt = ^uint64(0) // as many actions as there can be
					for i := range threads {
						regs := make([][]byte, len(abi.RegSets))
						regs[0] = make([]byte, abi.RegSets[0].Size)
						task.Threads = append(task.Threads, &Thread{Tid: i + 1, Task: task, Regs: regs})
					}
					size := task.cageSize(page)
					require.Zero(t, size%page)
					fd, err := stub.NewMemfd(size)
					require.NoError(t, err)
					defer unix.Close(fd)
					area, err := stub.NewArea([]*arch.ABI{abi}, fd, size, page, 1<<20)
					require.NoError(t, err)
					defer area.Close()
					task.Cage.Area = area
					area.Unguarded()
					parts, areas := task.carve()
					for i, part := range parts {
						for _, th := range part {
							task.writeQuestions(th, areas[i])
						}
					}
					area.Out(later)
				})
			}
		}
	}
}
