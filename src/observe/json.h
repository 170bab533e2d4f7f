/* observe/json.h: what everybody needs who writes JSON for people. */
#ifndef MR_OBSERVE_JSON_H
#define MR_OBSERVE_JSON_H

#include <jansson.h>

/* JSON holds UTF-8 only: of other texts what is no ASCII becomes question marks. NULL: no memory.
 */
json_t *mr_json_text(const char *text);

#endif
