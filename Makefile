# SPDX-License-Identifier: Apache-2.0
#
# make            build/camwarden
# make check      what needs no root: unit tests, CLI tests, style
# make install    DESTDIR= PREFIX= are respected; make uninstall takes the same
# make unit       the unit tests; make attacks: the programs that get at watched objects
# make fuzz       build/san/fuzz/fuzz_*, with libFuzzer
# make bench      build/bench/*: programs that measure
# make SANITIZE=1 the same under AddressSanitizer and UndefinedBehaviourSanitizer, in build/san, with
#                 clang unless CC= says otherwise
# make WERROR=1   a warning is an error
# make ISAL= LIBDEFLATE= traces are packed and unpacked by zlib, though these libraries are here
# make CC=clang   another compiler; ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- another machine
#
# Needs no root and no network. The programs for the kernel are compiled with clang against
# bpf/kernel.bpf.h, so no vmlinux.h of this machine is needed.

VERSION   ?= 0.1.0
PREFIX    ?= /usr/local
DESTDIR   ?=
CROSS_COMPILE ?=
CLANG     ?= clang
ifeq ($(origin CC),default)
CC        := $(if $(SANITIZE),$(CLANG),$(CROSS_COMPILE)gcc)
endif
# Ubuntu's /usr/sbin/bpftool works only for the running kernel; the one behind it always does.
BPFTOOL   ?= $(firstword $(wildcard /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool \
	/usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
LLVM_STRIP ?= llvm-strip
PKG_CONFIG ?= pkg-config
INSTALL   ?= install

ARCH ?= $(shell uname -m)
override ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(patsubst amd64,x86,$(ARCH))))
# The programs for the kernel are the same however the rest is built.
KERNEL := build$(if $(filter arm64,$(ARCH)),$(if $(CROSS_COMPILE),/arm64))
BUILD ?= $(KERNEL)$(if $(SANITIZE),/san)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wno-format-nonliteral $(if $(WERROR),-Werror)
CFLAGS ?= -O2 -g
CFLAGS_ALL := -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -DCW_VERSION='"$(VERSION)"' \
	-Iuserspace -Ibpf -I$(BUILD) -MMD -MP -fno-strict-aliasing -pthread
# $(call have,HEADER,LIBRARY): LIBRARY, where it is. The sanitizers try zlib in its place.
have = $(if $(SANITIZE),,$(shell echo 'int main(void) { return 0; }' | \
	$(CC) -include $(1) -x c -o /dev/null - $(2) 2>/dev/null && echo $(2)))
ISAL ?= $(call have,isa-l.h,-lisal)
LIBDEFLATE ?= $(call have,libdeflate.h,-ldeflate)
CFLAGS_ALL += $(if $(ISAL),-DCW_ISAL) $(if $(LIBDEFLATE),-DCW_LIBDEFLATE)
LDLIBS := -lbpf -lelf -lz $(ISAL) $(LIBDEFLATE) -lyaml -lcrypto
ifdef SANITIZE
CFLAGS_ALL += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
	-DCW_SANITIZED $(if $(findstring clang,$(CC)),-fsanitize=fuzzer-no-link)
LDFLAGS += -fsanitize=address,undefined
endif

# Headers of the C library for the target, which clang -target bpf does not find by itself.
TRIPLE := $(shell $(CROSS_COMPILE)gcc -print-multiarch 2>/dev/null)
BPF_CFLAGS := -target bpf -D__TARGET_ARCH_$(ARCH) -O2 -g -mcpu=v2 -Wall -Wextra \
	-Wno-unused-parameter -Wno-address-of-packed-member $(if $(WERROR),-Werror) -Ibpf \
	$(if $(TRIPLE),-idirafter /usr/include/$(TRIPLE))

BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(patsubst bpf/%.bpf.c,$(KERNEL)/bpf/%.o,$(BPF_SRC)) $(KERNEL)/bpf/probes_v5_10.o
BPF_SKEL := $(patsubst bpf/%.bpf.c,$(KERNEL)/skel/%.skel.h,$(BPF_SRC)) \
	$(KERNEL)/skel/probes_v5_10.skel.h $(KERNEL)/skel/same

