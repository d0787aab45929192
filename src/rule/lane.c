/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/lane.h"

#include "base/hash.h"
#include "base/mem.h"
#include "rule/compile.h"
#include "rule/fragment.h"

#include <assert.h>

enum { KEY_CLASSES = 5, KEY_EQUAL = 1, KEY_STARTS = 2, KEY_ENDS = KEY_STARTS + KEY_CLASSES };

/* ---- literal maps ---- */

static int by_text(const void *x, const void *y)
{
    const struct literal_entry *a = x, *b = y;
    int c = str_cmp(a->text, b->text);
    return c ? c : (a->target > b->target) - (a->target < b->target);
}

status literal_map_build(struct literal_map *map, struct literal_entry *entry, size_t n,
                         bool caseless, const struct db_cache *cache, struct arena *arena,
                         struct error *err)
{
    *map = (struct literal_map){0};
    if (n == 0)
        return ST_OK;
    qsort(entry, n, sizeof *entry, by_text);
    str *text = map->text = arena_array(arena, str, n);
    map->first = arena_array(arena, uint32_t, n + 1);
    map->target = arena_array(arena, uint32_t, n);
    assert(text && map->first && map->target);
    uint32_t targets = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !str_eq(entry[i].text, entry[i - 1].text)) {
            map->first[map->count] = targets;
            text[map->count++] = entry[i].text;
        } else if (entry[i].target == entry[i - 1].target)
            continue;
        map->target[targets++] = entry[i].target;
    }
    map->first[map->count] = targets;
    map->key = literal_db_key(text, map->count, caseless);
    map->db = literal_db_new(text, map->count, caseless, db_cache_find(cache, map->key), err);
    return map->db ? ST_OK : ST_LIMIT;
}

static bool is_relevant(const uint64_t *bits, uint32_t q)
{
    return bits[q >> 6] >> (q & 63) & 1;
}

bool literal_map_narrow(const struct literal_map *map, const uint64_t *relevant,
                        struct arena *arena, struct literal_map *out)
{
    size_t n = 0, literals = 0;
    if (!map->db)
        return false;
    struct literal_entry *entry = mem_array(struct literal_entry, map->first[map->count]);
    for (uint32_t i = 0; i < map->count; i++) {
        size_t before = n;
        for (uint32_t t = map->first[i]; t < map->first[i + 1]; t++)
            if (is_relevant(relevant, map->target[t] >> 1))
                entry[n++] = (struct literal_entry){map->text[i], map->target[t]};
        literals += n > before;
    }
    bool narrow =
        literals * 2 <= map->count &&
        literal_map_build(out, entry, n, false, &(struct db_cache){{0}}, arena, NULL) == ST_OK;
    mem_free(entry);
    return narrow;
}

/* ---- building ---- */

struct key_entry {
    uint64_t hash;
    uint32_t predicate;
};

struct lane_build {
    struct program *program;
    struct lane *lane;
    struct {
        struct key_entry *at;
        size_t n, room;
    } key;
    struct {
        struct literal_entry *at;
        size_t n, room;
    } literal;
    struct {
        struct lane_byte *at;
        size_t n, room;
    } byte;
    struct {
        struct lane_number *at;
        size_t n, room;
    } number;
    struct {
        uint32_t *at;
        size_t n, room;
    } other;
};

static uint64_t key_hash(str s, unsigned kind)
{
    return hash_bytes(s, kind * 0x9e3779b97f4a7c15u);
}

static unsigned key_class(size_t n)
{
    unsigned c = 0;
    while (c + 1 < KEY_CLASSES && n >= (size_t)2 << c)
        c++;
    return c;
}

static str folded_copy(struct arena *arena, str s)
{
    char *out = arena_bytes(arena, s.n);
    assert(out);
    for (size_t i = 0; i < s.n; i++)
        out[i] = ascii_lower(s.p[i]);
    return (str){out, s.n};
}

static void add_key(struct lane_build *b, str text, unsigned kind, uint32_t predicate)
{
    *vec_push(&b->key) = (struct key_entry){key_hash(text, kind), predicate};
}

