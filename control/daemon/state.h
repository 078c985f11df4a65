/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept over a restart of sluice-control. Which file was applied last: a restart that went back to
 * --config would take routes away that `sluicectl apply OTHER` had brought. And what was changed by command.
 */
#ifndef SLUICE_CONTROL_DAEMON_STATE_H
#define SLUICE_CONTROL_DAEMON_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STATE_DEFAULT_FOLDER "/var/lib/sluice"
#define STATE_WHY_BYTES      256

/** The folder for a control process with this socket: several on one machine have their own.
 *  @return owned by the caller, NULL without memory */
char *state_folder(const char *control_socket);

/**
 * Make the folder, for control's user alone, while there may be the privilege for it.
 * @param uid  its owner, with @p gid; -1: ours
 * @param why  filled on failure; STATE_WHY_BYTES
 * @return 0 or -errno
 */
int state_make_folder(const char *folder, uid_t uid, gid_t gid, char *why);

/** The same file by whatever name; a file that is gone is the same as its own name only. */
bool state_same_file(const char *a, const char *b);

/**
 * Which file a control process that is started with @p started_with is to read.
 * @param why  filled on failure, when there is a record that cannot be read: STATE_WHY_BYTES
 * @return its name, owned by the caller; NULL for @p started_with itself, with why[0] == 0 when
 * that
 *         is no failure
 */
char *state_recall(const char *folder, const char *started_with, char *why);

/**
 * Remember that @p config was applied by a control process that was started with @p started_with.
 * When both are the same file there is nothing to remember. The record is whole or the one before.
 * @return 0 or -errno with @p why filled
 */
int state_remember(const char *folder, const char *started_with, const char *config, char *why);

/**
 * Read a file of JSON from the folder.
 * @param why  STATE_WHY_BYTES; empty when there is no such file
 * @return owned by the caller; NULL when there is none or, with why[0] set, when it cannot be read
 */
json_t *state_read(const char *folder, const char *name, char *why);

/** Write a file into the folder, whole or the one before stays. @return 0 or -errno with @p why filled */
int state_write_file(const char *folder, const char *name, const char *text, char *why);

#endif
