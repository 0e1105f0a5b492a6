/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * npy.c: starp_load and starp_save. The file is read into one buffer, put right there and handed over to
 * starp_from_host; a saved file is written beside its place and moved there when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "npy.h"

/* ----------------------------------------------------------------------------------------------------------- load */

/* Reads exactly n bytes; fewer only at the file's end, which *got tells. */
static starp_status read_bytes(struct sp_error *e, FILE *file, void *buffer, size_t n, size_t *got)
{
    errno = 0;
    *got = fread(buffer, 1, n, file);
    if (*got < n && ferror(file)) return sp_fail(e, STARP_ERR_IO, "cannot read: %s", strerror(errno ? errno : EIO));
    return STARP_OK;
}

static starp_status read_header(struct sp_error *e, FILE *file, struct sp_npy *npy)
{
    unsigned char bytes[SP_NPY_PREFIX + 1024], *long_one = NULL, *all = bytes;
    size_t got, more = 0, offset;
    SP_TRY(read_bytes(e, file, bytes, 10, &got));
    if (got == 10 && bytes[6] != 1) {
        SP_TRY(read_bytes(e, file, bytes + 10, 2, &more));
        got += more;
    }
    SP_TRY(sp_npy_offset(e, bytes, got, &offset));
    if (offset > sizeof bytes) {
        all = long_one = sp_malloc(offset);
        if (!all) return sp_fail_memory(e);
        memcpy(all, bytes, got);
    }
    if (read_bytes(e, file, all + got, offset - got, &more) == STARP_OK) sp_npy_parse(e, all, got + more, npy);
    sp_free(long_one);
    return e->status;
}

/* Refuses before allocating what the file cannot hold; where its size is not known, reading tells. */
static starp_status check_length(struct sp_error *e, FILE *file, const struct sp_npy *npy)
{
    struct stat st;
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) return STARP_OK;
    size_t held = (uint64_t)st.st_size > npy->data_offset ? (size_t)st.st_size - npy->data_offset : 0;
    if (held >= npy->data_bytes) return STARP_OK;
    char text[SP_SHAPE_TEXT];
    return sp_fail(e, STARP_ERR_FORMAT, "%zu bytes of data, but shape %s of %s needs %zu", held,
                   sp_shape_text(text, &npy->shape), sp_dtypes[npy->dtype].name, npy->data_bytes);
}

static starp_status check_bools(struct sp_error *e, const unsigned char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] > 1) return sp_fail(e, STARP_ERR_FORMAT, "element %zu of bool data is %d, not 0 or 1", i, data[i]);
    }
    return STARP_OK;
}

static starp_status read_data(struct sp_error *e, FILE *file, const struct sp_npy *npy, void **data)
{
    size_t got;
    SP_TRY(check_length(e, file, npy));
    *data = sp_malloc(npy->data_bytes ? npy->data_bytes : 1);
    if (!*data) return sp_fail(e, STARP_ERR_MEMORY, "out of memory for %zu bytes of data", npy->data_bytes);
    SP_TRY(read_bytes(e, file, *data, npy->data_bytes, &got));
    if (got < npy->data_bytes) {
        return sp_fail(e, STARP_ERR_FORMAT, "the data end after %zu of %zu bytes", got, npy->data_bytes);
    }
    if (npy->swap) sp_npy_swap(*data, npy->data_bytes, npy->dtype);
    return npy->dtype == STARP_BOOL ? check_bools(e, *data, npy->data_bytes) : STARP_OK;
}

static starp_status read_file(struct sp_error *e, const char *path, struct sp_npy *npy, void **data)
{
    FILE *file = fopen(path, "rbe");
    if (!file) return sp_fail(e, STARP_ERR_IO, "cannot open: %s", strerror(errno));
    if (read_header(e, file, npy) == STARP_OK) read_data(e, file, npy, data);
    fclose(file);
    return e->status;
}

/* The array a file's bytes are; Fortran order is C order with the axes reversed. */
static starp_array *array_of(starp_session *s, const struct sp_npy *npy, const void *data, const void *site)
{
    starp_dims shape = npy->shape;
    for (int a = 0; npy->fortran && a < shape.n; a++) shape.v[a] = npy->shape.v[shape.n - 1 - a];
    starp_array *x = starp_from_host(s, data, &shape, npy->dtype);
    if (!x) return NULL;
    x->node->site = site;
    if (!npy->fortran || shape.n < 2) return x;
    s->graph.site = site;
    starp_array *y = sp_client_wrap(s, sp_build_permute(&s->graph, x->node, NULL));
    starp_release(x);
    return y;
}

