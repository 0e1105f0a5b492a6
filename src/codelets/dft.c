/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dft.c: discrete Fourier transforms of lines that fit a cache, by FFTW. Which algorithm is taken must not hang on how fast it was
 * when it was tried, since bits hang on it: so FFTW only estimates. Its estimates are as good as its measurements up to some
 * length; longer lines are parts of at most that length, whose results meet in one more pass (Cooley and Tukey 1965).
 */
#include <fftw3.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "codelets.h"

#define LONGEST 2048 /* that FFTW's estimates are good for */
#define TINY SP_DFT_TINY /* lines up to this length are transformed several at a time, */
#define AT_ONCE 16   /* always as many */
#define KEPT 64      /* plans that nobody uses, at most */

struct sp_dft {
    struct sp_dft *next;
    struct sp_dft_key key;
    int64_t lines;        /* transformed in a call */
    int64_t parts, part;  /* how many, and how long, of a complex line */
    bool half;            /* a real line is a complex one of half the length */
    void *sub, *cross;    /* FFTW's plans: of lines or of their parts, and across parts */
    void *roots;          /* of all parts but the first; then, of `half`, those that join even and odd elements; or two tables */
    int shift;            /* of the tables */
    int users;
    uint64_t used;        /* when it was asked for last */
};

#define R float
#define FFTW(name) fftwf_##name
#define OF(name) single_##name
#include "dft_lines.h"
#define R double
#define FFTW(name) fftw_##name
#define OF(name) double_##name
#include "dft_lines.h"

/* ------------------------------------------------------------------------------------------------ roots of unity */

/* e^(2 pi i k / n), 0 <= k < n, to the last place: the angle is taken into the first octant, where nothing cancels. */
static void root_of_unity(int64_t k, int64_t n, double *re, double *im)
{
    __int128 eighths = (__int128)k * 8;
    int octant = (int)(eighths / n);
    int64_t rest = (int64_t)(eighths % n);
    double angle = 0.78539816339744830962 * ((double)(octant & 1 ? n - rest : rest) / (double)n), c = cos(angle), s = sin(angle);
    bool turned = (octant + 1) & 2; /* octants 1, 2, 5, 6 */
    double x = turned ? s : c, y = turned ? c : s;
    *re = octant >= 2 && octant < 6 ? -x : x;
    *im = octant >= 4 ? -y : y;
}

void sp_dft_roots(bool single, bool inverse, int64_t n, int64_t first, int64_t step, int64_t count, void *to)
{
    for (int64_t i = 0; i < count; i++) {
        double re, im;
        root_of_unity((int64_t)(((__int128)step * i + first) % n), n, &re, &im);
        if (!inverse) im = -im;
        if (single) ((float *)to)[2 * i] = (float)re, ((float *)to)[2 * i + 1] = (float)im;
        else ((double *)to)[2 * i] = re, ((double *)to)[2 * i + 1] = im;
    }
}

static bool find_roots(struct sp_dft *d)
{
    int64_t inner = d->part * (d->parts - 1), outer = d->half ? d->key.n / 4 + 1 : 0, item = d->key.single ? 8 : 16;
    if (inner + outer == 0) return true;
    char *to = d->roots = sp_malloc((size_t)((inner + outer) * item));
    if (!to) return false;
    for (int64_t i = 1; i < d->parts; i++, to += d->part * item) {
        sp_dft_roots(d->key.single, d->key.inverse, d->part * d->parts, 0, i, d->part, to);
    }
    sp_dft_roots(d->key.single, d->key.inverse, d->key.n, 0, 1, outer, to);
    return true;
}

static bool find_tables(struct sp_dft *d)
{
    int64_t n = d->key.n;
    while ((int64_t)1 << 2 * d->shift < n) d->shift++;
    int64_t fine = (int64_t)1 << d->shift, coarse = (n >> d->shift) + 1;
    double *to = d->roots = sp_malloc((size_t)(fine + coarse) * 2 * sizeof *to);
    if (!to) return false;
    sp_dft_roots(false, d->key.inverse, n, 0, 1, fine, to);
    sp_dft_roots(false, d->key.inverse, n, 0, fine, coarse, to + 2 * fine);
    return true;
}

const double *sp_dft_tables(const struct sp_dft *d, int *shift)
{
    *shift = d->shift;
    return d->roots;
}

