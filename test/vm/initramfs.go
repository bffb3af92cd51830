package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A cpio is an archive of the format newc (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
type cpio struct {
	w    *bufio.Writer
	size int
	ino  int
}

const (
	modeDir  = 0o040755
	modeChar = 0o020600
	modeFile = 0o100755
)

func (c *cpio) add(name string, mode, major, minor int, data []byte) {
	c.ino++
	c.put(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0))
	c.put(append([]byte(name), 0))
	c.pad()
	c.put(data)
	c.pad()
}

func (c *cpio) put(b []byte) {
	_, _ = c.w.Write(b) // the error stays, for Flush
	c.size += len(b)
}

func (c *cpio) pad() { c.put(make([]byte, -c.size&3)) }

// A task is what a guest is to do: lines that test/vm/guest understands, and what travellers brought from other guests.
type task struct {
	orders []string
	cargo  map[string][]byte
}

// writeInitramfs makes the file system of a guest: the programs of dir in /bin, guest as its init. Programs are equal in all machines,
// times too.
func writeInitramfs(path, dir string, t *task) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	c := &cpio{w: bufio.NewWriterSize(f, 1<<20)}
	for _, d := range []string{"dev", "bin", "cargo"} {
		c.add(d, modeDir, 0, 0, nil)
	}
	c.add("dev/console", modeChar, 5, 1, nil)
	c.add("orders", modeFile, 0, 0, []byte(strings.Join(t.orders, "\n")+"\n"))
	c.add("now", modeFile, 0, 0, []byte(strconv.FormatInt(time.Now().Unix(), 10)))
	for name, data := range t.cargo {
		c.add("cargo/"+name, modeFile, 0, 0, data)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		name := "bin/" + e.Name()
		if e.Name() == "init" {
			name = "init"
		}
		c.add(name, modeFile, 0, 0, b)
	}
	c.add("TRAILER!!!", 0, 0, 0, nil)
	c.put(make([]byte, -c.size&511))
	return c.w.Flush()
}
