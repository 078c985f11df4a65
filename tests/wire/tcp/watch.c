/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps hold of the stack that the worker makes: the linker leads calls of tcp_stack_create() and
 * tcp_stack_destroy() here (-Wl,--wrap), so that every turn of every script can be followed by the
 * stack's own check of itself.
 */
#include "tests/wire/tcp/watch.h"

#include "dataplane/tcp/tcp_priv.h"

static struct tcp_stack *stack;

struct tcp_stack *__real_tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx);
struct tcp_stack *__wrap_tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx);
void __real_tcp_stack_destroy(struct tcp_stack *s);
void __wrap_tcp_stack_destroy(struct tcp_stack *s);

struct tcp_stack *__wrap_tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx)
{
	stack = __real_tcp_stack_create(config, net, ops, ctx);
	return stack;
}

void __wrap_tcp_stack_destroy(struct tcp_stack *s)
{
	stack = NULL;
	__real_tcp_stack_destroy(s);
}

const char *watch_check(void)
{
	return stack ? tcp_stack_check(stack) : NULL;
}

uint32_t watch_conns(void)
{
	return stack ? stack->conn_count : 0;
}
