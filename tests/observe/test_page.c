/*
 * tests/observe/test_page.c: numbers as people read them, text that cannot break out of the page,
 * the drawing of timelines against sums over time, and pages of reports in which anything may
 * stand.
 */
#include "page/amount.h"
#include "page/html.h"
#include "page/page.h"
#include "page/section.h"
#include "page/timeline.h"

#include <CUnit/Basic.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_amounts(void)
{
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(0).text, "0 s");
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(270e-9).text, "270 ns");
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(12.34e-6).text, "12.3 µs");
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(0.558).text, "558 ms");
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(1.646).text, "1.65 s");
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(245.4).text, "4 min 05 s");
    CU_ASSERT_STRING_EQUAL(mr_amount_seconds(7500).text, "2 h 05 min");
    CU_ASSERT_STRING_EQUAL(mr_amount_bytes(0).text, "0 B");
    CU_ASSERT_STRING_EQUAL(mr_amount_bytes(1023).text, "1023 B");
    CU_ASSERT_STRING_EQUAL(mr_amount_bytes(1536).text, "1.50 KiB");
    CU_ASSERT_STRING_EQUAL(mr_amount_bytes(3.2 * (1 << 30)).text, "3.20 GiB");
    CU_ASSERT_STRING_EQUAL(mr_amount_count(1234567).text, "1,234,567");
    CU_ASSERT_STRING_EQUAL(mr_amount_count(-1000).text, "-1,000");
    CU_ASSERT_STRING_EQUAL(mr_amount_count(0.5).text, "0.5");
    CU_ASSERT_STRING_EQUAL(mr_amount_share(0.412).text, "41%");
    CU_ASSERT_STRING_EQUAL(mr_amount_share(0.0123).text, "1.2%");
    CU_ASSERT_STRING_EQUAL(mr_amount_share(0.0001).text, "<0.1%");
    CU_ASSERT_STRING_EQUAL(mr_amount_times(2.12).text, "2.1");
    CU_ASSERT_STRING_EQUAL(mr_amount_times(0.0278).text, "0.028");
    CU_ASSERT_STRING_EQUAL(mr_amount_size(65536).text, "64K");
    CU_ASSERT_STRING_EQUAL(mr_amount_size(1).text, "1K");
    CU_ASSERT_STRING_EQUAL(mr_amount_size(8.0 * (1 << 30)).text, "8G");
}

/* Numbers that no job has must not break anything, and stay short. */
static void test_odd_amounts(void)
{
    const double odd[] = {1e300, -1e300, 1e15, 1e-300, -0.0, 9.999, 99.99, 999.9, 1023.99, 119.4};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        CU_ASSERT(strlen(mr_amount_seconds(odd[i]).text) < 24);
        CU_ASSERT(strlen(mr_amount_bytes(odd[i]).text) < 24);
        CU_ASSERT(strlen(mr_amount_count(odd[i]).text) < 24);
        CU_ASSERT(strlen(mr_amount_share(odd[i]).text) < 24);
        CU_ASSERT(strlen(mr_amount_times(odd[i]).text) < 24);
        CU_ASSERT(strlen(mr_amount_size(odd[i]).text) < 24);
    }
}

static bool says(const char *text, const char *wanted)
{
    mr_text html = {0};
    mr_html_say(&html, text);
    const bool same =
        html.size == strlen(wanted) && (html.size == 0 || !memcmp(html.data, wanted, html.size));
    if (!same)
        fprintf(stderr, "%.*s, not %s\n", (int)html.size, html.data, wanted);
    mr_text_free(&html);
    return same;
}

static void test_escaping(void)
{
    CU_ASSERT(says(NULL, ""));
    CU_ASSERT(says("", ""));
    CU_ASSERT(says("</script><!-- &amp; \"'", "&lt;/script&gt;&lt;!-- &amp;amp; &quot;&#39;"));
    CU_ASSERT(says("a\tb\x01\x7f\n", "a␉b␁␡␊"));
    CU_ASSERT(says("grün – ὕδωρ 水 😀", "grün – ὕδωρ 水 😀"));
    CU_ASSERT(says("\xff\xc3 \xed\xa0\x80\xf0\x9f\x98", "?? ??????"));
    CU_ASSERT(says("\xc2\x85\xc2\xa0", "?\xc2\xa0"));                     /* U+0085, U+00A0 */
    CU_ASSERT(says("a\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f z", "a??? z")); /* U+202E, 2066, 200F */
}

