/*
 * page/view.h: reading a report that may be of another version, cut or made up: what is missing or
 * of another kind is 0, NULL or empty, never an error. All take NULL for an object or a list.
 */
#ifndef MR_PAGE_VIEW_H
#define MR_PAGE_VIEW_H

#include <jansson.h>
#include <stdbool.h>

/* A number as it stands there, never an infinity; 0 when there is none. */
double mr_view_real(const json_t *value);
double mr_view_number(const json_t *object, const char *name);
bool mr_view_has_number(const json_t *object, const char *name);

/* NULL when there is none. */
const char *mr_view_text(const json_t *object, const char *name);
const json_t *mr_view_object(const json_t *object, const char *name);
const json_t *mr_view_list(const json_t *object, const char *name);

/* Of a number that the objects of a list have. */
double mr_view_sum(const json_t *list, const char *name);
double mr_view_most(const json_t *list, const char *name);

/* A number below `count` that stands for a rank or a thread; -1 when it is none. */
long mr_view_index(const json_t *object, const char *name, size_t count);

#endif
