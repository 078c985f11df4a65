/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: the endpoints whose slots are this worker's share are asked for all workers, see
 * backend/health.h. A check over HTTP is a task's exchange, one over TCP a connection. What is asked is
 * read from the generation that runs each time, so that an apply changes a check that stands; where
 * endpoints or checks came with it, a few are begun in each loop.
 *
 * A check that could not be made for want of memory says nothing about its endpoint. One whose
 * request is refused by our own parser fails: that an endpoint cannot be asked must show.
 */
#include <stdlib.h>

#include "dataplane/proxy/task.h"
#include "lib/base/xorshift.h"

#define CHECKS_BEGUN_A_LOOP 64
#define CHECK_HEAD_BYTES    (2 * SNAP_HEALTH_TEXT_BYTES_MAX + 128)

struct check {
	struct task
		task; /* first; its deadline is the next check's or, during one, the exchange's */
	struct health_run run;
	uint64_t due_ns; /* of the check under way, or else of the next */
	uint32_t slot;
	bool connecting; /* over TCP: waits for checks_connected() */
};

struct checks {
	struct slab slab;
	uint32_t looked; /* so many of SNAP_ENDPOINTS were looked at in this generation */
	uint64_t random; /* xorshift64, never 0 */
	uint32_t slots;
	struct check *by_slot[];
};

size_t checks_bytes(uint32_t slots)
{
	return sizeof(struct checks) + slots * sizeof(struct check *) +
	       slots * (size_t)RTE_CACHE_LINE_ROUNDUP(sizeof(struct check));
}

struct checks *checks_create(uint32_t slots)
{
	struct checks *checks = calloc(1, sizeof(*checks) + slots * sizeof(struct check *));

	if (!checks)
		return NULL;
	checks->slots = slots;
	checks->random = UINT64_C(0x9e3779b97f4a7c15);
	if (slab_init(&checks->slab, sizeof(struct check), slots) == 0)
		return checks;
	free(checks);
	return NULL;
}

/* What an endpoint's check asks. @return NULL when it is gone, or not checked any more */
static const struct snap_health *check_wants(
	const struct proxy *p, uint32_t slot, uint32_t *endpoint)
{
	const struct snapshot *snapshot = &p->tables->snapshot;
	const struct snap_backend *backend;

	*endpoint = backends_index(&p->backends, slot);
	if (*endpoint == SNAP_NONE)
		return NULL;
	backend = snap_backend_of(
		snapshot, SNAP_AT(snapshot, SNAP_ENDPOINTS, snap_endpoint, *endpoint));
	if (backend->health == SNAP_NONE)
		return NULL;
	return SNAP_AT(snapshot, SNAP_HEALTHS, snap_health, backend->health);
}

static uint32_t check_random(struct checks *checks, uint32_t below)
{
	return (uint32_t)(xorshift64(&checks->random) % below);
}

static void check_show(struct proxy *p, struct check *check)
{
	struct stats_endpoint *stats = backends_stats(&p->backends, check->slot);

	health_set(p->config.health, check->slot, check->run.down);
	stats->down = check->run.down;
	stats->down_ns = p->now_ns;
}

/* A check of the endpoint ended. @param why  REASON_PROXIED: with @p status */
static void check_result(struct proxy *p, struct check *check, bool passed, enum reason why,
	uint16_t status, const struct snap_health *health)
{
	struct stats_endpoint *stats = backends_stats(&p->backends, check->slot);

	stats->checks++;
	if (!passed) {
		stats->check_failures++;
		stats->check_reason = why;
		stats->check_status = why == REASON_PROXIED ? status : 0;
	}
	if (!health_run_add(&check->run, passed, health->rise, health->fall))
		return;
	check_show(p, check);
	record_health(p, check->slot, check->run.down, why, status);
}

static void check_plan(struct proxy *p, struct check *check, uint64_t when_ns)
{
	check->due_ns = when_ns;
	deadline_set(&p->wheel, &check->task.session.deadline, when_ns);
}

