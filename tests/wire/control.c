/* SPDX-License-Identifier: Apache-2.0 */
/* See control.h. Questions that were taken are kept until the script has them answered. */
#include "tests/wire/control.h"

static struct ask_ring *control_ring(struct run *run)
{
	if (!run->w->config.asks)
		wire_fail("without 'config asks' the worker asks nothing");
	return &run->w->control;
}

static void control_take(struct run *run, uint32_t n)
{
	struct world *w = run->w;
	struct ask_question q;
	uint32_t got = 0;

	while (ask_ring_take(control_ring(run), &q) == 1) {
		if (w->asked_count < WORLD_ASKED)
			w->asked[w->asked_count++] = q.number;
		got++;
	}
	if (got != n)
		wire_fail("the worker asked %u questions", got);
}

static void control_reply(struct run *run, unsigned times)
{
	struct world *w = run->w;

	for (uint32_t i = 0; i < w->asked_count * times; i++) {
		const struct ask_reply reply = {
			.life = 1, .number = w->asked[i % w->asked_count], .verdict = ASK_ALLOW
		};

		if (!ask_ring_reply(control_ring(run), &reply, NULL))
			wire_fail("the worker does not take replies");
	}
	w->asked_count = 0;
}

void run_control(struct run *run, struct cursor *c)
{
	_Atomic uint32_t *connections = &run->w->shared->control;

	run_wait(run);
	if (cursor_word(c, "comes"))
		atomic_store(connections, (atomic_load(connections) + 1) | 1);
	else if (cursor_word(c, "goes"))
		atomic_store(connections, (atomic_load(connections) | 1) + 1);
	else if (cursor_word(c, "takes"))
		control_take(run, (uint32_t)cursor_number(c, "questions"));
	else if (cursor_word(c, "replies"))
		control_reply(run, cursor_word(c, "twice") ? 2 : 1);
	else
		wire_fail("control comes, goes, takes N, or replies");
	world_settle(run->w);
}
