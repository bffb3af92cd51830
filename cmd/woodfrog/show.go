package main

import (
	"errors"

	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/core/image"
	"woodfrog/core/preflight"
)

// show prints what the image files of a directory hold.
func show(s *settings, std streams) int {
	se, ok := begin(cmdShow, s, std)
	if !ok {
		return exitFailure
	}
	dir, err := preflight.OpenImages(s.imagesDir())
	if err != nil {
		return se.end(err)
	}
	defer dir.Close()
	if err := image.Show(std.out, dir, image.ShowOptions{JSON: s.json}); err != nil {
		return se.printed(preflight.NoInventory(dir, err))
	}
	return se.end(nil)
}

// printed ends a command that only prints. Whoever reads no further, as head does, has what he wanted.
func (se *session) printed(err error) int {
	if errors.Is(err, unix.EPIPE) {
		err = nil
	}
	return se.end(err)
}

// plan prints what a restore would do.
func plan(s *settings, std streams) int {
	se, ok := begin(cmdPlan, s, std)
	if !ok {
		return exitFailure
	}
	ctx, cancel := se.context()
	defer cancel()
	s.core.ImagesDir = s.imagesDir()
	return se.printed(because(ctx, core.Plan(ctx, std.out, host.Backend(), s.core)))
}
