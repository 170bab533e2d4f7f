/* page/advice.c: the list of what to try next, in order. */
#include "page/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

mr_advice *mr_advice_add(mr_advices *advices, const char *name, const char *about, double weight,
                         const char *title, ...)
{
    va_list arguments;
    if (advices->count == MR_ADVICE_MOST)
        return NULL;
    mr_advice *advice = &advices->items[advices->count++];
    *advice = (mr_advice){.name = name, .about = about, .weight = weight};
    va_start(arguments, title);
    vsnprintf(advice->title, sizeof advice->title, title, arguments);
    va_end(arguments);
    return advice;
}

void mr_advice_say(mr_advice *advice, const char *text, ...)
{
    va_list arguments;
    if (!advice)
        return;
    va_start(arguments, text);
    vsnprintf(advice->text, sizeof advice->text, text, arguments);
    va_end(arguments);
}

/* The heavier one first; of equals the one that was found first. */
static int compare(const void *a, const void *b)
{
    const mr_advice *first = a, *second = b;
    if (first->weight != second->weight)
        return first->weight < second->weight ? 1 : -1;
    return first < second ? -1 : first > second;
}

void mr_advise(const mr_facts *facts, mr_advices *advices)
{
    advices->count = 0;
    mr_advise_ranks(facts, advices);
    mr_advise_cores(facts, advices);
    mr_advise_blocks(facts, advices);
    mr_advise_data(facts, advices);
    mr_advise_tasks(facts, advices);
    qsort(advices->items, advices->count, sizeof *advices->items, compare);
}
