/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: what is built is read back, and whatever is damaged is refused with a sentence that says
 * where, without reading a byte beyond the segment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/crc32c.h"
#include "lib/shm/shm_priv.h"
#include "tests/unit/shm/snapshot_fixture.h"

static struct segment fixture[SNAP_KINDS];

static int setup(void **state)
{
	return fixture_build(41, fixture);
}

static int teardown(void **state)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		segment_close(&fixture[kind]);
	return 0;
}

/* Copies of the fixture's segments that can be damaged. */
struct copies {
	struct segment at[SNAP_KINDS];
};

static struct copies copies_make(void)
{
	struct copies copies;

	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		const size_t length = fixture[kind].length;

		copies.at[kind] = (struct segment){
			.fd = -1, .base = aligned_alloc(SHM_ALIGN, length), .length = length
		};
		assert_non_null(copies.at[kind].base);
		memcpy(copies.at[kind].base, fixture[kind].base, length);
	}
	return copies;
}

static void copies_free(struct copies *copies)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		free(copies->at[kind].base);
}

static void crc_fix(struct segment *s)
{
	((struct segment_header *)s->base)->crc32c =
		crc32c(0, (const uint8_t *)s->base + 64, s->length - 64);
}

/* Open copies as a reader would, walk them when they are accepted. */
static int copies_open(const struct copies *copies, char *why, size_t why_bytes)
{
	struct snapshot snapshot;
	int err = 0;

	why[0] = 0;
	for (unsigned kind = 0; kind < SNAP_KINDS && !err; kind++)
		err = segment_check(
			copies->at[kind].base, copies->at[kind].length, SEGMENT_SNAPSHOT, true);
	if (err)
		return err;
	err = fixture_open_memory(copies->at, &snapshot, why, why_bytes);
	if (err == 0)
		snapshot_walk(&snapshot);
	snapshot_close(&snapshot);
	return err;
}

static struct segment *segment_of(struct copies *copies, enum snap_section_id id)
{
	return &copies->at[snap_section_kind(id)];
}

static struct snap_section *section_of(struct copies *copies, enum snap_section_id id)
{
	return (struct snap_section *)(void *)((uint8_t *)segment_of(copies, id)->base +
					       sizeof(struct segment_header) +
					       sizeof(struct snap_header)) +
	       id;
}

static void *record_of(struct copies *copies, enum snap_section_id id, uint32_t index)
{
	const struct snap_section *s = section_of(copies, id);

	return (uint8_t *)segment_of(copies, id)->base + s->offset +
	       (size_t)index * s->record_bytes;
}

static void what_is_built_is_read_back(void **state)
{
	const struct snap_api *api;
	const struct snap_key *keys;
	struct snapshot s;
	struct segment maps[SNAP_KINDS];
	uint32_t count;
	char why[200];

	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		assert_int_equal(segment_map(dup(fixture[kind].fd), SEGMENT_SNAPSHOT, false, true,
					 &maps[kind]),
			0);
	assert_int_equal(snapshot_open_segments(maps, NULL, 41, &s, why, sizeof(why)), 0);
	assert_int_equal(maps[0].fd, -1);
	assert_int_equal(s.generation, 41);
	assert_true(str_equal(snap_str(&s, snap_settings(&s)->via), STR("sluice")));
	api = snap_records(&s, SNAP_APIS, &count);
	assert_int_equal(count, 1);
	assert_true(str_equal(snap_str(&s, api->version), STR("v1")));
	assert_true(str_equal(snap_str(&s, *SNAP_AT(&s, SNAP_HOSTS, snap_text, api->hosts.first)),
		STR("api.shop.example")));
	keys = snap_records(&s, SNAP_KEYS, &count);
	assert_int_equal(count, 2);
	assert_int_equal(keys[0].digest[0], 4);
	assert_int_equal(keys[1].digest[0], 9);
	assert_true(str_equal(snap_str(&s, keys[0].id), STR("k2")));
	assert_int_equal(SNAP_INDEX_AT(&s, SNAP_LCORES, 0), 2);
	assert_true(snapshot_walk(&s) > 0);
	snapshot_close(&s);
	snapshot_close(&s);
}

