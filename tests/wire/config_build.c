/* SPDX-License-Identifier: Apache-2.0 */
/* From the model of config.h to a snapshot, through the builder that control uses too. */
#include "tests/wire/config.h"
#include "tests/wire/six.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#define BOOT_ID 1

struct build {
	const struct config *c;
	struct snapshot_builder *b;
};

/* The next of "a,b,c". @return false at the end */
static bool next_of(const char **list, const char **item, size_t *len)
{
	if (!*list || !**list)
		return false;
	*item = *list;
	*len = strcspn(*list, ",");
	*list += *len + ((*list)[*len] == ',');
	return true;
}

static struct snap_text text_of(struct build *s, const char *text, size_t len)
{
	return snapshot_builder_text(s->b, (struct str){ text, (uint32_t)len });
}

static struct snap_text text(struct build *s, const char *t)
{
	return text_of(s, t, strlen(t));
}

static uint32_t count(struct build *s, enum snap_section_id id)
{
	return snapshot_builder_count(s->b, id);
}

static uint32_t time_ms(const struct config_item *item, const char *key, const char *otherwise)
{
	return (uint32_t)(text_time(config_arg(item, key, otherwise)) / 1000000);
}

struct ip_addr config_address(const struct ip_addr *addr)
{
	return ip_is_v4(addr) ? six_address(rte_be_to_cpu_32(ip_to_v4(addr))) : *addr;
}

/* A name keeps the slot that it got first, unless the line names another one. */
static uint32_t slot_of(const struct config_item *item)
{
	const char *slot = config_arg(item, "slot", NULL);

	return slot ? (uint32_t)text_number(slot, "slot") : item->slot;
}

static void parse_endpoint(const char *word, struct ip_addr *addr, uint32_t *port)
{
	uint16_t number = 0;

	if (ip_port_parse(str_of(word), addr, &number) != 0)
		wire_fail("not ADDRESS:PORT: %s", word);
	*port = number;
	*addr = config_address(addr);
}

static void add_ports(struct build *s)
{
	static const char *const names[PORTS] = { "outside", "inside" };

	for (unsigned i = 0; i < PORTS; i++) {
		const char *list = s->c->ports[i].addresses, *item;
		struct snap_port port = { .name = text(s, names[i]), .device = text(s, names[i]) };
		size_t len;

		port.addresses.first = count(s, SNAP_ADDRESSES);
		while (next_of(&list, &item, &len)) {
			struct snap_address a = { 0 };
			uint8_t prefix;

			if (ip_prefix_parse((struct str){ item, (uint32_t)len }, &a.addr, &prefix))
				wire_fail("not ADDRESS/BITS: %s", item);
			a.prefix_len = prefix;
			if (six_sides[i] && ip_is_v4(&a.addr)) {
				a.addr = config_address(&a.addr);
				a.prefix_len += SIX_PREFIX_BITS;
			}
			snapshot_builder_add(s->b, SNAP_ADDRESSES, &a);
			port.addresses.count++;
		}
		snapshot_builder_add(s->b, SNAP_PORTS, &port);
	}
}

/* "slashes=keep parameters=refuse …" of a listener. */
static uint32_t paths_of(const struct config_item *item)
{
	static const char *const forms[SNAP_PATH_FORMS] = { "slashes", "parameters",
		"encoded_slash", "backslash", "dot_segments" };
	static const char *const policies[] = { "refuse", "rewrite", "agree", "keep" };
	uint32_t paths = SNAP_PATHS_DEFAULT;

	for (unsigned form = 0; form < SNAP_PATH_FORMS; form++) {
		const char *word = config_arg(item, forms[form], NULL);

		for (unsigned p = 0; word && p < sizeof(policies) / sizeof(policies[0]); p++)
			if (strcmp(word, policies[p]) == 0)
				paths = (paths & ~SNAP_PATH(form, 3)) | SNAP_PATH(form, p);
	}
	return paths;
}

