/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/entity.h"

#include <stddef.h>

const char *entity_of(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;"; /* HTML 4 does not know &apos; */
    default:
        return NULL;
    }
}
