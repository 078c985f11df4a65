/* SPDX-License-Identifier: Apache-2.0 */
/* A small snapshot with records in every section, as control would build it, and a reader of it all. */
#include "tests/unit/shm/snapshot_fixture.h"

#include <arpa/inet.h>

static const uint8_t fingerprint[32] = "fingerprint of the certificate.";

static struct snap_text text(struct snapshot_builder *b, enum snap_kind kind, const char *s)
{
	return snapshot_builder_text(b, kind, str_of(s));
}

static uint32_t number(struct snapshot_builder *b, enum snap_section_id id, uint32_t value)
{
	return snapshot_builder_add(b, id, &value);
}

static void add_ports(struct snapshot_builder *b)
{
	const struct snap_text cert_names[2] = { text(b, SNAP_KIND_GATEWAY, "api.shop.example"),
		text(b, SNAP_KIND_GATEWAY, "*.shop.example") };
	struct snap_address address = { ip_from_v4(htonl(0xc6336464)), 24 };
	struct snap_cert cert = { .name = text(b, SNAP_KIND_GATEWAY, "shop"), .names = { 0, 2 } };
	struct snap_port port = { .name = text(b, SNAP_KIND_GATEWAY, "outside"),
		.device = text(b, SNAP_KIND_GATEWAY, "0000:5e:00.0"),
		.addresses = { 0, 1 },
		.gateways = { 0, 1 },
		.mtu = 1500 };
	struct snap_kernel kernel = { .interface = text(b, SNAP_KIND_GATEWAY, "sl0"),
		.addresses = { 0, 1 },
		.ports = { 0, 1 },
		.burst = 64,
		.interval_ns = { 1, 2, 3, 4, 5 } };
	struct snap_peer peer = { .ca = text(b, SNAP_KIND_GATEWAY, "-----BEGIN CERTIFICATE-----"),
		.server_name = text(b, SNAP_KIND_GATEWAY, "orders.internal"),
		.slot = 6 };
	struct snap_listener listener = { .name = text(b, SNAP_KIND_GATEWAY, "public"),
		.addr = address.addr,
		.tcp_port = 443,
		.slot = 2,
		.tls = 1,
		.certs = { 0, 1 },
		.backlog = 1024 };

	snapshot_builder_add(b, SNAP_ADDRESSES, &address);
	snapshot_builder_add(b, SNAP_GATEWAYS, &address);
	snapshot_builder_add(b, SNAP_PORTS, &port);
	snapshot_builder_add(b, SNAP_KERNELS, &kernel);
	snapshot_builder_add(b, SNAP_KERNEL_ADDRESSES, &address);
	number(b, SNAP_KERNEL_PORTS, 179);
	number(b, SNAP_LCORES, 2);
	number(b, SNAP_LISTENER_CERTS, 0);
	memcpy(cert.fingerprint, fingerprint, sizeof(fingerprint));
	snapshot_builder_add(b, SNAP_CERT_NAMES, &cert_names[0]);
	snapshot_builder_add(b, SNAP_CERT_NAMES, &cert_names[1]);
	snapshot_builder_add(b, SNAP_CERTS, &cert);
	snapshot_builder_add(b, SNAP_LISTENERS, &listener);
	snapshot_builder_add(b, SNAP_PEERS, &peer);
}

static void add_backends(struct snapshot_builder *b)
{
	struct snap_backend backend = { .name = text(b, SNAP_KIND_ROUTING, "orders"),
		.slot = 6,
		.health = SNAP_NONE,
		.tls = 1,
		.connect_timeout_ms = 1000,
		.retry_after_ms = 5000,
		.idle_connections = 64 };
	struct snap_endpoint endpoint = { .name = text(b, SNAP_KIND_ENDPOINTS, "10.0.0.21:8080"),
		.addr = ip_from_v4(htonl(0x0a000015)),
		.tcp_port = 8080,
		.weight = 5,
		.slot = 0,
		.backend = 6 };

	snapshot_builder_add(b, SNAP_BACKENDS, &backend);
	snapshot_builder_add(b, SNAP_ENDPOINTS, &endpoint);
	endpoint.name = text(b, SNAP_KIND_ENDPOINTS, "10.0.0.22:8080");
	endpoint.weight = 3;
	endpoint.slot = 1;
	snapshot_builder_add(b, SNAP_ENDPOINTS, &endpoint);
}

