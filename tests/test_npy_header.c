/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_npy_header.c: the parser of .npy headers, given every spelling, every truncation, every flipped byte and random texts; and what
 * is written for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "npy.h"
#include "npy_check.h"

#define LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/* Parses a copy of exactly n bytes, so that a sanitizer sees what is read beyond them. */
static starp_status parse(struct sp_error *e, const unsigned char *bytes, size_t n, struct sp_npy *out)
{
    unsigned char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    *e = (struct sp_error){ 0 };
    starp_status status = sp_npy_parse(e, copy, n, out);
    free(copy);
    assert_int_equal(status, e->status);
    assert_true(status == STARP_OK || (status == STARP_ERR_FORMAT && e->text[0]));
    return status;
}

/* What holds for every header that was accepted. */
static void assert_sane(const struct sp_npy *npy, size_t n)
{
    assert_true(sp_dtype_valid(npy->dtype));
    assert_true(npy->shape.n >= 0 && npy->shape.n <= STARP_MAXDIM);
    assert_true(npy->data_offset <= n);
    assert_true(npy->data_bytes == (size_t)sp_shape_size(&npy->shape) * sp_dtypes[npy->dtype].size);
    assert_true(!npy->swap || sp_dtypes[npy->dtype].size > 1);
}

static const struct {
    const char *text;
    starp_dtype dtype;
    bool swap, fortran;
    starp_dims shape;
} good_texts[] = {
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", STARP_F64, !LITTLE, false, { 1, { 3 } } },
    { "{'descr': '>f8', 'fortran_order': False, 'shape': (3,), }\n", STARP_F64, LITTLE, false, { 1, { 3 } } },
    { "{'shape':(),'descr':'|b1','fortran_order':True}\n", STARP_BOOL, false, true, { 0, { 0 } } },
    { "{'shape':( ),'descr':'<b1','fortran_order':True}\n", STARP_BOOL, false, true, { 0, { 0 } } },
    { "{\"descr\":\"=i4\",\"shape\":(2,3),\"fortran_order\":True}\n", STARP_I32, false, true, { 2, { 2, 3 } } },
    { " \t\n{ 'fortran_order' : True , 'shape' : ( 2 , 3 , ) , 'descr' : '>u2' , } \r\n \n",
      STARP_U16,
      LITTLE,
      true,
      { 2, { 2, 3 } } },
    { "{'descr':'|i1','fortran_order':False,'shape':(0,5)}\n", STARP_I8, false, false, { 2, { 0, 5 } } },
    { "{'descr':'|u1','fortran_order':False,'shape':(9223372036854775807,)}\n",
      STARP_U8,
      false,
      false,
      { 1, { INT64_MAX } } },
    { "{'descr':'<c8','fortran_order':False,'shape':(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2)}\n",
      STARP_C64,
      !LITTLE,
      false,
      { 16, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2 } } },
    { "{'descr':'>c16','fortran_order':False,'shape':(10,)}\n", STARP_C128, LITTLE, false, { 1, { 10 } } },
};

static void accepts_every_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_texts / sizeof good_texts[0]; i++) {
        for (int version = 1; version <= 3; version++) {
            unsigned char bytes[512];
            struct sp_error e;
            struct sp_npy npy;
            size_t n = npy_header(bytes, version, good_texts[i].text);
            if (parse(&e, bytes, n, &npy) != STARP_OK) fail_msg("%s: %s", good_texts[i].text, e.text);
            assert_sane(&npy, n);
            assert_int_equal(npy.dtype, good_texts[i].dtype);
            assert_int_equal(npy.swap, good_texts[i].swap);
            assert_int_equal(npy.fortran, good_texts[i].fortran);
            assert_true(sp_shape_equal(&npy.shape, &good_texts[i].shape));
            assert_int_equal(npy.data_offset, n);
        }
    }
}

