/* SPDX-License-Identifier: Apache-2.0 */
/* The reference peer's loop: what arrives, then what is due for each connection. See model.h. */
#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

bool model_init(struct sim_side *side)
{
	side->model = calloc(1, sizeof(*side->model));
	return side->model != NULL;
}

void model_fini(struct sim_side *side)
{
	if (side->model == NULL)
		return;
	for (unsigned i = 0; i < SIM_FLOWS; i++)
		free(side->model->conns[i].have);
	free(side->model);
	side->model = NULL;
}

uint16_t model_port(const struct sim_flow *f)
{
	return model_conn(f)->local_port;
}

void model_connect(struct sim_side *side, uint64_t now_ns)
{
	struct world *w = side->world;

	side->model->now_ns = now_ns;
	for (unsigned i = 0; i < w->o.flows; i++) {
		struct sim_flow *f = &side->flows[i];
		struct model_conn *c = model_conn(f);

		f->used = true;
		*c = (struct model_conn){ .flow = f,
			.state = MODEL_SYN_SENT,
			.local_port = (uint16_t)(20000 + sim_pick(w, 1000) * SIM_FLOWS + i),
			.remote_port = SIM_PORT,
			.iss = sim_pick(w, UINT32_MAX),
			.top = 1,
			.rtx_ns = now_ns,
			.ack_ns = MODEL_NEVER,
			.take_ns = MODEL_NEVER,
			.heard_ns = now_ns };
		c->ts_first = model_clock_ms(c);
	}
}

/* The application reads everything at once, some time after it came. */
static void model_take(struct model_conn *c, uint64_t now_ns)
{
	const struct scenario *o = &c->flow->side->world->o;

	if (c->take_ns <= now_ns) {
		c->taken = c->rcv;
		c->take_ns = MODEL_NEVER;
	}
	if (c->taken < c->rcv && c->take_ns == MODEL_NEVER)
		c->take_ns = now_ns + SCENARIO_OF(o, read_us, c->flow->side->index) * 1000;
}

/* Closed in both directions: whoever waits for more does so in MODEL_DONE. */
static void model_finish(struct model_conn *c)
{
	struct sim_flow *f = c->flow;

	if (c->state != MODEL_OPEN || !f->eof || c->una != model_end(c) + 1)
		return;
	c->state = MODEL_DONE;
	f->ended = true;
	f->end = TCP_END_CLOSED;
	f->ended_ns = f->side->world->now_ns;
}

uint64_t model_loop(struct sim_side *side, uint64_t now_ns)
{
	struct rte_mbuf *segs[PORT_RX_BURST];
	uint16_t n = fake_net_receive(&side->net, segs, PORT_RX_BURST);
	uint64_t next = MODEL_NEVER;

	side->model->now_ns = now_ns;
	for (uint16_t i = 0; i < n; i++) {
		model_segment(side, segs[i]);
		rte_pktmbuf_free(segs[i]);
	}
	for (unsigned i = 0; i < side->world->o.flows; i++) {
		struct model_conn *c = &side->model->conns[i];
		uint64_t at;

		if (c->state == MODEL_FREE || c->state == MODEL_DEAD)
			continue;
		model_take(c, now_ns);
		at = model_output(c);
		model_finish(c);
		if (c->state == MODEL_DONE || c->state == MODEL_DEAD)
			continue;
		at = c->take_ns < at ? c->take_ns : at;
		next = at < next ? at : next;
	}
	return next;
}
