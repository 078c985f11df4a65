/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout hash of each segment type: CRC-32C over every field's name, offset and size. Names are
 * part of it, because two fields of one size that change places look the same in numbers. Fields that
 * come from .def files are listed by the same files.
 */
#include "lib/base/crc32c.h"
#include "lib/shm/ask.h"
#include "lib/shm/delta.h"
#include "lib/shm/events.h"
#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/stats.h"
#include "lib/shm/usage.h"

#define FIELD(type, field)                                                                         \
	{                                                                                          \
#type "." #field, offsetof(struct type, field), sizeof(((struct type *)0)->field)  \
	}
#define RECORD(type)                                                                               \
	{                                                                                          \
#type, 0, sizeof(struct type)                                                      \
	}

/* Members that are settings: SNAP_RECORD is the record that they are in. */
#define SETTING_FIELD(record, member) FIELD(record, member),
#define SETTING(group, name, type, store, member, fallback, range, change, text)                   \
	SETTING_FIELD(SNAP_RECORD, member)
#include "lib/schema/rows.def"

static const struct layout_field snapshot_fields[] = {
	{ "kinds", 0, SNAP_KINDS },
	{ "sections", 0, SNAP_SECTION_COUNT },
	RECORD(snap_header),
	FIELD(snap_header, kind),
	RECORD(snap_section),
	FIELD(snap_section, offset),
	FIELD(snap_section, count),
	FIELD(snap_section, record_bytes),
	RECORD(snap_text),
	FIELD(snap_text, offset),
	FIELD(snap_text, length),
	RECORD(snap_range),
	FIELD(snap_range, first),
	FIELD(snap_range, count),
	RECORD(snap_settings),
#define SNAP_RECORD snap_settings
#include "lib/schema/settings.def"
#undef SNAP_RECORD
	RECORD(snap_port),
#define SNAP_RECORD snap_port
#include "lib/schema/port.def"
#undef SNAP_RECORD
	FIELD(snap_port, addresses),
	FIELD(snap_port, gateways),
	FIELD(snap_port, ways),
	RECORD(snap_kernel),
#define SNAP_RECORD snap_kernel
#include "lib/schema/kernel.def"
#undef SNAP_RECORD
	FIELD(snap_kernel, addresses),
	FIELD(snap_kernel, ports),
	FIELD(snap_kernel, port),
	FIELD(snap_kernel, interval_ns),
	RECORD(snap_address),
	FIELD(snap_address, addr),
	FIELD(snap_address, prefix_len),
	RECORD(snap_way),
	FIELD(snap_way, to),
	FIELD(snap_way, prefix_len),
	FIELD(snap_way, gateways),
	RECORD(snap_listener),
#define SNAP_RECORD snap_listener
#include "lib/schema/listener.def"
#undef SNAP_RECORD
	FIELD(snap_listener, addr),
	FIELD(snap_listener, tcp_port),
	FIELD(snap_listener, port),
	FIELD(snap_listener, slot),
	FIELD(snap_listener, tls),
	FIELD(snap_listener, certs),
	FIELD(snap_listener, paths),
	RECORD(snap_cert),
#define SNAP_RECORD snap_cert
#include "lib/schema/certificate.def"
#undef SNAP_RECORD
	FIELD(snap_cert, names),
	FIELD(snap_cert, fingerprint),
	RECORD(snap_backend),
#define SNAP_RECORD snap_backend
#include "lib/schema/backend.def"
#undef SNAP_RECORD
	FIELD(snap_backend, slot),
	FIELD(snap_backend, health),
	FIELD(snap_backend, tls),
	RECORD(snap_health),
#define SNAP_RECORD snap_health
#include "lib/schema/health.def"
#undef SNAP_RECORD
	FIELD(snap_health, statuses),
	RECORD(snap_peer),
#define SNAP_RECORD snap_peer
#include "lib/schema/backend_tls.def"
#undef SNAP_RECORD
	FIELD(snap_peer, ca),
	FIELD(snap_peer, cert),
	FIELD(snap_peer, slot),
	RECORD(snap_endpoint),
#define SNAP_RECORD snap_endpoint
#include "lib/schema/endpoint.def"
#undef SNAP_RECORD
	FIELD(snap_endpoint, addr),
	FIELD(snap_endpoint, tcp_port),
	FIELD(snap_endpoint, slot),
	FIELD(snap_endpoint, backend),
	RECORD(snap_api),
#define SNAP_RECORD snap_api
#include "lib/schema/api.def"
#undef SNAP_RECORD
	FIELD(snap_api, listeners),
	FIELD(snap_api, hosts),
	FIELD(snap_api, credentials),
	FIELD(snap_api, routes),
	FIELD(snap_api, slot),
	FIELD(snap_api, cors),
	RECORD(snap_route),
#define SNAP_RECORD snap_route
#include "lib/schema/route.def"
#undef SNAP_RECORD
	FIELD(snap_route, path),
	FIELD(snap_route, kind),
	FIELD(snap_route, methods),
	FIELD(snap_route, backend),
	FIELD(snap_route, reply),
	FIELD(snap_route, edit),
	FIELD(snap_route, retry),
	FIELD(snap_route, api),
	FIELD(snap_route, cors),
	RECORD(snap_retry),
#define SNAP_RECORD snap_retry
#include "lib/schema/retry.def"
#undef SNAP_RECORD
	FIELD(snap_retry, on),
	FIELD(snap_retry, statuses),
	RECORD(snap_piece),
	FIELD(snap_piece, text),
	FIELD(snap_piece, kind),
	FIELD(snap_piece, segments),
	RECORD(snap_reply),
#define SNAP_RECORD snap_reply
#include "lib/schema/reply.def"
#undef SNAP_RECORD
	FIELD(snap_reply, body),
	FIELD(snap_reply, location),
	RECORD(snap_field),
	FIELD(snap_field, name),
	FIELD(snap_field, value),
	RECORD(snap_edit),
	FIELD(snap_edit, path),
	FIELD(snap_edit, host),
	FIELD(snap_edit, request),
	FIELD(snap_edit, response),
	RECORD(snap_cors),
#define SNAP_RECORD snap_cors
#include "lib/schema/cors.def"
#undef SNAP_RECORD
	FIELD(snap_cors, origins),
	FIELD(snap_cors, fields),
	FIELD(snap_cors, expose),
	FIELD(snap_cors, methods),
	FIELD(snap_cors, any),
	RECORD(snap_credential),
#define SNAP_RECORD snap_credential
#include "lib/schema/credential.def"
#undef SNAP_RECORD
	FIELD(snap_credential, field),
	FIELD(snap_credential, pattern),
	FIELD(snap_credential, shape_prefixes),
	FIELD(snap_credential, where),
	FIELD(snap_credential, pattern_id),
	FIELD(snap_credential, shape_class),
	FIELD(snap_credential, shape_length),
	FIELD(snap_credential, slot),
	RECORD(snap_plan),
#define SNAP_RECORD snap_plan
#include "lib/schema/plan.def"
#undef SNAP_RECORD
	FIELD(snap_plan, apis),
	FIELD(snap_plan, limits),
	FIELD(snap_plan, slot),
	RECORD(snap_limit),
	FIELD(snap_limit, name),
	FIELD(snap_limit, kind),
	FIELD(snap_limit, word),
	FIELD(snap_limit, interval_ns),
	FIELD(snap_limit, burst_ns),
	FIELD(snap_limit, window_s),
	FIELD(snap_limit, amount),
	FIELD(snap_limit, burst),
	RECORD(snap_consumer),
	FIELD(snap_consumer, name),
	FIELD(snap_consumer, plan),
	FIELD(snap_consumer, slot),
	RECORD(snap_retired),
	FIELD(snap_retired, name),
	FIELD(snap_retired, limits),
	FIELD(snap_retired, slot),
	RECORD(snap_key),
	FIELD(snap_key, digest),
	FIELD(snap_key, expires),
	FIELD(snap_key, consumer),
	FIELD(snap_key, id),
};
#include "lib/schema/end.def"

