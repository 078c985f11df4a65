/* SPDX-License-Identifier: Apache-2.0 */
/* Draws exchanges, see plan.h. */
#include "tests/sim/proxy/plan.h"

#include <string.h>

uint32_t plan_roll(const struct scenario *o, uint32_t id, const char *what, uint64_t below)
{
	uint64_t x = o->seed * UINT64_C(0x9e3779b97f4a7c15) + id;

	for (; *what; what++)
		x = (x ^ (uint8_t)*what) * UINT64_C(0x100000001b3);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((x ^ x >> 31) % below);
}

static bool chance(const struct scenario *o, uint32_t id, const char *what, uint64_t of_thousand)
{
	return plan_roll(o, id, what, 1000) < of_thousand;
}

const char *plan_method_name(enum plan_method method)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "DELETE" };

	return names[method];
}

static void draw_request(const struct scenario *o, struct plan *p)
{
	struct plan_message *m = &p->request;
	uint32_t id = p->id;

	p->method = PLAN_GET;
	if (chance(o, id, "method", o->other_methods))
		p->method = (enum plan_method[]){ PLAN_HEAD, PLAN_HEAD, PLAN_PUT,
			PLAN_DELETE }[plan_roll(o, id, "which method", 4)];
	if (o->upload && plan_roll(o, id, "uploads", 2)) {
		if (p->method == PLAN_GET)
			p->method = PLAN_POST;
		m->bytes = plan_roll(o, id, "request bytes", o->upload + 1);
		m->framing = FRAMING_LENGTH;
	}
	if (plan_retried(p) && p->method == PLAN_POST && plan_roll(o, id, "puts", 3))
		p->method = PLAN_PUT;
	m->http10 = chance(o, id, "request 1.0", o->http10);
	m->close = chance(o, id, "request close", o->close);
	if (m->framing && !m->http10 && chance(o, id, "request chunked", o->chunked))
		m->framing = FRAMING_CHUNKED;
	if (m->framing && !m->http10)
		p->expect = chance(o, id, "expect", o->expect);
	if (chance(o, id, "request pad", o->long_head))
		m->pad = plan_roll(o, id, "request pad bytes", 6000);
}

static void draw_response(const struct scenario *o, struct plan *p)
{
	static const uint16_t statuses[] = { 200, 200, 200, 201, 302, 404, 500, 413 };
	struct plan_message *m = &p->response;
	uint32_t id = p->id;

	p->status = statuses[plan_roll(o, id, "status", 8)];
	m->framing = FRAMING_LENGTH;
	m->bytes = plan_roll(o, id, "bytes", o->body + 1);
	m->http10 = chance(o, id, "response 1.0", o->http10);
	m->close = chance(o, id, "response close", o->close);
	if (chance(o, id, "no body", o->no_body))
		p->status = plan_roll(o, id, "which", 2) ? 204 : 304;
	if (!m->http10 && chance(o, id, "chunked", o->chunked))
		m->framing = FRAMING_CHUNKED;
	if (chance(o, id, "until close", o->until_close))
		m->framing = FRAMING_CLOSE;
	if (p->status == 204)
		m->framing = FRAMING_NONE;
	if (plan_no_content(p) && m->framing == FRAMING_CLOSE)
		m->framing = FRAMING_LENGTH;
	if (chance(o, id, "response pad", o->long_head))
		m->pad = plan_roll(o, id, "response pad bytes", 6000);
	if (!p->request.http10 && chance(o, id, "interim", o->interim))
		p->interim = (uint8_t)(1 + plan_roll(o, id, "interims", 3));
	p->broken = chance(o, id, "broken", o->broken);
	p->foreign = chance(o, id, "foreign", o->foreign);
	p->early = p->request.bytes > 0 && chance(o, id, "early", o->early);
	if (p->early)
		p->early_at = plan_roll(o, id, "early at", p->request.bytes);
}

/* What goes wrong on the way. */
static void draw_ends(const struct scenario *o, struct plan *p)
{
	uint32_t id = p->id, size = 200 + p->response.pad + p->response.bytes;

	if (chance(o, id, "cut", o->cut)) {
		p->response.end = plan_roll(o, id, "how", 2) ? END_CLOSE : END_RESET;
		p->response.end_at = plan_roll(o, id, "cut at", size);
	} else if (chance(o, id, "stall", o->stall)) {
		p->response.end = END_STOP;
		p->response.end_at = plan_roll(o, id, "stall at", size);
	}
	if (chance(o, id, "extra", o->extra)) {
		p->extra = 1 + plan_roll(o, id, "extra bytes", 300);
		p->extra_late = plan_roll(o, id, "late", 2);
	}
	p->idle_close = chance(o, id, "idle close", o->idle_close);
	size = 150 + p->request.pad + p->request.bytes;
	if (chance(o, id, "client cut", o->client_cut)) {
		p->request.end = (enum plan_end[]){ END_CLOSE, END_RESET,
			END_STOP }[plan_roll(o, id, "client how", 3)];
		p->request.end_at = plan_roll(o, id, "client cut at", size);
	}
	if (chance(o, id, "leave", o->client_leave)) {
		p->leave = true;
		p->leave_at = plan_roll(o, id, "leave at", 200 + p->response.bytes);
	}
}

static void draw_failures(const struct scenario *o, struct plan *p)
{
	p->fails = (uint8_t)plan_roll(o, p->id, "fails", 4);
	p->failure = (enum plan_failure)plan_roll(o, p->id, "failure", FAILURES);
	/* More than the gateway reads of one that it drops, now and then. */
	p->failure_bytes = plan_roll(o, p->id, "failure bytes", 8)
				   ? plan_roll(o, p->id, "few failure bytes", 300)
				   : 30000;
}

bool plan_retried(const struct plan *p)
{
	return strchr(PLAN_ROUTES_RETRIED, p->route) != NULL;
}

uint32_t plan_tries_most(const struct plan *p)
{
	if (p->method == PLAN_POST)
		return 1;
	return p->route == 'v' ? 2 : 3;
}

void plan_draw(const struct scenario *o, uint32_t id, struct plan *out)
{
	memset(out, 0, sizeof(*out));
	out->id = id;
	out->route = plan_roll(o, id, "route", 3) ? 'a' : 'b';
	if (chance(o, id, "refused", o->refused))
		out->route = 'r';
	if (chance(o, id, "silent", o->silent))
		out->route = 's';
	if (chance(o, id, "unknown", o->unknown))
		out->route = plan_roll(o, id, "how unknown", 2) ? 'x' : 'd';
	if (chance(o, id, "retried", o->retried)) {
		out->route = PLAN_ROUTES_RETRIED[plan_roll(o, id, "how retried", 3)];
		draw_failures(o, out);
	}
	out->key = chance(o, id, "keyed", o->keyed) ? (int)plan_roll(o, id, "key", 4) : -1;
	draw_request(o, out);
	draw_response(o, out);
	draw_ends(o, out);
}
