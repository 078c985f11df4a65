/* SPDX-License-Identifier: Apache-2.0 */
/* Reads `config` lines, see config.h; config_build.c compiles what they said. */
#include "tests/wire/config.h"
#include "tests/wire/asker.h"
#include "control/config/schema.h"
#include "tests/wire/fake_port.h"
#include "tests/wire/six.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const config_defaults[] = {
	"dataplane capacity.listeners=8 capacity.apis=32 capacity.endpoints=32 capacity.consumers=64",
	"access_log enabled=true records=1024",
	"listener public 10.0.0.1:80 backlog=16",
	/* The drained endpoint has slot 3, so that 4 is that of the next backend. */
	"backend pool 10.0.1.11:8080*5 10.0.1.12:8080*3 10.0.1.13:8080*2 10.0.1.14:8080*0",
	"backend solo 10.0.1.11:8080",
	"credential key in=header header=x-api-key pattern=^ak_test_[a-z0-9]{6}$",
	"api shop hosts=api.test auth=key",
	"route shop /v1/* backend=pool",
	"api open hosts=open.test",
	"route open /* backend=solo",
	"plan gold apis=shop,open",
	"plan bronze apis=shop",
	"limit bronze rate=10/s burst=5",
	"plan other apis=open",
	"consumer acme plan=gold key=ak_test_acme00",
	"consumer bob plan=bronze key=ak_test_bob000",
	"consumer dave plan=other key=ak_test_dave00",
};

/* What scripts expect where they say nothing; their lines come before. */
static const struct {
	enum config_kind kind;
	const char *word;
} config_words[] = {
	{ CONFIG_LISTENER, "backlog=16" },
	{ CONFIG_BACKEND, "connect_timeout=1s" },
	{ CONFIG_BACKEND, "retry_after=10s" },
	{ CONFIG_BACKEND, "idle_connections=8" },
	{ CONFIG_ROUTE, "timeout=2s" },
};

static const char *const kind_names[CONFIG_KINDS] = { "listener", "cert", "backend", "credential",
	"api", "route", "plan", "limit", "consumer", "group" };

#define NUMBER_OF(type, member)                                                                    \
	{                                                                                          \
#member, offsetof(type, member)                                                    \
	}

struct number {
	const char *name;
	size_t offset;
};

static const struct number tcp_numbers[] = {
	NUMBER_OF(struct tcp_config, connection_limit),
	NUMBER_OF(struct tcp_config, syn_limit),
	NUMBER_OF(struct tcp_config, rcv_buf_bytes),
	NUMBER_OF(struct tcp_config, snd_buf_bytes),
	NUMBER_OF(struct tcp_config, rto_min_ms),
	NUMBER_OF(struct tcp_config, ecn),
	NUMBER_OF(struct tcp_config, time_wait_ms),
	NUMBER_OF(struct tcp_config, keepalive_ms),
	NUMBER_OF(struct tcp_config, connect_timeout_ms),
};
static const struct number proxy_numbers[] = {
	NUMBER_OF(struct proxy_config, client_limit),
	NUMBER_OF(struct proxy_config, exchange_limit),
	NUMBER_OF(struct proxy_config, upstream_limit),
	NUMBER_OF(struct proxy_config, wait_limit),
};

static uint32_t number_value(const char *name, const char *text)
{
	size_t n = strlen(name);

	if (n > 3 && strcmp(name + n - 3, "_ms") == 0)
		return (uint32_t)(text_time(text) / 1000000);
	return (uint32_t)text_number(text, name);
}

static void set_number(void *base, const struct number *table, size_t count, struct cursor *cursor)
{
	const char *name = cursor_take(cursor, "a setting");
	const char *value = cursor_take(cursor, "a value");

	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].name, name) == 0) {
			uint32_t number = number_value(name, value);

			memcpy((char *)base + table[i].offset, &number, sizeof(number));
			return;
		}
	}
	wire_fail("unknown setting %s", name);
}

const char *config_arg(const struct config_item *item, const char *key, const char *otherwise)
{
	size_t n = strlen(key);

	for (uint32_t i = 0; i < item->count; i++)
		if (strncmp(item->words[i], key, n) == 0 && item->words[i][n] == '=')
			return item->words[i] + n + 1;
	return otherwise;
}

bool config_flag(const struct config_item *item, const char *word)
{
	for (uint32_t i = 0; i < item->count; i++)
		if (strcmp(item->words[i], word) == 0)
			return true;
	return false;
}

static struct config_item *find(struct wire_config *c, enum config_kind kind, const char *name)
{
	for (uint32_t i = 0; i < c->counts[kind]; i++)
		if (strcmp(c->items[kind][i].name, name) == 0)
			return &c->items[kind][i];
	return NULL;
}

