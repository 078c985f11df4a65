/* SPDX-License-Identifier: Apache-2.0 */
/* Names of fields: each listed one is found in any case, and what could be taken for it is told. */
#include "dataplane/http/fields.h"

#include <ctype.h>

#include "dataplane/http/text.h"
#include "tests/unit/http/h1/http_test.h"

/* Each name of the list as it stands there, in capitals, as an alias and with one letter more; each
 * family with and without something behind it. */
static void every_listed_name_is_found(void **state)
{
	static const struct {
		const char *text;
		enum http_field_id id;
		bool family;
	} names[] = {
#define NAME(text, field)   { text, HTTP_FIELD_##field, false },
#define FAMILY(text, field) { text "abcdefgh", HTTP_FIELD_##field, true },
#include "dataplane/http/fields.def"
#undef NAME
#undef FAMILY
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str name = str_of(names[i].text);
		char text[64], *dash;
		bool alias;

		assert_int_equal(http_field_find(name, &alias), names[i].id);
		assert_false(alias);
		for (uint32_t at = 0; at <= name.len; at++)
			text[at] = (char)toupper(names[i].text[at]);
		assert_int_equal(
			http_field_find((struct str){ text, name.len }, &alias), names[i].id);
		assert_false(alias);
		dash = strchr(text, '-');
		if (dash != NULL) {
			*dash = '_';
			assert_int_equal(http_field_find((struct str){ text, name.len }, &alias),
				HTTP_FIELD_OTHER);
			assert_true(alias);
		}
	}
}

/* Eight bytes at a time as one at a time, for every pair of bytes at every place. */
static void names_compare_folded(void **state)
{
	char *a = guarded_new(), *b = guarded_new();

	for (uint32_t len = 1; len <= 19; len++) {
		char *x = a + GUARDED_BYTES - len, *y = b + GUARDED_BYTES - len;

		for (uint32_t at = 0; at < len; at++) {
			memset(x, '_', len);
			memset(y, '-', len);
			for (unsigned i = 0; i<65536; i += len> 1 ? 7 : 1) {
				x[at] = (char)(i >> 8);
				y[at] = (char)i;
				assert_int_equal(http_name_same((struct str){ x, len },
							 (struct str){ y, len }),
					http_name_fold(x[at]) == http_name_fold(y[at]));
			}
		}
	}
	guarded_free(a);
	guarded_free(b);
}

/* Every token byte in every place of every name: another case is the same name, "_" for "-" an
 * alias. */
static void a_name_with_another_byte_is_another_name(void **state)
{
	static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
				     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const struct {
		const char *text;
		enum http_field_id id;
	} names[] = { { "te", HTTP_FIELD_TE }, { "via", HTTP_FIELD_VIA },
		{ "Host", HTTP_FIELD_HOST }, { "Cookie", HTTP_FIELD_COOKIE },
		{ "trailer", HTTP_FIELD_TRAILER }, { "Connection", HTTP_FIELD_CONNECTION },
		{ "keep-alive", HTTP_FIELD_KEEP_ALIVE },
		{ "Content-Length", HTTP_FIELD_CONTENT_LENGTH },
		{ "True-Client-IP", HTTP_FIELD_ADDRESS },
		{ "X-Method-Override", HTTP_FIELD_OVERRIDE },
		{ "Transfer-Encoding", HTTP_FIELD_TRANSFER_ENCODING } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str name = str_of(names[i].text);

		for (uint32_t at = 0; at < name.len; at++) {
			for (const char *c = tchars; *c; c++) {
				char was = name.data[at], text[32];
				bool same = ascii_lower(*c) == ascii_lower(was), alias;

				memcpy(text, name.data, name.len);
				text[at] = *c;
				assert_int_equal(
					http_field_find((struct str){ text, name.len }, &alias),
					same ? names[i].id : HTTP_FIELD_OTHER);
				assert_int_equal(alias, was == '-' && *c == '_');
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_compare_folded),
		cmocka_unit_test(a_name_with_another_byte_is_another_name),
		cmocka_unit_test(every_listed_name_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
