/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender's use of SACK: blocks mark records (RFC 2018 §5.1), and what has enough SACKed above
 * it is lost (RFC 6675 §4). A block is a hint that may be taken back, so data is kept until it is
 * acknowledged, and a block that does not lie within what was sent is ignored.
 */
#include "dataplane/tcp/tcp_priv.h"

/* Blocks of the segment that lie within [ack, snd_nxt]. */
static unsigned blocks_valid(
	const struct tcp_conn *c, const struct tcp_seg *seg, struct tcp_range *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < seg->opt.sack_count; i++) {
		struct tcp_range b = seg->opt.sack[i];

		if (seq_lt(b.left, b.right) && seq_lt(c->snd_una, b.left) &&
			seq_le(b.right, c->snd_nxt))
			out[n++] = b;
	}
	return n;
}

static bool block_covers(const struct tcp_range *b, unsigned n, const struct tcp_rec *rec)
{
	for (unsigned i = 0; i < n; i++)
		if (seq_le(b[i].left, rec->seq) && seq_le(rec->seq + rec->len, b[i].right))
			return true;
	return false;
}

bool tcp_sack_in(struct tcp_conn *c, const struct tcp_seg *seg)
{
	struct tcp_range blocks[TCP_SACK_MAX];
	unsigned n = blocks_valid(c, seg, blocks);
	bool any = false;

	if (n == 0)
		return false;
	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next) {
		struct tcp_rec *rec = &c->stack->recs[i];

		if ((rec->flags & TCP_REC_SACK) || !block_covers(blocks, n, rec))
			continue;
		tcp_rec_mark_sacked(c, rec);
		any = true;
	}
	return any;
}

void tcp_sack_detect(struct tcp_conn *c)
{
	uint32_t bytes = tcp_cold(c)->sack_bytes;
	uint32_t segs = tcp_cold(c)->sack_segs;

	for (uint32_t i = c->rec_head; i != TCP_NIL && segs > 0; i = c->stack->recs[i].next) {
		struct tcp_rec *rec = &c->stack->recs[i];

		if (rec->flags & TCP_REC_SACK) {
			bytes -= rec->len;
			segs--;
		} else if (!(rec->flags & TCP_REC_LOST) &&
			   (segs >= TCP_DUP_THRESH || bytes > (TCP_DUP_THRESH - 1u) * c->mss)) {
			tcp_rec_mark_lost(c, rec);
		}
	}
}
