/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * npy_header.c: parses and writes the headers of .npy files. Pure functions of bytes.
 *
 * The parser accepts what NumPy writes and every equal spelling of it: the three keys in any order, either quote, blanks
 * between tokens, a trailing comma. Anything else is refused with its place: nothing is guessed, nothing is skipped.
 */
#include <stdio.h>
#include <string.h>

#include "npy.h"

static const unsigned char magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

/* The letters of the dtypes; a row's size is its element size. */
static const char kind_of[STARP_NDTYPES] = {
    [STARP_BOOL] = 'b', [STARP_I8] = 'i',  [STARP_I16] = 'i',  [STARP_I32] = 'i', [STARP_I64] = 'i',
    [STARP_U8] = 'u',   [STARP_U16] = 'u', [STARP_U32] = 'u',  [STARP_U64] = 'u', [STARP_F32] = 'f',
    [STARP_F64] = 'f',  [STARP_C64] = 'c', [STARP_C128] = 'c',
};

static char native_order(void)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
}

/* --------------------------------------------------------------------------------------------------------- prefix */

starp_status sp_npy_offset(struct sp_error *e, const unsigned char *bytes, size_t n, size_t *data_offset)
{
    if (n < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0) {
        return sp_fail(e, STARP_ERR_FORMAT, "not a .npy file: it does not begin with \\x93NUMPY");
    }
    if (n < 8) return sp_fail(e, STARP_ERR_FORMAT, "the file ends within the version, at byte %zu", n);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) {
        return sp_fail(e, STARP_ERR_FORMAT, "format version %d.%d; known are 1.0, 2.0 and 3.0", bytes[6], bytes[7]);
    }
    size_t begin = bytes[6] == 1 ? 10 : 12;
    if (n < begin) return sp_fail(e, STARP_ERR_FORMAT, "the file ends within the header's length, at byte %zu", n);
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (begin == 12) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > SP_NPY_HEADER_MAX) {
        return sp_fail(e, STARP_ERR_FORMAT, "a header of %zu bytes; at most %d are accepted", length,
                       SP_NPY_HEADER_MAX);
    }
    *data_offset = begin + length;
    return STARP_OK;
}

/* --------------------------------------------------------------------------------------------------------- tokens */

struct scanner {
    struct sp_error *e;
    const unsigned char *bytes;
    size_t at, end;
};

static starp_status refuse(struct scanner *in, const char *expected)
{
    if (in->at >= in->end) return sp_fail(in->e, STARP_ERR_FORMAT, "the header ends where %s is expected", expected);
    unsigned char c = in->bytes[in->at];
    const char *format = c > ' ' && c < 0x7f ? "byte %zu is '%c' where %s is expected"
                                             : "byte %zu is 0x%02x where %s is expected";
    return sp_fail(in->e, STARP_ERR_FORMAT, format, in->at, c, expected);
}

/* The next byte that is not blank, or -1 at the end. */
static int peek(struct scanner *in)
{
    while (in->at < in->end && memchr(" \t\r\n", in->bytes[in->at], 4)) in->at++;
    return in->at < in->end ? in->bytes[in->at] : -1;
}

static bool accept(struct scanner *in, int c)
{
    if (peek(in) != c) return false;
    in->at++;
    return true;
}

static starp_status expect(struct scanner *in, int c, const char *name)
{
    return accept(in, c) ? STARP_OK : refuse(in, name);
}

/* A string of printable ASCII without escapes: the only ones a header needs. */
static starp_status scan_string(struct scanner *in, const char *name, char *text, size_t cap)
{
    int quote = peek(in);
    if (quote != '\'' && quote != '"') return refuse(in, name);
    size_t n = 0;
    for (in->at++; in->at < in->end && in->bytes[in->at] != quote; in->at++) {
        unsigned char c = in->bytes[in->at];
        if (c < ' ' || c >= 0x7f || c == '\\' || n + 1 >= cap) return refuse(in, "the end of a short string");
        text[n++] = (char)c;
    }
    text[n] = 0;
    return in->at < in->end ? in->at++, STARP_OK : refuse(in, "the end of a string");
}

