/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about the world and about packets, see run.h. */
#include "tests/wire/control.h"
#include "tests/wire/run.h"
#include "tests/wire/six.h"

#include <stdio.h>

#include "tests/wire/asker.h"
#include "tests/wire/counters.h"
#include "tests/wire/peers.h"

#define TOLERANCE_NS UINT64_C(2000000)
#define HOLD_MOST    60000

void run_wait(struct run *run)
{
	if (run->has_time)
		world_advance(run->w, run->wait_ns);
	run->has_time = false;
}

bool run_until(struct run *run, bool (*done)(struct world *w, void *ctx), void *ctx)
{
	uint64_t ns = run->has_time ? run->wait_ns : 0;

	if (run->has_time && !run->at_most) {
		run_wait(run);
		ns = 0;
	}
	return world_advance_until(run->w, ns, done, ctx);
}

static void start(struct run *run)
{
	if (!run->w->started)
		world_start(run->w);
}

static uint32_t port_ip(const struct run *run, uint8_t port)
{
	const char *list = run->w->config.ports[port].addresses;

	return six_text(wire_text("%.*s", (int)strcspn(list, "/"), list));
}

static void send_packet(struct run *run, struct flow *flow, const struct packet *p)
{
	uint8_t port = flow->host->port;
	struct frame f;

	packet_build(p, flow, fake_ports[port].port.mac.addr_bytes, port_ip(run, port), &f);
	packet_sent(p, flow);
	world_inject(run->w, port, &f, flow);
	if (!run->bursting)
		world_settle(run->w);
}

struct awaited {
	uint8_t port;
};

static bool has_arrived(struct world *w, void *ctx)
{
	return w->queue[((struct awaited *)ctx)->port] != NULL;
}

/* A backend's connection is known by its first SYN. */
static void bind_flow(struct flow *flow, const struct seen *s)
{
	if (flow->bound || s->kind != PACKET_TCP || s->dst != flow->host->ip ||
		s->dport != flow->peer_port || !(s->flags & 0x02))
		return;
	flow->bound = flow->sut_isn_known = true;
	flow->sut_ip = s->src;
	flow->sut_port = s->sport;
	flow->sut_isn = s->seq;
}

static void note_received(struct flow *flow, const struct seen *s)
{
	uint32_t end, len;
	const uint8_t *ts;

	if (s->kind != PACKET_TCP)
		return;
	end = s->seq - flow->sut_isn + s->payload_len + ((s->flags & 0x02) != 0) + (s->flags & 1);
	if (!(s->flags & 0x04) && (int32_t)(end - flow->rcv_nxt) > 0)
		flow->rcv_nxt = end;
	ts = seen_option(s, OPTION_TS, &len);
	if (ts && len == 8)
		flow->ts_last = seen_word(ts);
}

static void check_time(const struct run *run, const struct seen *s)
{
	uint64_t due = run->began_ns + run->wait_ns;

	if (!run->has_time || run->at_most)
		return;
	if (s->time_ns + TOLERANCE_NS < due || s->time_ns > due + TOLERANCE_NS)
		wire_fail("it came after %.6f s", (double)(s->time_ns - run->began_ns) / 1e9);
}

static struct seen *next_packet(struct run *run, struct flow *flow)
{
	struct awaited awaited = { flow->host->port };
	uint64_t most = run->has_time ? run->wait_ns + (run->at_most ? 0 : TOLERANCE_NS) : 0;
	struct seen *s;

	if (!world_advance_until(run->w, most, has_arrived, &awaited))
		wire_fail("no packet");
	s = run->w->queue[awaited.port];
	run->w->queue[awaited.port] = s->next;
	return s;
}

static void expect_packet(struct run *run, struct flow *flow, const struct packet *p)
{
	struct seen *s = next_packet(run, flow);
	const char *why;

	bind_flow(flow, s);
	why = seen_differs(s, p, flow);
	if (why)
		wire_fail("%s\n    got: %s", why,
			seen_show(s,
				s->src == flow->sut_ip && s->sport == flow->sut_port ? flow : NULL,
				false));
	check_time(run, s);
	if (p->regex && !text_matches(p->regex, s->payload, s->payload_len))
		wire_fail("the data does not match: \"%s\"",
			bytes_show(s->payload, s->payload_len, 512));
	note_received(flow, s);
	run->has_time = false;
}

static struct packet tcp_packet(uint8_t flags)
{
	return (struct packet){ .kind = PACKET_TCP, .flags = flags };
}