/* The next check is due an interval after this one was, so that the wheel's ticks do not add up; at
 * once when this one took longer. */
static void check_wait(struct proxy *p, struct check *check, const struct snap_health *health)
{
	const uint64_t jitter_ms = check_random(p->checks, health->jitter_ms + 1);
	const uint64_t next_ns = check->due_ns + (health->interval_ms + jitter_ms) * 1000000;

	check_plan(p, check, RTE_MAX(next_ns, p->now_ns));
}

/* Within an interval: endpoints that come together are not checked together. */
static void check_spread(struct proxy *p, struct check *check, const struct snap_health *health)
{
	const uint64_t ms = check_random(p->checks, health->interval_ms);

	check_plan(p, check, p->now_ns + ms * 1000000);
}

static void check_end(struct proxy *p, struct check *check)
{
	task_stop(p, &check->task);
	if (check->run.down) {
		check->run.down = false;
		check_show(p, check);
	}
	backends_stats(&p->backends, check->slot)->checked = 0;
	p->checks->by_slot[check->slot] = NULL;
	slab_put(&p->checks->slab, check);
}

static bool check_status_passes(const struct snap_health *health, uint16_t status)
{
	for (unsigned i = 0; i < SNAP_HEALTH_STATUSES_MAX && health->statuses[i].least; i++)
		if (status >= health->statuses[i].least && status <= health->statuses[i].most)
			return true;
	return false;
}

/* Its exchange ended. */
static void check_ended(struct proxy *p, struct task *task)
{
	struct check *check = RTE_PTR_SUB(task, offsetof(struct check, task));
	uint32_t endpoint;
	const struct snap_health *health = check_wants(p, check->slot, &endpoint);
	const bool answered = task->reason == REASON_PROXIED;

	if (!health) {
		check_end(p, check);
		return;
	}
	if (task->reason != REASON_OVERLOADED)
		check_result(p, check, answered && check_status_passes(health, task->status),
			task->reason, task->status, health);
	check_wait(p, check, health);
}

void checks_connected(struct proxy *p, uint32_t slot, bool accepted, enum reason why)
{
	struct check *check = slot < p->checks->slots ? p->checks->by_slot[slot] : NULL;
	const struct snap_health *health;
	uint32_t endpoint;

	if (!check || !check->connecting)
		return;
	check->connecting = false;
	health = check_wants(p, slot, &endpoint);
	if (!health) {
		check_end(p, check);
		return;
	}
	check_result(p, check, accepted, why, 0, health);
	check_wait(p, check, health);
}

/* @return the request's head in @p out, of CHECK_HEAD_BYTES */
static struct str check_head(const struct proxy *p, const struct snap_health *health,
	const struct snap_endpoint *endpoint, char *out)
{
	const struct snapshot *snapshot = &p->tables->snapshot;
	const struct str path = snap_str(snapshot, health->path);
	struct str host = snap_str(snapshot, health->host);
	int n;

	if (host.len == 0)
		host = snap_str(snapshot, endpoint->name);
	n = snprintf(out, CHECK_HEAD_BYTES,
		"GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: sluice-health\r\nAccept: */*\r\n\r\n",
		(int)path.len, path.data, (int)host.len, host.data);
	return (struct str){ out, n > 0 && n < CHECK_HEAD_BYTES ? (uint32_t)n : 0 };
}

/* @return REASON_PROXIED, or why it could not be begun */
static enum reason check_begin(
	struct proxy *p, struct check *check, const struct snap_health *health, uint32_t endpoint)
{
	char head[CHECK_HEAD_BYTES];

	if (health->type == SNAP_HEALTH_TCP) {
		check->connecting = upstream_check(p, endpoint, health->timeout_ms);
		/* The connection's own deadline ends the check. */
		return check->connecting ? REASON_PROXIED : REASON_OVERLOADED;
	}
	return task_send(p, &check->task,
		check_head(p, health,
			SNAP_AT(&p->tables->snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint),
			head),
		endpoint, health->timeout_ms);
}

