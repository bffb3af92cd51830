package linux

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Sizes and offsets as a C compiler gives them for the structs of the uapi headers, and the ioctl numbers that are made of them.
func TestLayout(t *testing.T) {
	var scan PmScanArg
	var query ProcmapQuery
	for _, c := range []struct {
		name      string
		want, got uintptr
	}{
		{"page_region", 24, unsafe.Sizeof(PageRegion{})},
		{"pm_scan_arg", 96, unsafe.Sizeof(scan)},
		{"pm_scan_arg.walk_end", 32, unsafe.Offsetof(scan.WalkEnd)},
		{"pm_scan_arg.vec", 40, unsafe.Offsetof(scan.vec)},
		{"pm_scan_arg.max_pages", 56, unsafe.Offsetof(scan.MaxPages)},
		{"pm_scan_arg.return_mask", 88, unsafe.Offsetof(scan.ReturnMask)},
		{"PAGEMAP_SCAN", 0xc0606610, pagemapScan},
		{"procmap_query", 104, unsafe.Sizeof(query)},
		{"procmap_query.vma_start", 24, unsafe.Offsetof(query.VmaStart)},
		{"procmap_query.dev_major", 72, unsafe.Offsetof(query.DevMajor)},
		{"procmap_query.vma_name_size", 80, unsafe.Offsetof(query.nameSize)},
		{"procmap_query.build_id_addr", 96, unsafe.Offsetof(query.buildID)},
		{"PROCMAP_QUERY", 0xc0686611, procmapQuery},
		{"TFD_IOC_SET_TICKS", 0x40085400, timerfdSetTicks},
		{"kcmp_epoll_slot", 12, unsafe.Sizeof(EpollSlot{})},
		{"f_owner_ex", 8, unsafe.Sizeof(Owner{})},
		{"clone_args", SizeofCloneArgs, unsafe.Sizeof(CloneArgs{})},
		{"ptrace_peeksiginfo_args", 16, unsafe.Sizeof(peekSiginfoArgs{})},
		{"ptrace_rseq_configuration", 24, unsafe.Sizeof(RseqConf{})},
		{"ptrace_sud_config", 32, unsafe.Sizeof(dispatchConf{})},
	} {
		require.Equal(t, c.want, c.got, c.name)
	}
}

func TestAppend(t *testing.T) {
	b := (&CloneArgs{Flags: 1, ExitSignal: 17, TLS: 8, SetTid: 9, Cgroup: 11}).Append([]byte{9})[1:]
	require.Len(t, b, SizeofCloneArgs)
	for off, want := range map[int]uint64{0: 1, 32: 17, 56: 8, 64: 9, 80: 11} {
		require.Equal(t, want, binary.LittleEndian.Uint64(b[off:]), off)
	}
}

func TestSyscallInfoKinds(t *testing.T) {
	var b [sizeofSyscallInfo]byte
	order := binary.NativeEndian
	order.PutUint32(b[4:], 0xc000003e)
	order.PutUint64(b[8:], 0x1000)
	order.PutUint64(b[16:], 0x2000)
	order.PutUint64(b[24:], ^uint64(0)-511)
	for i := range 6 {
		order.PutUint64(b[32+8*i:], uint64(i+1))
	}
	order.PutUint32(b[80:], 77)
	head := SyscallInfo{Arch: 0xc000003e, IP: 0x1000, SP: 0x2000}
	args := [6]uint64{1, 2, 3, 4, 5, 6}
	for _, op := range []uint8{unix.PTRACE_SYSCALL_INFO_NONE, unix.PTRACE_SYSCALL_INFO_ENTRY, unix.PTRACE_SYSCALL_INFO_EXIT, unix.PTRACE_SYSCALL_INFO_SECCOMP} {
		b[0] = op
		want := head
		want.Op = op
		switch op {
		case unix.PTRACE_SYSCALL_INFO_EXIT:
			want.Rval, want.IsError = -512, true
		case unix.PTRACE_SYSCALL_INFO_SECCOMP:
			want.RetData = 77
			fallthrough
		case unix.PTRACE_SYSCALL_INFO_ENTRY:
			want.Nr, want.Args = ^uint64(0)-511, args
		}
		require.Equal(t, want, syscallInfo(&b))
	}
}
