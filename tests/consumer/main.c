/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adds two arrays through nothing but the installed header and library.
 */
#include <starp.h>

int main(void)
{
    double sum = 0;
    starp_session *s = starp_open(NULL);
    starp_array *a = starp_arange(s, 0, 100000, 1, STARP_F64);
    starp_array *b = starp_ones(s, STARP_SHAPE(100000), STARP_F64);
    starp_array *c = starp_sum(starp_add(a, b), NULL, 0);
    if (starp_read(c, &sum, sizeof sum) != STARP_OK) {
        fprintf(stderr, "%s\n", starp_last_error());
        return 1;
    }
    printf("starp %s: %.17g\n", starp_version(), sum);
    return starp_close(s) == STARP_OK && sum == 5000050000.0 ? 0 : 1;
}