void checks_due(struct proxy *p, struct client *session)
{
	struct check *check = RTE_PTR_SUB(task_of(session), offsetof(struct check, task));
	const struct snap_health *health;
	uint32_t endpoint;
	enum reason why;

	if (session->exchange) {
		wait_due(p, session->exchange);
		return;
	}
	health = check_wants(p, check->slot, &endpoint);
	if (!health) {
		check_end(p, check);
		return;
	}
	why = check_begin(p, check, health, endpoint);
	if (why == REASON_PROXIED)
		return;
	if (why != REASON_OVERLOADED)
		check_result(p, check, false, why, 0, health);
	check_wait(p, check, health);
}

/* An endpoint that is to be checked, by this worker: its first check is within an interval. */
static void check_start(struct proxy *p, uint32_t slot, const struct snap_health *health)
{
	struct check *check = slab_get(&p->checks->slab);

	if (!check)
		return;
	task_init(&check->task, check_ended);
	check->run = (struct health_run){ .down = false };
	check->slot = slot;
	check->connecting = false;
	p->checks->by_slot[slot] = check;
	backends_stats(&p->backends, slot)->checked = 1;
	check_spread(p, check, health);
}

/* An endpoint of a new generation. */
static void check_look(struct proxy *p, uint32_t slot)
{
	struct check *check = p->checks->by_slot[slot];
	uint32_t endpoint;
	const struct snap_health *health = check_wants(p, slot, &endpoint);

	if (health && !check)
		check_start(p, slot, health);
	else if (!health && check)
		check_end(p, check);
	/* What it waits for may be an interval of hours that is seconds now. */
	else if (check && !check->task.session.exchange && !check->connecting &&
		 check->task.session.deadline.when_ns >
			 p->now_ns + (uint64_t)(health->interval_ms + health->jitter_ms) * 1000000)
		check_spread(p, check, health);
}

void checks_follow(struct proxy *p)
{
	p->checks->looked = 0;
}

void checks_run(struct proxy *p)
{
	struct checks *checks = p->checks;
	const struct snap_endpoint *endpoints;
	uint32_t n;

	if (!p->tables || !p->config.health || p->draining)
		return;
	backends_follow_health(&p->backends);
	endpoints = snap_records(&p->tables->snapshot, SNAP_ENDPOINTS, &n);
	for (unsigned i = 0; i < CHECKS_BEGUN_A_LOOP && checks->looked < n; i++) {
		const uint32_t slot = endpoints[checks->looked++].slot;

		if (slot % p->tables->worker_count == p->config.worker_index &&
			slot < checks->slots)
			check_look(p, slot);
	}
}

void checks_forget(struct proxy *p, uint32_t slot)
{
	if (slot < p->checks->slots && p->checks->by_slot[slot])
		check_end(p, p->checks->by_slot[slot]);
}

void checks_stop(struct proxy *p)
{
	for (uint32_t slot = 0; slot < p->checks->slots; slot++)
		checks_forget(p, slot);
}

void checks_destroy(struct proxy *p)
{
	struct checks *checks = p->checks;

	for (uint32_t slot = 0; checks && slot < checks->slots; slot++) {
		if (checks->by_slot[slot])
			proxy_free_session(p, &checks->by_slot[slot]->task.session);
	}
	if (checks)
		slab_fini(&checks->slab);
	free(checks);
}

const char *checks_fault(const struct proxy *p)
{
	for (uint32_t slot = 0; slot < p->checks->slots; slot++) {
		const struct check *check = p->checks->by_slot[slot];

		if (check && !check->connecting && check->task.session.deadline.when_ns == 0)
			return "a health check has no deadline";
		if (check && check->connecting && check->task.session.deadline.when_ns != 0)
			return "a health check has two deadlines";
	}
	return NULL;
}
