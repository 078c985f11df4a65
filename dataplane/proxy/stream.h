/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Received bytes that wait to be understood. A head that lies in one mbuf, as nearly all do, is
 * parsed where it is. One that spans several stays in them until it ends, and takes no more room
 * than it has bytes; only for as long as its strings are used it is copied into a buffer, which a
 * request that waits for its response does not keep.
 */
#ifndef SLUICE_DATAPLANE_PROXY_STREAM_H
#define SLUICE_DATAPLANE_PROXY_STREAM_H

#include "dataplane/http/h1/http1.h"
#include "dataplane/proxy/chain.h"
#include "dataplane/proxy/slab.h"

struct stream {
	struct chain chain;
	char *gather; /* from the slab of heads: the parsed head's strings lie there; NULL: in the chain */
	uint32_t seen;    /* bytes that the parser looked at */
	uint32_t scanned; /* bytes that were searched for the end of a head that spans mbufs */
};

#define STREAM_GATHER_BYTES HTTP1_MAX_HEAD_BYTES

typedef enum http1_verdict (*stream_parse_fn)(const char *data, size_t len, size_t seen, void *ctx);

enum stream_verdict {
	STREAM_HEAD,      /* a head is complete */
	STREAM_MORE,      /* more bytes are needed */
	STREAM_BAD,       /* the parser refused it */
	STREAM_NO_MEMORY, /* no gather buffer was free */
};

/** Try to parse a head from the start of the stream. On STREAM_HEAD the head's strings stay valid
 *  until stream_forget_head() or stream_consume_head(). */
enum stream_verdict stream_parse(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx);

/** Drop empty lines before a head, also those of a bare LF (RFC 9112 §2.2). A CR stays until what
 * follows it is here. */
void stream_drop_empty_lines(struct stream *s);

/** Whether bytes of a head are here, beyond empty lines. @pre stream_drop_empty_lines() */
static inline bool stream_head_begun(const struct stream *s)
{
	return s->gather || s->chain.bytes > 1 ||
	       (s->chain.bytes == 1 && *rte_pktmbuf_mtod(s->chain.head, const char *) != '\r');
}

/** Parse again the head that stream_parse() found and that was not consumed. */
enum stream_verdict stream_parse_again(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx);

/** The strings of the head are not needed now; the head stays in the stream. */
static inline void stream_forget_head(struct stream *s, struct slab *heads)
{
	if (s->gather)
		slab_put(heads, s->gather);
	s->gather = NULL;
}

/** Drop the parsed head; what follows it stays in the chain. */
void stream_consume_head(struct stream *s, struct slab *heads, uint32_t head_bytes);

/**
 * Take the parsed head off, to keep it.
 * @param to    it is appended there
 * @param pool  for an mbuf that must be split
 * @return false when no mbuf was free: nothing changed
 */
bool stream_take_head(struct stream *s, struct slab *heads, uint32_t head_bytes, struct chain *to,
	struct rte_mempool *pool);
/** Put what was taken from its beginning, a head and what followed it, back; @p taken is empty
 *  then. */
void stream_put_back(struct stream *s, struct slab *heads, struct chain *taken);

/** Bytes received and not consumed. */
static inline uint32_t stream_bytes(const struct stream *s)
{
	return s->chain.bytes;
}

void stream_free(struct stream *s, struct slab *heads);

#endif