static const struct layout_field secrets_fields[] = {
	RECORD(secrets_header),
	FIELD(secrets_header, count),
	FIELD(secrets_header, entry_bytes),
	RECORD(secrets_entry),
	FIELD(secrets_entry, cert_offset),
	FIELD(secrets_entry, key_offset),
	FIELD(secrets_entry, cert_length),
	FIELD(secrets_entry, key_length),
	FIELD(secrets_entry, fingerprint),
};

static const struct layout_field stats_fields[] = {
	RECORD(stats_header),
	FIELD(stats_header, entries),
	FIELD(stats_header, entry_bytes),
	FIELD(stats_header, worker_index),
	RECORD(stats_entry),
	FIELD(stats_entry, name),
	FIELD(stats_entry, first_field),
	FIELD(stats_entry, kind),
	FIELD(stats_entry, count),
	FIELD(stats_entry, stride),
	FIELD(stats_entry, fields),
	FIELD(stats_entry, offset),
#define WORKER_COUNTER(name, text) FIELD(stats_worker, name),
#include "lib/shm/worker_counters.def"
#undef WORKER_COUNTER
#define DROP(NAME, name, text) { "drop." #name, DROP_##NAME * 8, 8 },
#include "lib/shm/drop.def"
#undef DROP
#define REASON(NAME, name, status, title) { "reason." #name, REASON_##NAME * 8, 8 },
#include "lib/shm/reason.def"
#undef REASON
#define STAGE(NAME, name, text) { "stage." #name, STAGE_##NAME * 8, 8 },
#include "lib/shm/stage.def"
#undef STAGE
#define TCP_COUNTER(name, text) FIELD(stats_tcp, name),
#include "lib/shm/tcp_counters.def"
#undef TCP_COUNTER
#define PORT_COUNTER(name, text) FIELD(stats_port, name),
#include "lib/shm/port_counters.def"
#undef PORT_COUNTER
#define LISTENER_COUNTER(name, text) FIELD(stats_listener, name),
#include "lib/shm/listener_counters.def"
#undef LISTENER_COUNTER
#define API_COUNTER(name, text) FIELD(stats_api, name),
#include "lib/shm/api_counters.def"
#undef API_COUNTER
	FIELD(stats_api, latency_us),
#define ENDPOINT_COUNTER(name, text) FIELD(stats_endpoint, name),
#include "lib/shm/endpoint_counters.def"
#undef ENDPOINT_COUNTER
	FIELD(stats_endpoint, latency_us),
};

