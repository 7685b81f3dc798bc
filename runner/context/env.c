/*
 * Later layers win, and PATH is not a layer but a list: folders that steps add go before whatever
 * PATH is by then, the author's own included. The runner's defaults come first so that a workflow
 * can replace any of them; nothing here reads this process's own environment. The box itself adds
 * what else the image sets, so only those of its variables stand here that have a default.
 */
#include "runner/context/env.h"

#include "base/limits.h"
#include "engine/step_box.h"

/* What the image says, else the default. */
static void set_of_image(
	struct pairs *p, const struct image *image, const char *name, const char *otherwise)
{
	const char *value = pairs_get(&image->env, name);

	pairs_set(p, name, value ? value : otherwise);
}

static void defaults(const struct shithub_facts *f, const struct image *image, struct pairs *p)
{
	const char *home = image_home(image);

	set_of_image(
		p, image, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	set_of_image(p, image, "LANG", "C.UTF-8");
	pairs_set(p, "HOME", home ? home : BOX_HOME);
	pairs_set(p, "CI", "true");
	shithub_variables(f, p);
}

static void merge(struct pairs *into, const struct pairs *from)
{
	for (size_t i = 0; i < from->n; i++)
		pairs_set(into, from->v[i].key, from->v[i].value);
}

/* SHITHUB_PATH of earlier steps comes before whatever PATH is by now. */
static void prepend_path(const struct strv *dirs, struct pairs *p)
{
	struct buf path = BUF_INIT(LIMIT_ENV_BYTES);

	strv_each (dir, dirs)
		buf_addf(&path, "%s:", dir);
	if (path.len) {
		buf_adds(&path, pairs_get(p, "PATH"));
		pairs_set(p, "PATH", buf_cstr(&path));
	}
	buf_release(&path);
}

void step_env(const struct shithub_facts *f, const struct image *image, const struct job_values *v,
	const struct pairs *own, struct strv *ret)
{
	CLEANUP(pairs_release) struct pairs all = { 0 };

	defaults(f, image, &all);
	merge(&all, &v->job_env.pairs);
	merge(&all, &v->env);
	merge(&all, own);
	shithub_file_variables(f, &all);
	prepend_path(&v->path, &all);
	for (size_t i = 0; i < all.n; i++)
		strv_addf(ret, "%s=%s", all.v[i].key, all.v[i].value);
}
