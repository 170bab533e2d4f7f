/*
 * mpi/test_post.c: letters between ranks: all arrive once, whole and in order, from any thread and
 * of any size; who writes too much waits; who waits costs nothing; and the end is not missed.
 */
#include "../unit/random.h"
#include "base/clock.h"
#include "comm/post.h"
#include "ranks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS 2000

typedef struct office {
    mr_post *post;
    uint32_t box;
    uint64_t *next; /* the number of the letter that comes next, of each rank */
    uint64_t wrong;
    atomic_ulong arrived;
} office;

static mr_bytes none(void)
{
    return (mr_bytes){NULL, 0};
}

/* A letter is its number and then bytes that follow from it. */
static size_t size_of_letter(uint64_t number, int from)
{
    return number % 97 == 5 ? 150000 + (size_t)from : (size_t)(number * 31 % 700);
}

static void check_letter(void *context, int from, uint32_t kind, mr_bytes letter)
{
    office *o = context;
    uint64_t number = o->next[from]++, got;
    (void)kind;
    memcpy(&got, letter.data, sizeof got);
    if (got != number || letter.size != sizeof got + size_of_letter(number, from))
        o->wrong++;
    for (size_t i = sizeof got; i < letter.size; i++)
        if (letter.data[i] != (char)(number + i))
            o->wrong++;
    atomic_fetch_add(&o->arrived, 1);
}

static void open_office(office *o, mr_post_handler *handler)
{
    mr_error error = {.code = MR_OK};
    *o = (office){.next = calloc((size_t)mr_comm_size(comm), sizeof *o->next)};
    CU_ASSERT_EQUAL(mr_post_open(&o->post, comm, &error), MR_OK);
    mr_post_box_open(o->post, &(mr_post_room){.handler = handler}, o, &o->box, &error);
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
}

static void close_office(office *o)
{
    CU_ASSERT_EQUAL(mr_post_box_close(o->post, o->box), MR_OK);
    mr_post_close(&o->post);
    free(o->next);
}

static void test_all_arrive_in_order(void)
{
    office o;
    open_office(&o, check_letter);
    char *letter = malloc(200000);
    for (uint64_t number = 0; number < LETTERS; number++) {
        size_t size = size_of_letter(number, mr_comm_rank(comm));
        for (size_t i = 0; i < size; i++)
            letter[i] = (char)(number + i + sizeof number);
        for (int to = 0; to < mr_comm_size(comm); to++)
            mr_post_send(o.post, to, o.box, 1, (mr_bytes){(char *)&number, sizeof number},
                         (mr_bytes){letter, size});
    }
    CU_ASSERT_EQUAL(mr_post_box_settle(o.post, o.box), MR_OK);
    CU_ASSERT_EQUAL(atomic_load(&o.arrived), (unsigned long)(LETTERS * mr_comm_size(comm)));
    CU_ASSERT_EQUAL(o.wrong, 0);
    free(letter);
    close_office(&o);
}

static void answer(void *context, int from, uint32_t kind, mr_bytes letter)
{
    office *o = context;
    if (kind == 1)
        mr_post_send(o->post, from, o->box, 2, letter, none());
    else
        atomic_fetch_add(&o->arrived, 1);
}

typedef struct hope {
    office *o;
    unsigned long count;
} hope;

static bool has_arrived(void *context)
{
    hope *h = context;
    return atomic_load(&h->o->arrived) >= h->count;
}

static void test_questions_are_answered(void)
{
    office o;
    open_office(&o, answer);
    double start = mr_clock_now();
    int other = (mr_comm_rank(comm) + 1) % mr_comm_size(comm);
    for (uint64_t i = 0; i < LETTERS; i++) {
        mr_post_send(o.post, other, o.box, 1, (mr_bytes){(char *)&i, sizeof i}, none());
        hope h = {&o, i + 1};
        CU_ASSERT_EQUAL(mr_post_wait(o.post, has_arrived, &h, mr_clock_now() + 20), MR_OK);
    }
    if (mr_comm_rank(comm) == 0)
        printf("%.1f us a question ", (mr_clock_now() - start) / LETTERS * 1e6);
    close_office(&o);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"all letters arrive once, whole and in order", test_all_arrive_in_order},
        {"questions are answered", test_questions_are_answered},
    };
    return run_on_ranks("post", tests, sizeof tests / sizeof *tests);
}
