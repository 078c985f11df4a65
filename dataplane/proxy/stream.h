/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Received bytes that wait to be understood. A head that lies in one mbuf, as nearly all do, is parsed
 * where it is; one that spans several is gathered into a buffer, each byte copied once, and the mbufs it
 * came in are freed.
 */
#ifndef SLUICE_DATAPLANE_PROXY_STREAM_H
#define SLUICE_DATAPLANE_PROXY_STREAM_H

#include "dataplane/http/http1.h"
#include "dataplane/proxy/chain.h"
#include "dataplane/proxy/slab.h"

struct stream {
	struct chain chain;
	char *gather;      /* from the slab of heads; NULL while the first mbuf is enough */
	uint32_t gathered; /* bytes in it; the chain's first mbuf is the last one copied */
	uint32_t seen;     /* bytes that the parser looked at */
};

/* Room for the longest head and the mbuf that ends it. */
#define STREAM_GATHER_BYTES(head_bytes_max) ((head_bytes_max) + 4096)

typedef enum http1_verdict (*stream_parse_fn)(const char *data, size_t len, size_t seen, void *ctx);

/** What stream_parse() returns when no gather buffer was free. */
#define STREAM_NO_MEMORY ((enum http1_verdict)99)

/** Try to parse a head from the start of the stream. On HTTP1_DONE the head's strings stay valid until
 *  stream_consume_head(). */
enum http1_verdict stream_parse(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx);

/** Parse again the head that stream_parse() found and that was not consumed. */
enum http1_verdict stream_parse_again(struct stream *s, stream_parse_fn parse, void *ctx);

/** Drop the parsed head; what follows it stays in the chain. */
void stream_consume_head(struct stream *s, struct slab *heads, uint32_t head_bytes);

/** Bytes received and not consumed. */
static inline uint32_t stream_bytes(const struct stream *s)
{
	return s->gather ? s->gathered + s->chain.bytes -
				   (s->chain.head ? s->chain.head->data_len : 0)
			 : s->chain.bytes;
}

void stream_free(struct stream *s, struct slab *heads);

#endif