static void add_word(struct config_item *item, const char *word)
{
	if (item->count == CONFIG_WORDS)
		wire_fail("more than %d words", CONFIG_WORDS);
	item->words[item->count++] = word;
}

static void take_words(struct config_item *item, struct cursor *cursor)
{
	item->count = 0;
	while (!cursor_done(cursor))
		add_word(item, cursor_take(cursor, "a word"));
}

/* A later value of the same setting takes the place of an earlier one. */
static void merge_words(struct config_item *item, struct cursor *cursor)
{
	while (!cursor_done(cursor)) {
		const char *word = cursor_take(cursor, "a word");
		const size_t n = strcspn(word, "=");
		uint32_t i = 0;

		while (i < item->count && strncmp(item->words[i], word, n + 1) != 0)
			i++;
		if (i < item->count)
			item->words[i] = word;
		else
			add_word(item, word);
	}
}

/* A group of the configuration's top level: the item has its name. */
static bool is_group(const char *word)
{
	const struct schema_field *f = schema_field(&schema_root, str_of(word));

	return f && f->type == SCHEMA_GROUP && !f->list;
}

static enum config_kind take_kind(struct cursor *cursor)
{
	const struct token *t = cursor_peek(cursor);
	const char *word;

	if (t && t->kind == TOKEN_WORD && is_group(t->text))
		return CONFIG_GROUP;
	word = cursor_take(cursor, "what is configured");
	for (unsigned k = 0; k < CONFIG_KINDS; k++)
		if (strcmp(kind_names[k], word) == 0)
			return (enum config_kind)k;
	wire_fail("unknown kind of configuration: %s", word);
}

/* Routes are named by API and path, limits by plan and kind. */
static const char *take_name(enum config_kind kind, struct cursor *cursor)
{
	const char *name = cursor_take(cursor, "a name");

	if (kind == CONFIG_ROUTE)
		return wire_text("%s %s", name, cursor_take(cursor, "a path"));
	if (kind == CONFIG_LIMIT) {
		const struct token *t = cursor_peek(cursor);

		return wire_text("%s %.5s", name, t ? t->text : "");
	}
	return name;
}

/* A route that has no backend, and none of its settings. */
static bool replies_itself(const struct config_item *item)
{
	for (uint32_t i = 0; i < item->count; i++)
		if (strncmp(item->words[i], "reply.", 6) == 0 ||
			strncmp(item->words[i], "redirect.", 9) == 0)
			return true;
	return false;
}

static void set_item(struct wire_config *c, struct cursor *cursor)
{
	enum config_kind kind = take_kind(cursor);
	const char *name = take_name(kind, cursor);
	struct config_item *item = find(c, kind, name);

	if (!item) {
		if (c->counts[kind] == CONFIG_ITEMS)
			wire_fail("more than %d of a kind", CONFIG_ITEMS);
		item = &c->items[kind][c->counts[kind]++];
		*item = (struct config_item){ .name = name };
	}
	if (kind == CONFIG_GROUP) {
		merge_words(item, cursor);
		return;
	}
	take_words(item, cursor);
	for (size_t i = 0; i < sizeof(config_words) / sizeof(config_words[0]); i++) {
		const char *word = config_words[i].word;

		if (config_words[i].kind == kind && !replies_itself(item) &&
			!config_arg(item, wire_text("%.*s", (int)strcspn(word, "="), word), NULL))
			add_word(item, word);
	}
}

static void leave_out(struct wire_config *c, struct cursor *cursor)
{
	enum config_kind kind = take_kind(cursor);
	const char *name = take_name(kind, cursor);
	struct config_item *item = find(c, kind, name);

	if (kind == CONFIG_LIMIT)
		cursor_take(cursor, "rate= or quota=");
	if (!item)
		wire_fail("no %s with the name %s", kind_names[kind], name);
	*item = c->items[kind][--c->counts[kind]];
}

static void set_port(struct wire_config *c, struct cursor *cursor)
{
	struct config_port *port = &c->ports[cursor_word(cursor, "inside")    ? INSIDE
					     : cursor_word(cursor, "outside") ? OUTSIDE
									      : PORTS - 1];
	struct config_item item = { 0 };
	const char *mtu;

	take_words(&item, cursor);
	mtu = config_arg(&item, "mtu", NULL);
	if (mtu)
		port->mtu = (uint16_t)text_number(mtu, "mtu");
	if (config_flag(&item, "linear"))
		port->linear = true;
	if (config_flag(&item, "offload"))
		port->offload = true;
	port->addresses = config_arg(&item, "addresses", port->addresses);
	port->gateways = config_arg(&item, "gateways", port->gateways);
	port->way = config_arg(&item, "way", port->way);
}

