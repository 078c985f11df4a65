/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials by signature. Of each place where an API accepts one the value is taken out and held
 * against the definition's pattern: by hand where the pattern is a literal and a run of one class
 * (the snapshot says so), else by Hyperscan on that value alone, in block mode. Scanning only the
 * value keeps what a client can make the scanner do bounded by one field.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hs.h>
#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

#include "dataplane/http/values.h"
#include "dataplane/policy/credential.h"

struct credential {
	struct str field;
	uint32_t where;
	uint32_t pattern_id;
	uint32_t strip;
	uint32_t shape_class; /* 0: by Hyperscan */
	uint32_t shape_length;
	struct str shape_prefixes;
	/* The class by low nibble: bit n tells that byte 16 * n + nibble is in it. */
	uint8_t shape_rows[16] __attribute__((aligned(16)));
};

struct credential_set {
	const struct snapshot *snapshot;
	uint32_t count;
	struct credential *credentials;
	hs_database_t *database; /* NULL when every credential has a shape */
	uint8_t classes[256];    /* SNAP_CLASS_* of each byte */
};

struct credential_scratch {
	hs_scratch_t *hs;
};

static void classes_fill(uint8_t *classes)
{
	for (unsigned c = '0'; c <= '9'; c++)
		classes[c] = SNAP_CLASS_DIGIT | SNAP_CLASS_HEX_LOWER;
	for (unsigned c = 'a'; c <= 'z'; c++)
		classes[c] = SNAP_CLASS_LOWER;
	for (unsigned c = 'a'; c <= 'f'; c++)
		classes[c] |= SNAP_CLASS_HEX_LOWER;
	for (unsigned c = 'A'; c <= 'Z'; c++)
		classes[c] = SNAP_CLASS_UPPER;
	classes['-'] = SNAP_CLASS_DASH;
	classes['_'] = SNAP_CLASS_UNDER;
}

static void credential_init(struct credential *to, const struct snapshot *snapshot,
	const struct snap_credential *from, const uint8_t *classes)
{
	to->field = snap_str(snapshot, from->field);
	to->where = from->where;
	to->pattern_id = from->pattern_id;
	to->strip = from->strip;
	to->shape_class = from->shape_class;
	to->shape_length = from->shape_length;
	to->shape_prefixes = snap_str(snapshot, from->shape_prefixes);
	for (unsigned c = 0; c < 128; c++)
		if (classes[c] & to->shape_class)
			to->shape_rows[c % 16] |= (uint8_t)(1u << c / 16);
}

static int database_compile(const struct pattern_compiler *compiler,
	const struct patterns *patterns, char **out, size_t *out_bytes, char *why, size_t why_bytes)
{
	return compiler ? compiler->compile(compiler->ctx, patterns, out, out_bytes, why, why_bytes)
			: patterns_compile(patterns, out, out_bytes, why, why_bytes);
}

/* Have the patterns compiled and make the database ready. */
static bool database_open(struct credential_set *set, const struct pattern_compiler *compiler,
	char *why, size_t why_bytes)
{
	struct patterns patterns;
	char *bytes = NULL;
	size_t length = 0;
	hs_error_t error = HS_SUCCESS;
	int err;

	if (hs_valid_platform() != HS_SUCCESS) {
		snprintf(why, why_bytes, "this processor lacks what Hyperscan needs (SSSE3)");
		return false;
	}
	err = patterns_collect(set->snapshot, &patterns);
	if (err) {
		snprintf(why, why_bytes, "the patterns cannot be read: %s", strerror(-err));
		return false;
	}
	err = database_compile(compiler, &patterns, &bytes, &length, why, why_bytes);
	free(patterns.data);
	if (!err)
		error = hs_deserialize_database(bytes, length, &set->database);
	free(bytes);
	if (error != HS_SUCCESS)
		snprintf(why, why_bytes, "the pattern database does not open: Hyperscan error %d",
			error);
	return !err && error == HS_SUCCESS;
}

