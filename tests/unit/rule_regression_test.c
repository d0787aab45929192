/* SPDX-License-Identifier: Apache-2.0 */
/* SigmaHQ's regression cases: real Windows events, and for each the rule that
 * must fire, with every public rule loaded. */
#include "base/mem.h"
#include "codec/decompress.h"
#include "parse/parse.h"
#include "rule/match.h"
#include "tests/folder.h"
#include "tests/test.h"

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        assert_true(false);                                                                        \
    } while (0)

enum { CASES = 112, RULES = 3757 };

static void read_all(const char *name, struct sbuf *out)
{
    char path[4096];
    struct sbuf packed;
    struct error err;
    snprintf(path, sizeof path, "%s/sigma/%s", test_data_dir(), name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    sbuf_init(&packed, 64 << 20);
    char piece[65536];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f));)
        sbuf_add(&packed, (str){piece, n});
    (void)fclose(f); /* only read */
    if (decompress_all(sbuf_str(&packed), out, &err) != ST_OK)
        FAIL("%s: %s", name, err.text);
    sbuf_done(&packed);
}

/* The name in a header that goes before a file whose name is long: GNU's, or pax's. */
static str long_name(char kind, str body)
{
    const char *path = kind == 'x' ? memmem(body.p, body.n, " path=", 6) : NULL;
    if (kind == 'L')
        return (str){body.p, strnlen(body.p, body.n)};
    str rest = path ? str_from(body, (size_t)(path - body.p) + 6) : (str){NULL, 0};
    return str_cut(&rest, '\n');
}

/* The next plain file of a tar. */
static bool tar_next(str *tar, str *name, str *body)
{
    str longer = {NULL, 0};
    while (tar->n >= 512 && tar->p[0]) {
        size_t size = strtoul(tar->p + 124, NULL, 8);
        char kind = tar->p[156];
        *name = longer.n ? longer : (str){tar->p, strnlen(tar->p, 100)};
        *body = str_head(str_from(*tar, 512), size);
        *tar = str_from(*tar, 512 + (size + 511) / 512 * 512);
        longer = long_name(kind, *body);
        if (kind == '0' || kind == '\0')
            return true;
    }
    return false;
}

/* Every rule of the archive, from files in the test's folder. */
static struct rule_set *all_rules(struct dict *d)
{
    struct sbuf tar;
    struct error err;
    struct rule_set *set;
    str name, body;
    unsigned files = 0;
    sbuf_init(&tar, 256 << 20);
    read_all("rules.tar.xz", &tar);
    for (str rest = sbuf_str(&tar); tar_next(&rest, &name, &body);) {
        char file[32];
        snprintf(file, sizeof file, "%05u.yml", files++);
        if (str_ends(name, STR(".yml")))
            folder_write(file, body);
    }
    if (rule_set_load(&(const char *){folder_name}, 1, d, NULL, &set, &err) != ST_OK)
        FAIL("%s", err.text);
    sbuf_done(&tar);
    return set;
}

struct regression {
    struct dict *dict;
    struct rule_set *set;
    struct parser *parser;
    struct rule_matcher *matcher;
    struct batch batch;
    struct arena arena;
    size_t cases, fired, hits;
};

static void parse_case(struct regression *r, str json)
{
    struct parse_stream stream = {.format = parse_sniff(json)};
    batch_clear(&r->batch);
    batch_reserve(&r->batch, json.n);
    memcpy(r->batch.bytes, json.p, json.n);
    r->batch.n = json.n;
    r->batch.first_line = 1;
    parser_run(r->parser, &stream, &r->batch);
}

/* Every hit makes a finding whose reason and evidence are there. */
static void check_findings(struct regression *r, const struct rule_hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        struct finding *f = rule_finding(r->matcher, &r->batch, &hits->at[i], &r->arena);
        assert_non_null(f);
        assert_true(f->reason.n > 0 && f->id.n > 0 && f->title.n > 0);
        str title = rule_set_info(r->set, hits->at[i].rule)->title;
        if (f->evidence_count == 0)
            print_message("no evidence: " STR_FMT "\n", STR_ARG(title));
    }
    arena_clear(&r->arena);
}

static void run_case(struct regression *r, str id, str json)
{
    struct rule_hits hits = {0};
    uint32_t rule = rule_set_find(r->set, id);
    bool fired = false;
    parse_case(r, json);
    rule_match(r->matcher, &r->batch, &hits);
    for (size_t i = 0; i < hits.n; i++)
        fired |= hits.at[i].rule == rule;
    check_findings(r, &hits);
    r->cases++;
    r->fired += fired;
    r->hits += hits.n;
    for (size_t i = 0; i < r->batch.event_count && !fired; i++) {
        struct sbuf why;
        sbuf_init(&why, 1 << 20);
        if (rule == UINT32_MAX)
            print_message("no rule " STR_FMT "\n", STR_ARG(id));
        else
            rule_explain(r->matcher, rule, &r->batch.event[i], false, &why);
        print_message(STR_FMT "\n%s\n", STR_ARG(id), why.p ? why.p : "");
        sbuf_done(&why);
    }
    rule_hits_done(&hits);
}

static void every_case_fires_its_rule(void **state)
{
    struct regression r = {.dict = dict_new()};
    struct sbuf tar;
    str name, body;
    if (!test_data_dir()) {
        dict_free(r.dict);
        SKIP_BECAUSE("BGUARD_DATA is not set");
    }
    r.set = all_rules(r.dict);
    assert_int_equal(rule_set_count(r.set), RULES);
    r.parser = parser_new(r.dict, &parse_limits_default);
    r.matcher = rule_matcher_new(r.set);
    batch_init(&r.batch, 64 << 20);
    arena_init(&r.arena, 64 << 20);
    sbuf_init(&tar, 256 << 20);
    read_all("regression.tar.xz", &tar);
    for (str rest = sbuf_str(&tar); tar_next(&rest, &name, &body);) {
        size_t slash = name.n;
        while (slash && name.p[slash - 1] != '/')
            slash--;
        str file = str_from(name, slash);
        if (str_ends(file, STR(".json")))
            run_case(&r, str_head(file, file.n - 5), body);
    }
    print_message("%zu cases, %zu fired, %zu hits in all\n", r.cases, r.fired, r.hits);
    assert_int_equal(r.cases, CASES);
    assert_int_equal(r.fired, CASES);
    sbuf_done(&tar);
    arena_done(&r.arena);
    batch_done(&r.batch);
    rule_matcher_free(r.matcher);
    parser_free(r.parser);
    rule_set_free(r.set);
    dict_free(r.dict);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(every_case_fires_its_rule),
    };
    return cmocka_run_group_tests(all, folder_make, folder_remove);
}
