/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_bits.c: prints what random graphs compute, one line of digests per graph, for check-ranks-bits to compare between
 * numbers of ranks. Which bits a NaN has is left open, so all NaN count as one.
 *
 *   rank_bits FIRST GRAPHS
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "random_graph.h"

static uint64_t mix_f32(uint64_t hash, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) hash = x[i] == x[i] ? digest_mix(hash, &x[i], sizeof x[i]) : digest_mix(hash, "nan", 3);
    return hash;
}

static uint64_t mix_f64(uint64_t hash, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) hash = x[i] == x[i] ? digest_mix(hash, &x[i], sizeof x[i]) : digest_mix(hash, "nan", 3);
    return hash;
}

static uint64_t digest_of(const struct rg_result *r)
{
    uint64_t hash = digest_mix(DIGEST_NOTHING, &r->dtype, sizeof r->dtype);
    hash = digest_mix(hash, r->shape.v, (size_t)r->shape.n * sizeof r->shape.v[0]);
    if (!r->data) return hash;
    switch (r->dtype) {
    case STARP_F32: return mix_f32(hash, r->data, r->size);
    case STARP_C64: return mix_f32(hash, r->data, 2 * r->size);
    case STARP_F64: return mix_f64(hash, r->data, r->size);
    case STARP_C128: return mix_f64(hash, r->data, 2 * r->size);
    default: return digest_mix(hash, r->data, (size_t)r->size * sp_dtypes[r->dtype].size);
    }
}

/* The family alternates: short graphs, deep ones now and then; each with functions whose last bit is nobody else's. */
static int run(struct rig *r, uint64_t seed)
{
    struct rg_options o = { .seed = seed, .transcendental = true, .steps = 30, .max_size = 700, .work = 1000000 };
    struct rg_outcome out;
    if (seed % 10 == 0) o.steps = 200, o.max_size = 100;
    rg_run(r, &o, &out);
    printf("%" PRIu64 " status %d:", seed, (int)out.error.status);
    for (int i = 0; i < out.n; i++) printf(" %%%d %016" PRIx64, out.at[i].id, digest_of(&out.at[i]));
    printf("\n");
    rg_outcome_free(&out);
    return r->g.live != 0;
}

int main(int argc, char **argv)
{
    struct rig r;
    int bad = 0;
    if (argc < 3) return 2;
    uint64_t first = strtoull(argv[1], NULL, 10), n = strtoull(argv[2], NULL, 10);
    rig_open_engine(&r);
    for (uint64_t seed = first; seed < first + n; seed++) bad |= run(&r, seed);
    rig_close(&r);
    if (bad) fprintf(stderr, "nodes leak\n");
    return bad;
}
