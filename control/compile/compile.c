/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler's frame: judge patterns and certificates, then, when nothing is wrong, write section
 * by section and check the result with the dataplane's own reader. compile_network.c,
 * compile_apis.c and compile_callers.c write their sections.
 */
#include "control/changes.h"
#include "control/compile/compile.h"

#include <errno.h>
#include <stdlib.h>

#include "control/compile/compile_priv.h"
#include "control/source/source.h"

struct snap_text compile_lower(struct compile *c, enum snap_kind kind, struct str text)
{
	char *lower = malloc(text.len + 1);
	struct snap_text out = { 0 };

	for (uint32_t i = 0; lower && i < text.len; i++)
		lower[i] = ascii_lower(text.data[i]);
	if (lower)
		out = compile_text(c, kind, (struct str){ lower, text.len });
	else
		mistake_add(c->mistakes, c->root->place.at, "out of memory");
	free(lower);
	return out;
}

void compile_rows(struct compile *c, enum snap_kind kind, const struct schema_group *group,
	const void *from, void *record)
{
	for (const struct schema_field *f = group->fields; f->name; f++) {
		const struct cfg_value *value = (const void *)((const char *)from + f->offset);
		struct snap_text text;

		if (!f->snap)
			continue;
		if (f->snap->store != SNAP_IS_text) {
			snap_row_set(f->snap, record, value->number);
			continue;
		}
		text = compile_text(c, kind, value->text);
		memcpy((char *)record + f->snap->offset, &text, sizeof(text));
	}
}

static void enter_endpoints(struct slots *slots, const struct snapshot *s)
{
	for (uint32_t i = 0; i < s->sections[SNAP_ENDPOINTS].count; i++) {
		const struct snap_endpoint *e = SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, i);
		struct str backend = snap_str(s, snap_backend_of(s, e)->name);

		slots_had(slots, (struct slot_name){ backend, snap_str(s, e->name) }, e->slot);
	}
}

/* Removed consumers come back to their slots, and give them away before those that are removed now. */
static void enter_retired(struct slots *slots, const struct snapshot *s)
{
	for (uint32_t i = 0; i < s->sections[SNAP_RETIRED].count; i++) {
		const struct snap_retired *r = SNAP_AT(s, SNAP_RETIRED, snap_retired, i);

		slots_had(slots, (struct slot_name){ snap_str(s, r->name) }, r->slot);
	}
}

struct slot_name compile_listener_key(const struct ip_addr *addr, uint32_t port, char *room)
{
	size_t len = ip_format(addr, room);
	int digits = snprintf(room + len, LISTENER_KEY_BYTES - len, "%u", port);

	return (struct slot_name){ { room, (uint32_t)len }, { room + len, (uint32_t)digits } };
}

static void enter_section(struct slots *slots, const struct snapshot *s, enum snap_section_id id)
{
	char room[LISTENER_KEY_BYTES];

	if (id == SNAP_ENDPOINTS) {
		enter_endpoints(slots, s);
		return;
	}
	if (id == SNAP_CONSUMERS)
		enter_retired(slots, s);
	for (uint32_t i = 0; i < s->sections[id].count; i++) {
		if (id == SNAP_LISTENERS) {
			const struct snap_listener *l = SNAP_AT(s, id, snap_listener, i);

			slots_had(
				slots, compile_listener_key(&l->addr, l->tcp_port, room), l->slot);
		} else if (id == SNAP_APIS) {
			const struct snap_api *a = SNAP_AT(s, id, snap_api, i);

			slots_had(slots,
				(struct slot_name){ snap_str(s, a->name), snap_str(s, a->version) },
				a->slot);
		} else if (id == SNAP_CREDENTIALS) {
			const struct snap_credential *k = SNAP_AT(s, id, snap_credential, i);

			slots_had(slots, (struct slot_name){ snap_str(s, k->name) }, k->slot);
		} else if (id == SNAP_BACKENDS) {
			const struct snap_backend *b = SNAP_AT(s, id, snap_backend, i);

			slots_had(slots, (struct slot_name){ snap_str(s, b->name) }, b->slot);
		} else if (id == SNAP_PLANS) {
			const struct snap_plan *p = SNAP_AT(s, id, snap_plan, i);

			slots_had(slots, (struct slot_name){ snap_str(s, p->name) }, p->slot);
		} else if (id == SNAP_CONSUMERS) {
			const struct snap_consumer *k = SNAP_AT(s, id, snap_consumer, i);

			slots_had(slots, (struct slot_name){ snap_str(s, k->name) }, k->slot);
		}
	}
}

struct slots *compile_slots(struct compile *c, enum snap_section_id id, uint32_t capacity)
{
	struct slots *slots = slots_new(capacity);

	if (!slots)
		mistake_add(c->mistakes, c->root->place.at, "out of memory");
	else if (c->input->previous)
		enter_section(slots, c->input->previous, id);
	return slots;
}

uint32_t compile_slot_of(const struct compile *c, enum snap_section_id id, uint32_t index)
{
	const void *record = snapshot_builder_at(c->builder, id, index);

	if (!record)
		return SNAP_NONE;
	if (id == SNAP_LISTENERS)
		return ((const struct snap_listener *)record)->slot;
	if (id == SNAP_CREDENTIALS)
		return ((const struct snap_credential *)record)->slot;
	if (id == SNAP_BACKENDS)
		return ((const struct snap_backend *)record)->slot;
	return ((const struct snap_api *)record)->slot;
}

