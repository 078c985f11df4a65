/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a route changes of its messages: path, host and header fields. All of it is made of the request
 * while that is dispatched. What the response is to be changed by is kept in an mbuf of its own: when
 * the response comes, the request's head is gone and another generation may run.
 *
 * A field is left out by calling it hop-by-hop, which no codec writes. Added ones are lines, whose
 * values were values of fields, paths or names before: none has a CR, LF or NUL.
 */
#include "dataplane/http/fields.h"
#include "dataplane/proxy/proxy_priv.h"
#include "dataplane/route/template.h"

/* The kept form: the names to leave out, each behind a byte of its length, a byte 0, and lines. */
static_assert(SNAP_EDIT_NAME_BYTES_MAX < 256, "the length of a name is a byte");

static const struct snap_edit *edit_of(const struct proxy *p, const struct decision *d)
{
	return SNAP_AT(&p->tables->snapshot, SNAP_EDITS, snap_edit, d->plan->edit);
}

static struct template_values edit_values(
	struct proxy *p, const struct exchange *ex, const struct decision *d)
{
	struct template_values values = { .path = head_path_matched(p, ex->client, d),
		.request_id = { p->edit.request_id, sizeof(p->edit.request_id) },
		.client_ip = { ex->client->ip_text, ex->client->ip_bytes },
		.head = decision_head(d) };

	head_format_id(ex->request_id, p->edit.request_id);
	if (d->has_caller) {
		values.consumer = d->caller.name;
		values.plan = policy_plan_name(p->tables->policy, ex->plan);
	}
	return values;
}

/* Append bytes. What is too long is counted only: edit_fits() tells. */
static void edit_put(struct proxy *p, struct str text)
{
	const uint32_t at = p->edit.used;

	if (at <= TEMPLATE_BYTES_MAX && text.len <= TEMPLATE_BYTES_MAX - at && text.len > 0)
		memcpy(p->edit.text + at, text.data, text.len);
	p->edit.used = at <= TEMPLATE_BYTES_MAX ? at + text.len : at;
}

static bool edit_fits(const struct proxy *p)
{
	return p->edit.used <= TEMPLATE_BYTES_MAX;
}

static void edit_put_pieces(
	struct proxy *p, struct snap_range pieces, const struct template_values *values)
{
	if (edit_fits(p))
		p->edit.used += template_write(&p->tables->snapshot, pieces, values,
			p->edit.text + p->edit.used, TEMPLATE_BYTES_MAX - p->edit.used);
}

static struct str edit_since(const struct proxy *p, uint32_t from)
{
	return (struct str){ p->edit.text + from, edit_fits(p) ? p->edit.used - from : 0 };
}

/* The lines of the fields that are added. One with an empty value is not. */
static void edit_put_lines(
	struct proxy *p, struct snap_range fields, const struct template_values *values)
{
	const struct snapshot *s = &p->tables->snapshot;

	for (uint32_t i = 0; i < fields.count; i++) {
		const struct snap_field *f = SNAP_AT(s, SNAP_FIELDS, snap_field, fields.first + i);
		const uint32_t line = p->edit.used;
		uint32_t value;

		if (f->value.count == 0)
			continue;
		edit_put(p, snap_str(s, f->name));
		edit_put(p, STR(": "));
		value = p->edit.used;
		edit_put_pieces(p, f->value, values);
		if (edit_fits(p) && p->edit.used == value)
			p->edit.used = line;
		else
			edit_put(p, STR("\r\n"));
	}
}

static void edit_put_names(struct proxy *p, struct snap_range fields)
{
	const struct snapshot *s = &p->tables->snapshot;

	for (uint32_t i = 0; i < fields.count; i++) {
		const struct snap_field *f = SNAP_AT(s, SNAP_FIELDS, snap_field, fields.first + i);
		const struct str name = snap_str(s, f->name);
		const char len = (char)name.len;

		if (f->value.count > 0)
			continue;
		edit_put(p, (struct str){ &len, 1 });
		edit_put(p, name);
	}
	edit_put(p, (struct str){ "", 1 });
}

static void edit_leave_out(struct http_head *head, struct str name)
{
	for (uint32_t i = 0; i < head->field_count; i++)
		if (http_name_same(http_field_name(&head->fields[i]), name))
			head->fields[i].flags |= HTTP_IS_HOP;
}

