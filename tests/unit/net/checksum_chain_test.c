/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum over mbuf chains of any lengths against that of the same bytes in one piece. */
#include "tests/unit/net/net_rig.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/net/checksum.h"

static uint8_t random_byte(void)
{
	/* Many 0x00 and 0xff: carries and negative zero live there. */
	int r = rand();

	return (r & 0x700) == 0 ? 0xff : (r & 0x700) == 0x100 ? 0 : (uint8_t)r;
}

static void random_chains_agree_with_flat_bytes(void **state)
{
	static uint8_t flat[8192];

	srand(3);
	for (int round = 0; round < 2000; round++) {
		unsigned segments = 1 + (unsigned)rand() % 6;
		struct rte_mbuf *head = NULL;
		uint32_t len = 0, offset;

		for (unsigned s = 0; s < segments; s++) {
			struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
			uint16_t part = (uint16_t)(rand() % (s & 1 ? 7 : 700));
			uint8_t *p;

			assert_non_null(m);
			p = (uint8_t *)rte_pktmbuf_append(m, part);
			for (unsigned i = 0; i < part; i++)
				p[i] = flat[len + i] = random_byte();
			len += part;
			if (head)
				assert_int_equal(rte_pktmbuf_chain(head, m), 0);
			else
				head = m;
		}
		offset = len ? (uint32_t)rand() % len : 0;
		assert_int_equal(checksum_fold(checksum_sum_mbuf(head, offset)),
			checksum_fold(checksum_sum_plain(flat + offset, len - offset)));
		rte_pktmbuf_free(head);
	}
	assert_int_equal(mbufs_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_chains_agree_with_flat_bytes),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
