/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 in scripts. Each side of the gateway has one family. A script's hosts are numbers that are
 * written as IPv4 addresses; where a side has IPv6, the host 10.0.0.1 is fd00::10.0.0.1, so that
 * one script holds for both families. Any other IPv6 address is written out, and has a number too.
 */
#ifndef SLUICE_TESTS_WIRE_SIX_H
#define SLUICE_TESTS_WIRE_SIX_H

#include "lib/base/ip.h"
#include "tests/wire/flow.h"
#include "tests/wire/text.h"

#define SIX_PREFIX_BITS 96

/** Which sides have IPv6. */
extern bool six_sides[PORTS];

/** Forget written-out addresses; @p both  the sides' family to begin with */
void six_init(bool both);
/** The side that a host's number belongs to. */
unsigned six_side(uint32_t id);
/** The address of a host, in the family of its side. */
struct ip_addr six_address(uint32_t id);
/** The IPv6 address of a host. */
struct ip_addr six_of(uint32_t id);
/** The number of an IPv6 address. @param bytes  16 */
uint32_t six_id(const uint8_t *bytes);
/** @return the number of an address of either family; fails the script when it is none */
uint32_t six_text(const char *text);
/** The address as scripts write it. */
char *six_show(uint32_t id);

#endif
