/* SPDX-License-Identifier: Apache-2.0 */
/* Connections with TLS, and how connections end; see transport.h. */
#include "dataplane/proxy/transport.h"

/* Send what TLS has made: handshake messages, alerts, records. */
static void transport_flush(struct transport *t)
{
	struct rte_mbuf *out = tls_output(t->tls);

	if (out)
		tcp_send(t->tcp, out);
}

bool transport_accept(
	struct transport *t, struct tcp_conn *tcp, struct tls_contexts *contexts, uint32_t listener)
{
	*t = (struct transport){ tcp, contexts ? tls_conn_create(contexts, listener) : NULL };
	return t->tls || !contexts;
}

bool transport_verify(struct transport *t, struct tls_contexts *contexts, uint32_t peer,
	uint32_t slot, const struct ip_addr *remote)
{
	t->tls = tls_conn_connect(contexts, peer, slot, remote);
	return t->tls != NULL;
}

void transport_greet(struct transport *t)
{
	transport_flush(t);
}

enum transport_read transport_decrypt(
	struct transport *t, struct rte_mbuf *ciphertext, struct chain *to)
{
	const enum tls_state before = tls_state(t->tls);
	struct rte_mbuf *clear = NULL;
	const enum tls_state after = tls_input(t->tls, ciphertext, &clear);

	if (clear)
		chain_put(to, clear);
	if (unlikely(tls_clear_http(t->tls))) {
		transport_forget_tls(t);
		return TRANSPORT_CLEAR;
	}
	transport_flush(t);
	/* Tickets and the like are no response that came too early. */
	if (!clear && tcp_unasked(t->tcp) && tls_held_bytes(t->tls) == 0)
		tcp_ask_on(t->tcp);
	if (after == TLS_FAILED)
		return before == TLS_HANDSHAKE ? TRANSPORT_REFUSED : TRANSPORT_CORRUPTED;
	return before == TLS_HANDSHAKE && after != TLS_HANDSHAKE ? TRANSPORT_OPENED
								 : TRANSPORT_BYTES;
}

int transport_encrypt(struct transport *t, struct rte_mbuf *chain, uint64_t now_ns)
{
	const int error = tls_write(t->tls, chain, now_ns);

	if (!error)
		transport_flush(t);
	return error;
}

bool transport_settle(struct transport *t)
{
	struct chain content = { NULL };
	bool quiet;

	while (transport_read(t, UINT32_MAX, &content) != TRANSPORT_NOTHING) {
	}
	quiet = content.bytes == 0 && tls_state(t->tls) == TLS_OPEN && tls_held_bytes(t->tls) == 0;
	chain_free(&content);
	return quiet && tcp_quiet(t->tcp);
}

uint32_t transport_discard(struct transport *t)
{
	struct rte_mbuf *m = tcp_recv(t->tcp);
	uint32_t bytes;

	if (!m)
		return 0;
	bytes = m->pkt_len;
	tcp_recv_credit(t->tcp, bytes);
	rte_pktmbuf_free(m);
	return bytes;
}

uint32_t transport_held_bytes(const struct transport *t)
{
	return tcp_recv_pending(t->tcp) + (t->tls ? tls_held_bytes(t->tls) : 0);
}

uint32_t transport_held_mbufs(const struct transport *t)
{
	return tcp_mbufs(t->tcp) + (t->tls ? tls_held_mbufs(t->tls) : 0);
}

const char *transport_failure(const struct transport *t)
{
	return tls_state(t->tls) == TLS_FAILED ? tls_failure(t->tls)
					       : "closed during the handshake";
}

void transport_forget_tls(struct transport *t)
{
	if (t->tls)
		tls_conn_destroy(t->tls);
	t->tls = NULL;
}

void transport_close(struct transport *t)
{
	if (t->tls) {
		tls_shutdown(t->tls);
		transport_flush(t);
		/* What was taken of a record is not kept while the peer reads. */
		transport_forget_tls(t);
	}
	tcp_close(t->tcp);
}

void transport_end(struct transport *t)
{
	if (t->tls) {
		tls_shutdown(t->tls);
		transport_flush(t);
	}
	tcp_close(t->tcp);
}

void transport_let_go(struct transport *t)
{
	if (unlikely(t->tls)) {
		tls_shutdown(t->tls);
		transport_flush(t);
		transport_forget_tls(t);
	}
	tcp_set_user(t->tcp, NULL);
	tcp_close_both(t->tcp);
}

void transport_abort(struct transport *t)
{
	transport_forget_tls(t);
	tcp_abort(t->tcp);
}
