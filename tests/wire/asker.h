/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage of the tests' own (dataplane/pipeline/hooks.h): it asks about each request whose path
 * begins with "/ask", and is answered when and as a script wants it: in time, late, twice, never,
 * or not at all because what would answer is dead.
 *
 *   config asker T [otherwise=next]  before the first packet: a request waits T at most, and is then
 *                                   refused, or goes on
 *   answer N allow|deny|reset       the question that was asked as the N-th
 *   asker dead · asker alive
 *   expect questions N · expect ended N   so many since the last look; exchanges that ended
 */
#ifndef SLUICE_TESTS_WIRE_ASKER_H
#define SLUICE_TESTS_WIRE_ASKER_H

#include "dataplane/pipeline/hooks.h"
#include "tests/wire/run.h"

/** Ready for a script, which may not ask. */
void asker_begin(void);
/** "config asker …" */
void asker_config(struct proxy_config *config, struct cursor *c);
/** "answer …", "asker …". @return false when the line is none */
bool asker_statement(struct run *run, struct cursor *c);
/** Questions, and exchanges that ended, since the last look. */
uint64_t asker_questions(void);
uint64_t asker_ended(void);

#endif