/* Two routes that have no backend. */
static void add_replies(struct snapshot_builder *b, struct snap_route route)
{
	const struct snap_piece pieces[] = { { .text = text(b, SNAP_KIND_ROUTING, "/v1/") },
		{ .kind = SNAP_PIECE_REST, .segments = 1 } };
	const struct snap_reply replies[] = {
		{ .status = 200,
			.type = text(b, SNAP_KIND_ROUTING, "text/plain"),
			.body = text(b, SNAP_KIND_ROUTING, "ok\n") },
		{ .status = 308, .location = { 0, 2 } },
	};

	for (uint32_t i = 0; i < 2; i++) {
		route.path = text(b, SNAP_KIND_ROUTING, i ? "/old" : "/healthz");
		route.backend = route.edit = route.retry = SNAP_NONE;
		route.cors = i;
		route.reply = i;
		snapshot_builder_add(b, SNAP_ROUTES, &route);
		snapshot_builder_add(b, SNAP_REPLIES, &replies[i]);
		snapshot_builder_add(b, SNAP_PIECES, &pieces[i]);
	}
}

/* Behind the pieces of a redirect. */
static void add_edit(struct snapshot_builder *b)
{
	const struct snap_piece path = { .text = text(b, SNAP_KIND_ROUTING, "/in/") };
	const struct snap_piece value = { .text = text(b, SNAP_KIND_ROUTING, "X-From"),
		.kind = SNAP_PIECE_FIELD };
	const struct snap_field removed = { .name = text(b, SNAP_KIND_ROUTING, "X-Debug") };
	const struct snap_field added = { .name = text(b, SNAP_KIND_ROUTING, "X-To"),
		.value = { 3, 1 } };
	const struct snap_edit edit = { .path = { 2, 1 },
		.host = text(b, SNAP_KIND_ROUTING, "orders.internal"),
		.request = { 0, 2 } };

	snapshot_builder_add(b, SNAP_PIECES, &path);
	snapshot_builder_add(b, SNAP_PIECES, &value);
	snapshot_builder_add(b, SNAP_FIELDS, &removed);
	snapshot_builder_add(b, SNAP_FIELDS, &added);
	snapshot_builder_add(b, SNAP_EDITS, &edit);
}

static void add_cors(struct snapshot_builder *b)
{
	const struct snap_text origin = text(b, SNAP_KIND_ROUTING, "https://shop.example");
	const struct snap_cors cors[] = { { .credentials = 1,
						  .max_age_ms = 1000,
						  .origins = { 0, 1 },
						  .fields = text(b, SNAP_KIND_ROUTING, "X-A, X-B"),
						  .methods = 3 },
		{ .expose = text(b, SNAP_KIND_ROUTING, "X-C"), .any = 1 } };

	snapshot_builder_add(b, SNAP_ORIGINS, &origin);
	snapshot_builder_add(b, SNAP_CORS, &cors[0]);
	snapshot_builder_add(b, SNAP_CORS, &cors[1]);
}

static void add_retry(struct snapshot_builder *b)
{
	const struct snap_retry retry = { .attempts = 2,
		.budget_share = 2000,
		.body_max = 65536,
		.on = 1u << SNAP_RETRY_CONNECT,
		.statuses = { [3] = 1u << 7 } };

	snapshot_builder_add(b, SNAP_RETRIES, &retry);
}

static void add_apis(struct snapshot_builder *b)
{
	const struct snap_text host = text(b, SNAP_KIND_ROUTING, "api.shop.example");
	struct snap_api api = { .name = text(b, SNAP_KIND_ROUTING, "orders"),
		.version = text(b, SNAP_KIND_ROUTING, "v1"),
		.listeners = { 0, 1 },
		.hosts = { 0, 1 },
		.credentials = { 0, 1 },
		.routes = { 0, 4 },
		.slot = 1,
		.cors = 1 };
	struct snap_route route = { .path = text(b, SNAP_KIND_ROUTING, "/v1/orders"),
		.kind = SNAP_PATH_PREFIX,
		.methods = 3,
		.reply = SNAP_NONE,
		.edit = SNAP_NONE,
		.cors = SNAP_NONE,
		.retry = SNAP_NONE,
		.timeout_ms = 2000 };
	struct snap_credential credential = { .name = text(b, SNAP_KIND_CALLERS, "api_key"),
		.field = text(b, SNAP_KIND_CALLERS, "x-api-key"),
		.pattern = text(b, SNAP_KIND_CALLERS, "^ak_(live|test)_[A-Za-z0-9]{32}$"),
		.shape_prefixes = text(b, SNAP_KIND_CALLERS, "ak_live_\nak_test_\n"),
		.where = SNAP_IN_HEADER,
		.shape_class = SNAP_CLASS_DIGIT | SNAP_CLASS_UPPER | SNAP_CLASS_LOWER,
		.shape_length = 32,
		.strip = 1,
		.slot = 7 };

	snapshot_builder_add(b, SNAP_HOSTS, &host);
	number(b, SNAP_API_LISTENERS, 2);
	number(b, SNAP_API_CREDENTIALS, 7);
	snapshot_builder_add(b, SNAP_APIS, &api);
	snapshot_builder_add(b, SNAP_ROUTES, &route);
	route.path = text(b, SNAP_KIND_ROUTING, "/health");
	route.kind = SNAP_PATH_EXACT;
	route.edit = 0;
	route.retry = 0;
	snapshot_builder_add(b, SNAP_ROUTES, &route);
	add_replies(b, route);
	add_edit(b);
	add_cors(b);
	add_retry(b);
	snapshot_builder_add(b, SNAP_CREDENTIALS, &credential);
}