/* Vectorscan takes a literal that begins with a zero byte, as UTF-16 does, for an empty one. */
static void add_literal(struct lane_build *b, str low, bool confirm, uint32_t predicate)
{
    str tail = low;
    while (tail.n && tail.p[0] == '\0')
        tail = str_from(tail, 1);
    confirm |= tail.n < low.n;
    if (tail.n == 0 || (tail.n == 1 && !confirm))
        *vec_push(&b->byte) = (struct lane_byte){low.p[0], predicate};
    else
        *vec_push(&b->literal) =
            (struct literal_entry){str_head(tail, LITERAL_BYTES_MAX),
                                   predicate << 1 | (confirm || tail.n > LITERAL_BYTES_MAX)};
}

static void add_equal(struct lane_build *b, str low, uint32_t predicate)
{
    double number;
    add_key(b, low, KEY_EQUAL, predicate);
    if (number_parse(low, &number))
        *vec_push(&b->number) = (struct lane_number){number, predicate};
}

static void add_edge(struct lane_build *b, str low, bool at_start, uint32_t predicate)
{
    unsigned c = key_class(low.n);
    size_t n = (size_t)1 << c;
    if (at_start) {
        b->lane->starts |= (uint8_t)(1u << c);
        add_key(b, str_head(low, n), KEY_STARTS + c, predicate);
    } else {
        b->lane->ends |= (uint8_t)(1u << c);
        add_key(b, str_from(low, low.n - n), KEY_ENDS + c, predicate);
    }
}

static bool add_pattern(struct lane_build *b, const struct test_row *row, str value,
                        uint32_t predicate)
{
    struct fragments f;
    if (row->op == TEST_GLOB)
        fragments_of_glob(value, false, &b->program->arena, &f);
    else
        fragments_of_regex(value, !(row->flags & TEST_CASED), false, &b->program->arena, &f);
    for (uint32_t i = 0; i < f.count; i++)
        add_literal(b, str_head(f.at[i], LITERAL_BYTES_MAX), true, predicate);
    return f.count > 0;
}

static void add_predicate(struct lane_build *b, uint32_t predicate)
{
    const struct predicate *q = &b->program->predicate[predicate];
    const struct image *im = &b->program->set->image;
    const struct test_row *row = &im->test.at[q->test];
    str value = image_str(im, row->value);
    str low = q->folded.p ? q->folded : folded_copy(&b->program->arena, value);
    bool cased = row->flags & TEST_CASED;
    if (q->op == TEST_EQUAL)
        add_equal(b, low, predicate);
    else if (q->op == TEST_CONTAINS && low.n)
        add_literal(b, low, cased, predicate);
    else if ((q->op == TEST_STARTS || q->op == TEST_ENDS) && low.n)
        add_edge(b, low, q->op == TEST_STARTS, predicate);
    else if ((q->op != TEST_GLOB && q->op != TEST_REGEX) || !add_pattern(b, row, value, predicate))
        *vec_push(&b->other) = predicate;
}

static int by_hash(const void *x, const void *y)
{
    const struct key_entry *a = x, *b = y;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (a->predicate > b->predicate) - (a->predicate < b->predicate);
}

static int by_number(const void *x, const void *y)
{
    const struct lane_number *a = x, *b = y;
    return (a->number > b->number) - (a->number < b->number);
}

static struct lane_slot *slot_of(const struct lane *lane, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & lane->slot_mask;
    while (lane->slot[i].count && lane->slot[i].hash != hash)
        i = (i + 1) & lane->slot_mask;
    return &lane->slot[i];
}

static void build_table(struct lane_build *b)
{
    struct lane *lane = b->lane;
    if (b->key.n == 0)
        return;
    uint32_t room = 8;
    while (room < b->key.n * 2)
        room *= 2;
    lane->slot_mask = room - 1;
    lane->slot = arena_array(&b->program->arena, struct lane_slot, room);
    lane->key_target = arena_array(&b->program->arena, uint32_t, b->key.n);
    assert(lane->slot && lane->key_target);
    qsort(b->key.at, b->key.n, sizeof *b->key.at, by_hash);
    for (size_t i = 0; i < b->key.n; i++) {
        struct lane_slot *slot = slot_of(lane, b->key.at[i].hash);
        if (slot->count++ == 0) {
            slot->hash = b->key.at[i].hash;
            slot->first = (uint32_t)i;
        }
        lane->key_target[i] = b->key.at[i].predicate;
    }
}

