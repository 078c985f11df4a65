/* SPDX-License-Identifier: Apache-2.0 */
/* Which route a request gets: precedence by example, and random tables against a linear search. */
#include "dataplane/http/message.h"
#include "dataplane/route/route.h"
#include "tests/unit/route/snap_fixture.h"

#define BIT(method) (1u << (method))
#define GET         BIT(HTTP_GET)
#define POST        BIT(HTTP_POST)
#define NONE        SNAP_NONE

enum { SHOP, SHOP2, ANY_SUB, SUB_SUB, FALLBACK, INSIDE };
enum {
	R_ROOT,
	R_ORDERS,
	R_ORDERS_PREFIX,
	R_ORDERS_SPECIAL,
	R_POST_ONLY,
	R_GET_ONLY,
	R_DEEP,
	R_ESCAPED,
	R_USERS,
	R_SUB,
	R_SUBSUB,
	R_FALLBACK,
	R_INSIDE,
	R_LONG
};
#define LONG_PATH                                                                                  \
	"/a-rather-long-first-segment/and-a-second-one-that-makes-it-longer-than-a-line/"          \
	"and/then/some/more"

static void shop_apis(struct fixture *f, uint32_t backend)
{
	static const char *const hosts[] = { "api.shop.example", "shop.example" };
	struct snap_api api = fixture_api(f, "shop", NULL, 0, hosts, 2);

	fixture_route(f, &api, "", SNAP_PATH_PREFIX, GET, backend);
	fixture_route(f, &api, "/v1/orders", SNAP_PATH_EXACT, 0, backend);
	fixture_route(f, &api, "/v1/orders", SNAP_PATH_PREFIX, 0, backend);
	fixture_route(f, &api, "/v1/orders/special", SNAP_PATH_EXACT, GET, backend);
	fixture_route(f, &api, "/v1/split", SNAP_PATH_PREFIX, POST, backend);
	fixture_route(f, &api, "/v1/split", SNAP_PATH_PREFIX, GET, backend);
	fixture_route(f, &api, "/v1/orders/a/b", SNAP_PATH_PREFIX, 0, backend);
	fixture_route(f, &api, "/caf%c3%a9/%7e", SNAP_PATH_EXACT, 0, backend);
	fixture_api_end(f, &api);
	api = fixture_api(f, "shop2", NULL, 0, hosts, 1);
	fixture_route(f, &api, "/v1/users", SNAP_PATH_PREFIX, 0, backend);
	fixture_api_end(f, &api);
}

static void other_apis(struct fixture *f, uint32_t backend)
{
	static const char *const sub[] = { "*.shop.example" };
	static const char *const sub_sub[] = { "*.eu.shop.example" };
	static const char *const any[] = { "*" };
	static const char *const inside[] = { "inside.example", "api.shop.example" };
	static const uint32_t second[] = { 1 };
	struct snap_api api = fixture_api(f, "sub", NULL, 0, sub, 1);

	fixture_route(f, &api, "", SNAP_PATH_PREFIX, 0, backend);
	fixture_api_end(f, &api);
	api = fixture_api(f, "subsub", NULL, 0, sub_sub, 1);
	fixture_route(f, &api, "", SNAP_PATH_PREFIX, 0, backend);
	fixture_api_end(f, &api);
	api = fixture_api(f, "fallback", NULL, 0, any, 1);
	fixture_route(f, &api, "/open", SNAP_PATH_PREFIX, GET | POST, backend);
	fixture_api_end(f, &api);
	api = fixture_api(f, "inside", second, 1, inside, 2);
	fixture_route(f, &api, "/inside", SNAP_PATH_EXACT, 0, backend);
	fixture_route(f, &api, LONG_PATH, SNAP_PATH_PREFIX, 0, backend);
	fixture_api_end(f, &api);
}

