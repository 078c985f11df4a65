/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ejection: an endpoint that refused a connection, or did not accept it in time, is not chosen until
 * it accepts one that is no request's (a probe). One probe is due in each ejection time, which is
 * the backend's `retry_after`. For each worker by itself.
 */
#ifndef SLUICE_DATAPLANE_BACKEND_EJECT_H
#define SLUICE_DATAPLANE_BACKEND_EJECT_H

#include "dataplane/backend/balance.h"

/**
 * The endpoint refused a connection or did not accept it in time: it is ejected until
 * eject_succeeded().
 * @param endpoint  index into SNAP_ENDPOINTS, as in the following
 * @param silent    it did not answer
 * @return true when it was not ejected before
 */
bool eject_failed(struct balance *balance, uint32_t endpoint, bool silent, uint64_t now_ns);

/** The endpoint accepted a connection. */
void eject_succeeded(struct balance *balance, uint32_t endpoint);

/** @return 0 for an endpoint that is not ejected; else the time of its probe, which has passed while
 *          the probe is under way */
uint64_t eject_until(const struct balance *balance, uint32_t endpoint);

/**
 * An ejected endpoint whose probe is due, each once: connect to it, not for a request, and report
 * the result to eject_failed() or eject_succeeded(). Cheap while none is due.
 * @return its slot, or SNAP_NONE when no other is due
 */
uint32_t eject_probe(struct balance *balance, uint64_t now_ns);

#endif
