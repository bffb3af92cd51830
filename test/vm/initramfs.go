package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	caps   string // capabilities that programs have, a mask in hexadecimal; "" for all
}

// files are those of a guest's file system: the programs of dir in /bin, guest as its init.
func (t *task) files(dir string) (map[string][]byte, error) {
	files := map[string][]byte{"orders": []byte(strings.Join(t.orders, "\n") + "\n")}
	if t.caps != "" {
		files["capabilities"] = []byte(t.caps)
	}
	for name, data := range t.cargo {
		files["cargo/"+name] = data
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := "bin/" + e.Name()
		if e.Name() == "init" {
			name = "init"
		}
		if files[name], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// directories are those of a guest's file system.
var directories = []string{"dev", "bin", "cargo"}

// writeInitramfs makes the file system of a guest. Programs are equal in all machines, times too.
func writeInitramfs(path, dir string, t *task) error {
	files, err := t.files(dir)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	c := &cpio{w: bufio.NewWriterSize(f, 1<<20)}
	for _, d := range directories {
		c.add(d, modeDir, 0, 0, nil)
	}
	c.add("dev/console", modeChar, 5, 1, nil)
	c.add("now", modeFile, 0, 0, []byte(strconv.FormatInt(time.Now().Unix(), 10)))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c.add(name, modeFile, 0, 0, files[name])
	}
	c.add("TRAILER!!!", 0, 0, 0, nil)
	c.put(make([]byte, -c.size&511))
	return c.w.Flush()
}
