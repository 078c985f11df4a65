/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a listening UNIX socket. Both programs make theirs while they are root, beside each
 * other, and one of them runs on as another user: the folder is therefore opened once, its owner
 * checked, and all that follows goes through its descriptor and follows no link.
 */
#ifndef SLUICE_LIB_BASE_SOCKET_FILE_H
#define SLUICE_LIB_BASE_SOCKET_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct socket_file {
	const char *path;
	int type;    /* SOCK_STREAM or SOCK_SEQPACKET */
	mode_t mode; /* from the file's first moment */
	uid_t uid;   /* owner of the file; (uid_t)-1: ours */
	gid_t gid;   /* (gid_t)-1: ours */
};

/**
 * Make the socket, bind it and listen. A missing folder is made (one level, 0755); a file whose
 * listener died is replaced. The folder has to belong to root or to our user, and no other user may
 * be able to change what is in it. Called while the process has one thread: the umask is changed
 * for a moment.
 * @param why  on failure, a sentence about it; @p why_bytes of room
 * @return fd (non-blocking), -EADDRINUSE when a listener lives there or the file is no socket,
 * -EPERM for a folder
 * that others can change, -ETIMEDOUT when another process keeps the lock for five seconds, or
 * -errno
 */
int socket_file_listen(const struct socket_file *file, char *why, size_t why_bytes);

/** Remove the file of a socket that ends, as far as we may: a folder of root's keeps it until the
 * next start. */
void socket_file_remove(const char *path);

/** Change a socket's file, which is ours, later. @return 0 or -errno */
int socket_file_chmod(const char *path, mode_t mode);

#endif
