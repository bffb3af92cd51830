package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// What a program has done to its vDSO before it says that it is ready.
const (
	vdsoKept     = iota
	vdsoGone     // all of it unmapped
	vdsoDataOnly // the code unmapped, as valgrind does
	vdsoCodeOnly // the data unmapped
	vdsoMoved    // all of it moved
	vdsoWritable // mprotected
	vdsoWritten  // a function replaced
	vdsoClosed   // mprotected: no access
	vdsoOther    // that of another ABI in its place
)

const (
	clockMonotonic = 1
	mremapBoth     = 1 | 2 // MREMAP_MAYMOVE, MREMAP_FIXED
	mostAreas      = 8
)

// An areaLine is an area of the vDSO in /proc/self/maps.
type areaLine struct {
	start, end uintptr
	code       bool
}

var (
	vdsoBase  uintptr
	vdsoAreas [mostAreas]areaLine
	vdsoCount int
	mapsText  [64 << 10]byte
	mapsName  = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'm', 'a', 'p', 's', 0}

	clockFn, dayFn, cpuFn, timeFn, randomFn uintptr

	spinning uint32 // threads spin in the vDSO rather than wait: what in
	stopSpin uint32
)

// readMaps reads /proc/self/maps into mapsText.
func readMaps() int {
	fd := must(sys(syscall.SYS_OPENAT, atFdcwd, ptr(&mapsName[0]), 0, 0, 0, 0), "open maps")
	n := 0
	for {
		r := int(must(sys(syscall.SYS_READ, fd, ptr(&mapsText[n]), uintptr(len(mapsText)-n-1), 0, 0, 0), "read maps"))
		if r == 0 {
			break
		}
		n += r
	}
	sys(syscall.SYS_CLOSE, fd, 0, 0, 0, 0, 0)
	return n
}

// readVDSO finds the areas of the vDSO by their names.
func readVDSO() {
	n := readMaps()
	vdsoCount = 0
	for line := 0; line < n; {
		end := line
		for end < n && mapsText[end] != '\n' {
			end++
		}
		code := endsIn(line, end, "[vdso]")
		if (code || endsIn(line, end, "[vvar]") || endsIn(line, end, "[vvar_vclock]")) && vdsoCount < mostAreas {
			a := &vdsoAreas[vdsoCount]
			vdsoCount++
			at := line
			a.start, a.end, a.code = hex(&at), hex(&at), code
			if code {
				vdsoBase = a.start
			}
		}
		line = end + 1
	}
}

func endsIn(from, to int, s string) bool {
	if to-from < len(s) {
		return false
	}
	for i := range len(s) {
		if mapsText[to-len(s)+i] != s[i] {
			return false
		}
	}
	return true
}

