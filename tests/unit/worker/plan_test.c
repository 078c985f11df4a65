/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a start, from snapshots with and without TLS. */
#include "dataplane/plan.h"

#include <errno.h>

#include "dataplane/tls/tls.h"
#include "tests/unit/route/snap_fixture.h"

#define MIB (1u << 20)

static struct start_plan plan_of(bool with_tls)
{
	struct fixture f = fixture_begin();
	struct snap_cert cert = { .name = fixture_text(&f, SNAP_KIND_GATEWAY, "cert") };
	struct snapshot snapshot;
	struct start_plan plan;
	uint32_t index = 0;
	char why[200] = "";

	if (with_tls) {
		snapshot_builder_add(f.b, SNAP_CERTS, &cert);
		snapshot_builder_add(f.b, SNAP_LISTENER_CERTS, &index);
	}
	fixture_listener(&f, "clear", (struct snap_range){ 0, 0 });
	if (with_tls)
		fixture_listener(&f, "secure", (struct snap_range){ 0, 1 });
	fixture_open(&f, 1, &snapshot);
	assert_int_equal(start_plan_make(&snapshot, &plan, why, sizeof(why)), 0);
	snapshot_close(&snapshot);
	return plan;
}

static int fits(const struct start_plan *plan, uint64_t huge_mb, uint64_t available_mb)
{
	char why[256] = "";
	int rc = start_plan_fits(plan, huge_mb, available_mb, why, sizeof(why));

	assert_true((rc == 0) == (why[0] == '\0'));
	return rc;
}

static void a_listener_with_tls_adds_the_heap_of_all_connections(void **state)
{
	struct start_plan clear = plan_of(false), secure = plan_of(true);

	assert_int_equal(clear.tls_bytes, 0);
	assert_int_equal(clear.tls_handshake_bytes, 0);
	assert_int_equal(
		secure.tls_bytes, (uint64_t)secure.proxy.client_limit * TLS_OPEN_HEAP_BYTES);
	assert_int_equal(secure.tls_handshake_bytes,
		(uint64_t)secure.proxy.client_limit * TLS_HANDSHAKE_HEAP_BYTES);
	assert_int_equal(secure.memory_mb, clear.memory_mb);
}

static void memory_that_does_not_suffice_is_told(void **state)
{
	struct start_plan plan = {
		.worker_count = 2,
		.memory_mb = 300,
		.tls_bytes = 100 * (uint64_t)MIB,
		.tls_handshake_bytes = 250 * (uint64_t)MIB,
	};

	assert_int_equal(fits(&plan, 0, 299), -ENOMEM);
	assert_int_equal(fits(&plan, 0, 499), -ENOMEM);
	assert_int_equal(fits(&plan, 0, 500), 1);
	assert_int_equal(fits(&plan, 0, 799), 1);
	assert_int_equal(fits(&plan, 0, 800), 0);
	assert_int_equal(fits(&plan, 0, UINT64_MAX), 0);
}

/* Only the EAL's part may lie in huge pages. */
static void huge_pages_leave_ordinary_memory_to_tls(void **state)
{
	struct start_plan plan = {
		.worker_count = 1,
		.memory_mb = 300,
		.tls_bytes = 100 * (uint64_t)MIB,
		.tls_handshake_bytes = 250 * (uint64_t)MIB,
	};

	assert_int_equal(fits(&plan, 300, 99), -ENOMEM);
	assert_int_equal(fits(&plan, 300, 100), 1);
	assert_int_equal(fits(&plan, 300, 250), 0);
	assert_int_equal(fits(&plan, 299, 399), -ENOMEM);
	plan.tls_bytes = plan.tls_handshake_bytes = 0;
	assert_int_equal(fits(&plan, 300, 0), 0);
	assert_int_equal(fits(&plan, 299, 300), 0);
	assert_int_equal(fits(&plan, 299, 299), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_with_tls_adds_the_heap_of_all_connections),
		cmocka_unit_test(memory_that_does_not_suffice_is_told),
		cmocka_unit_test(huge_pages_leave_ordinary_memory_to_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
