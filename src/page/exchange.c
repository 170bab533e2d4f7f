/* page/exchange.c: who sent how much to whom: a table with colours for a few ranks, a heat map for
 * many. */
#include "page/amount.h"
#include "page/section.h"

#include <math.h>
#include <stdio.h>

/* Levels of colour: 0 is nothing at all. Ranks (or nodes) for which numbers have room; ranks that
 * can be drawn; pairs that are listed below a drawing; ranks that are looked at. */
enum { LEVELS = 8, MOST_NUMBERS = 8, MOST_DRAWN = 128, MOST_PAIRS = 8, MOST_READ = 1024 };

typedef struct matrix {
    const json_t *rows;
    const json_t *nodes; /* names; NULL: the rows are ranks */
    size_t count;        /* rows and columns */
    double most, sum;
} matrix;

static double bytes_of(const matrix *m, size_t from, size_t to)
{
    const double bytes = mr_view_real(json_array_get(json_array_get(m->rows, from), to));
    return fmax(bytes, 0);
}

static matrix matrix_of(const mr_facts *facts)
{
    const json_t *exchange = mr_view_object(facts->report, "exchange");
    matrix m = {facts->matrix, mr_view_list(exchange, "nodes"), json_array_size(facts->matrix), 0,
                0};
    if (m.count > MOST_READ)
        m.count = MOST_READ;
    for (size_t from = 0; from < m.count; from++)
        for (size_t to = 0; to < m.count; to++) {
            m.most = fmax(m.most, bytes_of(&m, from, to));
            m.sum += bytes_of(&m, from, to);
        }
    return m;
}

/* 1 to LEVELS, even steps up to the most of all; 0 for nothing. */
static int level_of(const matrix *m, double bytes)
{
    if (!(bytes > 0))
        return 0;
    return (int)fmin(LEVELS, 1 + floor(LEVELS * bytes / m->most * (1 - 1e-12)));
}

static void name_of(const matrix *m, size_t row, char *name, size_t room)
{
    const char *node = json_string_value(json_array_get(m->nodes, row));
    if (node)
        snprintf(name, room, "%.40s", node);
    else
        snprintf(name, room, "%zu", row);
}

static void put_numbers_head(mr_page *page, const matrix *m)
{
    char name[48];
    mr_html_put(&page->body, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                             "aria-label=\"Bytes between ranks\"><table class=\"matrix\"><thead>"
                             "<tr><th scope=\"col\">from ↓ to →</th>");
    for (size_t to = 0; to < m->count; to++) {
        name_of(m, to, name, sizeof name);
        mr_html_put(&page->body, "<th scope=\"col\" class=\"n\">");
        mr_html_say(&page->body, name);
        mr_html_put(&page->body, "</th>");
    }
    mr_html_put(&page->body, "</tr></thead><tbody>\n");
}

static void put_numbers(mr_page *page, const matrix *m)
{
    char name[48];
    put_numbers_head(page, m);
    for (size_t from = 0; from < m->count; from++) {
        name_of(m, from, name, sizeof name);
        mr_html_row_begin(&page->body);
        mr_html_title_cell(&page->body, name);
        for (size_t to = 0; to < m->count; to++) {
            const double bytes = bytes_of(m, from, to);
            mr_text_printf(&page->body, "<td class=\"h%d\">%s</td>", level_of(m, bytes),
                           bytes > 0 ? mr_amount_bytes(bytes).text : "–");
        }
        mr_html_row_end(&page->body);
    }
    mr_html_put(&page->body, "</tbody></table></div>\n");
}

/* All cells of a level are one path; neighbours in a row are one piece of it. */
static void draw_level(mr_page *page, const matrix *m, int level)
{
    mr_text_printf(&page->body, "<path class=\"h%d\" d=\"", level);
    for (size_t from = 0; from < m->count; from++)
        for (size_t to = 0; to < m->count; to++) {
            const size_t begin = to;
            while (to < m->count && level_of(m, bytes_of(m, from, to)) == level)
                to++;
            if (to > begin)
                mr_text_printf(&page->body, "M%zu %zuh%zuv1h-%zuz", begin, from, to - begin,
                               to - begin);
        }
    mr_html_put(&page->body, "\"/>");
}

/* The names of the first and the last one along an edge. */
static void put_edge(mr_page *page, const matrix *m, const char *edge, const char *what)
{
    char name[48];
    mr_text_printf(&page->body, "<p class=\"%s\"><span>", edge);
    name_of(m, 0, name, sizeof name);
    mr_html_say(&page->body, name);
    mr_text_printf(&page->body, "</span><span>%s</span><span>", what);
    name_of(m, m->count - 1, name, sizeof name);
    mr_html_say(&page->body, name);
    mr_html_put(&page->body, "</span></p>");
}

static void put_drawing(mr_page *page, const matrix *m)
{
    mr_html_put(&page->body, "<div class=\"heat\">");
    put_edge(page, m, "top", m->nodes ? "to node" : "to rank");
    put_edge(page, m, "side", m->nodes ? "from node" : "from rank");
    mr_text_printf(&page->body,
                   "<svg viewBox=\"0 0 %zu %zu\" role=\"img\" aria-label=\"heat map of the bytes; "
                   "the table below has the largest\">",
                   m->count, m->count);
    for (int level = 1; level <= LEVELS; level++)
        draw_level(page, m, level);
    mr_html_put(&page->body,
                "</svg></div>\n<p class=\"readout\" aria-hidden=\"true\">&nbsp;</p>\n");
}

