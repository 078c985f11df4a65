/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of Sluice's own, from their beginning to their end; see task.h. */
#include "dataplane/proxy/task.h"

#include "dataplane/proxy/h1.h"

void task_init(struct task *task, void (*ended)(struct proxy *p, struct task *task))
{
	memset(task, 0, sizeof(*task));
	task->session.kind = task->session.deadline.kind = PEER_TASK;
	task->session.listener_slot = SNAP_NONE;
	task->ended = ended;
}

/* Begin an exchange with the request in the stream. @param why  set when there is none */
static struct exchange *task_begin(
	struct proxy *p, struct task *task, struct decision *d, enum reason *why)
{
	struct client *session = &task->session;
	struct exchange *ex;

	if (h1_read_request(p, session, d, why) != STREAM_HEAD) {
		if (*why == REASON_PROXIED) /* the head has no end */
			*why = REASON_REQUEST_LINE;
		return NULL;
	}
	*why = REASON_OVERLOADED;
	session->first_byte_ns = p->now_ns;
	ex = exchange_begin(p, session, d);
	if (!ex)
		return NULL;
	ex->flags |= EX_REPEATS | EX_RETRIED; /* without a body; over a new connection, once */
	return ex;
}

enum reason task_send(struct proxy *p, struct task *task, struct str request, uint32_t endpoint,
	uint32_t timeout_ms)
{
	struct client *session = &task->session;
	struct decision *d = &p->again;
	struct rte_mbuf *m = chain_copy(request.data, request.len, p->config.pool);
	struct exchange *ex;
	enum reason why;

	if (!m)
		return REASON_OVERLOADED;
	chain_put(&session->rx.chain, m);
	d->match.rewritten = false;
	d->has_caller = false;
	ex = task_begin(p, task, d, &why);
	if (!ex) {
		stream_free(&session->rx, &p->heads);
		return why;
	}
	ex->timeout_ms = timeout_ms;
	task->end_ns = p->now_ns + (uint64_t)timeout_ms * 1000000;
	if (!attempt_begin(p, ex, d, endpoint)) {
		problem(p, ex, REASON_OVERLOADED, NULL);
		return REASON_PROXIED;
	}
	stream_forget_head(&session->rx, &p->heads);
	wait_update(p, ex);
	return REASON_PROXIED;
}

void task_note(struct client *session, const struct exchange *ex)
{
	struct task *task = task_of(session);

	task->reason = ex->reason;
	task->status = ex->status;
}

void task_over(struct proxy *p, struct client *session)
{
	struct task *task = task_of(session);

	session->exchange = NULL;
	session->state = CLIENT_HEAD;
	session->first_byte_ns = 0;
	stream_free(&session->rx, &p->heads);
	task->ended(p, task);
}

void task_stop(struct proxy *p, struct task *task)
{
	struct client *session = &task->session;
	struct exchange *ex = session->exchange;

	if (ex) {
		session->exchange = NULL;
		exchange_end(p, ex, REASON_CLIENT_CLOSED);
	}
	stream_free(&session->rx, &p->heads);
	deadline_remove(&session->deadline);
}
