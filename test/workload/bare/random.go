package main

import (
	"sync/atomic"
	"unsafe"
)

// randomParams is the kernel's struct vgetrandom_opaque_params.
type randomParams struct {
	size, prot, flags uint32
	_                 [13]uint32
}

// A drawing is 16 random bytes.
type drawing [2]uint64

// random has a state of the vDSO's getrandom from which it has drawn, and says what it draws when it ends. It has n threads that draw all the
// time, each from a state of its own.
func random(n int) {
	readVDSO()
	lookUpAll()
	if randomFn == 0 {
		ready()
		wait()
		say("no getrandom\n")
		return
	}
	startSpinners(n, spinInRandom)
	state := newRandomState()
	var drawn drawing
	state.draw(&drawn)
	ready()
	wait()
	endSpinners(n)
	if atomic.LoadUint32(&wrong) != 0 {
		fail("random numbers came twice, or are none")
	}
	state.draw(&drawn)
	var text [33]byte
	for i, b := range (*[16]byte)(unsafe.Pointer(&drawn)) {
		text[2*i], text[2*i+1] = "0123456789abcdef"[b>>4], "0123456789abcdef"[b&15]
	}
	text[32] = '\n'
	say(unsafe.String(&text[0], len(text)))
}

type randomState struct{ at, size uintptr }

func newRandomState() randomState {
	var p randomParams
	if call(randomFn, 0, 0, 0, uintptr(unsafe.Pointer(&p)), ^uintptr(0)) != 0 {
		fail("getrandom does not tell the size of its state")
	}
	at := must(sys(sysMmap, 0, pageBytes, uintptr(p.prot), uintptr(p.flags), ^uintptr(0), 0), "mmap of the state")
	return randomState{at, uintptr(p.size)}
}

func (s randomState) draw(to *drawing) {
	if call(randomFn, uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to), 0, s.at, s.size) != unsafe.Sizeof(*to) {
		fail("getrandom failed")
	}
}

// spinRandom draws, and compares with what was drawn the last few times.
func spinRandom() {
	state := newRandomState()
	atomic.AddUint32(&started, 1)
	var last [8]drawing
	for n := 0; atomic.LoadUint32(&stopSpin) == 0; n++ {
		var d drawing
		state.draw(&d)
		if d == (drawing{}) {
			atomic.AddUint32(&wrong, 1)
		}
		for i := range last {
			if last[i] == d {
				atomic.AddUint32(&wrong, 1)
			}
		}
		last[n%len(last)] = d
	}
}
