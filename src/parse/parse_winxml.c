/* SPDX-License-Identifier: Apache-2.0 */
/* Windows events as XML, one <Event> a record (schema: "Event Schema" of the Windows SDK):
 *
 *     <Event xmlns="…">
 *       <System><Provider Name="…" Guid="…"/><EventID>1</EventID>…</System>
 *       <EventData><Data Name="Image">C:\…</Data>…</EventData>    or
 *       <UserData><EventXML xmlns="…"><Param1>…</Param1></EventXML></UserData>
 *       <RenderingInfo Culture="en-US"><Message>…</Message>…</RenderingInfo>
 *     </Event>
 *
 * Elements of System go by their name, their attributes by Element_Attribute; data by its Name, or
 * by the name of the innermost element where it has none.  winjson gives the same names. */
#include "codec/time.h"
#include "parse/line.h"
#include "parse/parse_web.h"
#include "parse/winxml.h"

enum { SECTION_DEPTH = 2, NAME_TEXT_MAX = 80 };

static void add(struct parse *p, struct winxml *w, str name, str value)
{
    bool sysmon = p->event->family == FAMILY_LINUX;
    enum family family = sysmon ? FAMILY_LINUX : FAMILY_WINDOWS;
    field_id id = names_find(sysmon ? &w->linux_sysmon : &w->windows, p->dict, family, name);
    parse_add(p, id, value);
    if (id == FIELD_PROCESS_HASHES)
        parse_add_hashes(p, value);
}

static str decoded(struct parse *p, str raw)
{
    if (raw.n == 0 || !memchr(raw.p, '&', raw.n))
        return raw;
    char *out = arena_bytes(&p->batch->arena, raw.n);
    return out ? (str){out, xml_unescape(raw, out)} : raw;
}

/* Text may come in pieces: before and after a comment, and out of CDATA. */
static void add_text(struct parse *p, struct winxml_element *e, const struct xml *x)
{
    str text = x->verbatim ? x->text : decoded(p, x->text);
    if (e->has_child)
        return;
    if (e->text.n == 0) {
        e->text = text;
        return;
    }
    str both = arena_fmt(&p->batch->arena, STR_FMT STR_FMT, STR_ARG(e->text), STR_ARG(text));
    if (both.p)
        e->text = both;
}

/* ---- System ---- */

static str joined(char out[static NAME_TEXT_MAX], str element, str attribute)
{
    element = str_head(element, NAME_TEXT_MAX / 2 - 1);
    attribute = str_head(attribute, NAME_TEXT_MAX / 2);
    memcpy(out, element.p, element.n);
    out[element.n] = '_';
    memcpy(out + element.n + 1, attribute.p, attribute.n);
    return (str){out, element.n + 1 + attribute.n};
}

static void add_system_attribute(struct parse *p, struct winxml *w, str element, str name,
                                 str value)
{
    char text[NAME_TEXT_MAX];
    if (str_eq(element, STR("TimeCreated")) && str_eq(name, STR("SystemTime"))) {
        (void)time_parse_iso(value, &p->event->time_ms); /* else it has none */
        parse_add(p, FIELD_TIMESTAMP, value);
        return;
    }
    if (str_eq(element, STR("Provider")) && str_eq(name, STR("Name"))) {
        w->provider = value;
        if (str_ieq(value, STR("Linux-Sysmon")))
            line_source(p, FAMILY_LINUX, p->event->channel);
    }
    add(p, w, joined(text, element, name), value);
}

static void add_system(struct parse *p, struct winxml *w, str name, str value)
{
    if (value.n == 0)
        return;
    if (str_eq(name, STR("EventID")))
        p->event->code = value = str_trim(value);
    else if (str_eq(name, STR("Channel"))) {
        line_source(p, (enum family)p->event->family, value);
    } else if (str_eq(name, STR("EventRecordID"))) {
        uint64_t record;
        if (p->line == 0 && str_to_u64(value, &record) && record <= UINT32_MAX)
            p->event->origin.record = (uint32_t)record;
    }
    add(p, w, name, value);
}

/* ---- the other sections ---- */

static void add_rendering(struct parse *p, struct winxml *w, str name, str value)
{
    static const struct {
        const char *name, *as;
    } rendered[] = {
        {"Message", "Message"},
        {"Level", "LevelDisplayName"},
        {"Task", "TaskDisplayName"},
        {"Opcode", "OpcodeDisplayName"},
        {"Keyword", "KeywordsDisplayNames"},
    };
    for (size_t i = 0; i < COUNT(rendered) && value.n; i++)
        if (str_eq(name, str_z(rendered[i].name)))
            add(p, w, str_z(rendered[i].as), value);
}

static void open_element(struct parse *p, struct winxml *w, const struct xml *x)
{
    uint32_t depth = x->depth; /* of this element: 1 is Event */
    struct winxml_element *e = &w->open[depth - 1];
    *e = (struct winxml_element){.name = x->name};
    if (depth > 1)
        w->open[depth - 2].has_child = true;
    bool in_system = depth > SECTION_DEPTH && str_eq(w->open[1].name, STR("System"));
    str rest = x->attributes, name, value;
    while (xml_attribute(&rest, &name, &value)) {
        value = decoded(p, value);
        if (in_system && value.n)
            add_system_attribute(p, w, x->name, name, value);
        else if (depth > SECTION_DEPTH && str_eq(name, STR("Name")))
            e->field = value;
        else if (depth == SECTION_DEPTH && str_eq(name, STR("Name")))
            add(p, w, STR("EventData.Name"), value); /* which of a provider's templates it is */
    }
}

static void close_element(struct parse *p, struct winxml *w, uint32_t depth)
{
    const struct winxml_element *e = &w->open[depth]; /* the reader has left it already */
    str section = w->open[1].name;
    if (depth < SECTION_DEPTH || e->has_child)
        return;
    if (str_eq(section, STR("System")))
        add_system(p, w, e->name, e->text);
    else if (str_eq(section, STR("RenderingInfo")))
        add_rendering(p, w, e->name, e->text);
    else
        add(p, w, e->field.n ? e->field : e->name, e->text);
}

bool winxml_record(struct parse *p, str record)
{
    struct winxml *w = p->state;
    struct xml x = xml_of(record);
    parse_begin(p, p->line ? record : (str){record.p, 0});
    line_source(p, FAMILY_WINDOWS, (str){record.p, 0});
    w->open[0] = w->open[1] = (struct winxml_element){.name = {record.p, 0}};
    enum xml_token t;
    while ((t = xml_next(&x)) > XML_ERROR) {
        if (t == XML_OPEN)
            open_element(p, w, &x);
        else if (t == XML_CLOSE)
            close_element(p, w, x.depth);
        else
            add_text(p, &w->open[x.depth - 1], &x);
    }
    if (t == XML_ERROR)
        return parse_refuse(p, "not the XML of an event: %s", x.problem);
    if (p->event->code.n == 0)
        return parse_refuse(p, "an event without an EventID");
    return true;
}

static int winxml_sniff(str head)
{
    head = str_trim(head);
    if (str_starts(head, STR("\xef\xbb\xbf")))
        head = str_trim(str_from(head, 3));
    if (head.n == 0 || head.p[0] != '<' || !str_contains(head, STR("<Event")))
        return 0;
    bool known = str_contains(head, STR("schemas.microsoft.com/win/2004/08/events/event"));
    return known ? 100 : str_contains(head, STR("<System>")) ? 90 : 0;
}

const struct parse_ops parse_winxml = {
    .name = "winxml",
    .sniff = winxml_sniff,
    .record = winxml_record,
    .state_size = sizeof(struct winxml),
};
