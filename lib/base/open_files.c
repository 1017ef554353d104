#include <backupmx/open_files.h>

#include <sys/resource.h>

size_t
bmx_open_files_raise(size_t wanted)
{
	struct rlimit limit;
	rlim_t had;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur >= wanted)
		return (size_t)limit.rlim_cur;
	had = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	return (size_t)(setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur :
	                                                        had);
}
