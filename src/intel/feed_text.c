/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of one value a line, hosts files ("0.0.0.0 name name"), and the words feeds share. */
#include "intel/feed_int.h"

#include <math.h>

static const struct {
    const char *name;
    enum intel_part part[2];
} types[] = {
#define X(name, first, second) {name, {INTEL_PART_##first, INTEL_PART_##second}},
#include "intel/type.def"
};

str intel_plain_name(str s, char out[static INTEL_NAME_MAX])
{
    s = intel_unquote(s);
    if (s.n > INTEL_NAME_MAX)
        return (str){out, 0};
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        out[i] = c == ' ' || c == '-' ? '_' : c;
    }
    return (str){out, s.n};
}

const enum intel_part *intel_type_parts(str type)
{
    char buf[INTEL_NAME_MAX];
    str name = intel_plain_name(type, buf);
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_eq(name, str_z(types[i].name)))
            return types[i].part;
    return NULL;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static size_t digits_at(str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

static void technique_add(str id, struct arena *arena, struct intel_technique_list *out)
{
    for (uint32_t i = 0; i < out->count; i++)
        if (str_ieq(out->at[i], id))
            return;
    char *copy = out->count < INTEL_TECHNIQUES_MAX ? arena_bytes(arena, id.n) : NULL;
    if (!copy)
        return;
    memcpy(copy, id.p, id.n);
    copy[0] = 'T';
    out->at[out->count++] = (str){copy, id.n};
}

void intel_techniques_find(str text, struct arena *arena, struct intel_technique_list *out)
{
    for (size_t i = 0; i + 5 <= text.n; i++) {
        if (ascii_lower(text.p[i]) != 't' || (i && is_word(text.p[i - 1])) ||
            digits_at(text, i + 1) != 4)
            continue;
        size_t n = 5;
        if (i + n < text.n && text.p[i + n] == '.' && digits_at(text, i + n + 1) == 3)
            n += 4;
        if (i + n == text.n || !is_word(text.p[i + n]))
            technique_add((str){text.p + i, n}, arena, out);
    }
}

/* One list in three being right is what public block lists are worth on their own;
 * lists are taken to err independently. */
#define LIST_CONFIDENCE 0.3

float intel_confidence_of_count(uint64_t count)
{
    return (float)(1.0 - pow(1.0 - LIST_CONFIDENCE, count < 64 ? (double)count : 64.0));
}

bool intel_confidence(str s, float *out)
{
    static const struct {
        const char *word;
        float value;
    } words[] = {
        {"none", 0.05f},
        {"low", 0.3f},
        {"medium", 0.6f},
        {"moderate", 0.6f},
        {"high", 0.9f},
        {"very high", 0.95f},
        {"critical", 0.95f},
        {"confirmed", 0.95f},
        {"very-high", 0.95f},
        {"certain", 0.95f},
        /* MISP's confidence-level taxonomy */
        {"completely-confident", 0.95f},
        {"usually-confident", 0.75f},
        {"fairly-confident", 0.5f},
        {"rarely-confident", 0.25f},
        {"unconfident", 0.05f},
    };
    s = intel_unquote(s);
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_ieq(s, str_z(words[i].word))) {
            *out = words[i].value;
            return true;
        }
    bool percent = str_ends(s, STR("%"));
    double number;
    if (!str_to_f64(percent ? str_head(s, s.n - 1) : s, &number) || !(number >= 0 && number <= 100))
        return false;
    *out = (float)(percent || number > 1 ? number / 100 : number);
    return true;
}

static bool comment_at(str s)
{
    return str_starts(s, STR("#")) || str_starts(s, STR(";")) || str_starts(s, STR("//"));
}

bool intel_is_comment(str line)
{
    line = str_trim(line);
    return line.n == 0 || comment_at(line);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A comment after a value begins after white space: URLs have # and // of their own. */
static str without_comment(str line)
{
    for (size_t i = 1; i < line.n; i++)
        if (is_blank(line.p[i - 1]) && comment_at(str_from(line, i)))
            return str_head(line, i - 1);
    return line;
}

static str take_word(str *s)
{
    size_t n = 0;
    while (n < s->n && !is_blank(s->p[n]))
        n++;
    str word = str_head(*s, n);
    *s = str_trim(str_from(*s, n));
    return word;
}

/* 0.0.0.0, 127.0.0.1, ::1, ff02::1...: where a hosts file sends names. */
static bool is_sinkhole(str word)
{
    struct intel_key key;
    if (str_starts(word, STR("fe80::1%")))
        return true;
    return intel_key_parse(word, INTEL_IP, &key) &&
           intel_kinds[INTEL_IP]->objection((str){key.byte, key.n}, false) != NULL;
}

/* Names without a dot are the machine's own: localhost, ip6-allnodes. */
static status hosts_line(struct intel_feed *f, str names, struct error *err)
{
    while (names.n) {
        str name = take_word(&names);
        if (str_find(name, '.') == name.n || str_ieq(name, STR("localhost.localdomain")) ||
            str_eq(name, STR("0.0.0.0")))
            continue;
        struct indicator item = intel_feed_item(f, name);
        item.kind = INTEL_DOMAIN;
        status st = intel_feed_add(f, &item, 0, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* "||evil.example^" of ad blockers; a comma or semicolon left over from other lists. */
static str bare(str word)
{
    if (str_starts(word, STR("||")) && str_ends(word, STR("^")))
        word = (str){word.p + 2, word.n - 3};
    while (word.n && (word.p[word.n - 1] == ',' || word.p[word.n - 1] == ';'))
        word.n--;
    return word;
}

status intel_plain_line(struct intel_feed *f, str line, struct error *err)
{
    if (intel_is_comment(line))
        return ST_OK;
    line = str_trim(without_comment(str_trim(line)));
    str rest = line;
    str word = take_word(&rest);
    bool tab = rest.n && word.p[word.n] == '\t';
    if (rest.n && is_sinkhole(word))
        return hosts_line(f, rest, err);
    struct indicator item = intel_feed_item(f, bare(word));
    uint64_t count;
    if (rest.n && str_to_u64(rest, &count))
        item.confidence_01 = intel_confidence_of_count(count ? count : 1);
    else if (rest.n && !tab && !(rest.p[0] >= '0' && rest.p[0] <= '9'))
        item.value = line; /* prose: refused as a whole */
    return intel_feed_add(f, &item, 0, err);
}
