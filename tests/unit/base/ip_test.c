/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text: what is taken, what is refused, and the one form of RFC 5952 that is written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/ip.h"

static void writes_the_canonical_form(void **state)
{
	static const char *const pairs[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "1:0:0:2:3:4:0:0", "1::2:3:4:0:0" },
		{ "::1:2", "::1:2" },
		{ "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888",
			"1111:2222:3333:4444:5555:6666:7777:8888" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct ip_addr a;
		char text[IP_TEXT_BYTES];

		assert_int_equal(ip_parse(str_of(pairs[i][0]), &a), 0);
		assert_int_equal(ip_format(&a, text), strlen(pairs[i][1]));
		assert_string_equal(text, pairs[i][1]);
	}
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.4.5", "010.0.0.1", "1.2.3.256",
		"1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x1.2.3.4", ":::", "1::2::3",
		"12345::", "fe80::1%eth0", "[::1]", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"g::", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa" };
	struct ip_addr a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ip_parse(str_of(bad[i]), &a), -EINVAL);
	assert_int_equal(ip_parse((struct str){ "1.2.3.4\0", 8 }, &a), -EINVAL);
	assert_int_equal(ip_parse((struct str){ NULL, 0 }, &a), -EINVAL);
}

static void reads_no_byte_after_the_text(void **state)
{
	struct ip_addr a;
	uint16_t port;

	assert_int_equal(ip_parse((struct str){ "10.0.0.123", 8 }, &a), 0);
	assert_int_equal(a.bytes[15], 1);
	assert_int_equal(ip_port_parse((struct str){ "10.0.0.1:8080", 10 }, &a, &port), 0);
	assert_int_equal(port, 8);
}

static void reads_address_and_port(void **state)
{
	static const char *const bad[] = { "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536",
		"1.2.3.4:080", "1.2.3.4:+80", "1.2.3.4: 80", ":80", "::1:80", "[::1]", "[::1]80",
		"[::1", "[1.2.3.4]:80", "[]:80", "1.2.3.4:99999999999", "" };
	struct ip_addr a;
	uint16_t port;

	assert_int_equal(ip_port_parse(STR("198.51.100.10:443"), &a, &port), 0);
	assert_int_equal(port, 443);
	assert_int_equal(a.bytes[12], 198);
	assert_int_equal(ip_port_parse(STR("[2001:db8::1]:65535"), &a, &port), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(a.bytes[0], 0x20);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ip_port_parse(str_of(bad[i]), &a, &port), -EINVAL);
}

static void reads_prefixes(void **state)
{
	static const char *const bad[] = { "1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "::/129", "/24",
		"1.2.3.4/08", "1.2.3.4/-1", "1.2.3.4/24/24" };
	struct ip_addr a;
	uint8_t len;

	assert_int_equal(ip_prefix_parse(STR("10.0.0.10/24"), &a, &len), 0);
	assert_int_equal(len, 24);
	assert_int_equal(ip_prefix_parse(STR("0.0.0.0/0"), &a, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(ip_prefix_parse(STR("2001:db8::/128"), &a, &len), 0);
	assert_int_equal(len, 128);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ip_prefix_parse(str_of(bad[i]), &a, &len), -EINVAL);
}

static bool within(const char *addr, const char *prefix)
{
	struct ip_addr a, net;
	uint8_t len;

	assert_int_equal(ip_parse(str_of(addr), &a), 0);
	assert_int_equal(ip_prefix_parse(str_of(prefix), &net, &len), 0);
	return ip_in_prefix(&a, &net, len);
}

static void tells_what_a_prefix_holds(void **state)
{
	assert_true(within("10.0.0.1", "10.0.0.10/24"));
	assert_false(within("10.0.1.1", "10.0.0.10/24"));
	assert_true(within("10.0.1.1", "10.0.0.0/23"));
	assert_false(within("10.0.2.1", "10.0.0.0/23"));
	assert_true(within("1.2.3.4", "0.0.0.0/0"));
	assert_true(within("1.2.3.4", "1.2.3.4/32"));
	assert_false(within("1.2.3.5", "1.2.3.4/32"));
	assert_false(within("2001:db8::1", "0.0.0.0/0"));
	assert_false(within("1.2.3.4", "::/0"));
	assert_true(within("2001:db8::1", "2001:db8::/32"));
	assert_true(within("2001:db8:ffff::1", "2001:db8:fffe::/47"));
	assert_false(within("2001:db9::1", "2001:db8::/32"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_canonical_form),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(reads_no_byte_after_the_text),
		cmocka_unit_test(reads_address_and_port),
		cmocka_unit_test(reads_prefixes),
		cmocka_unit_test(tells_what_a_prefix_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