static const struct {
	uint32_t listener;
	const char *host, *path;
	unsigned method;
	enum reason reason;
	uint32_t api, route;
} requests[] = {
	/* The longest path; exact before prefix. */
	{ 0, "api.shop.example", "/", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	{ 0, "api.shop.example", "/x", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	{ 0, "api.shop.example", "/v1/orders", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS },
	{ 0, "api.shop.example", "/v1/orders/", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS_PREFIX },
	{ 0, "api.shop.example", "/v1/orders/1/2", HTTP_GET, REASON_PROXIED, SHOP,
		R_ORDERS_PREFIX },
	{ 0, "api.shop.example", "/v1/orders/special", HTTP_GET, REASON_PROXIED, SHOP,
		R_ORDERS_SPECIAL },
	{ 0, "api.shop.example", "/v1/orders/special/x", HTTP_GET, REASON_PROXIED, SHOP,
		R_ORDERS_PREFIX },
	{ 0, "api.shop.example", "/v1/orders/a/b", HTTP_PUT, REASON_PROXIED, SHOP, R_DEEP },
	{ 0, "api.shop.example", "/v1/orders/a/b/c", HTTP_PUT, REASON_PROXIED, SHOP, R_DEEP },
	{ 0, "api.shop.example", "/v1/orders/a/bc", HTTP_PUT, REASON_PROXIED, SHOP,
		R_ORDERS_PREFIX },
	{ 0, "api.shop.example", "/v1/ordersX", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	{ 0, "api.shop.example", "/V1/orders", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	/* Two APIs on one host. */
	{ 0, "api.shop.example", "/v1/users/7", HTTP_GET, REASON_PROXIED, SHOP2, R_USERS },
	{ 0, "shop.example", "/v1/users/7", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	/* The method comes last: it chooses between routes of one path, never a shorter path. */
	{ 0, "shop.example", "/v1/split/1", HTTP_GET, REASON_PROXIED, SHOP, R_GET_ONLY },
	{ 0, "shop.example", "/v1/split", HTTP_POST, REASON_PROXIED, SHOP, R_POST_ONLY },
	{ 0, "shop.example", "/v1/split", HTTP_PUT, REASON_METHOD_NOT_ALLOWED, SHOP, NONE },
	{ 0, "shop.example", "/v1/orders/special", HTTP_PUT, REASON_METHOD_NOT_ALLOWED, SHOP,
		NONE },
	{ 0, "shop.example", "/x", HTTP_OTHER, REASON_METHOD_NOT_ALLOWED, SHOP, NONE },
	{ 0, "shop.example", "/v1/orders", HTTP_OTHER, REASON_PROXIED, SHOP, R_ORDERS },
	/* Hosts: without case, port and final dot; exact, longest suffix, any. */
	{ 0, "API.Shop.EXAMPLE", "/v1/orders", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS },
	{ 0, "api.shop.example:8443", "/v1/orders", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS },
	{ 0, "api.shop.example.", "/v1/orders", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS },
	{ 0, "x.shop.example", "/v1/orders", HTTP_GET, REASON_PROXIED, ANY_SUB, R_SUB },
	{ 0, "y.x.shop.example", "/", HTTP_GET, REASON_PROXIED, ANY_SUB, R_SUB },
	{ 0, "eu.shop.example", "/", HTTP_GET, REASON_PROXIED, ANY_SUB, R_SUB },
	{ 0, "x.eu.shop.example", "/", HTTP_GET, REASON_PROXIED, SUB_SUB, R_SUBSUB },
	{ 0, ".shop.example", "/open", HTTP_GET, REASON_PROXIED, FALLBACK, R_FALLBACK },
	{ 0, "xshop.example", "/open", HTTP_GET, REASON_PROXIED, FALLBACK, R_FALLBACK },
	{ 0, "[2001:db8::1]:443", "/open/1", HTTP_POST, REASON_PROXIED, FALLBACK, R_FALLBACK },
	{ 0, "", "/open/1", HTTP_POST, REASON_PROXIED, FALLBACK, R_FALLBACK },
	{ 0, "else.example", "/", HTTP_GET, REASON_ROUTE_UNKNOWN, FALLBACK, NONE },
	/* A host that is known does not fall back, and an API only counts on its listeners. */
	{ 0, "api.shop.example", "/open", HTTP_POST, REASON_METHOD_NOT_ALLOWED, SHOP, NONE },
	{ 0, "inside.example", "/inside", HTTP_GET, REASON_ROUTE_UNKNOWN, FALLBACK, NONE },
	{ 1, "inside.example", "/inside", HTTP_GET, REASON_PROXIED, INSIDE, R_INSIDE },
	{ 1, "inside.example", "/open", HTTP_GET, REASON_ROUTE_UNKNOWN, INSIDE, NONE },
	{ 1, "api.shop.example", "/inside", HTTP_GET, REASON_PROXIED, INSIDE, R_INSIDE },
	{ 1, "inside.example", LONG_PATH, HTTP_GET, REASON_PROXIED, INSIDE, R_LONG },
	{ 1, "inside.example", LONG_PATH "/x", HTTP_GET, REASON_PROXIED, INSIDE, R_LONG },
	{ 1, "inside.example", LONG_PATH "x", HTTP_GET, REASON_ROUTE_UNKNOWN, INSIDE, NONE },
	{ 2, "inside.example", "/", HTTP_GET, REASON_HOST_UNKNOWN, NONE, NONE },
	/* Matched as it means, not as it looks. */
	{ 0, "shop.example", "/v1/x/%2e%2e/orders", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS },
	{ 0, "shop.example", "/v1/orders/../users", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	{ 0, "shop.example", "/caf%C3%A9/~", HTTP_GET, REASON_PROXIED, SHOP, R_ESCAPED },
	{ 0, "shop.example", "/v1/orders/%2e%2e/%2e%2e/%2e%2e", HTTP_GET, REASON_TARGET_INVALID,
		SHOP, NONE },
	{ 0, "shop.example", "/v1%2Forders", HTTP_GET, REASON_PATH_AMBIGUOUS, SHOP, NONE },
	/* Kept as sent where each reading has the same route. */
	{ 0, "shop.example", "/v1/orders/7;a=1", HTTP_GET, REASON_PROXIED, SHOP, R_ORDERS_PREFIX },
	{ 0, "shop.example", "/x;a/y;b", HTTP_GET, REASON_PROXIED, SHOP, R_ROOT },
	{ 0, "shop.example", "/v1/orders;a=1", HTTP_GET, REASON_PATH_AMBIGUOUS, SHOP, NONE },
	{ 0, "shop.example", "/v1/orders;/7", HTTP_GET, REASON_PATH_AMBIGUOUS, SHOP, NONE },
	{ 0, "shop.example", "/v1/orders%00", HTTP_GET, REASON_TARGET_INVALID, SHOP, NONE },
	{ 0, "shop.example", "v1", HTTP_GET, REASON_TARGET_INVALID, SHOP, NONE },
	{ 0, "shop.example", "", HTTP_GET, REASON_TARGET_INVALID, SHOP, NONE },
	{ 0, "shop.example", "*", HTTP_OPTIONS, REASON_ROUTE_UNKNOWN, SHOP, NONE },
};

static void requests_find_their_route(void **state)
{
	struct fixture f = fixture_begin();
	struct snapshot snapshot;
	struct route_table *table;
	uint32_t weight = 1, backend;

	fixture_listener(&f, "public", (struct snap_range){ 0 });
	fixture_listener(&f, "private", (struct snap_range){ 0 });
	backend = fixture_backend(&f, "orders", &weight, 1, 1000);
	shop_apis(&f, backend);
	other_apis(&f, backend);
	fixture_open(&f, 1, &snapshot);
	table = route_table_create(&snapshot);
	assert_non_null(table);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct route_match match;
		enum reason reason =
			route_find(table, requests[i].listener, str_of(requests[i].host),
				str_of(requests[i].path), requests[i].method, &match);

		if (reason != requests[i].reason || match.api != requests[i].api ||
			match.route != requests[i].route)
			fail_msg("%s %s: %s, api %d, route %d", requests[i].host, requests[i].path,
				reason_name(reason), (int)match.api, (int)match.route);
	}
	route_table_destroy(table);
	snapshot_close(&snapshot);
}

static void a_refused_method_names_those_of_the_path(void **state)
{
	static const char *const hosts[] = { "a.example" };
	struct fixture f = fixture_begin();
	struct snapshot snapshot;
	struct route_table *table;
	struct route_match match;
	struct snap_api api;
	uint32_t weight = 1, backend;

	fixture_listener(&f, "public", (struct snap_range){ 0 });
	backend = fixture_backend(&f, "b", &weight, 1, 1000);
	api = fixture_api(&f, "a", NULL, 0, hosts, 1);
	fixture_route(&f, &api, "/x", SNAP_PATH_EXACT, GET, backend);
	fixture_route(&f, &api, "/x", SNAP_PATH_EXACT, POST, backend);
	fixture_route(&f, &api, "/x", SNAP_PATH_PREFIX, BIT(HTTP_PUT), backend);
	fixture_api_end(&f, &api);
	fixture_open(&f, 1, &snapshot);
	table = route_table_create(&snapshot);
	assert_int_equal(route_find(table, 0, STR("a.example"), STR("/x"), HTTP_PUT, &match),
		REASON_METHOD_NOT_ALLOWED);
	assert_int_equal(match.allowed_methods, GET | POST);
	assert_int_equal(match.api, 0);
	route_table_destroy(table);
	snapshot_close(&snapshot);
}

/* The plain version: every API, host and route is looked at. */
static int host_rank(struct str pattern, struct str host)
{
	struct str tail;

	if (str_equal(pattern, STR("*")))
		return 0;
	if (!str_starts(pattern, STR("*.")))
		return str_equal(pattern, host) ? 1000 : -1;
	tail = (struct str){ pattern.data + 1, pattern.len - 1 };
	if (host.len <= tail.len ||
		memcmp(host.data + host.len - tail.len, tail.data, tail.len) != 0)
		return -1;
	return (int)tail.len;
}

/* The end of the segment that begins at @p s. */
static const char *segment_end(const char *s, const char *end)
{
	while (s < end && *s != '/')
		s++;
	return s;
}

/* As many segments as possible, then literal ones as early as possible. */
static int segments_rank(struct str pattern, struct str path, bool prefix)
{
	const char *p = pattern.data, *s = path.data;
	const char *const p_end = p + pattern.len, *const s_end = s + path.len;
	int segments = 0, literal = 0;

	while (p < p_end && s < s_end) {
		const char *p_next = segment_end(p + 1, p_end), *s_next = segment_end(s + 1, s_end);
		const bool any = p[1] == '{';

		if (any ? s_next == s + 1
			: p_next - p != s_next - s || memcmp(p, s, (size_t)(s_next - s)) != 0)
			return -1;
		literal |= any ? 0 : 1 << (15 - segments);
		segments++;
		p = p_next;
		s = s_next;
	}
	if (p < p_end || (!prefix && s < s_end))
		return -1;
	return segments << 16 | literal;
}

static int path_rank(const struct snap_route *route, struct str pattern, struct str path)
{
	int rank = segments_rank(pattern, path, snap_path_is_prefix(route->kind));

	if (route->kind == SNAP_PATH_EXACT)
		return rank < 0 ? -1 : 2 << 24;
	if (route->kind == SNAP_PATH_TEMPLATE && rank >= 0)
		rank |= 1 << 24;
	return rank;
}

static int api_host_rank(
	const struct snapshot *s, const struct snap_api *api, uint32_t listener, struct str host)
{
	bool listens = api->listeners.count == 0;
	int best = -1;

	for (uint32_t i = 0; i < api->listeners.count; i++)
		listens |=
			SNAP_INDEX_AT(s, SNAP_API_LISTENERS, api->listeners.first + i) == listener;
	for (uint32_t i = 0; listens && i < api->hosts.count; i++) {
		int rank = host_rank(
			snap_str(s, *SNAP_AT(s, SNAP_HOSTS, snap_text, api->hosts.first + i)),
			host);

		best = rank > best ? rank : best;
	}
	return best;
}

static enum reason linear_find(const struct snapshot *s, uint32_t listener, struct str host,
	struct str path, unsigned method, uint32_t *found)
{
	const uint32_t apis = s->sections[SNAP_APIS].count;
	int best_host = -1, best_path = -1;

	*found = SNAP_NONE;
	for (uint32_t a = 0; a < apis; a++) {
		int rank = api_host_rank(s, SNAP_AT(s, SNAP_APIS, snap_api, a), listener, host);

		best_host = rank > best_host ? rank : best_host;
	}
	if (best_host < 0)
		return REASON_HOST_UNKNOWN;
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t r = 0; r < s->sections[SNAP_ROUTES].count; r++) {
			const struct snap_route *route = SNAP_AT(s, SNAP_ROUTES, snap_route, r);
			int rank = path_rank(route, snap_str(s, route->path), path);

			if (rank < 0 ||
				api_host_rank(s, SNAP_AT(s, SNAP_APIS, snap_api, route->api),
					listener, host) != best_host)
				continue;
			if (pass == 0)
				best_path = rank > best_path ? rank : best_path;
			else if (rank == best_path && *found == SNAP_NONE &&
				 (route->methods == 0 || route->methods & BIT(method)))
				*found = r;
		}
	if (*found != SNAP_NONE)
		return REASON_PROXIED;
	return best_path < 0 ? REASON_ROUTE_UNKNOWN : REASON_METHOD_NOT_ALLOWED;
}

static void random_path(uint64_t *seed, char *out, bool prefix)
{
	static const char *const segments[] = { "", "a", "b", "ab", "orders",
		"a-long-segment-name-for-two-words", "x.json", "12345678", "1234567" };
	uint32_t n = (uint32_t)(fixture_random(seed) % 5);

	out[0] = '\0';
	if (!prefix || n > 0)
		n++;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t pick = (uint32_t)(fixture_random(seed) % 9);

		if (prefix && i + 1 == n && pick == 0)
			pick = 1;
		strcat(strcat(out, "/"), segments[pick]);
	}
}

/* Put a name in place of some segments. @return whether there is one */
static bool random_names(uint64_t *seed, char *path)
{
	static const char *const names[] = { "/{a}", "/{other}" };
	char out[256] = "";
	bool any = false;

	for (const char *s = path, *next; *s; s = next) {
		next = segment_end(s + 1, path + strlen(path));
		if (next > s + 1 && fixture_random(seed) % 2) {
			strcat(out, names[fixture_random(seed) % 2]);
			any = true;
		} else {
			strncat(out, s, (size_t)(next - s));
		}
	}
	strcpy(path, out);
	return any;
}

static const char *const host_pool[] = { "a.example", "b.a.example", "c.b.a.example", "b.example",
	"*", "*.a.example", "*.b.a.example", "*.example" };

static void random_table(uint64_t *seed, struct snapshot *snapshot)
{
	struct fixture f = fixture_begin();
	uint32_t weight = 1, backend, apis = 1 + (uint32_t)(fixture_random(seed) % 6);

	fixture_listener(&f, "one", (struct snap_range){ 0 });
	fixture_listener(&f, "two", (struct snap_range){ 0 });
	backend = fixture_backend(&f, "b", &weight, 1, 1000);
	for (uint32_t a = 0; a < apis; a++) {
		uint32_t listener = (uint32_t)(fixture_random(seed) % 2);
		uint32_t routes = (uint32_t)(fixture_random(seed) % 20);
		const char *hosts[3];
		struct snap_api api;

		for (unsigned h = 0; h < 3; h++)
			hosts[h] = host_pool[fixture_random(seed) % 8];
		api = fixture_api(&f, "api", &listener, fixture_random(seed) % 3 == 0, hosts,
			1 + (uint32_t)(fixture_random(seed) % 3));
		for (uint32_t r = 0; r < routes; r++) {
			bool prefix = fixture_random(seed) & 1;
			bool any = fixture_random(seed) % 3 == 0;
			unsigned kind = prefix ? SNAP_PATH_PREFIX : SNAP_PATH_EXACT;
			char path[256];

			random_path(seed, path, prefix);
			any = any && random_names(seed, path);
			fixture_route(&f, &api, path, any ? kind + SNAP_PATH_TEMPLATE : kind,
				fixture_random(seed) & 3, backend);
		}
		fixture_api_end(&f, &api);
	}
	fixture_open(&f, 1, snapshot);
}

static void random_tables_agree_with_a_linear_search(void **state)
{
	uint64_t seed = 20240607;
	uint32_t hits = 0;

	for (unsigned t = 0; t < 300; t++) {
		struct snapshot snapshot;
		struct route_table *table;

		random_table(&seed, &snapshot);
		table = route_table_create(&snapshot);
		assert_non_null(table);
		for (unsigned i = 0; i < 200; i++) {
			struct str host = str_of(host_pool[fixture_random(&seed) % 8]);
			uint32_t listener = (uint32_t)(fixture_random(&seed) % 2), expected;
			unsigned method = (unsigned)(fixture_random(&seed) % 3);
			struct route_match match;
			enum reason want, got;
			char path[256];

			if (host.data[0] == '*')
				host = str_of("z.a.example");
			random_path(&seed, path, false);
			want = linear_find(
				&snapshot, listener, host, str_of(path), method, &expected);
			got = route_find(table, listener, host, str_of(path), method, &match);
			if (got != want || match.route != expected)
				fail_msg("table %u, %.*s%s: %s %d instead of %s %d", t,
					(int)host.len, host.data, path, reason_name(got),
					(int)match.route, reason_name(want), (int)expected);
			hits += got == REASON_PROXIED;
		}
		route_table_destroy(table);
		snapshot_close(&snapshot);
	}
	assert_true(hits > 5000);
}

static void paths_with_many_segments_find_the_longest_prefix(void **state)
{
	static const char *const hosts[] = { "*" };
	struct fixture f = fixture_begin();
	struct snapshot snapshot;
	struct route_table *table;
	uint32_t weight = 1, backend;
	struct snap_api api;
	char path[512] = "";

	fixture_listener(&f, "public", (struct snap_range){ 0 });
	backend = fixture_backend(&f, "b", &weight, 1, 1000);
	api = fixture_api(&f, "a", NULL, 0, hosts, 1);
	for (unsigned i = 0; i < 200; i++)
		fixture_route(&f, &api, strcat(path, "/x"), SNAP_PATH_PREFIX, 0, backend);
	fixture_api_end(&f, &api);
	fixture_open(&f, 1, &snapshot);
	table = route_table_create(&snapshot);
	for (uint32_t n = 1; n < 250; n++) {
		struct route_match match;
		uint32_t want = n <= 200 ? n - 1 : 199;

		path[0] = '\0';
		for (uint32_t i = 0; i < n; i++)
			strcat(path, "/x");
		assert_int_equal(
			route_find(table, 0, STR("h"), str_of(path), 0, &match), REASON_PROXIED);
		assert_int_equal(match.route, want);
		strcat(path, "y");
		want = n == 1 ? SNAP_NONE : n <= 201 ? n - 2 : 199;
		route_find(table, 0, STR("h"), str_of(path), 0, &match);
		assert_int_equal(match.route, want);
	}
	route_table_destroy(table);
	snapshot_close(&snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_find_their_route),
		cmocka_unit_test(a_refused_method_names_those_of_the_path),
		cmocka_unit_test(random_tables_agree_with_a_linear_search),
		cmocka_unit_test(paths_with_many_segments_find_the_longest_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
