/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of payload: the bytes come out as they went in, however they are cut, and no mbuf is
 * lost. */
#include "dataplane/proxy/chain.h"

#include "tests/unit/proxy/proxy_rig.h"

#define MODEL_BYTES 65536

/* What the chain should hold. */
struct model {
	uint8_t bytes[MODEL_BYTES];
	uint32_t len;
};

static void check_same(const struct chain *chain, const struct model *model)
{
	const struct rte_mbuf *last = NULL;
	uint32_t at = 0, mbufs = 0;

	assert_int_equal(chain->bytes, model->len);
	for (const struct rte_mbuf *m = chain->head; m; m = m->next) {
		assert_true(m->data_len > 0);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), model->bytes + at, m->data_len);
		at += m->data_len;
		last = m;
		mbufs++;
	}
	assert_int_equal(at, model->len);
	assert_ptr_equal(chain->last, last);
	assert_int_equal(chain->mbufs, mbufs);
}

static void put_some(struct chain *chain, struct model *model, uint64_t *random)
{
	uint16_t len = (uint16_t)(rig_random(random) % 600);
	uint8_t data[600];

	if (model->len + len > MODEL_BYTES || rte_mempool_avail_count(rig_pool) < 8)
		return;
	for (uint16_t i = 0; i < len; i++)
		data[i] = (uint8_t)rig_random(random);
	memcpy(model->bytes + model->len, data, len);
	model->len += len;
	chain_put(chain, rig_mbuf(data, len));
}

static void take_front(struct model *model, uint32_t n)
{
	model->len -= n;
	memmove(model->bytes, model->bytes + n, model->len);
}

static void take_some(struct chain *chain, struct model *model, uint64_t *random)
{
	uint32_t n = model->len ? (uint32_t)(rig_random(random) % model->len) + 1 : 0, at = 0,
		 segs = 0;
	struct rte_mbuf *taken = chain_take(chain, n, rig_pool);

	assert_int_equal(n > 0, taken != NULL);
	if (!taken)
		return;
	assert_int_equal(taken->pkt_len, n);
	for (const struct rte_mbuf *m = taken; m; m = m->next, segs++) {
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), model->bytes + at, m->data_len);
		at += m->data_len;
	}
	assert_int_equal(at, n);
	assert_int_equal(taken->nb_segs, segs);
	rte_pktmbuf_free(taken);
	take_front(model, n);
}

/* From one chain behind another, which is emptied when it is long. */
static void move_some(struct chain *to, struct model *at_to, struct chain *from,
	struct model *at_from, uint64_t *random)
{
	uint32_t n = at_from->len ? (uint32_t)(rig_random(random) % at_from->len) + 1 : 0;

	if (rig_random(random) % 2)
		n = RTE_MIN(n, 8u);
	if (n == 0)
		return;
	if (at_to->len + n > MODEL_BYTES) {
		chain_drop(to, to->bytes);
		at_to->len = 0;
	}
	assert_true(chain_move(to, from, n, rig_pool));
	memcpy(at_to->bytes + at_to->len, at_from->bytes, n);
	at_to->len += n;
	take_front(at_from, n);
	check_same(to, at_to);
	if (rte_mempool_avail_count(rig_pool) < 16) {
		chain_drop(to, to->bytes);
		at_to->len = 0;
	}
}

static void small_pieces_share_mbufs(void **state)
{
	struct chain chain = { NULL, NULL, 0, 0 }, out = { NULL, NULL, 0, 0 };

	for (unsigned i = 0; i < 4000; i++)
		chain_put(&chain, rig_mbuf("x", 1));
	assert_int_equal(chain.bytes, 4000);
	assert_in_range(chain.mbufs, 2, 3);
	while (chain.bytes)
		assert_true(chain_move(&out, &chain, 1, rig_pool));
	assert_in_range(out.mbufs, 2, 3);
	rte_pktmbuf_free(chain_packet(&out));
	assert_null(out.head);
}

