/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that print what the program's tables say. */
#include "base/version.h"
#include "cli/cli_int.h"
#include "cli/help.h"

/* ---- formats ---- */

int cmd_formats(const struct args *a)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 20);
    struct json_out j = json_out_on(&text);
    json_out_array(&j);
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++) {
        enum parse_format f = (enum parse_format)i;
        json_out_object(&j);
        json_out_kv_str(&j, "name", str_z(parse_format_name(f)));
        json_out_kv_str(&j, "doc", str_z(parse_format_doc(f)));
        json_out_object_end(&j);
        if (!args_flag(a, "json"))
            printf("%-12s %s\n", parse_format_name(f), parse_format_doc(f));
    }
    json_out_array_end(&j);
    if (args_flag(a, "json"))
        cli_print_json(&text);
    sbuf_done(&text);
    return 0;
}

/* ---- fields ---- */

static const struct {
    const char *name, *type, *doc;
} fields[] = {
#define X(NAME, name, TYPE, doc) {name, #TYPE, doc},
#include "event/field.def"
};

static const struct {
    enum family family;
    const char *name;
    enum field_known field;
} aliases[] = {
#define X(FAMILY, name, FIELD) {FAMILY_##FAMILY, name, FIELD_##FIELD},
#include "event/alias.def"
};

static void type_name(const char *upper, char out[static 16])
{
    size_t i = 0;
    for (; i < 15 && upper[i]; i++)
        out[i] = ascii_lower(upper[i]);
    out[i] = '\0';
}

static void fields_json(void)
{
    struct sbuf text;
    char type[16];
    sbuf_init(&text, 1 << 20);
    struct json_out j = json_out_on(&text);
    json_out_array(&j);
    for (size_t i = 0; i < COUNT(fields); i++) {
        type_name(fields[i].type, type);
        json_out_object(&j);
        json_out_kv_str(&j, "name", str_z(fields[i].name));
        json_out_kv_str(&j, "type", str_z(type));
        json_out_kv_str(&j, "doc", str_z(fields[i].doc));
        json_out_key(&j, STR("aliases"));
        json_out_array(&j);
        for (size_t k = 0; k < COUNT(aliases); k++) {
            if (aliases[k].field != i)
                continue;
            json_out_object(&j);
            json_out_kv_str(&j, "family", str_z(family_name(aliases[k].family)));
            json_out_kv_str(&j, "name", str_z(aliases[k].name));
            json_out_object_end(&j);
        }
        json_out_array_end(&j);
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    cli_print_json(&text);
}

static void fields_text(void)
{
    char type[16];
    for (size_t i = 0; i < COUNT(fields); i++) {
        const char *before = "\n    ";
        type_name(fields[i].type, type);
        printf("%-32s %-8s %s", fields[i].name, type, fields[i].doc);
        for (size_t k = 0; k < COUNT(aliases); k++)
            if (aliases[k].field == i) {
                printf("%s%s %s", before, family_name(aliases[k].family), aliases[k].name);
                before = ", ";
            }
        putchar('\n');
    }
}

int cmd_fields(const struct args *a)
{
    (args_flag(a, "json") ? fields_json : fields_text)();
    return 0;
}

/* ---- the rest ---- */

int cmd_completion(const struct args *a)
{
    struct error err;
    return help_completion(stdout, a->operand[0], &err) == ST_OK ? 0 : cli_fail(&err);
}

int cmd_man(const struct args *a)
{
    (void)a;
    help_man(stdout);
    return 0;
}

int cmd_version(const struct args *a)
{
    if (args_flag(a, "json"))
        puts("{\"name\":\"bguard\",\"version\":\"" BGUARD_VERSION "\"}");
    else
        puts("bguard " BGUARD_VERSION);
    return 0;
}
