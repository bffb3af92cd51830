package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"woodfrog/test/workload"
)

// counters are the files that the shell, the worker and the worker's child count into.
var counters = [3]string{"shell", "worker", "child"}

// counts are the last numbers in them.
type counts [len(counters)]int

func readCounts(dir string) (c counts) {
	for i, name := range counters {
		if numbers, err := readNumbers(filepath.Join(dir, name)); err == nil && len(numbers) > 0 {
			c[i] = numbers[len(numbers)-1]
		}
	}
	return c
}

// readNumbers reads one number a line; a line that is not finished does not count.
func readNumbers(file string) (numbers []int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		number, done := strings.CutSuffix(line, "\n")
		if !done {
			break
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// counting waits until all three have gone on from there.
func counting(ctx context.Context, dir string, from counts) error {
	ctx, cancel := context.WithTimeout(ctx, slow)
	defer cancel()
	for {
		now, all := readCounts(dir), true
		for i := range now {
			all = all && now[i] > from[i]
		}
		if all {
			return nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("somebody does not count: %v after %v: %w", now, from, err)
		}
	}
}

// consecutive checks that every file holds 1, 2, 3 and so on.
func consecutive(dir string) error {
	for _, name := range counters {
		numbers, err := readNumbers(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		for i, n := range numbers {
			if n != i+1 {
				return fmt.Errorf("%s: line %d says %d", name, i+1, n)
			}
		}
	}
	return nil
}

func title(s string) { fmt.Printf("\n== %s\n", s) }

func printCounts(c counts) {
	fmt.Printf("the shell is at %d, the worker at %d, its child at %d\n", c[0], c[1], c[2])
}

func printTree(pid, depth int) {
	threads := "1 thread"
	if n := len(workload.Threads(pid)); n != 1 {
		threads = fmt.Sprintf("%d threads", n)
	}
	fmt.Printf("%s%d %s, %s\n", strings.Repeat("    ", depth), pid, name(pid), threads)
	for _, child := range workload.Children(pid) {
		printTree(child, depth+1)
	}
}

func name(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "(gone)"
	}
	return strings.TrimSpace(string(text))
}

func list(pids []int) string {
	words := make([]string, len(pids))
	for i, p := range pids {
		words[i] = strconv.Itoa(p)
	}
	return strings.Join(words, ", ")
}
