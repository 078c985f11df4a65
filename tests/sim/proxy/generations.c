/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations that the simulated gateway is given, from text through control's own compiler.
 * Each is compiled with the one before as what runs, so that slots are given as in life; tables are
 * made when they are first needed and kept for the whole process.
 */
#include "tests/sim/proxy/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "control/compile/compile.h"
#include "tests/sim/proxy/message.h"
#include "tests/wire/certificate.h"

#define CAPACITY   64
#define TEXT_BYTES 16384 /* of a configuration */

/* What a generation has differently. */
#define LESS_ENDPOINTS 1 /* of backend a */
#define LISTENER       2 /* one more */
#define MOVED          4 /* requests for /b go to backend a */
#define LESS_ROUTES    8
#define RENAMED        16  /* the listener of port 80 */
#define SHIFTED        32  /* one more backend, API and consumer first: the others' indices move */
#define OTHER_ENDPOINT 64  /* of backend a, in place of one */
#define PLANS          128 /* two consumers have each other's */

/* Some change one kind of what a snapshot is made of (enum snap_kind) and share the others, some
 * change several. */
static const unsigned kinds[GENERATIONS] = { 0, LISTENER, LISTENER | LESS_ENDPOINTS,
	LISTENER | LESS_ENDPOINTS | PLANS, MOVED | RENAMED | PLANS,
	MOVED | LESS_ROUTES | LISTENER | PLANS, MOVED | LESS_ROUTES | LISTENER,
	LESS_ROUTES | SHIFTED | PLANS, LISTENER, LISTENER | OTHER_ENDPOINT,
	LISTENER | OTHER_ENDPOINT | MOVED, SHIFTED | LESS_ENDPOINTS | PLANS, MOVED | OTHER_ENDPOINT,
	LISTENER | LESS_ROUTES | PLANS, SHIFTED | RENAMED | LISTENER, MOVED | SHIFTED | PLANS };

static struct {
	struct compiled compiled;
	struct tables *tables[SIM_POOLS];
} generations[GENERATIONS];
static struct usage usage;

