#  The front door. Everything else is in CMakeLists.txt and CMakePresets.json.

DATA   ?= data
WEB    ?= 127.0.0.1:8501
JOBS   ?= $(shell nproc)
prefix ?= /usr/local

.PHONY: run build test test-long test-docker test-packages bench install packages clean
.NOTPARALLEL:

run: build                      ## Start a cluster in this terminal
	@exec build/bin/filestored --data $(DATA) --web $(WEB) --set log-level=warning

build:                          ## Only build, into build/bin/, with the actors that come along
	@docker/install build
	@[ -f build/release/CMakeCache.txt ] || cmake --preset release -DFST_TESTS=OFF >/dev/null
	@cmake --build --preset release -j $(JOBS) --target filestored filestore filestore-search filestore-webhook

test:                           ## Install, build and run every test
	@docker/install build test
	@tests/run

test-long:                      ## The tests that take long
	@docker/install build test
	@tests/run long

test-docker: build              ## Containers, on an engine of its own if none runs
	@docker/install docker test
	@/usr/bin/python3 -B tests/docker/test_docker.py

bench:                          ## Figures, as ratios within one run
	@docker/install build test bench
	@cmake --preset release -DFST_TESTS=ON >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@tests/bench/run
	@tests/web/install build/web
	@tests/bench/http

install: build                  ## Into prefix (/usr/local); DESTDIR for who makes packages
	@cmake --preset release -DFST_TESTS=OFF -DCMAKE_INSTALL_PREFIX=$(prefix) >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@DESTDIR=$(DESTDIR) cmake --install build/release

packages:                       ## Debian packages, into build/packages/
	@docker/install build package
	@cmake --preset package >/dev/null
	@cmake --build --preset package -j $(JOBS)
	@cpack --config build/package/CPackConfig.cmake -G DEB | grep generated

test-packages: packages         ## Install them in a clean Debian root and start; needs root
	@docker/install package-test
	@tests/packages/run

clean:
	rm -rf build
