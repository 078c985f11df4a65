/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts and flows, see flow.h. Names say where a host is: clients outside, backends inside. */
#include "tests/wire/flow.h"

#include <stdio.h>
#include <stdlib.h>

#define IP(a, b, c, d)    ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define LISTENER_IP       IP(10, 0, 0, 1)
#define LISTENER_PORT     80
#define BACKEND_PORT      8080
#define CLIENT_PORT_FIRST 40001
#define ISN_FIRST         1000000

struct host *host_add(struct net_world *n, const char *name, uint32_t ip, uint8_t port)
{
	struct host *h = wire_alloc(sizeof(*h));

	h->name = name;
	h->ip = ip;
	h->port = port;
	h->mac[0] = 2;
	h->mac[3] = port;
	h->mac[4] = (uint8_t)(ip >> 8);
	h->mac[5] = (uint8_t)ip;
	h->next = n->hosts;
	n->hosts = h;
	return h;
}

void hosts_init(struct net_world *n)
{
	struct host *gateway;

	n->isn = ISN_FIRST;
	n->next_port = CLIENT_PORT_FIRST;
	gateway = host_add(n, "gateway", IP(10, 0, 0, 254), OUTSIDE);
	/* Somebody far away: frames towards it go to the gateway. */
	memcpy(host_add(n, "stranger", IP(203, 0, 113, 5), OUTSIDE)->mac, gateway->mac, 6);
	for (unsigned i = 1; i <= 3; i++)
		host_add(n, wire_text("backend%u", i), IP(10, 0, 1, 10 + i), INSIDE);
}

struct host *host_find(struct net_world *n, const char *name)
{
	unsigned number = 1;
	char rest;

	for (struct host *h = n->hosts; h; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h;
	if (strcmp(name, "client") != 0 &&
		(sscanf(name, "client%3u%c", &number, &rest) != 1 || number > 150))
		return NULL;
	return host_add(n, name, IP(10, 0, 0, 100 + number), OUTSIDE);
}

struct host *host_by_ip(struct net_world *n, uint32_t ip)
{
	struct host *h = n->hosts;

	while (h && h->ip != ip)
		h = h->next;
	return h;
}

struct flow *flow_add(struct net_world *n, const char *name, struct host *host)
{
	struct flow *f = wire_alloc(sizeof(*f)), **last = &n->flows;

	f->name = name;
	f->host = host;
	f->peer_isn = n->isn;
	n->isn += 1000000;
	if (host->port == OUTSIDE) {
		f->sut_ip = LISTENER_IP;
		f->sut_port = LISTENER_PORT;
		f->peer_port = n->next_port++;
		f->bound = true;
	} else {
		f->peer_port = BACKEND_PORT;
	}
	while (*last)
		last = &(*last)->next;
	*last = f;
	return f;
}

struct flow *flow_get(struct net_world *n, const char *name)
{
	const char *colon = strchr(name, ':');
	char *host_name = wire_text("%s", name);
	struct host *host;

	for (struct flow *f = n->flows; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	if (colon)
		host_name[colon - name] = '\0';
	host = host_find(n, host_name);
	if (!host)
		wire_fail("unknown host %s", host_name);
	return flow_add(n, name, host);
}

struct flow *flow_find(struct net_world *n, uint32_t sut_ip, uint16_t sut_port, uint32_t peer_ip,
	uint16_t peer_port)
{
	struct flow *found = NULL;

	/* The latest: a port may be used again. */
	for (struct flow *f = n->flows; f; f = f->next)
		if (f->bound && f->host->ip == peer_ip && f->peer_port == peer_port &&
			f->sut_ip == sut_ip && f->sut_port == sut_port)
			found = f;
	return found;
}
