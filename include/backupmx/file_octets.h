/*
 * file_octets.h - the octets of a file that was opened.
 */
#ifndef BACKUPMX_FILE_OCTETS_H
#define BACKUPMX_FILE_OCTETS_H

#include <stddef.h>

#include <sys/types.h>

/**
 * Reads from the beginning of the regular file fd until its end, at most size
 * octets; its offset is neither used nor moved.
 * @return how many, or -1 with errno
 */
ssize_t bmx_file_octets(int fd, char *data, size_t size);

#endif
