package main

import (
	"slices"
	"strings"
)

// A refusal is a journey that ends at the border: what the traveller has does not exist over there, and that is said, by all of words, before
// anything is made.
type refusal struct {
	name     string // of the traveller
	from, to string // machines
	words    []string
	outcome  outcome
}

var refusals = []refusal{
	{name: "registers", from: "arm64/6.12/max", to: "arm64/6.12", words: []string{"ARM_SVE", "ARM_PACA_KEYS", "ARM_TAGGED_ADDR_CTRL", "PROT_BTI", "PROT_MTE"}},
	{name: "registers", from: "arm64/7/max", to: "arm64/7", words: []string{"ARM_ZA", "ARM_SSVE", "ARM_PACA_KEYS", "ARM_TAGGED_ADDR_CTRL", "PROT_BTI", "PROT_MTE"}},
	{name: "registers", from: "arm64/7/max", to: "arm64/6.12/max", words: []string{"ARM_ZA", "ARM_SSVE"}}, // whose kernel is built without SME
	{name: "traveller", from: "arm64/6.12", to: "arm64/6.12/16k", words: []string{"4096", "16384"}},
	{name: "traveller", from: "arm64/6.12/16k", to: "arm64/6.12", words: []string{"16384", "4096"}},
	{name: "arm-traveller", from: "arm64/6.12", to: "armhf/6.12", words: []string{"0xbf000000"}}, // where its stack is
	{name: "traveller", from: "ppc64el/6.12/4k", to: "ppc64el/6.12/64k", words: []string{"4096", "65536"}},
	{name: "traveller", from: "ppc64el/6.12/64k", to: "ppc64el/6.12/4k", words: []string{"65536", "4096"}},
}

// stops says whether a traveller is refused on its way from a to b.
func stops(name string, a, b machine) bool {
	return slices.ContainsFunc(refusals, func(r refusal) bool { return r.name == name && r.from == a.name() && r.to == b.name() })
}

// A border is the refusals that can be tried with some machines.
type border []*refusal

func borderOf(all []machine) (b border) {
	has := func(name string) bool {
		return slices.ContainsFunc(all, func(m machine) bool { return m.name() == name })
	}
	for i := range refusals {
		if r := &refusals[i]; has(r.from) && has(r.to) && travels(r.name) {
			r.outcome = outcome{failure: "no answer"}
			b = append(b, r)
		}
	}
	return b
}

// leave has travellers leave who do not anyway.
func (b border) leave(m machine, t *task) {
	for _, r := range b {
		if order := leaveOrder(r.name, m); m.name() == r.from && !slices.Contains(t.orders, order) {
			t.orders = append(t.orders, order)
		}
	}
}

// arrive has them refused; what is said of that bears the refusal's own name.
func (b border) arrive(m machine, t *task, cargo map[string][]byte) {
	for _, r := range b {
		from := r.name + "@" + dashed(r.from)
		if data := cargo[from]; m.name() == r.to && data != nil {
			t.cargo[from] = data
			t.orders = append(t.orders, strings.Join(append([]string{"refuse", r.name, from, r.key()}, r.words...), " "))
		}
	}
}

func (r *refusal) key() string { return r.name + "@" + dashed(r.from) + "!" + dashed(r.to) }

func (b border) note(r *result) {
	for _, o := range r.checks {
		for _, want := range b {
			if o.name == want.key() {
				want.outcome = o
			}
		}
	}
}

func (b border) ok() bool {
	return !slices.ContainsFunc(b, func(r *refusal) bool { return r.outcome.failure != "" })
}

func (b border) grid() *grid {
	g := &grid{head: []string{"refused", "from", "to", "for", ""}}
	for _, r := range b {
		cell := "ok"
		if r.outcome.failure != "" {
			cell = "FAIL"
			g.remarks = append(g.remarks, r.key()+": "+r.outcome.failure)
		}
		g.rows = append(g.rows, []string{r.name, r.from, r.to, strings.Join(r.words, ", "), cell})
	}
	return g
}