static void add_consumers(struct snapshot_builder *b)
{
	struct snap_plan plan = {
		.name = text(b, SNAP_KIND_CALLERS, "bronze"), .apis = { 0, 1 }, .limits = { 0, 2 }
	};
	struct snap_limit rate = { .name = text(b, SNAP_KIND_CALLERS, "rate"),
		.kind = SNAP_LIMIT_RATE,
		.word = 0,
		.interval_ns = 100000000,
		.burst_ns = 2000000000,
		.window_s = 1,
		.amount = 10,
		.burst = 20 };
	struct snap_limit quota = { .name = text(b, SNAP_KIND_CALLERS, "quota"),
		.kind = SNAP_LIMIT_QUOTA,
		.word = 1,
		.window_s = 86400,
		.amount = 10000 };
	struct snap_consumer consumer = { .name = text(b, SNAP_KIND_CALLERS, "acme"), .slot = 3 };
	struct snap_retired retired = { text(b, SNAP_KIND_CALLERS, "gone"), { 0, 2 }, 5, 0 };
	struct snap_key key = {
		.digest = { 9, 1 }, .id = text(b, SNAP_KIND_CALLERS, "k1"), .expires = 1800000000
	};

	snapshot_builder_add(b, SNAP_LIMITS, &rate);
	snapshot_builder_add(b, SNAP_LIMITS, &quota);
	number(b, SNAP_PLAN_APIS, 1);
	snapshot_builder_add(b, SNAP_PLANS, &plan);
	snapshot_builder_add(b, SNAP_CONSUMERS, &consumer);
	snapshot_builder_add(b, SNAP_RETIRED, &retired);
	snapshot_builder_add(b, SNAP_KEYS, &key); /* not in order: _finish() sorts */
	key.digest[0] = 4;
	key.id = text(b, SNAP_KIND_CALLERS, "k2");
	snapshot_builder_add(b, SNAP_KEYS, &key);
}

int fixture_build(uint64_t generation, struct segment out[SNAP_KINDS])
{
	struct snapshot_builder *b = snapshot_builder_new();
	struct snap_settings settings;
	int err;

	snapshot_settings_defaults(&settings);
	settings.via = text(b, SNAP_KIND_GATEWAY, "sluice");
	settings.api_capacity = 4;
	settings.endpoint_capacity = 4;
	settings.listener_capacity = 4;
	settings.consumer_capacity = 16;
	settings.event_records = 256;
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	add_ports(b);
	add_backends(b);
	add_apis(b);
	add_consumers(b);
	err = snapshot_builder_finish(b, NULL, generation, 77, out);
	snapshot_builder_free(b);
	return err;
}

int fixture_open_memory(
	const struct segment memory[SNAP_KINDS], struct snapshot *out, char *why, size_t why_bytes)
{
	struct snapshot_part *parts[SNAP_KINDS] = { 0 };
	int err = 0;

	*out = (struct snapshot){ 0 };
	for (unsigned kind = 0; kind < SNAP_KINDS && !err; kind++) {
		struct segment s = memory[kind];

		err = snapshot_part_open(&s, &parts[kind], why, why_bytes);
		if (parts[kind]) /* the memory stays the caller's */
			parts[kind]->segment = (struct segment){ .fd = -1 };
	}
	if (!err)
		err = snapshot_open(parts, 41, out, why, why_bytes);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		snapshot_part_release(parts[kind]);
	return err;
}