/* SYN, SYN-ACK, and a client's ACK. The options are the host's. */
static void handshake(struct run *run, struct flow *flow, struct cursor *c)
{
	struct packet syn, ack = tcp_packet(0x10);
	struct line line = { 0 };
	struct token tokens[8] = { { TOKEN_WORD, (char *)(uintptr_t) "S", 1, 1 } };
	struct cursor described = { &line, 0 };

	line.tokens = tokens;
	for (line.count = 1; !cursor_done(c) && line.count < 8; c->at++)
		tokens[line.count++] = *cursor_peek(c);
	packet_parse(&described, &syn);
	if (flow->host->port == OUTSIDE) {
		struct packet synack = tcp_packet(0x12);

		send_packet(run, flow, &syn);
		expect_packet(run, flow, &synack);
		for (uint32_t i = 0; i < syn.option_count; i++)
			if (syn.options[i].kind == OPTION_TS) {
				ack.options[ack.option_count] = syn.options[i];
				ack.options[ack.option_count++].last_b = true;
			}
		if (packet_has(&syn, F_WIN))
			packet_set(&ack, F_WIN, syn.value[F_WIN]);
		send_packet(run, flow, &ack);
	} else {
		struct packet expected = tcp_packet(0x02);

		/* The ACK comes with the request. */
		expect_packet(run, flow, &expected);
		syn.flags = 0x12;
		send_packet(run, flow, &syn);
	}
}

static void packet_statement(struct run *run, struct flow *flow, struct cursor *c, bool sends)
{
	struct packet p;

	if (!flow->host->raw)
		wire_fail("%s is an automatic peer", flow->host->name);
	packet_parse(c, &p);
	if (sends) {
		run_wait(run);
		send_packet(run, flow, &p);
	} else {
		expect_packet(run, flow, &p);
	}
}

static void host_statement(struct run *run, struct cursor *c)
{
	const char *name = cursor_take(c, "a host");
	bool all = strcmp(name, "backends") == 0;

	for (unsigned i = 1; i <= (all ? 3 : 1); i++) {
		struct host *host = host_find(&run->w->net, all ? wire_text("backend%u", i) : name);
		const struct token *t = cursor_peek(c);
		struct cursor each = *c;

		if (!host || !t)
			wire_fail("host NAME refuse|silent|accept|raw|noarp|arp");
		if (cursor_word(&each, "refuse"))
			host->manner = HOST_REFUSES;
		else if (cursor_word(&each, "silent"))
			host->manner = HOST_SILENT;
		else if (cursor_word(&each, "accept"))
			host->manner = HOST_ANSWERS;
		else if (cursor_word(&each, "raw"))
			host->raw = true;
		else if (cursor_word(&each, "noarp"))
			host->no_arp = true;
		else if (cursor_word(&each, "arp"))
			host->no_arp = false;
		cursor_end(&each);
	}
	c->at = c->line->count;
}

static void flow_statement(struct run *run, struct cursor *c)
{
	struct flow *flow = flow_get(&run->w->net, cursor_take(c, "a flow"));

	if (cursor_word(c, "to")) {
		const char *to = cursor_take(c, "IP:PORT"), *colon = strchr(to, ':');

		if (!colon)
			wire_fail("not IP:PORT: %s", to);
		flow->sut_ip = text_ip(wire_text("%.*s", (int)(colon - to), to));
		flow->sut_port = (uint16_t)text_number(colon + 1, "port");
	}
	if (cursor_word(c, "from"))
		flow->peer_port = (uint16_t)cursor_number(c, "port");
	if (cursor_word(c, "isn"))
		flow->peer_isn = (uint32_t)cursor_number(c, "number");
}

static void tx_statement(struct run *run, struct cursor *c)
{
	uint8_t port = cursor_word(c, "inside") ? INSIDE : OUTSIDE;

	cursor_word(c, "outside");
	if (cursor_word(c, "all"))
		fake_ports[port].tx_room = UINT32_MAX;
	else
		fake_ports[port].tx_room = (uint32_t)cursor_number(c, "frames");
}

static void queue_statement(struct run *run, struct cursor *c)
{
	if (cursor_word(c, "rss"))
		run->w->queue_rule = QUEUE_RSS;
	else if (cursor_word(c, "wrong"))
		run->w->queue_rule = QUEUE_WRONG;
	else
		run->w->queue_rule = (uint32_t)cursor_number(c, "queue");
}

static void forget(struct run *run)
{
	for (unsigned i = 0; i < PORTS; i++)
		run->w->queue[i] = NULL;
}