static char *text_make(unsigned kind)
{
	static const char head[] =
		"version = 1;\n"
		"dataplane: { workers = 1; ports = (\n"
		" { name = \"outside\"; device = \"0000:01:00.0\"; addresses = [ \"10.0.0.1/24\" ]; },\n"
		" { name = \"inside\"; device = \"0000:01:00.1\"; addresses = [ \"10.0.1.1/24\" ]; } );\n"
		" connections = 256;\n"
		" capacity: { listeners = 16; apis = 16; endpoints = 32; consumers = 64; }; };\n"
		"certificates = ( { name = \"main\"; certificate = \"%s\"; key = \"%s\"; } );\n"
		"listeners = (\n"
		" { name = \"%s\"; port = \"outside\"; bind = \"10.0.0.1:80\"; },\n"
		" { name = \"tls\"; port = \"outside\"; bind = \"10.0.0.1:443\"; tls: { certificates = [ \"main\" ]; }; }%s );\n"
		"backends = (%s\n"
		" { name = \"a\"; connect_timeout = \"500ms\"; idle_connections = 8; endpoints = (\n"
		"  { address = \"10.0.1.11:8001\"; weight = 2; }, { address = \"10.0.1.11:%s\"; }%s ); },\n"
		" { name = \"b\"; connect_timeout = \"500ms\"; idle_connections = 2; endpoints = ( { address = \"10.0.1.11:8004\"; } ); },\n"
		" { name = \"r\"; connect_timeout = \"500ms\"; retry_after = \"1s\"; endpoints = (\n"
		"  { address = \"10.0.1.11:8005\"; }, { address = \"10.0.1.11:8006\"; } ); },\n"
		" { name = \"t\"; connect_timeout = \"500ms\"; idle_connections = 4; endpoints = (\n"
		"  { address = \"10.0.1.11:8011\"; }, { address = \"10.0.1.11:8012\"; weight = 3; }, { address = \"10.0.1.11:8013\"; } ); },\n"
		" { name = \"s\"; connect_timeout = \"500ms\"; endpoints = ( { address = \"10.0.1.99:8007\"; } ); } );\n"
		"credentials = ( { name = \"key\"; in = \"header\"; header = \"X-API-Key\"; pattern = \"^ak_test_[0-9]{6}$\"; } );\n";
	static const char tail[] =
		"apis = (%s\n"
		" { name = \"open\"; hosts = [ \"open.test\" ]; routes = ( %s ); },\n"
		" { name = \"keyed\"; hosts = [ \"keyed.test\" ]; auth = [ \"key\" ]; routes = ( %s ); } );\n"
		"plans = (\n"
		" { name = \"gold\"; apis = [ \"keyed\" ]; limits = ( { quota = \"100000/day\"; } ); },\n"
		" { name = \"bronze\"; apis = [ \"keyed\" ]; limits = ( { rate = \"2/s\"; burst = 2; } ); },\n"
		" { name = \"none\"; apis = [ \"open\" ]; } );\n"
		"consumers = (%s\n"
		" { name = \"k0\"; plan = \"%s\"; keys = ( { id = \"1\"; sha256 = \"%s\"; } ); },\n"
		" { name = \"k1\"; plan = \"bronze\"; keys = ( { id = \"1\"; sha256 = \"%s\"; } ); },\n"
		" { name = \"k2\"; plan = \"%s\"; keys = ( { id = \"1\"; sha256 = \"%s\"; } ); } );\n"
		"timeouts: { head = \"3s\"; body = \"3s\"; idle = \"6s\"; send = \"4s\"; backend_idle = \"5s\"; };\n"
		"access_log: { enabled = true; path = \"/tmp/access.log\"; records = 1024; };\n";
	const struct certificate *certificate = certificate_get("main", "open.test,keyed.test");
	char routes[2400], hash[3][65], *text = malloc(TEXT_BYTES);
	int n;

	if (!text)
		return NULL;
	snprintf(routes, sizeof(routes),
		"{ path = \"/a/*\"; backend = \"a\"; timeout = \"1s\";"
		" cors: { origins = [ \"" MESSAGE_ORIGIN "\" ]; credentials = true; }; },"
		/* Edits that leave the path as it is. */
		"{ path = \"/b/*\"; backend = \"%s\"; timeout = \"1500ms\"; rewrite: { path = \"/b/{rest}\"; };"
		" request_fields: { remove = [ \"X-None\" ]; set = ( { name = \"X-Rest\"; value = \"{path.rest}\"; } ); };"
		" response_fields: { set = ( { name = \"X-Rest\"; value = \"{path.rest} {client_ip}\"; } ); }; },"
		"{ path = \"/r/*\"; backend = \"r\"; timeout = \"1s\"; },"
		"{ path = \"/t/*\"; backend = \"t\"; timeout = \"1s\"; retry: { attempts = 3; on = [ \"connect\", \"reset\", \"503\" ];"
		"  per_try_timeout = \"300ms\"; body_max = \"8KiB\"; budget = \"100%%\"; };"
		" cors: { origins = [ \"" MESSAGE_ORIGIN "\" ]; credentials = true; }; },"
		"{ path = \"/u/*\"; backend = \"t\"; timeout = \"1s\"; retry: { attempts = 2; on = [ \"5xx\" ]; body_max = \"0\"; };"
		"  response_fields: { remove = [ \"X-None\" ]; }; },"
		"{ path = \"/v/*\"; backend = \"r\"; timeout = \"1s\"; retry: { on = [ \"connect\", \"reset\", \"timeout\", \"503\" ];"
		"  per_try_timeout = \"500ms\"; budget = \"50%%\"; }; },%s"
		"{ path = \"/s/*\"; backend = \"s\"; timeout = \"1s\"; }",
		kind & MOVED ? "a" : "b",
		kind & LESS_ROUTES ? ""
				   : "{ path = \"/d/*\"; backend = \"b\"; timeout = \"1s\"; },");
	for (int i = 0; i < 3; i++) {
		char key[32];
		uint8_t digest[32];

		snprintf(key, sizeof(key), "ak_test_%06d", i);
		EVP_Digest(key, strlen(key), digest, NULL, EVP_sha256(), NULL);
		for (int k = 0; k < 32; k++)
			snprintf(hash[i] + 2 * (size_t)k, 3, "%02x", digest[k]);
	}
	n = snprintf(text, TEXT_BYTES, head, certificate->cert_path, certificate->key_path,
		kind & RENAMED ? "plain" : "clear",
		kind & LISTENER
			? ", { name = \"side\"; port = \"outside\"; bind = \"10.0.0.1:81\"; }"
			: "",
		kind & SHIFTED
			? " { name = \"0\"; endpoints = ( { address = \"10.0.1.11:8009\"; } ); },"
			: "",
		kind & OTHER_ENDPOINT ? "8010" : "8002",
		kind & LESS_ENDPOINTS ? "" : ", { address = \"10.0.1.11:8003\"; }");
	snprintf(text + n, TEXT_BYTES - (size_t)n, tail,
		kind & SHIFTED
			? " { name = \"0\"; hosts = [ \"more.test\" ]; routes = ( { path = \"/*\"; backend = \"0\"; } ); },"
			: "",
		routes, routes, kind & SHIFTED ? " { name = \"0\"; plan = \"none\"; }," : "",
		kind & PLANS ? "none" : "gold", hash[0], hash[1], kind & PLANS ? "gold" : "none",
		hash[2]);
	return text;
}

