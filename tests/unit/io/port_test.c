/* SPDX-License-Identifier: Apache-2.0 */
/* Ports over a software ring whose two ends are one: what is sent comes back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/port_rss.h"
#include "dataplane/io/port_setup.h"

static struct rte_mempool *pool;
static struct port port;
static struct port_tx tx;

static int start(void **state)
{
	static const char *const extra[] = { "--no-shconf" };
	static struct rte_mempool *pools[40];
	struct port_setup_config ports = { .rx_queues = 40, .tx_queues = 1, .pools = pools };
	struct eal_config config = { .program = "port-test",
		.file_prefix = "port-test",
		.log_level = "error",
		.memory_mb = 64,
		.no_huge = true,
		.no_telemetry = true,
		.extra_count = 1,
		.extra = extra };

	if (eal_start(&config) != 0)
		return -1;
	pool = port_pool_create("port-test", 4095, 0, 64, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool)
		return -1;
	for (unsigned i = 0; i < RTE_DIM(pools); i++)
		pools[i] = pool;
	return port_setup("net_ring_test", &ports, &port);
}

static int fresh(void **state)
{
	memset(&tx, 0, sizeof(tx));
	tx.port = &port;
	return 0;
}

static struct rte_mbuf *packet(uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memset(rte_pktmbuf_append(m, len), 'x', len);
	return m;
}

static unsigned drain(void)
{
	struct rte_mbuf *pkts[PORT_RX_BURST];
	unsigned total = 0;
	uint16_t n;

	while ((n = port_rx(&port, 0, pkts, PORT_RX_BURST)) != 0) {
		rte_pktmbuf_free_bulk(pkts, n);
		total += n;
	}
	return total;
}

static void pool_lies_close_together(void **state)
{
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&pool->mem_list);
	size_t each = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL);

	assert_int_equal(pool->nb_mem_chunks, 1);
	assert_int_equal(pool->populated_size, 4095);
	assert_true(memory->len < 4095 * each + 4096);
	assert_int_equal(rte_pktmbuf_priv_size(pool), 64);
}

static void setup_tells_what_the_port_gave(void **state)
{
	assert_int_equal(port.rx_queues, 16); /* of forty */
	assert_int_equal(port.tx_queues, 1);
	assert_int_equal(port.mtu, 1500);
	assert_false(port.caps.multi_segs);
	assert_false(port.caps.rx_checksum);
	assert_false(rte_is_zero_ether_addr(&port.mac));
}

static void packets_wait_for_the_flush(void **state)
{
	for (int i = 0; i < 10; i++)
		port_tx_put(&tx, packet(100));
	assert_int_equal(drain(), 0);
	port_tx_flush(&tx);
	assert_int_equal(tx.sent_packets, 10);
	assert_int_equal(tx.sent_bytes, 1000);
	assert_int_equal(drain(), 10);
	port_tx_flush(&tx); /* nothing left */
	assert_int_equal(tx.sent_packets, 10);
}

static void full_buffer_flushes_by_itself(void **state)
{
	for (int i = 0; i < PORT_TX_BUFFER + 1; i++)
		port_tx_put(&tx, packet(60));
	assert_int_equal(drain(), PORT_TX_BUFFER);
	port_tx_flush(&tx);
	assert_int_equal(drain(), 1);
}

static void what_the_queue_refuses_is_freed_and_counted(void **state)
{
	unsigned before = rte_mempool_in_use_count(pool), got;

	for (int i = 0; i < 1500; i++)
		port_tx_put(&tx, packet(60));
	port_tx_flush(&tx);
	assert_true(tx.full_drops > 0);
	assert_int_equal(tx.sent_packets + tx.full_drops, 1500);
	got = drain();
	assert_int_equal(got, tx.sent_packets);
	assert_int_equal(rte_mempool_in_use_count(pool), before);
}

