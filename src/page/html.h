/*
 * page/html.h: pieces of HTML. Whatever comes out of a report goes through mr_html_say: nothing of
 * it can be taken for a tag, and what cannot be seen is shown by a picture of it.
 */
#ifndef MR_PAGE_HTML_H
#define MR_PAGE_HTML_H

#include "output/format.h"

#include <mapred/text.h>

#include <stddef.h>

/* Markup as it is. */
void mr_html_put(mr_text *html, const char *markup);

/* Text: < > & and quotes are escaped, control characters become their pictures; bytes that are no
 * UTF-8, and what would turn the direction of writing, become question marks. NULL is nothing. */
void mr_html_say(mr_text *html, const char *text);

/* The same as something literal: a key, a path, a command. It keeps its own direction of writing,
 * and is cut at MR_HTML_CODE bytes. */
#define MR_HTML_CODE 512
void mr_html_code(mr_text *html, const char *text);

/* The same as lines: newlines stay. */
void mr_html_lines(mr_text *html, const char *text);

/*
 * A table in a box of its own, which scrolls sideways when it has to. A heading with `#` before it
 * is one of numbers, with `=` one of bars. Ends with NULL. `name` is for who cannot see it.
 */
void mr_html_table_begin(mr_text *html, const char *name, const char *const *headings);
void mr_html_table_end(mr_text *html);
void mr_html_row_begin(mr_text *html);
void mr_html_row_end(mr_text *html);

/* Cells: what a row is about, text, something literal, a number, a number with a bar of
 * `share` (0 to 1) in the colour of class `kind` (NULL: the plain one). */
void mr_html_title_cell(mr_text *html, const char *text);
void mr_html_cell(mr_text *html, const char *text);
void mr_html_code_cell(mr_text *html, const char *text);
void mr_html_number(mr_text *html, const char *text);
void mr_html_bar(mr_text *html, double share, const char *kind, const char *text);

#endif
