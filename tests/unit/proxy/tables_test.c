/* SPDX-License-Identifier: Apache-2.0 */
/* What a generation's tables share with those of the generation before, by the kinds that
 * changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <rte_mbuf.h>

#include "control/compile/compile.h"
#include "dataplane/policy/patterns.h"
#include "dataplane/proxy/tables.h"
#include "lib/shm/delta.h"
#include "tests/unit/policy/eal.h"
#include "tests/wire/certificate.h"

#define WORKERS 2

/* What a configuration has differently. */
enum {
	ENDPOINT = 1, /* another one, beside the first */
	KEY = 2,      /* one more */
	ROUTE = 4,
	LISTENER = 8,
	CERTIFICATE = 16,
	REPLIES = 32, /* a reply, and no backend */
};

static struct rte_mempool *pools[WORKERS];
static struct usage usage;
static uint8_t digests[2][SNAP_DIGEST_BYTES];
static unsigned patterns_made;

static int count_compile(void *ctx, const struct patterns *patterns, char **out, size_t *out_bytes,
	char *why, size_t why_bytes)
{
	patterns_made++;
	return patterns_compile(patterns, out, out_bytes, why, why_bytes);
}

static const struct pattern_compiler compiler = { .compile = count_compile };

static char *text_make(unsigned kind)
{
	const struct certificate *certificate =
		certificate_get(kind & CERTIFICATE ? "new" : "old", "a.test");
	char *text = NULL, hex[2][2 * SNAP_DIGEST_BYTES + 1];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < SNAP_DIGEST_BYTES; k++)
			snprintf(hex[i] + 2 * (size_t)k, 3, "%02x", digests[i][k]);
	fprintf(out,
		"version = 1;\n"
		"dataplane: { workers = 2; ports = ( { name = \"p\"; device = \"0000:01:00.0\"; addresses = [ \"10.0.0.1/24\" ]; } ); };\n"
		"certificates = ( { name = \"c\"; certificate = \"%s\"; key = \"%s\"; } );\n"
		"listeners = ( { name = \"l\"; port = \"p\"; bind = \"10.0.0.1:443\"; tls: { certificates = [ \"c\" ]; }; }%s );\n",
		certificate->cert_path, certificate->key_path,
		kind & LISTENER ? ", { name = \"m\"; port = \"p\"; bind = \"10.0.0.1:80\"; }" : "");
	if (!(kind & REPLIES))
		fprintf(out,
			"backends = ( { name = \"b\"; endpoints = ( { address = \"10.0.0.2:80\"; }%s ); } );\n",
			kind & ENDPOINT ? ", { address = \"10.0.0.3:80\"; }" : "");
	fprintf(out,
		"credentials = ( { name = \"key\"; in = \"header\"; header = \"X-Key\"; pattern = \"^(ak|bk)_[a-z]$\"; } );\n"
		"apis = ( { name = \"a\"; auth = [ \"key\" ]; routes = ( { path = \"/a/*\"; %s; }%s ); } );\n",
		kind & REPLIES ? "reply: { body = \"ok\"; }" : "backend = \"b\"",
		kind & ROUTE ? ", { path = \"/b/*\"; backend = \"b\"; }" : "");
	fprintf(out,
		"plans = ( { name = \"gold\"; apis = [ \"a\" ]; limits = ( { rate = \"2/s\"; burst = 2; } ); } );\n"
		"consumers = ( { name = \"c\"; plan = \"gold\"; keys = ( { id = \"1\"; sha256 = \"%s\"; } ); }%s%s%s );\n",
		hex[0],
		kind & KEY ? ", { name = \"d\"; plan = \"gold\"; keys = ( { id = \"1\"; sha256 = \""
			   : "",
		kind & KEY ? hex[1] : "", kind & KEY ? "\"; } ); }" : "");
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Two generations, compiled as control does and made into tables as the dataplane does. */
struct pair {
	struct compiled compiled[2];
	struct secrets secrets[2];
	struct tables *tables[2];
};

static void pair_compile(struct pair *p, unsigned i, unsigned kind)
{
	const struct compile_input input = {
		.previous = i ? &p->compiled[0].snapshot : NULL, .generation = i + 1, .boot_id = 1
	};
	struct mistakes mistakes = { 0 };
	struct segment segment;
	char *text = text_make(kind);

	if (compile_memory(text, &input, &mistakes, &p->compiled[i]) != 0) {
		mistakes_print(&mistakes, stderr);
		fail();
	}
	mistakes_free(&mistakes);
	free(text);
	assert_int_equal(
		segment_map(dup(p->compiled[i].secrets.fd), SEGMENT_SECRETS, false, true, &segment),
		0);
	assert_int_equal(secrets_open(&segment, &p->secrets[i]), 0);
}

