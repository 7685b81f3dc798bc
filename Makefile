# shithubd-runner: build, test, run. `make help` lists the targets.
#
# Layout decides what is built: every .c in a room (a folder listed in ROOMS) goes into one static
# library, main.c of runner/ and coordinator/ become the two programs, engine/gate/ and network/probe/
# are static musl binaries of their own, each test_*.c below tests/unit/ is one test program, each
# tests/fuzz/fuzz_*.c one fuzz target.
# V=1 shows whole command lines. SAN=asan builds and tests with AddressSanitizer and UBSan in its own
# build folder, SAN=tsan with ThreadSanitizer, SAN=fuzz builds fuzz targets with libFuzzer beside both (`make fuzz`).

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory
V ?=
comma := ,
Q := $(if $(V),,@)

SAN ?=
B := build$(if $(SAN),-$(SAN))
VERSION := 0.1.0
# What `version` says. Neither depends on the clock, so the same source gives the same bytes.
COMMIT ?= $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
BUILD_DATE = $(if $(SOURCE_DATE_EPOCH),$(shell date -u -d @$(SOURCE_DATE_EPOCH) +%FT%TZ),unknown)
PREFIX ?= /usr/local
DESTDIR ?=

CC := gcc
MUSL_CC := musl-gcc
PKGS := yajl libseccomp libcap libsystemd yaml-0.1 sqlite3 libmicrohttpd gnutls libcrypto zlib md4c
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) $(LATE_PKGS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)
# Loaded at their first call (base/late/late.h), under the file names that the linker would have
# written into the program; LATE_WHOLE=1: with their folders, where the loader would not look.
LATE_PKGS := libcurl libgit2 libpq cjose
LATE_WHOLE ?=
libdir = $(shell pkg-config --variable=libdir $(1) 2>/dev/null)
soname = $(if $(LATE_WHOLE),$(libdir)/)$(shell objdump -p $(libdir)/$(or $(2),$(1)).so 2>/dev/null | sed -n 's/ *SONAME *//p')
LATE_FLAGS := -DLATE_CURL='"$(call soname,libcurl)"' -DLATE_GIT2='"$(call soname,libgit2)"' \
	-DLATE_PQ='"$(call soname,libpq)"' -DLATE_CJOSE='"$(call soname,cjose,libcjose)"'

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
	-Wno-missing-field-initializers -Wno-format-nonliteral
