/* SPDX-License-Identifier: Apache-2.0 */
/* A plain main for a fuzz target: gives it the empty input and then every file
 * named, or found in a folder named.  `make test` replays the corpora with it,
 * under gcc, where there is no libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes are copied to a block of exactly their size, so that ASan sees a
 * read past the end. */
static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long end = -1;
    if (!f || fseek(f, 0, SEEK_END) != 0 || (end = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)end;
    uint8_t *data = malloc(size);
    if (fread(data, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    (void)fclose(f); /* only read */
    printf("%s\n", path);
    (void)fflush(stdout); /* so that the last line before a crash names the input */
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
    struct dirent **entry;
    int count = scandir(path, &entry, is_visible, alphasort);
    if (count < 0) {
        replay_file(path);
        return;
    }
    for (int i = 0; i < count; i++) {
        char *child;
        if (asprintf(&child, "%s/%s", path, entry[i]->d_name) < 0)
            abort();
        replay(child);
        free(child);
        free(entry[i]);
    }
    free(entry);
}

int main(int argc, char **argv)
{
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return 0;
}
