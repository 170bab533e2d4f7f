/* page/advice_blocks.c: how the input was cut: too few blocks, too small ones, one that took too
 * long, and files that cannot be entered in the middle. */
#include "page/advice.h"
#include "page/amount.h"

#include <math.h>
#include <string.h>

#define LEAST_BLOCK 4096.0 /* bytes that are proposed at least */

static const json_t *input_of(const mr_facts *facts)
{
    return mr_view_object(facts->report, "input");
}

/* Files that are read as a whole keep as many ranks at it as there are files. */
static size_t count_readers(const mr_facts *facts)
{
    size_t readers = 0;
    for (size_t i = 0; i < facts->rank_count; i++)
        readers += mr_facts_of_rank(facts, (long)i, "bytes_read") > 0;
    return readers;
}

static void say_undivided(const mr_facts *facts, mr_advices *advices, size_t readers)
{
    const double files = mr_view_number(input_of(facts), "files");
    const double share = 1 - (double)readers / (double)facts->rank_count;
    mr_advice *advice =
        mr_advice_add(advices, "undivided", "balance", share,
                      "%zu of %zu ranks read all of the input", readers, facts->rank_count);
    mr_advice_say(advice,
                  "%s in %s file%s: one that is compressed by gzip or zstd, or a pipe, is read by "
                  "one rank from its beginning to its end. Cut it into %zu files or more, or keep "
                  "it decompressed.",
                  mr_amount_bytes(mr_facts_sum(facts, "bytes_read")).text,
                  mr_amount_count(files).text, files == 1 ? "" : "s", facts->rank_count);
}

static void say_few(const mr_facts *facts, mr_advices *advices, double blocks, double bytes)
{
    const double wanted = bytes / (4 * facts->workers);
    const double size = fmax(LEAST_BLOCK, exp2(floor(log2(fmax(wanted, 1)))));
    mr_advice *advice = mr_advice_add(
        advices, "few-blocks", "balance", 0.5 * fmin(1, 1 - blocks / 2 / facts->workers),
        "Only %s block%s for %.0f threads", mr_amount_count(blocks).text, blocks == 1 ? "" : "s",
        facts->workers);
    mr_advice_say(advice,
                  "Some threads had nothing to do, or the last block made all others wait: "
                  "--block %s gives each of them four.",
                  mr_amount_size(size).text);
}

static void look_at_count(const mr_facts *facts, mr_advices *advices)
{
    const json_t *input = input_of(facts);
    const double files = mr_view_number(input, "files"), bytes = mr_view_number(input, "bytes");
    const double block = mr_view_number(input, "block"), ranks = (double)facts->rank_count;
    const double blocks = mr_facts_sum(facts, "blocks");
    const size_t readers = count_readers(facts);
    if (readers > 0 && (double)readers < ranks && (double)readers <= files &&
        bytes >= MR_ADVICE_FEW_BLOCKS * block * ranks)
        say_undivided(facts, advices, readers);
    else if (blocks > 0 && blocks < MR_ADVICE_FEW_BLOCKS * facts->workers &&
             bytes > LEAST_BLOCK * facts->workers && facts->workers > 1)
        say_few(facts, advices, blocks, bytes);
}

/* Blocks of datasets are told in rows: their size is that of the job's blocks. */
static bool is_rows(const json_t *block)
{
    const char *unit = mr_view_text(block, "unit");
    return unit && strcmp(unit, "rows") == 0;
}

static double size_of(const mr_facts *facts, const json_t *block)
{
    const double size = mr_view_number(block, "end") - mr_view_number(block, "begin");
    return is_rows(block) || !(size > 0) ? mr_view_number(input_of(facts), "block") : size;
}

static void say_odd(mr_advice *advice, const json_t *block, double times)
{
    const char *file = mr_view_text(block, "file");
    mr_advice_say(advice,
                  "That is %s times the mean of all blocks: it is what stands there that takes so "
                  "long, in %.256s from %s %s on. A smaller --block finds the place, 'mapred "
                  "replay' runs that block alone.",
                  mr_amount_times(times).text, file ? file : "the input",
                  is_rows(block) ? "row" : "byte",
                  mr_amount_count(mr_view_number(block, "begin")).text);
}

/* One block that took a large part of the job. */
static void look_at_slowest(const mr_facts *facts, mr_advices *advices)
{
    const json_t *slowest = json_array_get(facts->slowest, 0);
    const double seconds = mr_view_number(slowest, "seconds");
    const double blocks = mr_facts_sum(facts, "blocks");
    const double mean = blocks > 0 ? mr_facts_sum(facts, "busy") / blocks : 0;
    const double share = facts->seconds > 0 ? seconds / facts->seconds : 0;
    if (share < MR_ADVICE_BLOCK || blocks < 2)
        return;
    mr_advice *advice = mr_advice_add(advices, "slow-block", "slowest", share,
                                      "One block took %s, %s of the job's time",
                                      mr_amount_seconds(seconds).text, mr_amount_share(share).text);
    if (mean > 0 && seconds >= MR_ADVICE_ODD_BLOCK * mean)
        say_odd(advice, slowest, seconds / mean);
    else
        mr_advice_say(advice,
                      "All blocks take long, and the last one makes the others wait: --block %s "
                      "divides them further.",
                      mr_amount_size(fmax(LEAST_BLOCK, size_of(facts, slowest) / 8)).text);
}

static void look_at_tiny(const mr_facts *facts, mr_advices *advices)
{
    const double blocks = mr_facts_sum(facts, "blocks"), busy = mr_facts_sum(facts, "busy");
    const double block = mr_view_number(input_of(facts), "block");
    if (blocks < MR_ADVICE_MANY || !(block > 0) || busy / blocks > MR_ADVICE_TINY_BLOCK)
        return;
    mr_advice *advice = mr_advice_add(advices, "tiny-blocks", "balance", 0.2,
                                      "Blocks are small: a kernel takes %s for one, on average",
                                      mr_amount_seconds(busy / blocks).text);
    mr_advice_say(advice, "Handing out %s of them costs more than that: --block %s.",
                  mr_amount_count(blocks).text, mr_amount_size(16 * block).text);
}

/* Listing inputs is the work of one rank. */
static void look_at_plan(const mr_facts *facts, mr_advices *advices)
{
    const double share = mr_facts_phase(facts, "plan");
    const double files = mr_view_number(input_of(facts), "files");
    if (share < MR_ADVICE_PLAN)
        return;
    mr_advice *advice =
        mr_advice_add(advices, "plan", "time", share,
                      "%s of the time went by before the first block", mr_amount_share(share).text);
    mr_advice_say(advice,
                  "One rank lists the input (%s file%s) for all. Fewer and "
                  "larger files are listed faster, and so is a list of them (@LIST).",
                  mr_amount_count(files).text, files == 1 ? "" : "s");
}

void mr_advise_blocks(const mr_facts *facts, mr_advices *advices)
{
    look_at_count(facts, advices);
    look_at_slowest(facts, advices);
    look_at_tiny(facts, advices);
    look_at_plan(facts, advices);
}
