/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

enum { NAME_MAX_BYTES = 64 };

/* Edits between two names (Levenshtein), letters' case ignored. */
static unsigned distance_of(str a, str b)
{
    unsigned row[NAME_MAX_BYTES + 1];
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned same = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
            unsigned less = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = same < less ? same : less;
        }
    }
    return row[b.n];
}

struct nearest nearest_to(str name)
{
    return (struct nearest){.name = name, .distance = (unsigned)(name.n / 3 + 2)};
}

void nearest_try(struct nearest *n, str candidate)
{
    if (n->name.n == 0 || n->name.n > NAME_MAX_BYTES || candidate.n > NAME_MAX_BYTES)
        return;
    unsigned d = distance_of(n->name, candidate);
    if (d >= n->distance || d >= candidate.n)
        return;
    n->best = candidate;
    n->distance = d;
    n->found = true;
}
