/*
 * These texts become names of builders and volumes in calls to the engine, so they may hold plain
 * characters only, and at least one letter or digit.
 */
#include "config/hygiene_check.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool plain(const char *s, size_t max, const char *allowed)
{
	size_t n = strlen(s);

	return n >= 1 && n <= max && strspn(s, allowed) == n && strspn(s, LETTERS "_") > 0;
}

const char *check_builder(char **text)
{
	return plain(*text, 255, LETTERS "._/:@-") ? NULL
						   : "expected an image reference or a builder's "
						     "name such as \"builders/app:warm\"";
}

bool is_state_volume(const char *name)
{
	static const char prefix[] = "buildx_buildkit_", suffix[] = "_state";
	size_t n = strlen(name);

	return n > sizeof(prefix) + sizeof(suffix) - 2 && str_starts(name, prefix) &&
	       str_ends(name, suffix) && plain(name, 255, LETTERS "._-");
}

const char *check_state_volume(char **text)
{
	return is_state_volume(*text)
		       ? NULL
		       : "expected a volume's name such as \"buildx_buildkit_old0_state\"";
}

const char *check_hygiene_action(char **text)
{
	static const char *const names[] = { "prune_docker_cache", "bound_docker_cache",
		"prune_dangling_images", "remove_buildkit_state_volumes" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(*text, names[i]))
			return NULL;
	return "expected prune_docker_cache, bound_docker_cache, prune_dangling_images or "
	       "remove_buildkit_state_volumes";
}

const char *check_user_name(char **text)
{
	return plain(*text, 32, LETTERS "._-") ? NULL : "expected a user's name or number";
}
