/* SPDX-License-Identifier: Apache-2.0 */
/* A condition that is accepted, written out with every bracket, means the same when it is read
 * again; one that is refused says why. */
#include "base/sbuf.h"
#include "codec/yaml.h"
#include "rule/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a1", "a2", "b", "not_c"};

static uint32_t name_node(struct image *im, uint32_t i)
{
    uint32_t node = image_node(im, NODE_TEST, 1, str_z(names[i]));
    if (node == ROW_NONE)
        abort();
    im->node.at[node].test = i;
    return node;
}

static bool find_name(void *arg, str name, uint32_t *node)
{
    struct rule_read *r = arg;
    for (uint32_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, str_z(names[i]))) {
            *node = name_node(r->image, i);
            return true;
        }
    return read_refuse(r, NULL, "no such name");
}

static bool find_pattern(void *arg, str pattern, void (*add)(void *to, uint32_t node), void *to)
{
    struct rule_read *r = arg;
    bool them = str_eq(pattern, STR("them"));
    for (uint32_t i = 0; i < COUNT(names); i++)
        if (them || names[i][0] == pattern.p[0])
            add(to, name_node(r->image, i));
    return them || pattern.p[0] == 'a' || pattern.p[0] == 'b' || pattern.p[0] == 'n' ||
           read_refuse(r, NULL, "no such name");
}

/* A row of one is that one. */
static void write_out(const struct image *im, uint32_t node, struct sbuf *out)
{
    const struct node_row *row = &im->node.at[node];
    const char *between = row->kind == NODE_AND ? " and " : " or ";
    if (row->kind == NODE_TEST) {
        sbuf_addz(out, names[row->test]);
        return;
    }
    bool brackets = row->kind == NODE_NOT || row->child.count > 1;
    if (row->child.count == 0)
        abort();
    sbuf_addz(out, row->kind == NODE_NOT ? "(not " : brackets ? "(" : "");
    for (uint32_t i = 0; i < row->child.count; i++) {
        sbuf_addz(out, i ? between : "");
        write_out(im, im->child.at[row->child.first + i], out);
    }
    sbuf_addz(out, brackets ? ")" : "");
}

/* False, with `out` empty, when `text` is refused. */
static bool once(str text, char why[static 200], struct sbuf *out)
{
    struct image im;
    struct rule_read r = {.image = &im, .line = 1};
    struct condition_names meaning = {find_name, find_pattern, &r};
    struct yaml_node at = {.kind = YAML_SCALAR, .line = 1, .text = text};
    uint32_t root;
    image_init(&im, 256 << 20);
    bool ok = condition_parse(&r, &at, text, &meaning, &root);
    if (ok)
        write_out(&im, root, out);
    memcpy(why, r.why, sizeof r.why);
    image_done(&im);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf first, second;
    char why[200];
    sbuf_init(&first, 1 << 20);
    sbuf_init(&second, 1 << 20);
    if (!once((str){(const char *)data, size}, why, &first)) {
        if (why[0] == '\0')
            abort();
    } else if (!first.full) {
        /* All its brackets may make it too deep, or all its names too long. */
        bool ok = once(sbuf_str(&first), why, &second);
        if (ok ? !str_eq(sbuf_str(&first), sbuf_str(&second))
               : !strstr(why, "deeper") && !strstr(why, "words"))
            abort();
    }
    sbuf_done(&first);
    sbuf_done(&second);
    return 0;
}