static void add_listeners(struct build *s)
{
	for (uint32_t i = 0; i < s->c->counts[CONFIG_LISTENER]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_LISTENER][i];
		const char *certs = config_arg(item, "tls", NULL), *name;
		struct snap_listener l = { .name = text(s, item->name), .slot = slot_of(item) };
		size_t len;

		parse_endpoint(item->count ? item->words[0] : "", &l.addr, &l.tcp_port);
		l.backlog = (uint32_t)text_number(config_arg(item, "backlog", "16"), "backlog");
		l.connections_per_source =
			(uint32_t)text_number(config_arg(item, "per_source", "0"), "per_source");
		l.tls = certs != NULL;
		l.paths = paths_of(item);
		l.certs.first = count(s, SNAP_LISTENER_CERTS);
		while (next_of(&certs, &name, &len)) {
			uint32_t index = config_index(s->c, CONFIG_CERT, name, len);

			snapshot_builder_add(s->b, SNAP_LISTENER_CERTS, &index);
			l.certs.count++;
		}
		snapshot_builder_add(s->b, SNAP_LISTENERS, &l);
	}
}

static void add_certs(struct build *s)
{
	for (uint32_t i = 0; i < s->c->counts[CONFIG_CERT]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_CERT][i];
		const char *names = config_arg(item, "names", item->name), *name;
		struct snap_cert cert = { .name = text(s, item->name) };
		size_t len;

		memcpy(cert.fingerprint, certificate_get(item->name, names)->fingerprint,
			sizeof(cert.fingerprint));
		cert.names.first = count(s, SNAP_CERT_NAMES);
		while (next_of(&names, &name, &len)) {
			struct snap_text t = text_of(s, name, len);

			snapshot_builder_add(s->b, SNAP_CERT_NAMES, &t);
			cert.names.count++;
		}
		snapshot_builder_add(s->b, SNAP_CERTS, &cert);
	}
}

static void add_endpoint(struct build *s, uint32_t backend, const char *word)
{
	const char *star = strchr(word, '*');
	char *address = wire_text("%.*s", (int)(star ? star - word : (long)strlen(word)), word);
	/* A slot must not change with the order of lines: it is made of backend and address. */
	struct snap_endpoint e = { .name = text(s, address), .backend = backend };

	parse_endpoint(address, &e.addr, &e.tcp_port);
	e.weight = star ? (uint32_t)text_number(star + 1, "weight") : 1;
	e.slot = slot_of(&s->c->items[CONFIG_BACKEND][backend]) * 4 + (e.addr.bytes[15] + 1) % 4;
	snapshot_builder_add(s->b, SNAP_ENDPOINTS, &e);
}

static void add_backends(struct build *s)
{
	for (uint32_t i = 0; i < s->c->counts[CONFIG_BACKEND]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_BACKEND][i];
		struct snap_backend b = { .name = text(s, item->name) };

		b.connect_timeout_ms = time_ms(item, "connect_timeout", "1s");
		b.retry_after_ms = time_ms(item, "retry_after", "10s");
		b.idle_connections = (uint32_t)text_number(config_arg(item, "idle", "8"), "idle");
		b.endpoints.first = count(s, SNAP_ENDPOINTS);
		for (uint32_t w = 0; w < item->count; w++) {
			if (strchr(item->words[w], '='))
				continue;
			add_endpoint(s, i, item->words[w]);
			b.endpoints.count++;
		}
		snapshot_builder_add(s->b, SNAP_BACKENDS, &b);
	}
}

static uint32_t class_bits(const char *list)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} classes[] = { { "digit", SNAP_CLASS_DIGIT }, { "upper", SNAP_CLASS_UPPER },
		{ "lower", SNAP_CLASS_LOWER }, { "dash", SNAP_CLASS_DASH },
		{ "under", SNAP_CLASS_UNDER }, { "hex", SNAP_CLASS_HEX_LOWER } };
	uint32_t bits = 0;
	const char *name;
	size_t len;

	while (next_of(&list, &name, &len))
		for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
			if (strlen(classes[i].name) == len &&
				memcmp(name, classes[i].name, len) == 0)
				bits |= classes[i].bit;
	return bits;
}

static void add_credentials(struct build *s)
{
	static const char *const places[] = { "header", "query", "cookie", "authorization" };

	for (uint32_t i = 0; i < s->c->counts[CONFIG_CREDENTIAL]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_CREDENTIAL][i];
		const char *list = config_arg(item, "prefix", NULL), *name;
		struct snap_credential cr = { .name = text(s, item->name), .where = 4 };
		struct bytes prefixes = { 0 };
		size_t len;

		for (uint32_t p = 0; p < 4; p++) {
			const char *field = config_arg(item, places[p], NULL);

			if (!field)
				continue;
			cr.where = p;
			cr.field = text(s, field);
		}
		while (next_of(&list, &name, &len)) {
			bytes_put(&prefixes, name, (uint32_t)len);
			bytes_put(&prefixes, "\n", 1);
		}
		cr.shape_prefixes = text_of(s, (char *)prefixes.data, prefixes.len);
		cr.pattern = text(s, "^shape$");
		cr.shape_class = class_bits(config_arg(item, "class", "lower,digit"));
		cr.shape_length = (uint32_t)text_number(config_arg(item, "length", "6"), "length");
		cr.strip = !config_flag(item, "keep");
		snapshot_builder_add(s->b, SNAP_CREDENTIALS, &cr);
	}
}

