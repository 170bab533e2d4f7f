/* page/amount.c: numbers as people read them. */
#include "page/amount.h"

#include <math.h>
#include <stdio.h>

#define MOST 1e15 /* what is more than that has lost its last digits */

/* Three digits. */
static mr_amount with_unit(double number, const char *unit)
{
    mr_amount amount;
    const double size = fabs(number);
    const int digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    if (size < MOST)
        snprintf(amount.text, sizeof amount.text, "%.*f %s", digits, number, unit);
    else
        snprintf(amount.text, sizeof amount.text, "%.3g %s", number, unit);
    return amount;
}

static mr_amount long_time(double seconds)
{
    mr_amount amount;
    const double whole = floor(seconds + 0.5), minutes = floor(whole / 60);
    if (fabs(whole) >= MOST)
        return with_unit(seconds, "s");
    if (whole < 7200)
        snprintf(amount.text, sizeof amount.text, "%.0f min %02.0f s", minutes,
                 whole - 60 * minutes);
    else
        snprintf(amount.text, sizeof amount.text, "%.0f h %02.0f min", floor(minutes / 60),
                 minutes - 60 * floor(minutes / 60));
    return amount;
}

mr_amount mr_amount_seconds(double seconds)
{
    const double size = fabs(seconds);
    if (size < 0.5e-9)
        return (mr_amount){"0 s"};
    if (size < 1e-6)
        return with_unit(seconds * 1e9, "ns");
    if (size < 1e-3)
        return with_unit(seconds * 1e6, "µs");
    if (size < 1)
        return with_unit(seconds * 1e3, "ms");
    return size < 119.5 ? with_unit(seconds, "s") : long_time(seconds);
}

mr_amount mr_amount_bytes(double bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    mr_amount amount;
    int unit = -1;
    if (fabs(bytes) < 1024) {
        snprintf(amount.text, sizeof amount.text, "%.0f B", bytes);
        return amount;
    }
    for (; fabs(bytes) >= 1023.5 && unit < 5; unit++)
        bytes /= 1024;
    return with_unit(bytes, units[unit]);
}

mr_amount mr_amount_count(double count)
{
    mr_amount amount;
    char digits[32];
    if (fabs(count) >= MOST || count != floor(count)) {
        snprintf(amount.text, sizeof amount.text, "%.4g", count);
        return amount;
    }
    const int size = snprintf(digits, sizeof digits, "%.0f", fabs(count));
    char *to = amount.text;
    if (count < 0)
        *to++ = '-';
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return amount;
}

mr_amount mr_amount_share(double share)
{
    mr_amount amount;
    const double percent = 100 * share;
    if (percent > 0 && percent < 0.05)
        return (mr_amount){"<0.1%"};
    if (fabs(percent) >= MOST)
        snprintf(amount.text, sizeof amount.text, "%.3g%%", percent);
    else
        snprintf(amount.text, sizeof amount.text, "%.*f%%", fabs(percent) < 9.95 ? 1 : 0, percent);
    return amount;
}

mr_amount mr_amount_times(double ratio)
{
    mr_amount amount;
    snprintf(amount.text, sizeof amount.text,
             fabs(ratio) < 0.95   ? "%.2g"
             : fabs(ratio) < 9.95 ? "%.1f"
                                  : "%.0f",
             fmin(fmax(ratio, -MOST), MOST));
    return amount;
}

mr_amount mr_amount_size(double bytes)
{
    static const char units[] = "KMGT";
    mr_amount amount;
    int unit = 0;
    bytes = ceil(fmin(fmax(bytes, 1), MOST) / 1024);
    while (bytes >= 10240 && units[unit + 1]) {
        bytes = ceil(bytes / 1024);
        unit++;
    }
    while (fmod(bytes, 1024) == 0 && units[unit + 1]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(amount.text, sizeof amount.text, "%.0f%c", bytes, units[unit]);
    return amount;
}
