/*
 * What the C peers share with the bench: a clock, and orders that a seed replays. `../order.ts`
 * makes the same orders in JavaScript, so that both sides touch the same places one after another.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e9 + now.tv_nsec;
}

static inline void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Marsaglia's xorshift32. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

/* A random permutation of 0 .. count-1. */
static inline uint32_t *shuffled(uint32_t count, uint32_t seed) {
  uint32_t *order = malloc((size_t)count * sizeof *order);
  if (!order) fail("malloc");
  for (uint32_t i = 0; i < count; i++) order[i] = i;
  for (uint32_t i = count - 1; i > 0; i--) {
    uint32_t j = next_random(&seed) % (i + 1);
    uint32_t swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/* `count` random numbers below `limit`, with repeats. */
static inline uint32_t *drawn(uint32_t count, uint32_t limit, uint32_t seed) {
  uint32_t *order = malloc((size_t)count * sizeof *order);
  if (!order) fail("malloc");
  for (uint32_t i = 0; i < count; i++) order[i] = next_random(&seed) % limit;
  return order;
}

#endif
