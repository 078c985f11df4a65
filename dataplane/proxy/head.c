/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's head for the endpoint that was chosen. It is parsed where it was received and written
 * once for each attempt, so that what is written may depend on the endpoint. Until the attempt
 * sends it the client's bytes stay in the stream: another endpoint gets a head of its own.
 */
#include "dataplane/proxy/proxy_priv.h"

struct head_writing {
	const struct http1_head *head;
	struct http_edits edits;
};

static void head_put(struct http1_writer *w, const void *ctx)
{
	const struct head_writing *r = ctx;

	http1_write_request(w, r->head, &r->edits);
}

uint32_t head_format_id(uint64_t id, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++)
		out[i] = hex[(id >> (60 - 4 * i)) & 15];
	return 16;
}

struct str head_path_matched(struct proxy *p, const struct client *c, const struct decision *d)
{
	const uint32_t listener = tables_listener(p->tables, c->listener_slot);
	const struct str sent = decision_head(d)->path;
	struct str path = sent;

	if (d->match.rewritten && listener != SNAP_NONE)
		route_path_normalise(sent,
			SNAP_AT(&p->tables->snapshot, SNAP_LISTENERS, snap_listener, listener)
				->paths,
			p->scratch_path, sizeof(p->scratch_path), &path);
	return path;
}

#define HEAD_HOST_BYTES (IP_TEXT_BYTES + sizeof("[]:65535"))

/* A request of HTTP/1.0 may name no host: the endpoint's own is named. */
static __attribute__((noinline)) struct str head_endpoint_host(
	const struct proxy *p, uint32_t endpoint, char *out)
{
	const struct snap_endpoint *to =
		SNAP_AT(&p->tables->snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint);
	char address[IP_TEXT_BYTES];

	ip_format(&to->addr, address);
	return (struct str){ out,
		(uint32_t)snprintf(out, HEAD_HOST_BYTES, ip_is_v4(&to->addr) ? "%s:%u" : "[%s]:%u",
			address, to->tcp_port) };
}

/* The path is not the client's, or the route has edits: see edit_request(). */
static __attribute__((noinline)) void head_rewrite(
	struct proxy *p, const struct client *c, const struct decision *d, struct http_edits *edits)
{
	if (d->plan->edit == SNAP_NONE) {
		edits->path = head_path_matched(p, c, d);
		return;
	}
	edits->path = p->edit.path;
	edits->lines = p->edit.lines;
	if (p->edit.host.len)
		edits->host = p->edit.host;
}

static bool head_write_fields(
	struct proxy *p, struct exchange *ex, const struct decision *d, uint32_t endpoint)
{
	const struct snapshot *snapshot = &p->tables->snapshot;
	const struct snap_settings *settings = snap_settings(snapshot);
	const struct client *c = ex->client;
	struct head_writing r = { .head = decision_received(d) };
	char id[16], host[HEAD_HOST_BYTES];

	r.edits.client_ip = (struct str){ c->ip_text, c->ip_bytes };
	r.edits.proto = transport_secure(&c->transport) ? STR("https") : STR("http");
	r.edits.via_name = snap_str(snapshot, settings->via);
	r.edits.request_id = (struct str){ id, head_format_id(ex->request_id, id) };
	r.edits.trust_forwarded = settings->trust_forwarded;
	r.edits.pass_overrides = settings->pass_overrides;
	r.edits.upgrade = ex->flags & EX_UPGRADE;
	if (unlikely(decision_head(d)->authority.len == 0))
		r.edits.host = head_endpoint_host(p, endpoint, host);
	if (unlikely(d->match.rewritten))
		head_rewrite(p, c, d, &r.edits);
	if (d->has_caller) {
		r.edits.strip_field = d->credential.field;
		r.edits.consumer = d->caller.name;
		r.edits.plan = policy_plan_name(p->tables->policy, ex->plan);
	}
	ex->attempt.head = forward_write(p, head_put, &r);
	return ex->attempt.head != NULL;
}

bool head_write(struct proxy *p, struct exchange *ex, const struct decision *d, uint32_t endpoint)
{
	return head_write_fields(p, ex, d, endpoint) && hold_append_body(p, ex);
}
