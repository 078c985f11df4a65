/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a bench's configuration names. */
#ifndef SLUICE_BENCH_COMMON_WORLD_PRIV_H
#define SLUICE_BENCH_COMMON_WORLD_PRIV_H

#include <stdio.h>

#define WORLD_PATH_BYTES 32

/** A new file without a name, to be written; it is there until it is closed. Ends the process where
 *  there is no memory. @param path  WORLD_PATH_BYTES: what a configuration calls it */
FILE *world_file(const char *name, char *path);

/** A new certificate and its key, in files that stay. @param cert, key  WORLD_PATH_BYTES: their
 *  paths */
void world_certificate(char *cert, char *key);

#endif
