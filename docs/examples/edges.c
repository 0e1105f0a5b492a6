/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edges.c: the edges of a photograph. Loads a grey picture, scales it to [0, 1], takes the gradient's magnitude by
 * central differences of shifted slices, marks what lies two standard deviations above the mean, and saves both.
 *
 *   edges PICTURE.npy MAGNITUDE.npy MASK.npy [--explain]
 */
#include <starp.h>
#include <string.h>

/* (x - min) / (max - min), as f64 */
static starp_array *normalised(starp_array *picture)
{
    starp_array *x = starp_astype(picture, STARP_F64);
    starp_array *low = starp_min(x, NULL, 0), *high = starp_max(x, NULL, 0);
    return starp_divide(starp_subtract(x, low), starp_subtract(high, low));
}

/* |grad x| in the interior: shape (rows - 2, columns - 2) */
static starp_array *gradient_magnitude(starp_session *s, starp_array *x)
{
    starp_array *half = starp_scalar(s, 0.5);
    starp_array *dy = starp_multiply(half, starp_subtract(starp_at(x, "2:, 1:-1"), starp_at(x, ":-2, 1:-1")));
    starp_array *dx = starp_multiply(half, starp_subtract(starp_at(x, "1:-1, 2:"), starp_at(x, "1:-1, :-2")));
    return starp_hypot(dx, dy);
}

static starp_status find_edges(starp_session *s, const char *from, const char *magnitude_to, const char *mask_to, int explain)
{
    starp_array *picture = starp_load(s, from);
    starp_array *magnitude = gradient_magnitude(s, normalised(picture));
    starp_array *mean = starp_mean(magnitude, NULL, 0), *sd = starp_std(magnitude, NULL, 0, 0);
    starp_array *mask = starp_greater(magnitude, starp_add(mean, starp_multiply(starp_scalar(s, 2), sd)));
    starp_array *edges = starp_count_nonzero(mask, NULL, 0);

    if (explain && starp_explain(edges, stdout) != STARP_OK) return starp_last_status();
    if (starp_eval_many(STARP_ARGS(magnitude, mask, mean, sd, edges)) != STARP_OK) return starp_last_status();

    double m, d, n;
    if (starp_item(mean, STARP_F64, &m) != STARP_OK || starp_item(sd, STARP_F64, &d) != STARP_OK ||
        starp_item(edges, STARP_F64, &n) != STARP_OK) {
        return starp_last_status();
    }
    printf("gradient: mean %.6f, standard deviation %.6f; %.0f edge pixels\n", m, d, n);
    if (starp_save(magnitude, magnitude_to) != STARP_OK) return starp_last_status();
    return starp_save(mask, mask_to);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s PICTURE.npy MAGNITUDE.npy MASK.npy [--explain]\n", argv[0]);
        return 2;
    }
    starp_session *s = starp_open(NULL);
    starp_status status = STARP_ERR_RUNTIME;
    if (s && starp_scope_open(s) == STARP_OK) {
        status = find_edges(s, argv[1], argv[2], argv[3], argc > 4 && strcmp(argv[4], "--explain") == 0);
        starp_scope_close(s);
    }
    if (status != STARP_OK) fprintf(stderr, "%s\n", starp_last_error());
    starp_close(s);
    return status != STARP_OK;
}
