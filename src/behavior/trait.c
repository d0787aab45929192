/* SPDX-License-Identifier: Apache-2.0 */
/* What of an event is remembered: one walk over its fields, one hash a value. */
#include "base/hash.h"
#include "behavior/behavior_int.h"
#include "codec/ip.h"

const struct aspect_info aspect_info[ASPECT_COUNT] = {
#define X(NAME, name, STORY, WEIGHT, words) [ASPECT_##NAME] = {name, STORY_##STORY, WEIGHT, words},
#include "behavior/aspect.def"
};

/* The fields that are looked at, the preferred ones of a kind first. */
enum slot {
    NONE,
    USER_NAME,
    USER_EMAIL,
    USER_TARGET,
    USER_ID,
    HOST_NAME,
    HOST_OBSERVER,
    SOURCE_ADDRESS,
    COUNTRY,
    OUTCOME,
    ACTION,
    PROGRAM_PATH,
    PROGRAM_NAME,
    AGENT,
    LOGON,
    TARGET_ADDRESS,
    TARGET_NAME,
    PORT,
    KEY_ID,
    USER_DOMAIN,
    HOST_ADDRESS,
    BYTES_OUT,
    BYTES_IN,
    HTTP_OUT,
    HTTP_IN,
    SLOT_COUNT
};
static const uint8_t slot_of[FIELD_KNOWN] = {
    [FIELD_USER_NAME] = USER_NAME,
    [FIELD_USER_EMAIL] = USER_EMAIL,
    [FIELD_USER_TARGET_NAME] = USER_TARGET,
    [FIELD_USER_ID] = USER_ID,
    [FIELD_HOST_NAME] = HOST_NAME,
    [FIELD_OBSERVER_NAME] = HOST_OBSERVER,
    [FIELD_SOURCE_IP] = SOURCE_ADDRESS,
    [FIELD_SOURCE_COUNTRY] = COUNTRY,
    [FIELD_EVENT_OUTCOME] = OUTCOME,
    [FIELD_EVENT_ACTION] = ACTION,
    [FIELD_PROCESS_EXECUTABLE] = PROGRAM_PATH,
    [FIELD_PROCESS_NAME] = PROGRAM_NAME,
    [FIELD_USER_AGENT] = AGENT,
    [FIELD_WINLOG_LOGON_TYPE] = LOGON,
    [FIELD_DESTINATION_IP] = TARGET_ADDRESS,
    [FIELD_DESTINATION_DOMAIN] = TARGET_NAME,
    [FIELD_DESTINATION_PORT] = PORT,
    [FIELD_USER_KEY_ID] = KEY_ID,
    [FIELD_USER_DOMAIN] = USER_DOMAIN,
    [FIELD_HOST_IP] = HOST_ADDRESS,
    [FIELD_SOURCE_BYTES] = BYTES_OUT,
    [FIELD_DESTINATION_BYTES] = BYTES_IN,
    [FIELD_HTTP_BYTES] = HTTP_IN,
    [FIELD_HTTP_REQUEST_BYTES] = HTTP_OUT,
};

static const char *const type_name[] = {"user", "host", "source.ip", "service"};

const char *behavior_type_name(enum behavior_type t)
{
    return type_name[t];
}

bool behavior_type_find(str name, enum behavior_type *out)
{
    for (size_t i = 0; i < BEHAVIOR_TYPE_COUNT; i++)
        if (str_eq(name, str_z(type_name[i]))) {
            *out = (enum behavior_type)i;
            return true;
        }
    return false;
}

bool trait_is_self(enum behavior_type t, enum aspect a)
{
    static const uint8_t self[BEHAVIOR_TYPE_COUNT] = {ASPECT_USER, ASPECT_HOST, ASPECT_NETWORK,
                                                      ASPECT_COUNT};
    return self[t] == a || (t == BEHAVIOR_SOURCE && a == ASPECT_COUNTRY);
}

/* "-" is how Windows and web logs write nothing. */
static str meaning(str s)
{
    if (s.n == 1 && *s.p == '-')
        return STR("");
    return s;
}

/* Of the slots from `from` to `to`, the first that says something. */
static str pick(struct event *e, struct field *const *slot, enum slot from, enum slot to)
{
    for (enum slot i = from; i <= to; i++) {
        str s = {0};
        if (slot[i])
            s = meaning(event_text(e, slot[i]));
        if (s.n)
            return s;
    }
    return (str){0};
}

/* The /24 of an IPv4 address is its text up to the last dot; of IPv6 the /48, where sites begin
 * (RFC 6177), or the text if it is none. */
static str network_of(struct event *e, str address)
{
    struct ip ip;
    if (memchr(address.p, ':', address.n) == NULL) {
        size_t n = address.n;
        while (n && address.p[n - 1] != '.')
            n--;
        return str_head(address, n ? n - 1 : address.n);
    }
    if (!ip_parse(address, &ip))
        return address;
    memset(ip.byte + 6, 0, sizeof ip.byte - 6);
    char text[IP_TEXT_MAX];
    size_t n = ip_format(&ip, text);
    return arena_str(e->arena, (str){text, n});
}

