/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * each_linalg.c: linear algebra on the matrices of a slice, each by one call of LAPACK's (whole.c), as the graph has it for what it
 * does not cut. A slice is a matrix, or several along its first axes; of a system, it is one matrix.
 */
#include <string.h>

#include "codelets.h"

#define MOST_VALUES 26000 /* singular values and eigenvalues whose workspaces LAPACK can count */

/* A result of a call, and how many of its extents are axes. */
struct result {
    int64_t rows, cols;
    starp_dtype dtype;
    int axes;
};

/* A call, and how it lies. */
struct plan {
    const struct sp_slices *x;
    struct sp_whole w;
    starp_dtype dtype;
    int64_t matrices;               /* of the slice */
    bool vector;                    /* there is a single right-hand side */
    int nin, nout;
    struct result result[4];
    char *to[SP_MAX_RESULTS];       /* of the slice, row-major */
    int64_t size[SP_MAX_RESULTS];   /* bytes of an element */
    size_t place[2 + SP_MAX_RESULTS]; /* in scratch: operands, then results */
    size_t bytes;                   /* of scratch */
    char *scratch;
};

static const enum sp_call calls[SP_EACH_COUNT] = {
    [SP_EACH_svdvals] = SP_CALL_svdvals, [SP_EACH_svd] = SP_CALL_svd, [SP_EACH_eigh] = SP_CALL_eigh, [SP_EACH_eigvalsh] = SP_CALL_eigvalsh,
    [SP_EACH_eig] = SP_CALL_eig, [SP_EACH_eigvals] = SP_CALL_eigvals, [SP_EACH_qr] = SP_CALL_qr, [SP_EACH_inv] = SP_CALL_solve,
    [SP_EACH_det] = SP_CALL_lu, [SP_EACH_cholesky] = SP_CALL_cholesky, [SP_EACH_solve] = SP_CALL_solve, [SP_EACH_lstsq] = SP_CALL_lstsq,
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static size_t reserve(struct plan *p, int64_t elements, int64_t size)
{
    size_t at = p->bytes;
    p->bytes += ((size_t)(elements * size) + 127) / 64 * 64;
    return at;
}

/* ----------------------------------------------------------------------------------------------------- preparing */

static void describe(struct plan *p)
{
    const starp_argument *a = &p->x->in[0], *b = &p->x->in[1];
    struct sp_whole *w = &p->w;
    bool system = p->x->f == SP_EACH_solve || p->x->f == SP_EACH_lstsq;
    p->dtype = sp_dtype_to_linalg(system ? sp_promote(a->dtype, b->dtype) : a->dtype);
    w->call = calls[p->x->f];
    w->dtype = p->dtype;
    w->m = a->shape[a->ndim - 2];
    w->n = a->shape[a->ndim - 1];
    p->vector = system && b->ndim == 1;
    w->k = p->x->f == SP_EACH_inv ? w->n : p->vector ? 1 : system ? b->shape[1] : 0;
    w->lu = &p->x->kernels->lu[p->dtype];
    p->nin = w->call == SP_CALL_solve || w->call == SP_CALL_lstsq ? 2 : 1;
    p->nout = sp_calls[w->call].nout;
    if (w->call == SP_CALL_lstsq) w->rcond = sp_each_rcond(p->dtype, w->m, w->n);
    p->matrices = 1;
    for (int k = 0; k < a->ndim - 2; k++) p->matrices *= a->shape[k];
}

/* What comes out of the call: matrices, vectors as columns, numbers. */
static void measure(struct plan *p)
{
    int64_t m = p->w.m, n = p->w.n, k = p->w.k, least = m < n ? m : n;
    starp_dtype d = p->dtype, real = sp_dtype_real(d), twice = real == STARP_F32 ? STARP_C64 : STARP_C128;
    int sides = p->vector ? 1 : 2;
    const struct result square = { n, n, d, 2 }, values = { n, 1, real, 1 }, singular = { least, 1, real, 1 };
    const struct result by_call[SP_CALLS_COUNT][4] = {
        [SP_CALL_svdvals] = { singular }, [SP_CALL_svd] = { { m, least, d, 2 }, singular, { least, n, d, 2 } },
        [SP_CALL_eigvalsh] = { values }, [SP_CALL_eigh] = { values, square },
        [SP_CALL_eigvals] = { { n, 1, twice, 1 } }, [SP_CALL_eig] = { { n, 1, twice, 1 }, { n, n, twice, 2 } },
        [SP_CALL_qr] = { { m, least, d, 2 }, { least, n, d, 2 } }, [SP_CALL_cholesky] = { square }, [SP_CALL_solve] = { { n, k, d, sides } },
        [SP_CALL_lu] = { square, { least, 1, STARP_I64, 1 }, { m, 1, STARP_I64, 1 }, { m, 1, STARP_I64, 1 } },
        [SP_CALL_lstsq] = { { n, k, d, sides }, { k, 1, real, 1 }, { 1, 1, STARP_I64, 0 }, singular },
    };
    memcpy(p->result, by_call[p->w.call], sizeof by_call[0]);
    for (int i = 0; i < p->nout; i++) p->size[i] = sp_dtypes[p->result[i].dtype].size;
}

/* Memory for all results that the function has; a determinant is a number of the dtype, whatever its call gives. */
static bool take_outputs(struct plan *p)
{
    const starp_argument *a = &p->x->in[0];
    for (int k = 0; k < sp_each_rows[p->x->f].nresults; k++) {
        const struct result *r = &p->result[k];
        int axes = p->x->f == SP_EACH_det ? 0 : r->axes;
        starp_dims shape = { .n = a->ndim - 2 + axes };
        memcpy(shape.v, a->shape, (size_t)(a->ndim - 2) * sizeof shape.v[0]);
        if (axes > 0) shape.v[shape.n - axes] = r->rows;
        if (axes > 1) shape.v[shape.n - 1] = r->cols;
        p->to[k] = starp_iteration_output(p->x->it, k, r->dtype, &shape);
        if (!p->to[k]) return false;
    }
    return true;
}

static bool fits(const struct plan *p)
{
    const starp_argument *a = &p->x->in[0], *b = &p->x->in[1];
    const char *name = sp_each_rows[p->x->f].name;
    bool system = p->nin == 2 && p->x->f != SP_EACH_inv;
    if (system && (a->ndim > 2 || b->ndim > 2)) return starp_iteration_fail(p->x->it, "%s: of several matrices in a slice; over containers it takes one", name), false;
    int64_t most = larger(larger(p->w.m, p->w.n), p->w.k), least = p->w.m < p->w.n ? p->w.m : p->w.n;
    if (most <= INT32_MAX && (least <= MOST_VALUES || (p->w.call != SP_CALL_svd && p->w.call != SP_CALL_eigh))) return true;
    return starp_iteration_fail(p->x->it, "%s: more than LAPACK can count with 32 bits", name), false;
}

static bool prepare(struct plan *p)
{
    describe(p);
    if (!fits(p)) return false;
    measure(p);
    sp_whole_plan(&p->w);
    int64_t item = sp_dtypes[p->dtype].size;
    p->bytes = (p->w.bytes + 63) / 64 * 64;
    p->place[0] = reserve(p, p->w.m * p->w.n, item);
    if (p->nin == 2) p->place[1] = reserve(p, larger(p->w.m, p->w.n) * larger(p->w.k, 1), item);
    for (int k = 0; k < p->nout; k++) p->place[2 + k] = k == sp_whole_over(p->w.call) ? 0 : reserve(p, p->result[k].rows * p->result[k].cols, p->size[k]);
    p->scratch = sp_aligned(64, p->bytes);
    if (!p->scratch) return sp_each_starved(p->x), false;
    sp_whole_place(&p->w, p->scratch);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- a matrix */

/* A row-major matrix into one that is row-major, too, or column-major with ld rows; or back. */
static void turn(const struct plan *p, int64_t rows, int64_t cols, int64_t item, char *dense, char *lapack, bool by_rows, int64_t ld, bool back)
{
    int64_t plain[2] = { cols * item, item }, other[2] = { by_rows ? cols * item : item, by_rows ? item : ld * item }, extent[2] = { rows, cols };
    if (back) sp_move(2, extent, (size_t)item, dense, plain, lapack, other, p->x->kernels);
    else sp_move(2, extent, (size_t)item, lapack, other, dense, plain, p->x->kernels);
}

/* Operand k of matrix i in LAPACK's place. Elements of another dtype are converted in what is a result's place later, or lie there. */
static bool load(struct plan *p, int k, int64_t i, int64_t rows, int64_t cols)
{
    const starp_argument *x = &p->x->in[k];
    int64_t item = sp_dtypes[p->dtype].size, n = rows * cols, ld = k == 1 ? larger(p->w.m, p->w.n) : rows;
    char *from = (char *)(uintptr_t)x->data + i * n * sp_dtypes[x->dtype].size, *own = NULL;
    p->w.in[k] = p->scratch + p->place[k];
    if (n == 0) return true;
    if (x->dtype != p->dtype) {
        own = sp_aligned(64, (size_t)(n * item));
        if (!own) return false;
        p->x->kernels->cast[x->dtype][p->dtype]((size_t)n, own, (const void *[]){ from, NULL, NULL }, &(int){ 0 });
    }
    turn(p, rows, cols, item, own ? own : from, p->w.in[k], sp_whole_by_rows(&p->w, false), ld, false);
    sp_free(own);
    return true;
}

static void put_one(const struct plan *p, void *to)
{
    const int64_t one = 1;
    p->x->kernels->cast[STARP_I64][p->dtype](1, to, (const void *[]){ &one, NULL, NULL }, &(int){ 0 });
}

static void load_identity(struct plan *p)
{
    int64_t n = p->w.n, item = sp_dtypes[p->dtype].size;
    char *x = p->w.in[1] = p->scratch + p->place[1];
    memset(x, 0, (size_t)(n * n * item));
    for (int64_t i = 0; i < n; i++) put_one(p, x + i * (n + 1) * item);
}

static void store(const struct plan *p, int k, int64_t i)
{
    int64_t n = p->result[k].rows * p->result[k].cols;
    char *to = p->to[k] + i * n * p->size[k];
    bool over = k == sp_whole_over(p->w.call), by_rows = sp_whole_by_rows(&p->w, true);
    int64_t ld = over && p->nin == 2 ? larger(p->w.m, p->w.n) : p->result[k].rows;
    if (n > 0) turn(p, p->result[k].rows, p->result[k].cols, p->size[k], to, p->w.out[k], by_rows, ld, true);
}

/* The product of the diagonal of U, with a sign for each exchange. Off it are ones, as the graph has them. */
static bool store_determinant(struct plan *p, int64_t i)
{
    int64_t n = p->w.n, item = sp_dtypes[p->dtype].size, sign = 1;
    const int64_t *pivot = p->w.out[1];
    char *u = p->w.out[0], number[16], *to = p->to[0] + i * item;
    for (int64_t k = 0; k < n; k++) sign = pivot[k] == k ? sign : -sign;
    for (int64_t k = 0; k < n * n; k++) {
        if (k % (n + 1)) put_one(p, u + k * item);
    }
    if (n == 0) put_one(p, to);
    else if (!sp_each_product(p->x->kernels, p->dtype, n, n, u, to)) return false;
    p->x->kernels->cast[STARP_I64][p->dtype](1, number, (const void *[]){ &sign, NULL, NULL }, &(int){ 0 });
    p->x->kernels->map[SP_OP_multiply][p->dtype](1, to, (const void *[]){ number, to, NULL }, &(int){ 0 });
    return true;
}

/* LAPACK's info. */
static int work(struct plan *p, int64_t i)
{
    bool good = load(p, 0, i, p->w.m, p->w.n);
    if (p->x->f == SP_EACH_inv) load_identity(p);
    else if (p->nin == 2) good = good && load(p, 1, i, p->w.m, p->w.k);
    for (int k = 0; k < p->nout; k++) p->w.out[k] = k == sp_whole_over(p->w.call) ? p->w.in[p->nin - 1] : p->scratch + p->place[2 + k];
    int info = good ? sp_whole_run(&p->w) : SP_WHOLE_NO_MEMORY;
    if (info == 0 && p->x->f == SP_EACH_det) return store_determinant(p, i) ? 0 : SP_WHOLE_NO_MEMORY;
    for (int k = 0; k < p->nout && info == 0; k++) store(p, k, i);
    return info;
}

int sp_each_linalg(const struct sp_slices *x)
{
    struct plan p = { .x = x };
    char text[STARP_ITERATION_TEXT], of[48] = "";
    if (!prepare(&p)) return 1;
    int info = 0;
    bool good = take_outputs(&p);
    for (int64_t i = 0; i < p.matrices && good && info == 0; i++) {
        info = work(&p, i);
        if (p.matrices > 1) snprintf(of, sizeof of, " (matrix %lld)", (long long)i);
    }
    sp_free(p.scratch);
    if (info == 0) return good ? 0 : 1;
    if (info == SP_WHOLE_NO_MEMORY) return sp_each_starved(x);
    sp_whole_explain(p.w.call, info, of, text, sizeof text);
    return starp_iteration_fail(x->it, "%s", text);
}
