/* page/tries.c: what to try next, as a list. */
#include "page/advice.h"
#include "page/section.h"

#include <stdlib.h>

enum { MOST_SHOWN = 12 };

static void put_advice(mr_page *page, const mr_advice *advice)
{
    mr_text_printf(&page->body, "<li data-name=\"%s\"><a href=\"#%s\"><strong>", advice->name,
                   advice->about);
    mr_html_say(&page->body, advice->title);
    mr_html_put(&page->body, ".</strong></a> ");
    mr_html_say(&page->body, advice->text);
    mr_html_put(&page->body, "</li>\n");
}

void mr_section_advice(mr_page *page)
{
    mr_advices *advices = malloc(sizeof *advices);
    if (!advices) {
        page->body.failed = true;
        return;
    }
    mr_advise(page->facts, advices);
    mr_section_begin(page, "next", "What to try next", "What to try next", NULL);
    if (advices->count > 0)
        mr_html_put(&page->body, "<ol class=\"advice\">\n");
    for (size_t i = 0; i < advices->count && i < MOST_SHOWN; i++)
        put_advice(page, &advices->items[i]);
    if (advices->count > 0)
        mr_html_put(&page->body, "</ol>\n");
    else
        mr_html_put(&page->body, "<p>Nothing stands out: no rank waits for long, nothing was "
                                 "spilled, and no key is hot.</p>\n");
    if (advices->count > MOST_SHOWN)
        mr_text_printf(&page->body, "<p class=\"note\">And %zu more of less weight.</p>\n",
                       advices->count - MOST_SHOWN);
    mr_section_end(page);
    free(advices);
}
