/* SPDX-License-Identifier: Apache-2.0 */
/* Connections by source: counted for each listener, an IPv6 /64 as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/proxy/sources.h"

static struct sources sources;

static struct tcp_peer peer(const char *source, uint16_t port)
{
	struct tcp_peer p = { .local_port = port };

	assert_int_equal(ip_parse((struct str){ source, (uint32_t)strlen(source) }, &p.remote), 0);
	assert_int_equal(ip_parse(STR("192.0.2.1"), &p.local), 0);
	return p;
}

static void a_source_has_so_many(void **state)
{
	struct tcp_peer one = peer("198.51.100.1", 80), other = peer("198.51.100.2", 80);
	struct tcp_peer elsewhere = peer("198.51.100.1", 443);

	for (unsigned i = 0; i < 5; i++)
		assert_true(sources_take(&sources, &one, 5));
	for (unsigned i = 0; i < 3; i++)
		assert_false(sources_take(&sources, &one, 5)); /* what is refused is not counted */
	assert_true(sources_take(&sources, &other, 5));
	assert_true(sources_take(&sources, &elsewhere, 5));
	sources_give(&sources, &one);
	assert_true(sources_take(&sources, &one, 5));
	assert_false(sources_take(&sources, &one, 5));
}

static void an_ipv6_network_of_64_bits_is_one_source(void **state)
{
	struct tcp_peer a = peer("2001:db8:1:2::1", 80), b = peer("2001:db8:1:2:ffff::9", 80);
	struct tcp_peer next = peer("2001:db8:1:3::1", 80);

	assert_true(sources_take(&sources, &a, 2));
	assert_true(sources_take(&sources, &b, 2));
	assert_false(sources_take(&sources, &a, 2));
	assert_true(sources_take(&sources, &next, 2));
}

static void all_counts_come_back_to_nothing(void **state)
{
	struct tcp_peer p = peer("203.0.113.0", 80);

	memset(&sources, 0, sizeof(sources));
	for (unsigned i = 0; i < 200; i++) {
		p.remote.bytes[15] = (uint8_t)i;
		assert_true(sources_take(&sources, &p, 1));
	}
	for (unsigned i = 0; i < 200; i++) {
		p.remote.bytes[15] = (uint8_t)i;
		sources_give(&sources, &p);
	}
	for (unsigned i = 0; i < SOURCES_COUNTERS; i++)
		assert_int_equal(sources.counters[0][i] + sources.counters[1][i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_has_so_many),
		cmocka_unit_test(an_ipv6_network_of_64_bits_is_one_source),
		cmocka_unit_test(all_counts_come_back_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