static const struct layout_field usage_fields[] = {
	RECORD(usage_header),
	FIELD(usage_header, capacity),
	FIELD(usage_header, line_bytes),
	RECORD(usage_line),
	FIELD(usage_line, limit),
	FIELD(usage_line, requests),
	FIELD(usage_line, limited),
	FIELD(usage_line, bytes_out),
	FIELD(usage_line, last_seen_s),
};

/* An event carries the number of a reason, so that reason.def is part of its layout. */
static const struct layout_field event_fields[] = {
	RECORD(event_ring_header),
	FIELD(event_ring_header, records),
	FIELD(event_ring_header, record_bytes),
	FIELD(event_ring_header, head),
	FIELD(event_ring_header, tail),
	RECORD(event),
	FIELD(event, time_ns),
	FIELD(event, request_id),
	FIELD(event, duration_us),
	FIELD(event, backend_us),
	FIELD(event, type),
	FIELD(event, status),
	FIELD(event, reason),
	FIELD(event, worker),
	FIELD(event, method),
	FIELD(event, listener),
	FIELD(event, api),
	FIELD(event, endpoint),
	FIELD(event, consumer),
	FIELD(event, bytes_in),
	FIELD(event, bytes_out),
	FIELD(event, client),
	FIELD(event, client_port),
	FIELD(event, tls),
	FIELD(event, host_bytes),
	FIELD(event, path_bytes),
	FIELD(event, attempts),
	FIELD(event, key),
	FIELD(event, limit),
	FIELD(event, generation),
	FIELD(event, host),
	FIELD(event, path),
#define REASON(NAME, name, status, title) { "reason." #name, REASON_##NAME, 0 },
#include "lib/shm/reason.def"
#undef REASON
};

