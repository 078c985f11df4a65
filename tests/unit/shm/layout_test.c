/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden layout: offset and size of each field in shared memory as literal numbers. Who changes one
 * changes this file with it, and knows that two builds no longer understand each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/shm/delta.h"
#include "lib/shm/events.h"
#include "lib/shm/link.h"
#include "lib/shm/shm_priv.h"
#include "lib/shm/stats.h"
#include "lib/shm/usage.h"

struct golden {
	const char *name;
	size_t offset, golden_offset, size, golden_size;
};

#define FIELD(type, field, golden_offset, golden_size)                                             \
	{                                                                                          \
#type "." #field, offsetof(struct type, field), golden_offset,                     \
			sizeof(((struct type *)0)->field), golden_size                             \
	}
#define RECORD(type, golden_size)                                                                  \
	{                                                                                          \
#type, 0, 0, sizeof(struct type), golden_size                                      \
	}

/* clang-format off */
static const struct golden goldens[] = {
	RECORD(snap_section, 16),
	FIELD(snap_section, offset, 0, 8),
	FIELD(snap_section, count, 8, 4),
	FIELD(snap_section, record_bytes, 12, 4),
	RECORD(snap_text, 8),
	FIELD(snap_text, offset, 0, 4),
	FIELD(snap_text, length, 4, 4),
	RECORD(snap_range, 8),
	FIELD(snap_range, first, 0, 4),
	FIELD(snap_range, count, 4, 4),
	RECORD(snap_settings, 128),
	FIELD(snap_settings, workers, 0, 4),
	FIELD(snap_settings, connections, 4, 4),
	FIELD(snap_settings, mbufs, 8, 4),
	FIELD(snap_settings, head_bytes_max, 12, 4),
	FIELD(snap_settings, target_bytes_max, 16, 4),
	FIELD(snap_settings, fields_max, 20, 4),
	FIELD(snap_settings, head_timeout_ms, 24, 4),
	FIELD(snap_settings, body_timeout_ms, 28, 4),
	FIELD(snap_settings, idle_timeout_ms, 32, 4),
	FIELD(snap_settings, send_timeout_ms, 36, 4),
	FIELD(snap_settings, backend_idle_timeout_ms, 40, 4),
	FIELD(snap_settings, api_capacity, 44, 4),
	FIELD(snap_settings, endpoint_capacity, 48, 4),
	FIELD(snap_settings, listener_capacity, 52, 4),
	FIELD(snap_settings, consumer_capacity, 56, 4),
	FIELD(snap_settings, rto_min_ms, 60, 4),
	FIELD(snap_settings, rcv_buf_bytes, 64, 4),
	FIELD(snap_settings, snd_buf_bytes, 68, 4),
	FIELD(snap_settings, flags, 72, 4),
	FIELD(snap_settings, event_records, 76, 4),
	FIELD(snap_settings, via, 80, 8),
	FIELD(snap_settings, body_bytes_max, 88, 8),
	FIELD(snap_settings, access_log, 96, 4),
	FIELD(snap_settings, ecn, 100, 4),
	FIELD(snap_settings, body_rate_min, 104, 4),
	FIELD(snap_settings, send_rate_min, 108, 4),
	RECORD(snap_port, 56),
	FIELD(snap_port, name, 0, 8),
	FIELD(snap_port, device, 8, 8),
	FIELD(snap_port, addresses, 16, 8),
	FIELD(snap_port, gateways, 24, 8),
	FIELD(snap_port, mtu, 32, 4),
	FIELD(snap_port, queues, 36, 4),
	FIELD(snap_port, ways, 40, 8),
	FIELD(snap_port, vlan, 48, 4),
	RECORD(snap_kernel, 72),
	FIELD(snap_kernel, interface, 0, 8),
	FIELD(snap_kernel, addresses, 8, 8),
	FIELD(snap_kernel, ports, 16, 8),
	FIELD(snap_kernel, port, 24, 4),
	FIELD(snap_kernel, burst, 28, 4),
	FIELD(snap_kernel, interval_ns, 32, 40),
	RECORD(snap_address, 20),
	FIELD(snap_address, addr, 0, 16),
	FIELD(snap_address, prefix_len, 16, 4),
	RECORD(snap_way, 28),
	FIELD(snap_way, to, 0, 16),
	FIELD(snap_way, prefix_len, 16, 4),
	FIELD(snap_way, gateways, 20, 8),
	RECORD(snap_listener, 60),
	FIELD(snap_listener, name, 0, 8),
	FIELD(snap_listener, addr, 8, 16),
	FIELD(snap_listener, tcp_port, 24, 4),
	FIELD(snap_listener, port, 28, 4),
	FIELD(snap_listener, slot, 32, 4),
	FIELD(snap_listener, tls, 36, 4),
	FIELD(snap_listener, certs, 40, 8),
	FIELD(snap_listener, backlog, 48, 4),
	FIELD(snap_listener, connections_per_source, 52, 4),
	FIELD(snap_listener, paths, 56, 4),
	RECORD(snap_cert, 48),
	FIELD(snap_cert, name, 0, 8),
	FIELD(snap_cert, names, 8, 8),
	FIELD(snap_cert, fingerprint, 16, 32),
	RECORD(snap_backend, 32),
	FIELD(snap_backend, name, 0, 8),
	FIELD(snap_backend, endpoints, 8, 8),
	FIELD(snap_backend, balance, 16, 4),
	FIELD(snap_backend, connect_timeout_ms, 20, 4),
	FIELD(snap_backend, retry_after_ms, 24, 4),
	FIELD(snap_backend, idle_connections, 28, 4),
	RECORD(snap_endpoint, 40),
	FIELD(snap_endpoint, name, 0, 8),
	FIELD(snap_endpoint, addr, 8, 16),
	FIELD(snap_endpoint, tcp_port, 24, 4),
	FIELD(snap_endpoint, weight, 28, 4),
	FIELD(snap_endpoint, slot, 32, 4),
	FIELD(snap_endpoint, backend, 36, 4),
	RECORD(snap_api, 56),
	FIELD(snap_api, name, 0, 8),
	FIELD(snap_api, version, 8, 8),
	FIELD(snap_api, listeners, 16, 8),
	FIELD(snap_api, hosts, 24, 8),
	FIELD(snap_api, credentials, 32, 8),
	FIELD(snap_api, routes, 40, 8),
	FIELD(snap_api, slot, 48, 4),
	RECORD(snap_route, 32),
	FIELD(snap_route, path, 0, 8),
	FIELD(snap_route, kind, 8, 4),
	FIELD(snap_route, methods, 12, 4),
	FIELD(snap_route, backend, 16, 4),
	FIELD(snap_route, timeout_ms, 20, 4),
	FIELD(snap_route, api, 24, 4),
	RECORD(snap_credential, 56),
	FIELD(snap_credential, name, 0, 8),
	FIELD(snap_credential, field, 8, 8),
	FIELD(snap_credential, pattern, 16, 8),
	FIELD(snap_credential, shape_prefixes, 24, 8),
	FIELD(snap_credential, where, 32, 4),
	FIELD(snap_credential, pattern_id, 36, 4),
	FIELD(snap_credential, shape_class, 40, 4),
	FIELD(snap_credential, shape_length, 44, 4),
	FIELD(snap_credential, strip, 48, 4),
	RECORD(snap_plan, 32),
	FIELD(snap_plan, name, 0, 8),
	FIELD(snap_plan, apis, 8, 8),
	FIELD(snap_plan, limits, 16, 8),
	FIELD(snap_plan, slot, 24, 4),
	FIELD(snap_plan, flags, 28, 4),
	RECORD(snap_limit, 56),
	FIELD(snap_limit, name, 0, 8),
	FIELD(snap_limit, kind, 8, 4),
	FIELD(snap_limit, word, 12, 4),
	FIELD(snap_limit, interval_ns, 16, 8),
	FIELD(snap_limit, burst_ns, 24, 8),
	FIELD(snap_limit, window_s, 32, 8),
	FIELD(snap_limit, amount, 40, 8),
	FIELD(snap_limit, burst, 48, 8),
	RECORD(snap_consumer, 16),
	FIELD(snap_consumer, name, 0, 8),
	FIELD(snap_consumer, plan, 8, 4),
	FIELD(snap_consumer, slot, 12, 4),
	RECORD(snap_retired, 24),
	FIELD(snap_retired, name, 0, 8),
	FIELD(snap_retired, limits, 8, 8),
	FIELD(snap_retired, slot, 16, 4),
	RECORD(snap_key, 56),
	FIELD(snap_key, digest, 0, 32),
	FIELD(snap_key, expires, 32, 8),
	FIELD(snap_key, consumer, 40, 4),
	FIELD(snap_key, id, 44, 8),
	RECORD(secrets_entry, 64),
	FIELD(secrets_entry, cert_offset, 0, 8),
	FIELD(secrets_entry, key_offset, 8, 8),
	FIELD(secrets_entry, cert_length, 16, 4),
	FIELD(secrets_entry, key_length, 20, 4),
	FIELD(secrets_entry, fingerprint, 24, 32),
	RECORD(stats_entry, 80),
	FIELD(stats_entry, name, 0, 32),
	FIELD(stats_entry, first_field, 32, 24),
	FIELD(stats_entry, kind, 56, 4),
	FIELD(stats_entry, count, 60, 4),
	FIELD(stats_entry, stride, 64, 4),
	FIELD(stats_entry, fields, 68, 4),
	FIELD(stats_entry, offset, 72, 8),
	RECORD(usage_line, 64),
	FIELD(usage_line, limit, 0, 32),
	FIELD(usage_line, requests, 32, 8),
	FIELD(usage_line, limited, 40, 8),
	FIELD(usage_line, bytes_out, 48, 8),
	FIELD(usage_line, last_seen_s, 56, 8),
	RECORD(event_ring_header, 192),
	FIELD(event_ring_header, records, 0, 4),
	FIELD(event_ring_header, record_bytes, 4, 4),
	FIELD(event_ring_header, head, 64, 8),
	FIELD(event_ring_header, tail, 128, 8),
	RECORD(event, 256),
	FIELD(event, time_ns, 0, 8),
	FIELD(event, request_id, 8, 8),
	FIELD(event, duration_us, 16, 4),
	FIELD(event, backend_us, 20, 4),
	FIELD(event, type, 24, 2),
	FIELD(event, status, 26, 2),
	FIELD(event, reason, 28, 2),
	FIELD(event, worker, 30, 1),
	FIELD(event, method, 31, 1),
	FIELD(event, listener, 32, 4),
	FIELD(event, api, 36, 4),
	FIELD(event, endpoint, 40, 4),
	FIELD(event, consumer, 44, 4),
	FIELD(event, bytes_in, 48, 8),
	FIELD(event, bytes_out, 56, 8),
	FIELD(event, client, 64, 16),
	FIELD(event, client_port, 80, 2),
	FIELD(event, tls, 82, 1),
	FIELD(event, host_bytes, 83, 1),
	FIELD(event, path_bytes, 84, 2),
	FIELD(event, key, 88, 8),
	FIELD(event, limit, 96, 4),
	FIELD(event, generation, 100, 4),
	FIELD(event, host, 104, 40),
	FIELD(event, path, 144, 112),
	RECORD(delta_ring_header, 256),
	FIELD(delta_ring_header, records, 0, 4),
	FIELD(delta_ring_header, record_bytes, 4, 4),
	FIELD(delta_ring_header, head, 64, 8),
	FIELD(delta_ring_header, tail, 128, 8),
	FIELD(delta_ring_header, acked, 192, 8),
	FIELD(delta_ring_header, refused, 200, 8),
	RECORD(delta, 128),
	FIELD(delta, sequence, 0, 8),
	FIELD(delta, base_generation, 8, 8),
	FIELD(delta, op, 16, 4),
	FIELD(delta, consumer, 20, 4),
	FIELD(delta, plan, 24, 4),
	FIELD(delta, expires, 32, 8),
	FIELD(delta, digest, 40, 32),
	RECORD(segment_header, 64),
	FIELD(segment_header, magic, 0, 8),
	FIELD(segment_header, type, 8, 4),
	FIELD(segment_header, abi_major, 12, 2),
	FIELD(segment_header, abi_minor, 14, 2),
	FIELD(segment_header, length, 16, 8),
	FIELD(segment_header, crc32c, 24, 4),
	FIELD(segment_header, layout, 28, 4),
	FIELD(segment_header, generation, 32, 8),
	FIELD(segment_header, boot_id, 40, 8),
	RECORD(link_message, 256),
	FIELD(link_message, magic, 0, 4),
	FIELD(link_message, type, 4, 4),
	FIELD(link_message, abi_major, 8, 2),
	FIELD(link_message, abi_minor, 10, 2),
	FIELD(link_message, role, 12, 4),
	FIELD(link_message, state, 16, 4),
	FIELD(link_message, segment, 20, 4),
	FIELD(link_message, index, 24, 4),
	FIELD(link_message, status, 28, 4),
	FIELD(link_message, generation, 32, 8),
	FIELD(link_message, boot_id, 40, 8),
	FIELD(link_message, workers, 48, 4),
	FIELD(link_message, pid, 52, 4),
	FIELD(link_message, text, 56, 200),
};
/* clang-format on */