static void put(struct traits *f, enum aspect a, str text, uint64_t seed)
{
    if (!text.n)
        return;
    f->at[a] = (struct trait){text, (uint32_t)hash_bytes(text, seed)};
}

/* The number of the event where there is one, else what was done. */
static void put_kind(struct traits *f, struct event *e, str action, uint64_t seed)
{
    str text = e->code.n ? e->code : action.n ? action : str_z(family_name(e->family));
    if (!text.n)
        return;
    uint64_t h = hash_bytes(text, seed ^ e->family);
    f->at[ASPECT_KIND] = (struct trait){text, (uint32_t)hash_bytes(e->channel, h)};
}

static int64_t hour_of(int64_t time_ms)
{
    int64_t hour = time_ms / HOUR_MS - (time_ms % HOUR_MS < 0);
    return hour < -HOUR_ABS_MAX || hour > HOUR_ABS_MAX ? INT64_MIN : hour; /* so is TIME_NONE */
}

/* The account is one that programs use: Kubernetes, Google Cloud and Windows write them so, others by custom. */
static bool is_service(str user)
{
    return str_istarts(user, STR("system:serviceaccount:")) ||
           str_iends(user, STR(".gserviceaccount.com")) || str_istarts(user, STR("NT SERVICE\\")) ||
           str_istarts(user, STR("svc-")) || str_istarts(user, STR("svc_"));
}

static double number(struct event *e, struct field *f)
{
    double v;
    return f && str_to_f64(event_text(e, f), &v) && v > 0 && v < 1e18 ? v : 0;
}

/* Of HTTP only where nothing is said of the connection, which has it in it. */
static double bytes_of(struct event *e, struct field *const *slot)
{
    double sum = number(e, slot[BYTES_OUT]) + number(e, slot[BYTES_IN]);
    return sum > 0 ? sum : number(e, slot[HTTP_OUT]) + number(e, slot[HTTP_IN]);
}

static void put_who(struct event *e, struct field *const *slot, struct traits *f)
{
    f->who[BEHAVIOR_USER] = pick(e, slot, USER_NAME, USER_ID);
    f->who[BEHAVIOR_HOST] = pick(e, slot, HOST_NAME, HOST_OBSERVER);
    f->who[BEHAVIOR_SOURCE] = pick(e, slot, SOURCE_ADDRESS, SOURCE_ADDRESS);
    f->who[BEHAVIOR_SERVICE] = pick(e, slot, KEY_ID, KEY_ID);
    if (str_starts(f->who[BEHAVIOR_SERVICE], STR("ASIA"))) /* of AWS, for one session */
        f->who[BEHAVIOR_SERVICE] = (str){0};
    if (!f->who[BEHAVIOR_SERVICE].n && is_service(f->who[BEHAVIOR_USER]))
        f->who[BEHAVIOR_SERVICE] = f->who[BEHAVIOR_USER];
}

/* What an entity belongs to, where the event says it. */
static void put_of(struct event *e, struct field *const *slot, struct traits *f)
{
    str address = pick(e, slot, HOST_ADDRESS, HOST_ADDRESS);
    f->of[BEHAVIOR_USER] = f->of[BEHAVIOR_SERVICE] = pick(e, slot, USER_DOMAIN, USER_DOMAIN);
    if (address.n)
        f->of[BEHAVIOR_HOST] = network_of(e, address);
    f->of[BEHAVIOR_SOURCE] = f->at[ASPECT_NETWORK].text;
}

void traits_of(struct event *e, uint64_t seed, struct traits *f)
{
    struct field *slot[SLOT_COUNT] = {NULL};
    for (uint32_t i = e->field_count; i-- > 0;) /* backwards: the first of an id stays */
        if (e->field[i].id < FIELD_KNOWN)
            slot[slot_of[e->field[i].id]] = &e->field[i];
    *f = (struct traits){0};
    f->hour = hour_of(e->time_ms);
    put_who(e, slot, f);
    str address = f->who[BEHAVIOR_SOURCE];
    put_kind(f, e, pick(e, slot, ACTION, ACTION), seed);
    str outcome = pick(e, slot, OUTCOME, OUTCOME);
    f->failed = str_eq(outcome, STR("failure"));
    put(f, ASPECT_OUTCOME, outcome, seed);
    put(f, ASPECT_COUNTRY, pick(e, slot, COUNTRY, COUNTRY), seed);
    put(f, ASPECT_NETWORK, address.n ? network_of(e, address) : address, seed);
    put(f, ASPECT_HOST, f->who[BEHAVIOR_HOST], seed);
    put(f, ASPECT_USER, f->who[BEHAVIOR_USER], seed);
    put(f, ASPECT_PROCESS, pick(e, slot, PROGRAM_PATH, PROGRAM_NAME), seed);
    put(f, ASPECT_AGENT, pick(e, slot, AGENT, AGENT), seed);
    put(f, ASPECT_LOGON, pick(e, slot, LOGON, LOGON), seed);
    put(f, ASPECT_TARGET, pick(e, slot, TARGET_ADDRESS, TARGET_NAME), seed);
    put(f, ASPECT_PORT, pick(e, slot, PORT, PORT), seed);
    f->bytes = bytes_of(e, slot);
    put_of(e, slot, f);
}
