/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   header            struct header
 *   arrays            as IMAGE_ARRAYS lists them, each from a multiple of 64 bytes
 *   problems          struct saved_problem, then the files' names
 *   databases
 */
#include "rule/cache.h"

#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ALIGN = 64, FILES_KEPT = 8, STALE_SECONDS = 3600, DATABASES_MAX = 1 << 30 };

#define MAGIC "bguard rules 01\n"

struct header {
    char magic[16];
    uint64_t key, checksum; /* of all that follows the header */
    uint64_t rows[IMAGE_ARRAY_COUNT];
    uint64_t problems, problem_bytes;
    uint64_t databases;
};

struct saved_problem {
    uint32_t line, file_n;
    char reason[sizeof((struct rule_problem *)NULL)->reason];
};

/* ---- the key ---- */

/* The linker's id of this very program, which is in its memory. */
static int hash_build(struct dl_phdr_info *info, size_t size, void *arg)
{
    uint64_t *h = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_NOTE)
            *h = hash_bytes(
                (str){(const char *)(uintptr_t)(info->dlpi_addr + p->p_vaddr), p->p_memsz}, *h);
    }
    return 1; /* the first object is the program */
}

static uint64_t hash_program(void)
{
    static const size_t sizes[] = {
#define A(type, name) sizeof(type),
        IMAGE_ARRAYS(A)
#undef A
    };
    uint64_t h = hash_bytes((str){(const char *)sizes, sizeof sizes}, 1);
    dl_iterate_phdr(hash_build, &h);
    return h;
}

static uint64_t hash_options(const struct rule_options *o, uint64_t h)
{
    for (size_t i = 0; i < o->placeholder_count; i++) {
        h = hash_bytes(o->placeholder[i].name, h ^ o->placeholder[i].count);
        for (size_t k = 0; k < o->placeholder[i].count; k++)
            h = hash_bytes(o->placeholder[i].value[k], h);
    }
    return h;
}

static uint64_t hash_files(const struct rule_files *f, uint64_t h)
{
    for (size_t i = 0; i < f->file.n; i++) {
        h = hash_bytes(f->file.at[i].path, h);
        h = hash_bytes(f->file.at[i].text, h);
        h = hash_bytes(str_z(f->file.at[i].problem), h);
    }
    return h;
}

/* ---- the folder ---- */

static bool is_ours(int fd, mode_t kind)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Makes the folder and those above it. */
static void make_folders(const char *path)
{
    char buf[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof buf)
        return;
    memcpy(buf, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (buf[i] != '/' && buf[i] != '\0')
            continue;
        buf[i] = '\0';
        (void)mkdir(buf, 0700); /* it is there already, or opening it fails */
        buf[i] = i < n ? '/' : '\0';
    }
}

static int open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        make_folders(path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd >= 0 && !is_ours(fd, S_IFDIR)) {
        (void)close(fd); /* nothing was written */
        fd = -1;
    }
    return fd;
}

void cache_open(struct cache *c, const struct rule_options *options, const char *const *path,
                size_t count, const struct rule_files *files)
{
    uint64_t name = count;
    *c = (struct cache){.folder = -1};
    if (!options || !options->cache_dir)
        return;
    c->folder = open_folder(options->cache_dir);
    if (c->folder < 0)
        return;
    for (size_t i = 0; i < count; i++)
        name = hash_bytes(str_z(path[i]), name);
    snprintf(c->name, sizeof c->name, "rules-%016llx.cache", (unsigned long long)name);
    c->key = hash_files(files, hash_options(options, hash_program()));
}

void cache_close(struct cache *c)
{
    if (c->map)
        (void)munmap(c->map, c->map_size);
    if (c->folder >= 0)
        (void)close(c->folder); /* nothing is written through it */
    *c = (struct cache){.folder = -1};
}

/* ---- reading ---- */

