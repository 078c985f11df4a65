/* SPDX-License-Identifier: Apache-2.0 */
/* Methods (RFC 9110 §9): the gateway knows them by number; texts are for the wire and for people. */
#ifndef SLUICE_DATAPLANE_HTTP_METHODS_H
#define SLUICE_DATAPLANE_HTTP_METHODS_H

#include <string.h>

#include "dataplane/http/message.h"

/** The method of a name, whose case counts; HTTP_OTHER for one that is not known. */
static inline uint8_t http_method_find(struct str name)
{
	static const struct {
		char name[8];
		uint8_t len;
		uint8_t id;
	} methods[] = {
		{ "GET", 3, HTTP_GET },
		{ "POST", 4, HTTP_POST },
		{ "PUT", 3, HTTP_PUT },
		{ "DELETE", 6, HTTP_DELETE },
		{ "PATCH", 5, HTTP_PATCH },
		{ "HEAD", 4, HTTP_HEAD },
		{ "OPTIONS", 7, HTTP_OPTIONS },
		{ "TRACE", 5, HTTP_TRACE },
		{ "CONNECT", 7, HTTP_CONNECT },
	};

	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (name.len == methods[i].len && memcmp(name.data, methods[i].name, name.len) == 0)
			return methods[i].id;
	return HTTP_OTHER;
}

/** The name of an enum http_method; NULL for HTTP_OTHER and what is none. */
const char *http_method_name(unsigned method);

/**
 * Write a list of methods as Allow has it: "GET, PUT".
 * @param methods  bits 1 << enum http_method
 * @param out      HTTP_METHODS_BYTES
 * @return the list, in @p out
 */
#define HTTP_METHODS_BYTES 80
struct str http_method_list(uint32_t methods, char *out);

#endif