struct credential_set *credential_set_create(const struct snapshot *snapshot,
	const struct pattern_compiler *compiler, char *why, size_t why_bytes)
{
	struct credential_set *set = calloc(1, sizeof(*set));
	const struct snap_credential *records;
	bool scan = false;

	snprintf(why, why_bytes, "out of memory");
	if (set == NULL)
		return NULL;
	set->snapshot = snapshot;
	records = snap_records(snapshot, SNAP_CREDENTIALS, &set->count);
	set->credentials = calloc((size_t)set->count + 1, sizeof(*set->credentials));
	if (set->credentials == NULL)
		goto fail;
	classes_fill(set->classes);
	for (uint32_t i = 0; i < set->count; i++) {
		credential_init(&set->credentials[i], snapshot, &records[i], set->classes);
		scan |= records[i].shape_class == 0;
	}
	if (scan && !database_open(set, compiler, why, why_bytes))
		goto fail;
	return set;
fail:
	credential_set_destroy(set);
	return NULL;
}

void credential_set_destroy(struct credential_set *set)
{
	if (set == NULL)
		return;
	hs_free_database(set->database);
	free(set->credentials);
	free(set);
}

struct credential_scratch *credential_scratch_create(const struct credential_set *set)
{
	struct credential_scratch *scratch = calloc(1, sizeof(*scratch));

	if (scratch == NULL || set->database == NULL)
		return scratch;
	if (hs_alloc_scratch(set->database, &scratch->hs) == HS_SUCCESS)
		return scratch;
	free(scratch);
	return NULL;
}

void credential_scratch_destroy(struct credential_scratch *scratch)
{
	if (scratch == NULL)
		return;
	hs_free_scratch(scratch->hs);
	free(scratch);
}

#ifdef __SSSE3__
/* Sixteen bytes at once. A byte from 80 up gives zero in both tables. */
static inline bool all_in_class(const struct credential *credential, const char *bytes)
{
	const __m128i row_bit = _mm_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, -128, 64, 32, 16, 8, 4, 2, 1);
	const __m128i x = _mm_loadu_si128((const __m128i *)bytes);
	const __m128i rows = _mm_load_si128((const __m128i *)credential->shape_rows);
	const __m128i high = _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(0x0f));
	const __m128i in =
		_mm_and_si128(_mm_shuffle_epi8(rows, x), _mm_shuffle_epi8(row_bit, high));

	return _mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_setzero_si128())) == 0;
}
#endif

/* Are all of these bytes in the shape's class? */
static bool run_matches(
	const struct credential_set *set, const struct credential *credential, struct str run)
{
	uint32_t missing = 0;

#ifdef __SSSE3__
	if (run.len >= 16) {
		for (uint32_t i = 0; i + 16 < run.len; i += 16)
			if (!all_in_class(credential, run.data + i))
				return false;
		return all_in_class(credential, run.data + run.len - 16);
	}
#endif
	for (uint32_t i = 0; i < run.len; i++)
		missing |= (set->classes[(uint8_t)run.data[i]] & credential->shape_class) == 0;
	return missing == 0;
}

/* Is it one of the prefixes, then exactly so many characters of the class? */
static bool shape_matches(
	const struct credential_set *set, const struct credential *credential, struct str value)
{
	struct str rest = credential->shape_prefixes;
	bool bare = rest.len == 0; /* no prefix asked for */

	if (value.len < credential->shape_length)
		return false;
	while (rest.len > 0 && !bare) {
		const char *end = memchr(rest.data, '\n', rest.len);
		struct str prefix = { rest.data, (uint32_t)(end - rest.data) };

		bare = value.len - credential->shape_length == prefix.len &&
		       str_starts(value, prefix);
		rest = (struct str){ end + 1, rest.len - prefix.len - 1 };
	}
	if (!bare || (credential->shape_prefixes.len == 0 && value.len != credential->shape_length))
		return false;
	return run_matches(set, credential,
		(struct str){ value.data + value.len - credential->shape_length,
			credential->shape_length });
}

struct scan {
	uint32_t wanted;
	bool matched;
};

static int scan_event(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	struct scan *scan = context;

	if (id == scan->wanted)
		scan->matched = true;
	return scan->matched;
}

