/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second foreign stack: lwIP, as Debian builds it, on an interface beside the kernel, with a MAC and an IPv4
 * address of its own. It relays connections between itself and the kernel, so that peer.py is at the other
 * end of them and the gateway sees lwIP:
 *
 *   lwip IF ADDRESS out PORT TO TOPORT   the kernel listens on PORT, lwIP connects to TO
 *   lwip IF ADDRESS in PORT TO TOPORT    lwIP listens on PORT, the kernel connects to TO
 *
 * Lives until it is ended. Networks are /24.
 */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/sockets.h>
#include <lwip/tcpip.h>

#define FRAME_MAX  2048
#define PIECE      16384
#define BACKLOG    128
#define IDLE_US    200         /* when nothing moved */
#define STACK_SIZE (256 << 10) /* of a relay's thread */

/* A socket of either stack. */
struct end {
	int fd;
	bool lwip;
};

/* One direction of a connection. */
struct way {
	struct end from, to;
	bool over;
	size_t at, bytes; /* of data that is still to be sent */
	char data[PIECE];
};

static int packets; /* the AF_PACKET socket */
static struct netif netif;

static void give_up(const char *what)
{
	fprintf(stderr, "lwip: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The interface. */

static err_t frame_out(struct netif *n, struct pbuf *p)
{
	uint8_t frame[FRAME_MAX];
	uint16_t bytes = pbuf_copy_partial(p, frame, sizeof(frame), 0);

	/* A full queue loses it, as a wire might. */
	return send(packets, frame, bytes, 0) < 0 && errno != ENOBUFS ? ERR_IF : ERR_OK;
}

static err_t interface_init(struct netif *n)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0x77 };

	memcpy(n->hwaddr, mac, sizeof(mac));
	n->hwaddr[5] = (uint8_t)(lwip_ntohl(netif_ip4_addr(n)->addr) >> 16);
	n->hwaddr_len = ETH_HWADDR_LEN;
	n->mtu = 1500;
	n->flags =
		NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	n->name[0] = 's';
	n->name[1] = 'l';
	n->output = etharp_output;
	n->linkoutput = frame_out;
	return ERR_OK;
}

static bool for_us(const uint8_t *frame, const struct sockaddr_ll *from)
{
	return from->sll_pkttype != PACKET_OUTGOING &&
	       ((frame[0] & 1) || memcmp(frame, netif.hwaddr, ETH_HWADDR_LEN) == 0);
}

static void *frames_in(void *unused)
{
	uint8_t frame[FRAME_MAX];
	struct sockaddr_ll from = { 0 };

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(
			packets, frame, sizeof(frame), MSG_TRUNC, (struct sockaddr *)&from, &len);
		struct pbuf *p;

		if (n < ETH_HLEN || n > FRAME_MAX || !for_us(frame, &from))
			continue;
		p = pbuf_alloc(PBUF_RAW, (uint16_t)n, PBUF_RAM);
		if (!p)
			continue;
		pbuf_take(p, frame, (uint16_t)n);
		if (netif.input(p, &netif) != ERR_OK)
			pbuf_free(p);
	}
	return NULL;
}

