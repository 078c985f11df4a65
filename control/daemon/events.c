/* SPDX-License-Identifier: Apache-2.0 */
/* From the workers' rings into the access log, and what concerns no request into control's own. */
#include <inttypes.h>
#include <time.h>

#include "control/daemon/daemon.h"
#include "lib/base/log.h"
#include "lib/shm/reason.h"

/* Most records of a ring in one turn, so that a flood does not keep sluicectl waiting. */
#define RECORDS_PER_TURN 65536

static int64_t real_minus_monotonic_ns(void)
{
	struct timespec real, monotonic;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return ((int64_t)real.tv_sec - monotonic.tv_sec) * 1000000000 + real.tv_nsec -
	       monotonic.tv_nsec;
}

/* Say when workers had to drop records because this process was not quick enough. */
static void note_dropped(struct daemon *d)
{
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < d->link.stats_count; i++)
		if (d->link.stats[i].worker)
			dropped += __atomic_load_n(
				&d->link.stats[i].worker->events_dropped, __ATOMIC_RELAXED);
	if (dropped > d->dropped_seen)
		log_warning("%" PRIu64
			    " requests are missing in the access log: the rings were full",
			dropped - d->dropped_seen);
	d->dropped_seen = dropped;
}

/*
 * How many of these records the names that are here belong to. Those of a generation whose answer is still due wait
 * for its names: its slots may mean something else.
 */
static uint32_t events_nameable(const struct daemon *d, uint32_t n)
{
	uint32_t k = 0;

	if (!d->sent || d->sent == &d->ran)
		return n;
	while (k < n && d->batch[k].generation != (uint32_t)d->sent->snapshot.generation)
		k++;
	return k;
}

/* An endpoint went down or up by its health checks. */
static void events_say_health(const struct daemon *d, const struct event *e)
{
	const struct str backend = slot_backend_of_endpoint(&d->names, e->endpoint);
	const struct str endpoint = slot_endpoint(&d->names, e->endpoint);
	char status[32];

	if (e->type == EVENT_UP) {
		log_notice("backend %.*s: endpoint %.*s is up", (int)backend.len, backend.data,
			(int)endpoint.len, endpoint.data);
		return;
	}
	snprintf(status, sizeof(status), "status %u", e->status);
	log_warning("backend %.*s: endpoint %.*s is down: its health checks fail by %s",
		(int)backend.len, backend.data, (int)endpoint.len, endpoint.data,
		e->status ? status : reason_name((enum reason)e->reason));
}

/* TLS with an endpoint failed. */
static void events_say_tls(const struct daemon *d, const struct event *e)
{
	const struct str backend = slot_backend_of_endpoint(&d->names, e->endpoint);
	const struct str endpoint = slot_endpoint(&d->names, e->endpoint);
	char why[EVENT_PATH_BYTES + 1];
	uint32_t n = 0;

	for (; n < e->path_bytes && n < EVENT_PATH_BYTES; n++)
		why[n] = e->path[n];
	why[n] = '\0';
	log_warning("backend %.*s: TLS with endpoint %.*s failed: %s", (int)backend.len,
		backend.data, (int)endpoint.len, endpoint.data, why);
}

static void events_take(struct daemon *d, const struct event *e, int64_t real_ns)
{
	if (e->type == EVENT_ACCESS)
		access_log_add(&d->log, e, &d->names, real_ns);
	else if (e->type == EVENT_DOWN || e->type == EVENT_UP)
		events_say_health(d, e);
	else if (e->type == EVENT_TLS)
		events_say_tls(d, e);
}

void daemon_drain_events(struct daemon *d)
{
	int64_t real_ns = real_minus_monotonic_ns();

	d->names.changes = &d->changes;
	for (uint32_t i = 0; i < d->link.events_count; i++) {
		struct event_ring *ring = &d->link.events[i];
		uint32_t n = EVENTS_BATCH;

		for (uint32_t total = 0;
			ring->header && n == EVENTS_BATCH && total < RECORDS_PER_TURN; total += n) {
			n = events_nameable(d, event_ring_peek(ring, d->batch, EVENTS_BATCH));
			for (uint32_t k = 0; k < n; k++)
				events_take(d, &d->batch[k], real_ns);
			/* Written first: were this process killed here, the next one would write these
			 * lines again, which is better than that they are missing. */
			access_log_flush(&d->log);
			event_ring_release(ring, n);
			d->events += n;
		}
	}
	note_dropped(d);
}