static void *keep(struct program *p, const void *at, size_t n, size_t size)
{
    void *out = arena_alloc(&p->arena, n, size, alignof(max_align_t));
    assert(out);
    if (n)
        memcpy(out, at, n * size);
    return out;
}

status lane_build(struct lane *lane, struct program *p, const uint32_t *predicate, size_t n,
                  const struct db_cache *cache, struct error *err)
{
    struct lane_build b = {.program = p, .lane = lane};
    *lane = (struct lane){.field = p->predicate[predicate[0]].fields.field};
    for (size_t i = 0; i < n; i++)
        add_predicate(&b, predicate[i]);
    build_table(&b);
    if (b.number.n)
        qsort(b.number.at, b.number.n, sizeof *b.number.at, by_number);
    lane->number = keep(p, b.number.at, b.number.n, sizeof *b.number.at);
    lane->number_count = (uint32_t)b.number.n;
    lane->byte = keep(p, b.byte.at, b.byte.n, sizeof *b.byte.at);
    lane->byte_count = (uint32_t)b.byte.n;
    lane->other = keep(p, b.other.at, b.other.n, sizeof *b.other.at);
    lane->other_count = (uint32_t)b.other.n;
    status s =
        literal_map_build(&lane->literal, b.literal.at, b.literal.n, false, cache, &p->arena, err);
    vec_done(&b.key);
    vec_done(&b.literal);
    vec_done(&b.byte);
    vec_done(&b.number);
    vec_done(&b.other);
    return s;
}

unsigned lane_parts(const struct program *p, uint32_t predicate)
{
    const struct predicate *q = &p->predicate[predicate];
    size_t n = p->set->image.test.at[q->test].value.n;
    switch ((enum test_op)q->op) {
    case TEST_EQUAL:
        return LANE_KEYS | LANE_NUMBERS;
    case TEST_CONTAINS:
        return n ? LANE_LITERALS : LANE_OTHER;
    case TEST_STARTS:
    case TEST_ENDS:
        return n ? LANE_KEYS : LANE_OTHER;
    case TEST_GLOB:
    case TEST_REGEX:
        return q->fragment ? LANE_LITERALS : LANE_OTHER;
    default:
        return LANE_OTHER;
    }
}

/* ---- asking ---- */

/* Wanted, and not yet asked of this value. */
static inline bool is_new(struct lane_scan *s, uint32_t q)
{
    if (!is_relevant(s->want->relevant, q) || s->seen[q] == s->generation)
        return false;
    s->seen[q] = s->generation;
    return true;
}

static bool matches(struct lane_scan *s, uint32_t q)
{
    return test_value(s->tester, s->program->predicate[q].test, s->text, s->kind);
}

static void check(struct lane_scan *s, uint32_t q)
{
    if (is_new(s, q) && matches(s, q))
        *vec_push(&s->hit) = q;
}

static bool key_matches(struct lane_scan *s, const struct predicate *q)
{
    str want = q->folded, low = s->low;
    if (!want.p)
        return test_value(s->tester, q->test, s->text, s->kind);
    if (low.n < want.n || (q->op == TEST_EQUAL && low.n != want.n))
        return false;
    return memcmp(q->op == TEST_ENDS ? low.p + low.n - want.n : low.p, want.p, want.n) == 0;
}

static void ask_key(struct lane_scan *s, const struct lane *lane, str key, unsigned kind)
{
    const struct lane_slot *slot = slot_of(lane, key_hash(key, kind));
    for (uint32_t i = 0; i < slot->count; i++) {
        uint32_t q = lane->key_target[slot->first + i];
        if (is_relevant(s->want->relevant, q) && s->seen[q] != s->generation &&
            key_matches(s, &s->program->predicate[q])) {
            s->seen[q] = s->generation;
            *vec_push(&s->hit) = q;
        }
    }
}

