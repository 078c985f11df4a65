/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYN cookies (RFC 4987 §3.6): once the SYN cache is half full, or a listener's backlog is used up,
 * a SYN is answered and forgotten; all that the connection needs comes back with the peer's ACK.
 * Our initial sequence number is a keyed hash of the four-tuple and the peer's number, with three
 * bits that stand for its MSS; a guess hits with 2^-28. Window scale, SACK and ECN hide in the
 * lowest bits of our timestamp, so a peer without timestamps does without them. Keys last a minute
 * and are good for one more.
 */
#include "dataplane/tcp/tcp_priv.h"

#define KEY_MS        60000u
#define MAC_BITS      29
#define MAC_MASK      ((1u << MAC_BITS) - 1)
#define TS_BITS       6u
#define TS_MASK       ((1u << TS_BITS) - 1)
#define TS_WSCALE     0x0fu /* 15: none was offered */
#define TS_SACK       0x10u
#define TS_ECN        0x20u
#define WSCALE_ABSENT 15u

/* What three bits can say: the largest that does not exceed the offer is meant. */
static const uint16_t mss_table[8] = { TCP_MSS_MIN, 536, 1220, 1340, 1400, 1440, 1460, 8940 };

static void key_derive(const struct tcp_stack *s, uint32_t gen, struct siphash_key *out)
{
	uint64_t input[2] = { UINT64_C(0x636f6f6b6965) << 16, gen };
	uint64_t words[2];

	for (unsigned i = 0; i < 2; i++) {
		input[0] |= i;
		words[i] = siphash24(&s->key, input, sizeof(input));
	}
	memcpy(out, words, sizeof(*out));
}

/* Keys of this minute and of the one before. */
static void keys_turn(struct tcp_stack *s)
{
	uint32_t gen = s->tick / KEY_MS;

	static_assert(sizeof(struct siphash_key) == 16, "two words");
	if (s->cookie_ready && s->cookie_gen == gen)
		return;
	key_derive(s, gen, &s->cookie_key[0]);
	key_derive(s, gen - 1, &s->cookie_key[1]);
	s->cookie_gen = gen;
	s->cookie_ready = true;
}

static uint64_t cookie_hash(
	const struct siphash_key *key, const struct tcp_tuple *tuple, uint32_t irs)
{
	struct {
		struct tcp_tuple tuple;
		uint32_t irs;
	} input = { *tuple, irs };

	static_assert(sizeof(input) == sizeof(struct tcp_tuple) + sizeof(uint32_t), "no padding");
	return siphash24(key, &input, sizeof(input));
}

static unsigned mss_index(uint16_t mss)
{
	unsigned i = RTE_DIM(mss_table) - 1;

	while (i > 0 && mss_table[i] > mss)
		i--;
	return i;
}

/* Our timestamp with what was agreed in its lowest bits, never ahead of the clock. */
static uint32_t ts_encode(uint32_t now, const struct tcp_options *opt, bool ecn)
{
	uint32_t bits = opt->present & TCP_OPT_WSCALE ? opt->wscale : WSCALE_ABSENT;
	uint32_t ts;

	bits |= opt->present & TCP_OPT_SACK_OK ? TS_SACK : 0;
	bits |= ecn ? TS_ECN : 0;
	ts = (now & ~TS_MASK) | bits;
	return (int32_t)(now - ts) < 0 ? ts - (TS_MASK + 1) : ts;
}

