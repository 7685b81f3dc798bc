/*
 * Only a container of the image can say what the image has at its HOME, and only the step user may
 * write to the job's home. So the image's own cp does it, in a box in which both show.
 */
#include "runner/step/home.h"

#include "base/buf.h"
#include "base/limits.h"
#include "runner/step/box_capture.h"

/* An image without shell or cp, or a file that cannot be read, is no reason to fail a step. */
static const char script[] =
	"[ ! -d \"$HOME\" ] || cp -R -P -p \"$HOME/.\" \"$JOB_HOME/\" || exit 0\n";

int home_fill(struct job *j, struct err *e)
{
	CLEANUP(strv_release) struct strv env = { 0 };
	CLEAN_BUF struct buf said = BUF_INIT(KIB(4));

	if (!j->engine.home_wanted)
		return 0;
	j->engine.home_wanted = false;
	strv_addf(&env, "HOME=%s", image_home(&j->engine.image));
	strv_add(&env, "JOB_HOME=" BOX_HOME);
	if (box_capture_beside(j, script, &env, &said, e) < 0) {
		if (!err_is(e, ERR_INPUT))
			return err_wrap(e, "copy of the image's HOME");
		err_clear(e); /* it has no shell */
	}
	if (said.len)
		trace("job", "copy of the image's HOME: %s", buf_cstr(&said));
	return 0;
}