SRC := $(wildcard userspace/*.c userspace/*/*.c)
OBJ := $(patsubst userspace/%.c,$(BUILD)/obj/%.o,$(SRC))
LIB_OBJ := $(filter-out $(BUILD)/obj/main.o,$(OBJ))

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
ATTACK_SRC := $(wildcard tests/attacks/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

BINDIR  := $(PREFIX)/bin
MANDIR  := $(PREFIX)/share/man/man1
DOCDIR  := $(PREFIX)/share/doc/camwarden
UNITDIR := $(PREFIX)/lib/systemd/system
MAN := $(wildcard docs/man/*.1)
DOCS := $(wildcard README.md LICENSE LICENSES/[BG]*.txt docs/*.md)
EXAMPLES := $(wildcard docs/examples/*.yaml)

BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))

.PHONY: all bench check unit install uninstall clean attacks fuzz fuzzers small-btf again
.SECONDARY:

all: $(BUILD)/camwarden

$(BUILD)/camwarden: $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS)

$(BUILD)/obj/%.o: userspace/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# Built again when ISAL= or LIBDEFLATE= is another than the last time.
$(BUILD)/with: again
	@mkdir -p $(@D)
	@echo '$(ISAL) $(LIBDEFLATE)' | cmp -s - $@ || echo '$(ISAL) $(LIBDEFLATE)' >$@

$(BUILD)/obj/trace/zip.o: $(BUILD)/with

# One object for the kernel from all families; they share maps and variables.
$(KERNEL)/bpf/%.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(LLVM_STRIP) -g $@

# The same programs once more, without what Linux 5.10 lacks.
$(KERNEL)/bpf/probes_v5_10.o: bpf/probes.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DCW_BEFORE_5_13 -c -o $@ $<
	$(LLVM_STRIP) -g $@

$(KERNEL)/skel/%.skel.h: $(KERNEL)/bpf/%.o
	@mkdir -p $(@D)
	$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@.tmp && mv $@.tmp $@

# One skeleton serves both objects: libbpf finds programs and maps by name, but variables are at the
# same places only as long as each has a value where it is defined.
$(KERNEL)/skel/same: $(KERNEL)/skel/probes.skel.h $(KERNEL)/skel/probes_v5_10.skel.h
	@for file in $^; do sed -n 's/_v5_10//; /struct probes_bpf__/,/}/p' $$file >$$file.head; done
	@cmp $(addsuffix .head,$^) || { echo "a variable in bpf/ has no initial value"; false; }
	@touch $@

# For scripts/btf: of the kernel's types in FROM, what the programs read.
small-btf: $(BPF_OBJ)
	$(BPFTOOL) gen min_core_btf $(FROM) $(TO) $^

# Only the module that loads them includes the skeletons.
$(BUILD)/obj/source/%.o: CFLAGS_ALL += -I$(KERNEL)/skel
$(patsubst userspace/%.c,$(BUILD)/obj/%.o,$(wildcard userspace/source/*.c)): $(BPF_SKEL)

$(BUILD)/libcamwarden.a: $(LIB_OBJ)
	rm -f $@ && $(CROSS_COMPILE)ar rcs $@ $^

unit: $(UNIT)

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libcamwarden.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Itests/unit $(LDFLAGS) -o $@ $< $(BUILD)/libcamwarden.a -lcmocka $(LDLIBS)

bench: $(BENCH)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libcamwarden.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $< $(BUILD)/libcamwarden.a $(LDLIBS)

attacks: $(BUILD)/attacks $(BUILD)/gadget $(BUILD)/crowd

$(BUILD)/attacks: $(ATTACK_SRC) $(wildcard tests/attacks/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -Itests/attacks -pthread -o $@ $(ATTACK_SRC)

$(BUILD)/gadget: tests/vm/gadget.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $<

$(BUILD)/crowd: tests/vm/crowd.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $< -lbpf

check: all unit
	BUILD=$(BUILD) scripts/test --no-build --check --unit --cli

# From what SANITIZE=1 builds.
fuzz:
	$(MAKE) SANITIZE=1 fuzzers

fuzzers: $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libcamwarden.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(BUILD)/libcamwarden.a $(LDLIBS)

install: all
	$(INSTALL) -D -m 755 $(BUILD)/camwarden $(DESTDIR)$(BINDIR)/camwarden
	$(INSTALL) -d $(DESTDIR)$(MANDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)/examples
	$(if $(MAN),$(INSTALL) -m 644 $(MAN) $(DESTDIR)$(MANDIR))
	$(if $(DOCS),$(INSTALL) -m 644 $(DOCS) $(DESTDIR)$(DOCDIR))
	$(if $(EXAMPLES),$(INSTALL) -m 644 $(EXAMPLES) $(DESTDIR)$(DOCDIR)/examples)
	sed 's|@BINDIR@|$(BINDIR)|' scripts/camwarden.service >$(DESTDIR)$(UNITDIR)/camwarden.service
	chmod 644 $(DESTDIR)$(UNITDIR)/camwarden.service

# Only what "make install" puts there; policies and logs of the machine stay.
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/camwarden $(DESTDIR)$(UNITDIR)/camwarden.service
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/,$(notdir $(MAN)))
	rm -rf $(DESTDIR)$(DOCDIR)

clean:
	rm -rf build

-include $(OBJ:.o=.d) $(addsuffix .d,$(UNIT) $(BENCH))