static void pair_tables(struct pair *p, unsigned i)
{
	static const struct tls_tickets tickets;
	const struct tables_config config = { WORKERS, pools, &tickets, &usage, NULL, &compiler };
	const struct snapshot *from = &p->compiled[i].snapshot;
	struct snapshot snapshot;
	char why[256] = "";

	assert_int_equal(
		snapshot_open(from->parts, from->generation, &snapshot, why, sizeof(why)), 0);
	p->tables[i] = tables_create(
		&config, &snapshot, &p->secrets[i], i ? p->tables[0] : NULL, why, sizeof(why));
	if (!p->tables[i])
		fail_msg("%s", why);
}

static struct pair pair_make(unsigned kind)
{
	struct pair p;

	for (unsigned i = 0; i < 2; i++) {
		pair_compile(&p, i, i ? kind : 0);
		pair_tables(&p, i);
	}
	return p;
}

/* @return the caller of the first key, or of the second */
static bool pair_finds(const struct tables *t, unsigned key)
{
	struct policy_caller caller;

	return policy_lookup_bulk(t->policy, (const uint8_t(*)[SNAP_DIGEST_BYTES])digests[key], 1,
		       &caller) == 1 &&
	       str_equal(caller.name, key ? STR("d") : STR("c"));
}

/* The first generation goes, and the second is used alone: the address sanitizer looks on. */
static void pair_end(struct pair *p)
{
	struct tables *t = p->tables[1];

	tables_destroy(p->tables[0]);
	compiled_free(&p->compiled[0]);
	secrets_close(&p->secrets[0]);
	assert_true(pair_finds(t, 0));
	assert_true(str_equal(policy_plan_name(t->policy, 0), STR("gold")));
	assert_true(policy_plan_allows(t->policy, 0, t->pipeline.plans[0].api_slot));
	assert_int_equal(t->pipeline.plans[0].credentials[0], 0);
	for (uint32_t w = 0; w < WORKERS; w++) {
		struct tls_conn *conn = tls_conn_create(t->worker[w].tls, 0);

		assert_non_null(conn);
		tls_conn_destroy(conn);
	}
	tables_destroy(t);
	compiled_free(&p->compiled[1]);
	secrets_close(&p->secrets[1]);
}

/* Which of the tables are the same in both generations. */
static void assert_shared(const struct pair *p, bool callers, bool routes, bool tls)
{
	const struct tables *a = p->tables[0], *b = p->tables[1];

	assert_int_equal(a->policy == b->policy, callers);
	assert_int_equal(a->by_slot[SLOT_CONSUMER] == b->by_slot[SLOT_CONSUMER], callers);
	assert_int_equal(a->routes == b->routes, routes);
	for (uint32_t w = 0; w < WORKERS; w++) {
		assert_int_equal(a->worker[w].scratch == b->worker[w].scratch, callers);
		assert_int_equal(a->worker[w].tls == b->worker[w].tls, tls);
	}
}

/* Neither the hash of keys nor limits, patterns, routes or certificates are made again. */
static void an_endpoint_is_the_balancers_alone(void **state)
{
	struct pair p;

	patterns_made = 0;
	p = pair_make(ENDPOINT);
	assert_shared(&p, true, true, true);
	assert_int_equal(patterns_made, 1);
	assert_int_equal(p.tables[0]->snapshot.endpoints[0].count, 1);
	assert_int_equal(p.tables[1]->snapshot.endpoints[0].count, 2);
	assert_ptr_not_equal(
		p.tables[0]->by_slot[SLOT_ENDPOINT], p.tables[1]->by_slot[SLOT_ENDPOINT]);
	assert_ptr_not_equal(p.tables[0]->balance, p.tables[1]->balance);
	pair_end(&p);
}

static void a_configuration_may_have_no_backend(void **state)
{
	struct pair p = pair_make(REPLIES);

	assert_int_equal(p.tables[0]->snapshot.sections[SNAP_ENDPOINTS].count, 1);
	assert_int_equal(p.tables[1]->snapshot.sections[SNAP_ENDPOINTS].count, 0);
	assert_true(tables_slot_ended(p.tables[1], SLOT_ENDPOINT, 0));
	pair_end(&p);
}

