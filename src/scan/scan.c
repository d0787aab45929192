/* SPDX-License-Identifier: Apache-2.0 */
/* One scan: digests, indicators, rules. */
#include "scan/scan_int.h"

#include <stdlib.h>

enum { TIMEOUT_S = 20, METAS_MAX = 32 };

struct scan {
    str bytes;
    struct arena *arena;
    struct scan_match *match; /* room for SCAN_MATCHES_MAX */
    struct scan_result *out;
    bool full;
};

static void digest(str bytes, struct scan_result *out)
{
    struct digester *d = digester_new();
    digester_add(d, bytes);
    for (unsigned i = 0; i < DIGEST_COUNT; i++)
        digester_end(d, i, out->digest[i]);
    digester_free(d);
}

static void look_up(const struct intel_set *const intel[2], struct scan_result *out)
{
    for (unsigned i = 0; i < DIGEST_COUNT; i++)
        for (unsigned k = 0; k < 2; k++) {
            bool allowed = false;
            if (!intel[k])
                continue;
            if (intel_find(intel[k], str_z(out->digest[i]), &out->known[out->knowns], &allowed)) {
                out->knowns++;
                break;
            }
            out->allowed |= allowed;
        }
}

static str keep(struct scan *s, str text)
{
    str copy = arena_str(s->arena, text);
    s->full |= copy.p == NULL;
    return copy;
}

static void put_tags(struct scan *s, const YR_RULE *rule, struct scan_match *m)
{
    const char *tag;
    str *at = arena_array(s->arena, str, SCAN_TAGS_MAX);
    if (!at)
        return;
    yr_rule_tags_foreach(rule, tag)
    {
        if (m->tags < SCAN_TAGS_MAX)
            at[m->tags++] = keep(s, str_z(tag));
    }
    m->tag = at;
}

static void put_meta(struct scan *s, const YR_RULE *rule, struct scan_match *m)
{
    const YR_META *meta;
    struct pair *at = arena_array(s->arena, struct pair, METAS_MAX);
    if (!at)
        return;
    yr_rule_metas_foreach(rule, meta)
    {
        char number[24];
        str value;
        if (m->metas == METAS_MAX)
            break;
        snprintf(number, sizeof number, "%lld", (long long)meta->integer);
        if (meta->type == META_TYPE_STRING)
            value = str_z(meta->string);
        else if (meta->type == META_TYPE_BOOLEAN)
            value = meta->integer ? STR("true") : STR("false");
        else
            value = str_z(number);
        at[m->metas++] = (struct pair){keep(s, str_z(meta->identifier)), keep(s, value)};
    }
    m->meta = at;
}

/* YARA 4.2 keeps its YR_MATCHes where they happen to end up, not where they are aligned. */
__attribute__((no_sanitize("alignment"))) static void
put_strings(struct scan *s, YR_SCAN_CONTEXT *context, const YR_RULE *rule, struct scan_match *m)
{
    YR_STRING *string;
    YR_MATCH *match;
    struct scan_string *at = arena_array(s->arena, struct scan_string, SCAN_STRINGS_MAX);
    if (!at)
        return;
    yr_rule_strings_foreach(rule, string)
    {
        yr_string_matches_foreach(context, string, match)
        {
            uint64_t offset = (uint64_t)(match->base + match->offset);
            if (m->strings == SCAN_STRINGS_MAX || offset > s->bytes.n)
                break;
            str bytes = str_head(str_from(s->bytes, offset), (size_t)match->match_length);
            at[m->strings++] =
                (struct scan_string){.name = keep(s, str_z(string->identifier)),
                                     .offset = offset,
                                     .length = (uint64_t)match->match_length,
                                     .bytes = keep(s, str_head(bytes, SCAN_SHOWN_BYTES))};
        }
    }
    m->string = at;
}

static int on_match(YR_SCAN_CONTEXT *context, int message, void *data, void *arg)
{
    struct scan *s = arg;
    if (message == CALLBACK_MSG_TOO_MANY_MATCHES)
        return CALLBACK_CONTINUE; /* of a string; the rule matched all the same */
    if (message != CALLBACK_MSG_RULE_MATCHING)
        return CALLBACK_CONTINUE;
    const YR_RULE *rule = data;
    if (s->out->matches == SCAN_MATCHES_MAX) {
        s->out->more++;
        return CALLBACK_CONTINUE;
    }
    struct scan_match *m = &s->match[s->out->matches++];
    m->rule = keep(s, str_z(rule->identifier));
    m->space = keep(s, str_z(rule->ns->name));
    put_tags(s, rule, m);
    put_meta(s, rule, m);
    put_strings(s, context, rule, m);
    s->full |= !m->tag || !m->meta || !m->string;
    return s->full ? CALLBACK_ERROR : CALLBACK_CONTINUE;
}

static status run(struct scan *s, const struct scan_options *options, struct error *err)
{
    YR_SCANNER *scanner = NULL;
    int code = yr_scanner_create(options->rules->rules, &scanner);
    if (code != ERROR_SUCCESS)
        return fail(err, ST_UNAVAILABLE, "%s", scan_error_text(code));
    yr_scanner_set_callback(scanner, on_match, s);
    yr_scanner_set_timeout(scanner, options->timeout_s ? options->timeout_s : TIMEOUT_S);
    yr_scanner_set_flags(scanner, SCAN_FLAGS_REPORT_RULES_MATCHING);
    code = yr_scanner_scan_mem(scanner, (const uint8_t *)s->bytes.p, s->bytes.n);
    yr_scanner_destroy(scanner);
    if (s->full)
        return fail(err, ST_LIMIT, "no memory left for what matched");
    if (code == ERROR_SUCCESS)
        return ST_OK;
    return fail(err, code == ERROR_SCAN_TIMEOUT ? ST_BUSY : ST_UNAVAILABLE, "%s",
                scan_error_text(code));
}

status scan_bytes(const struct scan_options *options, str bytes, struct arena *arena,
                  struct scan_result *out, struct error *err)
{
    struct scan_result result = {0};
    struct scan s = {.bytes = bytes.n ? bytes : STR(""), .arena = arena, .out = &result};
    digest(bytes, &result);
    look_up(options->intel, &result);
    s.match = arena_array(arena, struct scan_match, SCAN_MATCHES_MAX);
    if (!s.match)
        return fail(err, ST_LIMIT, "no memory left for what matched");
    result.match = s.match;
    status st = options->rules && options->rules->rules ? run(&s, options, err) : ST_OK;
    if (st == ST_OK) {
        *out = result;
        for (size_t i = 0; i < out->knowns; i++) /* it may have pointed into what was copied */
            out->known[i].value = keep(&s, result.known[i].value);
    }
    return st;
}

static double score_of(const struct scan_match *m)
{
    for (size_t i = 0; i < m->metas; i++) {
        double v;
        if (str_eq(m->meta[i].name, STR("score")) && str_to_f64(m->meta[i].value, &v) && v >= 0 &&
            v <= 100)
            return v / 100;
    }
    return 0.7;
}

double scan_score(const struct scan_result *r)
{
    double worst = 0;
    for (size_t i = 0; i < r->knowns; i++)
        worst =
            (double)r->known[i].confidence_01 > worst ? (double)r->known[i].confidence_01 : worst;
    if (r->allowed)
        return 0;
    for (size_t i = 0; i < r->matches; i++)
        worst = score_of(&r->match[i]) > worst ? score_of(&r->match[i]) : worst;
    return worst;
}
