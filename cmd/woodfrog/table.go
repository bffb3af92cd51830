package main

import (
	"golang.org/x/sys/unix"
)

// eachOption goes through all options: every one that CRIU 4.2 knows (criu/config.c, Documentation/criu.txt), and a few of
// our own. The tables are data that the linker lays out; joining them would cost every start of the program.
func eachOption(yield func(*option) bool) {
	for _, table := range [][]option{servedOptions, otherOptions} {
		for i := range table {
			if !yield(&table[i]) {
				return
			}
		}
	}
}

// servedOptions are those that do something.
var servedOptions = []option{
	{name: "tree", short: 't', arg: mustArg, cmds: cmdDump, set: setTree, help: "PID: dump the tree below this process"},
	{name: "images-dir", short: 'D', arg: mustArg, cmds: cmdServed, help: "DIR: where image files are (default: here)",
		text: func(s *settings) *string { return &s.core.ImagesDir }},
	{name: "work-dir", short: 'W', arg: mustArg, cmds: cmdServed, help: "DIR: for log, PID and statistics files (default: --images-dir)",
		text: func(s *settings) *string { return &s.core.WorkDir }},
	{name: "leave-running", short: 'R', cmds: cmdDump, help: "let the processes run on after the dump",
		flag: func(s *settings) *bool { return &s.core.LeaveRunning }},
	{name: "leave-stopped", short: 's', cmds: cmdBoth, help: "leave the processes stopped",
		flag: func(s *settings) *bool { return &s.core.LeaveStopped }},
	{name: "restore-detached", short: 'd', no: true, cmds: cmdRestore, help: "end once the tree runs, instead of waiting for it",
		flag: func(s *settings) *bool { return &s.core.RestoreDetached }},
	{name: "restore-sibling", short: 'S', no: true, cmds: cmdRestore, help: "make the root process a child of the caller",
		flag: func(s *settings) *bool { return &s.core.RestoreSibling }},
	{name: "exec-cmd", cmds: cmdRestore, help: "become the command after --, the parent of the tree",
		flag: func(s *settings) *bool { return &s.execCommand }},
	{name: "shell-job", short: 'j', no: true, cmds: cmdBoth | cmdPlan, help: "allow a tree that belongs to a shell's session or terminal",
		flag: func(s *settings) *bool { return &s.core.ShellJob }},
	{name: "file-locks", short: 'l', no: true, cmds: cmdBoth, help: "carry file locks; nobody outside of the tree may share them",
		flag: func(s *settings) *bool { return &s.core.FileLocks }},
	{name: "evasive-devices", no: true, cmds: cmdBoth, help: "take any path to a device whose own is gone",
		flag: func(s *settings) *bool { return &s.core.EvasiveDevices }},
	{name: "skip-file-rwx-check", no: true, cmds: cmdRestore, help: "restore files whose permissions have changed",
		flag: func(s *settings) *bool { return &s.core.SkipFileRWXCheck }},
	{name: "cpu-cap", arg: mayArg, cmds: cmdProcessor, set: setCPUCap, help: "=LIST: what of the processor must match: cpu, fpu, ins, all, none; ^ for not"},
	{name: "timeout", arg: mustArg, cmds: cmdBoth, set: setTimeout, help: "SECONDS: undo and fail when it takes longer (0: no limit; stopping all threads has 10 seconds of its own)"},
	{name: "fsync", no: true, cmds: cmdDump, help: "make image files durable before the processes are ended",
		flag: func(s *settings) *bool { return &s.core.Fsync }},
	{name: "pidfile", arg: mustArg, cmds: cmdRestore, help: "FILE: gets the root process's PID",
		text: func(s *settings) *string { return &s.pidFile }},
	{name: "feature", arg: mustArg, cmds: cmdCheck, help: "NAME: ask for one feature of the kernel; list names them",
		text: func(s *settings) *string { return &s.feature }},
	{name: "extra", no: true, cmds: cmdCheck, help: "check what some processes need, too",
		flag: func(s *settings) *bool { return &s.extra }},
	{name: "experimental", no: true, cmds: cmdCheck, help: "as CRIU's; no feature is experimental here",
		flag: func(s *settings) *bool { return &s.experimental }},
	{name: "all", cmds: cmdCheck, help: "--extra and --experimental",
		set: func(s *settings, _ value) error { s.extra, s.experimental = true, true; return nil }},
	{name: "json", cmds: cmdShow, help: "print JSON (show)",
		flag: func(s *settings) *bool { return &s.json }},
	{name: "log-file", short: 'o', arg: mustArg, cmds: cmdServed, help: "FILE: log there instead of stderr (-: stdout)",
		text: func(s *settings) *string { return &s.logFile }},
	{name: "verbosity", short: 'v', arg: mayArg, cmds: cmdServed, set: setVerbosity, help: "=N: log 0 nothing, 1 errors, 2 warnings, 3 steps, 4 all (default: 2)"},
	{name: "display-stats", no: true, cmds: cmdBoth, help: "print times and counts at the end",
		flag: func(s *settings) *bool { return &s.displayStats }},
	{name: "config", arg: mustArg, cmds: cmdServed, help: "FILE: read options from it"},
	{name: "no-default-config", cmds: cmdServed, help: "do not read /etc/criu/default.conf and ~/.criu/default.conf"},
	{name: "close", arg: mustArg, cmds: cmdServed, help: "FD: close this inherited descriptor", set: closeDescriptor},
	{name: "daemon", no: true, cmds: cmdRestore, help: "",
		flag: func(s *settings) *bool { return &s.core.RestoreDetached }},
	{name: "help", short: 'h', cmds: cmdServed, help: "print this"},
	{name: "version", short: 'V', cmds: cmdServed, help: "print the version"},
}

// closeDescriptor runs before anything else is opened, so the number is one that was inherited.
func closeDescriptor(_ *settings, v value) error {
	fd, err := positive(v.arg)
	if err != nil {
		return err
	}
	if err := unix.Close(fd); err != nil && !(err == unix.EBADF && isAgain()) {
		return err
	}
	return nil
}
