/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole worker, fed with frames, segments, bytes and time from the fuzzer: nothing may crash,
 * break an invariant of the stack, send a malformed frame, or leave a connection or an mbuf behind.
 * Stands on the wire ring's world; its first input byte chooses how backends behave. The worker is
 * made new for each input, the tables are kept.
 *
 * After it come steps of one byte and what they take:
 *   0 frame as it is · 1 frame with addresses, lengths and checksums put right, of the family that
 *     its version says; with the first flag of IPv4 a fragment
 *   2 segment on a flow that the fuzzer speaks for · 3 time · 4 bytes from a well-behaved client
 *   5 bytes from a well-behaved backend · 6 close, reset, pause, resume · 7 mbufs kept away, or an
 *   apply
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/wire/peers.h"
#include "tests/wire/world.h"

#define STEPS_MAX    64
#define RAW_CLIENTS  3
#define EASY_CLIENTS 4
#define APPLIES_MAX  (KEPT_GENERATIONS - 1) /* in an input */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

static struct world world;
static struct world_kept kept[2];
static bool replay; /* a file's input, for a person: with the packets */
static bool
	check; /* FRAME_FUZZ_CHECK: each world that follows another is compared with a new one */

static uint8_t take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->data++;
}

/* A length byte and so many bytes, or what is left of them. Doubled steps make long ones
 * reachable. */
static struct bytes take_bytes(struct input *in)
{
	size_t n = (size_t)take(in) * 8;
	struct bytes b = { 0 };

	n = n < in->left ? n : in->left;
	bytes_put(&b, in->data, (uint32_t)n);
	in->data += n;
	in->left -= n;
	return b;
}

/* What raw flows learn from the gateway's segments; the rest of the queue is thrown away. */
static void learn(struct world *w)
{
	for (unsigned i = 0; i < PORTS; i++) {
		for (struct seen *s = w->queue[i]; s; s = s->next) {
			struct flow *f = s->kind == PACKET_TCP ? flow_find(&w->net, s->src,
									 s->sport, s->dst, s->dport)
							       : NULL;

			if (f)
				f->rcv_nxt = s->seq - f->sut_isn + s->payload_len +
					     ((s->flags & 2) != 0) + (s->flags & 1);
		}
		w->queue[i] = NULL;
	}
}

