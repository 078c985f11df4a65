/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strings behind reason.def and drop.def. Numbers arrive from shared memory too, so that one out of
 * range gets a name instead of a crash.
 */
#include "lib/shm/reason.h"

struct reason_row {
	const char *name;
	const char *title;
	unsigned status;
};

static const struct reason_row reasons[REASON_COUNT] = {
#define REASON(NAME, name, status, title) [REASON_##NAME] = { #name, title, status },
#include "lib/shm/reason.def"
#undef REASON
};

struct drop_row {
	const char *name;
	const char *text;
};

static const struct drop_row drops[DROP_COUNT] = {
#define DROP(NAME, name, text) [DROP_##NAME] = { #name, text },
#include "lib/shm/drop.def"
#undef DROP
};

const char *reason_name(enum reason reason)
{
	return (unsigned)reason < REASON_COUNT ? reasons[reason].name : "unknown";
}

unsigned reason_status(enum reason reason)
{
	return (unsigned)reason < REASON_COUNT ? reasons[reason].status : 0;
}

const char *reason_title(enum reason reason)
{
	return (unsigned)reason < REASON_COUNT ? reasons[reason].title : "Unknown reason";
}

const char *drop_name(enum drop drop)
{
	return (unsigned)drop < DROP_COUNT ? drops[drop].name : "unknown";
}

const char *drop_text(enum drop drop)
{
	return (unsigned)drop < DROP_COUNT ? drops[drop].text : "unknown cause";
}
