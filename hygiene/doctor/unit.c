/*
 * Finds and reads the runner's systemd unit. systemctl knows the merged result; where no systemd
 * runs (a container, a rescue system) the files are read in systemd's own order.
 */
#include <dirent.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "hygiene/doctor/inspect.h"

#define UNIT "shithubd-runner.service"
#define SHOW_US (10 * USEC_PER_SEC)

/* ---- reading ---- */

/* One "Key=value": a list grows with each line, an empty value empties it. */
static void take_line(char *line, struct pairs *ret)
{
	char *equals = strchr(line, '=');
	const char *before;

	if (!equals || equals == line)
		return;
	*equals = '\0';
	before = pairs_get(ret, line);
	if (str_empty(before) || !equals[1]) {
		pairs_set(ret, line, equals + 1);
		return;
	}
	CLEAN_STR char *both = xasprintf("%s %s", before, equals + 1);
	/* one value wins over another; only these are lists */
	bool list = str_ends(line, "Capabilities") || str_ends(line, "BoundingSet") ||
		    str_ends(line, "Filter") || str_ends(line, "Families");
	pairs_set(ret, line, list ? both : equals + 1);
}

/* Lines that end with a backslash go on in the next one. */
static char *join_lines(const char *text)
{
	char *all = xstrdup(text);

	for (char *p = all; (p = strstr(p, "\\\n"));)
		p[0] = p[1] = ' ';
	return all;
}

void doctor_read_unit(const char *text, struct pairs *ret)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	CLEAN_STR char *all = join_lines(text);
	bool ours = true; /* systemctl show has no sections */

	strv_split(&lines, all, '\n');
	for (size_t i = 0; i < lines.n; i++) {
		char *line = lines.v[i];

		if (line[0] == '[')
			ours = str_eq(line, "[Service]");
		else if (ours && line[0] != '#' && line[0] != ';')
			take_line(line, ret);
	}
}

/* ---- finding ---- */

static int read_file(const char *path, struct pairs *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));

	if (file_read(path, &text, e) < 0)
		return -1;
	doctor_read_unit(buf_cstr(&text), ret);
	return 0;
}

static void read_dropins(const char *dir, struct pairs *ret)
{
	CLEAN_STR char *folder = xasprintf("%s/" UNIT ".d", dir);
	CLEANUP(strv_release) struct strv names = { 0 };
	DIR *d = opendir(folder);
	struct err none = { 0 };

	if (!d)
		return;
	for (struct dirent *ent; (ent = readdir(d));)
		if (str_ends(ent->d_name, ".conf"))
			strv_add(&names, ent->d_name);
	closedir(d);
	strv_sort(&names);
	strv_each (name, &names) {
		CLEAN_STR char *path = path_join(folder, name);

		IGNORE_RESULT(
			read_file(path, ret, &none), "a unit without this file has an empty text");
	}
}

static void read_unit_file(struct unit_facts *u, const char *path)
{
	struct err e = { 0 };

	if (read_file(path, &u->value, &e) < 0) {
		inspection_failed(&u->inspection, e.text);
		return;
	}
	inspection_done(&u->inspection);
	u->source = xstrdup(path);
}

/* Where units stand, the one that wins first. */
static const char *const places[] = { "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system" };

static void find_installed(struct unit_facts *u)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEAN_STR char *path = xasprintf("%s/" UNIT, places[i]);

		if (access(path, F_OK) < 0)
			continue;
		read_unit_file(u, path);
		for (size_t k = ARRAY_LEN(places); k-- > 0;)
			read_dropins(places[k], &u->value);
		return;
	}
	inspection_skipped(&u->inspection, "no systemd runs here and " UNIT " is not installed");
}

/* ---- asking systemd ---- */

static int show(struct loop *l, const char *unit, struct buf *out, struct err *e)
{
	char *argv[] = { (char *)"systemctl", (char *)"show", (char *)"--no-pager", (char *)unit,
		NULL };
	struct proc_spec spec = { .argv = argv, .die_with_parent = true };
	int status;

	if (proc_run(l, &spec, NULL, 0, mono_add(mono_now(), SHOW_US), out, NULL, &status, e) < 0)
		return -1;
	return status == 0 ? 0 : err_set(e, ERR_IO, "systemctl show %s failed", unit);
}

static void ask_manager(struct unit_facts *u, struct loop *l, const char *unit)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e = { 0 };

	if (show(l, unit, &text, &e) < 0) {
		inspection_failed(&u->inspection, e.text);
		return;
	}
	doctor_read_unit(buf_cstr(&text), &u->value);
	if (!str_eq(pairs_get(&u->value, "LoadState"), "loaded")) {
		pairs_release(&u->value);
		inspection_skipped(&u->inspection, UNIT " is not installed");
		return;
	}
	inspection_done(&u->inspection);
	u->source = xstrdup(unit);
}

void doctor_inspect_unit(struct doctor_facts *f, const struct doctor_tools *t)
{
	char *found = NULL;

	if (t->unit) {
		read_unit_file(&f->unit, t->unit);
		return;
	}
	if (sd_booted() <= 0) {
		find_installed(&f->unit);
		return;
	}
	/* a runner may be run by a unit of another name */
	if (f->state.holder && sd_pid_get_unit(f->state.holder, &found) < 0)
		found = NULL;
	ask_manager(&f->unit, t->loop, found && str_ends(found, ".service") ? found : UNIT);
	free(found);
}
