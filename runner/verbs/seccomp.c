/*
 * verify, text: one line `where: what, expected …` a finding. JSON, stable:
 *   {"valid":false,"architecture":"SCMP_ARCH_X86_64","probes":93,"complete":true,"usable":true,
 *    "findings":[{"where","what","expected","tolerated"}…],"notes":["…"]}
 */
#include "runner/verbs/seccomp.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_arch.h"
#include "sandbox/seccomp_verify.h"

const char verb_seccomp_verify_help[] =
	"Verifies a profile in the engine's JSON form, from FILE or standard input (-): "
	"structure,\n"
	"unknown names, wrong default, dead or bypassable argument rules, then the compiled "
	"filter\n"
	"against calls that must be denied and calls that steps need. A profile that allows no "
	"more\n"
	"than Docker's default is usable: the runner takes it with a warning.\n"
	"Exit codes: 0 it confines a step, 1 findings, 2 usage or unreadable file, 5 the filter "
	"could\n"
	"not be compiled here; only the text was checked.";

int verb_seccomp_print(int argc, char **argv)
{
	CLEAN_BUF struct buf json = BUF_INIT(MIB(1));
	const char *name = NULL;
	const struct cli_flag flags[] = { { "arch", CLI_STRING, &name, "ARCH",
		"x86_64 or aarch64 (default: this machine's)" } };
	const struct seccomp_arch *arch;
	struct err e = { 0 };
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	arch = seccomp_arch_by_name(name);
	if (name && !arch)
		return cli_fail(EXIT_USAGE, "--arch %s: expected x86_64 or aarch64", name);
	if (seccomp_profile_json(arch ? arch->token : SCMP_ARCH_NATIVE, &json, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	if (puts(buf_cstr(&json)) < 0 || fflush(stdout) != 0)
		return cli_fail(EXIT_FINDINGS, "standard output: write failed");
	return EXIT_OK;
}

static int read_text(const char *path, struct buf *ret, struct err *e)
{
	if (!str_eq(path, "-"))
		return file_read(path, ret, e);
	return fd_read_all(STDIN_FILENO, ret, e) < 0 ? err_wrap(e, "standard input") : 0;
}

static const char *arch_name(const struct seccomp_report *r)
{
	const struct seccomp_arch *arch = r->arch ? seccomp_arch_by_token(r->arch) : NULL;

	return arch ? arch->name : NULL;
}

static void print_text(const struct seccomp_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		printf("%s: %s, expected %s\n", r->findings[i].where, r->findings[i].what,
			r->findings[i].expected);
	if (r->cut)
		printf("more than %d findings, the rest is left out\n", SECCOMP_FINDINGS_MAX);
	strv_each (note, &r->notes)
		fprintf(stderr, "note: %s\n", note);
	if (r->n == 0 && r->probes > 0)
		printf("ok: %s, %zu system calls behave as required\n", arch_name(r), r->probes);
	else if (seccomp_report_usable(r))
		printf("usable: all of this the default profile of Docker allows too; the runner "
		       "takes it with a warning\n");
}

static int print_json(const struct seccomp_report *r)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_bool(&w, "valid", r->n == 0 && r->probes > 0);
	json_kv_str(&w, "architecture", arch_name(r));
	json_kv_int(&w, "probes", (int64_t)r->probes);
	json_kv_bool(&w, "complete", r->probes > 0 && !r->cut);
	json_kv_bool(&w, "usable", seccomp_report_usable(r));
	json_key(&w, "findings");
	json_begin_array(&w);
	for (size_t i = 0; i < r->n; i++) {
		json_begin_object(&w);
		json_kv_str(&w, "where", r->findings[i].where);
		json_kv_str(&w, "what", r->findings[i].what);
		json_kv_str(&w, "expected", r->findings[i].expected);
		json_kv_bool(&w, "tolerated", r->findings[i].tolerated);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_kv_strv(&w, "notes", &r->notes);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	puts(buf_cstr(&out));
	return 0;
}

int verb_seccomp_verify(int argc, char **argv)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	CLEANUP(seccomp_report_release) struct seccomp_report report = { 0 };
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag flags[] = { CLI_OUTPUT_FLAG(output) };
	struct err e = { 0 };
	char **args;
	int n, rc = cli_parse(
		       argc, argv, flags, ARRAY_LEN(flags), verb_seccomp_verify_help, 1, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n != 1)
		return cli_fail(
			EXIT_USAGE, "seccomp verify: expected a FILE, or - for standard input");
	if (read_text(args[0], &text, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	seccomp_profile_verify(buf_cstr(&text), text.len, &report);
	if (output == OUTPUT_JSON)
		rc = print_json(&report);
	else
		print_text(&report);
	if (rc != 0 || fflush(stdout) != 0)
		return EXIT_FINDINGS;
	if (report.n > 0)
		return EXIT_FINDINGS;
	return report.probes > 0 ? EXIT_OK : EXIT_INCOMPLETE;
}