static void ask_keys(struct lane_scan *s, const struct lane *lane)
{
    str low = s->low;
    ask_key(s, lane, low, KEY_EQUAL);
    for (unsigned c = 0; c < KEY_CLASSES; c++) {
        size_t n = (size_t)1 << c;
        if (n > low.n)
            break;
        if (lane->starts >> c & 1)
            ask_key(s, lane, str_head(low, n), KEY_STARTS + c);
        if (lane->ends >> c & 1)
            ask_key(s, lane, str_from(low, low.n - n), KEY_ENDS + c);
    }
}

static void ask_numbers(struct lane_scan *s, const struct lane *lane)
{
    double v;
    if (!number_parse(s->text, &v))
        return;
    uint32_t low = 0, high = lane->number_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (lane->number[mid].number < v)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < lane->number_count && lane->number[low].number == v; low++)
        check(s, lane->number[low].predicate);
}

static int on_literal(unsigned literal, unsigned long long begin, unsigned long long end,
                      unsigned flags, void *arg)
{
    struct lane_scan *s = arg;
    const struct literal_map *map = s->want->literal;
    (void)begin;
    (void)end;
    (void)flags;
    for (uint32_t i = map->first[literal]; i < map->first[literal + 1]; i++) {
        uint32_t q = map->target[i] >> 1;
        if (is_new(s, q) && (!(map->target[i] & 1) || matches(s, q)))
            *vec_push(&s->hit) = q;
    }
    return 0;
}

/* Eight bytes at a time; of each byte the high bit says whether it is a capital. */
static uint64_t fold_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t low = w & (0x7f * ones);
    uint64_t from_a = low + (0x80 - 'A') * ones, past_z = low + (0x7f - 'Z') * ones;
    return w | ((from_a & ~past_z & ~w & (0x80 * ones)) >> 2);
}

static void fold(struct lane_scan *s, str text)
{
    if (s->folded_room < text.n + 8) {
        s->folded_room = size_add(text.n + 8, text.n / 2);
        s->folded = mem_resize(s->folded, s->folded_room);
    }
    char *out = s->folded;
    size_t i = 0;
    for (; i + 8 <= text.n; i += 8) {
        uint64_t w = fold_word(hash_load64(text.p + i));
        memcpy(out + i, &w, 8);
    }
    for (; i < text.n; i++)
        out[i] = ascii_lower(text.p[i]);
    s->low = (str){out, text.n};
}

static void ask_literals(struct lane_scan *s)
{
    const struct lane *lane = s->want->lane;
    for (uint32_t i = 0; i < lane->byte_count; i++)
        if (s->low.n && is_relevant(s->want->relevant, lane->byte[i].predicate) &&
            memchr(s->low.p, lane->byte[i].byte, s->low.n))
            check(s, lane->byte[i].predicate);
    if (s->want->literal->db)
        literal_scan(s->want->literal->db, &s->scratch, s->low, on_literal, s);
}

void lane_ask(struct lane_scan *s, const struct lane_want *want, str text, enum value_kind kind)
{
    const struct lane *lane = want->lane;
    s->hit.n = 0;
    s->want = want;
    s->text = text;
    s->kind = kind;
    if (++s->generation == 0) {
        memset(s->seen, 0, s->program->predicate_count * sizeof *s->seen);
        s->generation = 1;
    }
    for (uint32_t i = 0; i < lane->other_count && (want->parts & LANE_OTHER); i++)
        check(s, lane->other[i]);
    if (kind == VALUE_NULL)
        return;
    if (want->parts & (LANE_KEYS | LANE_LITERALS))
        fold(s, text);
    if (lane->slot_mask && (want->parts & LANE_KEYS))
        ask_keys(s, lane);
    if (lane->number_count && (want->parts & LANE_NUMBERS))
        ask_numbers(s, lane);
    if (want->parts & LANE_LITERALS)
        ask_literals(s);
}