static void put_scale(mr_page *page, const matrix *m)
{
    mr_html_put(&page->body, "<p class=\"scale\" aria-hidden=\"true\"><span>0</span>");
    for (int level = 0; level <= LEVELS; level++)
        mr_text_printf(&page->body, "<i class=\"h%d\"></i>", level);
    mr_text_printf(&page->body, "<span>%s</span></p>\n", mr_amount_bytes(m->most).text);
}

typedef struct pair {
    double bytes;
    size_t from, to;
} pair;

/* The largest ones, in order. */
static size_t find_pairs(const matrix *m, pair *pairs)
{
    size_t count = 0;
    for (size_t from = 0; from < m->count; from++)
        for (size_t to = 0; to < m->count; to++) {
            pair one = {bytes_of(m, from, to), from, to};
            size_t at = count < MOST_PAIRS ? count++ : MOST_PAIRS;
            for (; at > 0 && pairs[at - 1].bytes < one.bytes; at--)
                if (at < MOST_PAIRS)
                    pairs[at] = pairs[at - 1];
            if (at < MOST_PAIRS)
                pairs[at] = one;
        }
    return count;
}

static void put_pairs(mr_page *page, const matrix *m)
{
    pair pairs[MOST_PAIRS];
    const size_t count = find_pairs(m, pairs);
    char name[48];
    mr_html_table_begin(&page->body, "The largest of these",
                        (const char *const[]){"From", "To", "=Bytes", "#Of all", NULL});
    for (size_t i = 0; i < count && pairs[i].bytes > 0; i++) {
        mr_html_row_begin(&page->body);
        name_of(m, pairs[i].from, name, sizeof name);
        mr_html_title_cell(&page->body, name);
        name_of(m, pairs[i].to, name, sizeof name);
        mr_html_cell(&page->body, name);
        mr_html_bar(&page->body, pairs[i].bytes / m->most, "k-exchange",
                    mr_amount_bytes(pairs[i].bytes).text);
        mr_html_number(&page->body, mr_amount_share(pairs[i].bytes / m->sum).text);
        mr_html_row_end(&page->body);
    }
    mr_html_table_end(&page->body);
}

/* Without a matrix: what each rank sent and got. */
static void put_ranks(mr_page *page)
{
    const mr_facts *facts = page->facts;
    size_t shown[MR_PAGE_RANKS];
    const size_t count = mr_section_ranks(facts, "bytes_sent", shown);
    const double most = fmax(mr_view_most(facts->ranks, "bytes_sent"),
                             mr_view_most(facts->ranks, "bytes_received"));
    mr_html_table_begin(&page->body, "Bytes that ranks sent and got",
                        (const char *const[]){"Rank", "=Sent", "=Received", "#Messages", NULL});
    for (size_t i = 0; i < count; i++) {
        const long rank = (long)shown[i];
        const double sent = mr_facts_of_rank(facts, rank, "bytes_sent");
        const double got = mr_facts_of_rank(facts, rank, "bytes_received");
        char name[32];
        snprintf(name, sizeof name, "%ld", rank);
        mr_html_row_begin(&page->body);
        mr_html_title_cell(&page->body, name);
        mr_html_bar(&page->body, sent / most, "k-exchange", mr_amount_bytes(sent).text);
        mr_html_bar(&page->body, got / most, "k-exchange", mr_amount_bytes(got).text);
        mr_html_number(&page->body,
                       mr_amount_count(mr_facts_of_rank(facts, rank, "messages_sent")).text);
        mr_html_row_end(&page->body);
    }
    mr_html_table_end(&page->body);
    mr_section_left_out(page, count, "bytes sent");
}

static void put_matrix(mr_page *page, const matrix *m)
{
    if (m->count <= MOST_NUMBERS)
        put_numbers(page, m);
    else if (m->count <= MOST_DRAWN)
        put_drawing(page, m);
    else
        mr_text_printf(&page->body, "<p class=\"note\">%zu are too many to be drawn.</p>\n",
                       m->count);
    if (m->count > MOST_NUMBERS)
        put_pairs(page, m);
    else
        return;
    if (m->count <= MOST_DRAWN)
        put_scale(page, m);
}

void mr_section_exchange(mr_page *page)
{
    const mr_facts *facts = page->facts;
    const matrix m = matrix_of(facts);
    const bool is_shown = m.most > 0;
    if (!is_shown && !(mr_facts_sum(facts, "bytes_sent") > 0))
        return;
    mr_section_begin(page, "exchange", "Exchange", "Exchange",
                     !is_shown ? "What ranks sent to others."
                     : m.nodes ? "Bytes that a node (row) sent to another (column)."
                               : "Bytes that a rank (row) sent to another (column).");
    mr_text_printf(&page->body, "<p><b>%s</b> in <b>%s</b> messages.</p>\n",
                   mr_amount_bytes(mr_facts_sum(facts, "bytes_sent")).text,
                   mr_amount_count(mr_facts_sum(facts, "messages_sent")).text);
    if (is_shown)
        put_matrix(page, &m);
    else
        put_ranks(page);
    mr_section_end(page);
}
