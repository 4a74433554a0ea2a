/*
 * The system calls that a copy-on-write store cannot do without, and nothing else: what the library
 * is held against. FILE is fully written up to BYTES; `first` and `append` put new data behind
 * that, as a store does.
 *
 *   file fill   FILE BYTES                          writes it, in pieces of 1 MiB
 *   file read   FILE BYTES UNIT COUNT SEED          pread of 4 KiB, one in each UNIT, random order
 *   file write  FILE BYTES UNIT COUNT SEED          pwrite of 4 KiB, one in each UNIT, random order
 *   file first  FILE BYTES UNIT COUNT SEED          the same after a snapshot: reads the old UNIT,
 *                                                   changes 4 KiB, writes it to a new place
 *   file append FILE BYTES UNIT COUNT SEED          writes COUNT units to new places, in order
 *
 * Prints the nanoseconds of the loop, and with one final fdatasync.
 */
#define _GNU_SOURCE
#include "order.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096
#define PIECE (1 << 20)

static int file;
static char *unit_data;
static char page[PAGE];

static void read_all(char *target, size_t length, off_t offset) {
  if (pread(file, target, length, offset) != (ssize_t)length) fail("pread");
}

static void write_all(const char *source, size_t length, off_t offset) {
  if (pwrite(file, source, length, offset) != (ssize_t)length) fail("pwrite");
}

static void fill(uint64_t bytes) {
  for (uint64_t offset = 0; offset < bytes; offset += PIECE) write_all(unit_data, PIECE, offset);
}

static void run(const char *what, uint64_t bytes, uint64_t unit, uint32_t count, uint32_t seed) {
  uint32_t *order = shuffled(bytes / unit, seed);
  double start = now_ns();
  if (!strcmp(what, "read")) {
    for (uint32_t i = 0; i < count; i++) read_all(page, PAGE, order[i] * unit);
  } else if (!strcmp(what, "write")) {
    for (uint32_t i = 0; i < count; i++) write_all(page, PAGE, order[i] * unit);
  } else if (!strcmp(what, "first")) {
    for (uint32_t i = 0; i < count; i++) {
      read_all(unit_data, unit, order[i] * unit);
      memcpy(unit_data, page, PAGE);
      write_all(unit_data, unit, bytes + i * unit);
    }
  } else if (!strcmp(what, "append")) {
    for (uint32_t i = 0; i < count; i++) write_all(unit_data, unit, bytes + i * unit);
  } else {
    fprintf(stderr, "file: no such run: %s\n", what);
    exit(2);
  }
  double looped = now_ns();
  if (fdatasync(file)) fail("fdatasync");
  double flushed = now_ns();
  printf("%.0f %.0f\n", looped - start, flushed - start);
  free(order);
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 7) {
    fprintf(stderr, "usage: file fill FILE BYTES\n"
                    "       file read|write|first|append FILE BYTES UNIT COUNT SEED\n");
    return 2;
  }
  uint64_t bytes = strtoull(argv[3], NULL, 10);
  if (posix_memalign((void **)&unit_data, PAGE, PIECE)) fail("posix_memalign");
  memset(unit_data, 0x5a, PIECE);
  memset(page, 0xa5, PAGE);
  file = open(argv[2], O_RDWR | O_CREAT, 0600);
  if (file < 0) fail(argv[2]);
  if (argc == 4) {
    fill(bytes);
  } else {
    uint64_t unit = strtoull(argv[4], NULL, 10);
    run(argv[1], bytes, unit, strtoul(argv[5], NULL, 10), strtoul(argv[6], NULL, 10));
    if (ftruncate(file, bytes)) fail("ftruncate");
  }
  return close(file);
}
