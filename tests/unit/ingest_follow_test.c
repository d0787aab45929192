/* SPDX-License-Identifier: Apache-2.0 */
/* Files that grow, move and are cut while they are read; stops without warning. */
#include "ingest/follow_int.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

/* A pipeline that keeps, as one, what was handed on and the positions that came with it: what a
 * store's transaction does. */
struct kept {
    struct lock lock;
    struct sbuf text; /* under the lock, as all */
    struct {
        char source[256], text[1024], format[32];
    } position[8];
    size_t positions;
    bool full; /* there is no room */
    struct batch batch;
    bool taken;
};

static struct batch *take(void *arg)
{
    struct kept *k = arg;
    lock_take(&k->lock);
    bool full = k->full;
    lock_drop(&k->lock);
    if (full)
        return NULL;
    assert_false(k->taken);
    k->taken = true;
    batch_clear(&k->batch);
    return &k->batch;
}

static void give_back(void *arg, struct batch *b)
{
    struct kept *k = arg;
    assert_true(k->taken);
    k->taken = false;
}

static void submit(void *arg, struct batch *b, const struct ingest_label *label)
{
    struct kept *k = arg;
    k->taken = false;
    assert_string_equal(label->tenant, "t");
    assert_true(label->position.n > 0);
    lock_take(&k->lock);
    sbuf_add(&k->text, (str){b->bytes, b->n});
    size_t i = 0;
    while (i < k->positions && !str_eq(str_z(k->position[i].source), label->position_source))
        i++;
    assert_true(i < COUNT(k->position));
    if (i == k->positions)
        k->positions++;
    (void)snprintf(k->position[i].source, 256, STR_FMT, STR_ARG(label->position_source));
    (void)snprintf(k->position[i].text, 1024, STR_FMT, STR_ARG(label->position));
    lock_drop(&k->lock);
}

static void kept_init(struct kept *k)
{
    *k = (struct kept){0};
    lock_init(&k->lock, LOCK_ENGINE_QUEUE);
    sbuf_init(&k->text, SIZE_MAX);
    batch_init(&k->batch, 1 << 20);
}

static void kept_done(struct kept *k)
{
    batch_done(&k->batch);
    sbuf_done(&k->text);
    lock_done(&k->lock);
}

/* ---- a follower at work ---- */

struct bed {
    struct kept *kept;
    struct follow_input input;
    char pattern[256];
    struct follow *follow;
    struct thread thread;
};

static void run(void *arg)
{
    follow_run(arg);
}

static void start(struct bed *bed, struct kept *kept, const char *pattern, bool from_end)
{
    *bed = (struct bed){.kept = kept};
    (void)snprintf(bed->pattern, sizeof bed->pattern, "%s/%s", folder_name, pattern);
    bed->input = (struct follow_input){.pattern = bed->pattern,
                                       .tenant = "t",
                                       .from_end = from_end,
                                       .forced = true,
                                       .format = PARSE_text};
    struct follow_position position[8];
    for (size_t i = 0; i < kept->positions; i++)
        position[i] = (struct follow_position){str_z(kept->position[i].source),
                                               str_z(kept->position[i].text)};
    struct follow_options options = {
        .input = &bed->input,
        .input_count = 1,
        .position = position,
        .position_count = kept->positions,
        .limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 4096},
        .poll_ms = 10,
        .quiet_ms = 300,
    };
    struct ingest_sink sink = {take, submit, give_back, kept};
    assert_int_equal(follow_new(&options, &sink, &bed->follow, NULL), ST_OK);
    assert_int_equal(thread_start(&bed->thread, "follow", run, bed->follow, NULL), ST_OK);
}

/* Nothing is said on the way out, so this is as good as a kill. */
static void stop(struct bed *bed)
{
    follow_stop(bed->follow);
    thread_join(&bed->thread);
    follow_free(bed->follow);
}

