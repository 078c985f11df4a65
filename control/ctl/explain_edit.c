/* SPDX-License-Identifier: Apache-2.0 */
/* What a route changes of a request and of its response, written by the code that the workers run. */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/explain.h"
#include "control/json.h"
#include "dataplane/route/template.h"

struct explain_edit {
	struct explain *e;
	struct template_values values;
	uint64_t bytes; /* that a worker writes for the route */
	char *text;     /* TEMPLATE_BYTES_MAX */
};

/* @return what was written, up to the most that a worker takes */
static struct str edit_written(struct explain_edit *x, uint32_t len)
{
	x->bytes += len;
	return (struct str){ x->text, len <= TEMPLATE_BYTES_MAX ? len : TEMPLATE_BYTES_MAX };
}

static struct str edit_write(struct explain_edit *x, struct snap_range pieces)
{
	return edit_written(
		x, template_write(x->e->s, pieces, &x->values, x->text, TEMPLATE_BYTES_MAX));
}

/* A key is not shown. */
static bool edit_has_key(const struct explain_edit *x, struct str value)
{
	const char *key = x->e->ctl->key;

	return key && memmem(value.data, value.len, key, strlen(key));
}

static void edit_fields(struct explain_edit *x, const char *step, struct snap_range fields)
{
	for (uint32_t i = 0; i < fields.count; i++) {
		const struct snap_field *f =
			SNAP_AT(x->e->s, SNAP_FIELDS, snap_field, fields.first + i);
		const struct str name = snap_str(x->e->s, f->name), value = edit_write(x, f->value);

		if (f->value.count == 0)
			explain_step(x->e, step, "without %.*s", (int)name.len, name.data);
		else if (value.len == 0)
			explain_step(x->e, step, "%.*s is not added: its value is empty",
				(int)name.len, name.data);
		else if (edit_has_key(x, value))
			explain_step(x->e, step, "with %.*s: a value with the key in it",
				(int)name.len, name.data);
		else
			explain_step(x->e, step, "with %.*s: %.*s", (int)name.len, name.data,
				(int)value.len, value.data);
		if (value.len != 0)
			x->bytes += name.len + strlen(": \r\n");
	}
}

/* @return false when the path cannot be rewritten */
static bool edit_path(struct explain_edit *x, const struct snap_edit *edit)
{
	struct str text = snap_str(x->e->s, edit->host);

	if (text.len) {
		json_object_set_new(x->e->out, "rewritten_host", json_str(text));
		explain_step(x->e, "rewrite", "host %.*s", (int)text.len, text.data);
	}
	if (edit->path.count == 0)
		return true;
	text = edit_written(
		x, template_path(x->e->s, edit->path, &x->values, x->text, TEMPLATE_BYTES_MAX));
	if (template_hides_dots(text)) {
		explain_step(x->e, "rewrite", "the path hides a dot segment that could lead out");
		return false;
	}
	json_object_set_new(x->e->out, "rewritten_path", json_str(text));
	explain_step(x->e, "rewrite", "path %.*s", (int)text.len, text.data);
	return true;
}

enum reason explain_edits(struct explain *e, struct str path)
{
	const struct decision *d = &e->decision;
	const uint32_t index = d->plan->edit;
	struct explain_edit x = { .e = e,
		.values = { .path = path,
			.request_id = STR("(request_id)"),
			.client_ip = STR("(client_ip)"),
			.head = d->head } };
	const struct snap_edit *edit;
	bool well;

	if (index == SNAP_NONE)
		return REASON_PROXIED;
	edit = SNAP_AT(e->s, SNAP_EDITS, snap_edit, index);
	x.text = malloc(TEMPLATE_BYTES_MAX);
	if (!x.text)
		return REASON_OVERLOADED;
	if (d->has_caller) {
		x.values.consumer = d->caller.name;
		x.values.plan =
			snap_str(e->s, SNAP_AT(e->s, SNAP_PLANS, snap_plan, d->caller.plan)->name);
	}
	well = edit_path(&x, edit);
	edit_fields(&x, "request", edit->request);
	edit_fields(&x, "response", edit->response);
	free(x.text);
	if (!well)
		return REASON_PATH_AMBIGUOUS;
	if (x.bytes <= TEMPLATE_BYTES_MAX)
		return REASON_PROXIED;
	explain_step(e, "fields", "the route writes %llu bytes, and %d is the most",
		(unsigned long long)x.bytes, TEMPLATE_BYTES_MAX);
	return REASON_HEAD_TOO_LARGE;
}
