package procfs

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Families are the PIDs of the children of all processes, by their parents' PIDs; those of one parent are in the order in which they began, as
// far as the clock tells. They are nil where that would cost more than asking threads for their Children, there being more than most processes,
// where some may not be seen, and where processes end all the time.
func (p *Proc) Families(most int) (map[int][]int, error) {
	for range looks {
		names, err := p.pids()
		if err != nil {
			return nil, err
		}
		if len(names) > most || p.hides() {
			return nil, nil
		}
		all, err := p.stats(names)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
			continue // its children have another parent now, and may have been read before
		case errors.Is(err, fs.ErrPermission):
			return nil, nil
		case err != nil:
			return nil, err
		}
		slices.SortFunc(all, func(a, b Stat) int { return cmp.Or(cmp.Compare(a.StartTime, b.StartTime), cmp.Compare(a.PID, b.PID)) })
		families := map[int][]int{}
		for _, s := range all {
			families[s.PPID] = append(families[s.PPID], s.PID)
		}
		return families, nil
	}
	return nil, nil
}

// looks is how often all processes are looked at before that is given up.
const looks = 3

// Group are the processes of a process group, but for those that end meanwhile.
func (p *Proc) Group(pgid int) (members []Stat, err error) {
	names, err := p.pids()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if s, err := p.stats([]string{name}); err == nil && s[0].Pgrp == pgid {
			members = append(members, s[0])
		}
	}
	return members, nil
}

// pids are the names of the directories of all processes.
func (p *Proc) pids() ([]string, error) {
	names, err := p.dir.list(".")
	return slices.DeleteFunc(names, func(name string) bool { return name[0] < '1' || name[0] > '9' }), err
}

func (p *Proc) stats(names []string) ([]Stat, error) {
	all := make([]Stat, 0, len(names))
	buf := make([]byte, 1<<10)
	for _, name := range names {
		var err error
		if buf, err = p.dir.readFile(name+"/stat", buf, single); err != nil {
			return nil, err
		}
		s, err := ParseStat(buf)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// hides says whether the mount may hide processes from us.
func (p *Proc) hides() bool {
	b, err := p.dir.readFile("thread-self/mountinfo", make([]byte, firstBuffer), records)
	if err != nil {
		return true
	}
	mounts, err := ParseMountinfo(b)
	return err != nil || mayHide(mounts, p.name)
}

// mayHide looks for the option hidepid (proc(5)).
func mayHide(mounts []Mount, proc string) bool {
	for _, m := range slices.Backward(mounts) { // the last one covers those before
		if m.MountPoint == proc {
			return m.FSType != "proc" || strings.Contains(m.SuperOptions, "hidepid=")
		}
	}
	return true
}
