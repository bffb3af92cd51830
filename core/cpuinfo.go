package core

import (
	"errors"
	"fmt"
	"io/fs"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/preflight"
)

// errNoCPU: CRIU's image has room for other processors, but nothing that tells what they can do.
var errNoCPU = errors.New("cpuinfo: nothing to tell of this processor")

// DumpCPU writes what the processor can do into image files.
func DumpCPU(b *arch.Backend, o Options) error {
	if b.CPU == nil {
		return errNoCPU
	}
	dir, err := preflight.OpenImages(o.ImagesDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Write(image.Cpuinfo, 0, image.CPUEntry(b.CPU()))
}

// CheckCPU compares the processor with that of image files, as Options.CPUCap says.
func CheckCPU(b *arch.Backend, o Options) error {
	if b.CPU == nil {
		return errNoCPU
	}
	dir, err := preflight.OpenImages(o.ImagesDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return checkCPU(b, dir, o.CPUCap|CPUCapImage)
}

// checkCPU: without anything asked for, an image that does not tell is no obstacle.
func checkCPU(b *arch.Backend, dir *image.Dir, caps CPUCap) error {
	if b.CPU == nil || caps&CPUCapAll == 0 {
		return nil
	}
	its, err := image.ReadOne[image.CpuinfoEntry](dir, image.Cpuinfo, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		its = nil
		if caps&CPUCapImage == 0 {
			return nil
		}
	case err != nil:
		return fmt.Errorf("processor: %w", err)
	}
	return preflight.CPU(preflight.CPUOptions{
		Image: its, Own: b.CPU(), Names: b.CPUNames,
		Registers: caps&CPUCapFPU != 0, Instructions: caps&CPUCapIns != 0, Same: caps&CPUCapCPU != 0, Asked: caps&CPUCapImage != 0,
	})
}
