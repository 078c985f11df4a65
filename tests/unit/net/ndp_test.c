/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbour discovery: asking, answering, announcing, and keeping off addresses that others have. */
#include "tests/unit/net/rig6.h"

#include <stdlib.h>
#include <string.h>

static const struct rte_ether_addr other_mac = { { 2, 0, 0, 0, 0, 0x77 } };

static void sent_mac_is(unsigned index, const void *mac)
{
	assert_memory_equal(rte_pktmbuf_mtod(rig.sent[index], void *), mac, 6);
}

static struct net_path path_to(const char *remote)
{
	struct ip_addr addr = ip_of(remote);
	struct net_path path;

	assert_int_equal(net_path_find(rig.net, &addr, NULL, &path), 0);
	return path;
}

static void send_to(const char *remote, uint64_t now_ns)
{
	struct ip_addr addr = ip_of(remote);
	struct net_path path = path_to(remote);
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	struct frame6 f;

	frame6_segment(&f, 4);
	memcpy(rte_pktmbuf_append(m, 24), f.bytes + f.upper, 24);
	net_output_tcp(rig.net, &path, &addr, m, 0, now_ns);
}

static void hear_advertisement(uint8_t flags, const struct rte_ether_addr *mac, uint64_t now_ns)
{
	struct frame6 f;

	frame6_ndp(&f, PEER_IP6, flags & SOLICITED ? OUR_IP6 : "ff02::1", 136);
	frame6_ndp_put(&f, flags, PEER_IP6, mac ? 2 : 0, mac);
	assert_null(feed6(&f, now_ns));
}

static void solicitation_is_answered(void **state)
{
	const uint8_t *icmp;
	struct ip_addr own = ip_of(OUR_IP6);
	struct frame6 f;

	frame6_ndp(&f, PEER_IP6, OUR_GROUP, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 1, &peer_mac);
	assert_null(feed6(&f, 0));
	assert_int_equal(rig.sent_count, 1);
	icmp = sent6_icmp(0, 136);
	assert_true(sent6_is(0, OUR_IP6, PEER_IP6));
	assert_int_equal(sent6(0)->hop_limits, 255);
	assert_int_equal(icmp[4], SOLICITED | OVERRIDE); /* and no router */
	assert_memory_equal(icmp + 8, &own, 16);
	assert_int_equal(icmp[24], 2);
	assert_int_equal(icmp[25], 1);
	assert_memory_equal(icmp + 26, &rig.ports[0].mac, 6);
	sent_mac_is(0, &peer_mac);
	assert_int_equal(rig.seen_count, 1);
}

/* RFC 4861 §7.2.4: without its MAC address the asker is asked first. */
static void solicitation_without_an_option_asks_back(void **state)
{
	struct frame6 f;

	frame6_ndp(&f, PEER_IP6, OUR_IP6, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 0, NULL);
	assert_null(feed6(&f, 0));
	assert_int_equal(rig.sent_count, 1);
	sent6_icmp(0, 135);
	hear_advertisement(SOLICITED | OVERRIDE, &peer_mac, 0);
	assert_int_equal(rig.sent_count, 2);
	sent6_icmp(1, 136);
	sent_mac_is(1, &peer_mac);
}

static void probe_for_our_address_is_answered_to_all(void **state)
{
	const uint8_t *icmp;
	struct frame6 f;

	frame6_ndp(&f, "::", OUR_GROUP, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 0, NULL);
	assert_null(feed6(&f, 0));
	assert_int_equal(rig.sent_count, 1);
	icmp = sent6_icmp(0, 136);
	assert_int_equal(icmp[4], OVERRIDE);
	assert_true(sent6_is(0, OUR_IP6, "ff02::1"));
	sent_mac_is(0, "\x33\x33\0\0\0\1");
}

static void others_are_not_answered_for(void **state)
{
	struct frame6 f;

	frame6_ndp(&f, PEER_IP6, "ff02::1:ff00:1", 135); /* the group fits, the target not */
	frame6_ndp_put(&f, 0, "2001:db8:1::1", 1, &peer_mac);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	frame6_ndp(&f, PEER_IP6, OUR_IP6, 135);
	frame6_ndp_put(&f, 0, INSIDE_IP6, 1, &peer_mac);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	assert_int_equal(rig.sent_count, 0);
}