static const struct {
    const char *text, *words;
} bad_texts[] = {
    { "", "newline" },
    { "\n", "'{'" },
    { "{}\n", "'descr'" },
    { "{,}\n", "a key" },
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", "newline" },
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)\n", "'}'" },
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)} x\n", "'x'" },
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}}\n", "end" },
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,),,}\n", "a key" },
    { "{'descr': '<f8' 'fortran_order': False, 'shape': (3,)}\n", "','" },
    { "{'descr' '<f8', 'fortran_order': False, 'shape': (3,)}\n", "':'" },
    { "{'fortran_order': False, 'shape': (3,)}\n", "lacks the key 'descr'" },
    { "{'descr': '<f8', 'shape': (3,)}\n", "lacks the key 'fortran_order'" },
    { "{'descr': '<f8', 'fortran_order': False}\n", "lacks the key 'shape'" },
    { "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (3,)}\n", "twice" },
    { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'more': 1}\n", "unknown key 'more'" },
    { "{'a key that is far too long for a header': 1}\n", "short string" },
    { "{'de\\x73cr': '<f8', 'fortran_order': False, 'shape': (3,)}\n", "byte" },
    { "{'descr\n", "end of a" },
    { "('descr', '<f8')\n", "'{'" },
    { "{descr: '<f8'}\n", "a key" },
    { NPY_TEXT("'<f2'", "False", "(3,)"), "dtype '<f2' is not supported" },
    { NPY_TEXT("'<f16'", "False", "(3,)"), "'<f16'" },
    { NPY_TEXT("'<c32'", "False", "(3,)"), "'<c32'" },
    { NPY_TEXT("'|O'", "False", "(3,)"), "'|O'" },
    { NPY_TEXT("'<U3'", "False", "(3,)"), "'<U3'" },
    { NPY_TEXT("'|S3'", "False", "(3,)"), "'|S3'" },
    { NPY_TEXT("'<M8[ns]'", "False", "(3,)"), "'<M8[ns]'" },
    { NPY_TEXT("'|f8'", "False", "(3,)"), "'|f8'" },
    { NPY_TEXT("'f8'", "False", "(3,)"), "'f8'" },
    { NPY_TEXT("'!f8'", "False", "(3,)"), "'!f8'" },
    { NPY_TEXT("''", "False", "(3,)"), "dtype ''" },
    { NPY_TEXT("'<f8 '", "False", "(3,)"), "'<f8 '" },
    { NPY_TEXT("'<i3'", "False", "(3,)"), "'<i3'" },
    { NPY_TEXT("'<b2'", "False", "(3,)"), "'<b2'" },
    { NPY_TEXT("[('a', '<f8')]", "False", "(3,)"), "structured" },
    { NPY_TEXT("3", "False", "(3,)"), "a dtype" },
    { NPY_TEXT("'<f8'", "false", "(3,)"), "True or False" },
    { NPY_TEXT("'<f8'", "0", "(3,)"), "True or False" },
    { NPY_TEXT("'<f8'", "Falsehood", "(3,)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(3)"), "tuple of one" },
    { NPY_TEXT("'<f8'", "False", "3"), "'('" },
    { NPY_TEXT("'<f8'", "False", "[3]"), "'('" },
    { NPY_TEXT("'<f8'", "False", "(,)"), "an extent" },
    { NPY_TEXT("'<f8'", "False", "(3,,)"), "an extent" },
    { NPY_TEXT("'<f8'", "False", "(3 4)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(-3,)"), "an extent" },
    { NPY_TEXT("'<f8'", "False", "(+3,)"), "an extent" },
    { NPY_TEXT("'<f8'", "False", "(3.0,)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(1e3,)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(3L,)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(1_0,)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(0x3,)"), "','" },
    { NPY_TEXT("'<f8'", "False", "(03,)"), "leading zero" },
    { NPY_TEXT("'<f8'", "False", "(None,)"), "an extent" },
    { NPY_TEXT("'<f8'", "False", "('3',)"), "an extent" },
    { NPY_TEXT("'<f8'", "False", "(9223372036854775808,)"), "2^63" },
    { NPY_TEXT("'<f8'", "False", "(99999999999999999999999999999,)"), "2^63" },
    { NPY_TEXT("'<f8'", "False", "(1152921504606846976,)"), "too large" },
    { NPY_TEXT("'|u1'", "False", "(4294967296,2147483648)"), "too large" },
    { NPY_TEXT("'<f8'", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), "16 dimensions" },
};

static void refuses_all_else_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
        unsigned char bytes[512];
        struct sp_error e;
        struct sp_npy npy;
        size_t n = npy_header(bytes, 1 + (int)(i % 3), bad_texts[i].text);
        if (parse(&e, bytes, n, &npy) == STARP_OK) fail_msg("accepted: %s", bad_texts[i].text);
        if (!strstr(e.text, bad_texts[i].words)) fail_msg("%s: \"%s\" lacks \"%s\"", bad_texts[i].text, e.text, bad_texts[i].words);
    }
}