static void append(const char *name, const char *text)
{
    FILE *file = fopen(folder_path(name), "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static bool has(struct kept *k, const char *want)
{
    lock_take(&k->lock);
    bool same = str_eq(sbuf_str(&k->text), str_z(want));
    bool over = k->text.n > strlen(want);
    lock_drop(&k->lock);
    if (over)
        fail_msg("too much: %s", k->text.p);
    return same;
}

static size_t bytes_of(struct kept *k)
{
    lock_take(&k->lock);
    size_t n = k->text.n;
    lock_drop(&k->lock);
    return n;
}

static void expect(struct kept *k, const char *want)
{
    uint64_t start_ns = clock_ns();
    while (!has(k, want)) {
        if (clock_since(start_ns) > 20)
            fail_msg("have: %s\nwant: %s", k->text.p ? k->text.p : "", want);
        (void)sched_yield();
    }
}

static void reads_what_is_there_and_what_is_added(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("a.log", STR("one\ntwo\n"));
    start(&bed, &k, "a.log", false);
    expect(&k, "one\ntwo\n");
    append("a.log", "thr");
    append("a.log", "ee\nfour");
    expect(&k, "one\ntwo\nthree\n");
    append("a.log", "\n");
    expect(&k, "one\ntwo\nthree\nfour\n");
    stop(&bed);
    kept_done(&k);
}

static void reads_from_the_end_if_told_to(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("end.log", STR("old\n"));
    start(&bed, &k, "end*.log", true);
    while (bytes_of(&k) == 0) { /* until it looked: a file that comes later is read whole */
        append("end.log", "new\n");
        (void)sched_yield();
    }
    stop(&bed);
    assert_null(strstr(k.text.p, "old"));
    kept_done(&k);
}

static void reads_the_rest_of_a_renamed_file_first(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("b.log", STR("1\n"));
    start(&bed, &k, "b.log", false);
    expect(&k, "1\n");
    FILE *writer = fopen(folder_path("b.log"), "ab"); /* has it open over the renaming */
    lock_take(&k.lock);
    k.full = true;
    lock_drop(&k.lock);
    assert_true(fputs("2\n", writer) >= 0 && fflush(writer) == 0);
    assert_int_equal(rename(folder_path("b.log"), folder_path("b.log.1")), 0);
    folder_write("b.log", STR("4\n"));
    assert_true(fputs("3", writer) >= 0 && fclose(writer) == 0);
    lock_take(&k.lock);
    k.full = false;
    lock_drop(&k.lock);
    follow_room(bed.follow);
    uint64_t start_ns = clock_ns();
    while (bytes_of(&k) < 7 && clock_since(start_ns) < 20)
        (void)sched_yield();
    stop(&bed);
    /* the line without an end waited in vain for more */
    assert_true(strcmp(k.text.p, "1\n2\n4\n3") == 0 || strcmp(k.text.p, "1\n2\n34\n") == 0);
    kept_done(&k);
}

static void starts_again_when_a_file_is_cut(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("c.log", STR("one\ntwo\n"));
    start(&bed, &k, "c.log", false);
    expect(&k, "one\ntwo\n");
    assert_int_equal(truncate(folder_path("c.log"), 0), 0);
    append("c.log", "3\n");
    expect(&k, "one\ntwo\n3\n");
    stop(&bed);
    kept_done(&k);
}

static void starts_again_when_a_file_is_cut_and_has_grown_further(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("d.log", STR("one\n"));
    start(&bed, &k, "d.log", false);
    expect(&k, "one\n");
    stop(&bed); /* so that it cannot see the moment in between */
    assert_int_equal(truncate(folder_path("d.log"), 0), 0);
    append("d.log", "another text\n");
    start(&bed, &k, "d.log", false);
    expect(&k, "one\nanother text\n");
    stop(&bed);
    kept_done(&k);
}

static void goes_on_where_it_was_stopped(void **state)
{
    struct kept k;
    struct bed bed;
    struct sbuf want;
    kept_init(&k);
    sbuf_init(&want, SIZE_MAX);
    folder_write("e.log", STR(""));
    for (unsigned i = 0; i < 30; i++) {
        char line[64];
        start(&bed, &k, "e.log", false);
        (void)snprintf(line, sizeof line, "line %u\nhalf of %u,", i, i);
        append("e.log", line);
        sbuf_addf(&want, "line %u\n", i);
        if (i % 3)
            expect(&k, want.p);
        stop(&bed); /* after i % 3 == 0: whenever it is */
        (void)snprintf(line, sizeof line, " whole\n");
        append("e.log", line);
        sbuf_addf(&want, "half of %u, whole\n", i);
    }
    start(&bed, &k, "e.log", false);
    expect(&k, want.p);
    stop(&bed);
    sbuf_done(&want);
    kept_done(&k);
}

static void finishes_a_file_renamed_while_it_was_down(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("g.log", STR("1\n"));
    start(&bed, &k, "g.log", false);
    expect(&k, "1\n");
    stop(&bed);
    append("g.log", "2\n");
    assert_int_equal(rename(folder_path("g.log"), folder_path("g.log.1")), 0);
    folder_write("g.log", STR("3\n"));
    start(&bed, &k, "g.log", false);
    expect(&k, "1\n2\n3\n");
    stop(&bed);
    append("g.log", "4\n");
    start(&bed, &k, "g.log", false);
    expect(&k, "1\n2\n3\n4\n");
    stop(&bed);
    kept_done(&k);
}

static void reads_nothing_twice_that_a_glob_matches_under_its_new_name(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("h.log", STR("1\n"));
    start(&bed, &k, "h.log*", false);
    expect(&k, "1\n");
    assert_int_equal(rename(folder_path("h.log"), folder_path("h.log.1")), 0);
    folder_write("h.log", STR("2\n"));
    expect(&k, "1\n2\n");
    stop(&bed);
    start(&bed, &k, "h.log*", false);
    append("h.log", "3\n");
    expect(&k, "1\n2\n3\n");
    stop(&bed);
    kept_done(&k);
}

static void takes_up_new_files_and_leaves_compressed_ones_alone(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    assert_int_equal(mkdir(folder_path("many"), 0700), 0);
    start(&bed, &k, "many/*", false);
    folder_write("many/packed.gz", STR("\x1f\x8b\x08 packed"));
    folder_write("many/packed", STR("\x1f\x8b\x08 packed too"));
    folder_write("many/x", STR("x\n"));
    expect(&k, "x\n");
    folder_write("many/y", STR("y\n"));
    expect(&k, "x\ny\n");
    stop(&bed);
    kept_done(&k);
}

static void waits_for_room(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    k.full = true;
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 100000; i++)
        sbuf_addf(&text, "line %u of many\n", i);
    folder_write("full.log", sbuf_str(&text));
    start(&bed, &k, "full.log", false);
    for (unsigned i = 0; i < 200; i++) {
        lock_take(&k.lock);
        k.full = i % 2 == 0;
        lock_drop(&k.lock);
        follow_room(bed.follow);
        (void)sched_yield();
    }
    lock_take(&k.lock);
    k.full = false;
    lock_drop(&k.lock);
    follow_room(bed.follow);
    expect(&k, text.p);
    stop(&bed);
    sbuf_done(&text);
    kept_done(&k);
}

/* ---- a real kill ---- */

/* A process whose every batch is a transaction: the text goes to `out`, then a new `state` takes
 * the place of the old one.  What is in `out` behind the length in `state` never happened. */
struct store {
    struct batch batch;
    int out;
    long length;
};

static struct batch *store_take(void *arg)
{
    struct store *s = arg;
    batch_clear(&s->batch);
    return &s->batch;
}

static void store_submit(void *arg, struct batch *b, const struct ingest_label *label)
{
    struct store *s = arg;
    if (write(s->out, b->bytes, b->n) != (ssize_t)b->n)
        _exit(1);
    s->length += (long)b->n;
    FILE *state = fopen(folder_path("state.new"), "wb");
    if (!state ||
        fprintf(state, "%ld %.*s %.*s\n", s->length, STR_ARG(label->position_source),
                STR_ARG(label->position)) < 0 ||
        fclose(state) != 0 || rename(folder_path("state.new"), folder_path("state")) != 0)
        _exit(1);
}

static void store_give_back(void *arg, struct batch *b)
{
}

static long read_state(char source[256], char text[1024])
{
    long length = 0;
    FILE *state = fopen(folder_path("state"), "rb");
    source[0] = text[0] = '\0';
    if (!state)
        return 0;
    if (fscanf(state, "%ld %255s %1023s", &length, source, text) != 3)
        abort();
    (void)fclose(state);
    return length;
}

static void follow_until_killed(void)
{
    char source[256], text[1024], pattern[256];
    struct store s = {.length = read_state(source, text)};
    s.out = open(folder_path("out"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (s.out < 0 || ftruncate(s.out, s.length) != 0)
        _exit(1);
    batch_init(&s.batch, 1 << 20);
    (void)snprintf(pattern, sizeof pattern, "%s/killed.log", folder_name);
    struct follow_input input = {
        .pattern = pattern, .tenant = "t", .forced = true, .format = PARSE_text};
    struct follow_position position = {str_z(source), str_z(text)};
    struct follow_options options = {
        .input = &input,
        .input_count = 1,
        .position = &position,
        .position_count = source[0] != '\0',
        .limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 4096},
        .poll_ms = 5,
        .quiet_ms = 60000,
    };
    struct ingest_sink sink = {store_take, store_submit, store_give_back, &s};
    struct follow *follow;
    if (follow_new(&options, &sink, &follow, NULL) != ST_OK)
        _exit(1);
    follow_run(follow);
}

static void wait_for_state(long length)
{
    char source[256], text[1024];
    uint64_t start_ns = clock_ns();
    while (read_state(source, text) < length) {
        if (clock_since(start_ns) > 20)
            fail_msg("%ld bytes of %ld", read_state(source, text), length);
        (void)sched_yield();
    }
}

static void loses_and_doubles_nothing_when_it_is_killed(void **state)
{
    struct sbuf want;
    char source[256], text[1024], line[64], *have;
    sbuf_init(&want, SIZE_MAX);
    folder_write("killed.log", STR(""));
    for (unsigned i = 0; i < 40; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            follow_until_killed();
            _exit(0);
        }
        long before = read_state(source, text);
        for (unsigned k = 0; k < 50; k++) {
            (void)snprintf(line, sizeof line, "line %u of round %u\n", k, i);
            append("killed.log", line);
            sbuf_addz(&want, line);
        }
        wait_for_state(i % 4 == 3 ? (long)want.n
                                  : before + 1); /* somewhere in the middle, or all */
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (i % 4 == 1) { /* renamed while nobody looks, and written to still */
            append("killed.log", "last of this file\n");
            sbuf_addz(&want, "last of this file\n");
            assert_int_equal(rename(folder_path("killed.log"), folder_path("killed.log.1")), 0);
            folder_write("killed.log", STR(""));
        }
    }
    long length = read_state(source, text);
    assert_int_equal(length, want.n);
    have = mem_zero((size_t)length + 1);
    FILE *out = fopen(folder_path("out"), "rb");
    assert_int_equal(fread(have, 1, (size_t)length, out), length);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(have, want.p);
    mem_free(have);
    sbuf_done(&want);
}

static struct follow_state await_unreadable(struct bed *bed, size_t want)
{
    uint64_t start_ns = clock_ns();
    struct follow_state state;
    while ((state = follow_state(bed->follow)).unreadable != want) {
        if (clock_since(start_ns) > 20)
            fail_msg("%zu cannot be read", state.unreadable);
        (void)sched_yield();
    }
    return state;
}

static void says_what_cannot_be_followed_until_it_can(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    folder_write("says-1.log", STR("one\n"));
    assert_int_equal(symlink("says-2.log", folder_path("says-2.log")), 0); /* also root cannot */
    start(&bed, &k, "says-*.log", false);
    expect(&k, "one\n");
    struct follow_state now = await_unreadable(&bed, 1);
    assert_int_equal(now.files, 1);
    assert_non_null(strstr(now.trouble, "says-2.log': Too many levels"));
    assert_int_equal(unlink(folder_path("says-2.log")), 0);
    folder_write("says-2.log", STR("two\n"));
    expect(&k, "one\ntwo\n");
    assert_int_equal(await_unreadable(&bed, 0).files, 2);
    stop(&bed);
    kept_done(&k);
}

static void says_that_a_path_is_no_file(void **state)
{
    struct kept k;
    struct bed bed;
    kept_init(&k);
    start(&bed, &k, ".", false);
    assert_non_null(strstr(await_unreadable(&bed, 1).trouble, "no regular file"));
    stop(&bed);
    kept_done(&k);
}

static void reads_positions_it_wrote_and_no_others(void **state)
{
    struct follow_place place[FOLLOW_PLACES_MAX] = {{1, 2, 3, UINT64_MAX, 5}, {6, 7, 8, 9, 10}};
    struct sbuf text;
    sbuf_init(&text, 4096);
    follow_place_add(&text, &place[0]);
    follow_place_add(&text, &place[1]);
    assert_string_equal(text.p, "1:2:3:18446744073709551615:5;6:7:8:9:10");
    struct follow_place back[FOLLOW_PLACES_MAX];
    assert_int_equal(follow_places_read(sbuf_str(&text), back), 2);
    assert_memory_equal(back, place, 2 * sizeof *back);
    assert_int_equal(follow_places_read(STR(""), back), 0);
    assert_int_equal(follow_places_read(STR("1:2:3:4"), back), 0);
    assert_int_equal(follow_places_read(STR("1:2:-3:4:5;1:2:3:4:5:6;x;1:2:3:4:5"), back), 1);
    sbuf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there_and_what_is_added),
        cmocka_unit_test(reads_from_the_end_if_told_to),
        cmocka_unit_test(reads_the_rest_of_a_renamed_file_first),
        cmocka_unit_test(starts_again_when_a_file_is_cut),
        cmocka_unit_test(starts_again_when_a_file_is_cut_and_has_grown_further),
        cmocka_unit_test(goes_on_where_it_was_stopped),
        cmocka_unit_test(finishes_a_file_renamed_while_it_was_down),
        cmocka_unit_test(reads_nothing_twice_that_a_glob_matches_under_its_new_name),
        cmocka_unit_test(takes_up_new_files_and_leaves_compressed_ones_alone),
        cmocka_unit_test(waits_for_room),
        cmocka_unit_test(loses_and_doubles_nothing_when_it_is_killed),
        cmocka_unit_test(says_what_cannot_be_followed_until_it_can),
        cmocka_unit_test(says_that_a_path_is_no_file),
        cmocka_unit_test(reads_positions_it_wrote_and_no_others),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
