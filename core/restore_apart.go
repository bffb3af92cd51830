package core

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/internal/fds"
	"woodfrog/internal/linux"
)

// apart gives this thread a table of descriptors of its own, if it needs many: to make a table larger that threads share, the kernel waits
// until no processor can be reading the old one (fs/file.c, expand_fdtable). What this thread opens the others do not see from here on, so it
// is only done where the process ends with the restore, and by the thread that /proc/self stands for.
func (r *restore) apart() {
	if !r.o.Ending || r.alone || r.fds.base+len(r.image.files)+len(r.image.tasks) < fds.AtFirst || unix.Gettid() != linux.Pid() {
		return
	}
	startPoller()
	fds.Flush()
	if r.alone = unix.Unshare(unix.CLONE_FILES) == nil; r.alone {
		runtime.LockOSThread() // for good
	}
}

// startPoller has the runtime make its own descriptors, which whatever waits next would have it make: they have to be in both tables, or its
// other threads find theirs bad, and it dies of that. A timer with a channel that nobody waits for would not do.
func startPoller() { time.AfterFunc(time.Hour, func() {}).Stop() }
