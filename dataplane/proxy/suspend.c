/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait for an answer from elsewhere. The decision is not kept, except for what the
 * exchange notes anyway: the ticket names the exchange, the head stays in the receive stream. When
 * the answer or the deadline comes, the request joins a burst again and is decided from the first
 * stage by the generation that runs then; limits that it took are not taken twice. While it waits
 * the exchange's one deadline is that of the wait.
 */
#include "dataplane/pipeline/hooks.h"
#include "dataplane/proxy/h1.h"
#include "dataplane/proxy/proxy_priv.h"

static void suspend_arm(struct proxy *p, struct exchange *ex)
{
	deadline_set(&p->wheel, &ex->client->deadline,
		p->now_ns + (uint64_t)p->config.hooks->wait_ms * 1000000);
}

bool suspend_begin(struct proxy *p, struct exchange *ex, const struct decision *d)
{
	const struct pipeline_hooks *hooks = p->config.hooks;
	const uint64_t ticket = ticket_take(&p->tickets, ex);

	if (!ticket || !hooks->ask(hooks->ctx, d, ticket)) {
		if (ticket)
			ticket_give(&p->tickets, ticket);
		ex->flags |= EX_UNANSWERED;
		return false;
	}
	ex->ticket = ticket;
	ex->flags |= EX_WAITING;
	stream_forget_head(&ex->client->rx, &p->heads);
	suspend_arm(p, ex);
	return true;
}

/* It waits no more. */
static void suspend_end(struct proxy *p, struct exchange *ex)
{
	ticket_give(&p->tickets, ex->ticket);
	ex->flags &= ~(uint32_t)EX_WAITING;
}

void suspend_over(struct proxy *p, struct exchange *ex)
{
	if (ex->flags & EX_WAITING)
		suspend_end(p, ex);
	p->config.hooks->end(p->config.hooks->ctx, ex->reason);
}

/* @param how  EX_ANSWERED or EX_UNANSWERED */
static void suspend_resume(
	struct proxy *p, struct exchange *ex, enum exchange_flag how, uint64_t answer)
{
	suspend_end(p, ex);
	ex->flags |= EX_RESUMED | how;
	ex->answer = answer;
	client_ready(p, ex->client);
}

void suspend_answers(struct proxy *p)
{
	const struct pipeline_hooks *hooks = p->config.hooks;
	uint64_t ticket, answer;

	while (hooks->answer(hooks->ctx, &ticket, &answer)) {
		struct exchange *ex = ticket_owner(&p->tickets, ticket);

		if (ex)
			suspend_resume(p, ex, EX_ANSWERED, answer);
	}
}

void suspend_due(struct proxy *p, struct exchange *ex)
{
	const enum reason otherwise = p->config.hooks->otherwise;

	if (ex->flags & EX_WAITING) {
		if (otherwise != REASON_PROXIED) {
			suspend_end(p, ex);
			problem(p, ex, otherwise, NULL);
			return;
		}
		suspend_resume(p, ex, EX_UNANSWERED, 0);
	}
	suspend_arm(p, ex); /* for its turn, which comes with the next loop */
}

void suspend_advance(struct proxy *p, struct client *c)
{
	struct exchange *ex = c->exchange;

	if (!ex || !(ex->flags & EX_RESUMED))
		return;
	ex->flags &= ~(uint32_t)EX_RESUMED;
	if (!h1_read_request_again(p, c, &p->decisions[p->decision_count])) {
		/* Without memory, or by limits that became tighter. */
		c->keep_alive = false;
		problem(p, ex, REASON_OVERLOADED, NULL);
		return;
	}
	deadline_clear(&c->deadline);
	decide_add(p, c);
}

const char *suspend_fault(const struct proxy *p, const struct exchange *ex)
{
	if (ex->flags & EX_WAITING)
		return ticket_owner(&p->tickets, ex->ticket) == ex
			       ? NULL
			       : "a request waits with the ticket of another";
	return ex->flags & EX_RESUMED ? NULL : "an exchange has no backend";
}
