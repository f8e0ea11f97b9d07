// One mistake of each kind that the sanitizers are there to find: scripts/sanitize runs them first,
// and goes on only if all are found. Built with sanitizers alone.
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int shared;

static void *add(void *unused) {
    for (int i = 0; i < 1000; i++) shared++;
    return unused;
}

static int plant(const char *kind, int one) {
    if (!strcmp(kind, "race")) {
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, add, NULL);
        for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
        return 0;
    }
    if (!strcmp(kind, "undefined")) {
        shared = INT_MAX;
        shared = shared + one;
        return 0;
    }
    char *volatile block = malloc(8);
    if (!strcmp(kind, "leak")) {
        block = NULL;
        return 0;
    }
    free(block);
    return !strcmp(kind, "address") ? block[0] : 2;
}

int main(int argc, char **argv) { return plant(argc > 1 ? argv[1] : "", argc > 1); }
