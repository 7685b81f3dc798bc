/*
 * The assembler takes the files in as they are, and the build knows their digests. An asset under
 * another digest is one of another version of this program: answered 404, since whoever asks has a
 * page of that version and would get the wrong bytes for good.
 */
#include "coordinator/pages/asset.h"

#include <pages/assets.h>

#define EMBED(name, path)                                                                    \
	__asm__(".pushsection .rodata\n.balign 16\n" #name ":\n.incbin \"" path "\"\n" #name \
		"_end:\n.byte 0\n.popsection\n");                                            \
	extern const char name[] __attribute__((visibility("hidden")));                      \
	extern const char name##_end[] __attribute__((visibility("hidden")))

EMBED(asset_style, "coordinator/pages/style.css");
EMBED(asset_icon, "coordinator/pages/icon.svg");
EMBED(asset_script, "coordinator/pages/script.js");

#define ASSET(name, ending, type)                                                               \
	{                                                                                       \
		"/static/" ASSET_SHA_##name "." #name ending, "\"" ASSET_SHA_##name "\"", type, \
			asset_##name, asset_##name##_end                                        \
	}
static const struct {
	const char *url, *tag, *type, *from, *end;
} assets[] = {
	[ASSET_STYLE] = ASSET(style, ".css", "text/css; charset=utf-8"),
	[ASSET_ICON] = ASSET(icon, ".svg", "image/svg+xml"),
	[ASSET_SCRIPT] = ASSET(script, ".js", "text/javascript; charset=utf-8"),
};

const char *asset_url(enum asset a)
{
	return assets[a].url;
}

void asset_get(struct httpd_request *r, void *app UNUSED)
{
	const char *has = httpd_header(r, "If-None-Match");
	size_t i = 0;

	while (i < ASSETS && !str_eq(httpd_path(r), assets[i].url))
		i++;
	if (i == ASSETS) {
		httpd_error(r, 404, "there is nothing at this path");
		return;
	}
	httpd_add_header(r, "ETag", assets[i].tag);
	httpd_add_header(r, "Cache-Control", "public, max-age=31536000, immutable");
	httpd_add_header(r, "X-Content-Type-Options", "nosniff");
	httpd_add_header(r, "Content-Security-Policy", "default-src 'none'");
	if (has && strstr(has, assets[i].tag))
		httpd_reply(r, 304, NULL, NULL, 0);
	else
		httpd_reply(r, 200, assets[i].type, assets[i].from,
			(size_t)(assets[i].end - assets[i].from));
}
