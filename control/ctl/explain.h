/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl explain: what its parts share. */
#ifndef SLUICE_CONTROL_CTL_EXPLAIN_H
#define SLUICE_CONTROL_CTL_EXPLAIN_H

#include "control/ctl/ctl.h"
#include "dataplane/http/h1/http1.h"
#include "dataplane/pipeline/pipeline.h"

#define EXPLAIN_HEAD_BYTES (128 * 1024)

/* Where the configuration comes from: a running dataplane, or a file. */
struct explain_source {
	struct link_client link; /* fd -1: none */
	struct snapshot snapshot;
	const struct snapshot *s; /* the one to explain with */
	struct usage *usage;      /* NULL without a dataplane */
};

/** @return 0, or -errno after saying why on standard error */
int explain_open(const struct ctl *ctl, struct explain_source *out);
void explain_close(struct explain_source *source);

/* What was asked. All texts point into the command line. */
struct explain_request {
	struct str method, scheme, host, target; /* target: from the path's slash on */
	struct str authority;                    /* host with its port, as written */
	uint16_t port;
	bool tls;
};

/** Take "GET https://host/path" apart. @return 0 or -EINVAL */
int explain_parse(const char *text, struct explain_request *out);

/**
 * Write the request as it would be sent, and parse it with the dataplane's own parser.
 * @param credential  where the key goes (index into SNAP_CREDENTIALS), or SNAP_NONE
 * @param buf         EXPLAIN_HEAD_BYTES
 * @return REASON_PROXIED, or why it is refused
 */
enum reason explain_head(const struct ctl *ctl, const struct snapshot *s,
	const struct explain_request *request, uint32_t credential, char *buf,
	struct http1_head *head);

/* One explanation in the making. */
struct explain {
	const struct ctl *ctl;
	const struct explain_source *source;
	const struct snapshot *s;
	struct explain_request request;
	json_t *out, *steps;
	uint32_t listener;        /* index, or SNAP_NONE */
	struct decision decision; /* what the stages found out */
};

/** Add a step: what was decided, and why. */
__attribute__((format(printf, 3, 4))) void explain_step(
	struct explain *e, const char *name, const char *format, ...);

/** Run the workers' stages over the request, and tell what each decided: e->decision.
 *  @param head  stays as it is until the explanation ends */
void explain_stages(struct explain *e, const struct http_head *head);

/** Free what e->decision points into. After explain_stages(), which may have failed. */
void explain_stages_end(void);

/* What a stage decided: called after it, with e->decision as it left it. */
#define PIPELINE_STAGE(NAME, name, text) void explain_##name(struct explain *e);
#include "dataplane/pipeline/stage.def"
#undef PIPELINE_STAGE

/** Make the consumer that --consumer names the caller. @return false when there is none */
bool explain_take_consumer(struct explain *e);

/** The consumer that --consumer names, its plan, and how each limit stands. @return false when there is none */
bool explain_consumer(struct explain *e);

/** What the route changes of messages. @param path  as it was matched
 *  @return REASON_PROXIED, or why the request cannot be forwarded */
enum reason explain_edits(struct explain *e, struct str path);

#endif
