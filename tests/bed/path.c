/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path between two interfaces: path IF_A IF_B [--option=N]... It forwards frames both ways and loses,
 * delays, reorders and doubles some of them, by a seeded sequence. It does in a namespace of its own
 * what netem would do where the kernel has it; one thread is enough for some 100,000 frames a second.
 *
 * A frame that is reordered waits up to `late-us` longer than the others. On SIGTERM what was done is
 * printed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define FRAME_BYTES 9234 /* MTU 9000, Ethernet and VLAN headers */
#define FRAMES      16384
#define BURST       64
#define SOCKET_BUF  (32 << 20)

struct frame {
	uint64_t due_ns, order;
	uint32_t len;
	int to;
	uint8_t bytes[FRAME_BYTES];
};

struct options {
	uint64_t seed, delay_us, late_us;
	uint64_t lose, reorder, repeat; /* out of 100,000 */
};

static struct {
	struct options o;
	uint64_t rng, order;
	int sock[2];
	struct frame *free[FRAMES];
	uint32_t free_count;
	struct frame *heap[FRAMES]; /* the first due on top */
	uint32_t count;
	uint64_t seen, lost, late, repeated, overflow, unsent;
} path;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void give_up(const char *what)
{
	fprintf(stderr, "path: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = path.rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool chance(uint64_t of_100000)
{
	return of_100000 > 0 && draw() % 100000 < of_100000;
}

static bool before(const struct frame *a, const struct frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct frame *f)
{
	uint32_t at = path.count++;

	for (; at > 0 && before(f, path.heap[(at - 1) / 2]); at = (at - 1) / 2)
		path.heap[at] = path.heap[(at - 1) / 2];
	path.heap[at] = f;
}

static struct frame *heap_pop(void)
{
	struct frame *top = path.heap[0], *last = path.heap[--path.count];
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < path.count) {
		if (child + 1 < path.count && before(path.heap[child + 1], path.heap[child]))
			child++;
		if (!before(path.heap[child], last))
			break;
		path.heap[at] = path.heap[child];
		at = child;
	}
	path.heap[at] = last;
	return top;
}

static struct frame *frame_take(void)
{
	return path.free_count > 0 ? path.free[--path.free_count] : NULL;
}

static void frame_queue(struct frame *f, uint64_t due_ns)
{
	f->due_ns = due_ns;
	f->order = path.order++;
	heap_push(f);
}

/* What becomes of a frame that arrived. */
static void frame_arrive(struct frame *f, uint64_t now)
{
	uint64_t due = now + path.o.delay_us * 1000;
	struct frame *twin;

	path.seen++;
	if (chance(path.o.lose)) {
		path.lost++;
		path.free[path.free_count++] = f;
		return;
	}
	if (chance(path.o.repeat) && (twin = frame_take()) != NULL) {
		memcpy(twin->bytes, f->bytes, f->len);
		twin->len = f->len;
		twin->to = f->to;
		path.repeated++;
		frame_queue(twin, due);
	}
	if (path.o.late_us > 0 && chance(path.o.reorder)) {
		path.late++;
		due += draw() % (path.o.late_us * 1000);
	}
	frame_queue(f, due);
}

/* A burst from one side. @return whether there may be more */
static bool receive(unsigned side)
{
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	struct frame *frames[BURST];
	uint64_t now;
	int n = 0, got;

	while (n < BURST && (frames[n] = frame_take()) != NULL) {
		iov[n] = (struct iovec){ frames[n]->bytes, FRAME_BYTES };
		msgs[n] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[n], .msg_iovlen = 1 } };
		n++;
	}
	if (n == 0) {
		path.overflow++;
		return false; /* they wait in the socket until frames leave */
	}
	got = recvmmsg(path.sock[side], msgs, (unsigned)n, MSG_DONTWAIT, NULL);
	now = now_ns();
	for (int i = 0; i < n; i++) {
		if (i >= got) {
			path.free[path.free_count++] = frames[i];
			continue;
		}
		frames[i]->len = msgs[i].msg_len;
		frames[i]->to = !side;
		frame_arrive(frames[i], now);
	}
	return got == n;
}