static starp_status scan_bool(struct scanner *in, bool *value)
{
    peek(in);
    size_t left = in->end - in->at;
    *value = left >= 4 && memcmp(in->bytes + in->at, "True", 4) == 0;
    if (!*value && (left < 5 || memcmp(in->bytes + in->at, "False", 5) != 0)) return refuse(in, "True or False");
    in->at += *value ? 4 : 5;
    return STARP_OK;
}

static starp_status scan_extent(struct scanner *in, int64_t *value)
{
    int first = peek(in);
    if (first < '0' || first > '9') return refuse(in, "an extent of the shape");
    size_t begin = in->at;
    for (*value = 0; in->at < in->end && in->bytes[in->at] >= '0' && in->bytes[in->at] <= '9'; in->at++) {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, in->bytes[in->at] - '0', value)) {
            return sp_fail(in->e, STARP_ERR_FORMAT, "the extent at byte %zu is beyond 2^63 - 1", begin);
        }
    }
    if (first != '0' || in->at == begin + 1) return STARP_OK;
    return sp_fail(in->e, STARP_ERR_FORMAT, "the extent at byte %zu has a leading zero", begin);
}

/* --------------------------------------------------------------------------------------------------------- values */

/* Python's tuple: (), (3,), (3, 4), (3, 4,); but (3) is a number. */
static starp_status scan_shape(struct scanner *in, starp_dims *shape)
{
    bool comma = true;
    SP_TRY(expect(in, '(', "the '(' of a shape"));
    for (shape->n = 0; peek(in) != ')'; comma = accept(in, ',')) {
        if (!comma) return refuse(in, "',' or ')'");
        if (shape->n == STARP_MAXDIM) {
            return sp_fail(in->e, STARP_ERR_FORMAT, "the shape has more than %d dimensions", STARP_MAXDIM);
        }
        SP_TRY(scan_extent(in, &shape->v[shape->n++]));
    }
    return shape->n == 1 && !comma ? refuse(in, "the ',' of a tuple of one") : expect(in, ')', "')'");
}

/* "<f8": byte order, letter, size. '|' says that there is no order, '=' that it is this machine's. */
static starp_status scan_descr(struct scanner *in, struct sp_npy *out)
{
    char descr[32];
    if (peek(in) == '[') return sp_fail(in->e, STARP_ERR_FORMAT, "structured dtypes are not supported");
    SP_TRY(scan_string(in, "a dtype", descr, sizeof descr));
    bool known = descr[0] && strchr("<>=|", descr[0]);
    for (int d = 0; known && d < STARP_NDTYPES; d++) {
        char name[8];
        snprintf(name, sizeof name, "%c%d", kind_of[d], sp_dtypes[d].size);
        if (strcmp(descr + 1, name) != 0 || (descr[0] == '|' && sp_dtypes[d].size > 1)) continue;
        out->dtype = (starp_dtype)d;
        out->swap = sp_dtypes[d].size > 1 && descr[0] != '=' && descr[0] != native_order();
        return STARP_OK;
    }
    return sp_fail(in->e, STARP_ERR_FORMAT, "dtype '%s' is not supported", descr);
}

static starp_status scan_entry(struct scanner *in, struct sp_npy *out, unsigned *seen)
{
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    char key[16];
    unsigned k = 0;
    SP_TRY(scan_string(in, "a key", key, sizeof key));
    while (k < 3 && strcmp(key, keys[k]) != 0) k++;
    if (k == 3) return sp_fail(in->e, STARP_ERR_FORMAT, "unknown key '%s'", key);
    if (*seen & 1u << k) return sp_fail(in->e, STARP_ERR_FORMAT, "key '%s' comes twice", key);
    *seen |= 1u << k;
    SP_TRY(expect(in, ':', "':'"));
    return k == 0 ? scan_descr(in, out) : k == 1 ? scan_bool(in, &out->fortran) : scan_shape(in, &out->shape);
}

