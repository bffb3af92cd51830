package image

// Bits of VmaEntry.Status (criu/include/image.h).
const (
	VmaRegular     = 1 << 0
	VmaStack       = 1 << 1
	VmaVsyscall    = 1 << 2
	VmaVdso        = 1 << 3
	VmaHeap        = 1 << 5
	VmaFilePrivate = 1 << 6
	VmaFileShared  = 1 << 7
	VmaAnonShared  = 1 << 8
	VmaAnonPrivate = 1 << 9
	VmaSysvIPC     = 1 << 10
	VmaSocket      = 1 << 11
	VmaVvar        = 1 << 12
	VmaAioRing     = 1 << 13
	VmaMemfd       = 1 << 14
	VmaShstk       = 1 << 15
	VmaGuard       = 1 << 16 // no area: what MADV_GUARD_INSTALL covers, listed after the areas
	VmaUprobes     = 1 << 17
	VmaUnsupported = 1 << 31
)

// Bits of PagemapEntry.Flags (criu/include/pagemap.h).
const (
	PageParent  = 1 << 0 // in the parent images
	PageLazy    = 1 << 1 // may be brought when the task touches it
	PagePresent = 1 << 2 // in the pages file
)

// TaskCoreEntry.TaskState (compel/include/uapi/task-state.h).
const (
	TaskAlive   = 1
	TaskDead    = 2 // a zombie
	TaskStopped = 3
)
