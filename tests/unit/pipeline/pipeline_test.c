/* SPDX-License-Identifier: Apache-2.0 */
/* Requests decided together are decided as each by itself; what a route's plan holds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "control/compile/compile.h"
#include "dataplane/http/h1/http1.h"
#include "dataplane/pipeline/pipeline_priv.h"
#include "tests/unit/policy/eal.h"

#define SECOND UINT64_C(1000000000)
#define KEYS   5
#define MANY   7 /* credentials of an API: more than a plan has room for */

static struct snapshot snapshot;
static struct policy *policy;
static struct usage usages[2];
static struct pipeline pipelines[2]; /* of the same tables; limits are counted apart */
static struct policy_scratch *scratch[2];

static void hash_text(int i, char *hex)
{
	char key[32];
	uint8_t digest[32];

	snprintf(key, sizeof(key), "ak_test_%06d", i);
	EVP_Digest(key, strlen(key), digest, NULL, EVP_sha256(), NULL);
	for (size_t k = 0; k < sizeof(digest); k++)
		snprintf(hex + 2 * k, 3, "%02x", digest[k]);
}

static void write_callers(FILE *out)
{
	static const char *const plans[KEYS] = { "gold", "bronze", "bronze", "none", "gold" };

	fputs("credentials = (", out);
	for (int i = 0; i < MANY; i++)
		fprintf(out,
			"%s { name = \"h%d\"; in = \"header\"; header = \"X-H%d\"; pattern = \"^ak_test_[0-9]{6}$\"; }",
			i ? "," : "", i, i);
	fputs(" );\nplans = ( { name = \"gold\"; apis = [ \"one\", \"many\" ]; limits = ( { quota = \"100000/day\"; } ); },\n"
	      " { name = \"bronze\"; apis = [ \"one\", \"many\" ]; limits = ( { rate = \"1/s\"; burst = 1; }, { quota = \"400/day\"; } ); },\n"
	      " { name = \"none\"; apis = [ \"open\" ]; } );\nconsumers = (",
		out);
	for (int i = 0; i < KEYS; i++) {
		char hex[65];

		hash_text(i, hex);
		fprintf(out,
			"%s { name = \"c%d\"; plan = \"%s\"; keys = ( { id = \"1\"; sha256 = \"%s\";%s } ); }",
			i ? "," : "", i, plans[i], hex,
			i == KEYS - 1 ? " expires = \"2020-01-01\";" : "");
	}
	fputs(" );\n", out);
}

