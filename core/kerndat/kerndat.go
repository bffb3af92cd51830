// Package kerndat asks the kernel what it can do for this process. An answer is yes, no or unknown; it is asked for when it is needed and
// kept for the life of a Facts, if it is conclusive; some last as long as the kernel runs and are cached in a file. No version numbers are
// compared: distributions carry features back, configurations leave them out. It imports arch, internal/fds,
// internal/linux, core/procfs, core/ptrace and core/vdso.
package kerndat

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"woodfrog/arch"
)

// Answer is what is known of a feature.
type Answer uint8

const (
	Unknown Answer = iota
	No
	Yes
)

func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[a] }

// Feature is one thing that a kernel may be able to do.
type Feature uint8

const (
	Privileges Feature = iota
	CheckpointRestore
	Clone3SetTid
	Kcmp
	Pagemap
	Ptrace
	MntID
	FdinfoLock
	FdinfoTimerfd
	KcmpEpoll
	ProcTimers
	SeccompSuspend
	SeccompFilters
	MemfdExec
	MapVDSO
	VDSOHint
	SigpageMoves
	Droppable
	MDWE
	RseqConf
	PagemapScan
	PagemapGuard
	ProcmapQuery
	TimerCRIDs
	Openat2
	CompatCR
	Breakpoints

	NumFeatures
)

// Need says what becomes of dump and restore where a feature is missing.
type Need uint8

const (
	Required Need = iota // nothing works
	Some                 // tasks that use it are refused
	Better               // there is a slower or less exact way
)

// feature is one row of the table in features.go.
type feature struct {
	name  string // CRIU's, where it has one
	need  Need
	needs string // first kernel version; a configuration option or a capability where that decides
	use   string
	probe func() (bool, error) // an error means that it could not tell
	// with is asked instead where it takes the ABI of this process, and that of 32-bit tasks, which may be nil.
	with func(own, compat *arch.ABI) (bool, error)
}

func (f *feature) ask(own, compat *arch.ABI) (bool, error) {
	switch {
	case f.with == nil:
		return f.probe()
	case own == nil:
		return false, errors.New("no ABI to ask with")
	}
	return f.with(own, compat)
}

func (f Feature) String() string { return features[f].name }

// Need says how much depends on f.
func (f Feature) Need() Need { return features[f].need }

// Needs is the first kernel version that has f, or the configuration option or capability that brings it.
func (f Feature) Needs() string { return features[f].needs }

// Use is what the engine needs f for.
func (f Feature) Use() string { return features[f].use }

// Facts are the answers of one kernel. The zero value is ready; it may be used by several goroutines.
type Facts struct {
	// ABI is that of this process; without it some questions have no answer.
	ABI *arch.ABI
	// Compat is that of the 32-bit tasks that the engine serves beside it; nil if there are none.
	Compat *arch.ABI

	// Dirs are the directories in which answers that last are cached; nil is the package's.
	Dirs []string

	mu      sync.Mutex
	answers [NumFeatures]Answer
	vdsos   map[string]*VDSO // by name of the ABI
	key     string           // of the cache
	loaded  bool             // the cache was looked at
	fresh   bool             // there is something that the cache has not
	file    string           // the cache's, where there is one
}

// Ask returns the answer for f. With Unknown comes the error that kept the probe from telling.
func (k *Facts) Ask(f Feature) (Answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := slices.Contains(lasting, f)
	if last {
		k.load()
	}
	if k.answers[f] != Unknown {
		return k.answers[f], nil
	}
	has, err := features[f].ask(k.ABI, k.Compat)
	switch {
	case err != nil:
		return Unknown, fmt.Errorf("probe %s: %w", f, err)
	case has:
		k.answers[f] = Yes
	default:
		k.answers[f] = No
	}
	k.fresh = k.fresh || last
	return k.answers[f], nil
}

// Demand returns an error unless the kernel has f.
func (k *Facts) Demand(f Feature) error {
	switch a, err := k.Ask(f); a {
	case Yes:
		return nil
	case No:
		return &UnsupportedError{Feature: f}
	default:
		return err
	}
}

// UnsupportedError says that the kernel lacks a feature, or this process the right to it.
type UnsupportedError struct{ Feature Feature }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: not there (needs %s)", e.Feature, e.Feature.Needs())
}

// Is makes every UnsupportedError an errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }
