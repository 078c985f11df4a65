/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl: what its commands share. */
#ifndef SLUICE_CONTROL_CTL_CTL_H
#define SLUICE_CONTROL_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

/* Exit codes. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

#define CTL_HEADERS_MAX 32

/* The command line. */
struct ctl {
	const char *config;         /* --config, or NULL */
	const char *socket;         /* the dataplane's */
	const char *control_socket; /* sluice-control's */
	bool json;
	unsigned views;                       /* stats: bits 1 << enum stats_view */
	const char *consumer, *api, *backend; /* stats: only this one */
	const char *key;                      /* explain; never printed */
	const char *listener;
	const char *headers[CTL_HEADERS_MAX];
	unsigned header_count;
	const char *prefix;  /* key new */
	double interval;     /* top: seconds */
	unsigned long count; /* top: 0 for ever */
	char **arguments;    /* after the command */
	int argument_count;
};

/* Commands; each returns an exit code. */
int ctl_check(const struct ctl *ctl);
int ctl_key(const struct ctl *ctl);

#endif
