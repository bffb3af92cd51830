package core

import "woodfrog/core/image"

// Ids of the namespaces in the image: all tasks are in those of the engine, one of each kind.
const (
	pidNsID = iota + 1
	netNsID
	ipcNsID
	utsNsID
	timeNsID
	mntNsID
	userNsID
	cgroupNsID
)

// kobjIDs are the ids of the kernel objects of a task. CRIU takes tasks with an id in common for sharing the object.
func kobjIDs(vm, files, fs, sighand uint32) *image.TaskKobjIdsEntry {
	id := func(n uint32) *uint32 { return &n }
	return &image.TaskKobjIdsEntry{
		VmId: vm, FilesId: files, FsId: fs, SighandId: sighand,
		PidNsId: id(pidNsID), NetNsId: id(netNsID), IpcNsId: id(ipcNsID), UtsNsId: id(utsNsID),
		MntNsId: id(mntNsID), UserNsId: id(userNsID), CgroupNsId: id(cgroupNsID), TimeNsId: id(timeNsID),
	}
}

// rootIDs are those of the process that dumps: of what it shares with no task, ids that no task has.
func rootIDs(tasks int) *image.TaskKobjIdsEntry {
	own := uint32(tasks + 1)
	return kobjIDs(own, own, own, own)
}
