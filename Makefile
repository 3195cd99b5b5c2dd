# make              installs what is missing, builds the server: build/release/whispd
# make all          builds it, with what is there
# make run          installs what is missing, builds, serves ./data
# make test         installs what is missing, proves the lot
# make check        format, layers, exports, sizes, clang-tidy, clang's warnings, the types of TypeScript
# make unit         builds and runs the unit tests of this MODE
# make bench        measures with whispd bench: bench/run
# make bench-peers  the same beside RabbitMQ, NATS and socket.io: bench/peers
# make contract     builds the server of this MODE and runs the contract tests against it
# make sdk          builds the npm package whisp-sdk, in sdk/dist
# make python-setup makes an app and an API key on the server of `make run`, in examples/.env
# make node-bot     runs examples/node-bot against that server; make web-chat examples/web-chat
# make model        holds the server against a reference model
# make attack       attacks a server in bounded ways, and says what somebody else noticed
# make fuzz         fuzzes each parser and a whole connection, T seconds each: T=60
# make clean        removes what was built, never ./data
# MODE=san          the same with AddressSanitizer and UndefinedBehaviorSanitizer, in build/san
# MODE=tsan         the same with ThreadSanitizer, in build/tsan
# MODE=clang        the release build by clang, in build/clang
# V=1               shows the commands

MODE ?= release
CC_clang = clang
CC_fuzz = clang
CC = $(or $(CC_$(MODE)),gcc)
B = build/$(MODE)
MAKEFLAGS += --no-print-directory
LAYERS = base io codec store domain realtime api bench

# What each layer may link besides the layers below it; a test gets no more than that.
PKGS_base = libsodium
PKGS_io = libuv openssl
PKGS_codec = openssl jansson zlib
PKGS_store = sqlite3
PKGS_domain = libutf8proc
PKGS = $(sort $(foreach l,$(LAYERS),$(PKGS_$(l))))
TEST_PKGS = cmocka libpq

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
       -Wwrite-strings -Wvla -Werror
OPT_release = -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
              -fstack-clash-protection
OPT_clang = $(OPT_release)
OPT_san = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan = -O1 -g -fsanitize=thread -fno-omit-frame-pointer
OPT_fuzz = -O2 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS = -std=gnu11 $(WARN) $(OPT_$(MODE)) -fPIE -D_GNU_SOURCE -Isrc -pthread $(pkg_cflags)
LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now,--as-needed $(filter -fsanitize=%,$(OPT_$(MODE)))

examples = node-bot web-chat

# Only the goals that compile ask for packages; the others install them first.
ifneq ($(filter-out build run test bench bench-peers soak model fuzz attack check sdk python-setup $(examples) clean,$(or $(MAKECMDGOALS),build)),)
ifeq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && echo found),)
missing := $(shell for p in $(PKGS); do pkg-config --exists $$p 2>/dev/null || echo $$p; done)
$(error pkg-config does not find $(missing): run script/setup build)
endif
pkg_cflags := $(shell pkg-config --cflags $(PKGS))
$(foreach l,$(LAYERS),$(eval libs_$(l) := $$(if $(PKGS_$(l)),$$(shell pkg-config --libs $(PKGS_$(l))))))
endif

# Recipes print one short line each.
Q = $(if $(V),,@)
say = @printf '  %-4s %s\n'
# As many jobs as there are cores, unless the caller said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

build:
	@script/setup build
	@$(MAKE) $(JOBS) all

all: $(B)/whispd

# The layers that $(1) may use, lowest last, from LAYERS.
below = $(shell awk '$$1 == "$(1)" { $$1 = ""; print }' LAYERS)
$(foreach l,$(LAYERS),$(eval below_$(l) := $(call below,$(l))))
archives = $(patsubst %,$(B)/lib%.a,$(1) $(below_$(1)))
libraries = $(sort $(foreach l,$(1) $(below_$(1)),$(libs_$(l)))) -lm
sources = $(wildcard src/$(1)/*.c src/$(1)/*/*.c)
objects = $(patsubst src/%.c,$(B)/%.o,$(sources))
test_flags = $(shell pkg-config --cflags --libs $(TEST_PKGS))

