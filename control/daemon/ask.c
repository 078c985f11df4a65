/* SPDX-License-Identifier: Apache-2.0 */
/* From the workers' rings of questions to their handlers, and replies back. */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "control/daemon/daemon.h"
#include "lib/base/log.h"

typedef void (*ask_handler)(
	struct daemon *d, const struct asked *asked, const uint8_t *data, uint32_t bytes);

static const ask_handler ask_handlers[ASK_KIND_COUNT] = {
#define ASK(NAME, name, deadline_ms, fallback, text) [ASK_##NAME] = ask_on_##name,
#include "lib/shm/ask.def"
#undef ASK
};

void ask_on_ping(struct daemon *d, const struct asked *asked, const uint8_t *data, uint32_t bytes)
{
	daemon_reply(d, asked, ASK_ALLOW, NULL, 0);
}

static uint64_t ask_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void daemon_reply(struct daemon *d, const struct asked *asked, enum ask_verdict verdict,
	const void *data, uint32_t bytes)
{
	const struct ask_reply reply = {
		.life = asked->life, .number = asked->number, .verdict = verdict, .bytes = bytes
	};
	struct ask_ring *ring =
		asked->worker < d->link.asks_count ? &d->link.asks[asked->worker] : NULL;

	if (ask_now_ns() >= asked->deadline_ns)
		d->asks.late++;
	else if (!ring || !ring->header || ring->life != asked->life ||
		 !ask_ring_reply(ring, &reply, data))
		d->asks.lost++;
	else
		d->asks.answered++;
}

static void ask_handle(struct daemon *d, const struct asked *asked, const struct ask_question *q)
{
	if (ask_now_ns() >= asked->deadline_ns)
		d->asks.late++;
	else
		ask_handlers[asked->kind](d, asked, q->data, q->bytes);
}

/* Take what one worker asked, at most as much as its ring holds. @return false when more waits */
static bool ask_drain_worker(struct daemon *d, uint32_t worker)
{
	struct ask_ring *ring = &d->link.asks[worker];
	struct ask_question q;
	int got = 0;

	for (unsigned n = 0; n < ASK_RECORDS; n++) {
		got = ask_ring_take(ring, &q);
		if (got == 0)
			return ask_ring_sleep(ring);
		if (got < 0 || q.kind >= ASK_KIND_COUNT) {
			d->asks.damaged++;
			continue;
		}
		ask_handle(d,
			&(struct asked){ q.kind, worker, ring->life, q.number, q.deadline_ns }, &q);
	}
	return false;
}

void daemon_drain_asks(struct daemon *d)
{
	const uint64_t damaged = d->asks.damaged, one = 1;
	bool done = true;
	uint64_t woken;
	ssize_t n = d->link.bell >= 0 ? read(d->link.bell, &woken, sizeof(woken)) : 0;

	for (uint32_t w = 0; w < d->link.asks_count; w++)
		if (d->link.asks[w].header)
			done = ask_drain_worker(d, w) && done;
	/* The loop serves its other sources before the rest. */
	if (!done && d->link.bell >= 0)
		n = write(d->link.bell, &one, sizeof(one));
	(void)n;
	if (damaged == 0 && d->asks.damaged > 0)
		log_warning("the dataplane asks what is no question: see 'sluicectl status'");
}
