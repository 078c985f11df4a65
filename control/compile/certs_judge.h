/* SPDX-License-Identifier: Apache-2.0 */
/* Whether clients can use a certificate: tried, not guessed. */
#ifndef SLUICE_CONTROL_COMPILE_CERTS_JUDGE_H
#define SLUICE_CONTROL_COMPILE_CERTS_JUDGE_H

#include "control/compile/certs.h"

struct certs_judge;

/** @return NULL without memory */
struct certs_judge *certs_judge_new(void);
void certs_judge_free(struct certs_judge *judge);

/**
 * Serve with @p cert as the dataplane does and shake hands with a client in memory; look at the
 * order and the end of its chain. @p cert was read without a mistake.
 */
void certs_judge(struct certs_judge *judge, const struct cfg_certificate *setting,
	const struct cert *cert, struct mistakes *mistakes);

/** Warn of hosts of an API that no certificate of a listener names: its clients refuse the
 * answer. */
void certs_judge_hosts(
	const struct config *config, const struct certs *certs, struct mistakes *mistakes);

#endif