bool generations_setup(void)
{
	for (unsigned i = 0; i < GENERATIONS; i++) {
		const struct compile_input input = {
			.previous = i ? &generations[i - 1].compiled.snapshot : NULL,
			.generation = i + 1,
			.boot_id = 1
		};
		struct mistakes mistakes = { 0 };
		char *text = text_make(kinds[i]);
		bool well = text &&
			    compile_memory(text, &input, &mistakes, &generations[i].compiled) == 0;

		free(text);
		if (!well)
			mistakes_print(&mistakes, stderr);
		mistakes_free(&mistakes);
		if (!well)
			return false;
	}
	return usage_create(CAPACITY, 1, &usage) == 0;
}

const struct snapshot *generation_snapshot(uint32_t index)
{
	return &generations[index].compiled.snapshot;
}

/* The worker of another run wrote to its part. */
static void tables_reset(struct tables *t)
{
	balance_rounds_destroy(t->worker[0].rounds);
	t->worker[0].rounds = balance_rounds_create(t->balance);
}

static struct budget *budget(void)
{
	static struct budget *made;

	if (!made)
		made = budget_create(1);
	return made;
}

void generations_reset(void)
{
	budget_reset(budget());
	for (unsigned i = 0; i < GENERATIONS; i++)
		for (unsigned pool = 0; pool < SIM_POOLS; pool++)
			if (generations[i].tables[pool])
				tables_reset(generations[i].tables[pool]);
	memset(usage.lines, 0, usage.capacity * sizeof(usage.lines[0]));
}

struct tables *generation_tables(uint32_t index, unsigned pool_index, struct rte_mempool *pool)
{
	static const struct tls_tickets tickets;
	struct tables **tables = &generations[index].tables[pool_index];
	struct tables_config config = { 1, &pool, &tickets, &usage, budget(), NULL };
	struct compiled *c = &generations[index].compiled;
	struct segment secrets_segment;
	struct tables *previous = NULL;
	struct snapshot snapshot;
	struct secrets secrets;
	char why[256] = "";

	if (*tables)
		return *tables;
	if (index > 0)
		previous = generation_tables(index - 1, pool_index, pool);
	if (index > 0 && !previous)
		return NULL;
	if (segment_map(dup(c->secrets.fd), SEGMENT_SECRETS, false, true, &secrets_segment) ||
		snapshot_open(
			c->snapshot.parts, c->snapshot.generation, &snapshot, why, sizeof(why)) ||
		secrets_open(&secrets_segment, &secrets)) {
		fprintf(stderr, "generation %u: %s\n", index, why);
		return NULL;
	}
	*tables = tables_create(&config, &snapshot, &secrets, previous, why, sizeof(why));
	secrets_close(&secrets);
	if (!*tables)
		fprintf(stderr, "generation %u: %s\n", index, why);
	return *tables;
}
