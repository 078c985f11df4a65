/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages that make no sense without a worker around them: IP and TCP in and out, per request of
 * four segments with data, through the self-driven port.
 */
#include "bench/micro/micro.h"
#include "bench/self/l7_case.h"

void micro_worker(struct micro *m)
{
	static const struct {
		enum stage stage;
		const char *name;
	} rows[] = { { STAGE_NET, "IP in, of a plain request" },
		{ STAGE_TCP_IN, "TCP in, of a plain request" },
		{ STAGE_PROXY, "proxy, of a plain request" },
		{ STAGE_TCP_OUT, "TCP and IP out, of a plain request" } };
	double stage[STAGE_COUNT];
	bool wanted = false;

	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		wanted |= micro_wanted(m, rows[i].name);
	if (!wanted || !l7_stages(&l7_cases[0], m->quick ? 0.5 : 2, stage,
			       "IP and TCP, of a plain request", m->report))
		return;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		report_row(m->report, rows[i].name, "cycles", "", stage[rows[i].stage],
			REPORT_NO_TARGET);
		progress("  %-36s %9.1f", rows[i].name, stage[rows[i].stage]);
	}
}