static starp_status scan_dict(struct scanner *in, struct sp_npy *out)
{
    unsigned seen = 0;
    bool comma = true;
    SP_TRY(expect(in, '{', "'{'"));
    for (; peek(in) != '}'; comma = accept(in, ',')) {
        if (!comma) return refuse(in, "',' or '}'");
        SP_TRY(scan_entry(in, out, &seen));
    }
    in->at++;
    if (!(seen & 1)) return sp_fail(in->e, STARP_ERR_FORMAT, "the header lacks the key 'descr'");
    if (!(seen & 2)) return sp_fail(in->e, STARP_ERR_FORMAT, "the header lacks the key 'fortran_order'");
    if (!(seen & 4)) return sp_fail(in->e, STARP_ERR_FORMAT, "the header lacks the key 'shape'");
    return peek(in) < 0 ? STARP_OK : refuse(in, "the header's end");
}

starp_status sp_npy_parse(struct sp_error *e, const unsigned char *bytes, size_t n, struct sp_npy *out)
{
    memset(out, 0, sizeof *out);
    SP_TRY(sp_npy_offset(e, bytes, n, &out->data_offset));
    size_t begin = bytes[6] == 1 ? 10 : 12;
    if (n < out->data_offset) {
        return sp_fail(e, STARP_ERR_FORMAT, "the file ends within the header, after %zu of %zu bytes", n,
                       out->data_offset);
    }
    if (out->data_offset == begin || bytes[out->data_offset - 1] != '\n') {
        return sp_fail(e, STARP_ERR_FORMAT, "the header does not end with a newline");
    }
    struct scanner in = { e, bytes, begin, out->data_offset };
    SP_TRY(scan_dict(&in, out));
    int64_t size = sp_shape_size(&out->shape), data_bytes;
    if (size < 0 || __builtin_mul_overflow(size, sp_dtypes[out->dtype].size, &data_bytes) || data_bytes > PTRDIFF_MAX) {
        char text[SP_SHAPE_TEXT];
        return sp_fail(e, STARP_ERR_FORMAT, "shape %s of %s is too large", sp_shape_text(text, &out->shape),
                       sp_dtypes[out->dtype].name);
    }
    out->data_bytes = (size_t)data_bytes;
    return STARP_OK;
}

/* -------------------------------------------------------------------------------------------------------- writing */

size_t sp_npy_format(char *buffer, size_t cap, starp_dtype dtype, const starp_dims *shape)
{
    char text[10 + 64 + STARP_MAXDIM * 24 + 64];
    size_t at = 10;
    int size = sp_dtypes[dtype].size;
    at += (size_t)snprintf(text + at, sizeof text - at, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                           size == 1 ? '|' : native_order(), kind_of[dtype], size);
    for (int a = 0; a < shape->n; a++) {
        at += (size_t)snprintf(text + at, sizeof text - at, a ? ", %lld" : "%lld", (long long)shape->v[a]);
    }
    at += (size_t)snprintf(text + at, sizeof text - at, shape->n == 1 ? ",), }" : "), }");
    size_t total = (at + 1 + 63) / 64 * 64;
    memset(text + at, ' ', total - at);
    text[total - 1] = '\n';
    memcpy(text, magic, sizeof magic);
    text[6] = 1; /* version 1.0 holds 65535 bytes: always enough */
    text[7] = 0;
    text[8] = (char)((total - 10) & 0xff);
    text[9] = (char)((total - 10) >> 8);
    if (total <= cap) memcpy(buffer, text, total);
    return total;
}

/* ------------------------------------------------------------------------------------------------------ byte order */

#define SWAP_LOOP(bits) \
    for (size_t i = 0; i + bits / 8 <= bytes; i += bits / 8) { \
        uint##bits##_t x; \
        memcpy(&x, p + i, sizeof x); \
        x = __builtin_bswap##bits(x); \
        memcpy(p + i, &x, sizeof x); \
    }

void sp_npy_swap(void *data, size_t bytes, starp_dtype dtype)
{
    unsigned char *p = data;
    switch (sp_dtypes[sp_dtype_real(dtype)].size) {
    case 2: SWAP_LOOP(16) break;
    case 4: SWAP_LOOP(32) break;
    case 8: SWAP_LOOP(64) break;
    default: break;
    }
}