bool tcp_cookie_send(struct tcp_stack *s, const struct tcp_seg *seg)
{
	struct tcp_reply r = { .ack = seg->seq + 1,
		.flags = TCP_SYN | TCP_ACK,
		.wnd = tcp_syn_window(s),
		.options = TCP_OPT_MSS,
		.wscale = s->rcv_scale,
		.ts_ecr = seg->opt.ts_val };
	bool ecn = s->config.ecn != TCP_ECN_OFF && tcp_ecn_offered(seg);
	uint16_t mss = seg->opt.mss;
	struct tcp_tuple tuple;
	struct net_path path;
	uint64_t hash;

	tcp_reply_tuple(net_meta(seg->m), &tuple);
	if (net_path_find(s->net, &tuple.remote, &tuple.local, &path) != 0)
		return false;
	keys_turn(s);
	if (!(seg->opt.present & TCP_OPT_MSS))
		mss = ip_is_v4(&tuple.remote) ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
	hash = cookie_hash(&s->cookie_key[0], &tuple, seg->seq);
	r.seq = (mss_index(mss) ^ (uint32_t)(hash >> 61)) << MAC_BITS | ((uint32_t)hash & MAC_MASK);
	r.mss = tcp_own_mss(s, &path, &tuple.remote);
	if (seg->opt.present & TCP_OPT_TS) {
		r.options |= seg->opt.present & (TCP_OPT_TS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK);
		r.flags |= ecn ? TCP_ECE : 0;
		r.ts_val = ts_encode(s->tick + tcp_ts_offset(s, &tuple), &seg->opt, ecn);
	}
	s->cookie_sent_gen = s->cookie_gen;
	s->cookie_sent = true;
	s->count->syn_cookies_out++;
	tcp_reply_send(s, &tuple, &r);
	return true;
}

/* What the cookie says, as the entry of the SYN cache that was never made. */
static bool cookie_read(struct tcp_stack *s, const struct tcp_seg *seg, struct tcp_syn *e)
{
	uint32_t cookie = seg->ack - 1, irs = seg->seq - 1;

	for (unsigned i = 0; i < RTE_DIM(s->cookie_key); i++) {
		uint64_t hash = cookie_hash(&s->cookie_key[i], &e->tuple, irs);

		if ((((uint32_t)hash ^ cookie) & MAC_MASK) != 0)
			continue;
		e->irs = irs;
		e->iss = cookie;
		e->mss = mss_table[(cookie >> MAC_BITS ^ (uint32_t)(hash >> 61)) & 7];
		if (seg->opt.present & TCP_OPT_TS) {
			uint32_t bits = seg->opt.ts_ecr & TS_MASK;

			e->options = TCP_OPT_TS;
			e->options |= bits & TS_SACK ? TCP_OPT_SACK_OK : 0;
			e->options |= bits & TS_ECN ? TCP_OPT_ECN : 0;
			e->wscale = bits & TS_WSCALE;
			e->options |= e->wscale != WSCALE_ABSENT ? TCP_OPT_WSCALE : 0;
			e->ts_recent = seg->opt.ts_val;
		}
		return true;
	}
	return false;
}

/* Whether a cookie that is still good can be about at all. */
static bool cookies_about(struct tcp_stack *s)
{
	if (!s->cookie_sent)
		return false;
	keys_turn(s);
	s->cookie_sent = s->cookie_gen - s->cookie_sent_gen <= 1;
	return s->cookie_sent;
}

bool tcp_cookie_known(struct tcp_stack *s, const struct tcp_seg *seg)
{
	struct tcp_syn e = { .retries = 0 };

	if (!cookies_about(s))
		return false;
	tcp_reply_tuple(net_meta(seg->m), &e.tuple);
	return cookie_read(s, seg, &e);
}

/* A cookie is checked against the number right behind the SYN's. On a path that reorders, other
 * text may come first, and a reset would end what the client takes for open: it comes again after
 * that ACK. */
static bool before_cookie(struct tcp_stack *s, struct tcp_seg *seg)
{
	if (seg->len == 0 && !(seg->flags & TCP_FIN))
		return false;
	tcp_seg_drop(s, seg, DROP_TCP_BEFORE_COOKIE);
	return true;
}

bool tcp_cookie_segment(struct tcp_stack *s, const struct tcp_listener *l, struct tcp_seg *seg)
{
	struct tcp_syn e = { .listener = (uint16_t)(l - s->listeners), .listener_gen = l->gen };
	struct tcp_conn *c;

	if ((seg->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK || !cookies_about(s))
		return false;
	tcp_reply_tuple(net_meta(seg->m), &e.tuple);
	if (!cookie_read(s, seg, &e))
		return before_cookie(s, seg);
	if (s->pool_state >= TCP_POOL_SHUT) {
		tcp_seg_drop(s, seg, DROP_POOL_LOW);
		return true;
	}
	c = tcp_syn_open(s, &e, seg);
	if (c == NULL) {
		tcp_seg_drop(s, seg, DROP_TCP_NO_MEMORY); /* the peer sends it again */
		return true;
	}
	s->count->syn_cookies_in++;
	tcp_in_conn(c, seg);
	return true;
}