static struct frame6 solicitation(void)
{
	struct frame6 f;

	frame6_ndp(&f, PEER_IP6, OUR_GROUP, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 1, &peer_mac);
	return f;
}

/* RFC 4861 §7.1.1, §7.1.2 */
static void malformed_messages_are_refused(void **state)
{
	static const struct rte_ether_addr group = { { 0x33, 0x33, 0, 0, 0, 1 } };
	struct frame6 f;

	for (unsigned hops = 0; hops < 255; hops++) {
		f = solicitation();
		f.bytes[21] = (uint8_t)hops;
		feed6_dropped(&f, DROP_NDP_INVALID);
	}
	f = solicitation();
	f.bytes[f.upper + 1] = 1; /* code */
	frame6_seal(&f, IPPROTO_ICMPV6);
	feed6_dropped(&f, DROP_NDP_INVALID);
	f = solicitation();
	f.bytes[f.upper + 25] = 0; /* an option of length 0 */
	frame6_seal(&f, IPPROTO_ICMPV6);
	feed6_dropped(&f, DROP_NDP_INVALID);
	f = solicitation();
	f.bytes[f.upper + 25] = 2; /* beyond the end */
	frame6_seal(&f, IPPROTO_ICMPV6);
	feed6_dropped(&f, DROP_NDP_INVALID);
	for (uint32_t len = 8; len < 32; len++) {
		if (len == 24)
			continue;
		f = solicitation();
		f.len = f.upper + len;
		frame6_seal(&f, IPPROTO_ICMPV6);
		feed6_dropped(&f, DROP_NDP_INVALID);
	}
	frame6_ndp(&f, PEER_IP6, OUR_GROUP, 135);
	frame6_ndp_put(&f, 0, "ff02::1:ff00:1", 1, &peer_mac); /* a group as the target */
	feed6_dropped(&f, DROP_NDP_INVALID);
	frame6_ndp(&f, PEER_IP6, OUR_GROUP, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 1, &group);
	feed6_dropped(&f, DROP_NDP_INVALID);
	frame6_ndp(&f, "::", OUR_GROUP, 135); /* a probe that tells a MAC address */
	frame6_ndp_put(&f, 0, OUR_IP6, 1, &peer_mac);
	feed6_dropped(&f, DROP_NDP_INVALID);
	frame6_ndp(&f, "::", OUR_IP6, 135); /* a probe to one */
	frame6_ndp_put(&f, 0, OUR_IP6, 0, NULL);
	feed6_dropped(&f, DROP_NDP_INVALID);
	frame6_ndp(&f, PEER_IP6, "ff02::1", 136); /* an answer to all */
	frame6_ndp_put(&f, SOLICITED, PEER_IP6, 2, &peer_mac);
	feed6_dropped(&f, DROP_NDP_INVALID);
	assert_int_equal(rig.sent_count, 0);
}

static void packets_wait_for_the_answer(void **state)
{
	const uint8_t *icmp;
	struct ip_addr peer = ip_of(PEER_IP6);

	send_to(PEER_IP6, 0);
	assert_int_equal(rig.sent_count, 1);
	icmp = sent6_icmp(0, 135);
	assert_true(sent6_is(0, OUR_IP6, "ff02::1:ff00:9"));
	sent_mac_is(0, "\x33\x33\xff\0\0\x09");
	assert_memory_equal(icmp + 8, &peer, 16);
	assert_int_equal(icmp[24], 1);
	assert_memory_equal(icmp + 26, &rig.ports[0].mac, 6);
	hear_advertisement(SOLICITED | OVERRIDE, &peer_mac, 0);
	assert_int_equal(rig.sent_count, 2);
	assert_int_equal(sent6(1)->proto, IPPROTO_TCP);
	sent_mac_is(1, &peer_mac);
}

static void unanswered_neighbour_fails_after_three(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP6);

	send_to(PEER_IP6, 0);
	for (unsigned t = 1; t <= 40; t++)
		net_timers(rig.net, t * SECOND / 10);
	assert_int_equal(rig.sent_count, 3);
	assert_int_equal(rig.unreachable_count, 1);
	assert_true(ip_equal(&rig.unreachable, &peer));
	assert_int_equal(rig.drops[DROP_NEIGH_FAILED], 1);
}

