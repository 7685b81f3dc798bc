# shithubd-runner: build, test, run. `make help` lists the targets.
#
# Layout decides what is built: every .c in a module folder goes into one static library, main.c of
# runner/ and coordinator/ become the two programs, engine/gate/ is its own static musl binary, and
# each tests/unit/test_*.c is one test program, each tests/fuzz/fuzz_*.c one fuzz target.
# V=1 shows whole command lines. SAN=asan builds and tests with AddressSanitizer and UBSan in its own build folder.

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory
V ?=
Q := $(if $(V),,@)

SAN ?=
B := build$(if $(SAN),-$(SAN))
VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=

CC := gcc
MUSL_CC := musl-gcc
PKGS := libcurl yajl libseccomp libcap libgit2 libsystemd yaml-0.1 sqlite3 libmicrohttpd libcrypto zlib
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
	-Wno-missing-field-initializers -Wno-format-nonliteral
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
	-fno-common -ffunction-sections -fdata-sections $(WARN) -Werror -I. $(PKG_CFLAGS) \
	-DPROJECT_VERSION='"$(VERSION)"' $(CFLAGS) $(SAN_CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections $(LDFLAGS) $(SAN_CFLAGS)
ifeq ($(SAN),asan)
SAN_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	-U_FORTIFY_SOURCE
endif

MODULES := base config workflow engine checkout artifact sandbox state network hygiene runner coordinator
MAINS := runner/main.c coordinator/main.c
LIB_SRC := $(filter-out $(MAINS),$(foreach m,$(MODULES),$(wildcard $(m)/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
GATE_SRC := $(wildcard engine/gate/*.c)
PROBE_SRC := $(wildcard network/probe/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
UNIT_HELP := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
BINARIES := $(B)/shithubd-runner $(B)/shithubd $(B)/shithub-gate $(B)/shithub-probe
C_FILES = $(foreach m,$(MODULES) engine/gate network/probe tests/unit tests/fuzz tests/bench,$(wildcard $(m)/*.c $(m)/*.h))

.PHONY: all help deps run test test-programs test-unit fuzz-replay lint lint-flags format bench install clean

all: $(BINARIES)  ## build the programs into build/

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / — /'

deps: ## install what is missing from the distribution's packages (sudo when not root)
	@deploy/local/deps.sh

run: ## the whole system on this machine: engine, image, coordinator, two jobs
	@deploy/local/deps.sh build run $(filter podman,$(ENGINE))
	@$(MAKE) all
	@deploy/local/demo.sh $(B)

test: ## unit tests, fuzz corpora, then system tests against the real engine
	@deploy/local/deps.sh build run podman test
	@tests/run.sh $(B) $(SAN)

test-programs: $(UNIT_BIN) $(FUZZ_BIN)

test-unit: $(UNIT_BIN)
	@rc=0; for t in $^; do $$t || rc=1; done; exit $$rc

fuzz-replay: $(FUZZ_BIN)
	@for t in $^; do n=$${t##*/fuzz_}; $$t tests/fuzz/corpus/$$n; done

lint: ## formatting, include arrows, cppcheck, clang-tidy
	@deploy/local/deps.sh build lint
	@tests/lint/lint.sh

lint-flags:
	@echo -std=gnu11 -D_GNU_SOURCE -I. $(WARN) $(PKG_CFLAGS) -DPROJECT_VERSION='"$(VERSION)"'

format:
	@clang-format -i $(C_FILES)

bench: ## ratios against docker run and git, interleaved
	@deploy/local/deps.sh build run
	@$(MAKE) all
	@tests/bench/bench.sh $(B)

UNITS := $(wildcard deploy/systemd/*.service deploy/systemd/*.timer)

install: all ## programs, gate and systemd units below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/shithub \
		$(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 0755 $(B)/shithubd-runner $(B)/shithubd $(DESTDIR)$(PREFIX)/bin/
	install -m 0755 $(B)/shithub-gate $(B)/shithub-probe $(DESTDIR)$(PREFIX)/lib/shithub/
	for unit in $(UNITS); do sed 's|/usr/local/|$(PREFIX)/|g' $$unit \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; done
	install -m 0644 deploy/systemd/shithubd-runner.sysusers \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/shithubd-runner.conf

clean: ## remove the build folders
	rm -rf build build-asan

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libshithub.a: $(LIB_OBJ)
	@rm -f $@
	@ar rcs $@ $^

$(B)/shithubd-runner: $(B)/runner/main.o $(B)/libshithub.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/shithubd: $(B)/coordinator/main.o $(B)/libshithub.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The gate runs as PID 1 inside step containers of any image, the probe as a step of `network check`:
# static, tiny, no library of ours.
define MUSL_BINARY
	@mkdir -p $(@D)
	@echo "  MUSL  $@"
	$(Q)$(MUSL_CC) -std=gnu11 -D_GNU_SOURCE -I. -Os -static -fno-asynchronous-unwind-tables \
		-ffunction-sections -Wl,--gc-sections -Wall -Wextra -Werror -s -o $@ $(filter %.c,$^)
endef

$(B)/shithub-gate: $(GATE_SRC) $(wildcard engine/gate/*.h) Makefile
	$(MUSL_BINARY)

$(B)/shithub-probe: $(PROBE_SRC) Makefile
	$(MUSL_BINARY)

$(B)/unit/%: tests/unit/%.c $(UNIT_HELP) $(wildcard tests/unit/*.h) $(B)/libshithub.a
	@mkdir -p $(@D)
	@echo "  TEST  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(UNIT_HELP) $(B)/libshithub.a $(ALL_LDFLAGS) -lcmocka $(PKG_LIBS)

# Fuzz targets define LLVMFuzzerTestOneInput; the ordinary build links the replay driver, clang with
# FUZZ=1 links libFuzzer.
$(B)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(B)/libshithub.a
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< tests/fuzz/replay.c $(B)/libshithub.a $(ALL_LDFLAGS) $(PKG_LIBS)

-include $(LIB_OBJ:.o=.d) $(MAINS:%.c=$(B)/%.d)