static void send_all(struct frame **frames, unsigned n, int to)
{
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	unsigned sent = 0;

	for (unsigned i = 0; i < n; i++) {
		iov[i] = (struct iovec){ frames[i]->bytes, frames[i]->len };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	while (sent < n) {
		int done = sendmmsg(path.sock[to], msgs + sent, n - sent, 0);

		if (done <= 0) { /* longer than the link's MTU, or the link is down */
			path.unsent++;
			done = 1;
		}
		sent += (unsigned)done;
	}
	for (unsigned i = 0; i < n; i++)
		path.free[path.free_count++] = frames[i];
}

/* Send what is due, in order. */
static void deliver(uint64_t now)
{
	struct frame *frames[BURST];
	unsigned n = 0;

	while (path.count > 0 && path.heap[0]->due_ns <= now) {
		struct frame *f = heap_pop();

		if (n == BURST || (n > 0 && frames[0]->to != f->to)) {
			send_all(frames, n, frames[0]->to);
			n = 0;
		}
		frames[n++] = f;
	}
	if (n > 0)
		send_all(frames, n, frames[0]->to);
}

static void run(void)
{
	struct pollfd fds[2] = { { path.sock[0], POLLIN, 0 }, { path.sock[1], POLLIN, 0 } };

	while (!stopped) {
		struct timespec wait = { 1, 0 };
		uint64_t now;
		bool more;

		more = receive(0);
		more |= receive(1);
		now = now_ns();
		deliver(now);
		if (more)
			continue;
		if (path.count > 0) {
			uint64_t due = path.heap[0]->due_ns, ns = due > now ? due - now : 0;

			wait = (struct timespec){ (time_t)(ns / 1000000000),
				(long)(ns % 1000000000) };
		}
		ppoll(fds, 2, &wait, NULL);
	}
}

static int open_interface(const char *name)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int size = SOCKET_BUF, one = 1, sock;

	to.sll_ifindex = (int)if_nametoindex(name);
	if (to.sll_ifindex == 0)
		give_up(name);
	sock = socket(AF_PACKET, SOCK_RAW, 0);
	if (sock < 0)
		give_up("socket");
	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0 ||
		setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0 ||
		setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
		setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0 ||
		bind(sock, (const struct sockaddr *)&to, sizeof(to)) != 0)
		give_up(name);
	return sock;
}

static bool options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", required_argument, NULL, 0 },
		{ "delay-us", required_argument, NULL, 1 },
		{ "late-us", required_argument, NULL, 2 },
		{ "lose", required_argument, NULL, 3 },
		{ "reorder", required_argument, NULL, 4 },
		{ "repeat", required_argument, NULL, 5 },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t *values[] = { &o->seed, &o->delay_us, &o->late_us, &o->lose, &o->reorder,
		&o->repeat };
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c < 0 || c > 5)
			return false;
		*values[c] = strtoull(optarg, &end, 10);
		if (*end != '\0')
			return false;
	}
	return argc - optind == 2;
}

int main(int argc, char **argv)
{
	struct frame *frames =
		calloc(FRAMES, sizeof(*frames)); /* touched only as far as they are used */

	if (!options_parse(&path.o, argc, argv)) {
		fprintf(stderr,
			"Usage: %s IF_A IF_B [--seed=N] [--delay-us=N] [--late-us=N]\n"
			"       [--lose=N] [--reorder=N] [--repeat=N]   chances are out of "
			"100,000\n",
			argv[0]);
		return 2;
	}
	if (frames == NULL)
		give_up("memory");
	for (uint32_t i = FRAMES; i > 0; i--)
		path.free[path.free_count++] = &frames[i - 1];
	path.rng = path.o.seed;
	path.sock[0] = open_interface(argv[optind]);
	path.sock[1] = open_interface(argv[optind + 1]);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	printf("path: ready, seed %" PRIu64 "\n", path.o.seed);
	fflush(stdout);
	run();
	printf("path: %" PRIu64 " frames, %" PRIu64 " lost, %" PRIu64 " late, %" PRIu64
	       " twice, %" PRIu64 " not sent, full %" PRIu64 " times\n",
		path.seen, path.lost, path.late, path.repeated, path.unsent, path.overflow);
	free(frames);
	return 0;
}