static char *config_text(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fputs("version = 1;\n"
	      "dataplane: { workers = 1; ports = ( { name = \"p\"; device = \"0000:01:00.0\"; addresses = [ \"10.0.0.1/24\" ]; } ); };\n"
	      "listeners = ( { name = \"l\"; port = \"p\"; bind = \"10.0.0.1:80\"; } );\n"
	      "backends = ( { name = \"a\"; endpoints = ( { address = \"10.0.0.2:80\"; } ); },\n"
	      " { name = \"b\"; endpoints = ( { address = \"10.0.0.3:80\"; } ); } );\n"
	      "limits: { body = \"8KiB\"; };\n"
	      "apis = ( { name = \"open\"; hosts = [ \"open.test\" ]; routes = (\n"
	      "  { path = \"/w\"; backend = \"a\"; websocket = true; cors: { origins = [ \"https://a.test\" ]; }; },\n"
	      "  { path = \"/m\"; methods = [ \"PUT\" ]; backend = \"a\"; cors: { origins = [ \"https://b.test\" ]; }; },\n"
	      "  { path = \"/m\"; methods = [ \"OPTIONS\", \"POST\" ]; backend = \"b\"; },\n"
	      "  { path = \"/a/*\"; backend = \"a\"; timeout = \"3s\"; },\n"
	      "  { path = \"/b/*\"; backend = \"b\"; body_max = \"1KiB\"; },\n"
	      "  { path = \"/c/*\"; backend = \"b\"; body_max = \"1MiB\"; } ); },\n"
	      " { name = \"one\"; hosts = [ \"one.test\" ]; auth = [ \"h0\" ];\n"
	      "  cors: { origins = [ \"https://a.test\" ]; methods = [ \"POST\" ]; fields = [ \"X-H0\" ]; }; routes = (\n"
	      "  { path = \"/a/*\"; backend = \"b\"; body_max = \"1KiB\"; },\n"
	      "  { path = \"/r/*\"; redirect: { to = \"/a/{rest}\"; }; },\n"
	      "  { path = \"/s\"; body_max = \"1KiB\"; reply: { body = \"ok\"; }; } ); },\n"
	      " { name = \"many\"; hosts = [ \"many.test\" ]; auth = [ \"h6\", \"h5\", \"h4\", \"h3\", \"h2\", \"h1\", \"h0\" ];\n"
	      "  routes = ( { path = \"/a/*\"; backend = \"a\"; } ); } );\n",
		out);
	write_callers(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static int begin(void **state)
{
	const struct compile_input input = { .generation = 1, .boot_id = 1 };
	struct mistakes mistakes = { 0 };
	struct compiled compiled;
	char *text = config_text(), why[200];

	if (compile_memory(text, &input, &mistakes, &compiled) != 0) {
		mistakes_print(&mistakes, stderr);
		return -1;
	}
	mistakes_free(&mistakes);
	free(text);
	snapshot = compiled.snapshot;
	segment_close(&compiled.secrets);
	if (eal_begin(state) != 0)
		return -1;
	policy = policy_create(&snapshot, NULL, NULL, why, sizeof(why));
	for (unsigned i = 0; i < 2; i++) {
		usage_create(64, 1, &usages[i]);
		pipelines[i] = (struct pipeline){ .snapshot = &snapshot,
			.routes = route_table_create(&snapshot),
			.policy = policy,
			.usage = &usages[i] };
		scratch[i] = policy_scratch_create(policy);
		if (!scratch[i] || !pipeline_init(&pipelines[i]))
			return -1;
	}
	return 0;
}

static int end(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		pipeline_fini(&pipelines[i]);
		route_table_destroy((struct route_table *)(uintptr_t)pipelines[i].routes);
		policy_scratch_destroy(scratch[i]);
		usage_close(&usages[i]);
	}
	policy_destroy(policy);
	snapshot_close(&snapshot);
	return eal_end(state);
}

static const struct route_plan *plan_of(const char *host, const char *path)
{
	struct route_match match;

	assert_int_equal(
		route_find(pipelines[0].routes, 0, str_of(host), str_of(path), HTTP_GET, &match),
		REASON_PROXIED);
	return &pipelines[0].plans[match.route];
}

static void a_plan_holds_what_the_records_say(void **state)
{
	const struct route_plan *open = plan_of("open.test", "/a/1"),
				*one = plan_of("one.test", "/a/1"),
				*many = plan_of("many.test", "/a/1");

	assert_int_equal(open->stages, 0);
	assert_int_equal(open->timeout_ms, 3000);
	assert_int_equal(open->body_max, 8192);
	assert_int_equal(open->body_max_own, 0);
	assert_int_equal(plan_of("open.test", "/b/1")->body_max, 1024);
	assert_int_equal(plan_of("open.test", "/c/1")->body_max, 8192);
	assert_int_equal(plan_of("open.test", "/c/1")->body_max_own, 1 << 20);
	assert_int_equal(plan_of("open.test", "/b/1")->backend, 1);
	assert_int_equal(one->stages, many->stages | 1u << PIPELINE_CORS);
	assert_int_equal(plan_of("one.test", "/s")->stages, one->stages | 1u << PIPELINE_REPLY);
	assert_int_equal(plan_of("one.test", "/s")->backend, SNAP_NONE);
	assert_int_equal(one->credential_count, 1);
	assert_int_equal(route_plan_credentials(&pipelines[0], one)[0], 0);
	assert_int_equal(many->credential_count, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(route_plan_credentials(&pipelines[0], many)[i], MANY - 1 - i);
	assert_int_equal(many->api, 2);
	assert_int_equal(many->api_slot, SNAP_AT(&snapshot, SNAP_APIS, snap_api, 2)->slot);
}

static uint64_t seed = 20261130;

static uint32_t draw(uint32_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* What a browser adds, or takes for it. */
static int fields_draw(char *text, size_t room)
{
	static const char *const fields[] = { "", "", "Origin: https://a.test\r\n",
		"Origin: https://b.test\r\n",
		"Origin: https://a.test\r\nOrigin: https://b.test\r\n" };
	static const char *const asked[] = { "", "Access-Control-Request-Method: POST\r\n",
		"Access-Control-Request-Method: PUT\r\n",
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-h0,x-h1\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" };

	return snprintf(text, room, "%s%s", fields[draw(5)], asked[draw(5)]);
}

/* A request, well or not, of the three APIs or none. */
static void request_draw(char *text, size_t room)
{
	static const char *const hosts[] = { "open.test", "one.test", "one.test", "many.test",
		"none.test" };
	static const char *const paths[] = { "/a/1", "/a/2", "/b/1", "/%61/1", "/r/1", "/s", "/w",
		"/m" };
	static const char *const methods[] = { "POST", "POST", "OPTIONS", "GET" };
	static const unsigned lengths[] = { 0, 0, 0, 1024, 1025, 8193 };
	const uint32_t header = draw(4) ? 0 : draw(MANY), key = draw(KEYS + 2);
	int n = snprintf(text, room, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %u\r\n",
		methods[draw(4)], paths[draw(8)], hosts[draw(5)], lengths[draw(6)]);

	n += fields_draw(text + n, room - (size_t)n);
	/* One key more than there are is unknown, and a second one more is left out. */
	if (key <= KEYS)
		n += snprintf(text + n, room - (size_t)n, "X-H%u: ak_test_%06u\r\n", header, key);
	snprintf(text + n, room - (size_t)n, "\r\n");
}

static void decision_parse(struct decision *d, struct http1_head *received, const char *text)
{
	const struct http1_limits limits = { 8192, 4096, 64 };
	enum reason reason;

	assert_int_equal(
		http1_parse_request(text, strlen(text), 0, &limits, received, &reason), HTTP1_DONE);
	d->head = &received->message;
}

static void assert_same(const struct decision *a, const struct decision *b)
{
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->match.api, b->match.api);
	assert_int_equal(a->match.route, b->match.route);
	assert_int_equal(a->match.preflight, b->match.preflight);
	assert_int_equal(a->has_caller, b->has_caller);
	assert_int_equal(a->has_limit, b->has_limit);
	assert_int_equal(a->key, b->key);
	if (a->has_caller)
		assert_int_equal(a->caller.slot, b->caller.slot);
	if (!a->has_limit)
		return;
	assert_int_equal(a->limit.allowed, b->limit.allowed);
	assert_int_equal(a->limit.limit, b->limit.limit);
	assert_int_equal(a->limit.remaining, b->limit.remaining);
	assert_int_equal(a->limit.reset_s, b->limit.reset_s);
}

static void run(unsigned which, struct decision *decisions, uint32_t mask, uint64_t now_ns)
{
	struct burst burst = { .pipeline = &pipelines[which],
		.scratch = scratch[which],
		.now_ns = now_ns,
		.wall_s = UINT64_C(20000) * 86400,
		.decisions = decisions,
		.next = mask };

	pipeline_run(&burst);
	for (uint32_t i = 0; i < PIPELINE_BURST; i++)
		if (mask >> i & 1)
			assert_int_equal(
				burst.next >> i & 1, decisions[i].verdict == REASON_PROXIED);
}

/* A preflight goes where the request would go that it asks for, if that has CORS settings. */
static void a_preflight_takes_the_route_of_its_request(void **state)
{
	static const struct {
		const char *head;
		enum reason verdict;
		uint32_t backend;
	} cases[] = {
		{ "OPTIONS /m HTTP/1.1\r\nHost: open.test\r\nOrigin: https://b.test\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			REASON_CORS_PREFLIGHT, 0 },
		{ "OPTIONS /m HTTP/1.1\r\nHost: open.test\r\nOrigin: https://b.test\r\nAccess-Control-Request-Method: POST\r\n\r\n",
			REASON_PROXIED, 1 },
		{ "OPTIONS /m HTTP/1.1\r\nHost: open.test\r\nOrigin: https://b.test\r\n\r\n",
			REASON_PROXIED, 1 },
		{ "OPTIONS /m HTTP/1.1\r\nHost: open.test\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			REASON_PROXIED, 1 },
		{ "OPTIONS /w HTTP/1.1\r\nHost: open.test\r\nOrigin: https://b.test\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			REASON_CORS_ORIGIN, 0 },
	};
	static struct http1_head received;
	static struct decision d;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = (struct decision){ 0 };
		decision_parse(&d, &received, cases[i].head);
		run(0, &d, 1, SECOND);
		assert_int_equal(d.verdict, cases[i].verdict);
		assert_int_equal(d.match.preflight, cases[i].verdict != REASON_PROXIED);
		assert_int_equal(d.plan->backend, cases[i].backend);
	}
}

static void a_burst_is_decided_as_its_requests_one_by_one(void **state)
{
	static struct http1_head received[PIPELINE_BURST], received_alone;
	static struct decision together[PIPELINE_BURST], alone;
	static char texts[PIPELINE_BURST][512];
	uint32_t seen[REASON_COUNT] = { 0 };

	for (unsigned round = 0; round < 2000; round++) {
		const uint64_t now_ns = (1000 + round) * SECOND;
		const uint32_t mask = draw(3) ? UINT32_MAX : draw(UINT32_MAX);

		for (uint32_t i = 0; i < PIPELINE_BURST; i++) {
			request_draw(texts[i], sizeof(texts[i]));
			together[i].listener = draw(50) ? 0 : SNAP_NONE;
			together[i].paid = draw(10) == 0;
			decision_parse(&together[i], &received[i], texts[i]);
		}
		run(0, together, mask, now_ns);
		for (uint32_t i = 0; i < PIPELINE_BURST; i++) {
			if (!(mask >> i & 1))
				continue;
			alone.listener = together[i].listener;
			alone.paid = together[i].paid;
			decision_parse(&alone, &received_alone, texts[i]);
			run(1, &alone, 1, now_ns);
			assert_same(&together[i], &alone);
			seen[alone.verdict]++;
		}
	}
	for (uint32_t slot = 0; slot < KEYS; slot++)
		for (uint32_t word = 0; word < SNAP_LIMITS_PER_PLAN; word++)
			assert_int_equal(usages[0].lines[slot].limit[word],
				usages[1].lines[slot].limit[word]);
	/* All that may happen did. */
	assert_true(
		seen[REASON_PROXIED] && seen[REASON_LISTENER_GONE] && seen[REASON_HOST_UNKNOWN]);
	assert_true(seen[REASON_ROUTE_UNKNOWN] && seen[REASON_BODY_TOO_LARGE]);
	assert_true(seen[REASON_REDIRECTED] && seen[REASON_REPLIED]);
	assert_true(seen[REASON_CORS_PREFLIGHT] && seen[REASON_CORS_ORIGIN] &&
		    seen[REASON_CORS_METHOD] && seen[REASON_CORS_FIELD]);
	assert_true(
		seen[REASON_KEY_MISSING] && seen[REASON_KEY_UNKNOWN] && seen[REASON_KEY_EXPIRED]);
	assert_true(seen[REASON_API_NOT_IN_PLAN] && seen[REASON_RATE_LIMITED] &&
		    seen[REASON_QUOTA_EXCEEDED]);
}

/* Without policy's tables: a stage that ran would not live. */
static void a_stage_that_no_request_wants_does_not_run(void **state)
{
	static struct http1_head received;
	static struct decision d;
	struct pipeline bare = pipelines[0];
	struct burst burst = { .pipeline = &bare, .decisions = &d, .next = 1 };

	bare.policy = NULL;
	bare.usage = NULL;
	decision_parse(&d, &received, "GET /a/1 HTTP/1.1\r\nHost: open.test\r\n\r\n");
	pipeline_run(&burst);
	assert_int_equal(burst.next, 1);
	assert_int_equal(d.verdict, REASON_PROXIED);
	assert_ptr_equal(d.plan, &bare.plans[d.match.route]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_holds_what_the_records_say),
		cmocka_unit_test(a_preflight_takes_the_route_of_its_request),
		cmocka_unit_test(a_burst_is_decided_as_its_requests_one_by_one),
		cmocka_unit_test(a_stage_that_no_request_wants_does_not_run),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