/* The values of what is added were taken before. */
static void edit_leave_out_all(
	const struct snapshot *s, struct snap_range fields, struct http_head *head)
{
	for (uint32_t i = 0; i < fields.count; i++) {
		const struct snap_field *f = SNAP_AT(s, SNAP_FIELDS, snap_field, fields.first + i);

		if (f->value.count == 0)
			edit_leave_out(head, snap_str(s, f->name));
	}
}

void edit_forget(struct exchange *ex)
{
	rte_pktmbuf_free(ex->response_edit);
	ex->flags &= ~(uint32_t)EX_EDIT_RESPONSE;
}

/* @return REASON_PROXIED, or why it cannot be kept */
static enum reason edit_keep_response(struct proxy *p, struct exchange *ex,
	struct snap_range fields, const struct template_values *values)
{
	const uint32_t from = p->edit.used;
	struct str kept;

	edit_put_names(p, fields);
	edit_put_lines(p, fields, values);
	kept = edit_since(p, from);
	if (kept.len == 0)
		return REASON_HEAD_TOO_LARGE;
	ex->response_edit = chain_copy(kept.data, kept.len, p->config.pool);
	if (!ex->response_edit)
		return REASON_OVERLOADED;
	ex->flags |= EX_EDIT_RESPONSE;
	return REASON_PROXIED;
}

enum reason edit_request(struct proxy *p, struct exchange *ex, struct decision *d)
{
	const struct snapshot *s = &p->tables->snapshot;
	const struct snap_edit *edit = edit_of(p, d);
	const struct template_values values = edit_values(p, ex, d);
	uint32_t from;

	p->edit.used = template_path(s, edit->path, &values, p->edit.text, TEMPLATE_BYTES_MAX);
	p->edit.path = edit->path.count ? edit_since(p, 0) : values.path;
	if (edit->path.count && template_hides_dots(p->edit.path))
		return REASON_PATH_AMBIGUOUS;
	p->edit.host = snap_str(s, edit->host);
	from = p->edit.used;
	edit_put_lines(p, edit->request, &values);
	p->edit.lines = edit_since(p, from);
	if (!edit_fits(p))
		return REASON_HEAD_TOO_LARGE;
	if (edit->response.count) {
		const enum reason why = edit_keep_response(p, ex, edit->response, &values);

		if (why != REASON_PROXIED)
			return why;
	}
	edit_leave_out_all(s, edit->request, &decision_received(d)->message);
	return REASON_PROXIED;
}

bool edit_leaves_out(const struct proxy *p, const struct decision *d, struct str name)
{
	const struct snapshot *s = &p->tables->snapshot;
	struct snap_range fields;

	if (d->plan->edit == SNAP_NONE)
		return false;
	fields = edit_of(p, d)->response;
	for (uint32_t i = 0; i < fields.count; i++) {
		const struct snap_field *f = SNAP_AT(s, SNAP_FIELDS, snap_field, fields.first + i);

		if (f->value.count == 0 && http_name_same(snap_str(s, f->name), name))
			return true;
	}
	return false;
}

bool edit_reply_lines(
	struct proxy *p, const struct exchange *ex, const struct decision *d, struct str *lines)
{
	const struct template_values values = edit_values(p, ex, d);

	p->edit.used = 0;
	edit_put_lines(p, edit_of(p, d)->response, &values);
	*lines = edit_since(p, 0);
	return edit_fits(p);
}

struct str edit_response(
	struct proxy *p, struct exchange *ex, struct http_head *head, struct str lines)
{
	const uint32_t bytes = ex->response_edit->pkt_len;
	const char *kept =
		rte_pktmbuf_read(ex->response_edit, 0, bytes, p->edit.text + EDIT_LINES_BYTES);
	uint32_t at = 0;

	for (; kept[at] != 0; at += 1 + (uint8_t)kept[at])
		edit_leave_out(head, (struct str){ kept + at + 1, (uint8_t)kept[at] });
	at++;
	memcpy(p->edit.text, lines.data, lines.len);
	memmove(p->edit.text + lines.len, kept + at, bytes - at);
	edit_forget(ex);
	return (struct str){ p->edit.text, lines.len + bytes - at };
}
