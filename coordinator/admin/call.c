/*
 * The words come from a user over the network. They may name any verb and its flags, but not
 * another data folder, another coordinator, a file of this machine or what has no end.
 */
#include "coordinator/admin/call.h"

#include "base/util.h"
#include "coordinator/admin/admin.h"

static const char *const here_only[] = { "--data", "--store", "--url", "--token-file", "--follow" };

static const char *refused_flag(char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(here_only); k++) {
			size_t len = strlen(here_only[k]);

			if (strncmp(words[i], here_only[k], len) == 0 &&
				(!words[i][len] || words[i][len] == '='))
				return here_only[k];
		}
	return NULL;
}

static int call_refused(const struct cli_verb *verbs, int n, char **words)
{
	int used;
	const struct cli_verb *v = cli_find(verbs, n, words, &used);
	const char *flag = refused_flag(words, n);
	CLEAN_STR char *name = NULL;

	if (flag)
		return cli_fail(EXIT_REFUSED, "%s: expected none over the API", flag);
	if (!v || !v->local)
		return EXIT_OK;
	for (int i = 0; i < used; i++) {
		CLEAN_STR char *before = TAKE(name);

		name = before ? xasprintf("%s %s", before, words[i]) : xstrdup(words[i]);
	}
	return cli_fail(EXIT_REFUSED, "admin %s: works at the coordinator's machine only", name);
}

int admin_call(int argc, char **argv, const struct cli_verb *verbs)
{
	struct admin_caller c = { 0 };
	const struct cli_flag flags[] = {
		{ "data", CLI_STRING, &c.data_dir, "DIR", "the data folder", .required = true },
		{ "login", CLI_STRING, &c.login, "LOGIN", "who calls", .required = true },
		{ "user", CLI_INT, &c.user_id, "ID", "its id", .min = 1, .max = INT64_MAX,
			.required = true },
		{ "site-admin", CLI_BOOL, &c.site_admin, NULL, "may call every verb" },
		{ "address", CLI_STRING, &c.address, "ADDRESS", "from where", .required = true },
	};
	const struct cli_verb top[] = { { "admin", "admin verbs", .sub = verbs }, { 0 } };
	char **words;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, argc, &words, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	rc = call_refused(verbs, n, words);
	if (rc != EXIT_OK)
		return rc;
	admin_called_by(&c);
	char **all = xcalloc((size_t)n + 3, sizeof(*all));
	all[0] = argv[0];
	all[1] = (char *)"admin";
	memcpy(all + 2, words, (size_t)n * sizeof(*all));
	rc = cli_main("shithubd", PROJECT_VERSION, top, n + 2, all);
	free(all);
	return rc;
}
