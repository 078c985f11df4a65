/* SPDX-License-Identifier: Apache-2.0 */
/* Finding credentials in real heads: four places, shapes and patterns, several, none. */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/http/h1/http1.h"
#include "dataplane/policy/credential.h"
#include "tests/unit/route/snap_fixture.h"

#define KEY_A "ak_live_0123456789abcdefABCDEF0123456789"
#define KEY_B "ak_test_0123456789abcdefABCDEF0123456789"

enum { C_HEADER, C_QUERY, C_COOKIE, C_BEARER, C_SCANNED, C_HEX, C_COUNT };
enum { API_HEADER, API_ALL, API_OPEN, API_SCANNED, API_HEADER_HEX };

static const struct {
	const char *field, *pattern, *prefixes;
	uint32_t where, shape_class, shape_length, strip;
} definitions[C_COUNT] = {
	[C_HEADER] = { "x-api-key", "^ak_(live|test)_[A-Za-z0-9]{32}$", "ak_live_\nak_test_\n",
		SNAP_IN_HEADER, SNAP_CLASS_DIGIT | SNAP_CLASS_UPPER | SNAP_CLASS_LOWER, 32, 1 },
	[C_QUERY] = { "key", "^ak_(live|test)_[A-Za-z0-9]{32}$", "ak_live_\nak_test_\n",
		SNAP_IN_QUERY, SNAP_CLASS_DIGIT | SNAP_CLASS_UPPER | SNAP_CLASS_LOWER, 32, 1 },
	[C_COOKIE] = { "session", "^[a-z_-]{6}$", "", SNAP_IN_COOKIE,
		SNAP_CLASS_LOWER | SNAP_CLASS_UNDER | SNAP_CLASS_DASH, 6, 0 },
	[C_BEARER] = { "bearer", "^eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$", "",
		SNAP_IN_AUTHORIZATION, 0, 0, 1 },
	[C_SCANNED] = { "x-api-key", "^ak_(live|test)_[A-Za-z0-9]{32}$", "", SNAP_IN_HEADER, 0, 0,
		0 },
	[C_HEX] = { "x-api-key", "^[0-9a-f]{8}$", "\n", SNAP_IN_HEADER, SNAP_CLASS_HEX_LOWER, 8,
		0 },
};

static void add_api(struct fixture *f, const char *name, const uint32_t *credentials, uint32_t n)
{
	static const char *const hosts[] = { "*" };
	struct snap_api api = fixture_api(f, name, NULL, 0, hosts, 1);

	api.credentials.count = n;
	for (uint32_t i = 0; i < n; i++)
		snapshot_builder_add(f->b, SNAP_API_CREDENTIALS, &credentials[i]);
	fixture_api_end(f, &api);
}

static void add_credentials(struct fixture *f)
{
	for (uint32_t i = 0; i < C_COUNT; i++) {
		struct snap_credential c = {
			.name = fixture_text(f, SNAP_KIND_CALLERS, "credential"),
			.field = fixture_text(f, SNAP_KIND_CALLERS, definitions[i].field),
			.pattern = fixture_text(f, SNAP_KIND_CALLERS, definitions[i].pattern),
			.shape_prefixes =
				fixture_text(f, SNAP_KIND_CALLERS, definitions[i].prefixes),
			.where = definitions[i].where,
			.pattern_id = i,
			.shape_class = definitions[i].shape_class,
			.shape_length = definitions[i].shape_length,
			.strip = definitions[i].strip,
			.slot = i,
		};

		snapshot_builder_add(f->b, SNAP_CREDENTIALS, &c);
	}
}

static void open_snapshot(struct snapshot *snapshot)
{
	struct fixture f = fixture_begin();

	fixture_listener(&f, "public", (struct snap_range){ 0 });
	add_credentials(&f);
	add_api(&f, "header", (const uint32_t[]){ C_HEADER }, 1);
	add_api(&f, "all", (const uint32_t[]){ C_HEADER, C_QUERY, C_COOKIE, C_BEARER }, 4);
	add_api(&f, "open", NULL, 0);
	add_api(&f, "scanned", (const uint32_t[]){ C_SCANNED }, 1);
	add_api(&f, "header or hex", (const uint32_t[]){ C_HEADER, C_HEX }, 2);
	fixture_open(&f, 1, snapshot);
}

