/* SPDX-License-Identifier: Apache-2.0 */
/* What sluice-control says about itself. The dataplane's state is read from its memory by
 * sluicectl. */
#include <unistd.h>

#include "control/daemon/daemon.h"

/* What is under way, and how many applies wait for it; null when nothing is. */
static json_t *status_under_way(const struct daemon *d)
{
	const char *step = daemon_step(d);

	if (!step)
		return json_null();
	return json_pack("{s:s, s:s?, s:i}", "step", step, "file",
		d->changing.step ? NULL : d->subject, "queued", (int)daemon_applies_queued(d));
}

/* What workers asked, since the start. */
static json_t *status_questions(const struct daemon *d)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "answered", (json_int_t)d->asks.answered, "late",
		(json_int_t)d->asks.late, "damaged", (json_int_t)d->asks.damaged, "lost",
		(json_int_t)d->asks.lost);
}

json_t *daemon_status(const struct daemon *d, bool own)
{
	json_t *mistakes = own ? d->mistakes : d->mistakes_bare;
	const char *state = !d->attached            ? "waiting for a dataplane"
			    : d->reading || d->sent ? "applying"
			    : d->changed            ? "not applied"
						    : "applied";

	return json_pack("{s:i, s:s, s:s, s:s?, s:s, s:o, s:b, s:I, s:I, s:s?, s:o, s:o, s:o, s:i}",
		"pid", (int)getpid(), "config", d->config, "started_with", d->options.config,
		"not_recalled", d->not_recalled[0] ? d->not_recalled : NULL, "state", state,
		"under_way", status_under_way(d), "attached", d->attached, "generation",
		(json_int_t)(d->has_ran ? d->ran.snapshot.generation : 0), "applied_at",
		(json_int_t)d->applied_real_s, "refusal", d->refusal[0] ? d->refusal : NULL,
		"mistakes", mistakes ? json_incref(mistakes) : json_array(), "access_log",
		json_pack("{s:s?, s:I, s:I, s:I, s:b}", "path", d->log.path, "written",
			(json_int_t)d->log.written, "lost", (json_int_t)d->log.lost, "dropped",
			(json_int_t)d->dropped_seen, "failing", d->log.failing),
		"questions", status_questions(d), "changes", (int)d->changes.count);
}