static void refuses_other_magic_and_versions(void **state)
{
    (void)state;
    unsigned char bytes[512];
    struct sp_error e;
    struct sp_npy npy;
    size_t n = npy_header(bytes, 1, NPY_TEXT("'<f8'", "False", "(3,)"));
    for (int major = 0; major < 256; major++) {
        for (int minor = 0; minor < 256; minor += 51) {
            bytes[6] = (unsigned char)major;
            bytes[7] = (unsigned char)minor;
            assert_int_equal(parse(&e, bytes, n, &npy), major == 1 && minor == 0 ? STARP_OK : STARP_ERR_FORMAT);
        }
    }
    bytes[6] = 2; /* its length is now six bytes of text */
    bytes[7] = 0;
    assert_int_equal(parse(&e, bytes, n, &npy), STARP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "at most 65536"));
    bytes[0] = 'x';
    assert_int_equal(parse(&e, bytes, n, &npy), STARP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "not a .npy file"));
}

static void survives_every_truncation_and_byte(void **state)
{
    (void)state;
    for (int version = 1; version <= 3; version++) {
        unsigned char bytes[512];
        struct sp_error e;
        struct sp_npy npy;
        size_t n = npy_header(bytes, version, NPY_TEXT("'<c16'", "True", "(12, 34, 5)"));
        for (size_t cut = 0; cut < n; cut++) assert_int_equal(parse(&e, bytes, cut, &npy), STARP_ERR_FORMAT);
        for (size_t at = 0; at < n; at++) {
            unsigned char kept = bytes[at];
            for (int c = 0; c < 256; c++) {
                bytes[at] = (unsigned char)c;
                if (parse(&e, bytes, n, &npy) == STARP_OK) assert_sane(&npy, n);
            }
            bytes[at] = kept;
        }
        assert_int_equal(parse(&e, bytes, n, &npy), STARP_OK);
    }
}

static void survives_random_texts(void **state)
{
    (void)state;
    static const char *const words[] = {
        "{",     "}",    "(",     ")",    ",",  ":", " ", "\n",  "'", "\"", "'descr'", "'shape'", "'fortran_order'",
        "'<f8'", "True", "False", "(3,)", "()", "7", "0", "\xff"
    };
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        char text[512] = "";
        unsigned char bytes[600];
        struct sp_error e;
        struct sp_npy npy;
        for (int k = 0; k < 24; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            strcat(text, words[(seed >> 33) % (sizeof words / sizeof words[0])]);
        }
        size_t n = npy_header(bytes, 1, strcat(text, "\n"));
        if (parse(&e, bytes, n, &npy) == STARP_OK) assert_sane(&npy, n);
    }
}

static void formats_what_it_parses(void **state)
{
    (void)state;
    static const starp_dims shapes[] = {
        { 0, { 0 } },
        { 1, { 7 } },
        { 3, { 2, 0, 3 } },
        { 16, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 123456789012345678 } },
        { 16, { 0, INT32_MAX, INT32_MAX, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int d = 0; d < STARP_NDTYPES; d++) {
            char bytes[1024];
            struct sp_error e;
            struct sp_npy npy;
            size_t n = sp_npy_format(bytes, sizeof bytes, (starp_dtype)d, &shapes[i]);
            assert_true(n <= sizeof bytes && n % 64 == 0);
            assert_int_equal(parse(&e, (unsigned char *)bytes, n, &npy), STARP_OK);
            assert_sane(&npy, n);
            assert_int_equal(npy.dtype, d);
            assert_true(!npy.swap && !npy.fortran && npy.data_offset == n);
            assert_true(sp_shape_equal(&npy.shape, &shapes[i]));
            bytes[0] = 'x';
            assert_int_equal(sp_npy_format(bytes, n - 1, (starp_dtype)d, &shapes[i]), n);
            assert_int_equal(bytes[0], 'x');
        }
    }
}

static void swaps_numbers_not_elements(void **state)
{
    (void)state;
    static const struct {
        starp_dtype dtype;
        const char *want;
    } cases[] = {
        { STARP_U8, "0123456789abcdef" },  { STARP_I16, "1032547698badcfe" }, { STARP_F32, "32107654ba98fedc" },
        { STARP_C64, "32107654ba98fedc" }, { STARP_F64, "76543210fedcba98" }, { STARP_C128, "76543210fedcba98" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char data[] = "0123456789abcdef";
        sp_npy_swap(data, 16, cases[i].dtype);
        assert_string_equal(data, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_spelling),
        cmocka_unit_test(refuses_all_else_with_its_reason),
        cmocka_unit_test(refuses_other_magic_and_versions),
        cmocka_unit_test(survives_every_truncation_and_byte),
        cmocka_unit_test(survives_random_texts),
        cmocka_unit_test(formats_what_it_parses),
        cmocka_unit_test(swaps_numbers_not_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