static void a_key_leaves_routes_and_certificates(void **state)
{
	struct pair p = pair_make(KEY);

	assert_shared(&p, false, true, true);
	assert_false(pair_finds(p.tables[0], 1));
	assert_true(pair_finds(p.tables[1], 1));
	pair_end(&p);
}

static void a_route_leaves_callers_and_certificates(void **state)
{
	struct pair p;

	patterns_made = 0;
	p = pair_make(ROUTE);
	assert_shared(&p, true, false, true);
	assert_int_equal(patterns_made, 1);
	pair_end(&p);
}

static void a_listener_leaves_callers(void **state)
{
	struct pair p = pair_make(LISTENER);

	assert_shared(&p, true, false, false);
	pair_end(&p);
}

static void a_certificate_is_not_the_one_before(void **state)
{
	struct pair p = pair_make(CERTIFICATE);

	assert_shared(&p, true, false, false);
	pair_end(&p);
}

/* A chain is not in the snapshot, which has the fingerprint of the certificate alone. */
static void another_chain_is_read_where_the_snapshot_is_the_same(void **state)
{
	struct pair p;
	const struct secrets_entry *entry;
	const char *base;
	struct secrets_input input;
	struct segment segment;
	char *twice;

	pair_compile(&p, 0, 0);
	pair_compile(&p, 1, 0);
	base = p.secrets[0].segment.base;
	entry = &p.secrets[0].entries[0];
	twice = malloc(2 * (size_t)entry->cert_length);
	assert_non_null(twice);
	for (unsigned i = 0; i < 2; i++)
		memcpy(twice + i * entry->cert_length, base + entry->cert_offset,
			entry->cert_length);
	input.cert_pem = (struct str){ twice, 2 * entry->cert_length };
	input.key_pem = (struct str){ base + entry->key_offset, entry->key_length };
	memcpy(input.fingerprint, entry->fingerprint, sizeof(input.fingerprint));
	secrets_close(&p.secrets[1]);
	assert_int_equal(secrets_build(&input, 1, 2, 1, &segment), 0);
	assert_int_equal(secrets_open(&segment, &p.secrets[1]), 0);
	free(twice);
	pair_tables(&p, 0);
	pair_tables(&p, 1);
	assert_shared(&p, true, true, false);
	pair_end(&p);
}

/* A key that was removed by a delta is there again when the same part comes without that change. */
static void deltas_are_not_inherited(void **state)
{
	struct delta delta = { .op = DELTA_KEY_REMOVE, .base_generation = 1 };
	struct pair p;

	pair_compile(&p, 0, 0);
	pair_compile(&p, 1, ENDPOINT);
	pair_tables(&p, 0);
	memcpy(delta.digest, digests[0], sizeof(delta.digest));
	assert_int_equal(policy_apply_delta(p.tables[0]->policy, &delta), 0);
	assert_false(pair_finds(p.tables[0], 0));
	pair_tables(&p, 1);
	assert_ptr_not_equal(p.tables[0]->policy, p.tables[1]->policy);
	assert_ptr_equal(p.tables[0]->routes, p.tables[1]->routes);
	assert_true(pair_finds(p.tables[1], 0));
	assert_false(pair_finds(p.tables[0], 0));
	pair_end(&p);
}

static int begin(void **state)
{
	if (eal_begin(state) != 0 || usage_create(64, 1, &usage) != 0)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		char key[16];

		snprintf(key, sizeof(key), "ak_%c", 'a' + (char)i);
		EVP_Digest(key, strlen(key), digests[i], NULL, EVP_sha256(), NULL);
	}
	for (uint32_t w = 0; w < WORKERS; w++) {
		char name[16];

		snprintf(name, sizeof(name), "pool-%u", w);
		pools[w] = rte_pktmbuf_pool_create(name, 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
		if (!pools[w])
			return -1;
	}
	return 0;
}

static int end(void **state)
{
	for (uint32_t w = 0; w < WORKERS; w++)
		rte_mempool_free(pools[w]);
	usage_close(&usage);
	return eal_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_endpoint_is_the_balancers_alone),
		cmocka_unit_test(a_configuration_may_have_no_backend),
		cmocka_unit_test(a_key_leaves_routes_and_certificates),
		cmocka_unit_test(a_route_leaves_callers_and_certificates),
		cmocka_unit_test(a_listener_leaves_callers),
		cmocka_unit_test(a_certificate_is_not_the_one_before),
		cmocka_unit_test(another_chain_is_read_where_the_snapshot_is_the_same),
		cmocka_unit_test(deltas_are_not_inherited),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
