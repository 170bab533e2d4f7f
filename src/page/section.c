/* page/section.c: what all sections share. */
#include "page/section.h"

#include "page/amount.h"

#include <stdlib.h>
#include <string.h>

void mr_section_begin(mr_page *page, const char *id, const char *link, const char *title,
                      const char *caption)
{
    mr_text_printf(&page->links, "<a href=\"#%s\">%s</a>\n", id, link);
    mr_text_printf(&page->body, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n", id, id);
    mr_text_printf(&page->body, "<h2 id=\"%s-title\">%s</h2>\n", id, title);
    if (!caption)
        return;
    mr_html_put(&page->body, "<p class=\"caption\">");
    mr_html_say(&page->body, caption);
    mr_html_put(&page->body, "</p>\n");
}

void mr_section_end(mr_page *page)
{
    mr_html_put(&page->body, "</section>\n");
}

void mr_section_legend(mr_page *page, const double *kinds)
{
    mr_html_put(&page->body, "<p class=\"legend\" aria-hidden=\"true\">");
    for (int kind = 0; kind < MR_KINDS; kind++)
        if (kinds[kind] > 0)
            mr_text_printf(&page->body, "<span><i class=\"k-%s\"></i>%s</span> ",
                           mr_kind_name(kind), mr_kind_name(kind));
    mr_html_put(&page->body, "</p>\n");
}

typedef struct ranked {
    double value;
    size_t rank;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *first = a, *second = b;
    if (first->value != second->value)
        return first->value > second->value ? -1 : 1;
    return first->rank < second->rank ? -1 : first->rank > second->rank;
}

static int by_rank(const void *a, const void *b)
{
    const size_t first = *(const size_t *)a, second = *(const size_t *)b;
    return first < second ? -1 : first > second;
}

/* The first ones, should there be no memory to sort them. */
static void choose(const mr_facts *facts, const char *name, size_t *shown)
{
    const size_t count = facts->rank_count, half = MR_PAGE_RANKS / 2;
    ranked *all = malloc(count * sizeof *all);
    for (size_t i = 0; i < MR_PAGE_RANKS; i++)
        shown[i] = i;
    if (!all)
        return;
    for (size_t i = 0; i < count; i++)
        all[i] = (ranked){mr_facts_of_rank(facts, (long)i, name), i};
    qsort(all, count, sizeof *all, by_value);
    for (size_t i = 0; i < half; i++) {
        shown[i] = all[i].rank;
        shown[half + i] = all[count - 1 - i].rank;
    }
    free(all);
    qsort(shown, MR_PAGE_RANKS, sizeof *shown, by_rank);
}

size_t mr_section_ranks(const mr_facts *facts, const char *name, size_t *shown)
{
    if (facts->rank_count > MR_PAGE_RANKS) {
        choose(facts, name, shown);
        return MR_PAGE_RANKS;
    }
    for (size_t i = 0; i < facts->rank_count; i++)
        shown[i] = i;
    return facts->rank_count;
}

void mr_section_left_out(mr_page *page, size_t shown, const char *what)
{
    if (shown >= page->facts->rank_count)
        return;
    mr_text_printf(&page->body,
                   "<p class=\"note\">Of %s ranks, the %zu with most and the %zu with least %s "
                   "are shown.</p>\n",
                   mr_amount_count((double)page->facts->rank_count).text, shown / 2, shown / 2,
                   what);
}