// hex reads a number and what follows it.
func hex(at *int) (v uintptr) {
	for ; ; *at++ {
		switch c := mapsText[*at]; {
		case '0' <= c && c <= '9':
			v = v<<4 | uintptr(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | uintptr(c-'a'+10)
		default:
			*at++
			return v
		}
	}
}

func half(addr uintptr) uintptr  { return uintptr(**(**uint16)(unsafe.Pointer(&addr))) }
func quad(addr uintptr) uintptr  { return uintptr(**(**uint32)(unsafe.Pointer(&addr))) }
func octet(addr uintptr) byte    { return **(**byte)(unsafe.Pointer(&addr)) }
func giant(addr uintptr) uintptr { return *slot(addr) }
func slot(addr uintptr) *uintptr { return *(**uintptr)(unsafe.Pointer(&addr)) }

// Structures of ELF files, of 64 or 32 bits (elf(5)).
const (
	wide       = wordBytes / 8
	elfPhoff   = 28 + 4*wide
	elfPhnum   = 44 + 12*wide
	progSize   = 32 + 24*wide
	progVaddr  = 8 + 8*wide
	dynSize    = 2 * wordBytes
	symbolSize = 16 + 8*wide
	symbolAt   = 4 + 4*wide
)

// lookUp finds a function of the vDSO in its dynamic symbol table, which lies right before its strings; 0 for no name.
func lookUp(name string) uintptr {
	const ptDynamic, dtStrtab, dtSymtab = 2, 5, 6
	if name == "" {
		return 0
	}
	var symtab, strtab uintptr
	header := vdsoBase + giant(vdsoBase+elfPhoff)
	for i := uintptr(0); i < half(vdsoBase+elfPhnum); i++ {
		if p := header + progSize*i; quad(p) == ptDynamic {
			for d := vdsoBase + giant(p+progVaddr); giant(d) != 0; d += dynSize {
				switch giant(d) {
				case dtStrtab:
					strtab = vdsoBase + giant(d+wordBytes)
				case dtSymtab:
					symtab = vdsoBase + giant(d+wordBytes)
				}
			}
		}
	}
	for s := symtab; s+symbolSize <= strtab; s += symbolSize {
		at := strtab + quad(s)
		same := true
		for i := 0; i < len(name) && same; i++ {
			same = octet(at+uintptr(i)) == name[i]
		}
		if same && octet(at+uintptr(len(name))) == 0 {
			return vdsoBase + giant(s+symbolAt)
		}
	}
	return 0
}

func lookUpAll() {
	lookUpEntry()
	clockFn, dayFn, cpuFn, timeFn, randomFn = lookUp(clockName), lookUp(dayName), lookUp(cpuName), lookUp(timeName), lookUp(randomName)
	if clockFn == 0 || dayFn == 0 || cpuFn == 0 && cpuName != "" || timeFn == 0 && timeName != "" {
		fail("a function of the vDSO is missing")
	}
}

func call(fn, a, b, c, d, e uintptr) uintptr { return vcall(fn, a, b, c, d, e) }

// vdso changes the vDSO as what says and lets the test look at it; where it has all of it, it calls it, too. With a child, that one has done
// so as below-1 says before.
func vdso(what, below int) {
	child := 0
	if below > 0 {
		var pipe [2]int32
		must(sys(syscall.SYS_PIPE2, uintptr(unsafe.Pointer(&pipe)), 0, 0, 0, 0, 0), "pipe2")
		if child = fork(); child == 0 {
			sys(syscall.SYS_CLOSE, uintptr(pipe[0]), 0, 0, 0, 0, 0)
			changeVDSO(below-1, uintptr(pipe[1]))
			exit(0)
		}
		sys(syscall.SYS_CLOSE, uintptr(pipe[1]), 0, 0, 0, 0, 0)
		var b byte
		if sys(syscall.SYS_READ, uintptr(pipe[0]), uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0) != 1 {
			fail("the child ended early")
		}
		sys(syscall.SYS_CLOSE, uintptr(pipe[0]), 0, 0, 0, 0, 0)
	}
	changeVDSO(what, 1)
	if child != 0 {
		var status int32
		must(sys(syscall.SYS_KILL, uintptr(child), uintptr(syscall.SIGTERM), 0, 0, 0, 0), "kill")
		must(sys(syscall.SYS_WAIT4, uintptr(child), uintptr(unsafe.Pointer(&status)), 0, 0, 0, 0), "wait4")
		if status != 0 {
			fail("the child found something wrong")
		}
	}
}

// changeVDSO says that it is ready on descriptor tell.
func changeVDSO(what int, tell uintptr) {
	readVDSO()
	if vdsoCount == 0 {
		fail("no vDSO to begin with")
	}
	shift := elsewhere - vdsoAreas[0].start
	for i := range vdsoCount {
		a := &vdsoAreas[i]
		size := a.end - a.start
		switch {
		case what == vdsoGone, what == vdsoOther, what == vdsoDataOnly && a.code, what == vdsoCodeOnly && !a.code:
			must(sys(syscall.SYS_MUNMAP, a.start, size, 0, 0, 0, 0), "munmap")
		case what == vdsoMoved:
			must(sys(syscall.SYS_MREMAP, a.start, size, size, mremapBoth, a.start+shift, 0), "mremap")
		case what == vdsoClosed && a.code:
			must(sys(syscall.SYS_MPROTECT, a.start, size, syscall.PROT_NONE, 0, 0, 0), "mprotect")
		case (what == vdsoWritable || what == vdsoWritten) && a.code:
			must(sys(syscall.SYS_MPROTECT, a.start, size, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, 0, 0, 0), "mprotect")
		}
	}
	if what == vdsoMoved {
		vdsoBase += shift
	}
	if what == vdsoOther {
		mapOther(elsewhere)
	}
	callable := what == vdsoKept || what >= vdsoMoved && what <= vdsoWritten
	if callable {
		lookUpAll()
	}
	if what == vdsoWritten {
		*word(replaceable()) = returnThousand
		flush(replaceable())
	}
	if tell == 1 {
		ready()
	} else {
		b := byte(1)
		sys(syscall.SYS_WRITE, tell, uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0)
		sys(syscall.SYS_CLOSE, tell, 0, 0, 0, 0, 0)
	}
	var before, after syscall.Timespec
	for callable && !terminated() {
		tick(&after)
		if earlier(&after, &before) {
			fail("time went backwards")
		}
		before = after
	}
	wait()
	if what == vdsoWritten && call(replaceable(), 0, 0, 0, 0, 0) != 1000 {
		fail("the function that was replaced is not what it was")
	}
}

func tick(t *syscall.Timespec) {
	if call(clockFn, clockMonotonic, uintptr(unsafe.Pointer(t)), 0, 0, 0) != 0 {
		fail("clock_gettime failed")
	}
}

func earlier(a, b *syscall.Timespec) bool { return a.Sec < b.Sec || a.Sec == b.Sec && a.Nsec < b.Nsec }

// clock has n threads that spin in clock_gettime, and the first one in gettimeofday. It looks at a system call now and then, so
// that the time that the vDSO tells must be that of the kernel. SIGTRAP is what a debugger's steps come with: trap says whether the
// program ignores it or has it blocked.
func clock(n, trap int) {
	const ignored, blocked = 1, 2
	switch trap {
	case ignored:
		act := sigaction{handler: 1, flags: saRestorer, restorer: restorerAddress(), mask: 0x5400}
		must(sys(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGTRAP), uintptr(unsafe.Pointer(&act)), 0, sigsetSize, 0, 0), "rt_sigaction")
	case blocked:
		catch(syscall.SIGTRAP)
		setMask(1 << (syscall.SIGTRAP - 1))
	}
	readVDSO()
	lookUpAll()
	startSpinners(n, spinInClock)
	ready()
	var before, after syscall.Timeval
	for !terminated() {
		if call(dayFn, uintptr(unsafe.Pointer(&after)), 0, 0, 0, 0) != 0 {
			fail("gettimeofday failed")
		}
		if after.Sec < before.Sec-1 {
			fail("the time of day went back by more than a clock is set")
		}
		before = after
	}
	endSpinners(n)
	var act sigaction
	must(sys(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGTRAP), 0, uintptr(unsafe.Pointer(&act)), sigsetSize, 0, 0), "rt_sigaction")
	if trap == ignored && (act.handler != 1 || act.mask != 0x5400) {
		fail("SIGTRAP is not ignored as it was")
	}
	if trap == blocked && act.handler != handlerAddress() {
		fail("SIGTRAP has another handler")
	}
	if atomic.LoadUint32(&wrong) != 0 {
		fail("time went backwards, or the vDSO's is not the kernel's")
	}
}

