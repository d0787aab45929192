/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "base/mem.h"
#include "chart/chart.h"
#include "codec/decompress.h"
#include "codec/png.h"

#include <math.h>

static const double x[] = {0, 0.1, 0.5, 1}, y[] = {0, 0.7, 0.9, 1};
static const struct chart_series roc[] = {
    {.name = "forest", .x = x, .y = y, .low = x, .high = y, .n = 4},
    {.name = "by chance", .x = x, .y = x, .n = 4, .dashed = true, .dots = true},
};
static const struct chart_bar bars[] = {
    {"src_bytes", 0.4, "4.1 MB"}, {"flag", -0.2, NULL}, {"nothing", 0, NULL}};

static struct chart lines(void)
{
    return (struct chart){.title = "Receiver operating characteristic",
                          .subtitle = "22,544 rows",
                          .x_title = "false alarms",
                          .y_title = "found",
                          .series = roc,
                          .series_count = 2};
}

static struct chart of_bars(void)
{
    return (struct chart){.kind = CHART_BARS, .title = "Why?", .bar = bars, .bars = COUNT(bars)};
}

/* ---- PNG, read back ---- */

struct picture {
    unsigned width, height;
    uint8_t *rgb; /* owned */
};

static uint32_t u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t checksum(str s) /* PNG, annex D, without its table */
{
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < s.n; i++) {
        c ^= (unsigned char)s.p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320U ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static struct picture picture_of(str png)
{
    struct picture p = {0};
    struct sbuf lines_of;
    sbuf_init(&lines_of, 256 << 20);
    assert_true(str_starts(png, STR("\x89PNG\r\n\x1a\n")));
    for (str rest = str_from(png, 8); rest.n;) {
        uint32_t n = u32(rest.p);
        str named = str_head(str_from(rest, 4), 4 + n), data = str_from(named, 4);
        assert_int_equal(u32(rest.p + 8 + n), checksum(named));
        if (str_starts(named, STR("IHDR"))) {
            p.width = u32(data.p);
            p.height = u32(data.p + 4);
        } else if (str_starts(named, STR("IDAT"))) {
            struct decompress *d = decompress_open(DECOMPRESS_ZLIB);
            size_t room = (p.width * 3U + 1) * p.height, got;
            assert_int_equal(decompress_run(d, &data, true, sbuf_space(&lines_of, room + 1),
                                            room + 1, &got, NULL),
                             ST_OK);
            assert_int_equal(got, room);
            sbuf_grew(&lines_of, got);
            decompress_close(d);
        }
        rest = str_from(rest, 12 + n);
    }
    size_t row = p.width * 3U;
    p.rgb = mem_zero(row * p.height);
    for (size_t line = 0; line < p.height; line++) {
        const char *from = lines_of.p + line * (row + 1);
        assert_int_equal(*from, 2); /* each is the difference to the one above */
        for (size_t i = 0; i < row; i++)
            p.rgb[line * row + i] =
                (uint8_t)((unsigned char)from[1 + i] + (line ? p.rgb[(line - 1) * row + i] : 0));
    }
    sbuf_done(&lines_of);
    return p;
}

static size_t pixels_like(const struct picture *p, uint32_t rgb)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)p->width * p->height; i++)
        n += p->rgb[3 * i] == rgb >> 16 && p->rgb[3 * i + 1] == (rgb >> 8 & 255) &&
             p->rgb[3 * i + 2] == (rgb & 255);
    return n;
}

static struct picture png_of(const struct chart *c)
{
    struct sbuf b;
    sbuf_init(&b, CHART_BYTES_MAX);
    chart_png(c, &b);
    assert_false(b.full);
    struct picture p = picture_of(sbuf_str(&b));
    sbuf_done(&b);
    return p;
}

static void writes_pixels_as_they_are(void **state)
{
    (void)state;
    const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 9, 9, 9, 255, 255, 255};
    struct sbuf b;
    sbuf_init(&b, 1 << 20);
    png_write(rgb, 3, 2, &b);
    struct picture p = picture_of(sbuf_str(&b));
    assert_int_equal(p.width, 3);
    assert_int_equal(p.height, 2);
    assert_memory_equal(p.rgb, rgb, sizeof rgb);
    mem_free(p.rgb);
    sbuf_done(&b);
}

