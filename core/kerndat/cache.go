package kerndat

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/vdso"
	"woodfrog/internal/fds"
	"woodfrog/internal/linux"
)

// The cache is a file that lives as long as the kernel's boot, in the first of Dirs that will have it. What is in it belongs to one
// boot, kernel, architecture and build of the engine; else, and if it is damaged or someone else's, it is as if it were not there,
// and written anew. It is never an error.
const (
	cacheName  = "woodfrog.kdat"
	cacheLimit = 1 << 20
)

// Dirs are the directories in which the cache may be. A directory that keeps its files over a boot will do: the boot's ID is in the key.
var Dirs = []string{"/run", "/dev/shm", "/tmp"}

// lasting are the features whose answers hold for as long as the kernel runs. The others depend on privileges or settings. A yes to those
// that are needed in any case may be another process's, without a seccomp filter that this one has: the call itself fails then.
var lasting = []Feature{CheckpointRestore, Clone3SetTid, Kcmp, Pagemap, MapVDSO, VDSOHint, SigpageMoves, RseqConf, CompatCR}

// key names the boot and the build. The file that the process was started from stands for the build: its contents are not read.
func key() (string, error) {
	fd, err := unix.Open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer fds.Later(fd)
	boot := make([]byte, 64)
	n, err := unix.Read(fd, boot)
	if err != nil {
		return "", err
	}
	var exe unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &exe); err != nil {
		return "", err
	}
	return fmt.Sprintf("woodfrog-kdat 1 %s %s %d:%d:%d:%d:%d", bytes.TrimSpace(boot[:n]), runtime.GOARCH, exe.Dev, exe.Ino, exe.Size, exe.Mtim.Nano(), exe.Ctim.Nano()), nil
}

// load reads the cache, once.
func (k *Facts) load() {
	if k.loaded {
		return
	}
	k.loaded = true
	if k.key, _ = key(); k.key == "" {
		return
	}
	for _, dir := range k.dirs() {
		text, err := readOwn(filepath.Join(dir, cacheName))
		if err != nil {
			continue
		}
		var read Facts
		if read.decode(text, k.key) == nil {
			k.vdsos, k.file = read.vdsos, filepath.Join(dir, cacheName)
			for _, f := range lasting {
				k.answers[f] = read.answers[f]
			}
			return
		}
	}
}

func (k *Facts) dirs() []string {
	if k.Dirs != nil {
		return k.Dirs
	}
	return Dirs
}

// readOwn reads a file that only we, or root, can have written.
func readOwn(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer fds.Later(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode != unix.S_IFREG|0o600 || st.Uid != 0 && int(st.Uid) != os.Geteuid() || st.Nlink != 1 || st.Size > cacheLimit {
		return nil, errors.New("not ours")
	}
	text := make([]byte, st.Size)
	n, err := unix.Pread(fd, text, 0)
	return text[:max(n, 0)], err
}

// Save writes what was found out since the cache was read, if anything.
func (k *Facts) Save() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.fresh {
		return
	}
	if k.load(); k.key == "" {
		return
	}
	k.fresh = false
	text := k.encode(k.key)
	for _, dir := range k.dirs() {
		if file := filepath.Join(dir, cacheName); replace(file, text) == nil {
			k.file = file
			return
		}
	}
}

// File is the cache that was read or written; empty where there is none.
func (k *Facts) File() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.file
}

// replace puts a file in place of another, or leaves that one as it is.
func replace(path string, text []byte) error {
	temporary := fmt.Sprintf("%s.%d", path, linux.Pid())
	fd, err := unix.Open(temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600) // os.OpenFile starts the runtime's poller
	if err != nil {
		return err
	}
	n, err := unix.Write(fd, text)
	if err == nil && n != len(text) {
		err = unix.ENOSPC
	}
	if err = errors.Join(err, unix.Close(fd)); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

// encode writes the facts as lines: the key, the facts, a checksum of all before it.
func (k *Facts) encode(key string) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, key)
	for _, f := range lasting {
		if k.answers[f] != Unknown {
			fmt.Fprintln(&b, "feature", f, k.answers[f])
		}
	}
	for name, v := range k.vdsos {
		packed := v.packed
		if packed == "" {
			packed = base64.StdEncoding.EncodeToString(v.Code)
		}
		fmt.Fprintln(&b, "vdso", name, packed)
		if v.SigpageCode != nil {
			fmt.Fprintln(&b, "sigpage", name, base64.StdEncoding.EncodeToString(v.SigpageCode))
		}
		for _, a := range v.Areas() {
			fmt.Fprintf(&b, "area %s %x %x %d %s\n", name, a.Start, a.End, a.Prot, a.Name)
		}
	}
	return seal(b.Bytes())
}

// seal guards against damage, not against malice: only we can write the file.
func seal(text []byte) []byte {
	h := fnv.New64a()
	_, _ = h.Write(text)
	return fmt.Appendf(text, "end %016x\n", h.Sum64())
}

// decode reads what encode wrote.
func (k *Facts) decode(text []byte, key string) (err error) {
	bad := errors.New("damaged")
	end := bytes.LastIndex(text, []byte("\nend ")) + 1
	if end == 0 || !bytes.Equal(text, seal(text[:end:end])) {
		return bad
	}
	k.vdsos = map[string]*VDSO{}
	lines := bufio.NewScanner(bytes.NewReader(text[:end]))
	lines.Buffer(nil, cacheLimit)
	if !lines.Scan() || lines.Text() != key {
		return errors.New("of another boot, kernel or build")
	}
	for lines.Scan() {
		w := strings.Split(lines.Text(), " ")
		switch {
		case len(w) == 3 && w[0] == "feature":
			k.answer(w[1], w[2])
		case len(w) == 3 && w[0] == "vdso":
			k.vdsos[w[1]] = &VDSO{packed: w[2]}
		case len(w) == 6 && w[0] == "area" && k.vdsos[w[1]] != nil:
			start, err1 := strconv.ParseUint(w[2], 16, 64)
			end, err2 := strconv.ParseUint(w[3], 16, 64)
			prot, err3 := strconv.ParseUint(w[4], 10, 8)
			if err1 != nil || err2 != nil || err3 != nil {
				return bad
			}
			v, a := k.vdsos[w[1]], vdso.Area{Start: start, End: end, Prot: vdso.Prot(prot), Name: w[5]}
			if a.Name == vdso.SigpageName {
				v.Sigpage = a
			} else {
				v.Group = append(v.Group, a)
			}
		case len(w) == 3 && w[0] == "sigpage" && k.vdsos[w[1]] != nil:
			if k.vdsos[w[1]].SigpageCode, err = base64.StdEncoding.DecodeString(w[2]); err != nil {
				return bad
			}
		default:
			return bad
		}
	}
	return lines.Err()
}

// unpack reads what is in a vDSO from the cache. Not every command needs to know.
func (v *VDSO) unpack() (err error) {
	if v.packed == "" {
		return nil
	}
	if v.Code, err = base64.StdEncoding.DecodeString(v.packed); err == nil {
		v.Image, err = vdso.Parse(v.Code)
	}
	if err == nil {
		v.packed = ""
	}
	return err
}

func (k *Facts) answer(name, answer string) {
	for _, f := range lasting {
		for _, a := range []Answer{No, Yes} {
			if f.String() == name && a.String() == answer {
				k.answers[f] = a
			}
		}
	}
}
