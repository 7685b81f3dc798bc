/* Files that are the same for everybody: the style sheet, the script and the icon, compiled in.
 * Their names hold a digest of their bytes, so browsers keep them for good. */
#ifndef COORDINATOR_PAGES_ASSET_H
#define COORDINATOR_PAGES_ASSET_H

#include "coordinator/http/httpd.h"

#define ASSET_ROUTE "/static/{asset}"
enum asset { ASSET_STYLE, ASSET_ICON, ASSET_SCRIPT, ASSETS };
const char *asset_url(enum asset a);
void asset_get(struct httpd_request *r, void *app);

#endif