static void equal_texts_share_their_bytes(void **state)
{
	struct snapshot_builder *b = snapshot_builder_new();
	char name[32];
	struct snap_text first[500], again;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "consumer-%d", i);
		first[i] = snapshot_builder_text(b, SNAP_KIND_CALLERS, str_of(name));
	}
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "consumer-%d", i);
		again = snapshot_builder_text(b, SNAP_KIND_CALLERS, str_of(name));
		assert_memory_equal(&again, &first[i], sizeof(again));
	}
	snapshot_builder_free(b);
}

static void a_builder_refuses_what_cannot_be_right(void **state)
{
	struct snapshot_builder *b = snapshot_builder_new();
	struct snap_settings settings;
	struct snap_key key = { .digest = { 1 } };
	struct segment out[SNAP_KINDS];

	assert_int_equal(snapshot_builder_finish(b, NULL, 1, 1, out), -EINVAL);
	snapshot_settings_defaults(&settings);
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	snapshot_builder_add(b, SNAP_KEYS, &key);
	snapshot_builder_add(b, SNAP_KEYS, &key);
	assert_int_equal(snapshot_builder_finish(b, NULL, 1, 1, out), -EEXIST);
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	assert_int_equal(snapshot_builder_finish(b, NULL, 1, 1, out), -E2BIG);
	snapshot_builder_free(b);
}

static void an_almost_empty_snapshot_is_accepted(void **state)
{
	struct snapshot_builder *b = snapshot_builder_new();
	struct snap_settings settings;
	struct snapshot s;
	struct segment out[SNAP_KINDS];
	char why[200];

	snapshot_settings_defaults(&settings);
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	assert_int_equal(snapshot_builder_finish(b, NULL, 1, 1, out), 0);
	assert_int_equal(snapshot_open_segments(out, NULL, 1, &s, why, sizeof(why)), 0);
	snapshot_close(&s);
	snapshot_builder_free(b);
}

struct damage {
	enum snap_section_id section;
	uint32_t record;
	size_t offset, size;
	uint64_t value;
	const char *why;
};

#define DAMAGE(section, record, type, field, value, why)                                           \
	{                                                                                          \
		section, record, offsetof(struct type, field), sizeof(((struct type *)0)->field),  \
			value, why                                                                 \
	}

