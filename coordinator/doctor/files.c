/* Everything in the data folder is the coordinator's alone: it holds keys, tokens' digests and
 * private repositories. */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "coordinator/backup/backup.h"
#include "coordinator/doctor/doctor.h"
#include "hygiene/disk/disk.h"

enum { DISK_WARN = 15, DISK_FAIL = 5, OTHERS = 077 }; /* percent that are left */
#define BACKUP_OLD_US (48 * 3600 * USEC_PER_SEC)

void check_data_folder(const struct coordinator_facts *f, struct doctor_row *r)
{
	const char *dir = f->config.data_dir;
	struct stat st;

	if (lstat(dir, &st) < 0) {
		doctor_say(r, DOCTOR_FAIL, "%s: %s", dir, strerror(errno));
		return;
	}
	doctor_say(r, DOCTOR_PASS, "%s, mode %04o, user %u", dir, st.st_mode & 07777, st.st_uid);
	if (!S_ISDIR(st.st_mode))
		doctor_say(r, DOCTOR_FAIL, "it is no folder");
	if (st.st_mode & OTHERS)
		doctor_say(r, DOCTOR_FAIL, "others may enter it, expected 0700");
	if (geteuid() != 0 && st.st_uid != geteuid())
		doctor_say(r, DOCTOR_FAIL, "it belongs to another user than %u", geteuid());
}

/* The key that serve would use with this configuration, against the one that it used last. */
static void key_match(const struct coordinator_facts *f, struct doctor_row *r)
{
	struct keys k = { 0 };
	struct err e = { 0 };

	if (keys_load(&k, f->config.totp_key_b64, f->config.data_dir, &e) < 0 ||
		serve_keys_check(&k, f->config.data_dir, &e) < 0)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	keys_wipe(&k);
}

void check_root_key(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEAN_STR char *path = path_join(f->config.data_dir, "root.key");
	struct stat st;
	bool there = lstat(path, &st) == 0;

	if (there && st.st_mode & OTHERS)
		doctor_say(r, DOCTOR_FAIL, "%s has mode %04o, expected 0600", path,
			st.st_mode & 07777);
	if (f->config.totp_key_b64)
		doctor_say(r, DOCTOR_PASS, "from the configuration");
	else if (there)
		doctor_say(r, DOCTOR_PASS, "%s", path);
	else
		doctor_say(r, DOCTOR_FAIL, "%s: %s", path, strerror(errno));
	if (there || f->config.totp_key_b64)
		key_match(f, r);
}

void check_owners(const struct coordinator_facts *f, struct doctor_row *r)
{
	static const char *const names[] = { "shithubd.db", "shithubd.db-wal", "shithubd.db-shm",
		"root.key", "key.id", "objects", "repos" };
	struct stat folder, st;
	size_t n = 0;

	if (lstat(f->config.data_dir, &folder) < 0) {
		doctor_unproved(r, "%s: %s", f->config.data_dir, strerror(errno));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_STR char *path = path_join(f->config.data_dir, names[i]);

		if (lstat(path, &st) < 0)
			continue;
		n++;
		if (st.st_uid != folder.st_uid)
			doctor_say(r, DOCTOR_FAIL, "%s belongs to user %u, the folder to %u",
				names[i], st.st_uid, folder.st_uid);
		if (str_starts(names[i], "shithubd.db") && st.st_mode & OTHERS)
			doctor_say(r, DOCTOR_FAIL, "%s has mode %04o, expected 0600", names[i],
				st.st_mode & 07777);
	}
	doctor_say(r, DOCTOR_PASS, "%zu files and folders", n);
}

void check_disk(const struct coordinator_facts *f, struct doctor_row *r)
{
	struct disk_space d;
	struct err e = { 0 };
	char text[SIZE_TEXT_MAX];

	if (disk_measure(f->config.data_dir, &d, &e) < 0) {
		doctor_unproved(r, "%s", e.text);
		return;
	}
	enum doctor_verdict v = disk_is_short(&d, DISK_FAIL)   ? DOCTOR_FAIL
				: disk_is_short(&d, DISK_WARN) ? DOCTOR_WARN
							       : DOCTOR_PASS;
	doctor_say(r, v, "%u %% of bytes or inodes used, %s free", disk_percent(&d),
		size_format(d.avail, text));
}

void check_backup(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEAN_STR char *path = path_join(f->config.data_dir, BACKUP_LAST);
	char age[DURATION_TEXT_MAX];
	struct stat st;

	if (lstat(path, &st) < 0) {
		doctor_say(r, DOCTOR_WARN, "there was none yet");
		return;
	}
	int64_t seconds = f->now.us / USEC_PER_SEC - st.st_mtim.tv_sec;
	doctor_say(r, seconds * USEC_PER_SEC > BACKUP_OLD_US ? DOCTOR_WARN : DOCTOR_PASS,
		"the last one was %s ago", duration_format(seconds * USEC_PER_SEC, age));
}