static void fields_lie_where_they_always_lay(void **state)
{
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		const struct golden *g = &goldens[i];

		if (g->offset != g->golden_offset || g->size != g->golden_size)
			fail_msg("%s: offset %zu size %zu instead of %zu, %zu", g->name, g->offset,
				g->size, g->golden_offset, g->golden_size);
	}
}

static void numbers_mean_what_they_always_meant(void **state)
{
	assert_int_equal(SEGMENT_SNAPSHOT, 1);
	assert_int_equal(SEGMENT_SECRETS, 2);
	assert_int_equal(SEGMENT_STATS, 3);
	assert_int_equal(SEGMENT_USAGE, 4);
	assert_int_equal(SEGMENT_EVENTS, 5);
	assert_int_equal(SEGMENT_DELTA, 6);
	assert_int_equal(LINK_PONG, 7);
	assert_int_equal(SNAP_STRINGS, 0);
	assert_int_equal(SNAP_ROUTES, 16);
	assert_int_equal(SNAP_WAYS, 23);
	assert_int_equal(SNAP_RETIRED, 27);
	assert_int_equal(SNAP_SECTION_COUNT, 28);
	assert_int_equal(HIST_BUCKETS, 337);
}

static void each_type_has_a_layout_of_its_own(void **state)
{
	for (unsigned a = SEGMENT_SNAPSHOT; a <= SEGMENT_DELTA; a++) {
		assert_int_not_equal(segment_layout(a), 0);
		for (unsigned b = SEGMENT_SNAPSHOT; b < a; b++)
			assert_int_not_equal(segment_layout(a), segment_layout(b));
	}
	assert_int_equal(segment_layout(7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_lie_where_they_always_lay),
		cmocka_unit_test(numbers_mean_what_they_always_meant),
		cmocka_unit_test(each_type_has_a_layout_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