static const struct damage damages[] = {
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, head_bytes_max, 65537,
		"section settings, record 0: head_bytes_max: 65537 is not within 512 and 65536"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, event_records, 63,
		"section settings, record 0: event_records: 63 is no power of two"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, connections, 0, "connections: 0"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, fields_max, 129, "fields_max: 129"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, via.offset, 1 << 30, "via: "),
	DAMAGE(SNAP_PORTS, 0, snap_port, name.length, UINT32_MAX,
		"section ports, record 0: name: "),
	DAMAGE(SNAP_PORTS, 0, snap_port, addresses.first, 1, "record 0: addresses: "),
	DAMAGE(SNAP_PORTS, 0, snap_port, gateways.count, UINT32_MAX, "record 0: gateways: "),
	DAMAGE(SNAP_ADDRESSES, 0, snap_address, prefix_len, 33,
		"section addresses, record 0: prefix_len: 33"),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, interface.length, 0,
		"record 0: length of the interface's name: 0 is not within 1 and 15"),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, interface.length, 16, "section kernels, record 0: "),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, addresses.count, 2, "record 0: addresses: "),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, ports.first, 1, "record 0: ports: "),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, port, 1, "record 0: port: index 1"),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, burst, 0, "record 0: burst: 0"),
	DAMAGE(SNAP_KERNELS, 0, snap_kernel, interval_ns[4], 0, "record 0: interval_ns: 0"),
	DAMAGE(SNAP_LISTENERS, 0, snap_listener, tcp_port, 0,
		"section listeners, record 0: tcp_port: 0"),
	DAMAGE(SNAP_LISTENERS, 0, snap_listener, port, 1,
		"section listeners, record 0: port: index 1, beyond the 1 of section ports"),
	DAMAGE(SNAP_LISTENERS, 0, snap_listener, slot, 4,
		"section listeners, record 0: slot: 4, beyond the 4 reserved in settings"),
	DAMAGE(SNAP_LISTENERS, 0, snap_listener, slot, UINT32_MAX, "slot: 4294967295"),
	DAMAGE(SNAP_LISTENERS, 0, snap_listener, certs.count, 0, "certs of a TLS listener: 0"),
	DAMAGE(SNAP_CERTS, 0, snap_cert, names.first, 3, "section certificates, record 0: names: "),
	DAMAGE(SNAP_CERT_NAMES, 1, snap_text, length, 0,
		"section certificate names, record 1: name: empty"),
	DAMAGE(SNAP_PEERS, 0, snap_peer, cert, 1, "section peers, record 0: cert: index 1"),
	DAMAGE(SNAP_PEERS, 0, snap_peer, slot, SNAP_BACKEND_SLOTS, "record 0: slot: 65536"),
	DAMAGE(SNAP_PEERS, 0, snap_peer, slot, 5,
		"section backends, record 0: tls: slot 6, which section peers does not have"),
	DAMAGE(SNAP_PEERS, 0, snap_peer, ca.length, SNAP_CA_BYTES_MAX + 1, "record 0: ca: "),
	DAMAGE(SNAP_PEERS, 0, snap_peer, server_name.length, UINT32_MAX, "server_name: "),
	DAMAGE(SNAP_BACKENDS, 0, snap_backend, tls, 2, "section backends, record 0: tls: 2"),
	DAMAGE(SNAP_BACKENDS, 0, snap_backend, balance, 1,
		"section backends, record 0: balance: 1"),
	DAMAGE(SNAP_BACKENDS, 0, snap_backend, slot, SNAP_BACKEND_SLOTS,
		"section backends, record 0: slot: 65536"),
	DAMAGE(SNAP_BACKENDS, 0, snap_backend, slot, 5,
		"section endpoints, record 0: backend: slot 6, which section backends does not have"),
	DAMAGE(SNAP_ENDPOINTS, 1, snap_endpoint, backend, 1,
		"section endpoints, record 1: backend: slot 1, which section backends does not have"),
	DAMAGE(SNAP_ENDPOINTS, 1, snap_endpoint, backend, UINT32_MAX,
		"record 1: backend: slot 4294967295"),
	DAMAGE(SNAP_ENDPOINTS, 1, snap_endpoint, name.offset, 0,
		"section endpoints, record 1: name: a text of another kind of segment"),
	DAMAGE(SNAP_LISTENERS, 0, snap_listener, slot, 3,
		"section api listeners, record 0: listener: slot 2, which section listeners does not"),
	DAMAGE(SNAP_CREDENTIALS, 0, snap_credential, slot, 6,
		"section api credentials, record 0: credential: slot 7, which section credentials"),
	DAMAGE(SNAP_CREDENTIALS, 0, snap_credential, slot, 1024,
		"section credentials, record 0: slot: 1024"),
	DAMAGE(SNAP_APIS, 0, snap_api, slot, 0,
		"section plan apis, record 0: api: slot 1, which section apis does not have"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, api_capacity, 1,
		"section apis, record 0: slot: 1, beyond the 1 reserved in settings"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, endpoint_capacity, 1,
		"section endpoints, record 1: slot: 1, beyond the 1 reserved in settings"),
	DAMAGE(SNAP_SETTINGS, 0, snap_settings, consumer_capacity, 5,
		"section retired consumers, record 0: slot: 5, beyond the 5 reserved in settings"),
	DAMAGE(SNAP_ENDPOINTS, 1, snap_endpoint, weight, 2000,
		"section endpoints, record 1: weight: 2000 is not within 0 and 1000"),
	DAMAGE(SNAP_ENDPOINTS, 1, snap_endpoint, weight, 1001, "record 1: weight: 1001"),
	DAMAGE(SNAP_ENDPOINTS, 0, snap_endpoint, slot, 4, "section endpoints, record 0: slot: 4"),
	DAMAGE(SNAP_APIS, 0, snap_api, hosts.count, 0,
		"section apis, record 0: number of hosts: 0"),
	DAMAGE(SNAP_APIS, 0, snap_api, slot, 4, "section apis, record 0: slot: 4"),
	DAMAGE(SNAP_APIS, 0, snap_api, routes.count, 1,
		"section routes, record 1: api: API 0 does not hold it"),
	DAMAGE(SNAP_HOSTS, 0, snap_text, length, 0, "section hosts, record 0: name: empty"),
	DAMAGE(SNAP_ROUTES, 0, snap_route, kind, 4, "section routes, record 0: kind: 4"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, backend, 7,
		"section routes, record 1: backend: index 7, beyond the 1 of section backends"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, path.length, 0, "record 1: path: empty"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, path.offset, 1 << SNAP_TEXT_BITS,
		"record 1: path: does not begin"),
	DAMAGE(SNAP_ROUTES, 0, snap_route, path.length, 4, "record 0: path: a prefix is kept"),
	DAMAGE(SNAP_ROUTES, 0, snap_route, timeout_ms, 0, "record 0: timeout_ms: 0"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, backend, SNAP_NONE,
		"record 1: backend: index 4294967295, beyond"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, reply, 0, "record 1: backend: index 0 beside a reply"),
	DAMAGE(SNAP_ROUTES, 2, snap_route, backend, 0, "record 2: backend: index 0 beside a reply"),
	DAMAGE(SNAP_ROUTES, 2, snap_route, reply, 2, "record 2: reply: index 2, beyond the 2"),
	DAMAGE(SNAP_REPLIES, 0, snap_reply, status, 199, "section replies, record 0: status: 199"),
	DAMAGE(SNAP_REPLIES, 0, snap_reply, status, 308, "record 0: status: 308 with 0 pieces"),
	DAMAGE(SNAP_REPLIES, 1, snap_reply, status, 200, "record 1: status: 200 with 2 pieces"),
	DAMAGE(SNAP_REPLIES, 1, snap_reply, status, 304, "record 1: status: 304 with 2 pieces"),
	DAMAGE(SNAP_REPLIES, 0, snap_reply, type.length, 256, "record 0: "),
	DAMAGE(SNAP_REPLIES, 0, snap_reply, type.length, 100000, "record 0: type: 100000 bytes"),
	DAMAGE(SNAP_REPLIES, 0, snap_reply, body.offset, UINT32_MAX, "record 0: body: "),
	DAMAGE(SNAP_REPLIES, 1, snap_reply, location.count, 5, "record 1: location: 5 records"),
	DAMAGE(SNAP_PIECES, 0, snap_piece, kind, SNAP_PIECE_KINDS,
		"section pieces, record 0: kind: "),
	DAMAGE(SNAP_PIECES, 0, snap_piece, text.length, 0, "section pieces, record 0: text: empty"),
	DAMAGE(SNAP_PIECES, 1, snap_piece, segments, 65536, "record 1: segments: 65536"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, edit, 1, "record 1: edit: index 1, beyond the 1"),
	DAMAGE(SNAP_PIECES, 3, snap_piece, text.length, 0, "record 3: text: empty"),
	DAMAGE(SNAP_EDITS, 0, snap_edit, path.first, 1, "path: does not begin with a text"),
	DAMAGE(SNAP_EDITS, 0, snap_edit, path.first, 3, "path: does not begin with a text"),
	DAMAGE(SNAP_EDITS, 0, snap_edit, path.count, 5, "section edits, record 0: path: 5 records"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, retry, 1, "record 1: retry: index 1"),
	DAMAGE(SNAP_RETRIES, 0, snap_retry, attempts, 5, "section retries, record 0: attempts: 5"),
	DAMAGE(SNAP_RETRIES, 0, snap_retry, budget_share, 10001, "record 0: budget_share: 10001"),
	DAMAGE(SNAP_RETRIES, 0, snap_retry, on, 8, "record 0: on: 8"),
	DAMAGE(SNAP_EDITS, 0, snap_edit, host.length, 100000, "record 0: host: 100000 bytes"),
	DAMAGE(SNAP_EDITS, 0, snap_edit, request.count, 3, "record 0: request: 3 records"),
	DAMAGE(SNAP_EDITS, 0, snap_edit, response.first, 3, "record 0: response: 0 records"),
	DAMAGE(SNAP_ROUTES, 1, snap_route, cors, 2, "record 1: cors: index 2, beyond the 2"),
	DAMAGE(SNAP_APIS, 0, snap_api, cors, 2, "record 0: cors: index 2, beyond the 2"),
	DAMAGE(SNAP_CORS, 0, snap_cors, origins.count, 2, "section cors, record 0: origins: 2"),
	DAMAGE(SNAP_CORS, 0, snap_cors, any, 2, "record 0: any: 2"),
	DAMAGE(SNAP_CORS, 0, snap_cors, any, 1, "record 0: credentials: 1"),
	DAMAGE(SNAP_CORS, 0, snap_cors, fields.length, 100000, "record 0: fields: 100000 bytes"),
	DAMAGE(SNAP_CORS, 1, snap_cors, expose.length, 100000, "record 1: expose: 100000 bytes"),
	DAMAGE(SNAP_CORS, 0, snap_cors, max_age_ms, 86400001, "record 0: max_age_ms: 86400001"),
	DAMAGE(SNAP_ORIGINS, 0, snap_text, length, 0, "section origins, record 0: origin: empty"),
	DAMAGE(SNAP_FIELDS, 0, snap_field, name.length, 0, "section fields, record 0: name: empty"),
	DAMAGE(SNAP_FIELDS, 0, snap_field, name.length, 129, "record 0: "),
	DAMAGE(SNAP_FIELDS, 1, snap_field, value.first, 4, "section fields, record 1: value: "),
	DAMAGE(SNAP_CREDENTIALS, 0, snap_credential, where, 4,
		"section credentials, record 0: where: 4"),
	DAMAGE(SNAP_CREDENTIALS, 0, snap_credential, shape_class, 64, "shape_class: 64"),
	DAMAGE(SNAP_CREDENTIALS, 0, snap_credential, shape_class, 33, "stands alone"),
	DAMAGE(SNAP_CREDENTIALS, 0, snap_credential, shape_prefixes.length, 3, "has no end"),
	DAMAGE(SNAP_PLANS, 0, snap_plan, limits.count, 5, "section plans, record 0: limits: 5"),
	DAMAGE(SNAP_PLANS, 0, snap_plan, soft, 2, "section plans, record 0: soft: 2"),
	DAMAGE(SNAP_LIMITS, 1, snap_limit, word, 0, "section plans, record 0: limits: limit 1"),
	DAMAGE(SNAP_LIMITS, 1, snap_limit, word, 4, "section plans, record 0: limits: limit 1"),
	DAMAGE(SNAP_LIMITS, 0, snap_limit, kind, 2, "section limits, record 0: kind: 2"),
	DAMAGE(SNAP_LIMITS, 0, snap_limit, interval_ns, 0, "record 0: interval_ns: 0"),
	DAMAGE(SNAP_LIMITS, 0, snap_limit, burst_ns, UINT64_MAX, "record 0: burst_ns: "),
	DAMAGE(SNAP_LIMITS, 1, snap_limit, window_s, 0, "record 1: window_s: 0"),
	DAMAGE(SNAP_LIMITS, 1, snap_limit, amount, UINT64_C(1) << 40, "record 1: amount: "),
	DAMAGE(SNAP_CONSUMERS, 0, snap_consumer, plan, 1, "section consumers, record 0: plan: "),
	DAMAGE(SNAP_CONSUMERS, 0, snap_consumer, slot, 16, "section consumers, record 0: slot: 16"),
	DAMAGE(SNAP_RETIRED, 0, snap_retired, slot, 16,
		"section retired consumers, record 0: slot: 16"),
	DAMAGE(SNAP_RETIRED, 0, snap_retired, limits.first, 1,
		"section retired consumers, record 0: limits: "),
	DAMAGE(SNAP_KEYS, 1, snap_key, consumer, 1, "section keys, record 1: consumer: "),
	DAMAGE(SNAP_KEYS, 1, snap_key, digest[0], 3,
		"section keys, record 1: digest: not above the one before it"),
	DAMAGE(SNAP_KEYS, 0, snap_key, id.offset, UINT32_MAX, "section keys, record 0: id: "),
	/* Lists of bare indices and slots. */
	{ SNAP_LCORES, 0, 0, 4, 5000, "section lcores, record 0: lcore: 5000" },
	{ SNAP_LISTENER_CERTS, 0, 0, 4, 1,
		"section listener certificates, record 0: certificate: " },
	{ SNAP_API_LISTENERS, 0, 0, 4, 1, "section api listeners, record 0: listener: " },
	{ SNAP_API_CREDENTIALS, 0, 0, 4, 9, "section api credentials, record 0: credential: " },
	{ SNAP_PLAN_APIS, 0, 0, 4, 0, "section plan apis, record 0: api: " },
};

