/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peers.c: the child process that runs the Python peers. One line asked, one line answered:
 *
 *   (start)               peers numpy 1.24.2 numexpr 2.8.4 scipy 1.10.1
 *   setup BENCH CASE N    ok numpy 0.25 numexpr 0.25      each peer with the mean of its results, after a first run
 *   run PEER              0.0123                          seconds, taken in the child; "error TEXT" from any of them
 *
 * A child that ends early is a child without peers: the measurement goes on without it.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEERS_LINE 1024

extern char **environ;

static struct {
    pid_t pid;
    FILE *to, *from;
    int count; /* of the prepared case */
    char name[BENCH_PEERS][16];
    double mean[BENCH_PEERS];
} child;

static bool spawn(const char *python, const char *script)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    char *argv[] = { (char *)python, (char *)script, NULL };
    int failed = posix_spawnp(&child.pid, python, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    child.to = fdopen(to[1], "w");
    child.from = fdopen(from[0], "r");
    return !failed;
}

/* Sends a line unless it is NULL, and reads the answer; NULL once the child has gone or says it failed. */
static char *ask(const char *question)
{
    static char line[PEERS_LINE];
    if (child.to == NULL) return NULL;
    if (question != NULL && (fputs(question, child.to) < 0 || fflush(child.to) != 0)) return NULL;
    if (fgets(line, sizeof line, child.from) == NULL) return NULL;
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "error ", 6) != 0) return line;
    bench_error("peers.py: %s", line + 6);
    return NULL;
}

bool peers_start(const char *python, const char *script)
{
    signal(SIGPIPE, SIG_IGN);
    char *line = spawn(python, script) ? ask(NULL) : NULL;
    if (line != NULL && strncmp(line, "peers ", 6) == 0) {
        printf("python peers: %s\n", line + 6);
        return true;
    }
    printf("python peers: none (%s does not run %s, or has no NumPy)\n", python, script);
    peers_stop();
    return false;
}

void peers_setup(const char *bench, const char *name, int64_t n)
{
    char line[PEERS_LINE];
    snprintf(line, sizeof line, "setup %s %s %lld\n", bench, name, (long long)n);
    child.count = 0;
    char *save, *word = ask(line);
    if (word == NULL || strtok_r(word, " ", &save) == NULL) return;
    while (child.count < BENCH_PEERS && (word = strtok_r(NULL, " ", &save)) != NULL) {
        snprintf(child.name[child.count], sizeof child.name[0], "%s", word);
        word = strtok_r(NULL, " ", &save);
        child.mean[child.count++] = word != NULL ? atof(word) : 0;
    }
}

bool peers_have(const char *peer, double *mean)
{
    for (int i = 0; i < child.count; i++) {
        if (strcmp(child.name[i], peer) != 0) continue;
        *mean = child.mean[i];
        return true;
    }
    return false;
}

double peers_run(const char *peer)
{
    char line[PEERS_LINE];
    snprintf(line, sizeof line, "run %s\n", peer);
    const char *answer = ask(line);
    return answer != NULL ? atof(answer) : bench_error("the Python peers have gone");
}

void peers_stop(void)
{
    if (child.to != NULL) fclose(child.to);
    if (child.from != NULL) fclose(child.from);
    if (child.pid > 0) waitpid(child.pid, NULL, 0);
    memset(&child, 0, sizeof child);
}