/* A list of names as indices. */
static struct snap_range add_list(
	struct build *s, enum snap_section_id section, enum config_kind kind, const char *list)
{
	struct snap_range range = { count(s, section), 0 };
	const char *name;
	size_t len;

	while (next_of(&list, &name, &len)) {
		uint32_t index = config_index(s->c, kind, name, len);

		snapshot_builder_add(s->b, section, &index);
		range.count++;
	}
	return range;
}

static uint32_t method_bits(const char *list)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH",
		"OPTIONS", "TRACE" };
	uint32_t bits = 0;
	const char *name;
	size_t len;

	while (next_of(&list, &name, &len))
		for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
			if (strlen(methods[i]) == len && memcmp(name, methods[i], len) == 0)
				bits |= 1u << i;
	return bits;
}

static struct snap_range add_routes(struct build *s, uint32_t api, const char *api_name)
{
	struct snap_range range = { count(s, SNAP_ROUTES), 0 };
	size_t n = strlen(api_name);

	for (uint32_t i = 0; i < s->c->counts[CONFIG_ROUTE]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_ROUTE][i];
		const char *path = item->name + n + 1,
			   *backend = config_arg(item, "backend", "pool");
		size_t len = strlen(item->name) > n ? strlen(path) : 0;
		struct snap_route r = { .api = api };

		if (strncmp(item->name, api_name, n) != 0 || item->name[n] != ' ')
			continue;
		r.kind = len >= 2 && strcmp(path + len - 2, "/*") == 0 ? SNAP_PATH_PREFIX
								       : SNAP_PATH_EXACT;
		r.path = text_of(s, path, r.kind == SNAP_PATH_PREFIX ? len - 2 : len);
		r.methods = method_bits(config_arg(item, "methods", NULL));
		r.backend = config_index(s->c, CONFIG_BACKEND, backend, strlen(backend));
		r.timeout_ms = time_ms(item, "timeout", "2s");
		snapshot_builder_add(s->b, SNAP_ROUTES, &r);
		range.count++;
	}
	return range;
}

static void add_apis(struct build *s)
{
	for (uint32_t i = 0; i < s->c->counts[CONFIG_API]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_API][i];
		const char *hosts = config_arg(item, "host", "*"), *host;
		struct snap_api api = { .name = text(s, item->name), .slot = slot_of(item) };
		size_t len;

		api.version = text(s, "v1");
		api.listeners = add_list(s, SNAP_API_LISTENERS, CONFIG_LISTENER,
			config_arg(item, "listeners", NULL));
		api.credentials = add_list(
			s, SNAP_API_CREDENTIALS, CONFIG_CREDENTIAL, config_arg(item, "auth", NULL));
		api.hosts.first = count(s, SNAP_HOSTS);
		while (next_of(&hosts, &host, &len)) {
			struct snap_text t = text_of(s, host, len);

			snapshot_builder_add(s->b, SNAP_HOSTS, &t);
			api.hosts.count++;
		}
		api.routes = add_routes(s, i, item->name);
		snapshot_builder_add(s->b, SNAP_APIS, &api);
	}
}

static uint64_t unit_seconds(const char *unit)
{
	switch (*unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return text_number(unit, "seconds");
	}
}

static void add_limit(struct build *s, const struct config_item *item, uint32_t word)
{
	const char *rate = config_arg(item, "rate", NULL), *quota = config_arg(item, "quota", NULL);
	const char *what = rate ? rate : quota, *slash = what ? strchr(what, '/') : NULL;
	struct snap_limit l = { .word = word };

	if (!slash)
		wire_fail("limit %s needs rate=N/s or quota=N/s", item->name);
	l.amount = text_number(wire_text("%.*s", (int)(slash - what), what), "amount");
	l.window_s = unit_seconds(slash + 1);
	if (rate) {
		l.name = text(s, "rate");
		l.kind = SNAP_LIMIT_RATE;
		l.burst = text_number(config_arg(item, "burst", "1"), "burst");
		l.interval_ns = l.window_s * 1000000000u / l.amount;
		l.burst_ns = l.interval_ns * l.burst;
	} else {
		l.name = text(s, "quota");
		l.kind = SNAP_LIMIT_QUOTA;
	}
	snapshot_builder_add(s->b, SNAP_LIMITS, &l);
}

