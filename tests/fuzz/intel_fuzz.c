/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused or read as a feed within its limit, and what is counted adds
 * up; any bytes offered as one indicator are refused or found again, under a canonical
 * form that is its own. */
#include "intel/feed_int.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SET_BYTES = 1 << 20 };

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void try_value(str value)
{
    static struct intel_key key, again;
    char buf[INTEL_TEXT_MAX], text[INTEL_VALUE_MAX];
    if (!intel_key_parse(value, INTEL_KIND_COUNT, &key))
        return;
    str s = intel_key_text(key.kind, (str){key.byte, key.n}, buf);
    must(s.n <= sizeof text);
    memcpy(text, s.p, s.n);
    must(intel_key_parse((str){text, s.n}, INTEL_KIND_COUNT, &again));
    must(again.kind == key.kind && again.n == key.n && memcmp(again.byte, key.byte, key.n) == 0);

    struct intel_options options = {.max_bytes = SET_BYTES};
    struct intel_set *set = intel_set_new(&options);
    struct indicator it, item = {.kind = INTEL_KIND_COUNT, .value = value};
    bool added = intel_set_add(set, &item, false, NULL) == ST_OK;
    intel_set_freeze(set);
    must(intel_find(set, value, &it, NULL) == added);
    must(intel_find(set, (str){text, s.n}, &it, NULL) == added);
    must(!added || (it.kind == key.kind && str_eq(it.value, (str){text, s.n})));
    intel_set_free(set);
}

static void try_feed(str text, bool allow)
{
    struct intel_options options = {.max_bytes = SET_BYTES};
    struct intel_set *set = intel_set_new(&options);
    struct intel_feed f = {.set = set, .path = STR("f"), .source = STR("f"), .allow = allow};
    struct error err = {.text = ""};
    status st = intel_feed_read(&f, text, &err);
    must(st == ST_OK || err.text[0]);
    intel_set_freeze(set);
    struct intel_stats s = intel_set_stats(set);
    must(s.bytes <= SET_BYTES);
    must(allow ? s.indicators == 0 : s.allowed == 0);
    must(intel_set_problem_count(set) <= INTEL_PROBLEMS_A_FILE);
    struct indicator it;
    must(!intel_find(set, str_head(text, 300), &it, NULL) || !allow);
    intel_set_free(set);
}

static void ignore(void *arg, str candidate)
{
    must(candidate.n > 0);
    *(unsigned *)arg += 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str rest = {(const char *)data + 1, size - 1};
    unsigned found = 0;
    if (data[0] % 4 == 0)
        try_value(rest);
    else
        try_feed(rest, data[0] % 4 == 1);
    must(intel_scan(rest, false, ignore, &found));
    must(found <= INTEL_SCAN_FOUND_MAX);
    found = 0;
    (void)intel_scan(rest, true, ignore, &found); /* whether it was enough does not matter */
    must(found <= INTEL_SCAN_FOUND_MAX);
    return 0;
}