static void damage_is_refused_with_its_place(void **state)
{
	char why[200];

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *d = &damages[i];
		struct copies copies = copies_make();

		memcpy((uint8_t *)record_of(&copies, d->section, d->record) + d->offset, &d->value,
			d->size);
		crc_fix(segment_of(&copies, d->section));
		if (copies_open(&copies, why, sizeof(why)) != -EBADMSG)
			fail_msg("row %zu is not refused: \"%s\"", i, d->why);
		if (!strstr(why, d->why))
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, why, d->why);
		copies_free(&copies);
	}
}

static const struct damage table_damages[] = {
	DAMAGE(SNAP_ROUTES, 0, snap_section, offset, 65, "section routes: offset 65"),
	DAMAGE(SNAP_ROUTES, 0, snap_section, offset, 0, "section routes: offset 0 lies in"),
	DAMAGE(SNAP_ROUTES, 0, snap_section, offset, UINT64_C(1) << 63, "do not fit"),
	DAMAGE(SNAP_ROUTES, 0, snap_section, count, 1 << 20, "section routes: 1048576 records at"),
	DAMAGE(SNAP_ROUTES, 0, snap_section, count, UINT32_MAX, "more than 1048576"),
	DAMAGE(SNAP_ROUTES, 0, snap_section, record_bytes, 33, "records of 33 bytes instead of 52"),
	DAMAGE(SNAP_SETTINGS, 0, snap_section, count, 0, "section settings: no record"),
	DAMAGE(SNAP_SETTINGS, 0, snap_section, count, 2,
		"section settings: 2 records, more than 1"),
};