# An archive hangs on its directory too, so that a removed source leaves it.
define layer
$(B)/lib$(1).a: $(call objects,$(1)) $(wildcard src/$(1))
	$$(say) AR $$@
	$$(Q)rm -f $$@
	$$(Q)ar rcs $$@ $$(filter %.o,$$^)

$(B)/test/$(1)/%: test/$(1)/%.c $(call archives,$(1)) Makefile
	@mkdir -p $$(@D)
	$$(say) TEST $$@
	$$(Q)$$(CC) $$(CFLAGS) -Itest -MMD -MP -MF $$@.d -MT $$@ $$< $(call archives,$(1)) \
	    $$(LDFLAGS) $(call libraries,$(1)) $$(test_flags) -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

$(B)/whispd: $(call objects,main) $(B)/libbench.a $(call archives,api)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $^ $(LDFLAGS) $(call libraries,api) -o $@

$(B)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# Holds every statement of the store against PostgreSQL, so all of its objects, used or not.
$(B)/test/store/postgres_statements_test: private CFLAGS += -Wl,--whole-archive
$(B)/test/store/postgres_statements_test: private LDFLAGS := -Wl,--no-whole-archive $(LDFLAGS)

# The migrations are part of the program.
$(B)/store/schema.o: $(wildcard src/store/schema/*.sql)

# So are the documents of the APIs and the reference page, plain and compressed.
pages = $(addprefix docs/openapi/,chat.json management.json asyncapi.json) \
        $(addprefix src/api/pages/,reference.html style.css chat.html management.html) build/pages/redoc.js
$(B)/api/pages.o: $(pages) $(pages:%=build/pages/%.gz)

build/pages/%.gz: %
	@mkdir -p $(@D)
	$(Q)gzip -9nc $< >$@

# Without Redoc the server is whole but for its reference page, which then says so.
redoc = $(or $(wildcard vendor/redoc.js),src/api/pages/no_redoc.js)
build/pages/redoc.js: $(redoc) $(wildcard vendor)
	@mkdir -p $(@D)
	$(if $(wildcard vendor/redoc.js),,$(say) NOTE 'no vendor/redoc.js: building without the reference page; script/setup build fetches it')
	$(Q)cp $(redoc) $@

unit_tests = $(foreach l,$(LAYERS),$(patsubst %.c,$(B)/%,$(wildcard test/$(l)/*_test.c)))

# Builds every unit test of this MODE.
unit-tests: $(unit_tests)

unit: $(unit_tests)
	@B=$(B) test/run unit

# How many times slower than a release a sanitized server may be.
SLOWER_san = 3
SLOWER_tsan = 10

contract: $(B)/whispd
	@SLOWER=$(or $(SLOWER_$(MODE)),1) WHISPD=$(CURDIR)/$(B)/whispd test/run contract

# What a server is held against, and the generator that speaks to others: programs beside it.
programs = $(patsubst %,$(B)/bench/%,floor_store floor_send floor peers_load)

$(B)/bench/%: bench/%.c $(call archives,bench) Makefile
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -MMD -MP -MF $@.d -MT $@ $< $(call archives,bench) \
	    $(LDFLAGS) $(call libraries,bench) -o $@

bench-programs: $(B)/whispd $(programs)

# The fuzzers: with libFuzzer's main in MODE=fuzz, else with one that replays the inputs it is given.
fuzzers = $(patsubst fuzz/%.c,$(B)/fuzz/%,$(filter-out fuzz/replay.c fuzz/connection_%.c,$(wildcard fuzz/*.c)))
fuzz_main = $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer,fuzz/replay.c)

$(B)/fuzz/connection: $(wildcard fuzz/connection_*.c)

$(B)/fuzz/%: fuzz/%.c fuzz/replay.c fuzz/fuzz.h $(call archives,api) Makefile
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -Ifuzz $(filter-out fuzz/replay.c,$(filter fuzz/%.c,$^)) $(fuzz_main) \
	    $(call archives,api) $(LDFLAGS) $(call libraries,api) -o $@

fuzz-programs: $(fuzzers)

attack:
	@script/setup test
	@$(MAKE) $(JOBS) MODE=release all
	@node --no-warnings test/attacks/run.mjs

T = 60
fuzz:
	@script/setup fuzz
	@$(MAKE) $(JOBS) MODE=fuzz fuzz-programs
	@fuzz/run $(T)

bench:
	@script/setup build
	@$(MAKE) $(JOBS) MODE=release bench-programs
	@bench/run

bench-peers:
	@script/setup build
	@$(MAKE) $(JOBS) MODE=release bench-programs
	@bench/peers

# The last file that its build writes.
sdk/dist/cjs/package.json: $(shell find sdk/src -name '*.ts' 2>/dev/null) sdk/package.json sdk/tsconfig.json
	@script/setup examples
	$(say) SDK sdk/dist
	$(Q)npm --prefix sdk run --silent build

sdk: sdk/dist/cjs/package.json

# Builds and serves. The exec makes the server the process that gets the signals.
run:
	@script/setup build
	@$(MAKE) $(JOBS) MODE=release all
	@exec build/release/whispd --data ./data

python-setup:
	@script/setup examples
	@examples/python-setup/setup.py

# The exec makes the example the process that gets the signals.
$(examples): sdk
	@script/setup examples
	@[ -e examples/.env ] || examples/python-setup/setup.py
	@set -a && . examples/.env && set +a && cd examples/$@ && exec npm --silent start

test:
	@script/setup test
	@$(MAKE) $(JOBS) MODE=release all
	@$(MAKE) $(JOBS) MODE=san all unit-tests fuzz-programs
	@$(MAKE) sdk
	@npm --prefix examples/web-chat run --silent build
	@test/run

# What `make test` has of it, and random steps for two minutes more.
model:
	@script/setup test
	@$(MAKE) $(JOBS) MODE=release all
	@MODEL_SECONDS=120 test/run model

# What takes too long for `make test`.
soak:
	@script/setup test
	@$(MAKE) $(JOBS) MODE=release all
	@$(MAKE) sdk
	@cd test && WHISPD=$(CURDIR)/build/release/whispd KILLS=60 node --test durability/kill9_resume.test.mjs
	@cd test && WHISPD=$(CURDIR)/build/release/whispd MODEL_SECONDS=1800 node --test model/model.test.mjs
	@OFFLINE_SECONDS=60 node --test sdk/test/integration/trouble.test.mjs test/browser/sdk.test.mjs

# Asked for both, the cheaper and quicker one goes first.
ifneq ($(filter check,$(MAKECMDGOALS)),)
test: | check
endif

formatted = $(shell find src test bench fuzz -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null)

check:
	@script/setup test
	@clang-format --dry-run -Werror $(formatted)
	@script/check-layers
	@script/check-size
	@npm --prefix sdk run --silent types
	@npm --prefix sdk run --silent size
	@$(MAKE) sdk
	@npm --prefix examples/web-chat run --silent types
	@$(MAKE) $(JOBS) MODE=release all
	@script/check-exports
	@$(MAKE) $(JOBS) MODE=clang all unit-tests fuzz-programs bench-programs
	@$(MAKE) $(JOBS) --keep-going --output-sync MODE=release tidy
	@echo "make check: all is well"

# One stamp for each source; it hangs on the object, which hangs on every header the source includes.
tidy: $(foreach l,$(LAYERS) main,$(patsubst src/%.c,$(B)/%.tidy,$(call sources,$(l))))

$(B)/%.tidy: src/%.c $(B)/%.o .clang-tidy
	$(say) TIDY $<
	$(Q)clang-tidy --quiet $< -- $(filter-out $(OPT_release),$(CFLAGS)) 2>$@.log || \
	    { grep -v 'warnings\? ' $@.log; exit 1; }
	$(Q)mv $@.log $@

clean:
	rm -rf build sdk/dist examples/web-chat/dist

.PHONY: build all unit unit-tests contract bench-programs fuzz-programs bench bench-peers soak model fuzz attack sdk python-setup $(examples) run test check tidy clean
.DELETE_ON_ERROR:
-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)
