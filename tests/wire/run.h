/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a script's statements.
 *
 *   [+T] statement move the clock by T first. `+T HOST < …` expects the packet at that time (±2 ms)
 *   [~T] statement the same, but what is expected may come at any time up to T +T alone: let the
 *   time pass
 *
 *   config … see config.h; before the first packet, or later followed by apply a new generation arp
 *   manual no automatic answers: ARP is seen and sent by the script host NAME
 *   refuse|silent|accept|raw|noarp|arp flow NAME [to IP:PORT] [from PORT] [isn N] a flow's other
 *   end, its own port, its first number hold N · hold 0 keep mbufs until only N are free; give them
 *   back link-up a port's link came up drain as before a stop forget throw away the packets that
 *   nobody expected so far leave do not fail for packets that were not expected, do not wind down
 *   control comes · goes · takes N · replies [twice] with `config asks`: N questions wait for
 *   control, which keeps them; replies go to those that it keeps
 *   broken WHY the script is known to fail: says what is wrong with the gateway queue N|rss|wrong
 *   to which queue frames come from here on: always that one, as RSS tells, the next one stall N ·
 *   stall none the worker's loop stands still tx PORT N the port takes only N more frames (`tx PORT
 *   all`)
 *
 *   FLOW > PACKET the host sends FLOW < PACKET the gateway sent it, next on its port FLOW handshake
 *   [win N] [<options>] SYN, SYN-ACK and a client's ACK, for raw flows only ipv4 first line: not
 *   run over IPv6 config six [outside|inside] IPv6 on that side or on both, see six.h burst … end
 *   packets that arrive together, in one turn of the worker
 *
 *   expect none T no packet for that time expect drop|reason NAME N risen by N since the last look
 *   expect counter NAME N · expect gauge NAME N of the first worker, or NAME@WORKER expect kernel N
 *   the kernel got N frames since the last look, the last one as it was sent expect generation N ·
 *   expect usage CONSUMER requests|limited|bytes_out N expect event KEY=VALUE… · expect no event
 *   expect questions N · expect ended N   see asker.h, as for its other statements
 * Statements of automatic peers: see run_peer.c.
 */
#ifndef SLUICE_TESTS_WIRE_RUN_H
#define SLUICE_TESTS_WIRE_RUN_H

#include "tests/wire/script.h"
#include "tests/wire/world.h"

struct run {
	struct world *w;
	struct script *script;
	const struct line *line; /* that runs */
	uint32_t at;
	bool bursting, leave;
	const char *broken;
	bool skipped; /* of IPv4 alone, and run over IPv6 */
	/* The time before the statement: exact with +, at most with ~. */
	bool has_time, at_most;
	uint64_t wait_ns, began_ns;
};

/** Run all lines; fails by wire_fail(). */
void run_script(struct run *run);

/** "expect …" */
void run_expect(struct run *run, struct cursor *c);
/** "NAME verb …" of an automatic peer. @return false when it is not one */
bool run_peer(struct run *run, const char *name, struct cursor *c);
/** Wait as the statement's time allows until @p done. */
bool run_until(struct run *run, bool (*done)(struct world *w, void *ctx), void *ctx);
/** Let the statement's time pass as a whole. */
void run_wait(struct run *run);

#endif
