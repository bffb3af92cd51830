package testenv

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"sync"
)

// kernelConfig is the value of an option in the kernel's configuration, empty if it is not set; known is false where the configuration is
// not to be found.
func kernelConfig(option string) (value string, known bool) {
	text := configText()
	if text == nil {
		return "", false
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(option+"=")); ok {
			return string(bytes.TrimSpace(rest)), true
		}
	}
	return "", true
}

var configText = sync.OnceValue(func() []byte {
	if f, err := os.Open("/proc/config.gz"); err == nil {
		defer f.Close()
		if z, err := gzip.NewReader(f); err == nil {
			if text, err := io.ReadAll(z); err == nil {
				return text
			}
		}
	}
	for _, name := range []string{"/boot/config-" + Release(), "/lib/modules/" + Release() + "/config"} {
		if text, err := os.ReadFile(name); err == nil {
			return text
		}
	}
	return nil
})
