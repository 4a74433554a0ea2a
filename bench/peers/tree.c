/*
 * The C twin of the engine's exception tree: the same nodes, the same page cache in front of them,
 * the same lookup, built by the same inserts in the same random order; but plain binary search in
 * the nodes, without the engine's fences.
 *
 *   tree COUNT SEED      inserts COUNT one-chunk exceptions of one view in the order of SEED and
 *                        prints `ready`, then answers each line `QUERIES SEED` with
 *                        `NANOSECONDS CHECKSUM` (the checksum sums the places)
 *
 * One view and one exception a chunk: a column never goes on in the next leaf, so the twin does not
 * look there.
 */
#include "order.h"

#include <string.h>
#include <sys/mman.h>

#define LEAF_ENTRIES 168
#define INNER_ENTRIES 252
#define LEVELS_MAX 8
#define VIEW 1
#define VIEW_BUCKETS 64
#define NOWHERE UINT64_MAX

typedef struct {
  uint64_t run; /* last chunk of the column << 16 | count */
  uint32_t after;
  uint32_t to;
  uint64_t place; /* << 16 | flags */
} LeafEntry;

typedef struct {
  uint64_t last; /* largest key below `child`: chunk << 16, and `to` */
  uint32_t to;
  uint32_t child;
} InnerEntry;

typedef struct {
  uint32_t crc;
  uint32_t block;
  uint16_t level; /* 0: leaf */
  uint16_t count;
  uint8_t reserved[52];
  union {
    LeafEntry leaf[LEAF_ENTRIES];
    InnerEntry inner[INNER_ENTRIES];
  };
} Node;

/* A page of the cache: 64 bytes about it, then the block. */
typedef struct {
  uint32_t block;
  uint32_t next;
  uint32_t flags;
  uint32_t reserved[13];
  Node node;
} Slot;

typedef struct {
  uint32_t id;
  uint32_t next;
  uint64_t rank;
} View;

_Static_assert(sizeof(Node) == 4096, "a node fills its block");
_Static_assert(sizeof(Slot) == 4160, "a slot is a node and 64 bytes");

static Slot *slots;
static uint32_t slots_used = 1; /* slot 0 ends a chain */
static uint32_t *slot_heads;
static uint32_t slot_shift;
static uint32_t root;
static View views[2] = {{0, 0, 0}, {VIEW, 0, 1ull << 32}};
static uint32_t view_heads[VIEW_BUCKETS];

static inline uint32_t bucket(uint32_t block) { return (block * 2654435761u) >> slot_shift; }

static inline Node *node_of(uint32_t block) {
  uint32_t slot = slot_heads[bucket(block)];
  while (slots[slot].block != block) {
    slot = slots[slot].next;
    if (!slot) abort(); /* everything is in the cache here: no FAULT */
  }
  return &slots[slot].node;
}

static Node *new_node(uint32_t level) {
  uint32_t block = slots_used++;
  uint32_t *head = &slot_heads[bucket(block)];
  Slot *slot = &slots[block];
  slot->block = block;
  slot->next = *head;
  *head = block;
  slot->node.block = block;
  slot->node.level = level;
  return &slot->node;
}

static inline uint64_t rank_of(uint32_t id) {
  uint32_t view = view_heads[id % VIEW_BUCKETS];
  while (view && views[view].id != id) view = views[view].next;
  return views[view].rank;
}

static inline uint32_t search_inner(const Node *node, uint64_t key) {
  uint32_t low = 0;
  uint32_t high = node->count;
  while (low < high) {
    uint32_t middle = (low + high) >> 1;
    if (node->inner[middle].last >= key) high = middle;
    else low = middle + 1;
  }
  return low;
}