CFLAGS ?= -O2 -g
# Two builds of one source give the same bytes, wherever the tree is.
SAME_BYTES = -ffile-prefix-map=$(CURDIR)=.
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE $(SAME_BYTES) \
	-fno-common -ffunction-sections -fdata-sections $(WARN) -Werror -I. -I$(B)/made $(PKG_CFLAGS) \
	$(LATE_FLAGS) \
	-DPROJECT_VERSION='"$(VERSION)"' $(CFLAGS) $(SAN_CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections $(LDFLAGS) $(SAN_CFLAGS)
ifeq ($(SAN),asan)
SAN_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	-U_FORTIFY_SOURCE
endif
ifeq ($(SAN),tsan)
SAN_CFLAGS := -fsanitize=thread -fno-omit-frame-pointer -U_FORTIFY_SOURCE -Wno-error=tsan
endif
ifeq ($(SAN),fuzz)
CC := clang
SAN_CFLAGS := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -U_FORTIFY_SOURCE -Wno-error
endif

ROOMS := $(shell sed -n 's/^\([a-z\/]*\):.*/\1/p' ROOMS)
STATIC_ROOMS := engine/gate network/probe
MAINS := runner/main.c coordinator/main.c
LIB_SRC := $(filter-out $(MAINS),$(foreach m,$(filter-out $(STATIC_ROOMS),$(ROOMS)),$(wildcard $(m)/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
# The templates of pages as C; found as <pages/parts.h>.
PARTS := $(B)/made/pages/parts
PARTS_HTML := $(sort $(wildcard coordinator/pages/html/*.html))
LIB_OBJ += $(PARTS).o
GATE_SRC := $(wildcard engine/gate/*.c)
PROBE_SRC := $(wildcard network/probe/*.c)
UNIT_SRC := $(sort $(shell find tests/unit -name 'test_*.c'))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
HELP_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/unit/help/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
BINARIES := $(B)/shithubd-runner $(B)/shithubd $(B)/shithub-gate $(B)/shithub-probe

.PHONY: FORCE all help deps run manual deb test check soak test-deploy test-programs test-unit fuzz lint lint-flags format bench bench-check bench-counts install clean

all: $(BINARIES)  ## build the programs into build/

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / — /'

deps: ## install what is missing from the distribution's packages (sudo when not root)
	@deploy/local/deps.sh

run: ## the whole system on this machine: engine, image, coordinator, two jobs; STORE=postgres
	@deploy/local/deps.sh build run $(filter podman,$(ENGINE)) $(filter postgres,$(STORE))
	@$(MAKE) all
	@deploy/local/demo.sh $(B)

test: ## unit tests, fuzz corpora, then system tests against the real engines
	@deploy/local/deps.sh build run podman test
	@tests/run.sh test $(B) $(SAN)

check: ## the everyday loop: unit tests, fuzz corpora, include check, one job of each kind
	@deploy/local/deps.sh build run test
	@tests/run.sh check $(B) $(SAN)

soak: ## 500 jobs while everything around them is killed by chance
	@deploy/local/deps.sh build run test
	@tests/run.sh soak $(B) $(SAN)

test-deploy: ## each way to install it, in machines that are really booted; needs root
	@deploy/local/deps.sh build run test deploy
	@$(MAKE) all
	@tests/deploy/run.sh $(B)

test-programs: $(UNIT_BIN) $(FUZZ_BIN)

test-unit: ## unit tests and fuzz corpora alone
	@tests/run.sh unit $(B) $(SAN)

fuzz: ## libFuzzer with ASan and UBSan on one parser: make fuzz TARGET=json SECONDS=60
	@deploy/local/deps.sh build fuzz
	@$(MAKE) SAN=fuzz build-fuzz/fuzz/fuzz_$(or $(TARGET),$(error make fuzz TARGET=..., one of: \
		$(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))))
	@tests/fuzz/run.sh build-fuzz $(TARGET) $(or $(SECONDS),60)

lint: ## formatting, include arrows, dialect, cppcheck, clang-tidy
	@deploy/local/deps.sh build lint
	@tests/lint/lint.sh

lint-flags: $(PARTS).h $(B)/made/pages/assets.h
	@echo -std=gnu11 -D_GNU_SOURCE -I. -I$(B)/made $(WARN) $(PKG_CFLAGS) $(LATE_FLAGS) -DPROJECT_VERSION='"$(VERSION)"' \
		-DBUILD_COMMIT='""' -DBUILD_DATE='""' -DBUILD_SUFFIX='""'

format:
	@git ls-files -co --exclude-standard -- '*.c' '*.h' | xargs clang-format -i

bench: ## the table of docs/PERFORMANCE.md against docker, git and others; ROW=step,log: these families alone
	@deploy/local/deps.sh build run podman bench
	@$(MAKE) all $(B)/bench/hot
	@tests/bench/bench.sh measure $(B) $(subst $(comma), ,$(ROW))

bench-check: ## the same, compared with bench/results.json; fails on a regression
	@deploy/local/deps.sh build run podman bench
	@$(MAKE) all $(B)/bench/hot
	@tests/bench/bench.sh check $(B) $(subst $(comma), ,$(ROW))

bench-counts: $(B)/bench/hot ## instructions of the hot loops against tests/bench/hot/baseline.json
	@deploy/local/deps.sh build bench
	@tests/bench/hot/count.py $(B)

MANUAL := PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 deploy/manual/write.py $(B)

manual: all ## manual pages and completions, from the programs' own tables, in build/manual
	$(MANUAL) $(B)/manual

deb: ## Debian packages of both programs, in build/deb
	@deploy/local/deps.sh build run deploy
	@$(MAKE) all
	@deploy/debian/build.sh $(B) $(VERSION) $(B)/deb

UNITS := $(wildcard deploy/systemd/*.service deploy/systemd/*.timer)
COMPLETIONS := bash-completion/completions zsh/site-functions fish/vendor_completions.d

install: all ## programs, gate, systemd units, manual and completions below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/shithub \
		$(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 0755 $(B)/shithubd-runner $(B)/shithubd $(DESTDIR)$(PREFIX)/bin/
	install -m 0755 $(B)/shithub-gate $(B)/shithub-probe $(DESTDIR)$(PREFIX)/lib/shithub/
	for unit in $(UNITS); do sed 's|/usr/local/|$(PREFIX)/|g' $$unit \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; done
	for kind in sysusers tmpfiles; do for file in deploy/systemd/*.$$kind; do name=$${file##*/}; \
		install -m 0644 $$file $(DESTDIR)$(PREFIX)/lib/$$kind.d/$${name%.*}.conf; done; done
	manual=$$(mktemp -d); trap 'rm -r "$$manual"' EXIT; $(MANUAL) "$$manual"; \
	for page in "$$manual"/man/man*/*; do \
		install -D -m 0644 "$$page" $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done; \
	for folder in $(COMPLETIONS); do for file in "$$manual"/completions/$${folder%%[-/]*}/*; do \
		install -D -m 0644 "$$file" $(DESTDIR)$(PREFIX)/share/$$folder/$${file##*/}; done; done

clean: ## remove the build folders
	rm -rf build build-asan build-tsan build-fuzz

$(PARTS).h $(PARTS).c: $(PARTS).%: coordinator/pages/html/parts.awk $(PARTS_HTML)
	@mkdir -p $(@D)
	@LC_ALL=C awk -v want=$* -f $^ >$@.new && mv $@.new $@

$(PARTS).o: $(PARTS).c $(PARTS).h Makefile
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# The first digits of each asset's digest, of which its URL is made; found as <pages/assets.h>.
ASSETS := $(addprefix coordinator/pages/,style.css icon.svg script.js)
$(B)/made/pages/assets.h: $(ASSETS) Makefile
	@mkdir -p $(@D)
	@sha256sum $(ASSETS) | sed -E 's|^(.{16}).* .*/([a-z]+)\.[a-z]+$$|#define ASSET_SHA_\2 "\1"|' >$@.new && mv $@.new $@
$(B)/coordinator/pages/asset.o: $(B)/made/pages/assets.h

$(filter $(B)/coordinator/pages/%,$(LIB_OBJ)): | $(PARTS).h
$(B)/coordinator/pages/asset.o: $(wildcard coordinator/pages/*.css coordinator/pages/*.svg coordinator/pages/*.js)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Rewritten when it says something else, so that a new commit compiles one file.
$(B)/build_info.inc: FORCE
	@mkdir -p $(@D)
	@printf '#define BUILD_%s "%s"\n' COMMIT '$(COMMIT)' DATE '$(BUILD_DATE)' \
		SUFFIX '$(addprefix +,$(filter-out unknown,$(COMMIT)))' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(B)/base/version/build_info.o: $(B)/build_info.inc
$(B)/base/version/build_info.o: ALL_CFLAGS += -include $(B)/build_info.inc

$(B)/libshithub.a: $(LIB_OBJ)
	@rm -f $@
	@ar qcsD $@ $^ # not r: rooms have files of the same name

$(B)/shithubd-runner: $(B)/runner/main.o $(B)/libshithub.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/shithubd: $(B)/coordinator/main.o $(B)/libshithub.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The gate runs as PID 1 inside step containers of any image, the probe as a step of `network check`:
# static, tiny, no library of ours. Linked by ld.bfd, whatever ld is here: mold gives them an
# interpreter that they must not have, and they end before main.
define MUSL_BINARY
	@mkdir -p $(@D)
	@echo "  MUSL  $@"
	$(Q)$(MUSL_CC) -std=gnu11 -D_GNU_SOURCE -I. -Os -static -fuse-ld=bfd -fno-asynchronous-unwind-tables \
		-ffunction-sections -Wl,--gc-sections -Wall -Wextra -Werror -s -o $@ $(filter %.c,$^)
endef

$(B)/shithub-gate: $(GATE_SRC) $(wildcard engine/gate/*.h) Makefile
	$(MUSL_BINARY)

$(B)/shithub-probe: $(PROBE_SRC) Makefile
	$(MUSL_BINARY)

$(B)/unit/%: tests/unit/%.c $(HELP_OBJ) $(B)/libshithub.a Makefile
	@mkdir -p $(@D)
	@echo "  TEST  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(HELP_OBJ) $(B)/libshithub.a $(ALL_LDFLAGS) -lcmocka $(PKG_LIBS)

# Fuzz targets define LLVMFuzzerTestOneInput; the ordinary build links the replay driver, SAN=fuzz
# links libFuzzer.
FUZZ_MAIN := $(if $(filter fuzz,$(SAN)),-fsanitize=fuzzer,tests/fuzz/replay.c)
$(B)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(B)/libshithub.a
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(FUZZ_MAIN) $(B)/libshithub.a $(ALL_LDFLAGS) $(PKG_LIBS)

$(B)/bench/hot: tests/bench/hot/hot.c $(B)/libshithub.a Makefile
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(B)/libshithub.a $(ALL_LDFLAGS) $(PKG_LIBS)

.SECONDARY: $(HELP_OBJ)

-include $(LIB_OBJ:.o=.d) $(MAINS:%.c=$(B)/%.d) $(HELP_OBJ:.o=.d) $(UNIT_BIN:%=%.d)