static size_t aligned(size_t n)
{
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static bool map_file(struct cache *c)
{
    struct stat st;
    int fd = openat(c->folder, c->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (is_ours(fd, S_IFREG) && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (p != MAP_FAILED) {
            c->map = p;
            c->map_size = (size_t)st.st_size;
        }
    }
    (void)close(fd); /* nothing was written */
    return c->map != NULL;
}

/* The next part of `left`, `count` times `size` bytes, aligned; false when it is not there. */
static bool part(str *left, uint64_t count, size_t size, str *out)
{
    size_t n;
    if (__builtin_mul_overflow((size_t)count, size, &n) || n > left->n || aligned(n) > left->n)
        return false;
    *out = (str){left->p, n};
    *left = str_from(*left, aligned(n));
    return true;
}

static void *copy_of(str bytes, size_t *room, size_t size)
{
    *room = bytes.n / size;
    return bytes.n ? memcpy(mem_resize(NULL, bytes.n), bytes.p, bytes.n) : NULL;
}

static bool load_image(struct image *im, const struct header *h, str *left)
{
    size_t i = 0;
#define A(type, name)                                                                              \
    str name;                                                                                      \
    if (!part(left, h->rows[i++], sizeof(type), &name))                                            \
        return false;
    IMAGE_ARRAYS(A)
#undef A
#define A(type, name)                                                                              \
    vec_done(&im->name);                                                                           \
    im->name.at = copy_of(name, &im->name.room, sizeof(type));                                     \
    im->name.n = im->name.room;
    IMAGE_ARRAYS(A)
#undef A
    return true;
}

static bool load_problems(struct rule_set *set, const struct header *h, str *left)
{
    str rows, names;
    if (!part(left, h->problems, sizeof(struct saved_problem), &rows) ||
        !part(left, h->problem_bytes, 1, &names))
        return false;
    for (size_t i = 0; i < h->problems; i++) {
        struct saved_problem p;
        memcpy(&p, rows.p + i * sizeof p, sizeof p);
        if (p.file_n > names.n || !memchr(p.reason, '\0', sizeof p.reason))
            return false;
        rule_problem_add(set, str_head(names, p.file_n), p.line, p.reason);
        names = str_from(names, p.file_n);
    }
    return true;
}

static bool load(struct cache *c, struct rule_set *set)
{
    struct header h;
    str left = {c->map, c->map_size};
    if (left.n < sizeof h || left.n % ALIGN != 0)
        return false;
    memcpy(&h, left.p, sizeof h);
    left = str_from(left, aligned(sizeof h));
    return memcmp(h.magic, MAGIC, sizeof h.magic) == 0 && h.key == c->key &&
           h.checksum == hash_bytes(left, h.key) && load_image(&set->image, &h, &left) &&
           image_valid(&set->image) && load_problems(set, &h, &left) &&
           part(&left, h.databases, 1, &c->databases) && left.n == 0;
}

bool cache_load(struct cache *c, struct rule_set *set)
{
    if (c->folder < 0 || !map_file(c))
        return false;
    size_t max_bytes = set->image.max_bytes;
    if (load(c, set)) {
        set->image.max_bytes = max_bytes;
        return true;
    }
    image_done(&set->image);
    image_init(&set->image, max_bytes);
    set->problem.n = 0;
    c->databases = (str){0};
    return false;
}

/* ---- writing ---- */

static void put(struct sbuf *b, const void *p, size_t n)
{
    static const char zeros[ALIGN];
    if (n)
        sbuf_add(b, (str){p, n});
    sbuf_add(b, (str){zeros, aligned(b->n) - b->n});
}

static void put_problems(struct sbuf *b, const struct rule_set *set, struct header *h)
{
    struct sbuf rows, names;
    sbuf_init(&rows, DATABASES_MAX);
    sbuf_init(&names, DATABASES_MAX);
    for (size_t i = 0; i < set->problem.n; i++) {
        const struct rule_problem *p = &set->problem.at[i];
        struct saved_problem saved = {.line = p->line, .file_n = (uint32_t)p->file.n};
        memcpy(saved.reason, p->reason, sizeof saved.reason);
        sbuf_add(&rows, (str){(const char *)&saved, sizeof saved});
        sbuf_add(&names, p->file);
    }
    h->problems = set->problem.n;
    h->problem_bytes = names.n;
    put(b, rows.p, rows.n);
    put(b, names.p, names.n);
    b->full |= rows.full || names.full;
    sbuf_done(&rows);
    sbuf_done(&names);
}

static void encode(struct sbuf *b, const struct rule_set *set, uint64_t key)
{
    const struct image *im = &set->image;
    struct header h = {.key = key};
    struct sbuf databases;
    size_t i = 0;
    memcpy(h.magic, MAGIC, sizeof h.magic);
    put(b, &h, sizeof h);
#define A(type, name)                                                                              \
    h.rows[i++] = im->name.n;                                                                      \
    put(b, im->name.at, im->name.n * sizeof(type));
    IMAGE_ARRAYS(A)
#undef A
    put_problems(b, set, &h);
    sbuf_init(&databases, DATABASES_MAX);
    program_databases(set->program, &databases);
    h.databases = databases.n;
    put(b, databases.p, databases.n);
    b->full |= databases.full;
    sbuf_done(&databases);
    if (b->full)
        return;
    h.checksum = hash_bytes(str_from(sbuf_str(b), aligned(sizeof h)), key);
    memcpy(b->p, &h, sizeof h);
}

static bool write_all(int fd, str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

/* A crash leaves the old file, or none; never half of one. */
static void replace_file(struct cache *c, str bytes)
{
    char name[48];
    snprintf(name, sizeof name, "tmp-%ld-%llx", (long)getpid(), (unsigned long long)c->key);
    int fd = openat(c->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    bool ok = write_all(fd, bytes);
    ok &= close(fd) == 0;
    if (!ok || renameat(c->folder, name, c->folder, c->name) != 0)
        (void)unlinkat(c->folder, name, 0); /* it is in nobody's way */
}

/* The oldest file of this kind, and how many there are; what crashed runs left goes. */
static size_t count_files(struct cache *c, DIR *dir, char oldest[static 48])
{
    size_t n = 0;
    time_t when = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat st;
        str name = str_z(e->d_name);
        bool temporary = str_starts(name, STR("tmp-"));
        bool ours = str_starts(name, STR("rules-")) && str_ends(name, STR(".cache"));
        if (!(temporary || ours) || name.n >= 48 ||
            fstatat(c->folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (temporary && st.st_mtime < time(NULL) - STALE_SECONDS)
            (void)unlinkat(c->folder, e->d_name, 0); /* tried again next time */
        if (temporary)
            continue;
        if (n++ == 0 || st.st_mtime < when) {
            when = st.st_mtime;
            memcpy(oldest, e->d_name, name.n + 1);
        }
    }
    return n;
}

static void prune(struct cache *c)
{
    char oldest[48] = "";
    int fd = openat(c->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            (void)close(fd); /* nothing was written */
        return;
    }
    if (count_files(c, dir, oldest) > FILES_KEPT)
        (void)unlinkat(c->folder, oldest, 0); /* tried again next time */
    closedir(dir);
}

void cache_save(struct cache *c, const struct rule_set *set)
{
    struct sbuf b;
    if (c->folder < 0)
        return;
    sbuf_init(&b, 2 * (size_t)DATABASES_MAX);
    encode(&b, set, c->key);
    if (!b.full)
        replace_file(c, sbuf_str(&b));
    sbuf_done(&b);
    prune(c);
}
