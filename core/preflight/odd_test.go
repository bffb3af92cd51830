package preflight

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestAsNobody is run by TestWithoutPrivileges, as another user.
func TestAsNobody(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv("LOOK_AT"))
	if err != nil {
		return
	}
	for _, o := range found(t, options(t, pid)) {
		fmt.Println("OBSTACLE", o.Thing+":", o.Cause)
	}
}

// startI386 starts a program of the smallest size: it pauses for ever.
func startI386(t *testing.T) int {
	t.Helper()
	const base, head, row = 0x08048000, 52, 32
	// again: mov $29, %eax (pause); int $0x80; jmp again
	code := []byte{0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7}
	le := binary.LittleEndian
	elf := []byte("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	elf = le.AppendUint16(elf, 2) // ET_EXEC
	elf = le.AppendUint16(elf, 3) // EM_386
	for _, v := range []uint32{1, base + head + row, head, 0, 0} {
		elf = le.AppendUint32(elf, v)
	}
	for _, v := range []uint16{head, row, 1, 0, 0, 0} {
		elf = le.AppendUint16(elf, v)
	}
	size := uint32(head + row + len(code))
	for _, v := range []uint32{1, 0, base, base, size, size, 5, 0x1000} { // PT_LOAD, r-x
		elf = le.AppendUint32(elf, v)
	}
	path := filepath.Join(t.TempDir(), "pause")
	require.NoError(t, os.WriteFile(path, append(elf, code...), 0o700))
	cmd := exec.Command(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}