int fixture_secrets(uint64_t generation, struct segment *out)
{
	struct secrets_input input = { STR("-----BEGIN CERTIFICATE-----\n"),
		STR("-----BEGIN PRIVATE KEY-----\n"), { 0 } };

	memcpy(input.fingerprint, fingerprint, sizeof(fingerprint));
	return secrets_build(&input, 1, generation, 77, out);
}

static uint64_t bytes_walk(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return sum;
}

static uint64_t text_walk(const struct snapshot *s, struct snap_text t)
{
	const struct str str = snap_str(s, t);

	return bytes_walk(str.data, str.len);
}

static uint64_t texts_walk(const struct snapshot *s, enum snap_section_id id, struct snap_range r)
{
	uint64_t sum = 0;

	for (uint32_t i = r.first; i < r.first + r.count; i++)
		sum += text_walk(s, *SNAP_AT(s, id, snap_text, i));
	return sum;
}

static uint64_t edge_walk(const struct snapshot *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->sections[SNAP_PORTS].count; i++) {
		const struct snap_port *p = SNAP_AT(s, SNAP_PORTS, snap_port, i);

		sum += text_walk(s, p->name) + text_walk(s, p->device);
		sum += bytes_walk(SNAP_AT(s, SNAP_ADDRESSES, snap_address, p->addresses.first),
			p->addresses.count * sizeof(struct snap_address));
		sum += bytes_walk(SNAP_AT(s, SNAP_GATEWAYS, snap_address, p->gateways.first),
			p->gateways.count * sizeof(struct snap_address));
	}
	for (uint32_t i = 0; i < s->sections[SNAP_KERNELS].count; i++) {
		const struct snap_kernel *k = SNAP_AT(s, SNAP_KERNELS, snap_kernel, i);

		sum += text_walk(s, k->interface);
		sum += SNAP_AT(s, SNAP_PORTS, snap_port, k->port)->mtu;
		sum += bytes_walk(
			SNAP_AT(s, SNAP_KERNEL_ADDRESSES, snap_address, k->addresses.first),
			k->addresses.count * sizeof(struct snap_address));
		for (uint32_t p = k->ports.first; p < k->ports.first + k->ports.count; p++)
			sum += SNAP_INDEX_AT(s, SNAP_KERNEL_PORTS, p);
	}
	for (uint32_t i = 0; i < s->sections[SNAP_LISTENERS].count; i++) {
		const struct snap_listener *l = SNAP_AT(s, SNAP_LISTENERS, snap_listener, i);

		sum += text_walk(s, l->name) + SNAP_AT(s, SNAP_PORTS, snap_port, l->port)->mtu;
		for (uint32_t k = l->certs.first; k < l->certs.first + l->certs.count; k++) {
			const struct snap_cert *cert = SNAP_AT(
				s, SNAP_CERTS, snap_cert, SNAP_INDEX_AT(s, SNAP_LISTENER_CERTS, k));

			sum += text_walk(s, cert->name);
			sum += texts_walk(s, SNAP_CERT_NAMES, cert->names);
		}
	}
	return sum;
}

static uint64_t pieces_walk(const struct snapshot *s, struct snap_range pieces)
{
	uint64_t sum = 0;

	for (uint32_t i = pieces.first; i < pieces.first + pieces.count; i++)
		sum += text_walk(s, SNAP_AT(s, SNAP_PIECES, snap_piece, i)->text);
	return sum;
}

static uint64_t edit_walk(const struct snapshot *s, const struct snap_edit *edit)
{
	const struct snap_range ranges[] = { edit->request, edit->response };
	uint64_t sum = pieces_walk(s, edit->path) + text_walk(s, edit->host);

	for (unsigned r = 0; r < 2; r++)
		for (uint32_t i = 0; i < ranges[r].count; i++) {
			const struct snap_field *f =
				SNAP_AT(s, SNAP_FIELDS, snap_field, ranges[r].first + i);

			sum += text_walk(s, f->name) + pieces_walk(s, f->value);
		}
	return sum;
}

static uint64_t cors_walk(const struct snapshot *s, uint32_t index)
{
	const struct snap_cors *cors;
	uint64_t sum;

	if (index == SNAP_NONE)
		return 0;
	cors = SNAP_AT(s, SNAP_CORS, snap_cors, index);
	sum = text_walk(s, cors->fields) + text_walk(s, cors->expose);
	for (uint32_t i = 0; i < cors->origins.count; i++)
		sum += text_walk(s, *SNAP_AT(s, SNAP_ORIGINS, snap_text, cors->origins.first + i));
	return sum;
}

