/* SPDX-License-Identifier: Apache-2.0 */
/* "name=value,name=value" by a kind's table. */
#include "base/nearest.h"
#include "ml/model_int.h"

#include <math.h>

static size_t option_find(const struct model_ops *ops, str name)
{
    size_t i = 0;
    while (i < ops->options && !str_ieq(name, str_z(ops->option[i].name)))
        i++;
    return i;
}

static status unknown(const struct model_ops *ops, str name, struct error *err)
{
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < ops->options; i++)
        nearest_try(&near, str_z(ops->option[i].name));
    if (near.found)
        return fail(err, ST_INVALID, "no option '" STR_FMT "'; did you mean '" STR_FMT "'?",
                    STR_ARG(str_head(name, 64)), STR_ARG(near.best));
    return fail(err, ST_INVALID, "this kind has no option '" STR_FMT "'",
                STR_ARG(str_head(name, 64)));
}

static status set(const struct model_option *o, size_t i, str value, struct options *out,
                  struct error *err)
{
    out->given[i] = true;
    out->text[i] = value;
    if (o->least == o->most)
        return ST_OK;
    double v;
    if (!str_to_f64(value, &v) || !(v >= o->least && v <= o->most) || (o->whole && v != floor(v)))
        return fail(err, ST_INVALID, "option %s: '" STR_FMT "' is no %snumber from %g to %g",
                    o->name, STR_ARG(str_head(value, 64)), o->whole ? "whole " : "", o->least,
                    o->most);
    out->number[i] = v;
    return ST_OK;
}

status options_parse(const struct model_ops *ops, const char *text, struct options *out,
                     struct error *err)
{
    str left = str_z(text);
    *out = (struct options){0};
    for (size_t i = 0; i < ops->options; i++)
        out->number[i] = ops->option[i].otherwise;
    while (left.n) {
        str value = str_trim(str_cut(&left, ','));
        str name = str_trim(str_cut(&value, '='));
        if (name.n == 0 && !value.p)
            continue;
        size_t i = option_find(ops, name);
        if (i == ops->options)
            return unknown(ops, name, err);
        if (!value.p)
            return fail(err, ST_INVALID, "option %s has no value", ops->option[i].name);
        status st = set(&ops->option[i], i, str_trim(value), out, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}
