package image

import (
	"fmt"
	"path"
	"slices"
)

// Summary is what people want to know of a set of images.
type Summary struct {
	Tasks []TaskSummary `json:"tasks"` // each before what is below it, and that before its siblings
	Pages uint64        `json:"pages_bytes"`
}

// TaskSummary is a task. A zombie has neither areas nor files.
type TaskSummary struct {
	Pid     int           `json:"pid"`
	Ppid    int           `json:"ppid"`
	Pgid    int           `json:"pgid"`
	Sid     int           `json:"sid"`
	Depth   int           `json:"-"`
	State   string        `json:"state"`
	Arch    string        `json:"arch"`
	Comm    string        `json:"comm"`
	Threads []int         `json:"threads"`
	Exe     string        `json:"exe,omitempty"`
	Cwd     string        `json:"cwd,omitempty"`
	Root    string        `json:"root,omitempty"`
	Exit    uint32        `json:"wait_status,omitempty"` // of a zombie, as wait(2) gives it
	Areas   []AreaSummary `json:"areas,omitempty"`
	Files   []FileSummary `json:"files,omitempty"`
}

// AreaSummary is an area of a task's address space.
type AreaSummary struct {
	Start  address  `json:"start"`
	End    address  `json:"end"`
	Prot   string   `json:"prot"` // as in /proc/PID/maps
	Flags  []string `json:"flags,omitempty"`
	What   string   `json:"what,omitempty"`
	Offset uint64   `json:"offset,omitempty"`
	Stored uint64   `json:"stored_bytes"` // how much of it is in these images
}

// FileSummary is a descriptor and what it is open on.
type FileSummary struct {
	Fd      uint32   `json:"fd"`
	Type    string   `json:"type"`
	ID      uint32   `json:"id"` // equal where the open file is shared
	Cloexec bool     `json:"cloexec,omitempty"`
	Flags   []string `json:"flags,omitempty"`
	Pos     *uint64  `json:"pos,omitempty"`
	What    string   `json:"what,omitempty"`
}

// address is a number that JSON gives in hexadecimal, in a string: readers that make it a float would lose bits.
type address uint64

func (a address) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%#x", uint64(a)), nil }

// Summarize picks from a set what people want to know.
func Summarize(s *Set) *Summary {
	sum := new(Summary)
	counted := map[int]bool{}
	for _, t := range s.inDepth() {
		sum.Tasks = append(sum.Tasks, s.summarizeTask(t))
		sum.count(t.Pagemap, counted)
	}
	for _, pm := range s.Shmem {
		sum.count(pm, counted)
	}
	return sum
}

// inDepth lists the tasks as a tree is drawn: what is below a task comes before its siblings. A dump writes them a generation at a time.
func (s *Set) inDepth() []*Task {
	all, next := make([]*Task, 0, len(s.Tasks)), []*Task{s.Tasks[0]}
	for len(next) > 0 {
		t := next[len(next)-1]
		all, next = append(all, t), next[:len(next)-1]
		for _, child := range slices.Backward(t.Children) {
			next = append(next, child)
		}
	}
	return all
}

// count adds the bytes that a pagemap has stored, once for each pages file.
func (sum *Summary) count(pm *PageRuns, counted map[int]bool) {
	if pm == nil || counted[pm.PagesID] {
		return
	}
	counted[pm.PagesID] = true
	sum.Pages += pm.StoredIn(0, 1<<64-1)
}

var taskStates = map[uint32]string{TaskAlive: "alive", TaskDead: "zombie", TaskStopped: "stopped"}

func (s *Set) summarizeTask(t *Task) TaskSummary {
	e, tc := t.Entry, t.Core().Tc
	sum := TaskSummary{
		Pid: t.Pid(), Ppid: int(e.Ppid), Pgid: int(e.Pgid), Sid: int(e.Sid),
		State: taskStates[tc.TaskState], Arch: archName(t.Core()), Comm: tc.Comm, Threads: []int{},
	}
	for p := t.Parent; p != nil; p = p.Parent {
		sum.Depth++
	}
	for _, th := range t.Threads {
		sum.Threads = append(sum.Threads, th.Tid)
	}
	if t.Dead() {
		sum.Exit = tc.ExitCode
		return sum
	}
	sum.Exe, sum.Cwd, sum.Root = s.fileName(t.Mm.ExeFileId), s.fileName(t.Fs.CwdId), s.fileName(t.Fs.RootId)
	for _, v := range t.Mm.Vmas {
		sum.Areas = append(sum.Areas, s.summarizeArea(t, v))
	}
	for _, fd := range t.Fds {
		sum.Files = append(sum.Files, s.summarizeFd(fd))
	}
	return sum
}

// fileName is the path of a file of type REG.
func (s *Set) fileName(id uint32) string {
	if f := s.Files[id]; f != nil && f.Reg != nil {
		return path.Clean("/" + f.Reg.Name)
	}
	return fmt.Sprintf("file %d", id)
}
