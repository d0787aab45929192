# SPDX-License-Identifier: Apache-2.0
# BehaviorGuard.  `make help` lists the targets.
#
# One archive and one program per flavour, all under build/<flavour>/; the
# release program is also build/bguard.  Flavours differ only in flags_<flavour>.

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= $(firstword $(notdir $(shell for c in clang-14 clang-19 clang; do command -v $$c; done; true)) clang)

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --no-builtin-rules -j$(shell nproc)
endif

PKG_CONFIG := PKG_CONFIG_PATH='$(CURDIR)/.deps/lib/pkgconfig:$(PKG_CONFIG_PATH)' pkg-config
LIBRARIES := yaml-0.1 libpcre2-8 libhs libzstd liblzma zlib yyjson libuv libllhttp libcurl \
             'openssl >= 3.5' sqlite3 libpq yara libsystemd
PKG_OK    := $(shell $(PKG_CONFIG) --exists $(LIBRARIES) 2>/dev/null && echo yes)
PKG_FLAGS := $(addprefix -isystem ,$(wildcard $(CURDIR)/.deps/include)) $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(LIBRARIES) 2>/dev/null))
# A program loads the libraries it uses; the many that curl brings take time.
# wslay's package has no .pc file.
LDLIBS    := -Wl,--as-needed $(shell $(PKG_CONFIG) --libs $(LIBRARIES) 2>/dev/null) -lwslay -pthread -lm -Wl,--no-as-needed
# Our own OpenSSL must be the only one in the process, also for libcurl and
# libpq.  So it is found for them too (old tags: an RPATH goes for what a library
# loads, a RUNPATH does not), and both halves are loaded always: with libcrypto
# alone, the system's older libssl would come in beside it.
ifneq ($(wildcard .deps/lib/libssl.so),)
LDLIBS    += -Wl,--disable-new-dtags,-rpath,$(CURDIR)/.deps/lib -lssl -lcrypto
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla -Wcast-qual -Wwrite-strings -Werror
CPPFLAGS := -Isrc -I. -D_GNU_SOURCE $(PKG_FLAGS)
CFLAGS   := -std=c17 -g -fno-omit-frame-pointer -pthread $(WARNINGS)

# No -DNDEBUG anywhere: asserts catch our own mistakes in production too.
cc_release    = $(CC)
flags_release = -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
cc_debug      = $(CC)
flags_debug   = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
cc_tsan       = $(CC)
flags_tsan    = -O1 -fsanitize=thread
cc_fuzz       = $(CLANG)
flags_fuzz    = -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