static void chains_are_flattened_for_ports_without(void **state)
{
	struct rte_mbuf *m = packet(60), *out[PORT_RX_BURST];

	assert_int_equal(rte_pktmbuf_chain(m, packet(41)), 0);
	port_tx_put(&tx, m);
	port_tx_flush(&tx);
	assert_int_equal(port_rx(&port, 0, out, PORT_RX_BURST), 1);
	assert_int_equal(out[0]->nb_segs, 1);
	assert_int_equal(out[0]->data_len, 101);
	rte_pktmbuf_free(out[0]);

	/* What no one frame can hold is not sent. */
	m = packet(1000);
	assert_int_equal(rte_pktmbuf_chain(m, packet(1000)), 0);
	port_tx_put(&tx, m);
	port_tx_flush(&tx);
	assert_int_equal(drain(), 0);
	assert_int_equal(tx.full_drops, 1);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

/* net_null has a key of its own and a table that begins with zeros, and does as it is told. */
static void rss_is_read_as_the_port_has_it(void **state)
{
	struct rte_mempool *pools[] = { pool, pool, pool };
	struct port_setup_config config = { .rx_queues = 3, .tx_queues = 3, .pools = pools };
	struct rte_eth_rss_reta_entry64 table[2] = { { .mask = UINT64_MAX },
		{ .mask = UINT64_MAX } };
	uint8_t key[PORT_RSS_KEY_BYTES];
	struct rte_eth_rss_conf hash = {
		.rss_key = key, .rss_key_len = sizeof(key), .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP
	};
	struct port null;

	assert_int_equal(port_setup("net_null_rss", &config, &null), 0);
	assert_int_equal(null.rss.reta_size, 128);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(null.rss.reta[i], 0);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(3 * i + 1);
	for (unsigned i = 0; i < 128; i++)
		table[i / 64].reta[i % 64] = (uint16_t)(i % 3);
	assert_int_equal(rte_eth_dev_rss_hash_update(null.id, &hash), 0);
	assert_int_equal(rte_eth_dev_rss_reta_update(null.id, table, 128), 0);
	port_rss_read(&null);
	assert_int_equal(null.rss.reta_size, 128);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(null.rss.reta[i], i % 3);
	assert_memory_equal(null.rss.key, key, sizeof(key));
	assert_true(null.rss.ipv4);
	assert_false(null.rss.ipv6);
	port_close(&null);
}

static void ports_without_a_table_have_no_rss(void **state)
{
	struct port ring = port;

	assert_int_equal(port.rss.reta_size, 0);
	port_rss_read(&ring);
	assert_int_equal(ring.rss.reta_size, 0);
}

/* What the EAL has to say about it is not of interest here. */
static void devices_that_do_not_exist_are_an_error(void **state)
{
	struct port_setup_config config = { .rx_queues = 1, .tx_queues = 1, .pools = &pool };
	int saved = dup(STDERR_FILENO);
	struct port none;

	assert_non_null(freopen("/dev/null", "w", stderr));
	assert_int_equal(port_setup("auto:no-such-if", &config, &none), -ENODEV);
	assert_int_equal(port_setup("auto:", &config, &none), -ENODEV);
	assert_int_equal(port_setup("0000:5e:00.0", &config, &none), -ENODEV);
	assert_int_not_equal(port_setup("", &config, &none), 0);
	assert_int_not_equal(port_setup("net_nonsense0", &config, &none), 0);
	assert_int_not_equal(port_setup("net_af_packet0,iface=no-such-if", &config, &none), 0);
	config.rx_queues = 0;
	assert_int_equal(port_setup("net_ring9", &config, &none), -EINVAL);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

#define FRESH(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(pool_lies_close_together),
		FRESH(setup_tells_what_the_port_gave),
		FRESH(packets_wait_for_the_flush),
		FRESH(full_buffer_flushes_by_itself),
		FRESH(what_the_queue_refuses_is_freed_and_counted),
		FRESH(chains_are_flattened_for_ports_without),
		FRESH(rss_is_read_as_the_port_has_it),
		FRESH(ports_without_a_table_have_no_rss),
		FRESH(devices_that_do_not_exist_are_an_error),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
