/* observe/json.c: text of any bytes as text of JSON. */
#include "observe/json.h"

#include <stdlib.h>
#include <string.h>

json_t *mr_json_text(const char *text)
{
    json_t *json = json_string(text);
    char *plain = json ? NULL : strdup(text);
    for (char *at = plain; at && *at; at++)
        if ((unsigned char)*at > 127)
            *at = '?';
    if (plain)
        json = json_string(plain);
    free(plain);
    return json;
}