/* ------------------------------------------------------------------------------------------------------- planning */

/* The fewest parts that are short enough; one, where there is no such number. */
static int64_t find_parts(int64_t n)
{
    for (int64_t r = (n + LONGEST - 1) / LONGEST; r <= SP_DFT_LONGEST / LONGEST; r++) {
        if (n % r == 0) return r;
    }
    return 1;
}

static void choose(struct sp_dft *d)
{
    int64_t n = d->key.n;
    d->half = d->key.kind != SP_DFT_C2C && n > LONGEST && n % 2 == 0;
    d->lines = n <= TINY ? AT_ONCE : 1;
    if (d->half) n /= 2;
    d->parts = d->key.kind != SP_DFT_C2C && !d->half ? 1 : find_parts(n);
    d->part = n / d->parts;
}

static void drop(struct sp_dft *d)
{
    if (d->key.single) single_unplan(d);
    else double_unplan(d);
    sp_free(d->roots);
    sp_free(d);
}

/* All that a transform, or a table, needs. */
static bool prepare(struct sp_dft *d)
{
    if (d->key.kind == SP_DFT_ROOTS) return find_tables(d);
    choose(d);
    return find_roots(d) && (d->key.single ? single_plan(d) : double_plan(d));
}

static struct sp_dft *make(const struct sp_dft_key *key)
{
    struct sp_dft *d = sp_calloc(1, sizeof *d);
    if (!d) return NULL;
    d->key = *key;
    if (prepare(d)) return d;
    drop(d);
    return NULL;
}

/* FFTW plans in one thread at a time, also when the program plans transforms of its own. */
static void start_fftw(void)
{
    fftwf_init_threads();
    fftw_init_threads();
    fftwf_make_planner_thread_safe();
    fftw_make_planner_thread_safe();
}

static pthread_once_t fftw = PTHREAD_ONCE_INIT;

static struct {
    pthread_mutex_t lock;
    struct sp_dft *first;
    uint64_t clock;
    int idle;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct sp_dft *find(const struct sp_dft_key *key)
{
    for (struct sp_dft *d = cache.first; d; d = d->next) {
        const struct sp_dft_key *k = &d->key;
        if (k->n == key->n && k->kind == key->kind && k->single == key->single && k->inverse == key->inverse && k->decimated == key->decimated) return d;
    }
    return NULL;
}

/* The one that nobody has used for longest. */
static void forget_one(void)
{
    struct sp_dft **oldest = NULL;
    for (struct sp_dft **at = &cache.first; *at; at = &(*at)->next) {
        if ((*at)->users == 0 && (!oldest || (*at)->used < (*oldest)->used)) oldest = at;
    }
    if (!oldest) return;
    struct sp_dft *d = *oldest;
    *oldest = d->next;
    cache.idle--;
    drop(d);
}

struct sp_dft *sp_dft_get(const struct sp_dft_key *key)
{
    pthread_once(&fftw, start_fftw);
    pthread_mutex_lock(&cache.lock);
    struct sp_dft *d = find(key);
    if (!d) {
        d = make(key);
        if (d) {
            d->next = cache.first;
            cache.first = d;
            cache.idle++;
        }
    }
    if (d) {
        cache.idle -= d->users++ == 0;
        d->used = ++cache.clock;
    }
    pthread_mutex_unlock(&cache.lock);
    return d;
}

void sp_dft_use(struct sp_dft *d)
{
    pthread_mutex_lock(&cache.lock);
    d->users++;
    pthread_mutex_unlock(&cache.lock);
}

void sp_dft_put(struct sp_dft *d)
{
    if (!d) return;
    pthread_mutex_lock(&cache.lock);
    cache.idle += --d->users == 0;
    while (cache.idle > KEPT) forget_one();
    pthread_mutex_unlock(&cache.lock);
}

/* ------------------------------------------------------------------------------------------------------- running */

int64_t sp_dft_lines(const struct sp_dft *d)
{
    return d->lines;
}

int64_t sp_dft_parts(const struct sp_dft *d)
{
    return d->key.decimated ? d->parts : 1;
}

void sp_dft_run(const struct sp_dft *d, void *in, void *out, const struct sp_kernels *kernels)
{
    if (d->key.single) single_run(d, in, out, kernels);
    else double_run(d, in, out, kernels);
}
