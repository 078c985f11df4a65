/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps hold of the stacks that the workers make: the linker leads calls of tcp_stack_create() and
 * tcp_stack_destroy() here (-Wl,--wrap), so that every turn of every script can be followed by the
 * stack's own check of itself.
 */
#include "tests/wire/tcp/watch.h"

#include "dataplane/tcp/tcp_priv.h"

#define STACKS 4 /* one a worker */

static struct tcp_stack *stacks[STACKS];

struct tcp_stack *__real_tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx);
struct tcp_stack *__wrap_tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx);
void __real_tcp_stack_destroy(struct tcp_stack *s);
void __wrap_tcp_stack_destroy(struct tcp_stack *s);

struct tcp_stack *__wrap_tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx)
{
	struct tcp_stack *s = __real_tcp_stack_create(config, net, ops, ctx);

	stacks[config->worker_index % STACKS] = s;
	return s;
}

void __wrap_tcp_stack_destroy(struct tcp_stack *s)
{
	for (unsigned i = 0; i < STACKS; i++)
		if (stacks[i] == s)
			stacks[i] = NULL;
	__real_tcp_stack_destroy(s);
}

const char *watch_check(void)
{
	const char *why = NULL;

	for (unsigned i = 0; i < STACKS && !why; i++)
		why = stacks[i] ? tcp_stack_check(stacks[i]) : NULL;
	return why;
}

uint32_t watch_conns(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < STACKS; i++)
		n += stacks[i] ? stacks[i]->conn_count : 0;
	return n;
}