/* RFC 4861 §7.3: probed by unicast while packets go on, then asked for anew. */
static void reachability_is_confirmed_by_unicast(void **state)
{
	send_to(PEER_IP6, 0);
	hear_advertisement(SOLICITED | OVERRIDE, &peer_mac, 0);
	rig_reset_tx();
	send_to(PEER_IP6, 31 * SECOND);
	assert_int_equal(rig.sent_count, 2);
	sent6_icmp(0, 135);
	assert_true(sent6_is(0, OUR_IP6, PEER_IP6));
	sent_mac_is(0, &peer_mac);
	sent_mac_is(1, &peer_mac);
	/* An answer need not tell the address that is known (§4.4). */
	hear_advertisement(SOLICITED, NULL, 31 * SECOND);
	rig_reset_tx();
	send_to(PEER_IP6, 60 * SECOND);
	assert_int_equal(rig.sent_count, 1);
}

/* RFC 4861 §7.2.5 */
static void another_mac_address_is_taken_only_with_override(void **state)
{
	send_to(PEER_IP6, 0);
	hear_advertisement(SOLICITED | OVERRIDE, &peer_mac, 0);
	rig_reset_tx();
	hear_advertisement(0, &other_mac, SECOND);
	send_to(PEER_IP6, SECOND); /* doubted: asked, and still sent to the old one */
	assert_int_equal(rig.sent_count, 2);
	sent_mac_is(0, &peer_mac);
	sent_mac_is(1, &peer_mac);
	hear_advertisement(OVERRIDE, &other_mac, 2 * SECOND);
	rig_reset_tx();
	send_to(PEER_IP6, 2 * SECOND);
	sent_mac_is(rig.sent_count - 1, &other_mac);
}

static void unasked_advertisement_makes_no_entry(void **state)
{
	hear_advertisement(OVERRIDE, &peer_mac, 0);
	send_to(PEER_IP6, 0);
	sent6_icmp(0, 135);
	assert_true(sent6_is(0, OUR_IP6, "ff02::1:ff00:9"));
}

/* RFC 4862 §5.4.2: from nobody, with a nonce; then RFC 4861 §7.2.6: advertised to all. */
static void addresses_are_probed_then_advertised(void **state)
{
	const uint8_t *icmp;
	unsigned probes;

	net_destroy(rig.net);
	rig6_start(0, 1);
	net_timers(rig.net, SECOND);
	/* Two ARP announcements, then for both ports the address and the link-local one. */
	assert_int_equal(rig.sent_count, 6);
	probes = 2;
	icmp = sent6_icmp(probes, 135);
	assert_true(sent6_is(probes, "::", OUR_GROUP));
	assert_int_equal(icmp[24], 14);
	sent6_icmp(probes + 1, 135);
	rig_reset_tx();
	net_timers(rig.net, SECOND + SECOND / 2);
	assert_int_equal(rig.sent_count, 0);
	net_timers(rig.net, 2 * SECOND);
	assert_int_equal(rig.sent_count, 4);
	icmp = sent6_icmp(0, 136);
	assert_true(sent6_is(0, OUR_IP6, "ff02::1"));
	assert_int_equal(icmp[4], OVERRIDE);
	assert_true(sent6_is(1, LINK_IP6, "ff02::1"));
}

static void tentative_address_is_silent(void **state)
{
	struct frame6 f;

	net_destroy(rig.net);
	rig6_start(1, 1);
	net_timers(rig.net, SECOND);
	assert_int_equal(rig.sent_count, 0); /* worker 0 asks for all */
	f = solicitation();
	assert_null(feed6(&f, SECOND));
	frame6_segment(&f, 1);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	assert_int_equal(rig.sent_count, 0);
	/* What is to be sent meanwhile waits, and goes when the address is ours. */
	send_to(PEER_IP6, SECOND);
	assert_int_equal(rig.sent_count, 0);
	net_timers(rig.net, 2 * SECOND);
	assert_int_equal(rig.sent_count, 1);
	sent6_icmp(0, 135);
	f = solicitation();
	assert_null(feed6(&f, 2 * SECOND));
	assert_true(rig.sent_count > 1);
}

