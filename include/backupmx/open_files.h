/*
 * open_files.h - how many descriptors the process may have open.
 */
#ifndef BACKUPMX_OPEN_FILES_H
#define BACKUPMX_OPEN_FILES_H

#include <stddef.h>

/**
 * Raises the soft limit of open files to wanted, as far as the hard limit
 * lets it; a higher one stays. What cannot be raised is no error.
 * @return the limit now in force, or 0 when it cannot be told
 */
size_t bmx_open_files_raise(size_t wanted);

#endif