static bool value_matches(const struct credential_set *set, struct credential_scratch *scratch,
	const struct credential *credential, struct str value)
{
	struct scan scan = { credential->pattern_id, false };

	if (value.len == 0)
		return false;
	if (credential->shape_class != 0)
		return shape_matches(set, credential, value);
	hs_scan(set->database, value.data, value.len, 0, scratch->hs, scan_event, &scan);
	return scan.matched;
}

/* The search in one request. */
struct search {
	const struct credential_set *set;
	struct credential_scratch *scratch;
	const struct http_head *head;
	struct policy_credential *out;
	enum reason reason;
};

/* A value in a place where the credential @p index may be; it counts when it looks like one. Equal
 * ones are one. @param field that it came in; empty where it is no field of its own */
static void value_found(struct search *s, uint32_t index, struct str value, struct str field)
{
	const struct credential *credential = &s->set->credentials[index];

	if (s->reason == REASON_KEY_AMBIGUOUS ||
		(s->reason == REASON_PROXIED && str_equal(s->out->value, value)))
		return;
	if (!value_matches(s->set, s->scratch, credential, value))
		return;
	if (s->reason != REASON_KEY_MISSING) {
		s->reason = REASON_KEY_AMBIGUOUS;
		return;
	}
	s->reason = REASON_PROXIED;
	s->out->value = value;
	s->out->credential = index;
	if (credential->strip)
		s->out->field = field;
}

/* "Bearer ak_live_…": the scheme without case, spaces, the rest (RFC 9110 §11.4). */
static bool authorization_value(struct str scheme, struct str field, struct str *value)
{
	uint32_t i = scheme.len;

	if (field.len <= i || field.data[i] != ' ' ||
		!str_equal_nocase(scheme, (struct str){ field.data, i }))
		return false;
	while (i < field.len && field.data[i] == ' ')
		i++;
	*value = (struct str){ field.data + i, field.len - i };
	return true;
}

static void find_in_fields(struct search *s, uint32_t index)
{
	const struct credential *credential = &s->set->credentials[index];
	const bool authorization = credential->where == SNAP_IN_AUTHORIZATION;

	if (authorization && !http_head_has(s->head, HTTP_FIELD_AUTHORIZATION))
		return;
	for (uint32_t i = 0; i < s->head->field_count; i++) {
		const struct http_field *field = &s->head->fields[i];
		struct str value;

		if (!authorization) {
			if (str_equal_nocase(http_field_name(field), credential->field))
				value_found(
					s, index, http_field_value(field), http_field_name(field));
		} else if (field->id == HTTP_FIELD_AUTHORIZATION) {
			if (authorization_value(credential->field, http_field_value(field), &value))
				value_found(s, index, value, http_field_name(field));
		}
	}
}

static void find_in_query(struct search *s, uint32_t index)
{
	struct str rest = s->head->query, sent;

	while (http_query_next(&rest, s->set->credentials[index].field, &sent)) {
		char buf[POLICY_CREDENTIAL_DECODED];
		struct str value = http_query_decode(sent, buf, sizeof(buf));

		if (value.data == NULL)
			continue;
		value_found(s, index, value, STR(""));
		if (s->out->value.data == buf) {
			memcpy(s->out->decoded, buf, value.len);
			s->out->value.data = s->out->decoded;
		}
	}
}

static void find_in_cookies(struct search *s, uint32_t index)
{
	struct http_cookies at = { 0 };
	struct str value;

	while (http_cookie_next(s->head, &at, s->set->credentials[index].field, &value))
		value_found(s, index, value, STR(""));
}

enum reason credential_find(const struct credential_set *set, struct credential_scratch *scratch,
	const struct http_head *head, const uint32_t *accepted, uint32_t n,
	struct policy_credential *out)
{
	struct search s = { set, scratch, head, out, REASON_KEY_MISSING };

	out->credential = SNAP_NONE;
	out->value = out->field = (struct str){ NULL, 0 };
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t index = accepted[i];

		switch ((enum snap_where)set->credentials[index].where) {
		case SNAP_IN_HEADER:
		case SNAP_IN_AUTHORIZATION:
			find_in_fields(&s, index);
			break;
		case SNAP_IN_QUERY:
			find_in_query(&s, index);
			break;
		case SNAP_IN_COOKIE:
			find_in_cookies(&s, index);
			break;
		}
	}
	return s.reason;
}
