/* page/html.c: escaping, and cells of tables. */
#include "page/html.h"

#include "output/rows.h"

#include <math.h>
#include <string.h>

void mr_html_put(mr_text *html, const char *markup)
{
    mr_text_add(html, markup, strlen(markup));
}

/* The character for something that would not be shown, or would be more than itself. */
static const char *stands_for(unsigned char byte)
{
    switch (byte) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case 0x7f:
        return "\xe2\x90\xa1";
    default:
        return NULL;
    }
}

static void say_byte(mr_text *html, unsigned char byte)
{
    const char *other = stands_for(byte);
    if (other)
        mr_html_put(html, other);
    else if (byte < ' ') /* U+2400 and so on: pictures of control characters */
        mr_text_add(html, (char[]){(char)0xe2, (char)0x90, (char)(0x80 + byte)}, 3);
    else
        mr_text_add(html, (const char *)&byte, 1);
}

/* Control characters, too: U+0080 to U+009F. */
static bool is_control(const unsigned char *at, size_t size)
{
    return size == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

/* What turns the direction of all that comes behind it: U+200E, U+200F, U+202A to U+202E, U+2066
 * to U+2069. */
static bool is_direction(const unsigned char *at, size_t size)
{
    if (size != 3 || at[0] != 0xe2)
        return false;
    return at[1] == 0x80 ? at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae)
                         : at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

static bool is_shown(const unsigned char *at, size_t size)
{
    return size > 1 && !is_control(at, size) && !is_direction(at, size);
}

static void say(mr_text *html, const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    while (left > 0) {
        size_t size = mr_utf8_character(at, left);
        if (is_shown(at, size))
            mr_text_add(html, (const char *)at, size);
        else
            say_byte(html, size == 1 ? *at : '?');
        size = size ? size : 1;
        at += size;
        left -= size;
    }
}

void mr_html_say(mr_text *html, const char *text)
{
    if (text)
        say(html, text, strlen(text));
}

/* Not within a character. */
static size_t cut(const char *text, size_t most)
{
    size_t size = strnlen(text, most + 1);
    if (size <= most)
        return size;
    for (size = most; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
        ;
    return size;
}

void mr_html_code(mr_text *html, const char *text)
{
    if (!text)
        return;
    const size_t size = cut(text, MR_HTML_CODE);
    mr_html_put(html, "<code><bdi>");
    say(html, text, size);
    mr_html_put(html, text[size] ? "…</bdi></code>" : "</bdi></code>");
}

void mr_html_lines(mr_text *html, const char *text)
{
    while (text && *text) {
        const size_t size = strcspn(text, "\n");
        say(html, text, size);
        text += size;
        if (*text) {
            mr_html_put(html, "\n");
            text++;
        }
    }
}

static const char *class_of(const char *heading)
{
    return *heading == '#' ? " class=\"n\"" : *heading == '=' ? " class=\"b\"" : "";
}

void mr_html_table_begin(mr_text *html, const char *name, const char *const *headings)
{
    int bars = 0;
    for (const char *const *heading = headings; *heading; heading++)
        bars += **heading == '=';
    mr_html_put(html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    mr_html_say(html, name);
    mr_text_printf(html, "\"><table%s><thead><tr>",
                   bars == 0   ? " class=\"plain\""
                   : bars == 1 ? " class=\"one\""
                               : "");
    for (; *headings; headings++) {
        mr_text_printf(html, "<th scope=\"col\"%s>", class_of(*headings));
        mr_html_say(html, *headings + (**headings == '#' || **headings == '='));
        mr_html_put(html, "</th>");
    }
    mr_html_put(html, "</tr></thead><tbody>\n");
}

void mr_html_table_end(mr_text *html)
{
    mr_html_put(html, "</tbody></table></div>\n");
}

void mr_html_row_begin(mr_text *html)
{
    mr_html_put(html, "<tr>");
}

void mr_html_row_end(mr_text *html)
{
    mr_html_put(html, "</tr>\n");
}

void mr_html_title_cell(mr_text *html, const char *text)
{
    mr_html_put(html, "<th scope=\"row\">");
    mr_html_say(html, text);
    mr_html_put(html, "</th>");
}

void mr_html_cell(mr_text *html, const char *text)
{
    mr_html_put(html, "<td>");
    mr_html_say(html, text);
    mr_html_put(html, "</td>");
}

void mr_html_code_cell(mr_text *html, const char *text)
{
    mr_html_put(html, "<td>");
    mr_html_code(html, text);
    mr_html_put(html, "</td>");
}

void mr_html_number(mr_text *html, const char *text)
{
    mr_html_put(html, "<td class=\"n\">");
    mr_html_say(html, text);
    mr_html_put(html, "</td>");
}

void mr_html_bar(mr_text *html, double share, const char *kind, const char *text)
{
    share = share > 0 ? fmin(share, 1) : 0;
    mr_text_printf(html, "<td class=\"b%s%s\" style=\"--v:%.3g\">", kind ? " " : "",
                   kind ? kind : "", share);
    mr_html_say(html, text);
    mr_html_put(html, "</td>");
}