static int build_secrets(struct compile *c, struct segment *out)
{
	struct secrets_input *inputs = calloc(c->certs.count + 1, sizeof(*inputs));
	int rc;

	if (!inputs)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->certs.count; i++) {
		const struct cert *cert = &c->certs.list[i];

		inputs[i].cert_pem = (struct str){ cert->cert_pem, (uint32_t)cert->cert_len };
		inputs[i].key_pem = (struct str){ cert->key_pem, (uint32_t)cert->key_len };
		memcpy(inputs[i].fingerprint, cert->fingerprint, sizeof(cert->fingerprint));
	}
	rc = secrets_build(inputs, c->certs.count, c->input->generation, c->input->boot_id, out);
	free(inputs);
	return rc;
}

/* Write all sections and check them as the dataplane will. */
static int build(struct compile *c, struct compiled *out)
{
	struct segment segments[SNAP_KINDS];
	char why[200] = "";
	int rc;

	compile_settings(c);
	compile_network(c);
	/* Before those who name them by their slots. */
	compile_credentials(c);
	compile_backends(c);
	compile_apis(c);
	compile_callers(c);
	if (c->mistakes->errors)
		return -EINVAL;
	snapshot_builder_add(c->builder, SNAP_SETTINGS, &c->settings);
	rc = snapshot_builder_finish(
		c->builder, c->input->previous, c->input->generation, c->input->boot_id, segments);
	if (rc < 0) {
		mistake_add(c->mistakes, c->root->place.at, "the snapshot cannot be made: %s",
			strerror(-rc));
		return rc;
	}
	rc = snapshot_open_segments(segments, c->input->previous, c->input->generation,
		&out->snapshot, why, sizeof(why));
	if (rc < 0) {
		mistake_add(
			c->mistakes, c->root->place.at, "the snapshot would be refused: %s", why);
		return rc;
	}
	if (c->input->running)
		compile_check_restart(c, &out->snapshot);
	/* A fuzzer's certificates have no content. */
	rc = c->input->config->without_files ? 0 : build_secrets(c, &out->secrets);
	if (rc < 0)
		mistake_add(c->mistakes, c->root->certificates.at, "the secrets cannot be made: %s",
			strerror(-rc));
	return c->mistakes->errors ? -EINVAL : rc;
}

int snapshot_compile(
	const struct compile_input *input, struct mistakes *mistakes, struct compiled *out)
{
	struct compile c = { .input = input, .root = &input->config->root, .mistakes = mistakes };
	int rc = -EINVAL;

	*out = (struct compiled){ .secrets.fd = -1 };
	pattern_shapes_make(input->config, mistakes, &c.patterns);
	certs_load(input->config, mistakes, &c.certs);
	authorities_load(input->config, mistakes, &c.authorities);
	if (mistakes->errors == 0) {
		c.builder = snapshot_builder_new();
		if (c.builder)
			rc = build(&c, out);
		else
			mistake_add(mistakes, c.root->place.at, "out of memory");
		snapshot_builder_free(c.builder);
	}
	pattern_shapes_free(&c.patterns);
	certs_free(&c.certs);
	authorities_free(&c.authorities);
	if (rc < 0)
		compiled_free(out);
	return rc;
}

void compiled_free(struct compiled *compiled)
{
	snapshot_close(&compiled->snapshot);
	segment_close(&compiled->secrets);
	*compiled = (struct compiled){ .secrets.fd = -1 };
}

bool snapshot_same(const struct snapshot *a, const struct snapshot *b)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		if (!snapshot_part_same(a->parts[kind], b->parts[kind]))
			return false;
	return true;
}

/* Check and compile what was loaded. @param rc  of loading it */
static int compile_loaded(const char *path, int rc, const struct compile_input *input,
	struct config *config, struct mistakes *mistakes, struct compiled *out)
{
	struct compile_input in = *input;

	*out = (struct compiled){ .secrets.fd = -1 };
	if (rc == 0) {
		config_check(config, mistakes);
		if (input->changes && changes_lay(input->changes, config) < 0)
			mistake_add(mistakes, (struct cfg_at){ path, 1 }, "out of memory");
		in.config = config;
		rc = snapshot_compile(&in, mistakes, out);
	} else if (mistakes->errors == 0) {
		mistake_add(mistakes, (struct cfg_at){ path, 1 }, "%s", strerror(-rc));
	}
	mistakes_sort(mistakes, path);
	return rc;
}

int compile_file(const char *path, const struct compile_input *input, struct config *config,
	struct mistakes *mistakes, struct compiled *out)
{
	int rc = config_load(config, path, mistakes);

	return compile_loaded(path, rc, input, config, mistakes, out);
}

/* The one file that there is. */
static int read_memory(void *context, const char *path, struct file_text *out, char *why)
{
	*out = (struct file_text){ .data = strdup(context), .len = strlen(context) };
	return out->data ? 0 : -ENOMEM;
}

int compile_memory(const char *text, const struct compile_input *input, struct mistakes *mistakes,
	struct compiled *out)
{
	const struct source_reader reader = { read_memory, (void *)(uintptr_t)text };
	struct config config;
	int rc = config_load_from(&config, CONFIG_IN_MEMORY, &reader, mistakes);

	rc = compile_loaded(CONFIG_IN_MEMORY, rc, input, &config, mistakes, out);
	config_free(&config);
	return rc;
}
