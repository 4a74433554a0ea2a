/**
 * The one memory map. All state of the engine lies in the imported memory at these addresses, none
 * in wasm globals and none in data segments, so that a second instance over the same memory sees
 * the same engine and resets nothing.
 *
 *     0        1 KiB      guard: address 0 is "none"
 *     STATE    7 KiB      scalars that live as long as the volume is open
 *     SUPER    4 KiB      image of the superblock: the scalars that are persistent
 *     ...                 requests, scratch, directories (fixed sizes, below)
 *     HEAP                page hash, journal and transfer buffers, then cache slots to the end
 *
 * Each constant is chained from the one before.
 */

export const PAGE: u32 = 4096;
export const PAGE_SHIFT: u32 = 12;

// ---- scalars
export const STATE: usize = 1024;
/**
 * Device position (bytes, f64), address and length of the transfer that a status asks of the host.
 */
export const IO_OFFSET: usize = STATE;
export const IO_ADDRESS: usize = IO_OFFSET + 8;
export const IO_LENGTH: usize = IO_ADDRESS + 4;
export const IO_BLOCK: usize = IO_LENGTH + 4;
/** Number of the invariant that failed, 0 while all hold. */
export const POISON: usize = IO_BLOCK + 4;
/** Generation that is being built: the last checkpoint's plus one. */
export const GENERATION: usize = POISON + 8;
export const REPLAYING: usize = GENERATION + 8;
export const READ_ONLY: usize = REPLAYING + 4;
/** 1 where an unmapped chunk of a view reads as zeros: inline origin without a base. */
export const ZERO_DEFAULT: usize = READ_ONLY + 4;

// cache
export const SLOTS_FIRST: usize = ZERO_DEFAULT + 4;
export const SLOTS_END: usize = SLOTS_FIRST + 4;
export const SLOTS_FREE: usize = SLOTS_END + 4;
export const SLOTS_FREE_COUNT: usize = SLOTS_FREE + 4;
/** From here to SLOTS_END are slots that were never used. */
export const SLOTS_UNUSED: usize = SLOTS_FREE_COUNT + 4;
export const SLOTS_HAND: usize = SLOTS_UNUSED + 4;
export const SLOTS_PINNED: usize = SLOTS_HAND + 4;
export const SLOTS_TOTAL: usize = SLOTS_PINNED + 4;
/** Slots for metadata pages that there shall be beside the pinned ones. */
export const SLOTS_WANTED: usize = SLOTS_TOTAL + 4;
export const HASH: usize = SLOTS_WANTED + 4;
export const HASH_MASK: usize = HASH + 4;
export const DIRTY_COUNT: usize = HASH_MASK + 4;
/** Reads of pages that the host has not ended yet. */
export const LOADS: usize = DIRTY_COUNT + 4;

// metadata blocks
export const META_FREE: usize = LOADS + 4;
export const META_CURSOR: usize = META_FREE + 4;
export const META_PENDING: usize = META_CURSOR + 4;
export const META_BLOCKS: usize = META_PENDING + 4;
export const META_SCAN: usize = META_BLOCKS + 4;
export const SLAB_SHIFT: usize = META_SCAN + 4;
/** A run of chunks that becomes a slab once zeros are written over it: nobody else takes it. */
export const FILL_PLACE: usize = SLAB_SHIFT + 4;
export const FILL_COUNT: usize = FILL_PLACE + 8;
export const FILL_DONE: usize = FILL_COUNT + 4;

// places
export const SPACE_CURSOR: usize = (FILL_DONE + 4 + 7) & ~7;
export const SPACE_LIMIT: usize = SPACE_CURSOR + 8;
/** Places at and above this one are not given out: the limit, or where the device was full. */
export const SPACE_CEILING: usize = SPACE_LIMIT + 8;
export const SPACE_FLOOR: usize = SPACE_CEILING + 8;
/** Above every place; as SPACE_FLOOR: no slab is looked for. */
export const NOWHERE: u64 = (<u64>1) << 48;
/** Chunks that the last two checkpoints and what came behind them can name. */
export const SPACE_CUT: usize = SPACE_FLOOR + 8;
export const SPACE_RUN: usize = SPACE_CUT + 8;
export const SPACE_RUN_LENGTH: usize = SPACE_RUN + 8;
// two counts: of the open record, of the sealed one
export const HELD_COUNT: usize = SPACE_RUN_LENGTH + 4;
export const HELD_DONE: usize = HELD_COUNT + 8;
export const HELD_OPEN: usize = HELD_DONE + 4;
export const HELD_CHUNKS: usize = HELD_OPEN + 4;