static struct flow *raw_flow(struct world *w, unsigned which)
{
	return flow_get(&w->net, wire_text("client%u", 100 + which % RAW_CLIENTS));
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum_of(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* The same for IPv6: TCP, ICMPv6, a neighbour message, or extension headers as they come, to an
 * address of ours or its group. */
static void repair6(struct frame *f, uint8_t port)
{
	static const uint8_t protocols[] = { 6, 58, 58 };
	uint8_t *ip = f->data + 14, *upper = f->data + 54, kind = ip[6] % 4;
	uint32_t len = f->len - 54, sum_at;

	if (f->len < 54 + 20)
		return;
	put16(f->data + 12, 0x86dd);
	ip[0] = 0x60 | (ip[0] & 15);
	put16(ip + 4, len);
	if (kind < sizeof(protocols))
		ip[6] = protocols[kind];
	if (kind == 2) {
		ip[7] = 255;
		upper[0] = 135 + (upper[0] & 1);
		upper[1] = 0;
	}
	memset(ip + 8, 0, 32);
	ip[8] = 0xfd;
	memcpy(ip + 20, (uint8_t[]){ 10, 0, port, (uint8_t)(200 + upper[1] % RAW_CLIENTS) }, 4);
	if (kind == 2 && (upper[2] & 1))
		memcpy(ip + 24,
			(uint8_t[]){ 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, port, 1 }, 16);
	else
		memcpy(ip + 24,
			(uint8_t[]){ 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, port, 1 }, 16);
	if (kind == 0)
		put16(upper + 2, 80);
	sum_at = ip[6] == 6 ? 16 : 2;
	put16(upper + sum_at, 0);
	put16(upper + sum_at, sum_of(upper, len, (uint16_t)~sum_of(ip + 8, 32, ip[6] + len)));
}

/* Make a frame go deeper: for us, from a neighbour, with right lengths and sums. */
static void repair(struct frame *f, uint8_t port)
{
	uint8_t *ip = f->data + 14, *tcp = f->data + 34;
	uint32_t len, pseudo = 0;

	if (f->len < 54)
		return;
	memcpy(f->data, fake_ports[port].port.mac.addr_bytes, 6);
	if (ip[0] >> 4 == 6) {
		repair6(f, port);
		return;
	}
	put16(f->data + 12, 0x0800);
	len = f->len - 14;
	ip[0] = 0x45;
	put16(ip + 2, len);
	put16(ip + 6, ip[6] & 0x80 ? (ip[6] & 0x21) << 8 | (ip[7] & 0x3f) : 0x4000);
	ip[9] = ip[9] & 1 ? 1 : 6;
	memcpy(ip + 12, (uint8_t[]){ 10, 0, port, (uint8_t)(100 + ip[15] % 8) }, 4);
	memcpy(ip + 16, (uint8_t[]){ 10, 0, port, 1 }, 4);
	put16(ip + 10, 0);
	put16(ip + 10, sum_of(ip, 20, 0));
	if (ip[9] == 1) {
		put16(tcp + 2, 0);
		put16(tcp + 2, sum_of(tcp, len - 20, 0));
		return;
	}
	put16(tcp + 2, ip[13] & 1 ? 443 : 80);
	put16(tcp + 16, 0);
	for (unsigned i = 12; i < 20; i += 2)
		pseudo += (uint32_t)ip[i] << 8 | ip[i + 1];
	put16(tcp + 16, sum_of(tcp, len - 20, pseudo + 6 + len - 20));
}

static void step_frame(struct world *w, struct input *in, bool repaired)
{
	uint8_t port = take(in) & 1;
	struct bytes b = take_bytes(in);
	struct frame f;

	f.len = b.len < 1600 ? b.len : 1600;
	if (f.len)
		memcpy(f.data, b.data, f.len);
	if (repaired)
		repair(&f, port);
	if (f.len)
		world_inject(w, port, &f, NULL);
}

static void step_segment(struct world *w, struct input *in)
{
	struct flow *flow = raw_flow(w, take(in));
	struct packet p = { .kind = PACKET_TCP };
	uint8_t window;
	struct frame f;

	p.flags = take(in);
	packet_set(&p, F_SEQ, flow->snd_nxt + (uint32_t)(int8_t)take(in) * 16);
	packet_set(&p, F_ACK, flow->rcv_nxt + (uint32_t)(int8_t)take(in) * 16);
	window = take(in);
	packet_set(&p, F_WIN, (uint32_t)window * window);
	if (window & 1) {
		p.options[0].kind = OPTION_RAW;
		p.options[0].raw = take_bytes(in);
		p.options[0].raw.len = RTE_MIN(p.options[0].raw.len, 40u);
		p.option_count = 1;
	}
	p.data = take_bytes(in);
	p.data.len = RTE_MIN(p.data.len, 1400u);
	p.has_data = true;
	packet_build(&p, flow, fake_ports[OUTSIDE].port.mac.addr_bytes, flow->sut_ip, &f);
	if (packet_get(&p, F_SEQ, 0) == flow->snd_nxt)
		packet_sent(&p, flow);
	world_inject(w, OUTSIDE, &f, flow);
}

static struct conn *easy_client(struct world *w, unsigned which)
{
	struct flow *flow = flow_get(&w->net, wire_text("client%u", 1 + which % EASY_CLIENTS));
	struct conn *c;

	/* Once over, a name's next connection comes from another port. */
	for (unsigned again = 2; (c = conn_of(w, flow)) && (c->reset || c->fin_sent); again++)
		flow = flow_get(&w->net, wire_text("client%u:%u", 1 + which % EASY_CLIENTS, again));
	if (!c) {
		if (which & 0x40)
			flow->sut_port = 443;
		c = conn_connect(w, flow);
		world_settle(w);
	}
	return c;
}

static struct conn *some_backend(struct world *w, unsigned which)
{
	struct conn *found = NULL;
	unsigned n = 0;

	for (struct conn *c = w->conns; c; c = c->next)
		if (c->flow->host->port == INSIDE && !c->reset && n++ <= which % 4)
			found = c;
	return found;
}

static void step_manners(struct world *w, struct input *in)
{
	uint8_t which = take(in);
	struct conn *c = which & 0x80 ? some_backend(w, which) : easy_client(w, which);

	if (!c || c->reset)
		return;
	switch (take(in) % 4) {
	case 0:
		conn_close(w, c);
		break;
	case 1:
		conn_reset(w, c);
		break;
	case 2:
		conn_limit(w, c, take(in));
		break;
	case 3:
		conn_limit(w, c, UINT32_MAX);
		break;
	}
}

static void step_scarcity(struct world *w, struct input *in)
{
	uint8_t how = take(in);

	if ((how & 1) && w->generation <= APPLIES_MAX)
		world_apply(w);
	else if ((how & 1) == 0)
		/* Enough for the peers' own frames. */
		world_hold(w, how & 2 ? 0 : 40u + how);
}

static void step(struct world *w, struct input *in)
{
	struct bytes b;
	struct conn *c;

	switch (take(in) % 8) {
	case 0:
		step_frame(w, in, false);
		break;
	case 1:
		step_frame(w, in, true);
		break;
	case 2:
		step_segment(w, in);
		break;
	case 3:
		world_advance(w, (uint64_t)take(in) * 20000000);
		break;
	case 4:
		c = easy_client(w, take(in));
		b = take_bytes(in);
		conn_write(w, c, b.data, b.len);
		break;
	case 5:
		c = some_backend(w, take(in));
		b = take_bytes(in);
		if (c)
			conn_write(w, c, b.data, b.len);
		break;
	case 6:
		step_manners(w, in);
		break;
	case 7:
		step_scarcity(w, in);
		break;
	}
	world_settle(w);
	learn(w);
}

static void set_backends(struct world *w, uint8_t how)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

	for (unsigned i = 1; i <= 3; i++) {
		struct host *host = host_find(&w->net, wire_text("backend%u", i));

		/* Two bits for each: the first backend in bits 1 and 2. */
		host->manner = (enum host_manner)((how >> (2 * i - 1) & 3) % 3);
		host->serves = how & 1;
		bytes_put(&host->serve, answer, sizeof(answer) - 1);
	}
}

static void configure(struct world *w, const char *text)
{
	struct line line = { "fuzz", 1, text, NULL, 0 };
	struct cursor cursor = { &line, 0 };

	text_split(&line);
	config_line(&w->config, &cursor);
}

static void run(void *input)
{
	struct input *in = input;
	uint8_t how = take(in);

	/* TLS costs a library context for each configuration: some inputs with it are enough. */
	if (how & 0x80) {
		configure(&world, "cert main names=open.test");
		configure(&world, "listener secure 10.0.0.1:443 tls.certificates=main");
	}
	configure(&world, "port outside addresses=10.0.0.1/24,fd00::a00:1/120");
	configure(&world, "port inside addresses=10.0.1.1/24,fd00::a00:101/120");
	configure(&world, "listener six [fd00::a00:1]:80");
	configure(&world, "pool 2047");
	/* Small, so that they are reached, and made quickly. */
	configure(&world, "tcp connection_limit 96");
	configure(&world, "tcp syn_limit 32");
	configure(&world, "proxy client_limit 64");
	configure(&world, "proxy exchange_limit 24");
	configure(&world, "proxy upstream_limit 24");
	configure(&world, "events 64");
	set_backends(&world, how);
	for (unsigned i = 0; i < RAW_CLIENTS; i++)
		raw_flow(&world, i)->host->raw = true;
	world_start(&world);
	learn(&world);
	for (unsigned i = 0; i < STEPS_MAX && in->left; i++)
		step(&world, in);
	world_wind_down(&world);
}

/* What an input did, for comparison. */
struct outcome {
	uint64_t frames; /* a digest */
	uint64_t drop[DROP_COUNT], reason[REASON_COUNT];
	struct stats_tcp tcp;
};

static void fail(const char *why)
{
	fprintf(stderr, "finding: %s\n", why);
	abort();
}

static void run_in(struct world_kept *from, const uint8_t *data, size_t size, struct outcome *out)
{
	struct input in = { data, size };
	const char *why;

	world_init(&world);
	world.hasty = true;
	world.untraced = !replay;
	world.kept = from;
	if (out)
		world.digest = &out->frames;
	if (!wire_try(run, &in)) {
		fprintf(stderr, "%s\n%s", wire_message(), world_trace(&world));
		fail(wire_message());
	}
	if (out) {
		memcpy(out->drop, world.at[0].stats.drop, sizeof(out->drop));
		memcpy(out->reason, world.at[0].stats.reason, sizeof(out->reason));
		out->tcp = *world.at[0].stats.tcp;
	}
	why = world_stop(&world);
	if (why)
		fail(why);
	wire_free_all();
}

/*
 * Is the world that follows another one as new? The input is run after itself and after nothing:
 * the same frames leave, the same is counted. (mbufs that are missing are a finding in any case.)
 * Not with TLS, whose bytes are random.
 */
static void check_kept(struct world_kept *from, const uint8_t *data, size_t size)
{
	struct outcome after = { 0 }, alone = { 0 };

	run_in(from, data, size, NULL);
	run_in(from, data, size, &after);
	world_forget(from);
	run_in(from, data, size, &alone);
	if (size && (data[0] & 0x80))
		return;
	if (after.frames != alone.frames)
		fail("in a world that was used before other frames leave");
	if (memcmp(&after, &alone, sizeof(after)) != 0)
		fail("in a world that was used before something else is counted");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stat at;

	check = getenv("FRAME_FUZZ_CHECK") != NULL;
	for (int i = 1; i < *argc; i++)
		replay |= stat((*argv)[i], &at) == 0 && S_ISREG(at.st_mode);
	if (!world_start_eal("frame_fuzz"))
		exit(2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Apart by what differs in the configuration: with TLS or without. */
	struct world_kept *from = &kept[size && (data[0] & 0x80)];

	if (check)
		check_kept(from, data, size);
	else
		run_in(from, data, size, NULL);
	return 0;
}
