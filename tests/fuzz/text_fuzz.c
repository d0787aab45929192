/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, shown to a person, are printable UTF-8 that fits; put into a page, they are text. */
#include "codec/utf.h"
#include "report/html.h"
#include "report/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void check_printable(str s)
{
    while (s.n) {
        size_t n;
        bool ok;
        uint32_t c = utf8_next(s, &n, &ok);
        require(ok && !text_misleads(c));
        s = str_from(s, n);
    }
}

/* Every '&' begins one of the five references, and nothing ends an element or an attribute. */
static void check_markup(str s)
{
    static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < s.n; i++) {
        bool known = s.p[i] != '&';
        for (size_t k = 0; k < COUNT(references) && !known; k++)
            known = str_starts(str_from(s, i), str_z(references[k]));
        require(known && !strchr("<>\"'", s.p[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t max = data[0], room = 0;
    str s = {(const char *)data + 1, size - 1};
    char *shown = NULL;
    FILE *to = open_memstream(&shown, &room);
    size_t columns = print_text(to, s, max);
    fclose(to);
    require(max == 0 || columns <= max);
    check_printable((str){shown, room});
    free(shown);

    struct sbuf page;
    sbuf_init(&page, 1 << 24);
    html_text(&page, s, max);
    check_markup(sbuf_str(&page));
    sbuf_done(&page);
    return 0;
}