starp_array *starp_load(starp_session *s, const char *path)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { 0 };
    struct sp_npy npy;
    void *data = NULL;
    starp_array *x = NULL;
    if (!sp_client_begin("load", s, site)) return NULL;
    if (!path) return sp_client_fail(site, STARP_ERR_ARGUMENT, "load: the path is NULL"), NULL;
    if (read_file(&e, path, &npy, &data) == STARP_OK) x = array_of(s, &npy, data, site);
    else sp_client_fail(site, e.status, "load: %s (file %s)", e.text, path);
    sp_free(data);
    return x;
}

/* ----------------------------------------------------------------------------------------------------------- save */

static starp_status write_bytes(struct sp_error *e, int fd, const char *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, bytes + done, n - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            return sp_fail(e, STARP_ERR_IO, "cannot write: %s, after %zu of %zu bytes", strerror(errno), done, n);
        }
        done += (size_t)put;
    }
    return STARP_OK;
}

struct npy_bytes {
    char header[1024];
    size_t header_bytes;
    char *data;
    size_t data_bytes;
};

static starp_status write_file(struct sp_error *e, int fd, const struct npy_bytes *b)
{
    if (write_bytes(e, fd, b->header, b->header_bytes) == STARP_OK) write_bytes(e, fd, b->data, b->data_bytes);
    if (close(fd) != 0) sp_fail(e, STARP_ERR_IO, "cannot write: %s", strerror(errno));
    return e->status;
}

/* A new file in the directory of path, its name in temp, which holds strlen(path) + 32 bytes. */
static int open_beside(const char *path, char *temp)
{
    const char *slash = strrchr(path, '/');
    size_t directory = slash ? (size_t)(slash - path) + 1 : 0;
    memcpy(temp, path, directory);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(temp + directory, 32, ".starp-%ld-%u", (long)getpid(), i);
        int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

static starp_status replace_file(struct sp_error *e, const char *path, const struct npy_bytes *b)
{
    char *temp = sp_malloc(strlen(path) + 32);
    if (!temp) return sp_fail_memory(e);
    int fd = open_beside(path, temp);
    if (fd < 0) {
        sp_fail(e, STARP_ERR_IO, "cannot make a file in its directory: %s", strerror(errno));
    } else {
        write_file(e, fd, b);
        if (e->status == STARP_OK && rename(temp, path) != 0) {
            sp_fail(e, STARP_ERR_IO, "cannot put it in its place: %s", strerror(errno));
        }
        if (e->status != STARP_OK) unlink(temp);
    }
    sp_free(temp);
    return e->status;
}

/* Regular files are replaced, the ones links lead to too; a device or a pipe is written to. */
static starp_status put_file(struct sp_error *e, const char *path, const struct npy_bytes *b)
{
    struct stat st;
    if (stat(path, &st) != 0) return replace_file(e, path, b);
    if (!S_ISREG(st.st_mode)) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 ? write_file(e, fd, b) : sp_fail(e, STARP_ERR_IO, "cannot open: %s", strerror(errno));
    }
    char *real = realpath(path, NULL);
    if (!real) return sp_fail(e, STARP_ERR_IO, "cannot resolve: %s", strerror(errno));
    replace_file(e, real, b);
    free(real);
    return e->status;
}

starp_status starp_save(starp_array *x, const char *path)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { 0 };
    struct npy_bytes b;
    SP_TRY(sp_client_check("save", x, site));
    if (!path) return sp_client_report(site, STARP_ERR_ARGUMENT, "save: the path is NULL");
    starp_dtype dtype = (starp_dtype)x->node->dtype;
    if (__builtin_mul_overflow(starp_size(x), sp_dtypes[dtype].size, &b.data_bytes)) b.data_bytes = SIZE_MAX;
    b.data = b.data_bytes <= PTRDIFF_MAX ? sp_malloc(b.data_bytes ? b.data_bytes : 1) : NULL;
    if (!b.data) return sp_client_report(site, STARP_ERR_MEMORY, "save: out of memory for %zu bytes", b.data_bytes);
    starp_status status = starp_read(x, b.data, b.data_bytes);
    if (status == STARP_OK) {
        b.header_bytes = sp_npy_format(b.header, sizeof b.header, dtype, &x->node->shape);
        status = put_file(&e, path, &b);
        if (status != STARP_OK) sp_client_report(site, status, "save: %s (file %s)", e.text, path);
    }
    sp_free(b.data);
    return status;
}
