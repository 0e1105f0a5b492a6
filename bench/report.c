/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.c: results as a table, as one JSON line each, and at the end the bars and whether they were reached.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct report_line {
    char text[96];
    double ratio, bar;
};

static struct {
    FILE *json;
    bool quick;
    int workers, ranks;
    char cpu[96], date[32];
    struct report_line *bars;
    int nbars;
} report;

/* The processor's name, without what JSON would have to escape. */
static void read_cpu(char *text, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(text, size, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        snprintf(text, size, "%s", colon + 2);
        break;
    }
    if (f != NULL) fclose(f);
    text[strcspn(text, "\n")] = '\0';
    for (char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\' || *p < ' ') *p = '_';
    }
}

static int count_threads(void)
{
    int n = 0;
#pragma omp parallel reduction(+ : n)
    n++;
    return n;
}

bool report_open(const struct bench_options *o)
{
    time_t now = time(NULL);
    struct tm utc;
    strftime(report.date, sizeof report.date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    read_cpu(report.cpu, sizeof report.cpu);
    report.workers = o->workers;
    report.ranks = o->ranks;
    report.quick = o->quick;
    printf("starp %s, %s, ", starp_version(), report.cpu);
    if (o->ranks > 0) printf("%d ranks, workers of each: %d", o->ranks, o->workers);
    else printf("%d workers, C peers on %d threads", o->workers, count_threads());
    puts(o->quick ? ", quick sizes" : "");
    if (o->json == NULL) return true;
    report.json = fopen(o->json, "we");
    if (report.json == NULL) fprintf(stderr, "starp-bench: cannot write %s\n", o->json);
    return report.json != NULL;
}

void report_bench(const struct bench *bench)
{
    printf("\n%s: %s\n%-14s %10s %10s %-8s %6s   %-9s %10s %8s %7s\n", bench->name, bench->about, "case", "n", "value",
           "unit", "spread", "peer", "value", "ratio", "bar");
}

static void write_json(const struct bench_result *r)
{
    fprintf(report.json,
            "{\"bench\":\"%s\",\"case\":\"%s\",\"n\":%lld,\"value\":%.6g,\"unit\":\"%s\",\"peer\":\"%s\","
            "\"peer_value\":%.6g,\"ratio\":%.4g,",
            r->bench, r->name, (long long)r->n, r->value, r->unit->text, r->peer, r->peer_value, r->ratio);
    if (r->bar != 0) fprintf(report.json, "\"bar\":%.4g,", r->bar);
    if (report.ranks > 0) fprintf(report.json, "\"ranks\":%d,", report.ranks);
    if (r->wait >= 0) fprintf(report.json, "\"wait\":%.3g,", r->wait);
    fprintf(report.json,
            "\"repeats\":%d,\"min\":%.6g,\"max\":%.6g,\"workers\":%d,\"quick\":%s,\"date\":\"%s\",\"cpu\":\"%s\"}\n",
            r->repeats, r->min, r->max, report.workers, report.quick ? "true" : "false", report.date, report.cpu);
    fflush(report.json);
}

static void remember_bar(const struct bench_result *r)
{
    struct report_line *p = realloc(report.bars, (size_t)(report.nbars + 1) * sizeof *p);
    if (p == NULL) return;
    report.bars = p;
    p += report.nbars++;
    snprintf(p->text, sizeof p->text, "%-9s %-14s %-9s", r->bench, r->name, r->peer);
    p->ratio = r->ratio;
    p->bar = r->bar;
}

static const char *verdict(double ratio, double bar)
{
    return ratio >= bar ? "met" : "missed";
}

void report_result(const struct bench_result *r, bool first)
{
    if (first) {
        printf("%-14s %10lld %10.4g %-8s %5.1f%%   ", r->name, (long long)r->n, r->value, r->unit->text,
               100 * (r->max - r->min) / r->value);
    } else {
        printf("%55s", "");
    }
    printf("%-9s %10.4g %8.2f", r->peer, r->peer_value, r->ratio);
    if (r->bar != 0) printf(" %7.2f %s", r->bar, verdict(r->ratio, r->bar));
    putchar('\n');
    if (r->wait >= 0 && first) printf("%-25s %10.3g %%\n", "  wait", r->wait);
    fflush(stdout);
    if (r->bar != 0) remember_bar(r);
    if (report.json != NULL) write_json(r);
}

void report_close(void)
{
    int met = 0;
    printf("\nsummary: bench, case, peer; times better than the peer; bar%s\n",
           report.quick ? " (the bars are meant for the full sizes)" : "");
    for (int i = 0; i < report.nbars; i++) {
        const struct report_line *p = &report.bars[i];
        met += p->ratio >= p->bar;
        printf("%s %8.2f %7.2f  %s\n", p->text, p->ratio, p->bar, verdict(p->ratio, p->bar));
    }
    printf("%d of %d bars met\n", met, report.nbars);
    free(report.bars);
    if (report.json != NULL) fclose(report.json);
}