static inline uint32_t search_leaf(const Node *node, uint64_t key) {
  uint32_t low = 0;
  uint32_t high = node->count;
  while (low < high) {
    uint32_t middle = (low + high) >> 1;
    if (node->leaf[middle].run >= key) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* The place where `view` sees `chunk`, or NOWHERE; `count` becomes the length of the run there. */
static uint64_t lookup(uint64_t chunk, uint32_t view, uint32_t *count) {
  uint64_t key = chunk << 16;
  Node *node = node_of(root);
  while (node->level) {
    uint32_t index = search_inner(node, key);
    if (index == node->count) return NOWHERE;
    node = node_of(node->inner[index].child);
  }
  uint32_t index = search_leaf(node, key);
  if (index == node->count) return NOWHERE;
  uint64_t last = node->leaf[index].run >> 16;
  uint64_t first = last - (node->leaf[index].run & 0xffff) + 1;
  if (first > chunk) return NOWHERE;
  uint64_t rank = rank_of(view);
  for (; index < node->count && node->leaf[index].run >> 16 == last; index++) {
    const LeafEntry *entry = &node->leaf[index];
    if (entry->to != view && rank_of(entry->to) < rank) continue;
    if (entry->after && rank_of(entry->after) >= rank) return NOWHERE;
    if (last - chunk + 1 < *count) *count = last - chunk + 1;
    return (entry->place >> 16) + (chunk - first);
  }
  return NOWHERE;
}

/* Moves the upper half of a full node to a new one; `parent` (with room) gets it at `index`. */
static void split(Node *parent, uint32_t index, Node *node) {
  Node *upper = new_node(node->level);
  uint32_t kept = node->count / 2;
  upper->count = node->count - kept;
  node->count = kept;
  uint64_t last;
  if (node->level) {
    memcpy(upper->inner, node->inner + kept, upper->count * sizeof(InnerEntry));
    last = node->inner[kept - 1].last;
  } else {
    memcpy(upper->leaf, node->leaf + kept, upper->count * sizeof(LeafEntry));
    last = node->leaf[kept - 1].run & ~0xffffull;
  }
  InnerEntry *at = &parent->inner[index];
  memmove(at + 1, at, (parent->count - index) * sizeof *at);
  parent->count++;
  at[1].child = upper->block;
  at[0] = (InnerEntry){last, VIEW, node->block};
}

static int is_full(const Node *node) {
  return node->count == (node->level ? INNER_ENTRIES : LEAF_ENTRIES);
}

/* Splits full nodes on the way down, so that a split always finds room above. */
static void insert(uint64_t chunk, uint64_t place) {
  uint64_t key = chunk << 16;
  Node *node = node_of(root);
  if (is_full(node)) {
    Node *above = new_node(node->level + 1);
    above->inner[above->count++] = (InnerEntry){UINT64_MAX, VIEW, root};
    root = above->block;
    split(above, 0, node);
    node = above;
  }
  while (node->level) {
    uint32_t index = search_inner(node, key);
    Node *child = node_of(node->inner[index].child);
    if (is_full(child)) {
      split(node, index, child);
      if (node->inner[index].last < key) child = node_of(node->inner[index + 1].child);
    }
    node = child;
  }
  LeafEntry *at = &node->leaf[search_leaf(node, key)];
  memmove(at + 1, at, (char *)&node->leaf[node->count] - (char *)at);
  node->count++;
  *at = (LeafEntry){key | 1, 0, VIEW, place << 16};
}

static void build(uint32_t count, uint32_t seed) {
  uint32_t slot_count = count / 64 + 1024; /* leaves are two thirds full: 110 entries each */
  slots = mmap(NULL, slot_count * sizeof(Slot), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slots == MAP_FAILED) fail("mmap");
  uint32_t bits = 1;
  while ((1u << bits) < slot_count) bits++;
  slot_shift = 32 - bits;
  slot_heads = calloc(1u << bits, sizeof *slot_heads);
  if (!slot_heads) fail("calloc");
  view_heads[VIEW % VIEW_BUCKETS] = VIEW;
  root = new_node(0)->block;
  uint32_t *order = shuffled(count, seed);
  for (uint32_t i = 0; i < count; i++) insert(order[i], i + 1);
  free(order);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: tree COUNT SEED\n");
    return 2;
  }
  uint32_t count = strtoul(argv[1], NULL, 10);
  build(count, strtoul(argv[2], NULL, 10));
  printf("ready\n");
  fflush(stdout);
  uint32_t queries, seed;
  while (scanf("%u %u", &queries, &seed) == 2) {
    uint32_t *chunks = drawn(queries, count, seed);
    uint64_t checksum = 0;
    double start = now_ns();
    for (uint32_t i = 0; i < queries; i++) {
      uint32_t run = 1;
      checksum += lookup(chunks[i], VIEW, &run);
    }
    double spent = now_ns() - start;
    printf("%.0f %llu\n", spent, (unsigned long long)checksum);
    fflush(stdout);
    free(chunks);
  }
  return 0;
}
