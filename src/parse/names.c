/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/names.h"

#include "base/hash.h"

field_id names_find(struct names *names, struct dict *dict, enum family family, str name)
{
    if (name.n == 0 || name.n > NAMES_TEXT_MAX)
        return dict_resolve(dict, family, name);
    struct names_slot *s = &names->slot[hash_bytes(name, 0) % NAMES_SLOTS];
    if (s->n != name.n || memcmp(s->text, name.p, name.n) != 0) {
        s->id = dict_resolve(dict, family, name);
        s->n = (uint8_t)name.n;
        memcpy(s->text, name.p, name.n);
    }
    return s->id;
}
