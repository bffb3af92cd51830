package preflight

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
)

// TestMain makes the test binary a task with an obstacle when it is asked to.
func TestMain(m *testing.M) {
	if role := os.Getenv("BE_TASK"); role != "" {
		play(role)
	}
	testenv.Main(m)
}

func init() {
	if role := os.Getenv("BE_TASK"); role == "leader exits" || role == "leader vforks" {
		runtime.LockOSThread() // the main goroutine stays on the main thread
	}
}

// roles set up what cannot be dumped. What they return is kept.
var roles = map[string]func() (any, error){
	"plain":   func() (any, error) { return nil, nil },
	"socket":  func() (any, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0) },
	"unix":    func() (any, error) { return unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0) },
	"inotify": func() (any, error) { return unix.InotifyInit1(0) },
	"fanotify": func() (any, error) {
		return unix.FanotifyInit(unix.FAN_CLASS_NOTIF, unix.O_RDONLY)
	},
	"pidfd":       func() (any, error) { return unix.PidfdOpen(os.Getpid(), 0) },
	"userfaultfd": func() (any, error) { return call(unix.SYS_USERFAULTFD, 0, 0) },
	"io_uring": func() (any, error) {
		return call(unix.SYS_IO_URING_SETUP, 8, address(memory(120))) // struct io_uring_params
	},
	"bpf": func() (any, error) {
		// map_type, key_size, value_size, max_entries
		attr := memory(120, unix.BPF_MAP_TYPE_ARRAY, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 1)
		return call(unix.SYS_BPF, unix.BPF_MAP_CREATE, address(attr), uintptr(len(attr)))
	},
	"perf": func() (any, error) {
		attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: unix.PERF_ATTR_SIZE_VER1}
		return unix.PerfEventOpen(attr, 0, -1, -1, 0)
	},
	"tun":     func() (any, error) { return unix.Open("/dev/net/tun", unix.O_RDWR, 0) },
	"ptmx":    func() (any, error) { return unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0) },
	"deleted": func() (any, error) { return openDeleted() },
	"deleted cwd": func() (any, error) {
		return nil, firstOf(os.Mkdir("gone", 0o700), os.Chdir("gone"), os.Remove("../gone"))
	},
	"thread's network": func() (any, error) {
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			done <- unix.Unshare(unix.CLONE_NEWNET)
			select {}
		}()
		return nil, <-done
	},
	"shared file of proc": func() (any, error) {
		f, err := os.Open("/proc/self/status")
		if err != nil {
			return nil, err
		}
		child := exec.Command("sleep", "1000")
		child.ExtraFiles = []*os.File{f}
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		return child, child.Start()
	},
	"cwd in proc": func() (any, error) { return nil, os.Chdir("/proc/thread-self/fdinfo") },
	"queue": func() (any, error) {
		return call(unix.SYS_MQ_OPEN, address(memory(64, queue(os.Getppid())...)), unix.O_RDWR|unix.O_CREAT, 0o600)
	},
	"aio": func() (any, error) { return call(unix.SYS_IO_SETUP, 4, address(memory(8))) },
	"sysv": func() (any, error) {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
		if err != nil {
			return nil, err
		}
		mem, err := unix.SysvShmAttach(id, 0, 0)
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		return mem, err
	},
	"deleted map": func() (any, error) {
		fd, err := openDeleted()
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		if err := unix.Ftruncate(fd, 4096); err != nil {
			return nil, err
		}
		return unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	},
	"many files": func() (any, error) {
		for range 300 {
			if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
				return nil, err
			}
		}
		return nil, nil
	},
	"one file often": func() (any, error) {
		for range 300 {
			if _, err := unix.Dup(0); err != nil {
				return nil, err
			}
		}
		return nil, nil
	},
	"flock": func() (any, error) {
		fd, err := create("locked")
		if err != nil {
			return nil, err
		}
		return fd, unix.Flock(fd, unix.LOCK_EX)
	},
	"posix lock": func() (any, error) {
		fd, err := create("locked")
		if err != nil {
			return nil, err
		}
		return fd, unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	},
	"leader vforks": func() (any, error) {
		fmt.Println("ready")
		vfork()
		return nil, errors.New("the child has gone")
	},
	"shared memory": func() (any, error) {
		go vfork()
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			threads, err := filepath.Glob("/proc/self/task/*/children")
			if err != nil {
				return nil, err
			}
			for _, name := range threads {
				if b, _ := os.ReadFile(name); len(b) > 0 {
					return nil, nil
				}
			}
		}
		return nil, errors.New("no child")
	},
	"leader exits": func() (any, error) { return nil, nil },
	"closed pipe": func() (any, error) {
		var ends [2]int
		if err := unix.Pipe2(ends[:], 0); err != nil {
			return nil, err
		}
		return ends[1], unix.Close(ends[0])
	},
	"o_path": func() (any, error) { return unix.Open("/dev/net/tun", unix.O_PATH, 0) },
}

// queue is the name of the message queue that a task of ours makes, which outlives it.
func queue(parent int) []byte { return fmt.Append(nil, "woodfrog-preflight-", parent) }

// play sets up what the names, separated by commas, stand for, and waits.
func play(names string) {
	var kept []any
	for name := range strings.SplitSeq(names, ",") {
		thing, err := roles[name]()
		if err != nil {
			fmt.Println("FAIL", name, err)
			os.Exit(1)
		}
		kept = append(kept, thing)
	}
	if names == "leader exits" {
		go func() {
			for b := ""; !strings.Contains(b, ") Z "); {
				text, _ := os.ReadFile("/proc/self/stat")
				b = string(text)
			}
			fmt.Println("ready")
			pause()
		}()
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	fmt.Println("ready")
	pause()
	runtime.KeepAlive(kept)
}

// pause never returns. A timer would have Go's poller open descriptors.
func pause() {
	for {
		_ = unix.Pause()
	}
}

// memory returns n bytes, off Go's heap, that begin with b.
func memory(n int, b ...byte) []byte {
	m, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	copy(m, b)
	return m
}

// vfork has a child that shares all memory and stays, so it does not return.
func vfork() {
	runtime.LockOSThread()
	pid, _, _ := unix.RawSyscall(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0)
	if pid == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	}
	for pid == 0 {
		_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

func address(b []byte) uintptr { return uintptr(linux.Address(b)) }

func call(nr uintptr, args ...uintptr) (uintptr, error) {
	args = append(args, make([]uintptr, 6)...)
	r, _, e := unix.Syscall6(nr, args[0], args[1], args[2], args[3], args[4], args[5])
	if e != 0 {
		return 0, e
	}
	return r, nil
}

// create makes a file, and keeps it from Go's poller, which would open descriptors of its own.
func create(name string) (int, error) { return unix.Open(name, unix.O_RDWR|unix.O_CREAT, 0o600) }

func openDeleted() (int, error) {
	fd, err := create("deleted")
	if err != nil {
		return -1, err
	}
	return fd, unix.Unlink("deleted")
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