static void bytes_come_out_as_they_went_in(void **state)
{
	static struct model model, moved;
	struct chain chain = { NULL, NULL, 0, 0 }, other = { NULL, NULL, 0, 0 };
	uint64_t random = 7;

	model.len = 0;
	for (unsigned i = 0; i < 20000; i++) {
		switch (rig_random(&random) % 5) {
		case 0:
		case 1:
			put_some(&chain, &model, &random);
			break;
		case 2:
			take_some(&chain, &model, &random);
			break;
		case 4:
			move_some(&other, &moved, &chain, &model, &random);
			break;
		case 3: {
			uint32_t n = model.len ? (uint32_t)(rig_random(&random) % model.len) : 0;

			chain_drop(&chain, n);
			take_front(&model, n);
			break;
		}
		}
		check_same(&chain, &model);
	}
	chain_free(&chain);
	chain_free(&other);
	assert_int_equal(chain.bytes, 0);
}

static void a_piece_taken_twice_refers_to_one_buffer(void **state)
{
	struct chain chain = { NULL, NULL, 0, 0 };
	struct rte_mbuf *first, *second;
	uint8_t data[1500];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	chain_put(&chain, rig_mbuf(data, sizeof(data)));
	first = chain_take(&chain, 700, rig_pool);
	second = chain_take(&chain, 700, rig_pool);
	assert_non_null(first);
	assert_non_null(second);
	/* The buffer outlives the chain for as long as a piece of it does. */
	chain_free(&chain);
	rte_pktmbuf_free(first);
	assert_memory_equal(rte_pktmbuf_mtod(second, void *), data + 700, 700);
	rte_pktmbuf_free(second);
}

static void without_an_mbuf_a_split_changes_nothing(void **state)
{
	struct rte_mbuf *hoard[RIG_MBUFS];
	struct chain chain = { NULL, NULL, 0, 0 };
	unsigned n = 0;

	chain_put(&chain, rig_mbuf("0123456789", 10));
	while ((hoard[n] = rte_pktmbuf_alloc(rig_pool)))
		n++;
	assert_null(chain_take(&chain, 4, rig_pool));
	assert_int_equal(chain.bytes, 10);
	/* The whole needs no split. */
	while (n)
		rte_pktmbuf_free(hoard[--n]);
	rte_pktmbuf_free(chain_take(&chain, 10, rig_pool));
	assert_null(chain.head);
}

static void copies_of_any_length_are_whole(void **state)
{
	static char data[20000];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 26);
	for (uint32_t len = 1; len <= sizeof(data); len = len * 2 + 13) {
		struct rte_mbuf *m = chain_copy(data, len, rig_pool);
		static char back[20000];

		assert_non_null(m);
		assert_int_equal(m->pkt_len, len);
		assert_memory_equal(rte_pktmbuf_read(m, 0, len, back), data, len);
		rte_pktmbuf_free(m);
	}
}

static void joined_chains_count_together(void **state)
{
	struct rte_mbuf *m = chain_join(NULL, rig_mbuf("ab", 2));

	m = chain_join(m, chain_join(rig_mbuf("cd", 2), rig_mbuf("e", 1)));
	m = chain_join(m, NULL);
	assert_int_equal(m->pkt_len, 5);
	assert_int_equal(m->nb_segs, 3);
	assert_int_equal(rte_mbuf_check(m, 1, &(const char *){ NULL }), 0);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(bytes_come_out_as_they_went_in, rig_teardown),
		cmocka_unit_test_teardown(a_piece_taken_twice_refers_to_one_buffer, rig_teardown),
		cmocka_unit_test_teardown(without_an_mbuf_a_split_changes_nothing, rig_teardown),
		cmocka_unit_test_teardown(copies_of_any_length_are_whole, rig_teardown),
		cmocka_unit_test_teardown(small_pieces_share_mbufs, rig_teardown),
		cmocka_unit_test_teardown(joined_chains_count_together, rig_teardown),
	};

	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}