static const struct {
	const char *target, *fields;
	uint32_t api;
	enum reason reason;
	uint32_t credential;
	const char *value, *field;
} requests[] = {
	{ "/", "X-API-Key: " KEY_A "\r\n", API_HEADER, REASON_PROXIED, C_HEADER, KEY_A,
		"X-API-Key" },
	{ "/", "x-api-key:  " KEY_B "  \r\n", API_HEADER, REASON_PROXIED, C_HEADER, KEY_B,
		"x-api-key" },
	{ "/", "X-API-Key: " KEY_A "x\r\n", API_HEADER, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "X-API-Key: ak_love_0123456789abcdefABCDEF0123456789\r\n", API_HEADER,
		REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "X-API-Key:\r\n", API_HEADER, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "", API_HEADER, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "X-API-Keys: " KEY_A "\r\n", API_HEADER, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "X-API-Key: " KEY_A "\r\n", API_OPEN, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	/* Only where the API says. */
	{ "/?key=" KEY_A, "", API_HEADER, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/?key=" KEY_A, "", API_ALL, REASON_PROXIED, C_QUERY, KEY_A, "" },
	{ "/?a=b&key=" KEY_A "&c=d", "", API_ALL, REASON_PROXIED, C_QUERY, KEY_A, "" },
	{ "/?Key=" KEY_A, "", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	/* A query is decoded first. */
	{ "/?key=%61k_live_0123456789abcdefABCDEF0123456789", "", API_ALL, REASON_PROXIED, C_QUERY,
		KEY_A, "" },
	{ "/?%6Bey=" KEY_A, "", API_ALL, REASON_PROXIED, C_QUERY, KEY_A, "" },
	{ "/?key=ak%5flive%5F0123456789abcdefABCDEF0123456789&k%65y=" KEY_A, "", API_ALL,
		REASON_PROXIED, C_QUERY, KEY_A, "" },
	{ "/?key=" KEY_A "&k%65y=" KEY_B, "", API_ALL, REASON_KEY_AMBIGUOUS, 0, NULL, NULL },
	{ "/?key=%&key=ak%5", "", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "Cookie: a=b; session=ab-c_d; c=d\r\n", API_ALL, REASON_PROXIED, C_COOKIE, "ab-c_d",
		"" },
	{ "/", "Cookie: session=abcdefg\r\n", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "Authorization: Bearer eyJab.cd-_.ef\r\n", API_ALL, REASON_PROXIED, C_BEARER,
		"eyJab.cd-_.ef", "Authorization" },
	{ "/", "authorization: bEARER   eyJab.cd.ef\r\n", API_ALL, REASON_PROXIED, C_BEARER,
		"eyJab.cd.ef", "authorization" },
	{ "/", "Authorization: Bearer eyJab.cd\r\n", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL,
		"" },
	{ "/", "Authorization: Bearer\r\n", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	{ "/", "Authorization: BearereyJab.cd.ef\r\n", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL,
		"" },
	{ "/", "Authorization: Basic eyJab.cd.ef\r\n", API_ALL, REASON_KEY_MISSING, SNAP_NONE, NULL,
		"" },
	/* Several. */
	{ "/?key=" KEY_A, "X-API-Key: " KEY_A "\r\n", API_ALL, REASON_PROXIED, C_HEADER, KEY_A,
		"X-API-Key" },
	{ "/?key=" KEY_B, "X-API-Key: " KEY_A "\r\n", API_ALL, REASON_KEY_AMBIGUOUS, 0, NULL,
		NULL },
	{ "/?key=nokey", "X-API-Key: " KEY_A "\r\n", API_ALL, REASON_PROXIED, C_HEADER, KEY_A,
		"X-API-Key" },
	{ "/", "X-API-Key: " KEY_A "\r\nX-API-Key: " KEY_A "\r\n", API_HEADER, REASON_PROXIED,
		C_HEADER, KEY_A, "X-API-Key" },
	{ "/", "X-API-Key: " KEY_A "\r\nX-API-Key: " KEY_B "\r\n", API_HEADER, REASON_KEY_AMBIGUOUS,
		0, NULL, NULL },
	{ "/", "X-API-Key: x\r\nX-API-Key: " KEY_B "\r\n", API_HEADER, REASON_PROXIED, C_HEADER,
		KEY_B, "X-API-Key" },
	{ "/", "X-API-Key: x\r\nX-API-Key: y\r\n", API_HEADER, REASON_KEY_MISSING, SNAP_NONE, NULL,
		"" },
	{ "/?key=" KEY_A "&key=" KEY_A "&key=x", "", API_ALL, REASON_PROXIED, C_QUERY, KEY_A, "" },
	{ "/", "Cookie: session=abcdef; session=abcdef\r\nCookie: session=stale-one\r\n", API_ALL,
		REASON_PROXIED, C_COOKIE, "abcdef", "" },
	{ "/", "Authorization: Bearer eyJa.b.c\r\nAuthorization: bearer eyJa.b.c\r\n", API_ALL,
		REASON_PROXIED, C_BEARER, "eyJa.b.c", "Authorization" },
	{ "/", "Authorization: Bearer eyJa.b.c\r\nAuthorization: Bearer eyJa.b.d\r\n", API_ALL,
		REASON_KEY_AMBIGUOUS, 0, NULL, NULL },
	{ "/?key=" KEY_A "&key=" KEY_B, "", API_ALL, REASON_KEY_AMBIGUOUS, 0, NULL, NULL },
	{ "/", "Cookie: session=abcdef; session=bbbbbb\r\n", API_ALL, REASON_KEY_AMBIGUOUS, 0, NULL,
		NULL },
	{ "/", "Authorization: Basic eA==\r\nAuthorization: Bearer eyJa.b.c\r\n", API_ALL,
		REASON_PROXIED, C_BEARER, "eyJa.b.c", "Authorization" },
	/* Two definitions for one place. */
	{ "/", "X-API-Key: 0123abcd\r\n", API_HEADER_HEX, REASON_PROXIED, C_HEX, "0123abcd", "" },
	{ "/", "X-API-Key: " KEY_B "\r\n", API_HEADER_HEX, REASON_PROXIED, C_HEADER, KEY_B,
		"X-API-Key" },
	{ "/", "X-API-Key: 0123ABCD\r\n", API_HEADER_HEX, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
	/* By Hyperscan alone. */
	{ "/", "X-API-Key: " KEY_A "\r\n", API_SCANNED, REASON_PROXIED, C_SCANNED, KEY_A, "" },
	{ "/", "X-API-Key: 0123abcd\r\n", API_SCANNED, REASON_KEY_MISSING, SNAP_NONE, NULL, "" },
};

static void parse(const char *text, struct http1_head *head)
{
	const struct http1_limits limits = { 8192, 4096, 64 };
	enum reason reason;

	assert_int_equal(
		http1_parse_request(text, strlen(text), 0, &limits, head, &reason), HTTP1_DONE);
}

/* Among those that the API accepts. */
static enum reason find(const struct snapshot *s, struct credential_set *set,
	struct credential_scratch *scratch, const struct http_head *head, uint32_t api,
	struct policy_credential *out)
{
	const struct snap_range accepted = SNAP_AT(s, SNAP_APIS, snap_api, api)->credentials;

	return credential_find(set, scratch, head,
		&SNAP_INDEX_AT(s, SNAP_API_CREDENTIALS, accepted.first), accepted.count, out);
}

static void credentials_are_found_where_an_api_accepts_them(void **state)
{
	static struct http1_head head;
	struct snapshot snapshot;
	struct credential_set *set;
	struct credential_scratch *scratch;
	char why[200] = "", text[1024];

	open_snapshot(&snapshot);
	set = credential_set_create(&snapshot, NULL, why, sizeof(why));
	if (set == NULL)
		fail_msg("%s", why);
	scratch = credential_scratch_create(set);
	assert_non_null(scratch);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct policy_credential found;
		enum reason reason;

		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n",
			requests[i].target, requests[i].fields);
		parse(text, &head);
		reason = find(&snapshot, set, scratch, &head.message, requests[i].api, &found);
		if (reason != requests[i].reason)
			fail_msg("%s: %s", text, reason_name(reason));
		if (reason == REASON_KEY_AMBIGUOUS)
			continue;
		if (found.credential != requests[i].credential ||
			!str_equal(found.field, str_of(requests[i].field)) ||
			(requests[i].value != NULL &&
				!str_equal(found.value, str_of(requests[i].value))))
			fail_msg("%s: credential %d, '%.*s' in '%.*s'", text, (int)found.credential,
				(int)found.value.len, found.value.data, (int)found.field.len,
				found.field.data);
	}
	credential_scratch_destroy(scratch);
	credential_set_destroy(set);
	snapshot_close(&snapshot);
}

/* Strings that are nearly keys. */
static uint32_t random_value(uint64_t *seed, char *out)
{
	static const char alphabet[] = "aZ0-_ak_live_test_\xff. !";
	uint32_t len = 40;

	memcpy(out, fixture_random(seed) & 1 ? KEY_A : KEY_B, len);
	if (fixture_random(seed) % 4 == 0)
		len = (uint32_t)(fixture_random(seed) % 45);
	for (uint32_t i = 40; i < len; i++)
		out[i] = 'x';
	for (uint64_t n = fixture_random(seed) % 3; n > 0 && len > 0; n--) {
		char c = (char)fixture_random(seed); /* no field has a line end */

		out[fixture_random(seed) % len] =
			c != '\n' && fixture_random(seed) % 2
				? c
				: alphabet[fixture_random(seed) % (sizeof(alphabet) - 1)];
	}
	return len;
}

static void a_shape_says_what_its_pattern_says(void **state)
{
	char field[sizeof("x-api-key") - 1 + 64] = "x-api-key";
	char *const value = field + sizeof("x-api-key") - 1;
	struct http_head head = { .field_count = 1 };
	struct snapshot snapshot;
	struct credential_set *set;
	struct credential_scratch *scratch;
	uint64_t seed = 31337;
	uint32_t matches = 0;
	char why[200];

	open_snapshot(&snapshot);
	set = credential_set_create(&snapshot, NULL, why, sizeof(why));
	assert_non_null(set);
	scratch = credential_scratch_create(set);
	for (unsigned i = 0; i < 200000; i++) {
		struct policy_credential by_shape, by_scan;
		enum reason shape, scan;

		head.fields[0] = (struct http_field){ .name_at = field,
			.name_bytes = sizeof("x-api-key") - 1,
			.value_from = sizeof("x-api-key") - 1,
			.value_bytes = (uint16_t)random_value(&seed, value) };
		shape = find(&snapshot, set, scratch, &head, API_HEADER, &by_shape);
		scan = find(&snapshot, set, scratch, &head, API_SCANNED, &by_scan);
		if (shape != scan)
			fail_msg("'%.*s': %d by shape, %d by scan", head.fields[0].value_bytes,
				value, shape, scan);
		matches += shape == REASON_PROXIED;
	}
	assert_in_range(matches, 20000, 180000);
	credential_scratch_destroy(scratch);
	credential_set_destroy(set);
	snapshot_close(&snapshot);
}

static int damaged(void *ctx, const struct patterns *patterns, char **out, size_t *out_bytes,
	char *why, size_t why_bytes)
{
	*out = strdup("not a database, however long it is");
	*out_bytes = 34;
	return 0;
}

static int refusing(void *ctx, const struct patterns *patterns, char **out, size_t *out_bytes,
	char *why, size_t why_bytes)
{
	snprintf(why, why_bytes, "no");
	return -EINVAL;
}

/* What the compiler of patterns returns is not believed. */
static void a_missing_or_damaged_database_is_told(void **state)
{
	const struct pattern_compiler bad = { damaged, NULL }, none = { refusing, NULL };
	struct snapshot snapshot;
	char why[200] = "";

	open_snapshot(&snapshot);
	assert_null(credential_set_create(&snapshot, &none, why, sizeof(why)));
	assert_string_equal(why, "no");
	assert_null(credential_set_create(&snapshot, &bad, why, sizeof(why)));
	assert_non_null(strstr(why, "does not open"));
	snapshot_close(&snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_are_found_where_an_api_accepts_them),
		cmocka_unit_test(a_shape_says_what_its_pattern_says),
		cmocka_unit_test(a_missing_or_damaged_database_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
