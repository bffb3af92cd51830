package image

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files of Show")

func TestShow(t *testing.T) {
	d := copyImages(t)
	for file, opt := range map[string]ShowOptions{
		"testdata/show.txt":  {Load: LoadOptions{PageSize: 4096}},
		"testdata/show.json": {Load: LoadOptions{PageSize: 4096}, JSON: true},
	} {
		var b bytes.Buffer
		require.NoError(t, Show(&b, d, opt))
		if *update {
			require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), b.String())
		if opt.JSON {
			require.NoError(t, json.Unmarshal(b.Bytes(), new(any)))
		}
	}
}

// What an image calls things does not drive the terminal.
func TestShowEscapes(t *testing.T) {
	d := copyImages(t)
	first(Core, rootPid, func(m *CoreEntry) { m.Tc.Comm = "a\x1b[2Jb\n" })(t, d)
	first(Files, 0, func(m *FileEntry) { m.Reg.Name = "/x\u202e\xff" })(t, d)
	var b bytes.Buffer
	require.NoError(t, Show(&b, d, ShowOptions{Load: LoadOptions{PageSize: 4096}}))
	require.Contains(t, b.String(), `a\x1b[2Jb\n`)
	require.Contains(t, b.String(), `/x\u202e\xff`)
	require.False(t, strings.ContainsAny(b.String(), "\x1b\u202e"))
}

// Whose child a task is shows by where its line stands.
func TestSummaryIsInDepth(t *testing.T) {
	tasks := map[uint32]*Task{}
	s := &Set{}
	for _, e := range []*PstreeEntry{{Pid: 1}, {Pid: 2, Ppid: 1}, {Pid: 3, Ppid: 1}, {Pid: 4, Ppid: 2}, {Pid: 5, Ppid: 2}, {Pid: 6, Ppid: 4}} {
		task := &Task{Entry: e, Parent: tasks[e.Ppid]}
		if p := task.Parent; p != nil {
			p.Children = append(p.Children, task)
		}
		tasks[e.Pid] = task
		s.Tasks = append(s.Tasks, task)
	}
	var pids []int
	for _, task := range s.inDepth() {
		pids = append(pids, task.Pid())
	}
	require.Equal(t, []int{1, 2, 4, 6, 5, 3}, pids)
}

func TestFileText(t *testing.T) {
	regf := uint32(1)
	s := &Set{
		Files: map[uint32]*FileEntry{1: {Type: FdTypes_REG, Reg: &RegFileEntry{Name: "var/fifo", Flags: 0x802}}},
		Fifos: map[uint32]*PipeData{9: {Entry: &PipeDataEntry{Bytes: 4}}},
		TtyInfos: map[uint32]*TtyInfoEntry{
			1: {Pty: &TtyPtyEntry{Index: 3}}, 2: {Type: TtyType_CONSOLE, Rdev: 0x501},
		},
	}
	for want, f := range map[string]*FileEntry{
		"/var/fifo, 4 bytes in it": {Type: FdTypes_FIFO, Fifo: &FifoEntry{PipeId: 9, RegfId: &regf}},
		"fifo:[8]":                 {Type: FdTypes_FIFO, Fifo: &FifoEntry{PipeId: 8}},
		"/dev/pts/3":               {Type: FdTypes_TTY, Tty: &TtyFileEntry{TtyInfoId: 1}},
		"console 5:1":              {Type: FdTypes_TTY, Tty: &TtyFileEntry{TtyInfoId: 2}},
		"dgram:[5] @name":          {Type: FdTypes_UNIXSK, Usk: &UnixSkEntry{Ino: 5, Type: 2, Name: []byte("\x00name")}},
		"stream:[5] /run/s to [6]": {Type: FdTypes_UNIXSK, Usk: &UnixSkEntry{Ino: 5, Type: 1, Name: []byte("/run/s\x00"), Peer: 6}},
		"tcp 127.0.0.1:80 to 10.0.0.2:5000": {Type: FdTypes_INETSK, Isk: &InetSkEntry{
			Proto: 6, SrcAddr: []uint32{0x0100007f}, SrcPort: 80, DstAddr: []uint32{0x0200000a}, DstPort: 5000,
		}},
		"udp [0:0:0:0:0:0:0:1]:53":    {Type: FdTypes_INETSK, Isk: &InetSkEntry{Proto: 17, SrcAddr: []uint32{0, 0, 0, 1 << 24}, SrcPort: 53}},
		"raw ?:0":                     {Type: FdTypes_INETSK, Isk: &InetSkEntry{Type: 3}},
		"clock 1, 2.000000003 s left": {Type: FdTypes_TIMERFD, Tfd: &TimerfdEntry{Clockid: 1, Vsec: 2, Vnsec: 3}},
		"signals 0x200":               {Type: FdTypes_SIGNALFD, Sgfd: &SignalfdEntry{Sigmask: 0x200}},
		"pid 7":                       {Type: FdTypes_PIDFD, Pidfd: &PidfdEntry{Nspid: 7}},
	} {
		require.Equal(t, want, s.fileWhat(f))
	}
	sum := s.summarizeFd(&FdinfoEntry{Id: 1})
	require.Equal(t, []string{"rdwr", "nonblock"}, sum.Flags)
}

func TestExitText(t *testing.T) {
	require.Equal(t, "exit code 3", exitText(0x300))
	require.Equal(t, "killed by signal 11", exitText(0x8b))
}

func TestBytesText(t *testing.T) {
	for n, want := range map[uint64]string{0: "-", 1: "1 KiB", 4096: "4 KiB", 10<<20 - 1: "10240 KiB", 10 << 20: "10 MiB"} {
		require.Equal(t, want, bytesText(n))
	}
}