// timeline
export const VIEW_FREE: usize = HELD_CHUNKS + 8;
export const VIEW_DEAD: usize = VIEW_FREE + 4;
export const VIEW_LIVE: usize = VIEW_DEAD + 4;
export const VIEWS_CHANGED: usize = VIEW_LIVE + 4;
export const VIEW_FIRST: usize = VIEWS_CHANGED + 4; // address of the bottom's cell
export const VIEW_LAST: usize = VIEW_FIRST + 4; // address of the last cell of the timeline
export const TABLE_PAGES: usize = VIEW_LAST + 4; // list of pinned pages

// tree
export const PATH: usize = TABLE_PAGES + 4; // per level: page u32, index u32
export const PATH_LEVELS: u32 = 12;
// chunk of a leaf that wants merging, +1; 0 none
export const UNDERFULL: usize = PATH + 8 * PATH_LEVELS;
/** View that the entry below a window of a wide column ends at, 0 none. */
export const BELOW: usize = UNDERFULL + 8;

// journal
/** Place and first chunk of the entry that a lookup came upon. */
export const FOUND: usize = BELOW + 4;
/** Runs of a lookup so far. */
export const RUN_COUNT: usize = FOUND + 16;
export const JOURNAL_SIZE: usize = RUN_COUNT + 4; // bytes of a buffer
export const JOURNAL_BUFFERS: usize = JOURNAL_SIZE + 4; // two addresses
export const JOURNAL_OPEN: usize = JOURNAL_BUFFERS + 8; // 0 or 1: the buffer that takes operations
export const JOURNAL_USED: usize = JOURNAL_OPEN + 4; // bytes in it, header included
// address of the last operation that is no OP_SUMS, and of the last that is one; 0 none
export const JOURNAL_LAST: usize = JOURNAL_USED + 4;
export const JOURNAL_SUMS: usize = JOURNAL_LAST + 4;
export const JOURNAL_HEAD: usize = (JOURNAL_SUMS + 4 + 7) & ~7; // blocks used of the current area
export const JOURNAL_SEQUENCE: usize = JOURNAL_HEAD + 8; // of the next record
export const JOURNAL_DURABLE: usize = JOURNAL_SEQUENCE + 8; // the last record that is durable
/** Record in which an entry that shared its place with another was last replaced. */
export const SHARED_DROPPED: usize = JOURNAL_DURABLE + 8;
export const JOURNAL_CHAIN: usize = SHARED_DROPPED + 8; // crc of the record before
export const JOURNAL_CURSOR: usize = JOURNAL_CHAIN + 4; // replay: address of the next operation
export const JOURNAL_DONE: usize = JOURNAL_CURSOR + 4; // replay: chunks done of that operation
export const JOURNAL_STAGE: usize = JOURNAL_DONE + 8;
export const JOURNAL_TOP: usize = JOURNAL_STAGE + 8;

// reclaim
export const RECLAIM_ACTIVE: usize = JOURNAL_TOP + 8;
export const RECLAIM_FREED: usize = RECLAIM_ACTIVE + 4;
// entries before (chunk, rank of to) are done
export const RECLAIM_CHUNK: usize = RECLAIM_FREED + 4;
export const RECLAIM_TO: usize = RECLAIM_CHUNK + 8;

// checkpoint
export const CHECKPOINT_PHASE: usize = RECLAIM_TO + 8;
export const CHECKPOINT_SCAN: usize = CHECKPOINT_PHASE + 4;
export const CHECKPOINT_TRIM: usize = CHECKPOINT_SCAN + 4;
/** Words of the views stream as it would be now. */
export const VIEWS_WORDS: usize = CHECKPOINT_TRIM + 4;
/** The index of the sum map is not what the last checkpoint has. */
export const SUMS_CHANGED: usize = VIEWS_WORDS + 8;
/** Blocks of the three streams of the last checkpoint: tables, views, sums. */
export const STREAM_COUNT: usize = SUMS_CHANGED + 4;
// blocks written or read of the stream at work
export const STREAM_DONE: usize = (STREAM_COUNT + 12 + 7) & ~7;
export const STREAM_LEFT: usize = STREAM_DONE + 8; // words
export const STREAM_SECTION: usize = STREAM_LEFT + 8;
export const STREAM_INDEX: usize = STREAM_SECTION + 4;
export const STREAM_WORD: usize = STREAM_INDEX + 4;
export const STREAM_RECORD: usize = STREAM_WORD + 4; // words of the record at work
export const TRANSFER: usize = STREAM_RECORD + 4; // address and bytes of the transfer buffer
export const TRANSFER_SIZE: usize = TRANSFER + 4;
export const PENDING_COUNT: usize = TRANSFER_SIZE + 4;
/** 1 where chunk numbers have more than 32 bits. */
export const WIDE: usize = PENDING_COUNT + 4;
/** Bitmap store: bits of live snapshots, and of those that are not reclaimed yet as well. */
export const LIVE_MASK: usize = (WIDE + 4 + 7) & ~7;
export const KNOWN_MASK: usize = LIVE_MASK + 8;
export const STATE_END: usize = KNOWN_MASK + 8;