SOURCES := $(sort $(wildcard src/*/*.c))
C_FILES := $(SOURCES) $(wildcard src/*/*.h cmd/*/*.c tests/*.h tests/*/*.c tests/*/*.h)
only    := $(if $(filter fuzz,$(MAKECMDGOALS)),$(F),$(T))
pick     = $(if $(only),$(foreach f,$1,$(if $(findstring $(only),$f),$f)),$1)
UNITS   := $(call pick,$(basename $(notdir $(sort $(wildcard tests/unit/*_test.c)))))
FUZZERS := $(call pick,$(basename $(notdir $(sort $(wildcard tests/fuzz/*_fuzz.c)))))
BENCHES := $(call pick,$(basename $(notdir $(sort $(wildcard tests/bench/*_bench.c)))))
CLIS    := $(call pick,$(notdir $(wildcard tests/cli/*.sh)))
TSANS   := $(call pick,$(if $(wildcard tests/tsan.txt),$(shell grep -v '^\#' tests/tsan.txt),$(UNITS)))

all: build/bguard compile_commands.json ## build build/bguard (the default)
build/bguard: build/release/bguard
	@cp -f $< $@

# $(call stamp,file,text): a file whose time changes only when its text does.
stamp = mkdir -p $(dir $1) && printf '%s\n' '$2' | cmp -s - $1 || printf '%s\n' '$2' >$1

define flavour
build/$1/flags: force
	@$(if $(PKG_OK),,echo 'libraries are missing; run scripts/setup' >&2; exit 1;) \
	$$(call stamp,$$@,$$(cc_$1) $$(CPPFLAGS) $$(CFLAGS) $$(flags_$1))

build/$1/sources: force
	@$$(call stamp,$$@,$(SOURCES))
build/$1/obj/%.o: %.c build/$1/flags
	@mkdir -p $$(@D)
	$$(call say,$1,$$@)$$(cc_$1) $$(CPPFLAGS) $$(CFLAGS) $$(flags_$1) $$(extra) -MMD -MP -c $$< -o $$@
build/$1/obj/tests/%.o: extra = -Wno-unused-parameter

build/$1/libbguard.a: $(SOURCES:%.c=build/$1/obj/%.o) build/$1/sources
	@rm -f $$@
	@ar rcs $$@ $$(filter %.o,$$^)

link_$1 = $$(call say,$1,$$@)mkdir -p $$(@D) && $$(cc_$1) $$(flags_$1) $$(link_flags) -pthread \
	$$(filter %.o,$$^) build/$1/libbguard.a $$(LDLIBS) $$(LDFLAGS) $$(link_libs) -o $$@

build/$1/bguard: build/$1/obj/cmd/bguard/main.o build/$1/libbguard.a
	$$(link_$1)
build/$1/test/%: build/$1/obj/tests/unit/%.o build/$1/libbguard.a
	$$(link_$1)
build/$1/test/%: link_libs = -lcmocka
build/$1/test/load_test: build/$1/obj/tests/load/hist.o build/$1/obj/tests/load/ids.o
build/$1/replay/%: build/$1/obj/tests/fuzz/%.o build/$1/obj/tests/fuzz/replay_main.o build/$1/libbguard.a
	$$(link_$1)
build/$1/fuzz/%: build/$1/obj/tests/fuzz/%.o build/$1/libbguard.a
	$$(link_$1)
build/$1/fuzz/%: link_flags = -fsanitize=fuzzer
build/$1/bench/%: build/$1/obj/tests/bench/%.o build/$1/libbguard.a
	$$(link_$1)
build/$1/load/bgload: $(patsubst %.c,build/$1/obj/%.o,$(wildcard tests/load/*.c)) build/$1/libbguard.a
	$$(link_$1)
endef
say = @$(if $(V),set -x; ,echo '  $1 $(patsubst build/$1/%,%,$2)'; )
$(foreach f,release debug tsan fuzz,$(eval $(call flavour,$f)))

run: ## install what is missing, build, and start the service with a sample feed
	@scripts/setup
	@$(MAKE) --no-print-directory all
	@scripts/run $(if $(ONCE),--once)

test: ## every test under ASan and UBSan; T=rule for those with "rule" in their name
	@scripts/setup --test
	@$(MAKE) --no-print-directory $(if $(CLIS),all build/release/load/bgload) $(UNITS:%=build/debug/test/%) $(FUZZERS:%=build/debug/replay/%)
	@scripts/run-tests $(if $(T),--only '$(T)') build/debug

dev: ## the program with sanitizers, as build/debug/bguard
	@scripts/setup
	@$(MAKE) --no-print-directory build/debug/bguard compile_commands.json

prod: ## the optimised program, without debug information, as build/prod/bguard
	@scripts/setup
	@$(MAKE) --no-print-directory build/bguard
	@mkdir -p build/prod && strip -o build/prod/bguard build/bguard && ls -l build/prod/bguard

tsan: ## the tests of threaded code (tests/tsan.txt, or all) under TSan
	@scripts/setup --test
	@$(MAKE) --no-print-directory $(TSANS:%=build/tsan/test/%)
	@scripts/run-tests $(if $(T),--only '$(T)') build/tsan

fuzz: $(FUZZERS:%=build/fuzz/fuzz/%) ## every fuzz target for T=60 seconds each; F=json for some of them
	@scripts/run-fuzz '$(or $(T),60)' $(FUZZERS)

bench: $(BENCHES:%=build/release/bench/%) build/bguard $(if $(filter serve,$T),build/release/load/bgload) ## measure; T=rule for some of them, T=serve BIG=FILE for the service
	@set -e; for b in $(BENCHES); do echo "== $$b"; build/release/bench/$$b; done
	@$(if $(filter serve,$T),tests/bench/serve_bench.py $(BIG:%=--big '%'))
	@$(if $(filter nn_bench,$(BENCHES)),tests/bench/nn_bench.py)

quality: build/bguard ## how good the models are on public data ($$BGUARD_DATA), as a table; T=adfa for some of the sets
	@tests/bench/quality.sh $(T)

lint: compile_commands.json ## layers, headers, banned functions, format, clang-tidy, cppcheck
	@CLANG='$(CLANG)' FLAGS='-std=c17 $(CPPFLAGS) $(WARNINGS)' scripts/lint

fmt: ## format every C file
	clang-format-14 -i $(C_FILES)

fmt-check: ## fail on a C file that is not formatted
	clang-format-14 --dry-run -Werror $(C_FILES)

VERSION = $(shell git describe --tags --always --dirty)
dist: prod ## build/dist/bguard-<version>.tar.gz: program, rules, models, docs
	@mkdir -p build/dist
	@tar -czf build/dist/bguard-$(VERSION).tar.gz --transform 's,^build/prod/,,;s,^,bguard-$(VERSION)/,' \
	    build/prod/bguard $(wildcard LICENSE README.md rules models docs)
	@ls -l build/dist/bguard-$(VERSION).tar.gz

compile_commands.json: build/release/flags build/release/sources
	@{ sep='['; for f in $(SOURCES) $(wildcard cmd/*/*.c tests/*/*.c); do \
	  printf '%s\n{"directory": "%s", "file": "%s", "command": "%s -c %s"}' "$$sep" '$(CURDIR)' "$$f" \
	  '$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-unused-parameter' "$$f"; sep=','; done; printf ']\n'; } >$@

clean: ## remove everything built (.deps/ stays)
	rm -rf build compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

force:
.PHONY: all run test dev prod tsan fuzz bench quality lint fmt fmt-check dist clean help force
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find build -name '*.d' 2>/dev/null)