static void a_damaged_table_is_refused(void **state)
{
	char why[200];

	for (size_t i = 0; i < sizeof(table_damages) / sizeof(table_damages[0]); i++) {
		const struct damage *d = &table_damages[i];
		struct copies copies = copies_make();

		memcpy((uint8_t *)section_of(&copies, d->section) + d->offset, &d->value, d->size);
		crc_fix(segment_of(&copies, d->section));
		assert_int_equal(copies_open(&copies, why, sizeof(why)), -EBADMSG);
		if (!strstr(why, d->why))
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, why, d->why);
		copies_free(&copies);
	}
}

static void names_hold_no_control_characters(void **state)
{
	struct copies copies = copies_make();
	struct snap_consumer *consumer = record_of(&copies, SNAP_CONSUMERS, 0);
	char *strings = record_of(&copies, SNAP_CALLERS_STRINGS, 0);
	char why[200];

	strings[(consumer->name.offset & SNAP_TEXT_MASK) + 1] = '\n';
	crc_fix(&copies.at[SNAP_KIND_CALLERS]);
	assert_int_equal(copies_open(&copies, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "section consumers, record 0: name: control character 0x0a");
	copies_free(&copies);
}

static void a_slot_is_one_records(void **state)
{
	struct snapshot_builder *b = snapshot_builder_new();
	struct snap_settings settings;
	struct snap_backend backend = {
		.slot = 3, .health = SNAP_NONE, .connect_timeout_ms = 1000, .retry_after_ms = 5000
	};
	struct segment out[SNAP_KINDS];
	struct snapshot s;
	char why[200];

	snapshot_settings_defaults(&settings);
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	snapshot_builder_add(b, SNAP_BACKENDS, &backend);
	snapshot_builder_add(b, SNAP_BACKENDS, &backend);
	assert_int_equal(snapshot_builder_finish(b, NULL, 1, 1, out), 0);
	assert_int_equal(snapshot_open_segments(out, NULL, 1, &s, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "section backends, record 1: slot: 3 is that of record 0");
	snapshot_builder_free(b);
}

static void endpoints_of_a_backend_lie_together(void **state)
{
	struct snapshot_builder *b = snapshot_builder_new();
	struct snap_settings settings;
	struct snap_backend backend = {
		.health = SNAP_NONE, .connect_timeout_ms = 1000, .retry_after_ms = 5000
	};
	struct snap_endpoint endpoint = { .tcp_port = 1, .weight = 1 };
	struct segment out[SNAP_KINDS];
	struct snapshot s;
	char why[200];

	snapshot_settings_defaults(&settings);
	settings.endpoint_capacity = 4;
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	for (backend.slot = 0; backend.slot < 2; backend.slot++)
		snapshot_builder_add(b, SNAP_BACKENDS, &backend);
	for (endpoint.slot = 0; endpoint.slot < 3; endpoint.slot++) {
		endpoint.backend = endpoint.slot % 2;
		snapshot_builder_add(b, SNAP_ENDPOINTS, &endpoint);
	}
	assert_int_equal(snapshot_builder_finish(b, NULL, 1, 1, out), 0);
	assert_int_equal(snapshot_open_segments(out, NULL, 1, &s, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why,
		"section endpoints, record 2: backend: its other endpoints are not beside this one");
	snapshot_builder_free(b);
}

static void each_kind_has_its_place(void **state)
{
	struct segment out[SNAP_KINDS], other;
	struct snapshot s;
	char why[200];

	assert_int_equal(fixture_build(1, out), 0);
	other = out[SNAP_KIND_ROUTING];
	out[SNAP_KIND_ROUTING] = out[SNAP_KIND_CALLERS];
	out[SNAP_KIND_CALLERS] = other;
	assert_int_equal(snapshot_open_segments(out, NULL, 1, &s, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "section strings: a segment of kind callers instead of routing");
}

static void a_segment_holds_its_own_kind(void **state)
{
	struct copies copies = copies_make();
	struct snap_header *header = (void *)((uint8_t *)copies.at[SNAP_KIND_ROUTING].base +
					      sizeof(struct segment_header));
	char why[200];

	header->kind = SNAP_KIND_CALLERS;
	crc_fix(&copies.at[SNAP_KIND_ROUTING]);
	assert_int_equal(copies_open(&copies, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, " records in a segment of kind callers"));
	header->kind = SNAP_KINDS;
	crc_fix(&copies.at[SNAP_KIND_ROUTING]);
	assert_int_equal(copies_open(&copies, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "section strings: in a segment of kind 4, which is none");
	copies_free(&copies);
}

/* An apply that changes one kind: the others are the same memory. */
static void snapshots_share_parts(void **state)
{
	struct snapshot_part *parts[SNAP_KINDS];
	struct segment first[SNAP_KINDS], second[SNAP_KINDS];
	struct snapshot a, b;
	char why[200];

	assert_int_equal(fixture_build(5, first), 0);
	assert_int_equal(fixture_build(6, second), 0);
	assert_int_equal(snapshot_open_segments(first, NULL, 5, &a, why, sizeof(why)), 0);
	assert_int_equal(a.generation, 5);
	memcpy(parts, a.parts, sizeof(parts));
	assert_int_equal(snapshot_part_open(&second[SNAP_KIND_ENDPOINTS],
				 &parts[SNAP_KIND_ENDPOINTS], why, sizeof(why)),
		0);
	assert_true(snapshot_part_same(parts[SNAP_KIND_ENDPOINTS], a.parts[SNAP_KIND_ENDPOINTS]));
	assert_int_equal(snapshot_open(parts, 6, &b, why, sizeof(why)), 0);
	snapshot_part_release(parts[SNAP_KIND_ENDPOINTS]);
	assert_int_equal(b.generation, 6);
	assert_int_equal(b.parts[SNAP_KIND_CALLERS]->generation, 5);
	assert_int_equal(b.parts[SNAP_KIND_ENDPOINTS]->generation, 6);
	assert_true(snapshot_shares(&a, &b, 7));
	assert_false(snapshot_shares(&a, &b, 1u << SNAP_KIND_ENDPOINTS));
	assert_ptr_equal(a.sections[SNAP_KEYS].records, b.sections[SNAP_KEYS].records);
	snapshot_close(&a);
	assert_true(snapshot_walk(&b) > 0);
	snapshot_close(&b);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		segment_close(&second[kind]);
}

static void flip_bytes(enum snap_kind kind)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	struct copies copies = copies_make();
	struct segment *s = &copies.at[kind];
	uint8_t *copy = s->base;
	char why[200];

	for (size_t i = 0; i < s->length; i++) {
		for (size_t k = 0; k < sizeof(masks); k++) {
			copy[i] ^= masks[k];
			assert_true(
				copies_open(&copies, why, sizeof(why)) != 0 || i == 14 || i == 15 ||
				(i >= 32 && i < 64)); /* ABI minor; generation, boot id, spare */
			crc_fix(s);
			if (copies_open(&copies, why, sizeof(why)) == -EBADMSG && i >= 64)
				assert_memory_equal(why, "section ", 8);
			memcpy(copy, fixture[kind].base, s->length);
		}
	}
	copies_free(&copies);
}

static void any_flipped_byte_is_survived(void **state)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		flip_bytes(kind);
}

static void truncate_to(enum snap_kind kind, size_t length)
{
	struct copies copies = copies_make();
	struct segment *s = &copies.at[kind];
	char why[200];

	free(s->base);
	s->base = aligned_alloc(SHM_ALIGN, (length + SHM_ALIGN) / 64 * 64);
	s->length = length;
	memcpy(s->base, fixture[kind].base, length);
	if (length >= sizeof(struct segment_header)) {
		((struct segment_header *)s->base)->length = length;
		crc_fix(s);
	}
	assert_int_equal(copies_open(&copies, why, sizeof(why)), -EBADMSG);
	copies_free(&copies);
}

static void any_truncation_is_refused(void **state)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		for (size_t length = 0; length < fixture[kind].length;
			length += length < 256 ? 1 : SHM_ALIGN)
			truncate_to(kind, length);
}

static void reading_stops_at_the_last_byte(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct copies copies = { 0 };
	uint8_t *maps[SNAP_KINDS];
	size_t room[SNAP_KINDS];
	char why[200];

	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		const size_t length = fixture[kind].length;

		room[kind] = (length + page - 1) / page * page;
		maps[kind] = mmap(NULL, room[kind] + page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(maps[kind], MAP_FAILED);
		assert_int_equal(mprotect(maps[kind] + room[kind], page, PROT_NONE), 0);
		copies.at[kind] = (struct segment){
			.fd = -1, .base = maps[kind] + room[kind] - length, .length = length
		};
		memcpy(copies.at[kind].base, fixture[kind].base, length);
	}
	assert_int_equal(copies_open(&copies, why, sizeof(why)), 0);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		munmap(maps[kind], room[kind] + page);
}

static void a_short_buffer_for_the_reason_is_enough(void **state)
{
	struct copies copies = copies_make();
	char why[8];

	section_of(&copies, SNAP_KEYS)->record_bytes = 1;
	crc_fix(&copies.at[SNAP_KIND_CALLERS]);
	for (size_t room = 1; room <= sizeof(why); room++) {
		memset(why, 'x', sizeof(why));
		assert_int_equal(copies_open(&copies, why, room), -EBADMSG);
		assert_int_equal(strlen(why), room - 1);
	}
	copies_free(&copies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_read_back),
		cmocka_unit_test(equal_texts_share_their_bytes),
		cmocka_unit_test(a_builder_refuses_what_cannot_be_right),
		cmocka_unit_test(an_almost_empty_snapshot_is_accepted),
		cmocka_unit_test(damage_is_refused_with_its_place),
		cmocka_unit_test(a_damaged_table_is_refused),
		cmocka_unit_test(names_hold_no_control_characters),
		cmocka_unit_test(a_slot_is_one_records),
		cmocka_unit_test(endpoints_of_a_backend_lie_together),
		cmocka_unit_test(each_kind_has_its_place),
		cmocka_unit_test(a_segment_holds_its_own_kind),
		cmocka_unit_test(snapshots_share_parts),
		cmocka_unit_test(any_flipped_byte_is_survived),
		cmocka_unit_test(any_truncation_is_refused),
		cmocka_unit_test(reading_stops_at_the_last_byte),
		cmocka_unit_test(a_short_buffer_for_the_reason_is_enough),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
