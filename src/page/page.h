/*
 * page/page.h: the report of a job as one page of HTML, complete in itself: no network, no fonts or
 * scripts from elsewhere. All numbers stand in it as text and tables; the script only adds a
 * read-out under the pointer, tables that sort, and the report to save.
 */
#ifndef MR_PAGE_PAGE_H
#define MR_PAGE_PAGE_H

#include "base/error.h"
#include "output/format.h"

#include <jansson.h>

/* Reads a report (owned: json_decref). MR_BAD_INPUT: there is none, or it is none; the message
 * says at which byte. Bytes that are no UTF-8 become question marks. */
mr_status mr_page_read(const char *path, json_t **report, mr_error *error);

/* The page. Owned: mr_text_free. */
mr_status mr_page_make(const json_t *report, mr_text *html, mr_error *error);

#endif