static void open_packets(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promiscuous = { .mr_type = PACKET_MR_PROMISC };
	int room = 4 << 20;

	at.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(interface);
	packets = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (at.sll_ifindex == 0 || packets < 0 ||
		setsockopt(packets, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
		bind(packets, (const struct sockaddr *)&at, sizeof(at)) ||
		setsockopt(packets, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
			sizeof(promiscuous)))
		give_up(interface);
}

static void start(const char *interface, const char *address)
{
	ip4_addr_t own, mask, none = { 0 };
	pthread_t thread;

	open_packets(interface);
	own.addr = inet_addr(address);
	mask.addr = htonl(0xffffff00);
	tcpip_init(NULL, NULL);
	LOCK_TCPIP_CORE();
	if (!netif_add(&netif, &own, &mask, &none, NULL, interface_init, tcpip_input))
		give_up("netif_add");
	netif_set_default(&netif);
	netif_set_up(&netif);
	UNLOCK_TCPIP_CORE();
	if (pthread_create(&thread, NULL, frames_in, NULL))
		give_up("pthread_create");
}

/* Sockets of both stacks. */

static ssize_t end_recv(struct end e, void *data, size_t bytes)
{
	return e.lwip ? lwip_recv(e.fd, data, bytes, MSG_DONTWAIT)
		      : recv(e.fd, data, bytes, MSG_DONTWAIT);
}

static ssize_t end_send(struct end e, const void *data, size_t bytes)
{
	return e.lwip ? lwip_send(e.fd, data, bytes, MSG_DONTWAIT)
		      : send(e.fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void end_close(struct end e)
{
	if (e.lwip)
		lwip_close(e.fd);
	else
		close(e.fd);
}

static struct end end_new(bool lwip)
{
	struct end e = {
		lwip ? lwip_socket(AF_INET, SOCK_STREAM, 0) : socket(AF_INET, SOCK_STREAM, 0), lwip
	};

	return e;
}

static struct end end_connect(bool lwip, const struct sockaddr_in *to)
{
	struct end e = end_new(lwip);
	const struct sockaddr *at = (const struct sockaddr *)to;

	if (e.fd >= 0 && (lwip ? lwip_connect(e.fd, at, sizeof(*to))
			       : connect(e.fd, at, sizeof(*to))) != 0) {
		end_close(e);
		e.fd = -1;
	}
	return e;
}

static struct end end_listen(bool lwip, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct end e = end_new(lwip);
	int one = 1;

	if (lwip) {
		if (lwip_bind(e.fd, (struct sockaddr *)&at, sizeof(at)) ||
			lwip_listen(e.fd, BACKLOG))
			give_up("lwIP does not listen");
	} else if (setsockopt(e.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		   bind(e.fd, (struct sockaddr *)&at, sizeof(at)) || listen(e.fd, BACKLOG)) {
		give_up("the kernel does not listen");
	}
	return e;
}

/* @return whether something moved, or -1 when the connection broke */
static int way_step(struct way *w, bool other_over)
{
	ssize_t n;

	if (w->bytes == 0) {
		if (w->over)
			return 0;
		n = end_recv(w->from, w->data, sizeof(w->data));
		if (n < 0)
			return errno == EWOULDBLOCK ? 0 : -1;
		w->at = 0;
		w->bytes = (size_t)n;
		if (n == 0) {
			w->over = true;
			/* lwIP frees twice what is shut down after the peer's FIN, which may just have come, and
			 * then closed: there an end is the end of both directions. */
			if (w->to.lwip)
				return -1;
			if (!other_over)
				shutdown(w->to.fd, SHUT_WR);
			return 1;
		}
	}
	n = end_send(w->to, w->data + w->at, w->bytes);
	if (n < 0)
		return errno == EWOULDBLOCK ? 0 : -1;
	w->at += (size_t)n;
	w->bytes -= (size_t)n;
	return n > 0;
}

/* One thread for both directions: lwIP, as it is built, does not stand two in one socket. */
static void *relay_run(void *arg)
{
	struct way *ways = arg;

	while (!(ways[0].over && ways[1].over)) {
		int there = way_step(&ways[0], ways[1].over);
		int back = way_step(&ways[1], ways[0].over);

		if (there < 0 || back < 0)
			break;
		if (!there && !back)
			usleep(IDLE_US);
	}
	end_close(ways[0].from);
	end_close(ways[0].to);
	free(ways);
	return NULL;
}

static void relay_start(struct end a, struct end b)
{
	struct way *ways = calloc(2, sizeof(*ways));
	pthread_attr_t small;
	pthread_t thread;

	if (!ways)
		give_up("memory");
	ways[0].from = ways[1].to = a;
	ways[0].to = ways[1].from = b;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_SIZE);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &small, relay_run, ways))
		give_up("pthread_create");
	pthread_attr_destroy(&small);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	bool inwards = argc == 7 && strcmp(argv[3], "in") == 0;
	struct end listener;

	if (argc != 7 || (!inwards && strcmp(argv[3], "out") != 0) ||
		inet_aton(argv[5], &to.sin_addr) == 0) {
		fprintf(stderr, "Usage: %s IF ADDRESS in|out PORT TO TOPORT\n", argv[0]);
		return 2;
	}
	to.sin_port = htons((uint16_t)strtoul(argv[6], NULL, 10));
	signal(SIGPIPE, SIG_IGN);
	start(argv[1], argv[2]);
	listener = end_listen(inwards, (uint16_t)strtoul(argv[4], NULL, 10));
	for (;;) {
		struct end a = { -1, inwards }, b;

		a.fd = inwards ? lwip_accept(listener.fd, NULL, NULL)
			       : accept(listener.fd, NULL, NULL);
		if (a.fd < 0)
			continue;
		b = end_connect(!inwards, &to);
		if (b.fd < 0)
			end_close(a);
		else
			relay_start(a, b);
	}
}