static void set_kernel(struct wire_config *c, struct cursor *cursor)
{
	struct config_item item = { 0 };

	take_words(&item, cursor);
	c->kernel = (struct config_kernel){
		.set = true,
		.addresses = config_arg(&item, "addresses", ""),
		.ports = config_arg(&item, "ports", ""),
		.rate = (uint32_t)text_number(config_arg(&item, "rate", "1000"), "rate"),
		.burst = (uint32_t)text_number(config_arg(&item, "burst", "64"), "burst"),
	};
}

static void set_host(struct wire_config *c, struct cursor *cursor)
{
	const char *name = cursor_take(cursor, "a name");
	uint32_t ip = text_ip(cursor_take(cursor, "an address"));
	struct host *host = host_find(c->net, name);
	struct config_item item = { 0 };
	const char *mac;

	take_words(&item, cursor);
	if (!host)
		host = host_add(c->net, name, ip, OUTSIDE);
	host->ip = ip;
	host->port = config_flag(&item, "inside") ? INSIDE : OUTSIDE;
	host->no_arp = config_flag(&item, "noarp");
	mac = config_arg(&item, "mac", NULL);
	if (mac)
		text_mac(mac, host->mac);
}

static void set_workers(struct wire_config *c, struct cursor *cursor)
{
	struct config_item item = { 0 };

	c->workers = (uint32_t)cursor_number(cursor, "workers");
	if (c->workers < 1 || c->workers > FAKE_QUEUES)
		wire_fail("1 to %u workers", FAKE_QUEUES);
	take_words(&item, cursor);
	c->reta_size = (uint32_t)text_number(config_arg(&item, "rss", "0"), "slots");
}

/* IPv6 on one side, or on both. */
static void set_six(struct cursor *cursor)
{
	bool outside = cursor_word(cursor, "outside"), inside = cursor_word(cursor, "inside");

	six_sides[OUTSIDE] |= outside || !inside;
	six_sides[INSIDE] |= inside || !outside;
}

void config_line(struct wire_config *c, struct cursor *cursor)
{
	if (cursor_word(cursor, "six"))
		set_six(cursor);
	else if (cursor_word(cursor, "dad"))
		c->dad = true;
	else if (cursor_word(cursor, "mld"))
		c->mld = true;
	else if (cursor_word(cursor, "asks"))
		c->asks = true;
	else if (cursor_word(cursor, "events"))
		c->events = (uint32_t)cursor_number(cursor, "records");
	else if (cursor_word(cursor, "backlog"))
		c->backlog = (uint32_t)cursor_number(cursor, "connections");
	else if (cursor_word(cursor, "tcp"))
		set_number(
			&c->tcp, tcp_numbers, sizeof(tcp_numbers) / sizeof(tcp_numbers[0]), cursor);
	else if (cursor_word(cursor, "proxy"))
		set_number(&c->proxy, proxy_numbers,
			sizeof(proxy_numbers) / sizeof(proxy_numbers[0]), cursor);
	else if (cursor_word(cursor, "asker"))
		asker_config(&c->proxy, cursor);
	else if (cursor_word(cursor, "pool"))
		c->pool = (uint32_t)cursor_number(cursor, "mbufs");
	else if (cursor_word(cursor, "workers"))
		set_workers(c, cursor);
	else if (cursor_word(cursor, "port"))
		set_port(c, cursor);
	else if (cursor_word(cursor, "kernel"))
		set_kernel(c, cursor);
	else if (cursor_word(cursor, "host"))
		set_host(c, cursor);
	else if (cursor_word(cursor, "without"))
		leave_out(c, cursor);
	else
		set_item(c, cursor);
	cursor_end(cursor);
}

void config_begin(struct wire_config *c, struct net_world *net)
{
	memset(c, 0, offsetof(struct wire_config, items));
	c->net = net;
	c->events = 1024;
	c->pool = 8191;
	c->workers = 1;
	c->tcp = (struct tcp_config){
		.connection_limit = 512,
		.syn_limit = 256,
		.rcv_buf_bytes = 65536,
		.snd_buf_bytes = 65536,
		.rto_min_ms = 200,
		.time_wait_ms = 30000,
		.keepalive_ms = 75000,
		.connect_timeout_ms = 30000,
	};
	asker_begin();
	c->proxy = (struct proxy_config){
		.client_limit = 256, .exchange_limit = 256, .upstream_limit = 256
	};
	c->ports[OUTSIDE] = (struct config_port){
		.mtu = 1500, .addresses = "10.0.0.1/24", .gateways = "10.0.0.254"
	};
	c->ports[INSIDE] =
		(struct config_port){ .mtu = 1500, .addresses = "10.0.1.1/24", .gateways = "" };
	for (unsigned i = 0; i < sizeof(config_defaults) / sizeof(config_defaults[0]); i++) {
		struct line line = { "defaults", i + 1, config_defaults[i], NULL, 0 };
		struct cursor cursor = { &line, 0 };

		text_split(&line);
		config_line(c, &cursor);
	}
}
