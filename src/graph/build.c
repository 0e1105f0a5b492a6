/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build.c: the makers of nodes: constants, generators, elementwise operations, casts. Everything about shapes and dtypes
 * is checked here, once, for every door. A node is filled in place; nothing is allocated but the node itself.
 */
#include <math.h>
#include <string.h>

#include "build.h"

struct sp_node *sp_node_new(struct sp_graph *g, enum sp_kind kind, starp_dtype dtype, const starp_dims *shape)
{
    struct sp_node *n = sp_slab_get(&g->nodes);
    if (!n) {
        sp_fail_memory(&g->error);
        return NULL;
    }
    memset(n, 0, offsetof(struct sp_node, param));
    n->refs = 1;
    n->kind = (uint8_t)kind;
    n->dtype = (uint8_t)dtype;
    n->site = g->site;
    n->id = g->next_id++;
    n->shape.n = shape->n;
    memcpy(n->shape.v, shape->v, (size_t)shape->n * sizeof shape->v[0]);
    g->live++;
    return n;
}

void sp_node_input(struct sp_node *n, struct sp_node *input)
{
    n->in[n->nin++] = sp_node_retain(input);
}

bool sp_build_check(struct sp_graph *g, const char *what, const starp_dims *shape, starp_dtype dtype)
{
    char text[SP_SHAPE_TEXT];
    if (!sp_dtype_valid(dtype)) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "%s: there is no dtype %d", what, (int)dtype);
        return false;
    }
    if (!shape || shape->n < 0 || shape->n > STARP_MAXDIM) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "%s: %d dimensions; 0 to %d are allowed", what, shape ? shape->n : -1, STARP_MAXDIM);
        return false;
    }
    int64_t size = sp_shape_size(shape), bytes;
    if (size >= 0 && !__builtin_mul_overflow(size, (int64_t)sp_dtypes[dtype].size, &bytes)) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: shape %s is negative or more than 2^63 bytes", what, sp_shape_text(text, shape));
    return false;
}

/* ---------------------------------------------------------------------------------------------------- constants */

static double number_real(starp_number v)
{
    return v.kind == 'f' || v.kind == 'c' ? v.as.f[0] : v.kind == 'u' ? (double)v.as.u : (double)v.as.i;
}

static bool integer_fits(starp_number v, starp_dtype d)
{
    int bits = sp_dtypes[d].size * 8 - sp_dtypes[d].is_signed;
    bool negative = v.kind != 'u' && v.as.i < 0;
    if (negative) return sp_dtypes[d].is_signed && (bits == 63 || v.as.i >= -((int64_t)1 << bits));
    return bits == 64 || v.as.u >> bits == 0;
}

/* Whether a number can become a constant of dtype d as NumPy allows it: upwards in kind, integers in range. */
static bool number_fits(starp_number v, starp_dtype d)
{
    switch (sp_dtypes[d].cls) {
    case SP_CLASS_B: return v.kind == 'b' || ((v.kind == 'i' || v.kind == 'u') && v.as.u <= 1);
    case SP_CLASS_I: return (v.kind == 'b' || v.kind == 'i' || v.kind == 'u') && integer_fits(v, d);
    case SP_CLASS_F: return v.kind != 'c';
    default: return true;
    }
}

#define STORE_B(ctype) (*(ctype *)p = v.as.i != 0)
#define STORE_I(ctype) (*(ctype *)p = (ctype)v.as.u)
#define STORE_F(ctype) (*(ctype *)p = (ctype)number_real(v))
#define STORE_C(ctype) store_complex(p, sizeof(ctype), number_real(v), v.kind == 'c' ? v.as.f[1] : 0)

static void store_complex(void *p, size_t size, double re, double im)
{
    if (size == sizeof(double _Complex)) memcpy(p, (double[]){ re, im }, size);
    else memcpy(p, (float[]){ (float)re, (float)im }, size);
}

static void store_number(void *p, starp_dtype d, starp_number v)
{
    switch (d) {
#define X(id, ctype, name, cls) \
    case STARP_##id: STORE_##cls(ctype); break;
        STARP_DTYPES(X)
#undef X
    default: break;
    }
}

static const char *number_text(char *text, size_t cap, starp_number v)
{
    if (v.kind == 'f') snprintf(text, cap, "%.17g", v.as.f[0]);
    else if (v.kind == 'c') snprintf(text, cap, "%.17g%+.17gi", v.as.f[0], v.as.f[1]);
    else if (v.kind == 'u') snprintf(text, cap, "%llu", (unsigned long long)v.as.u);
    else snprintf(text, cap, "%lld", (long long)v.as.i);
    return text;
}

struct sp_node *sp_build_const(struct sp_graph *g, const starp_dims *shape, starp_dtype dtype, starp_number value, bool weak)
{
    char text[64];
    if (!sp_build_check(g, "full", shape, dtype)) return NULL;
    if (!number_fits(value, dtype)) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "full: %s does not fit in %s", number_text(text, sizeof text, value),
                sp_dtypes[dtype].name);
        return NULL;
    }
    struct sp_node *n = sp_node_new(g, SP_KIND_CONST, dtype, shape);
    if (!n) return NULL;
    memset(n->param, 0, sizeof n->param);
    store_number(n->param, dtype, value);
    n->weak = weak;
    return n;
}

