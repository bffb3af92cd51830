package core_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"woodfrog/arch/host"
	"woodfrog/core"
)

// A sleeping process is dumped, which ends it, and brought back under its PID. Both need root.
func Example() {
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		fmt.Println(err)
		return
	}
	images, err := os.MkdirTemp("", "images-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(images)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	options := core.Options{
		ImagesDir: images,
		Log:       slog.Default(),
		ShellJob:  true, // its session is ours
		CPUCap:    core.CPUCapDefault,
	}
	stats, err := core.Dump(ctx, host.Backend(), sleeper.Process.Pid, options)
	if err != nil {
		var obstacles core.Obstacles
		if errors.As(err, &obstacles) {
			for _, o := range obstacles {
				fmt.Println(o.Pid, o.Thing, o.Cause, "-", o.Remedy)
			}
		}
		fmt.Println(err)
		return
	}
	_ = sleeper.Wait() // until then its PID is taken
	fmt.Println("frozen for", stats.Frozen)

	restored, err := core.Restore(ctx, host.Backend(), options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(restored.Pid == sleeper.Process.Pid)
}

// Whoever wants to track changes of memory asks first.
func ExampleCheckFeature() {
	if err := core.CheckFeature(host.Backend(), "mem_dirty_track"); errors.Is(err, errors.ErrUnsupported) {
		fmt.Println(err)
	}
	// Output: mem_dirty_track: changes of memory are not tracked yet
}
