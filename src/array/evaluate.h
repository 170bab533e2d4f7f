/*
 * array/evaluate.h: the values of a box of an array, computed by one thread in memory that it uses
 * again from tile to tile.
 */
#ifndef MR_ARRAY_EVALUATE_H
#define MR_ARRAY_EVALUATE_H

#include "array/box.h"

/* What other ranks' memory had to give for the tiles that are evaluated now: see fetch.h. */
typedef struct mr_fetched mr_fetched;

/* `root` is what boxes are asked of, or has it among its operands. */
mr_status mr_evaluator_create(mr_evaluator **evaluator, const mr_array *root,
                              const mr_fetched *fetched, mr_error *error);
void mr_evaluator_destroy(mr_evaluator **evaluator);

/* Fills `into` with a box in C order. */
mr_status mr_evaluate(mr_evaluator *evaluator, const mr_array *array, const mr_box *box, void *into,
                      mr_error *error);
/* The same where it lies in memory already, or in memory of the evaluator, until the next box. */
mr_status mr_evaluate_look(mr_evaluator *evaluator, const mr_array *array, const mr_box *box,
                           const void **values, mr_error *error);

/* For `fill` of a kind: memory of the evaluator, aligned to 64 bytes, until it returns. */
void *mr_evaluator_room(mr_evaluator *evaluator, size_t size, mr_error *error);

/* The box of operand number `i` that a box of `array` needs. */
void mr_array_needs(const mr_array *array, const mr_box *box, mr_box *needs);

#endif
