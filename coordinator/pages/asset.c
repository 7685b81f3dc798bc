/*
 * The assembler takes the files in as they are. An asset under another digest is one of another
 * version of this program: answered 404, since whoever asks has a page of that version and would
 * get the wrong bytes for good.
 */
#include "coordinator/pages/asset.h"

#include <stdio.h>

#include "base/codec.h"

#define EMBED(name, path)                                                                    \
	__asm__(".pushsection .rodata\n.balign 16\n" #name ":\n.incbin \"" path "\"\n" #name \
		"_end:\n.byte 0\n.popsection\n");                                            \
	extern const char name[] __attribute__((visibility("hidden")));                      \
	extern const char name##_end[] __attribute__((visibility("hidden")))

EMBED(asset_style, "coordinator/pages/style.css");
EMBED(asset_icon, "coordinator/pages/icon.svg");
EMBED(asset_script, "coordinator/pages/script.js");

static const struct {
	const char *name, *type, *from, *end;
} assets[] = {
	[ASSET_STYLE] = { "style.css", "text/css; charset=utf-8", asset_style, asset_style_end },
	[ASSET_ICON] = { "icon.svg", "image/svg+xml", asset_icon, asset_icon_end },
	[ASSET_SCRIPT] = { "script.js", "text/javascript; charset=utf-8", asset_script,
		asset_script_end },
};

const char *asset_url(enum asset a, char out[ASSET_URL_MAX])
{
	unsigned char sha[SHA256_LEN];
	char hex[SHA256_HEX_MAX];

	sha256(assets[a].from, (size_t)(assets[a].end - assets[a].from), sha);
	hex_encode(sha, SHA256_LEN, hex);
	snprintf(out, ASSET_URL_MAX, "/static/%.16s.%s", hex, assets[a].name);
	return out;
}

void asset_get(struct httpd_request *r, void *app UNUSED)
{
	char url[ASSET_URL_MAX], tag[ASSET_URL_MAX + 2];
	const char *has = httpd_header(r, "If-None-Match");
	size_t i = 0;

	while (i < ASSETS && !str_eq(httpd_path(r), asset_url((enum asset)i, url)))
		i++;
	if (i == ASSETS) {
		httpd_error(r, 404, "there is nothing at this path");
		return;
	}
	snprintf(tag, sizeof(tag), "\"%.16s\"", url + strlen("/static/"));
	httpd_add_header(r, "ETag", tag);
	httpd_add_header(r, "Cache-Control", "public, max-age=31536000, immutable");
	httpd_add_header(r, "X-Content-Type-Options", "nosniff");
	httpd_add_header(r, "Content-Security-Policy", "default-src 'none'");
	if (has && strstr(has, tag))
		httpd_reply(r, 304, NULL, NULL, 0);
	else
		httpd_reply(r, 200, assets[i].type, assets[i].from,
			(size_t)(assets[i].end - assets[i].from));
}
