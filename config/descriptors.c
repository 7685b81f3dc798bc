/*
 * Only the soft limit is touched: the hard one is the operator's, and the remedy names where it is
 * set.
 */
#include "config/descriptors.h"

#include <inttypes.h>
#include <sys/resource.h>

uint64_t descriptors_raise(uint64_t needed)
{
	struct rlimit limit, more;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return needed; /* cannot fail for this process */
	more = limit;
	more.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
	if (limit.rlim_cur < more.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) == 0)
		limit = more;
	return limit.rlim_cur;
}

int descriptors_require(uint64_t needed, const char *setting, int64_t value, struct err *e)
{
	uint64_t have = descriptors_raise(needed);

	if (have >= needed)
		return 0;
	return err_set(e, ERR_CONFLICT,
		"%s = %" PRId64 " needs %" PRIu64 " open files, the limit is %" PRIu64
		": raise LimitNOFILE= of the unit (ulimit -n), or lower %s",
		setting, value, needed, have, setting);
}
