/* SPDX-License-Identifier: Apache-2.0 */
/* The stage that asks a script, see asker.h. */
#include "tests/wire/asker.h"

#define QUESTIONS 64

enum answer { ANSWER_ALLOW = 1, ANSWER_DENY, ANSWER_RESET };

static struct {
	struct pipeline_hooks hooks;
	bool dead;
	uint64_t tickets[QUESTIONS];
	uint32_t asked, asked_seen;
	uint64_t ended, ended_seen;
	struct {
		uint64_t ticket, answer;
	} answers[QUESTIONS];
	uint32_t answered, taken; /* of answers[] */
} asker;

static bool asker_wants(const struct decision *d)
{
	return d->head->path.len >= 4 && memcmp(d->head->path.data, "/ask", 4) == 0;
}

static void asker_request(void *ctx, struct burst *b, uint32_t mask)
{
	while (mask) {
		const uint32_t i = burst_first(&mask);
		const struct decision *d = &b->decisions[i];

		if (!asker_wants(d))
			continue;
		if (d->asked == DECISION_NOT_ASKED)
			burst_wait(b, i);
		else if (d->answer == ANSWER_DENY)
			burst_reply(b, i, REASON_API_NOT_IN_PLAN);
		else if (d->answer == ANSWER_RESET)
			burst_reset(b, i, REASON_OVERLOADED);
	}
}

static bool asker_ask(void *ctx, const struct decision *d, uint64_t ticket)
{
	if (asker.dead || asker.asked == QUESTIONS)
		return false;
	asker.tickets[asker.asked++] = ticket;
	return true;
}

static bool asker_answer(void *ctx, uint64_t *ticket, uint64_t *answer)
{
	if (asker.taken == asker.answered)
		return false;
	*ticket = asker.answers[asker.taken].ticket;
	*answer = asker.answers[asker.taken++].answer;
	return true;
}

static void asker_end(void *ctx, enum reason why)
{
	asker.ended++;
}

void asker_begin(void)
{
	memset(&asker, 0, sizeof(asker));
}

void asker_config(struct proxy_config *config, struct cursor *c)
{
	asker.hooks = (struct pipeline_hooks){ .wait_ms = (uint32_t)(cursor_time(c) / 1000000),
		.otherwise = cursor_word(c, "otherwise=next") ? REASON_PROXIED : REASON_OVERLOADED,
		.request = asker_request,
		.ask = asker_ask,
		.answer = asker_answer,
		.end = asker_end };
	config->hooks = &asker.hooks;
	if (!config->wait_limit)
		config->wait_limit = QUESTIONS;
}

static void asker_reply(struct run *run, struct cursor *c)
{
	const uint64_t number = cursor_number(c, "question");
	uint64_t answer;

	if (number == 0 || number > asker.asked)
		wire_fail("there is no question %lu", number);
	if (asker.answered == QUESTIONS)
		wire_fail("more answers than there is room for");
	if (cursor_word(c, "allow"))
		answer = ANSWER_ALLOW;
	else if (cursor_word(c, "deny"))
		answer = ANSWER_DENY;
	else if (cursor_word(c, "reset"))
		answer = ANSWER_RESET;
	else
		wire_fail("answer N allow|deny|reset");
	run_wait(run);
	asker.answers[asker.answered].ticket = asker.tickets[number - 1];
	asker.answers[asker.answered++].answer = answer;
	world_settle(run->w);
}

bool asker_statement(struct run *run, struct cursor *c)
{
	if (cursor_word(c, "answer")) {
		asker_reply(run, c);
	} else if (cursor_word(c, "asker")) {
		run_wait(run);
		asker.dead = cursor_word(c, "dead");
		if (!asker.dead && !cursor_word(c, "alive"))
			wire_fail("asker dead|alive");
	} else {
		return false;
	}
	return true;
}

uint64_t asker_questions(void)
{
	const uint32_t before = asker.asked_seen;

	asker.asked_seen = asker.asked;
	return asker.asked - before;
}

uint64_t asker_ended(void)
{
	const uint64_t before = asker.ended_seen;

	asker.ended_seen = asker.ended;
	return asker.ended - before;
}