/* A weak scalar as a constant of the dtype its partner calls for. */
static struct sp_node *const_as(struct sp_graph *g, const struct sp_node *weak, starp_dtype dtype)
{
    starp_number v = { .kind = 'i' };
    if (weak->dtype == STARP_C128) v.kind = 'c';
    else if (weak->dtype == STARP_F64) v.kind = 'f';
    else if (weak->dtype == STARP_U64) v.kind = 'u';
    else if (weak->dtype == STARP_BOOL) v.kind = 'b';
    if (v.kind == 'b') v.as.i = *weak->param;
    else memcpy(&v.as, weak->param, v.kind == 'c' ? 16 : 8);
    return sp_build_const(g, &weak->shape, dtype, v, false);
}

struct sp_node *sp_build_data(struct sp_graph *g, const starp_dims *shape, starp_dtype dtype, struct sp_value *value)
{
    if (!sp_build_check(g, "from_host", shape, dtype)) return NULL;
    struct sp_node *n = sp_node_new(g, SP_KIND_DATA, dtype, shape);
    if (n) n->value = value;
    return n;
}

/* -------------------------------------------------------------------------------------------------- elementwise */

/* The dtype that the operands at [from, n) have in common; weak ones only raise its class. */
static starp_dtype common_dtype(int from, int n, struct sp_node *const *in)
{
    starp_dtype strong = STARP_NDTYPES, weak = STARP_NDTYPES;
    for (int i = from; i < n; i++) {
        starp_dtype *into = in[i]->weak ? &weak : &strong;
        *into = *into == STARP_NDTYPES ? in[i]->dtype : sp_promote(*into, in[i]->dtype);
    }
    if (strong == STARP_NDTYPES) return weak;
    return weak == STARP_NDTYPES ? strong : sp_promote_weak(strong, weak);
}

bool sp_build_common_shape(struct sp_graph *g, const char *what, int n, struct sp_node *const *in, starp_dims *shape)
{
    char a[SP_SHAPE_TEXT], b[SP_SHAPE_TEXT];
    starp_dims r = in[0]->shape;
    for (int i = 1; i < n; i++) {
        if (sp_shape_equal(&r, &in[i]->shape)) continue;
        if (!sp_shape_broadcast(shape, &r, &in[i]->shape)) {
            sp_fail(&g->error, STARP_ERR_SHAPE, "%s: shapes %s and %s do not broadcast", what, sp_shape_text(a, &r),
                    sp_shape_text(b, &in[i]->shape));
            return false;
        }
        r = *shape;
    }
    *shape = r;
    return true;
}

struct sp_node *sp_build_converted(struct sp_graph *g, struct sp_node *x, starp_dtype dtype)
{
    if (x->weak) return x->dtype == dtype ? sp_node_retain(x) : const_as(g, x, dtype);
    return sp_build_cast(g, x, dtype);
}

static struct sp_node *map_node(struct sp_graph *g, enum sp_op op, int n, struct sp_node *const *in, starp_dtype compute,
                                const starp_dims *shape)
{
    bool select = sp_ops[op].result == SP_RESULT_SELECT;
    if (!sp_build_check(g, sp_ops[op].name, shape, sp_op_result_dtype(op, compute))) return NULL;
    struct sp_node *node = sp_node_new(g, SP_KIND_MAP, sp_op_result_dtype(op, compute), shape);
    if (!node) return NULL;
    node->op = (uint16_t)op;
    for (int i = 0; i < n; i++) {
        struct sp_node *x = sp_build_converted(g, in[i], select && i == 0 ? STARP_BOOL : compute);
        if (!x) {
            sp_node_release(g, node);
            return NULL;
        }
        node->in[node->nin++] = x;
    }
    return node;
}

struct sp_node *sp_build_map(struct sp_graph *g, enum sp_op op, int n, struct sp_node *const *in)
{
    for (int i = 0; i < n; i++) {
        if (!in[i]) return NULL;
    }
    starp_dtype common = common_dtype(sp_ops[op].result == SP_RESULT_SELECT, n, in);
    starp_dtype compute = sp_op_compute_dtype(op, common);
    if (compute == STARP_NDTYPES) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "%s: not defined for %s", sp_ops[op].name, sp_dtypes[common].name);
        return NULL;
    }
    starp_dims shape;
    if (!sp_build_common_shape(g, sp_ops[op].name, n, in, &shape)) return NULL;
    return map_node(g, op, n, in, compute, &shape);
}

struct sp_node *sp_build_cast(struct sp_graph *g, struct sp_node *x, starp_dtype dtype)
{
    if (!x) return NULL;
    if (!sp_build_check(g, "astype", &x->shape, dtype)) return NULL;
    if (x->dtype == dtype && !x->weak) return sp_node_retain(x);
    struct sp_node *n = sp_node_new(g, SP_KIND_MAP, dtype, &x->shape);
    if (!n) return NULL;
    n->op = x->dtype == dtype ? SP_OP_copy : SP_OP_cast;
    sp_node_input(n, x);
    return n;
}