// What threads spin in.
const (
	spinInClock = 1 + iota
	spinInRandom
)

// startSpinners makes n threads that spin.
func startSpinners(n int, in uint32) {
	atomic.StoreUint32(&spinning, in)
	for i := range n {
		low := mmap(stackBytes, syscall.PROT_READ|syscall.PROT_WRITE)
		top := low + stackBytes - tlsBytes
		tls := top + tlsBytes/2
		*word(top) = uint64(i)
		layTLS(tls, 0)
		must(thread(threadFlags, top, tls), "clone")
	}
	for int(atomic.LoadUint32(&started)) < n {
		sys(syscall.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
	}
}

// endSpinners has them end, and waits for it.
func endSpinners(n int) {
	atomic.StoreUint32(&stopSpin, 1)
	for int(atomic.LoadUint32(&verified)) < n {
		sys(syscall.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
	}
}

// spinner is what such a thread runs.
func spinner(in uint32) {
	setMask(setMask(everything) | 1<<(syscall.SIGTERM-1))
	switch in {
	case spinInClock:
		spinClock()
	case spinInRandom:
		spinRandom()
	}
	atomic.AddUint32(&verified, 1)
	sys(syscall.SYS_EXIT, 0, 0, 0, 0, 0, 0)
}

func spinClock() {
	atomic.AddUint32(&started, 1)
	var last, now, kernel syscall.Timespec
	for n := 0; atomic.LoadUint32(&stopSpin) == 0; n++ {
		tick(&now)
		if earlier(&now, &last) {
			atomic.AddUint32(&wrong, 1)
		}
		last = now
		if n%1024 == 0 {
			sys(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&kernel)), 0, 0, 0, 0)
			tick(&now)
			if earlier(&kernel, &last) || earlier(&now, &kernel) {
				atomic.AddUint32(&wrong, 1)
			}
			last = now
		}
	}
}

// quiet makes calls of the vDSO, when it is told to end, that must not be system calls: a filter allows none but those that say so.
func quiet() {
	readVDSO()
	lookUpAll()
	ready()
	wait()
	allowOnly(syscall.SYS_WRITE, syscall.SYS_EXIT_GROUP)
	var ts syscall.Timespec
	var tv syscall.Timeval
	var cpu [2]uint32
	for range 10_000 {
		tick(&ts)
		call(dayFn, uintptr(unsafe.Pointer(&tv)), 0, 0, 0, 0)
		if timeFn != 0 {
			call(timeFn, 0, 0, 0, 0, 0)
		}
		if cpuFn != 0 {
			call(cpuFn, uintptr(unsafe.Pointer(&cpu)), 0, 0, 0, 0)
		}
	}
	if ts.Sec == 0 || tv.Sec == 0 {
		fail("no time")
	}
}

type filterInsn struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

type filterProgram struct {
	len  uint16
	insn *filterInsn
}

// allowOnly kills this process at any system call but the two.
func allowOnly(a, b uint32) {
	const loadNr, jumpEqual, ret = 0x20, 0x15, 0x06 // BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
	const kill, allow = 0x8000_0000, 0x7fff_0000
	const prSetSeccomp, modeFilter = 22, 2
	insn := [...]filterInsn{{loadNr, 0, 0, 0}, {jumpEqual, 1, 0, a}, {jumpEqual, 0, 1, b}, {ret, 0, 0, allow}, {ret, 0, 0, kill}}
	program := filterProgram{uint16(len(insn)), &insn[0]}
	must(sys(syscall.SYS_PRCTL, prSetSeccomp, modeFilter, uintptr(unsafe.Pointer(&program)), 0, 0, 0), "seccomp")
}