static const struct layout_field delta_fields[] = {
	RECORD(delta_ring_header),
	FIELD(delta_ring_header, records),
	FIELD(delta_ring_header, record_bytes),
	FIELD(delta_ring_header, head),
	FIELD(delta_ring_header, tail),
	FIELD(delta_ring_header, acked),
	FIELD(delta_ring_header, refused),
	RECORD(delta),
	FIELD(delta, sequence),
	FIELD(delta, base_generation),
	FIELD(delta, op),
	FIELD(delta, consumer),
	FIELD(delta, plan),
	FIELD(delta, endpoint),
	FIELD(delta, expires),
	FIELD(delta, digest),
	FIELD(delta, weight),
};

/* A question carries the number of its kind, so that ask.def is part of the layout. */
static const struct layout_field ask_fields[] = {
	RECORD(ask_ring_header),
	FIELD(ask_ring_header, records),
	FIELD(ask_ring_header, record_bytes),
	FIELD(ask_ring_header, asked),
	FIELD(ask_ring_header, taken),
	FIELD(ask_ring_header, sleeps),
	FIELD(ask_ring_header, replied),
	FIELD(ask_ring_header, read),
	RECORD(ask_question),
	FIELD(ask_question, sequence),
	FIELD(ask_question, number),
	FIELD(ask_question, asked_ns),
	FIELD(ask_question, deadline_ns),
	FIELD(ask_question, kind),
	FIELD(ask_question, bytes),
	FIELD(ask_question, data),
	RECORD(ask_reply),
	FIELD(ask_reply, sequence),
	FIELD(ask_reply, life),
	FIELD(ask_reply, number),
	FIELD(ask_reply, verdict),
	FIELD(ask_reply, bytes),
	FIELD(ask_reply, data),
#define ASK(NAME, name, deadline_ms, fallback, text) { "ask." #name, ASK_##NAME, 0 },
#include "lib/shm/ask.def"
#undef ASK
};

struct layout {
	const struct layout_field *fields;
	size_t count;
};

#define LAYOUT(table)                                                                              \
	{                                                                                          \
		table, sizeof(table) / sizeof((table)[0])                                          \
	}

static const struct layout layouts[] = {
	[SEGMENT_SNAPSHOT] = LAYOUT(snapshot_fields),
	[SEGMENT_SECRETS] = LAYOUT(secrets_fields),
	[SEGMENT_STATS] = LAYOUT(stats_fields),
	[SEGMENT_USAGE] = LAYOUT(usage_fields),
	[SEGMENT_EVENTS] = LAYOUT(event_fields),
	[SEGMENT_DELTA] = LAYOUT(delta_fields),
	[SEGMENT_ASK] = LAYOUT(ask_fields),
};

const struct layout_field *segment_fields(enum segment_type type, size_t *count)
{
	*count = (size_t)type < sizeof(layouts) / sizeof(layouts[0]) ? layouts[type].count : 0;
	return *count ? layouts[type].fields : NULL;
}

uint32_t segment_layout(enum segment_type type)
{
	uint32_t crc = 0;
	size_t count;
	const struct layout_field *fields = segment_fields(type, &count);

	for (size_t i = 0; i < count; i++) {
		const uint32_t numbers[2] = { fields[i].offset, fields[i].size };

		crc = crc32c(crc, fields[i].name, strlen(fields[i].name) + 1);
		crc = crc32c(crc, numbers, sizeof(numbers));
	}
	return crc;
}
