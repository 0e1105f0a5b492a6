/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_npy.c: .npy files through a session: in both orders and both endiannesses, as NumPy wrote them, damaged ones, and what is
 * left where writing fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <dirent.h>

#include "client.h"
#include "client_check.h"
#include "npy_check.h"
#include "ranks.h"

static char directory[64], path[96];

static int open_session(void **state)
{
    *state = starp_open(NULL); /* other ranks than 0 stay in there, and make no directory */
    strcpy(directory, "/tmp/starp-npy-XXXXXX");
    if (!*state || !mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/x.npy", directory);
    return 0;
}

static int close_session(void **state)
{
    starp_clear_error();
    unlink(path);
    int left = rmdir(directory); /* fails when something was left behind */
    return starp_close(*state) == STARP_OK ? left : -1;
}

static void write_all(const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Writes a file with this header and data, and loads it. */
static starp_array *load_made(starp_session *s, const char *text, const void *data, size_t data_bytes)
{
    unsigned char bytes[1024];
    size_t n = npy_header(bytes, 1, text);
    memcpy(bytes + n, data, data_bytes);
    write_all(bytes, n + data_bytes);
    starp_clear_error();
    return starp_load(s, path);
}

static void assert_holds(starp_array *x, starp_dtype dtype, const starp_dims *shape, const void *data, size_t bytes)
{
    starp_dims got;
    unsigned char *buffer = malloc(bytes ? bytes : 1);
    if (!x) fail_msg("%s", starp_last_error());
    assert_int_equal(starp_dtype_of(x), dtype);
    assert_int_equal(starp_shape_of(x, &got), STARP_OK);
    assert_true(sp_shape_equal(&got, shape));
    assert_int_equal(starp_read(x, buffer, bytes), STARP_OK);
    assert_memory_equal(buffer, data, bytes);
    free(buffer);
    assert_int_equal(starp_release(x), STARP_OK);
}

static void round_trip_of_every_dtype(void **state)
{
    static const starp_dims shapes[] = {
        { 0, { 0 } },     { 1, { 0 } },       { 1, { 5 } },
        { 2, { 3, 40 } }, { 3, { 2, 0, 3 } }, { 16, { 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 3, 1 } }
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int d = 0; d < STARP_NDTYPES; d++) {
            unsigned char data[120 * 16];
            size_t bytes = (size_t)sp_shape_size(&shapes[i]) * sp_dtypes[d].size;
            for (size_t k = 0; k < bytes; k++) data[k] = (unsigned char)(d == STARP_BOOL ? k % 3 == 0 : k * 37 + 11);
            starp_array *x = starp_from_host(*state, data, &shapes[i], (starp_dtype)d);
            if (starp_save(x, path) != STARP_OK) fail_msg("%s", starp_last_error());
            starp_release(x);
            assert_holds(starp_load(*state, path), (starp_dtype)d, &shapes[i], data, bytes);
        }
    }
}

static void views_are_saved_in_c_order(void **state)
{
    const int32_t data[6] = { 0, 1, 2, 3, 4, 5 }, turned[6] = { 0, 3, 1, 4, 2, 5 }, odd[2] = { 5, 3 };
    starp_array *x = starp_from_host(*state, data, STARP_SHAPE(2, 3), STARP_I32);
    starp_array *t = starp_transpose(x), *v = starp_at(x, "1, ::-2");
    assert_int_equal(starp_save(t, path), STARP_OK);
    assert_holds(starp_load(*state, path), STARP_I32, STARP_SHAPE(3, 2), turned, sizeof turned);
    assert_int_equal(starp_save(v, path), STARP_OK);
    assert_holds(starp_load(*state, path), STARP_I32, STARP_SHAPE(2), odd, sizeof odd);
    starp_release(x), starp_release(t), starp_release(v);
}

/* As numpy.save wrote them: an array of (2, 3) in Fortran order, big-endian; a scalar; an empty one. */
static void loads_what_numpy_wrote(void **state)
{
    static const char fortran[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }                            "
        "                               \n\x00\x00\x00\x03\x00\x01\x00\x04\x00\x02\x00\x05";
    static const char scalar[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '>c16', 'fortran_order': False, 'shape': (), }                              "
        "                               \n@\x04\x00\x00\x00\x00\x00\x00?\xf0\x00\x00\x00\x00\x00\x00";
    static const char empty[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '|b1', 'fortran_order': False, 'shape': (2, 0, 3), }                        "
        "                               \n";
    const int16_t six[6] = { 0, 1, 2, 3, 4, 5 };
    const double z[2] = { 2.5, 1.0 };
    assert_int_equal(sizeof fortran - 1, 140);
    write_all(fortran, sizeof fortran - 1);
    assert_holds(starp_load(*state, path), STARP_I16, STARP_SHAPE(2, 3), six, sizeof six);
    write_all(scalar, sizeof scalar - 1);
    assert_holds(starp_load(*state, path), STARP_C128, STARP_SHAPE0, z, sizeof z);
    write_all(empty, sizeof empty - 1);
    assert_holds(starp_load(*state, path), STARP_BOOL, STARP_SHAPE(2, 0, 3), "", 0);
}

static void both_orders_and_endiannesses(void **state)
{
    const unsigned char big[8] = { 0, 1, 0, 2, 0, 3, 0, 4 }, little[8] = { 1, 0, 2, 0, 3, 0, 4, 0 };
    const uint16_t c[4] = { 1, 2, 3, 4 }, f[4] = { 1, 3, 2, 4 };
    const starp_dims *shape = STARP_SHAPE(2, 2);
    assert_holds(load_made(*state, NPY_TEXT("'>u2'", "False", "(2,2)"), big, 8), STARP_U16, shape, c, 8);
    assert_holds(load_made(*state, NPY_TEXT("'>u2'", "True", "(2,2)"), big, 8), STARP_U16, shape, f, 8);
    assert_holds(load_made(*state, NPY_TEXT("'<u2'", "False", "(2,2)"), little, 8), STARP_U16, shape, c, 8);
    assert_holds(load_made(*state, NPY_TEXT("'<u2'", "True", "(2,2)"), little, 8), STARP_U16, shape, f, 8);
    assert_holds(load_made(*state, NPY_TEXT("'=u2'", "False", "(2,2)"), c, 8), STARP_U16, shape, c, 8);
    assert_holds(load_made(*state, NPY_TEXT("'>u2'", "True", "(4,)"), big, 8), STARP_U16, STARP_SHAPE(4), c, 8);
    assert_holds(load_made(*state, NPY_TEXT("'>u2'", "False", "(3,)"), big, 8), STARP_U16, STARP_SHAPE(3), c, 6);
}

static void long_headers(void **state)
{
    const char *text = NPY_TEXT("'|i1'", "False", "(3,)");
    size_t length = 20000, n = strlen(text);
    unsigned char *bytes = malloc(12 + length + 3);
    memcpy(bytes, "\x93NUMPY\x03\x00\x20\x4e\x00\x00", 12); /* 20000 bytes */
    memset(bytes + 12, ' ', length);
    memcpy(bytes + 12, text, n - 1);
    bytes[12 + length - 1] = '\n';
    memcpy(bytes + 12 + length, "abc", 3);
    write_all(bytes, 12 + length + 3);
    free(bytes);
    assert_holds(starp_load(*state, path), STARP_I8, STARP_SHAPE(3), "abc", 3);
}

static void bad_files_are_refused(void **state)
{
    starp_session *s = *state;
    unlink(path);
    cc_refused(starp_load(s, path), STARP_ERR_IO, "No such file");
    cc_refused(starp_load(s, "/tmp"), STARP_ERR_IO, "/tmp");
    cc_refused(starp_load(s, NULL), STARP_ERR_ARGUMENT, "NULL");
    cc_refused(load_made(s, NPY_TEXT("'<f8'", "False", "(3,)"), "0123456789", 10), STARP_ERR_FORMAT, "10 bytes of data, but shape (3,) of f64 needs 24");
    cc_refused(load_made(s, NPY_TEXT("'<f8'", "False", "(1000000000000,)"), "", 0), STARP_ERR_FORMAT, "8000000000000");
    cc_refused(load_made(s, NPY_TEXT("'|b1'", "False", "(3,)"), "\0\1\2", 3), STARP_ERR_FORMAT, "element 2 of bool data is 2");
    cc_refused(load_made(s, NPY_TEXT("'<f2'", "False", "(3,)"), "012345", 6), STARP_ERR_FORMAT, path);
    write_all("", 0);
    cc_refused(starp_load(s, path), STARP_ERR_FORMAT, "not a .npy file");
}

static void every_truncated_file_is_refused(void **state)
{
    unsigned char bytes[256];
    size_t n = npy_header(bytes, 2, NPY_TEXT("'<i4'", "True", "(2,2)"));
    memset(bytes + n, 5, 16);
    for (size_t cut = 0; cut < n + 16; cut++) {
        write_all(bytes, cut);
        cc_refused(starp_load(*state, path), STARP_ERR_FORMAT, "load: ");
    }
}

/* The bytes of the file; fails the test when it is not there. */
static size_t file_size(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static int files_in_directory(void)
{
    DIR *dir = opendir(directory);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return n;
}

static void a_save_that_fails_leaves_the_old_file(void **state)
{
    starp_array *x = starp_from_host(*state, "abc", STARP_SHAPE(3), STARP_I8);
    write_all("old", 3);
    assert_int_equal(starp_save(x, NULL), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_save(NULL, path), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_save(x, "/dev/full"), STARP_ERR_IO);
    assert_non_null(strstr(starp_last_error(), "No space left"));
    assert_int_equal(starp_save(x, directory), STARP_ERR_IO);
    char missing[160];
    snprintf(missing, sizeof missing, "%s/missing/x.npy", directory);
    assert_int_equal(starp_save(x, missing), STARP_ERR_IO);
    assert_non_null(strstr(starp_last_error(), missing));
    assert_int_equal(starp_eval(x), STARP_OK);
    for (uint64_t k = 1; k < 1000; k++) {
        sp_alloc_fail_at(k);
        starp_status status = starp_save(x, path);
        sp_alloc_fail_at(0);
        if (status == STARP_OK) break;
        assert_int_equal(status, STARP_ERR_MEMORY);
        assert_int_equal(file_size(), 3);
    }
    assert_int_equal(files_in_directory(), 1);
    assert_int_equal(file_size(), 128 + 3);
    starp_release(x);
}

static void a_load_survives_failing_allocations(void **state)
{
    SKIP_ON_RANKS();
    starp_array *x = load_made(*state, NPY_TEXT("'>i2'", "True", "(2,2)"), "01234567", 8), *y = NULL;
    assert_non_null(x);
    for (uint64_t k = 1; k < 1000 && !y; k++) {
        sp_alloc_fail_at(k);
        y = starp_load(*state, path);
        sp_alloc_fail_at(0);
        if (!y) assert_int_equal(starp_last_status(), STARP_ERR_MEMORY);
        starp_clear_error();
    }
    assert_non_null(y);
    starp_release(x), starp_release(y);
}

static void links_are_followed(void **state)
{
    char link[128];
    struct stat st;
    snprintf(link, sizeof link, "%s/link", directory);
    write_all("old", 3);
    assert_int_equal(symlink("x.npy", link), 0);
    starp_array *x = starp_from_host(*state, "abc", STARP_SHAPE(3), STARP_I8);
    assert_int_equal(starp_save(x, link), STARP_OK);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(file_size(), 128 + 3);
    unlink(link);
    starp_release(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_of_every_dtype),
        cmocka_unit_test(views_are_saved_in_c_order),
        cmocka_unit_test(loads_what_numpy_wrote),
        cmocka_unit_test(both_orders_and_endiannesses),
        cmocka_unit_test(long_headers),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(every_truncated_file_is_refused),
        cmocka_unit_test(a_save_that_fails_leaves_the_old_file),
        cmocka_unit_test(a_load_survives_failing_allocations),
        cmocka_unit_test(links_are_followed),
    };
    return cmocka_run_group_tests(tests, open_session, close_session);
}
