/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot as control would compile it for the benches' configuration, see world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "bench/common/report.h"
#include "bench/common/world.h"
#include "bench/engine/engine.h"

#define PROGRESS_KEYS 1000000u

struct build {
	const struct world_options *options;
	struct snapshot_builder *b;
};

static struct snap_text text(struct build *s, const char *t)
{
	return snapshot_builder_text(s->b, str_of(t));
}

static struct ip_addr address(uint32_t ip)
{
	return ip_from_v4(rte_cpu_to_be_32(ip));
}

static uint32_t round_up_power(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

static void add_settings(struct build *s)
{
	struct snap_settings settings;

	snapshot_settings_defaults(&settings);
	settings.workers = s->options->workers;
	settings.connections = RTE_MAX(round_up_power(s->options->connections), 1024u);
	settings.consumer_capacity = RTE_MAX(s->options->keys, 1u);
	settings.access_log = s->options->access_log;
	settings.via = text(s, "sluice");
	snapshot_builder_add(s->b, SNAP_SETTINGS, &settings);
}

static void add_ports(struct build *s)
{
	static const uint32_t addresses[2] = { ENGINE_GATEWAY_OUTSIDE, ENGINE_GATEWAY_INSIDE };
	static const char *const names[2] = { "outside", "inside" };

	for (uint32_t i = 0; i < 2; i++) {
		struct snap_address a = { address(addresses[i]), 24 };
		struct snap_port port = {
			.name = text(s, names[i]),
			.device = text(s, "bench"),
			.addresses = { snapshot_builder_add(s->b, SNAP_ADDRESSES, &a), 1 },
		};

		if (i == 0) {
			struct snap_address router = { address(ENGINE_ROUTER), 0 };

			port.gateways = (struct snap_range){
				snapshot_builder_add(s->b, SNAP_GATEWAYS, &router), 1
			};
		}
		snapshot_builder_add(s->b, SNAP_PORTS, &port);
	}
}

static void add_listener(struct build *s)
{
	struct snap_listener l = {
		.name = text(s, "public"),
		.addr = address(ENGINE_GATEWAY_OUTSIDE),
		.tcp_port = ENGINE_LISTEN_PORT,
		.backlog = 4096,
	};
	struct snap_cert cert = { .name = text(s, "shop") };
	uint32_t zero = 0;

	if (s->options->tls) {
		l.tls = 1;
		snapshot_builder_add(s->b, SNAP_CERTS, &cert);
		l.certs =
			(struct snap_range){ snapshot_builder_add(s->b, SNAP_LISTENER_CERTS, &zero),
				1 };
	}
	snapshot_builder_add(s->b, SNAP_LISTENERS, &l);
}

static void add_backend(struct build *s)
{
	struct snap_backend b = {
		.name = text(s, "orders"),
		.endpoints = { 0, s->options->backends },
		.connect_timeout_ms = 1000,
		.retry_after_ms = 1000,
		.idle_connections = 65536,
	};

	for (uint32_t i = 0; i < s->options->backends; i++) {
		char name[32];
		struct snap_endpoint e = {
			.addr = address(ENGINE_BACKEND_FIRST + i),
			.tcp_port = ENGINE_BACKEND_PORT,
			.weight = s->options->weights ? s->options->weights[i] : 1,
			.slot = i,
		};

		snprintf(name, sizeof(name), "10.0.1.%u:%u", 11 + i, ENGINE_BACKEND_PORT);
		e.name = text(s, name);
		snapshot_builder_add(s->b, SNAP_ENDPOINTS, &e);
	}
	snapshot_builder_add(s->b, SNAP_BACKENDS, &b);
}

static void add_credential(struct build *s)
{
	struct snap_credential c = {
		.name = text(s, "api_key"),
		.field = text(s, "x-api-key"),
		.pattern = text(s, "^ak_(live|test)_[a-z0-9]{32}$"),
		.shape_prefixes = text(s, "ak_live_\nak_test_\n"),
		.where = SNAP_IN_HEADER,
		.shape_class = SNAP_CLASS_LOWER | SNAP_CLASS_DIGIT,
		.shape_length = 32,
		.strip = 1,
	};

	snapshot_builder_add(s->b, SNAP_CREDENTIALS, &c);
}

static void add_routes(struct build *s)
{
	for (uint32_t i = 0; i < s->options->routes; i++) {
		char path[64] = "/v1/orders";
		struct snap_route r = {
			.kind = SNAP_PATH_PREFIX,
			.methods = 0,
			.timeout_ms = 2000,
		};

		/* The one that is taken lies in the middle. */
		if (i != s->options->routes / 2)
			snprintf(path, sizeof(path), "/v1/service%u/resource%u", i / 100, i);
		r.path = text(s, path);
		snapshot_builder_add(s->b, SNAP_ROUTES, &r);
	}
}

static void add_api(struct build *s)
{
	struct snap_text host = text(s, ENGINE_HOST);
	struct snap_api api = {
		.name = text(s, "orders"),
		.version = text(s, "v1"),
		.hosts = { snapshot_builder_add(s->b, SNAP_HOSTS, &host), 1 },
		.routes = { 0, s->options->routes },
	};
	uint32_t zero = 0;

	if (s->options->keys)
		api.credentials = (struct snap_range){
			snapshot_builder_add(s->b, SNAP_API_CREDENTIALS, &zero), 1
		};
	add_routes(s);
	snapshot_builder_add(s->b, SNAP_APIS, &api);
}

static void add_plan(struct build *s)
{
	uint32_t zero = 0;
	struct snap_plan plan = {
		.name = text(s, "bronze"),
		.apis = { snapshot_builder_add(s->b, SNAP_PLAN_APIS, &zero), 1 },
	};

	if (s->options->limit) {
		struct snap_limit l = {
			.name = text(s, "rate"),
			.kind = SNAP_LIMIT_RATE,
			.interval_ns = RTE_MAX(1000000000u / s->options->limit, 1u),
			.window_s = 1,
			.amount = s->options->limit,
			.burst = s->options->limit,
		};

		l.burst_ns = l.interval_ns * l.burst;
		plan.limits = (struct snap_range){ snapshot_builder_add(s->b, SNAP_LIMITS, &l), 1 };
	}
	snapshot_builder_add(s->b, SNAP_PLANS, &plan);
}

static void add_consumers(struct build *s)
{
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	struct snap_text id = text(s, "k1");

	for (uint32_t i = 0; i < s->options->keys; i++) {
		char name[24], key_text[ENGINE_KEY_BYTES];
		struct snap_consumer consumer = { .slot = i };
		struct snap_key key = { .consumer = i, .id = id };

		engine_consumer_name(i, name);
		consumer.name = text(s, name);
		engine_key_text(i, key_text);
		EVP_Digest(key_text, sizeof(key_text), key.digest, NULL, sha256, NULL);
		snapshot_builder_add(s->b, SNAP_CONSUMERS, &consumer);
		snapshot_builder_add(s->b, SNAP_KEYS, &key);
		if (i % PROGRESS_KEYS == PROGRESS_KEYS - 1 && s->options->keys > PROGRESS_KEYS)
			progress("  %u of %u keys", i + 1, s->options->keys);
	}
	EVP_MD_free(sha256);
}

void world_snapshot(const struct world_options *options, struct snapshot *out)
{
	struct build s = { options, snapshot_builder_new() };
	struct segment segment;
	char why[256] = "out of memory";
	int rc;

	add_settings(&s);
	add_ports(&s);
	add_listener(&s);
	add_backend(&s);
	add_credential(&s);
	add_api(&s);
	add_plan(&s);
	add_consumers(&s);
	rc = snapshot_builder_finish(s.b, 1, 1, &segment);
	snapshot_builder_free(s.b);
	if (rc || snapshot_open(&segment, out, why, sizeof(why))) {
		progress("bench: the snapshot: %s", rc ? strerror(-rc) : why);
		exit(1);
	}
}