static void duplicate_is_never_used(struct frame6 *f)
{
	struct frame6 segment;
	struct ip_addr peer = ip_of(PEER_IP6);
	struct net_path path;

	net_destroy(rig.net);
	rig6_start(0, 1);
	net_timers(rig.net, SECOND);
	assert_null(feed6(f, SECOND));
	for (unsigned t = 10; t < 60; t++)
		net_timers(rig.net, t * SECOND / 10);
	frame6_segment(&segment, 1);
	feed6_dropped(&segment, DROP_NOT_FOR_US);
	*f = solicitation();
	feed6_dropped(f, DROP_NOT_FOR_US);
	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), -ENETUNREACH);
	assert_int_equal(rig.seen_count, 1); /* the other workers hear of it */
	rig_reset_tx();
}

static void a_tentative_address_that_is_advertised_is_theirs(void **state)
{
	struct frame6 f;

	frame6_ndp(&f, OUR_IP6, "ff02::1", 136);
	frame6_ndp_put(&f, OVERRIDE, OUR_IP6, 2, &peer_mac);
	duplicate_is_never_used(&f);
}

static void a_tentative_address_that_is_probed_is_nobodys(void **state)
{
	struct frame6 f;

	frame6_ndp(&f, "::", OUR_GROUP, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 14, &peer_mac); /* the nonce of another */
	duplicate_is_never_used(&f);
}

/* RFC 7527: a network that sends our own probe back is no second host. */
static void our_own_probe_is_recognised(void **state)
{
	struct frame6 f;

	net_destroy(rig.net);
	rig6_start(0, 1);
	net_timers(rig.net, SECOND);
	f.len = rig.sent[2]->pkt_len;
	memcpy(f.bytes, rte_pktmbuf_mtod(rig.sent[2], void *), f.len);
	assert_null(feed6(&f, SECOND));
	net_timers(rig.net, 2 * SECOND);
	frame6_segment(&f, 1);
	rte_pktmbuf_free(feed6(&f, 2 * SECOND));
	assert_int_equal(rig.drops[DROP_NOT_FOR_US], 0);
}

static void other_workers_are_told_of_duplicates(void **state)
{
	struct ip_addr own = ip_of(OUR_IP6);
	struct frame6 f;

	net_destroy(rig.net);
	rig6_start(1, 1);
	net_timers(rig.net, SECOND);
	net_neighbour_learn(rig.net, 0, &own, &peer_mac, false, SECOND);
	net_timers(rig.net, 2 * SECOND);
	frame6_segment(&f, 1);
	feed6_dropped(&f, DROP_NOT_FOR_US);
}

static void groups_of_a_port_are_named(void **state)
{
	struct rte_ether_addr macs[NET_MULTICAST_MAX];

	assert_int_equal(net_multicast_macs(&rig.config.ports[0], macs), 3);
	assert_memory_equal(&macs[0], "\x33\x33\0\0\0\1", 6);
	assert_memory_equal(&macs[1], "\x33\x33\xff\0\0\1", 6);
	assert_memory_equal(&macs[2], "\x33\x33\xff\0\1\0", 6);
	rig.config.ports[0].address_count = 1;
	assert_int_equal(net_multicast_macs(&rig.config.ports[0], macs), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, rig6_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(solicitation_is_answered),
		CASE(solicitation_without_an_option_asks_back),
		CASE(probe_for_our_address_is_answered_to_all),
		CASE(others_are_not_answered_for),
		CASE(malformed_messages_are_refused),
		CASE(packets_wait_for_the_answer),
		CASE(unanswered_neighbour_fails_after_three),
		CASE(reachability_is_confirmed_by_unicast),
		CASE(another_mac_address_is_taken_only_with_override),
		CASE(unasked_advertisement_makes_no_entry),
		CASE(addresses_are_probed_then_advertised),
		CASE(tentative_address_is_silent),
		CASE(a_tentative_address_that_is_advertised_is_theirs),
		CASE(a_tentative_address_that_is_probed_is_nobodys),
		CASE(our_own_probe_is_recognised),
		CASE(other_workers_are_told_of_duplicates),
		CASE(groups_of_a_port_are_named),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