static void paints_lines_on_white(void **state)
{
    (void)state;
    struct chart c = lines();
    struct picture p = png_of(&c);
    assert_int_equal(p.width, 1280);
    assert_int_equal(p.height, 800);
    assert_true(pixels_like(&p, 0xffffff) > 700000);
    assert_true(pixels_like(&p, 0x1f66c7) >
                2000); /* the first series, some 1,000 long and 4 wide */
    assert_true(pixels_like(&p, 0xd9580d) > 1000); /* the second, in dashes */
    assert_true(pixels_like(&p, 0x1a1d21) > 500);  /* the title's letters */
    mem_free(p.rgb);
}

static void bars_are_as_long_as_their_values(void **state)
{
    (void)state;
    struct chart c = of_bars();
    struct picture p = png_of(&c);
    size_t plus = 0, minus = 0;
    for (size_t i = 0; i < (size_t)p.width * p.height; i++) { /* blue and orange at nine tenths */
        const uint8_t *q = p.rgb + 3 * i;
        plus += q[0] == 53 && q[2] > 180;
        minus += q[0] > 200 && q[2] < 60;
    }
    assert_true(plus > 1000 && minus > 500);
    assert_true(fabs((double)plus / (double)minus - 2) < 0.2);
    mem_free(p.rgb);
}

/* ---- SVG ---- */

static void escapes_what_it_is_given(void **state)
{
    (void)state;
    static const struct chart_bar odd[] = {{"</text><script>\"'&\xff\x01", 1, "<b>"}};
    struct chart c = {.kind = CHART_BARS, .title = "<script>", .bar = odd, .bars = 1};
    struct sbuf b;
    sbuf_init(&b, CHART_BYTES_MAX);
    chart_svg(&c, &b);
    assert_false(str_contains(sbuf_str(&b), STR("<script")));
    assert_false(str_contains(sbuf_str(&b), STR("<b>")));
    assert_true(str_contains(sbuf_str(&b), STR("&lt;script&gt;&quot;&#39;&amp;\xef\xbf\xbd ")));
    sbuf_done(&b);
}

static void svg_is_whole_and_knows_the_dark(void **state)
{
    (void)state;
    struct chart c = lines();
    struct sbuf b;
    sbuf_init(&b, CHART_BYTES_MAX);
    chart_svg(&c, &b);
    str s = sbuf_str(&b);
    assert_true(str_starts(s, STR("<svg xmlns=\"http://www.w3.org/2000/svg\"")));
    assert_true(str_ends(s, STR("</svg>\n</svg>\n")) || str_ends(s, STR("</svg>\n")));
    assert_true(str_contains(s, STR("prefers-color-scheme:dark")));
    assert_true(str_contains(s, STR("stroke-dasharray")));
    assert_true(str_contains(s, STR(">by chance</text>")));
    assert_false(str_contains(s, STR("nan")));
    sbuf_done(&b);
}

/* ---- numbers of any kind ---- */