static void add_plans(struct build *s)
{
	for (uint32_t i = 0; i < s->c->counts[CONFIG_PLAN]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_PLAN][i];
		struct snap_plan plan = { .name = text(s, item->name), .slot = item->slot };
		size_t n = strlen(item->name);

		plan.apis = add_list(s, SNAP_PLAN_APIS, CONFIG_API, config_arg(item, "apis", NULL));
		plan.flags = config_flag(item, "soft") ? SNAP_PLAN_SOFT : 0;
		plan.limits.first = count(s, SNAP_LIMITS);
		for (uint32_t k = 0; k < s->c->counts[CONFIG_LIMIT]; k++) {
			const struct config_item *limit = &s->c->items[CONFIG_LIMIT][k];

			if (strncmp(limit->name, item->name, n) == 0 && limit->name[n] == ' ')
				add_limit(s, limit, plan.limits.count++);
		}
		snapshot_builder_add(s->b, SNAP_PLANS, &plan);
	}
}

static void add_consumers(struct build *s)
{
	for (uint32_t i = 0; i < s->c->counts[CONFIG_CONSUMER]; i++) {
		const struct config_item *item = &s->c->items[CONFIG_CONSUMER][i];
		const char *plan = config_arg(item, "plan", ""), *name;
		const char *keys = config_arg(item, "key", NULL);
		struct snap_consumer consumer = { .name = text(s, item->name),
			.slot = slot_of(item) };
		size_t len;

		consumer.plan = config_index(s->c, CONFIG_PLAN, plan, strlen(plan));
		while (next_of(&keys, &name, &len)) {
			struct snap_key key = { .consumer = i };

			key.id = text_of(s, name, len);
			key.expires = text_number(config_arg(item, "expires", "0"), "expires");
			EVP_Digest(name, len, key.digest, NULL, EVP_sha256(), NULL);
			snapshot_builder_add(s->b, SNAP_KEYS, &key);
		}
		snapshot_builder_add(s->b, SNAP_CONSUMERS, &consumer);
	}
}

static void build_secrets(const struct config *c, uint64_t generation, struct secrets *out)
{
	struct secrets_input inputs[CONFIG_ITEMS];
	uint32_t n = c->counts[CONFIG_CERT];
	struct segment segment;

	for (uint32_t i = 0; i < n; i++) {
		const struct config_item *item = &c->items[CONFIG_CERT][i];
		const struct certificate *cert =
			certificate_get(item->name, config_arg(item, "names", item->name));

		inputs[i].cert_pem = str_of(cert->cert_pem);
		inputs[i].key_pem = str_of(cert->key_pem);
		memcpy(inputs[i].fingerprint, cert->fingerprint, sizeof(cert->fingerprint));
	}
	if (secrets_build(inputs, n, generation, BOOT_ID, &segment) || secrets_open(&segment, out))
		wire_fail("the secrets were not built");
}

void config_build(
	const struct config *c, uint64_t generation, struct snapshot *out, struct secrets *secrets)
{
	struct build s = { c, snapshot_builder_new() };
	struct snap_settings settings = c->settings;
	struct segment segment;
	char why[256] = "";
	int rc;

	settings.via = text(&s, c->via);
	snapshot_builder_add(s.b, SNAP_SETTINGS, &settings);
	add_ports(&s);
	add_listeners(&s);
	add_certs(&s);
	add_backends(&s);
	add_credentials(&s);
	add_apis(&s);
	add_plans(&s);
	add_consumers(&s);
	rc = snapshot_builder_finish(s.b, generation, BOOT_ID, &segment);
	snapshot_builder_free(s.b);
	if (rc)
		wire_fail("the snapshot was not built: %s", strerror(-rc));
	if (snapshot_open(&segment, out, why, sizeof(why)))
		wire_fail("the snapshot was refused: %s", why);
	build_secrets(c, generation, secrets);
}
