/* test_tuple.c: tuples stand in the order of their fields, and come apart again. */
#include "random.h"

#include <mapred/pair.h>

#include <CUnit/Basic.h>
#include <stdlib.h>

#define FIELDS  4
#define LONGEST 120

typedef struct fields {
    size_t count;
    char kinds[FIELDS];
    char bytes[FIELDS][LONGEST];
    size_t sizes[FIELDS];
    int64_t i64[FIELDS];
    uint64_t u64[FIELDS];
    double f64[FIELDS];
} fields;

static void make_kinds(uint64_t *random, fields *made)
{
    made->count = 1 + random_below(random, FIELDS);
    for (size_t i = 0; i < made->count; i++)
        made->kinds[i] = "biuf"[random_below(random, 4)];
}

static void make_values(uint64_t *random, fields *made)
{
    for (size_t i = 0; i < made->count; i++) {
        bool far = random_below(random, 3) == 0;
        made->sizes[i] = random_below(random, far ? LONGEST : 4);
        for (size_t b = 0; b < made->sizes[i]; b++)
            made->bytes[i][b] = (char)random_below(random, far ? 256 : 3);
        made->u64[i] = far ? random_next(random) : random_below(random, 3);
        made->i64[i] = (int64_t)made->u64[i] - 1;
        made->f64[i] = (double)made->i64[i] / 3;
    }
}

static void add_fields(mr_tuple *tuple, const fields *made)
{
    mr_tuple_begin(tuple);
    for (size_t i = 0; i < made->count; i++) {
        if (made->kinds[i] == 'b')
            mr_tuple_add_bytes(tuple, mr_bytes_at(made->bytes[i], made->sizes[i]));
        else if (made->kinds[i] == 'i')
            mr_tuple_add_i64(tuple, made->i64[i]);
        else if (made->kinds[i] == 'u')
            mr_tuple_add_u64(tuple, made->u64[i]);
        else
            mr_tuple_add_f64(tuple, made->f64[i]);
    }
}

static int compare_field(const fields *a, const fields *b, size_t i)
{
    switch (a->kinds[i]) {
    case 'b':
        return mr_bytes_compare(mr_bytes_at(a->bytes[i], a->sizes[i]),
                                mr_bytes_at(b->bytes[i], b->sizes[i]));
    case 'i':
        return (a->i64[i] > b->i64[i]) - (a->i64[i] < b->i64[i]);
    case 'u':
        return (a->u64[i] > b->u64[i]) - (a->u64[i] < b->u64[i]);
    default:
        return (a->f64[i] > b->f64[i]) - (a->f64[i] < b->f64[i]);
    }
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void test_order(void)
{
    uint64_t random = 4;
    size_t equal = 0;
    for (int round = 0; round < 20000; round++) {
        fields a = {0}, b;
        mr_tuple x, y;
        make_kinds(&random, &a);
        b = a;
        make_values(&random, &a);
        make_values(&random, &b);
        add_fields(&x, &a);
        add_fields(&y, &b);
        int order = 0;
        for (size_t i = 0; i < a.count && !order; i++)
            order = compare_field(&a, &b, i);
        CU_ASSERT_EQUAL(sign(mr_bytes_compare(mr_tuple_key(&x), mr_tuple_key(&y))), sign(order));
        equal += !order;
        mr_tuple_free(&x);
        mr_tuple_free(&y);
    }
    CU_ASSERT(equal > 100);
}

static bool field_comes_back(const fields *made, size_t i, mr_bytes *rest)
{
    char room[2 * FIELDS * (LONGEST + 2)];
    mr_bytes field;
    int64_t i64;
    uint64_t u64;
    double f64;
    switch (made->kinds[i]) {
    case 'b':
        return mr_tuple_next_bytes(rest, room, &field) &&
               mr_bytes_equal(field, mr_bytes_at(made->bytes[i], made->sizes[i]));
    case 'i':
        return mr_tuple_next_i64(rest, &i64) && i64 == made->i64[i];
    case 'u':
        return mr_tuple_next_u64(rest, &u64) && u64 == made->u64[i];
    default:
        return mr_tuple_next_f64(rest, &f64) && f64 == made->f64[i];
    }
}

static void test_fields(void)
{
    uint64_t random = 6;
    for (int round = 0; round < 5000; round++) {
        fields made = {0};
        mr_tuple tuple;
        make_kinds(&random, &made);
        make_values(&random, &made);
        add_fields(&tuple, &made);
        CU_ASSERT_FALSE(tuple.failed);
        mr_bytes rest = mr_tuple_key(&tuple);
        for (size_t i = 0; i < made.count; i++)
            CU_ASSERT(field_comes_back(&made, i, &rest));
        CU_ASSERT_EQUAL(rest.size, 0);
        mr_tuple_free(&tuple);
    }
}

/* Bytes that no tuple has are refused, and cut ones. */
static void test_malformed(void)
{
    static const char *const bad[] = {"ab", "a\0", "a\0\2\0\0", "", "a\0\1"};
    static const size_t sizes[] = {2, 2, 5, 0, 3};
    char room[8];
    for (size_t i = 0; i < 5; i++) {
        mr_bytes rest = mr_bytes_at(bad[i], sizes[i]), field;
        uint64_t number;
        CU_ASSERT_FALSE(mr_tuple_next_bytes(&rest, room, &field));
        CU_ASSERT_FALSE(mr_tuple_next_u64(&rest, &number));
        CU_ASSERT_EQUAL(rest.size, sizes[i]);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("tuple", NULL, NULL);
    CU_add_test(suite, "tuples stand in the order of their fields", test_order);
    CU_add_test(suite, "fields come back", test_fields);
    CU_add_test(suite, "malformed tuples are refused", test_malformed);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
