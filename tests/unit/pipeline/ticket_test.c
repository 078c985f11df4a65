/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: as many as there may be, each for one wait. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/pipeline/ticket.h"

#define LIMIT 8

static void no_more_than_the_limit_wait(void **state)
{
	struct tickets t;
	uint64_t held[LIMIT];
	int owner;

	assert_int_equal(tickets_init(&t, LIMIT), 0);
	for (unsigned i = 0; i < LIMIT; i++)
		assert_int_not_equal(held[i] = ticket_take(&t, &owner), 0);
	assert_int_equal(ticket_take(&t, &owner), 0);
	ticket_give(&t, held[3]);
	assert_int_not_equal(ticket_take(&t, &owner), 0);
	assert_int_equal(ticket_take(&t, &owner), 0);
	tickets_fini(&t);
	assert_int_equal(tickets_init(&t, 0), 0);
	assert_int_equal(ticket_take(&t, &owner), 0);
	assert_null(ticket_owner(&t, UINT64_C(1) << 32 | 1));
	tickets_fini(&t);
}

/* Against a plain list of who waits; what was given back finds nothing, nor does what never was. */
static void a_ticket_finds_its_owner_while_it_waits(void **state)
{
	static int owners[LIMIT];
	uint64_t held[LIMIT] = { 0 }, old[64] = { 0 }, seed = 7;
	struct tickets t;
	unsigned ended = 0;

	assert_int_equal(tickets_init(&t, LIMIT), 0);
	for (unsigned round = 0; round < 100000; round++) {
		unsigned i;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		i = (unsigned)(seed >> 33) % LIMIT;
		if (held[i]) {
			ticket_give(&t, held[i]);
			old[ended++ % 64] = held[i];
			held[i] = 0;
		} else {
			held[i] = ticket_take(&t, &owners[i]);
		}
		for (i = 0; i < LIMIT; i++)
			if (held[i])
				assert_ptr_equal(ticket_owner(&t, held[i]), &owners[i]);
		for (i = 0; i < 64; i++)
			assert_null(ticket_owner(&t, old[i]));
		assert_null(ticket_owner(&t, seed | UINT32_MAX));
	}
	tickets_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_the_limit_wait),
		cmocka_unit_test(a_ticket_finds_its_owner_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
