package main

import (
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
		return se.end(preflight.NoInventory(dir, err))
	}
	return se.end(nil)
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
	return se.end(because(ctx, core.Plan(ctx, std.out, host.Backend(), s.core)))
}
