# make          builds the server: build/release/whispd
# make run      installs what is missing, builds, serves ./data
# make test     installs what is missing, proves the lot
# make check    format, layers, exports, clang-tidy
# MODE=san      the same with AddressSanitizer and UndefinedBehaviorSanitizer, in build/san
# MODE=tsan     the same with ThreadSanitizer, in build/tsan

MODE ?= release
CC = gcc
B = build/$(MODE)
LAYERS = base io codec store domain realtime api

PKGS = libuv openssl libsodium jansson sqlite3 libutf8proc
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
       -Wwrite-strings -Wvla -Werror
OPT_release = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_san = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan = -O1 -g -fsanitize=thread -fno-omit-frame-pointer
CFLAGS = -std=gnu11 $(WARN) $(OPT_$(MODE)) -D_GNU_SOURCE -Isrc -pthread \
         $(shell pkg-config --cflags $(PKGS))
LDLIBS = $(shell pkg-config --libs $(PKGS)) -pthread -lm
LDFLAGS = $(filter -fsanitize=%,$(OPT_$(MODE)))

libs = $(LAYERS:%=$(B)/lib%.a)
main_objects = $(patsubst src/%.c,$(B)/%.o,$(wildcard src/main/*.c))

all: $(B)/whispd

# What a layer may use, from LAYERS; a test links only its own layer and those below.
below = $(shell awk '$$1 == "$(1)" { $$1 = ""; print }' LAYERS)
linked = $(patsubst %,$(B)/lib%.a,$(1) $(call below,$(1)))

define layer
$(B)/lib$(1).a: $$(patsubst src/%.c,$(B)/%.o,$$(wildcard src/$(1)/*.c))
	@rm -f $$@
	ar rcs $$@ $$^
$(B)/test/$(1)/%: test/$(1)/%.c $(call linked,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) -Itest -MMD -MP -MF $$@.d $$< $(call linked,$(1)) $$(LDFLAGS) $$(LDLIBS) \
	    -lcmocka -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

$(B)/whispd: $(main_objects) $(call linked,api)
	$(CC) $(CFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@

$(B)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

unit_tests = $(patsubst test/%.c,$(B)/test/%,$(wildcard test/*/*_test.c))

# Builds and runs every unit test of this MODE.
unit: $(unit_tests)
	@for t in $(unit_tests); do $$t || exit 1; done

clean:
	rm -rf build

.PHONY: all unit clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
