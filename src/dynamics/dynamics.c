/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "dynamics/dynamics_int.h"

#include <math.h>

enum { MAGIC_BYTES = 8, SUM_BYTES = 8, LIMIT_DEVIATIONS = 2 };

void dynamics_seal(struct sbuf *out, size_t start)
{
    uint64_t sum = hash_bytes(str_from(sbuf_str(out), start), 0);
    put_u32(out, (uint32_t)sum);
    put_u32(out, (uint32_t)(sum >> 32));
}

bool dynamics_unseal(str bytes, const char *magic, struct reader *out)
{
    if (bytes.n < MAGIC_BYTES + SUM_BYTES || !str_starts(bytes, str_z(magic)))
        return false;
    str body = str_head(bytes, bytes.n - SUM_BYTES);
    struct reader end = reader_of(str_from(bytes, body.n));
    uint64_t sum = get_u32(&end);
    sum |= (uint64_t)get_u32(&end) << 32;
    *out = reader_of(str_from(body, MAGIC_BYTES));
    return sum == hash_bytes(body, 0);
}

double dynamics_score(double distance, double usual, double deviation)
{
    double z = (distance - usual) / fmax(deviation, 1e-6) - LIMIT_DEVIATIONS;
    return 1 / (1 + exp(-fmax(fmin(z, 50), -50)));
}

/* From full trust, sure strangers are out after seven scores; what was lost by one takes three good ones to come
 * back, so that who is himself most of the time stays, and who is somebody else most of the time does
 * not. */
double dynamics_trust(struct dynamics_trust *t, double score_01)
{
    static const double down = 0.2, up = 0.067;
    if (!isnan(score_01)) {
        double away = fmax(fmin(score_01, 1), 0) - 0.5;
        t->lost_01 = fmax(fmin(t->lost_01 + away * (away > 0 ? down : up), 1), 0);
        t->seen++;
    }
    return 1 - t->lost_01;
}
