package linux

import "unsafe"

// Flags of PROCMAP_QUERY (include/uapi/linux/fs.h, since Linux 6.11).
const (
	PROCMAP_QUERY_VMA_READABLE         = 0x01
	PROCMAP_QUERY_VMA_WRITABLE         = 0x02
	PROCMAP_QUERY_VMA_EXECUTABLE       = 0x04
	PROCMAP_QUERY_VMA_SHARED           = 0x08
	PROCMAP_QUERY_COVERING_OR_NEXT_VMA = 0x10
	PROCMAP_QUERY_FILE_BACKED_VMA      = 0x20
)

// ProcmapQuery is struct procmap_query: what is asked, and the area that was found.
type ProcmapQuery struct {
	size       uint64
	QueryFlags uint64
	QueryAddr  uint64

	VmaStart, VmaEnd   uint64
	VmaFlags           uint64 // PROCMAP_QUERY_VMA_*
	VmaPageSize        uint64 // bytes
	VmaOffset          uint64
	Inode              uint64
	DevMajor, DevMinor uint32

	nameSize    uint32
	buildIDSize uint32
	name        pointer
	buildID     pointer
}

var procmapQuery = iowr('f', 17, unsafe.Sizeof(ProcmapQuery{}))

// QueryProcmap asks /proc/PID/maps, open as fd, for an area. Its name goes to name, which may be nil, and the result is the name's
// length without the zero at its end. ENOENT: there is no such area; ENAMETOOLONG or E2BIG: name is too short for a path or another name;
// ENOTTY: the kernel does not have it.
func QueryProcmap(fd int, q *ProcmapQuery, name []byte) (int, error) {
	q.size = uint64(unsafe.Sizeof(*q))
	q.name, q.nameSize = pointer{p: unsafe.Pointer(unsafe.SliceData(name))}, uint32(len(name))
	q.buildID, q.buildIDSize = pointer{}, 0
	if len(name) == 0 {
		q.name = pointer{}
	}
	if _, err := ioctl(fd, procmapQuery, unsafe.Pointer(q)); err != nil {
		return 0, err
	}
	return max(int(q.nameSize)-1, 0), nil
}
