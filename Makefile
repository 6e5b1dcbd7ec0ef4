# SPDX-License-Identifier: BSD-3-Clause
# A face over meson: see README.md. BUILD is where the plain build goes.
BUILD ?= build

.PHONY: all demo test test-apps bench docs setup format clean
all: setup
	scripts/build $(BUILD)

demo: all
	scripts/demo $(BUILD)

test: setup
	scripts/test $(BUILD)

setup:
	scripts/setup

bench: all
	scripts/setup bench
	scripts/build $(BUILD)

test-apps:
	scripts/setup apps
	scripts/test $(BUILD) apps

docs:
	python3 mpi_compat/gen/generate.py mpi-coverage.md mpi_compat/functions.tbl docs/mpi-coverage.md

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan
