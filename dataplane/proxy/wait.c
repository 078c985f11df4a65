/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exchange waits for. Each of its two sides owes something or nothing: the client the rest
 * of its body, or to read; the backend a connection, to take the request, or a response. An
 * obligation runs from its beginning or from the side's last progress, and the earlier of the two
 * ends is the exchange's one deadline, which is its client's. Nothing else sets or clears that
 * deadline while the exchange lasts: every upcall that moved an exchange ends with wait_update(),
 * which may be called at any time and changes nothing by itself.
 */
#include "dataplane/proxy/task.h"

/* The request's body goes on, and the backend has taken all that there was of it. */
static bool body_wanted(const struct exchange *ex)
{
	return !(ex->flags & (EX_REQUEST_DONE | EX_BODY_STOPPED)) &&
	       transport_pending(&ex->attempt.upstream->transport) == 0;
}

static bool connecting(const struct exchange *ex)
{
	return upstream_opening(ex->attempt.upstream);
}

static enum wait_owes client_owes(const struct exchange *ex)
{
	if (transport_pending(&ex->client->transport) > 0)
		return OWES_READING;
	if (unlikely(ex->flags & EX_TUNNEL))
		return OWES_NOTHING;
	return !connecting(ex) && body_wanted(ex) ? OWES_BODY : OWES_NOTHING;
}

/* While the client has no room for a response, or holds back the body that an early response may
 * depend on, the backend is not to blame. */
static enum wait_owes backend_owes(const struct exchange *ex)
{
	if (connecting(ex))
		return OWES_CONNECTION;
	if (unlikely(ex->flags & EX_TUNNEL))
		return OWES_TRAFFIC;
	if (!client_has_room(ex->client) || body_wanted(ex))
		return OWES_NOTHING;
	return OWES_RESPONSE;
}

/* What differs between two looks when the side did something meanwhile. */
static uint32_t client_mark(const struct exchange *ex)
{
	return transport_acked(&ex->client->transport) + (uint32_t)ex->bytes_in;
}

static uint32_t backend_mark(const struct exchange *ex)
{
	if (connecting(ex))
		return ex->tried_count;
	if (unlikely(ex->flags & EX_TUNNEL))
		return transport_acked(&ex->attempt.upstream->transport) + ex->progress +
		       client_mark(ex);
	return transport_acked(&ex->attempt.upstream->transport) + ex->progress +
	       !!(ex->flags & EX_REQUEST_DONE);
}

static void side_update(
	const struct proxy *p, struct wait_side *side, enum wait_owes owes, uint32_t mark)
{
	if (side->owes == owes && side->mark == mark)
		return;
	side->owes = (uint8_t)owes;
	side->mark = mark;
	side->since_ns = p->now_ns;
}

static uint64_t side_end(
	const struct proxy *p, const struct exchange *ex, const struct wait_side *side)
{
	uint32_t ms = 0;

	switch ((enum wait_owes)side->owes) {
	case OWES_NOTHING:
		return UINT64_MAX;
	case OWES_READING:
		ms = proxy_settings(p)->send_timeout_ms;
		break;
	case OWES_BODY:
		ms = proxy_settings(p)->body_timeout_ms;
		break;
	case OWES_CONNECTION:
		ms = ex->attempt.connect_timeout_ms;
		break;
	case OWES_RESPONSE:
		ms = ex->timeout_ms;
		break;
	case OWES_TRAFFIC:
		ms = proxy_settings(p)->tunnel_timeout_ms;
		break;
	}
	return side->since_ns + (uint64_t)ms * 1000000;
}

/* Both sides. */
static __attribute__((noinline)) void wait_update_sides(struct proxy *p, struct exchange *ex)
{
	uint64_t client_end, backend_end, other_end = UINT64_MAX;

	side_update(p, &ex->client_side, client_owes(ex), client_mark(ex));
	side_update(p, &ex->backend_side, backend_owes(ex), backend_mark(ex));
	client_end = side_end(p, ex, &ex->client_side);
	backend_end = side_end(p, ex, &ex->backend_side);
	if (unlikely(rate_wanted(p)))
		other_end = rate_update(p, ex);
	/* Progress does not prolong what has an end of its own. */
	if (exchange_is_internal(ex))
		other_end = RTE_MIN(other_end, task_of(ex->client)->end_ns);
	if (ex->flags & EX_RETRY)
		other_end = RTE_MIN(other_end, retry_end(p, ex));
	deadline_set(&p->wheel, &ex->client->deadline,
		RTE_MIN(RTE_MIN(client_end, backend_end), other_end));
}

/* Whether the client has sent all and read all, so that a response is all that is waited for. */
static bool only_response_owed(const struct proxy *p, const struct exchange *ex)
{
	return (ex->flags & (EX_REQUEST_DONE | EX_TUNNEL | EX_RETRY)) == EX_REQUEST_DONE &&
	       !connecting(ex) && transport_pending(&ex->client->transport) == 0 &&
	       !exchange_is_internal(ex) && !rate_wanted(p);
}

void wait_update(struct proxy *p, struct exchange *ex)
{
	if (unlikely(!only_response_owed(p, ex))) {
		wait_update_sides(p, ex);
		return;
	}
	/* Nearly all requests: the same, in a third of the instructions. */
	ex->client_side.owes = OWES_NOTHING;
	side_update(p, &ex->backend_side, OWES_RESPONSE, backend_mark(ex));
	deadline_set(&p->wheel, &ex->client->deadline,
		ex->backend_side.since_ns + (uint64_t)ex->timeout_ms * 1000000);
}

static void client_is_late(
	struct proxy *p, struct exchange *ex, enum reason body, enum reason reading)
{
	if (ex->client_side.owes == OWES_BODY) {
		exchange_refuse(p, ex, body);
		return;
	}
	ex->reason = reading;
	client_abort(p, ex->client);
}

static void backend_is_late(struct proxy *p, struct exchange *ex)
{
	if (ex->backend_side.owes == OWES_CONNECTION) {
		upstream_connect_late(p, ex->attempt.upstream);
		return;
	}
	if (ex->backend_side.owes == OWES_TRAFFIC) {
		tunnel_end(p, ex, REASON_TUNNEL_IDLE);
		return;
	}
	attempt_end(p, ex, OUTCOME_TIMEOUT);
	exchange_refuse(p, ex, REASON_BACKEND_TIMEOUT);
}

void wait_due(struct proxy *p, struct exchange *ex)
{
	if (unlikely(ex->flags & (EX_WAITING | EX_RESUMED))) {
		suspend_due(p, ex);
		return;
	}
	/* A side may have moved on without an upcall. */
	wait_update(p, ex);
	if (ex->client->deadline.when_ns > p->now_ns)
		return;
	if (exchange_is_internal(ex)) {
		backend_is_late(p, ex);
		return;
	}
	if (rate_wanted(p) && rate_late(p, ex))
		client_is_late(p, ex, REASON_BODY_RATE, REASON_SEND_RATE);
	else if (side_end(p, ex, &ex->client_side) <= p->now_ns)
		client_is_late(p, ex, REASON_BODY_TIMEOUT, REASON_CLIENT_TIMEOUT);
	else if (ex->flags & EX_RETRY && retry_end(p, ex) <= p->now_ns)
		retry_late(p, ex);
	else if (side_end(p, ex, &ex->backend_side) <= p->now_ns)
		backend_is_late(p, ex);
	else
		wait_update(p, ex); /* it is fast enough: the next measurement */
}

const char *wait_fault(const struct proxy *p, const struct client *c)
{
	const struct exchange *ex = c->exchange;

	if (c->deadline.when_ns == 0 || c->deadline.when_ns == UINT64_MAX)
		return "a client has no deadline";
	if (!ex)
		return c->state == CLIENT_EXCHANGE ? "an exchange is gone and its client waits"
						   : NULL;
	if (!ex->attempt.upstream)
		return suspend_fault(p, ex);
	if (ex->attempt.upstream->deadline.when_ns)
		return "an exchange has two deadlines";
	if (ex->client_side.owes == OWES_NOTHING && ex->backend_side.owes == OWES_NOTHING)
		return "an exchange waits for nothing";
	return NULL;
}