static uint64_t route_walk(const struct snapshot *s, uint32_t index)
{
	const struct snap_route *r = SNAP_AT(s, SNAP_ROUTES, snap_route, index);
	const struct snap_reply *reply;
	const struct snap_backend *b;
	uint64_t sum = text_walk(s, r->path) + cors_walk(s, r->cors);

	if (r->edit != SNAP_NONE)
		sum += edit_walk(s, SNAP_AT(s, SNAP_EDITS, snap_edit, r->edit));

	if (r->retry != SNAP_NONE)
		sum += snap_retry_has_status(SNAP_AT(s, SNAP_RETRIES, snap_retry, r->retry), 503);
	if (r->reply != SNAP_NONE) {
		reply = snap_reply_of(s, index);
		sum += text_walk(s, reply->type) + text_walk(s, reply->body);
		return sum + pieces_walk(s, reply->location);
	}
	b = SNAP_AT(s, SNAP_BACKENDS, snap_backend, r->backend);
	sum += text_walk(s, b->name);
	for (uint32_t k = 0; k < s->endpoints[r->backend].count; k++) {
		const struct snap_endpoint *e = SNAP_AT(
			s, SNAP_ENDPOINTS, snap_endpoint, s->endpoints[r->backend].first + k);

		sum += text_walk(s, e->name) + (snap_backend_of(s, e) == b);
	}
	return sum;
}

static uint64_t api_walk(const struct snapshot *s, const struct snap_api *a)
{
	uint64_t sum = text_walk(s, a->name) + text_walk(s, a->version);

	sum += texts_walk(s, SNAP_HOSTS, a->hosts);
	for (uint32_t i = a->listeners.first; i < a->listeners.first + a->listeners.count; i++)
		sum += SNAP_AT(s, SNAP_LISTENERS, snap_listener,
			snap_named(s, SNAP_LISTENER, SNAP_INDEX_AT(s, SNAP_API_LISTENERS, i)))
			       ->slot;
	for (uint32_t i = 0; i < a->credentials.count; i++) {
		const struct snap_credential *k = snap_credential_of(s, a, i);

		sum += text_walk(s, k->name) + text_walk(s, k->field);
		sum += text_walk(s, k->pattern) + text_walk(s, k->shape_prefixes);
	}
	for (uint32_t i = a->routes.first; i < a->routes.first + a->routes.count; i++)
		sum += route_walk(s, i);
	return sum;
}

static uint64_t consumers_walk(const struct snapshot *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->sections[SNAP_KEYS].count; i++) {
		const struct snap_key *key = SNAP_AT(s, SNAP_KEYS, snap_key, i);
		const struct snap_consumer *c =
			SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, key->consumer);
		const struct snap_plan *p = SNAP_AT(s, SNAP_PLANS, snap_plan, c->plan);

		sum += text_walk(s, key->id) + text_walk(s, c->name) + text_walk(s, p->name);
		for (uint32_t k = p->limits.first; k < p->limits.first + p->limits.count; k++)
			sum += text_walk(s, SNAP_AT(s, SNAP_LIMITS, snap_limit, k)->name);
		for (uint32_t k = p->apis.first; k < p->apis.first + p->apis.count; k++)
			sum += SNAP_AT(s, SNAP_APIS, snap_api,
				snap_named(s, SNAP_API, SNAP_INDEX_AT(s, SNAP_PLAN_APIS, k)))
				       ->slot;
	}
	for (uint32_t i = 0; i < s->sections[SNAP_RETIRED].count; i++) {
		const struct snap_retired *r = SNAP_AT(s, SNAP_RETIRED, snap_retired, i);

		sum += text_walk(s, r->name) + r->slot;
		for (uint32_t k = r->limits.first; k < r->limits.first + r->limits.count; k++)
			sum += SNAP_AT(s, SNAP_LIMITS, snap_limit, k)->word;
	}
	return sum;
}

uint64_t snapshot_walk(const struct snapshot *s)
{
	uint64_t sum = text_walk(s, snap_settings(s)->via);

	sum += edge_walk(s);
	for (uint32_t i = 0; i < s->sections[SNAP_APIS].count; i++)
		sum += api_walk(s, SNAP_AT(s, SNAP_APIS, snap_api, i));
	sum += consumers_walk(s);
	return sum;
}

uint64_t secrets_walk(const struct secrets *s)
{
	const uint8_t *base = s->segment.base;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		sum += bytes_walk(base + s->entries[i].cert_offset, s->entries[i].cert_length);
		sum += bytes_walk(base + s->entries[i].key_offset, s->entries[i].key_length);
	}
	return sum;
}
