/* SPDX-License-Identifier: Apache-2.0 */
/* Small snapshots for the unit tests of route, policy and tls: built and opened by the real code. */
#ifndef SLUICE_TESTS_UNIT_ROUTE_SNAP_FIXTURE_H
#define SLUICE_TESTS_UNIT_ROUTE_SNAP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm/snapshot.h"

/* The port and backend that listeners and routes refer to where a test does not care. */
struct fixture {
	struct snapshot_builder *b;
	uint32_t retry; /* of the routes that are added: index into SNAP_RETRIES, plus 1; 0: none */
};

static inline struct snap_text fixture_text(
	struct fixture *f, enum snap_kind kind, const char *text)
{
	return snapshot_builder_text(f->b, kind, str_of(text));
}

static inline uint32_t fixture_count(struct fixture *f, enum snap_section_id id)
{
	return snapshot_builder_count(f->b, id);
}

static inline struct fixture fixture_begin(void)
{
	struct fixture f = { snapshot_builder_new() };
	struct snap_settings settings;
	struct snap_port port = { 0 };

	assert_non_null(f.b);
	snapshot_settings_defaults(&settings);
	settings.api_capacity = 65536;
	settings.endpoint_capacity = 65536;
	settings.listener_capacity = 64;
	settings.consumer_capacity = 1u << 21;
	snapshot_builder_add(f.b, SNAP_SETTINGS, &settings);
	port.name = fixture_text(&f, SNAP_KIND_GATEWAY, "outside");
	port.device = fixture_text(&f, SNAP_KIND_GATEWAY, "net_null0");
	snapshot_builder_add(f.b, SNAP_PORTS, &port);
	return f;
}

static inline uint32_t fixture_listener(
	struct fixture *f, const char *name, struct snap_range certs)
{
	struct snap_listener l = {
		.name = fixture_text(f, SNAP_KIND_GATEWAY, name),
		.tcp_port = 443,
		.slot = fixture_count(f, SNAP_LISTENERS),
		.tls = certs.count > 0,
		.certs = certs,
		.backlog = 64,
		.paths = SNAP_PATHS_DEFAULT | SNAP_PATH(SNAP_PATH_SLASHES, SNAP_PATH_KEEP),
	};

	return snapshot_builder_add(f->b, SNAP_LISTENERS, &l);
}

/** A backend with one endpoint for each weight. */
static inline uint32_t fixture_backend(struct fixture *f, const char *name, const uint32_t *weights,
	uint32_t n, uint32_t retry_after_ms)
{
	const uint32_t index = fixture_count(f, SNAP_BACKENDS);
	struct snap_backend backend = {
		.name = fixture_text(f, SNAP_KIND_ROUTING, name),
		.slot = index,
		.connect_timeout_ms = 1000,
		.retry_after_ms = retry_after_ms,
		.health = SNAP_NONE,
	};

	snapshot_builder_add(f->b, SNAP_BACKENDS, &backend);
	for (uint32_t i = 0; i < n; i++) {
		struct snap_endpoint e = {
			.name = fixture_text(f, SNAP_KIND_ENDPOINTS, "endpoint"),
			.addr = ip_from_v4(i + 1),
			.tcp_port = 8080,
			.weight = weights[i],
			.slot = fixture_count(f, SNAP_ENDPOINTS),
			.backend = index,
		};

		snapshot_builder_add(f->b, SNAP_ENDPOINTS, &e);
	}
	return index;
}

/** An API on the listeners and hosts of these lists; routes added next are its own. */
static inline struct snap_api fixture_api(struct fixture *f, const char *name,
	const uint32_t *listeners, uint32_t listener_count, const char *const *hosts,
	uint32_t host_count)
{
	struct snap_api api = {
		.name = fixture_text(f, SNAP_KIND_ROUTING, name),
		.version = fixture_text(f, SNAP_KIND_ROUTING, "v1"),
		.listeners = { fixture_count(f, SNAP_API_LISTENERS), listener_count },
		.hosts = { fixture_count(f, SNAP_HOSTS), host_count },
		.credentials = { fixture_count(f, SNAP_API_CREDENTIALS), 0 },
		.routes = { fixture_count(f, SNAP_ROUTES), 0 },
		.slot = fixture_count(f, SNAP_APIS),
		.cors = SNAP_NONE,
	};

	for (uint32_t i = 0; i < listener_count; i++)
		snapshot_builder_add(f->b, SNAP_API_LISTENERS, &listeners[i]);
	for (uint32_t i = 0; i < host_count; i++) {
		struct snap_text text = fixture_text(f, SNAP_KIND_ROUTING, hosts[i]);

		snapshot_builder_add(f->b, SNAP_HOSTS, &text);
	}
	return api;
}

static inline uint32_t fixture_route(struct fixture *f, struct snap_api *api, const char *path,
	enum snap_path_kind kind, uint32_t methods, uint32_t backend)
{
	struct snap_route route = {
		.path = fixture_text(f, SNAP_KIND_ROUTING, path),
		.kind = kind,
		.methods = methods,
		.backend = backend,
		.reply = SNAP_NONE,
		.retry = f->retry - 1, /* SNAP_NONE for none */
		.edit = SNAP_NONE,
		.cors = SNAP_NONE,
		.timeout_ms = 1000,
		.api = api->slot,
	};

	api->routes.count++;
	return snapshot_builder_add(f->b, SNAP_ROUTES, &route);
}

static inline uint32_t fixture_api_end(struct fixture *f, const struct snap_api *api)
{
	return snapshot_builder_add(f->b, SNAP_APIS, api);
}

static inline void fixture_open(struct fixture *f, uint64_t generation, struct snapshot *out)
{
	struct segment segments[SNAP_KINDS];
	char why[256] = "";

	assert_int_equal(snapshot_builder_finish(f->b, NULL, generation, 1, segments), 0);
	snapshot_builder_free(f->b);
	f->b = NULL;
	if (snapshot_open_segments(segments, NULL, generation, out, why, sizeof(why)) != 0)
		fail_msg("snapshot refused: %s", why);
}

/* A small repeatable generator (xorshift64*). */
static inline uint64_t fixture_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

#endif