static void draws_whatever_numbers_it_gets(void **state)
{
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 0, 1e-308, -5};
    double many[CHART_POINTS_MAX + 10];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = odd[i % 8];
    struct chart_series s[CHART_SERIES_MAX + 2];
    struct chart_bar bar[CHART_BARS_MAX + 2];
    for (size_t i = 0; i < COUNT(s); i++)
        s[i] =
            (struct chart_series){.name = "", .x = many, .y = many, .n = i % 2 ? 8 : COUNT(many)};
    for (size_t i = 0; i < COUNT(bar); i++)
        bar[i] = (struct chart_bar){"b", odd[i % 8], NULL};
    struct sbuf b;
    sbuf_init(&b, CHART_BYTES_MAX);
    for (unsigned k = 0; k < 24; k++) {
        struct chart c = {.kind = (enum chart_kind)(k % 3),
                          .series = s,
                          .series_count = k < 3 ? COUNT(s) : 2,
                          .bar = bar,
                          .bars = COUNT(bar),
                          .x_log = k & 1,
                          .y_log = k & 2,
                          .x_time = k & 4,
                          .width = k & 8 ? 1 : 300,
                          .height = k & 8 ? 1 : 200};
        sbuf_clear(&b);
        chart_svg(&c, &b);
        chart_png(&c, &b);
        chart_text(&c, k, k & 1, &b);
        assert_false(b.full);
    }
    struct chart empty = {0};
    chart_svg(&empty, &b);
    chart_png(&empty, &b);
    sbuf_done(&b);
    sbuf_init(&b, 100); /* and says so where there is no room */
    chart_svg(&empty, &b);
    assert_true(b.full);
    sbuf_done(&b);
}

static void numbers_its_axes_as_people_do(void **state)
{
    (void)state;
    static const struct {
        double min, max;
        bool log, time;
        const char *wanted[3];
    } cases[] = {
        {0, 1, false, false, {">0.2<", ">0.4<", ">1<"}},
        {0, 48000, false, false, {">0<", ">10,000<", ">40,000<"}},
        {0.001, 1, true, false, {">0.001<", ">0.1<", ">1<"}},
        {0, 5e6, false, false, {">1 M<", ">2 M<", ">5 M<"}},
        {1.7e12, 1.7e12 + 3600e3, false, true, {">22:15<", ">22:30<", ">23:00<"}},
        {1.7e12, 1.7e12 + 30 * 86400e3, false, true, {">16 Nov<", ">7 Dec<", ">30 Nov<"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chart c = {.series = roc,
                          .series_count = 1,
                          .x_min = cases[i].min,
                          .x_max = cases[i].max,
                          .x_log = cases[i].log,
                          .x_time = cases[i].time};
        struct sbuf b;
        sbuf_init(&b, CHART_BYTES_MAX);
        chart_svg(&c, &b);
        for (size_t k = 0; k < 3; k++)
            if (!str_contains(sbuf_str(&b), str_z(cases[i].wanted[k])))
                fail_msg("case %zu has no %s", i, cases[i].wanted[k]);
        sbuf_done(&b);
    }
}

/* ---- text ---- */

static void draws_bars_of_characters(void **state)
{
    (void)state;
    struct chart c = of_bars();
    struct sbuf b;
    sbuf_init(&b, 1 << 16);
    chart_text(&c, 38, false, &b);
    assert_string_equal(b.p, "src_bytes        ############## 4.1 MB\n"
                             "flag      #######                 -0.2\n"
                             "nothing                              0\n");
    sbuf_clear(&b);
    chart_text(&c, 38, true, &b);
    assert_true(str_contains(sbuf_str(&b), STR("█████")));
    sbuf_done(&b);
}

static void lets_no_name_move_the_cursor(void **state)
{
    (void)state;
    static const struct chart_bar odd[] = {{"a\x1b[2J\n", 1, NULL}, {"\xe2\x80\xae", 1, NULL}};
    struct chart c = {.kind = CHART_BARS, .bar = odd, .bars = 2};
    struct sbuf b;
    sbuf_init(&b, 1 << 16);
    chart_text(&c, 40, true, &b);
    assert_false(str_contains(sbuf_str(&b), STR("\x1b")));
    assert_false(str_contains(sbuf_str(&b), STR("\xe2\x80\xae")));
    sbuf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_pixels_as_they_are),
        cmocka_unit_test(paints_lines_on_white),
        cmocka_unit_test(bars_are_as_long_as_their_values),
        cmocka_unit_test(escapes_what_it_is_given),
        cmocka_unit_test(svg_is_whole_and_knows_the_dark),
        cmocka_unit_test(draws_whatever_numbers_it_gets),
        cmocka_unit_test(numbers_its_axes_as_people_do),
        cmocka_unit_test(draws_bars_of_characters),
        cmocka_unit_test(lets_no_name_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
