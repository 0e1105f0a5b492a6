/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rig.c: a graph on an executor, as the client floor would hold it, for tests that build nodes themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "reference.h"
#include "rig.h"

extern char **environ;

void rig_open(struct rig *r, const struct sp_executor_ops *ops, void *self)
{
    r->ops = ops;
    r->self = self;
    r->ranks = 4;
    sp_graph_init(&r->g, ops->drop, self);
    r->g.gone = ops->gone;
}

void rig_open_reference(struct rig *r)
{
    rig_open(r, &ref_executor_ops, ref_executor_open());
}

void rig_close(struct rig *r)
{
    sp_graph_free(&r->g);
    r->ops->close(r->self);
}

struct sp_node *rig_data(struct rig *r, const void *data, const starp_dims *shape, starp_dtype dtype)
{
    sp_error_clear(&r->g.error);
    struct sp_node *n = sp_build_data(&r->g, shape, dtype, NULL);
    if (!n || r->ops->put(r->self, n, data, &r->g.error) == STARP_OK) return n;
    sp_node_release(&r->g, n);
    return NULL;
}

starp_status rig_eval(struct rig *r, struct sp_node *const *roots, int n, struct sp_error *e)
{
    struct sp_error own = { 0 };
    struct sp_run *run;
    if (!e) e = &own;
    starp_status status = r->ops->eval(r->self, &r->g, roots, n, &run, e);
    if (status == STARP_OK) status = r->ops->wait(r->self, run, e);
    if (status != STARP_OK && e == &own) fprintf(stderr, "eval: status %d: %s\n", (int)status, own.text);
    return status;
}

void *rig_read(struct rig *r, const struct sp_node *n)
{
    struct sp_error e = { 0 };
    void *buffer = calloc((size_t)sp_shape_size(&n->shape) + 1, sp_dtypes[n->dtype].size);
    if (buffer && n->value && r->ops->get(r->self, n->value, buffer, &e) == STARP_OK) return buffer;
    fprintf(stderr, "read: %s\n", n->value ? e.text : "no value");
    free(buffer);
    return NULL;
}

/* The names are copied first, since unsetenv moves the list under the loop. */
static void clear_environment(void)
{
    char name[64];
    for (size_t i = 0; environ[i];) {
        size_t length = strcspn(environ[i], "=");
        if (strncmp(environ[i], "STARP_", 6) != 0 || length >= sizeof name) {
            i++;
            continue;
        }
        memcpy(name, environ[i], length);
        name[length] = 0;
        unsetenv(name);
    }
}

void rig_environment(const char *assignments)
{
    char copy[256], *rest = copy;
    clear_environment();
    snprintf(copy, sizeof copy, "%s", assignments);
    for (char *item; (item = strsep(&rest, " ")) != NULL;) {
        char *value = strchr(item, '=');
        if (!value) continue;
        *value++ = 0;
        setenv(item, value, 1);
    }
}
