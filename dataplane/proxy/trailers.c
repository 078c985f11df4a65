/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trailer sections (RFC 9112 §7.1.2): parsed as a whole once they are here, and written without the
 * fields that no trailer may be (RFC 9110 §6.5.1) or that carry a credential. Most messages have
 * none, and an empty section is forwarded with the last chunk.
 */
#include "dataplane/proxy/proxy_priv.h"

#define STRIP_MAX 64 /* credentials' header fields that are known here */

struct trailers_writing {
	const struct http_head *trailers;
	struct str strip[STRIP_MAX];
	uint32_t strip_count;
};

static void trailers_write(struct http1_writer *w, const void *ctx)
{
	const struct trailers_writing *t = ctx;

	http1_write_trailers(w, t->trailers, t->strip, t->strip_count);
}

/* The header fields in which keys are sent: a backend that merged trailers would see another key
 * there. */
static void trailers_strip(const struct snapshot *snapshot, struct trailers_writing *t)
{
	const struct snap_credential *credentials;
	uint32_t count;

	credentials = snap_records(snapshot, SNAP_CREDENTIALS, &count);
	for (uint32_t i = 0; i < count && t->strip_count < STRIP_MAX; i++)
		if (credentials[i].where == SNAP_IN_HEADER)
			t->strip[t->strip_count++] = snap_str(snapshot, credentials[i].field);
}

/* The first bytes of the chain, at most @p most, in one piece. */
static const char *trailers_bytes(
	struct proxy *p, const struct chain *chain, uint32_t most, uint32_t *len)
{
	*len = 0;
	if (chain->head->next == NULL) {
		*len = RTE_MIN(most, (uint32_t)chain->head->data_len);
		return rte_pktmbuf_mtod(chain->head, const char *);
	}
	for (const struct rte_mbuf *m = chain->head; m && *len < most; m = m->next) {
		const uint32_t n = RTE_MIN(most - *len, (uint32_t)m->data_len);

		memcpy(p->scratch_path + *len, rte_pktmbuf_mtod(m, const char *), n);
		*len += n;
	}
	return p->scratch_path;
}

enum http1_verdict trailers_take(struct proxy *p, struct chain *chain, struct http1_body *body,
	bool forward, uint32_t *used, struct rte_mbuf **out)
{
	struct trailers_writing t = { .trailers = &p->trailers.message };
	enum http1_verdict verdict;
	const char *bytes;
	uint32_t len;

	*used = 0;
	*out = NULL;
	bytes = trailers_bytes(p, chain, HTTP1_MAX_TRAILER_BYTES, &len);
	verdict = http1_parse_trailers(bytes, len, 0, &p->trailers);
	if (verdict != HTTP1_DONE)
		return verdict;
	if (forward) {
		trailers_strip(&p->tables->snapshot, &t);
		*out = forward_write(p, trailers_write, &t);
		if (!*out)
			return HTTP1_BAD;
	}
	*used = p->trailers.head_bytes;
	chain_drop(chain, *used);
	http1_body_end(body);
	return HTTP1_DONE;
}
