/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender's use of SACK: blocks mark records (RFC 2018 §5.1), and one of what came twice (RFC
 * 2883) is told apart. A block is a hint that may be taken back, so data is kept until it is
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

/* Where the highest of the blocks ends. */
static uint32_t blocks_end(const struct tcp_range *b, unsigned n)
{
	uint32_t end = b[0].right;

	for (unsigned i = 1; i < n; i++)
		if (seq_lt(end, b[i].right))
			end = b[i].right;
	return end;
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
	struct tcp_rec *before = NULL;
	uint32_t steps = 2 * c->stack->flight_segs;
	bool any = false;
	uint32_t end;

	if (n == 0)
		return false;
	end = blocks_end(blocks, n);
	for (uint32_t i = c->rec_head, next; i != TCP_NIL; i = next) {
		struct tcp_rec *rec = &c->stack->recs[i];

		if (seq_le(end, rec->seq) || steps-- == 0)
			break;
		next = rec->next;
		if (!(rec->flags & TCP_REC_SACK) && block_covers(blocks, n, rec)) {
			tcp_rack_delivered(c, rec);
			tcp_rec_mark_sacked(c, rec);
			any = true;
		}
		if (before == NULL || !tcp_rec_join(c, before, rec))
			before = rec;
	}
	return any;
}

/* RFC 2883 §4: the first block lies below the acknowledgement or within the second. */
bool tcp_sack_twice(struct tcp_conn *c, const struct tcp_seg *seg)
{
	const struct tcp_range *first = &seg->opt.sack[0], *second = &seg->opt.sack[1];

	if (!seq_lt(first->left, first->right) || seq_lt(c->snd_nxt, first->right) ||
		seq_lt(first->left, c->snd_una - 2 * c->stack->config.snd_buf_bytes))
		return false;
	if (seq_le(first->right, seg->ack) ||
		(seg->opt.sack_count > 1 && seq_le(second->left, first->left) &&
			seq_le(first->right, second->right))) {
		c->stack->count->dsacks_in++;
		tcp_undo_twice(c, first);
		return true;
	}
	return false;
}