/* @return false when the word begins no statement about the world */
static bool world_statement(struct run *run, struct cursor *c)
{
	if (cursor_word(c, "config")) {
		config_line(&run->w->config, c);
		return true;
	}
	if (cursor_word(c, "broken")) {
		run->broken = cursor_text(c)->text;
		return true;
	}
	if (cursor_word(c, "arp")) {
		run->w->arp_manual = strcmp(cursor_take(c, "manual or auto"), "manual") == 0;
		return true;
	}
	if (cursor_word(c, "flow")) {
		flow_statement(run, c);
		return true;
	}
	if (cursor_word(c, "host")) {
		host_statement(run, c);
		return true;
	}
	start(run);
	if (cursor_word(c, "apply")) {
		run_wait(run);
		world_apply(run->w);
	} else if (cursor_word(c, "hold")) {
		run_wait(run);
		world_hold(run->w, (uint32_t)cursor_number(c, "mbufs"));
	} else if (cursor_word(c, "link-up")) {
		run_wait(run);
		atomic_fetch_add(&run->w->shared->links_up, 1);
		world_settle(run->w);
	} else if (cursor_word(c, "control")) {
		run_control(run, c);
	} else if (cursor_word(c, "drain")) {
		run_wait(run);
		atomic_store(&run->w->shared->stop, WORKER_DRAIN);
		world_settle(run->w);
	} else if (cursor_word(c, "forget")) {
		run_wait(run);
		forget(run);
	} else if (cursor_word(c, "leave")) {
		run->leave = true;
	} else if (cursor_word(c, "queue")) {
		queue_statement(run, c);
	} else if (cursor_word(c, "stall")) {
		run->w->stalled =
			cursor_word(c, "none") ? 0 : (uint32_t)cursor_number(c, "worker") + 1;
	} else if (cursor_word(c, "tx")) {
		tx_statement(run, c);
	} else if (cursor_word(c, "burst")) {
		run_wait(run);
		run->bursting = true;
	} else if (cursor_word(c, "end")) {
		run->bursting = false;
		world_settle(run->w);
	} else if (cursor_word(c, "expect")) {
		run_expect(run, c);
	} else {
		return asker_statement(run, c);
	}
	return true;
}

static void take_time(struct run *run, struct cursor *c)
{
	const struct token *t = cursor_peek(c);

	run->has_time = false;
	run->wait_ns = 0;
	run->began_ns = run->w->now_ns;
	if (!t || t->kind != TOKEN_WORD || (*t->text != '+' && *t->text != '~'))
		return;
	run->wait_ns = text_time(t->text + 1);
	run->has_time = run->wait_ns > 0;
	run->at_most = *t->text == '~';
	c->at++;
}

static void statement(struct run *run, struct cursor *c)
{
	const char *name;
	struct flow *flow;

	take_time(run, c);
	if (cursor_done(c)) {
		start(run);
		run_wait(run);
		return;
	}
	if (world_statement(run, c)) {
		cursor_end(c);
		return;
	}
	name = cursor_take(c, "a host");
	if (cursor_word(c, ">") || cursor_word(c, "<")) {
		c->at--;
		flow = flow_get(&run->w->net, name);
		packet_statement(run, flow, c, cursor_word(c, ">") || !cursor_word(c, "<"));
	} else if (cursor_word(c, "handshake")) {
		handshake(run, flow_get(&run->w->net, name), c);
	} else if (!run_peer(run, name, c)) {
		wire_fail("not understood: %s", name);
	}
	cursor_end(c);
}

/* A host that the script speaks for by packets is spoken for by packets only. */
static void find_raw_hosts(struct run *run)
{
	for (uint32_t i = 0; i < run->script->count; i++) {
		const struct line *line = &run->script->lines[i];
		uint32_t at = line->tokens[0].text[0] == '+' || line->tokens[0].text[0] == '~';

		if (at + 1 >= line->count)
			continue;
		const char *verb = line->tokens[at + 1].text;

		if (strcmp(verb, ">") == 0 || strcmp(verb, "<") == 0 ||
			strcmp(verb, "handshake") == 0) {
			const char *name = line->tokens[at].text;
			struct host *host = host_find(
				&run->w->net, wire_text("%.*s", (int)strcspn(name, ":"), name));

			if (host)
				host->raw = true;
		}
	}
}

static void check_all_expected(struct run *run)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (run->w->queue[i] && !run->leave)
			wire_fail("the script ends and nobody expected: %s",
				seen_show(run->w->queue[i], NULL, false));
}

void run_script(struct run *run)
{
	struct cursor first = { &run->script->lines[0], 0 };

	run->at = 0;
	if (run->script->count && cursor_word(&first, "only")) {
		if (!cursor_word(&first, "ipv4"))
			wire_fail("only ipv4");
		run->at = 1;
		run->skipped = run->w->six;
		if (run->skipped)
			return;
	}
	/* Hosts that scripts define come before the look for raw ones. */
	for (; run->at < run->script->count; run->at++) {
		struct cursor c = { &run->script->lines[run->at], 0 };

		run->line = c.line;
		if (!cursor_word(&c, "config"))
			break;
		config_line(&run->w->config, &c);
	}
	find_raw_hosts(run);
	for (; run->at < run->script->count; run->at++) {
		struct cursor c = { &run->script->lines[run->at], 0 };

		run->line = c.line;
		statement(run, &c);
	}
	start(run);
	check_all_expected(run);
	run->line = NULL;
	if (!run->leave)
		world_wind_down(run->w);
}
