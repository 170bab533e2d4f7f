/*
 * page/amount.h: numbers as people read them: three digits and a unit. Each is a small piece of
 * text that lives as long as the expression it stands in.
 */
#ifndef MR_PAGE_AMOUNT_H
#define MR_PAGE_AMOUNT_H

typedef struct mr_amount {
    char text[40];
} mr_amount;

mr_amount mr_amount_seconds(double seconds); /* 12.3 ms, 4 min 05 s */
mr_amount mr_amount_bytes(double bytes);     /* 1.50 GiB */
mr_amount mr_amount_count(double count);     /* 1,234,567 */
mr_amount mr_amount_share(double share);     /* 41%, of 0.41 */
mr_amount mr_amount_times(double ratio);     /* 2.1 */
mr_amount mr_amount_size(double bytes);      /* 64K, as options take it, rounded up */

#endif
