package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Set is a whole directory of images, read and checked: references lead somewhere, areas and pages are in order, numbers
// are in range. What it says can still be wrong for this machine, but not inconsistent.
type Set struct {
	Inventory *InventoryEntry
	Tasks     []*Task // as in pstree.img: the root first, parents before their children
	Files     map[uint32]*FileEntry
	Shmem     map[uint64]*PageRuns // contents of shared memory, by VmaEntry.Shmid or MemfdInodeEntry.Shmid
	Memfds    map[uint64]*MemfdInodeEntry
	Pipes     map[uint32]*PipeData // what is in pipes, by pipe_id
	Fifos     map[uint32]*PipeData
	SkQueues  []*SkPacket
	Locks     []*FileLockEntry
	Remaps    []*RemapFilePathEntry
	TtyInfos  map[uint32]*TtyInfoEntry
	TtyData   []*TtyDataEntry
	Seccomp   []*SeccompFilter

	pids map[uint32]*Task
}

// Task is a process of the set. A dead one, a zombie, has a core and nothing else.
type Task struct {
	Entry    *PstreeEntry
	Parent   *Task
	Children []*Task
	Threads  []*Thread // the leader first
	Ids      *TaskKobjIdsEntry
	Mm       *MmEntry
	Pagemap  *PageRuns
	Tags     []*TagRun
	Fs       *FsEntry
	Fds      []*FdinfoEntry // shared with the tasks of the same Ids.FilesId
}

// Thread is a thread of a task.
type Thread struct {
	Tid    int
	Core   *CoreEntry
	Xstate *XstateEntry // nil where Core holds all registers
}

// Pid is the task's PID.
func (t *Task) Pid() int { return int(t.Entry.Pid) }

// Core is the leader's core.
func (t *Task) Core() *CoreEntry { return t.Threads[0].Core }

// Dead says whether the task is a zombie.
func (t *Task) Dead() bool { return t.Core().Tc.TaskState == TaskDead }

// ByPid returns the task with a PID, or nil.
func (s *Set) ByPid(pid int) *Task { return s.pids[uint32(pid)] }

// LoadOptions are facts that images do not hold.
type LoadOptions struct {
	PageSize uint64 // of the machine that dumped, where the image does not tell; 0: of this one
	// TaskSize is the first address past those that the task of a core may have. Nil: the most its processor can do.
	TaskSize func(*CoreEntry) uint64
}

// imgVersion is CRTOOLS_IMAGES_V1_1, the format since CRIU 1.6; version 1 has no common magics.
const imgVersion = 2

// maxPid is the kernel's PID_MAX_LIMIT (include/linux/threads.h).
const maxPid = 4 << 20

// loader carries what the steps of Load share.
type loader struct {
	*Set
	d   *Dir
	opt LoadOptions
	has map[FdTypes]bool           // which types of files there are
	fds map[uint32]map[uint32]bool // the descriptors of each table, by Ids.FilesId
}

// Load reads all images of a directory.
func Load(d *Dir, opt LoadOptions) (*Set, error) {
	if opt.PageSize == 0 {
		opt.PageSize = uint64(os.Getpagesize())
	}
	if opt.TaskSize == nil {
		opt.TaskSize = largestTask
	}
	l := &loader{d: d, opt: opt, has: map[FdTypes]bool{}, fds: map[uint32]map[uint32]bool{}, Set: &Set{pids: map[uint32]*Task{}}}
	for _, step := range []func() error{
		l.inventory, l.pstree, l.files, l.tasks, l.seccomp, l.fdinfo, l.shmem, l.pipes, l.skQueues, l.locks,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.Set, nil
}

func (l *loader) inventory() (err error) {
	if l.Inventory, err = ReadOne[InventoryEntry](l.d, Inventory, 0); err != nil {
		return err
	}
	if v := l.Inventory.ImgVersion; v != imgVersion {
		return fault(Inventory, 0, "img_version: %d: want %d", v, imgVersion)
	}
	return nil
}

// fault is an error about a place in a file.
func fault(k Kind, id int, format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{k.FileName(id)}, args...)...)
}

// optional turns the error of a file that need not be there into none.
func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
