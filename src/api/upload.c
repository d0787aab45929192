/* SPDX-License-Identifier: Apache-2.0 */
#include "api/upload.h"

#include "codec/hex.h"

void body_digest_done(struct body_digest *d)
{
    sbuf_done(&d->part);
}

static void close_block(struct body_digest *d)
{
    struct sbuf both = {.cap = SHA256_SIZE + UPLOAD_BLOCK};
    if (d->blocks)
        sbuf_add(&both, (str){(const char *)d->chain, SHA256_SIZE});
    sbuf_add(&both, sbuf_str(&d->part));
    crypto_sha256(sbuf_str(&both), d->chain);
    sbuf_done(&both);
    sbuf_clear(&d->part);
    d->blocks++;
}

size_t body_digest_add(struct body_digest *d, str bytes)
{
    d->part.cap = UPLOAD_BLOCK;
    size_t n = UPLOAD_BLOCK - d->part.n;
    n = n < bytes.n ? n : bytes.n;
    sbuf_add(&d->part, str_head(bytes, n));
    if (d->part.n == UPLOAD_BLOCK)
        close_block(d);
    return n;
}

void body_digest_end(struct body_digest *d)
{
    if (d->part.n || d->blocks == 0)
        close_block(d);
}

void upload_mark_write(const struct upload_mark *m, struct sbuf *out)
{
    char hex[2 * SHA256_SIZE];
    const uint64_t number[] = {m->batches, m->accepted, m->rejected, m->bytes, m->findings,
                               m->alerts,  m->repeats,  m->blocks,   m->late};
    sbuf_addz(out, m->finished ? "done2" : "part2");
    for (size_t i = 0; i < COUNT(number); i++)
        sbuf_addf(out, " %llu", (unsigned long long)number[i]);
    sbuf_addc(out, ' ');
    sbuf_add(out, (str){hex, hex_encode((str){(const char *)m->chain, SHA256_SIZE}, hex)});
}

bool upload_mark_read(str text, struct upload_mark *m)
{
    str word = str_cut(&text, ' ');
    uint64_t *const number[] = {&m->batches, &m->accepted, &m->rejected, &m->bytes, &m->findings,
                                &m->alerts,  &m->repeats,  &m->blocks,   &m->late};
    bool old = str_eq(word, STR("done")) || str_eq(word, STR("part")); /* without `late` */
    m->finished = str_eq(word, STR("done")) || str_eq(word, STR("done2"));
    m->late = 0;
    if (!m->finished && !old && !str_eq(word, STR("part2")))
        return false;
    for (size_t i = 0; i < COUNT(number) - old; i++)
        if (!str_to_u64(str_cut(&text, ' '), number[i]))
            return false;
    return text.n == sizeof m->chain * 2 && hex_decode(text, (char *)m->chain);
}