static void test_code(void)
{
    char key[2 * MR_HTML_CODE];
    mr_text html = {0};
    memset(key, 'x', sizeof key);
    memcpy(key + MR_HTML_CODE - 1, "ü", 3);
    mr_html_code(&html, key);
    mr_text_add(&html, "", 1);
    CU_ASSERT_EQUAL(strlen(html.data), strlen("<code><bdi>…</bdi></code>") + MR_HTML_CODE - 1);
    mr_text_clear(&html);
    memcpy(key + MR_HTML_CODE - 2, "ü", 3);
    mr_html_code(&html, key);
    mr_text_add(&html, "", 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(html.data, "xxxü</bdi></code>"));
    mr_text_free(&html);
}

/* The text between two marks of a page, as a string of its own (free). */
static char *between(const mr_text *html, const char *begin, const char *end)
{
    char *from = memmem(html->data, html->size, begin, strlen(begin));
    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    from += strlen(begin);
    char *to = memmem(from, html->size - (size_t)(from - html->data), end, strlen(end));
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    return strndup(from, (size_t)(to - from));
}

static json_t *data_of(const json_t *report)
{
    mr_text html = {0};
    mr_section_data(&html, report);
    char *json = between(&html, "id=\"report\">", "</script>");
    CU_ASSERT_PTR_NULL(strpbrk(json, "<>&"));
    json_t *read = json_loads(json, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(read);
    free(json);
    mr_text_free(&html);
    return read;
}

static void test_data(void)
{
    json_t *report = json_pack("{s:f, s:{s:s, s:s}, s:i}", "seconds", 0.1, "</script><b>",
                               "</script><!--<script>", "evil", "&\x01\x7f\\\" ü",
                               "😀 \xe2\x80\xa8 &lt;", "n", -3);
    json_t *read = data_of(report);
    CU_ASSERT(json_equal(report, read));
    json_decref(read);
    json_t *large = json_array();
    for (int i = 0; i < 100000; i++)
        json_array_append_new(large, json_integer(i));
    json_object_set_new(report, "timeline", large);
    read = data_of(report);
    CU_ASSERT_PTR_NULL(json_object_get(read, "timeline"));
    json_object_del(report, "timeline");
    CU_ASSERT(json_equal(report, read));
    json_decref(read);
    json_decref(report);
}

/* All parts of all bins together are what was added; the drawing is as high as they are. */
static void test_bins(void)
{
    double parts[10 * MR_KINDS], sum = 0;
    mr_bins bins = {.count = 10, .seconds = 5, .threads = 1, .parts = parts};
    const mr_span spans[] = {{MR_KIND_MAP, 0.0, 1.25, 1.25},
                             {MR_KIND_WAIT, 1.25, 3.0, 0.875},
                             {MR_KIND_WRITE, 4.75, 9.0, 4.25},
                             {MR_KIND_READ, 7.0, 9.0, 2.0}};
    mr_text html = {0};
    mr_bins_clear(&bins);
    for (size_t i = 0; i < 4; i++)
        mr_bins_add(&bins, &spans[i]);
    for (int i = 0; i < 10 * MR_KINDS; i++)
        sum += parts[i];
    CU_ASSERT_DOUBLE_EQUAL(sum, 1.25 + 0.875 + 0.25, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(parts[2 * MR_KINDS + MR_KIND_MAP], 0.25, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(parts[3 * MR_KINDS + MR_KIND_WAIT], 0.25, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(parts[9 * MR_KINDS + MR_KIND_WRITE], 0.25, 1e-9);
    mr_bins_draw(&bins, &html);
    mr_text_add(&html, "", 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(html.data, "<path class=\"k-map\" d=\"M0 12V0H2V6H3V12H10z\"/>"));
    CU_ASSERT_PTR_NULL(strstr(html.data, "k-read"));
    mr_text_free(&html);
}

/* ---- Reports in which anything may stand ---- */

static const char *const report_text =
    "{\"mapred\": \"0.1.0\", \"app\": \"a<b\", \"seconds\": 12.5, \"phases\": {\"map\": {\"max\": "
    "1, "
    "\"mean\": 1}, \"write\": {\"max\": 8, \"mean\": 1}}, \"input\": {\"files\": 3, \"bytes\": "
    "900000, "
    "\"splits\": 1, \"block\": 4096}, \"output\": {\"path\": null, \"rows\": 3, \"bytes\": 9}, "
    "\"balance\": {\"busy_max_over_mean\": 1.5}, \"exchange\": {\"bytes\": 9, \"messages\": 2, "
    "\"matrix\": [[0, 5], [4, 0]], \"nodes\": [\"x\", \"y\"]}, \"memory\": {\"rss_peak_max\": 9}, "
    "\"counters\": {\"net\": -3}, \"hot_keys\": [{\"set\": \"s\", \"key\": \"k\", \"share\": 0.5, "
    "\"rank\": 1}], \"ranks\": [{\"rank\": 0, \"host\": \"h\", \"busy\": 3, \"threads\": 2, "
    "\"node_cpus\": 1, \"blocks\": 9, \"spilled\": 90000000, \"memory_peak\": 5, "
    "\"memory_budget\": 9, "
    "\"bytes_sent\": 5}, {\"rank\": 1, \"host\": \"i\", \"busy\": 9, \"threads\": 2}], "
    "\"timeline\": "
    "[{\"rank\": 0, \"thread\": 0, \"spans\": [[\"map\", 0, 6.5, 3], [\"what\", 7, 9]]}, "
    "{\"rank\": 1, "
    "\"thread\": 1, \"spans\": [[\"wait\", 2, 12.5, 1]]}], \"slowest\": [{\"rank\": 0, \"thread\": "
    "1, "
    "\"file\": \"f\", \"begin\": 0, \"end\": 4096, \"block\": 0, \"seconds\": 4}], \"waits\": "
    "[{\"rank\": "
    "0, \"seconds\": 5, \"on\": 1}], \"cost\": {\"serial_seconds\": 15, \"cores\": 4, "
    "\"cores_to_beat_one\": 2}, \"bad\": [{\"file\": \"f\", \"offset\": 7, \"reason\": \"r\"}], "
    "\"bad_count\": 3, \"command\": {\"app\": \"a\", \"arguments\": [\"-t\", \"2\"], \"folder\": "
    "\"/\"}, "
    "\"forks\": [{\"name\": \"f\", \"busy_max_over_mean\": 2}], \"pools\": [{\"workers\": 3, "
    "\"kinds\": "
    "[{\"name\": \"k\", \"tasks\": 30000, \"seconds\": 0.1, \"failed\": 1}]}], \"graphs\": "
    "[{\"name\": "
    "\"g\", \"chain\": {\"tasks\": 1, \"share\": 0.9, \"of\": [{\"kind\": \"add\", \"seconds\": "
    "1}]}}], "
    "\"pipelines\": [{\"name\": \"p\", \"bottleneck\": \"s\", \"reason\": \"r\", \"stages\": "
    "[{\"name\": "
    "\"s\", \"utilisation\": 0.9}]}], \"sync\": [{\"name\": \"l\", \"kind\": \"lock\", "
    "\"operations\": 99, "
    "\"contention\": 0.9, \"mean_wait\": 5}], \"later\": {\"a\": [1, 2]}}";

/* Another value, of any kind. */
static json_t *anything(unsigned choice)
{
    switch (choice % 12) {
    case 0:
        return json_null();
    case 1:
        return json_string("</script>\xe2\x80\xae");
    case 2:
        return json_integer(INT64_MIN);
    case 3:
        return json_integer(INT64_MAX);
    case 4:
        return json_real(1.7e308);
    case 5:
        return json_real(-1e-300);
    case 6:
        return json_array();
    case 7:
        return json_object();
    case 8:
        return json_true();
    case 9:
        return json_pack("[[i, i], [s, n]]", 1, 2, "x");
    case 10:
        return json_integer(0);
    default:
        return json_pack("{s:i, s:[]}", "rank", -1, "spans");
    }
}

static unsigned draw(unsigned *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

/* Replaces, or takes out, some value below `value`, nearer to the root or farther from it. */
static void spoil(json_t *value, unsigned *state)
{
    const size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    if (count == 0)
        return;
    const size_t at = draw(state) % count;
    const bool deeper = draw(state) % 4 != 0, remove = draw(state) % 4 == 0;
    const char *key = NULL;
    void *entry = json_object_iter(value);
    for (size_t i = 0; entry && i < at; i++)
        entry = json_object_iter_next(value, entry);
    if (entry)
        key = json_object_iter_key(entry);
    json_t *child = key ? json_object_iter_value(entry) : json_array_get(value, at);
    if (deeper && (json_is_array(child) || json_is_object(child)))
        spoil(child, state);
    else if (key && remove)
        json_object_del(value, key);
    else if (key)
        json_object_set_new(value, key, anything(draw(state)));
    else if (remove)
        json_array_remove(value, at);
    else
        json_array_set_new(value, at, anything(draw(state)));
}

/* Each value of a report spoiled, some of them together: there is always a whole page. */
static void test_spoiled(void)
{
    json_t *whole = json_loads(report_text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
    unsigned state = 1;
    for (int i = 0; i < 1500; i++) {
        json_t *report = json_deep_copy(whole);
        for (unsigned times = 1 + draw(&state) % 4; times > 0; times--)
            spoil(report, &state);
        mr_text html = {0};
        mr_error error = {.code = MR_OK};
        CU_ASSERT_EQUAL(mr_page_make(report, &html, &error), MR_OK);
        CU_ASSERT_PTR_NOT_NULL(memmem(html.data, html.size, "</html>\n", 8));
        CU_ASSERT_PTR_NULL(memmem(html.data, html.size, "nan", 3));
        CU_ASSERT_PTR_NULL(memmem(html.data, html.size, ":inf", 4));
        mr_text_free(&html);
        json_decref(report);
    }
    json_decref(whole);
}

/* ---- Files ---- */

static char folder[] = "/tmp/mapred-page-XXXXXX";

static mr_status read_text(const char *text, size_t size, json_t **report, mr_error *error)
{
    char path[64];
    snprintf(path, sizeof path, "%s/report.json", folder);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(text, 1, size, file), size);
    CU_ASSERT_EQUAL(fclose(file), 0);
    *error = (mr_error){.code = MR_OK};
    return mr_page_read(path, report, error);
}

static void refuse(const char *text, const char *why)
{
    json_t *report;
    mr_error error;
    CU_ASSERT_EQUAL(read_text(text, strlen(text), &report, &error), MR_BAD_INPUT);
    CU_ASSERT_PTR_NULL(report);
    if (!strstr(error.text, why))
        fprintf(stderr, "%s: no '%s'\n", error.text, why);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, why));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "report.json"));
}

static void test_read(void)
{
    json_t *report;
    mr_error error;
    refuse("", "at byte 0");
    refuse("{\"seconds\": 1,, \"ranks\": []}", "at byte 15");
    refuse("{\"seconds\": 1", "at byte 13");
    refuse("{\"seconds\": 1} x", "at byte 16");
    refuse("[1, 2]", "no report");
    refuse("{\"rows\": 2}", "no report");
    refuse("{\"traceEvents\": []}", "it is a trace");
    const char bytes[] = "{\"seconds\": 1, \"app\": \"a\xff\xfe\xc3\xbc\"}";
    CU_ASSERT_EQUAL(read_text(bytes, sizeof bytes - 1, &report, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(report, "app")), "a??ü");
    json_decref(report);
    CU_ASSERT_EQUAL(mr_page_read("/nowhere/at/all.json", &report, &error), MR_BAD_INPUT);
    CU_ASSERT_EQUAL(mr_page_read(folder, &report, &error), MR_BAD_INPUT);
}

static void clean_up(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/report.json", folder);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

int main(void)
{
    if (!mkdtemp(folder) || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("page", NULL, NULL);
    CU_add_test(suite, "amounts", test_amounts);
    CU_add_test(suite, "odd amounts", test_odd_amounts);
    CU_add_test(suite, "escaping", test_escaping);
    CU_add_test(suite, "code", test_code);
    CU_add_test(suite, "data", test_data);
    CU_add_test(suite, "bins", test_bins);
    CU_add_test(suite, "spoiled", test_spoiled);
    CU_add_test(suite, "read", test_read);
    CU_add_test(suite, "clean up", clean_up);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}
