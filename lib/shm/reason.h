/* SPDX-License-Identifier: Apache-2.0 */
/* Why requests end and packets are dropped: the enums behind reason.def and drop.def. */
#ifndef SLUICE_LIB_SHM_REASON_H
#define SLUICE_LIB_SHM_REASON_H

enum reason {
#define REASON(NAME, name, status, title) REASON_##NAME,
#include "lib/shm/reason.def"
#undef REASON
	REASON_COUNT
};

enum drop {
#define DROP(NAME, name, text) DROP_##NAME,
#include "lib/shm/drop.def"
#undef DROP
	DROP_COUNT
};

/* The columns of reason.def; strings have static lifetime. */
const char *reason_name(enum reason reason);
unsigned reason_status(enum reason reason);
const char *reason_title(enum reason reason);

const char *drop_name(enum drop drop);
const char *drop_text(enum drop drop);

#endif