// ---- regions of fixed size
export const SUPER: usize = 8192;
/** Bottom of the timeline, a cell as every view's. */
export const BOTTOM: usize = SUPER + 4096;
// one record of the views stream while it is put together
export const RECORD: usize = BOTTOM + 128;
export const NAME: usize = RECORD + 896; // names and marks come and go through this
/** Sums of one operation. */
export const SUM_LIST: usize = NAME + 512;
export const PENDING: usize = SUM_LIST + 64 * 4;
/** 256 requests in flight with at most 16 each. */
export const PENDING_SLOTS: u32 = 4096;
export const PENDING_BYTES: u32 = 32;
/** Runs that a plan or a lookup answers: kind u32, count u32, place f64. */
export const RUNS: usize = PENDING + PENDING_SLOTS * PENDING_BYTES;
export const RUNS_MAX: u32 = 512;
/** Batched lookups: chunk f64, view u32, kind u32, place f64, spare f64. */
export const BATCH: usize = RUNS + RUNS_MAX * 16;
export const BATCH_MAX: u32 = 512;
export const BATCH_BYTES: u32 = 32;
/** Entries of the column at work: as found, as it shall be. */
export const SCRATCH_MAX: u32 = 1200;
export const OLD: usize = BATCH + BATCH_MAX * BATCH_BYTES;
export const NEW: usize = OLD + SCRATCH_MAX * 24;
export const MIDDLE: usize = NEW + SCRATCH_MAX * 3 * 24;
/**
 * Places freed and held until the record that frees them is durable: place u64, count u32, spare.
 */
export const HELD_MAX: u32 = 8192;
export const HELD: usize = MIDDLE + SCRATCH_MAX * 24;
/** Blocks of the three streams, so many each. */
export const STREAM_MAX: u32 = 32768;
export const STREAM: usize = HELD + 2 * HELD_MAX * 16;
/** Directories of the tables: address of a pinned page each. */
export const GROUP_PAGES: u32 = 4096; // 512 groups of 8 bytes a page
export const GROUPS: usize = STREAM + 3 * STREAM_MAX * 4;
export const SLAB_PAGES: u32 = 4096; // 512 slabs of 8 bytes a page
export const SLABS: usize = GROUPS + GROUP_PAGES * 4;
export const BITMAP_PAGES: u32 = 1024; // 32,768 blocks a page
export const SUM_PAGES: u32 = 32256; // 512 groups of 8 bytes a page; as many as a stream can name
export const SUMS: usize = SLABS + SLAB_PAGES * 4;
export const META_USED: usize = SUMS + SUM_PAGES * 4;
export const META_FREEING: usize = META_USED + BITMAP_PAGES * 4;
export const META_FRESH: usize = META_FREEING + BITMAP_PAGES * 4;
/** Hash of views by seat, by id and by name: first cell of the chain. */
export const VIEW_BUCKETS: u32 = 32768;
export const VIEWS_BY_SEAT: usize = META_FRESH + BITMAP_PAGES * 4;
export const VIEWS_BY_ID: usize = VIEWS_BY_SEAT + VIEW_BUCKETS * 4;
export const VIEWS_BY_NAME: usize = VIEWS_BY_ID + VIEW_BUCKETS * 4;
/** Slicing-by-16 tables of crc32c, made by init. */
export const CRC_TABLES: usize = VIEWS_BY_NAME + VIEW_BUCKETS * 4;
/** What follows is laid out by init: page hash, journal buffers, transfer buffer, cache slots. */
export const HEAP: usize = (CRC_TABLES + 16384 + 65535) & ~65535;
