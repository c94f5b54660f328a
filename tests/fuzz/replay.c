/* SPDX-License-Identifier: MIT */
/* Runs a target over files, and over the files in folders, without libFuzzer: corpora as ordinary tests.
 *
 *    fuzz_NAME PATH... */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { MAX_INPUT = 1 << 20, MAX_PATH = 4096 };

static unsigned long n_inputs;

/* The target gets the bytes in a block of their own size, so that a sanitizer sees a step beyond them. */
static bool run_file(const char *path)
{
    static uint8_t bytes[MAX_INPUT];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    const bool is_whole = fgetc(file) == EOF && !ferror(file);
    (void)fclose(file);
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy || !is_whole) {
        (void)fprintf(stderr, "%s cannot be read whole\n", path);
        free(copy);
        return false;
    }
    memcpy(copy, bytes, n);
    (void)printf("%s\n", path); /* before it is run: the last one is the culprit */
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    n_inputs++;
    return true;
}

static bool run_folder(const char *folder)
{
    bool is_well = true;
    struct dirent **names = NULL;
    const int n = scandir(folder, &names, NULL, alphasort);
    if (n < 0) {
        perror(folder);
        return false;
    }
    for (int i = 0; i < n; i++) {
        char path[MAX_PATH];
        const int length = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            is_well = length > 0 && (size_t)length < sizeof path && run_file(path) && is_well;
        free(names[i]);
    }
    free(names);
    return is_well;
}

int main(int argc, char **argv)
{
    bool is_well = argc > 1;
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) != 0) {
            perror(argv[i]);
            is_well = false;
        } else if (S_ISDIR(about.st_mode)) {
            is_well = run_folder(argv[i]) && is_well;
        } else {
            is_well = run_file(argv[i]) && is_well;
        }
    }
    (void)printf("%lu inputs\n", n_inputs);
    return is_well && n_inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
