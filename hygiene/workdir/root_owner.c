/*
 * One small file decides whose root it is. It is written once and never taken over: a runner that
 * guessed wrong would delete another one's work.
 */
#include "hygiene/workdir/root_owner.h"

#include "base/fs.h"
#include "base/limits.h"
#include "state/state_dir.h"

int root_owner_check(const char *root, const char *state_dir, bool claim, struct err *e)
{
	CLEAN_STR char *mark = path_join(root, ".owner");
	CLEANUP(state_dir_release) struct state_dir state = STATE_DIR_INIT;
	CLEAN_BUF struct buf owner = BUF_INIT(KIB(1));

	if (state_dir_join(&state, state_dir, e) < 0)
		return -1;
	if (file_read(mark, &owner, e) < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
		return claim ? file_replace(
				       mark, state.instance_id, strlen(state.instance_id), 0600, e)
			     : 0;
	}
	if (str_eq(buf_cstr(&owner), state.instance_id))
		return 0;
	return err_set(e, ERR_CONFLICT,
		"%s belongs to another runner (%s does not name instance %s): give each runner its "
		"own runner.workspace_root, or remove that file if the other runner no longer "
		"exists",
		root, mark, state.instance_id);
}
