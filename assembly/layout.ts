/**
 * On-disk layout: every offset, chained from the one before where a record has fields.
 * Little-endian. FORMAT.md draws each record; a test holds it against this file.
 */

// ---- common header of a metadata block (tree, space map, streams): 64 bytes
export const BLOCK_CRC: u32 = 0; // u32, crc32c of bytes 4..4095
export const BLOCK_NUMBER: u32 = 4; // u32, its own number
export const BLOCK_LEVEL: u32 = 8; // u16, 0 for a leaf
export const BLOCK_COUNT: u32 = 10; // u16, entries
export const BLOCK_TYPE: u32 = 12; // u32
export const BLOCK_GENERATION: u32 = 16; // u64, of the checkpoint that it was written for
export const BLOCK_STORE: u32 = 24; // u64, first half of the store's uuid
export const BLOCK_NEXT: u32 = 32; // u64, streams: where the next block lies (device block), 0 last
export const BLOCK_HEADER: u32 = 64;

export const TYPE_LEAF: u32 = 0x4641454c; // "LEAF"
export const TYPE_INNER: u32 = 0x52454e49; // "INER"
export const TYPE_SPACE: u32 = 0x43415053; // "SPAC"
export const TYPE_TABLES: u32 = 0x4c424154; // "TABL"
export const TYPE_VIEWS: u32 = 0x57454956; // "VIEW"
export const TYPE_SUMS: u32 = 0x534d5553; // "SUMS"
export const TYPE_SUM_INDEX: u32 = 0x58444953; // "SIDX"

// ---- leaf entry: 24 bytes
export const ENTRY_SPAN: u32 = 0; // u64: last chunk << 16 | count
export const ENTRY_AFTER: u32 = 8; // u32, view id
export const ENTRY_TO: u32 = 12; // u32, view id
/** Bitmap store: bits of snapshots, in the place of the two ids. u64 */
export const ENTRY_MASK: u32 = 8;
export const ENTRY_PLACE: u32 = 16; // u64: place << 16 | flags
export const ENTRY_BYTES: u32 = 24;
export const LEAF_MAX: u32 = 168; // (4096 - 64) / 24

export const FLAG_SHARED: u32 = 1; // another entry of the column can name the same place
export const FLAG_HOLE: u32 = 2; // reads as zeros; the place is 0
export const LOST_PLACE: u32 = 0x7fffffff; // with HOLE: not zeros, lost to damage
// every live view below this entry has an entry (attached origin)
export const FLAG_FILLED: u32 = 4;
// range store: only for those views that no entry before it in its column has
export const FLAG_AROUND: u32 = 8;
// bitmap store, with HOLE: what lies under the store, not zeros
export const FLAG_UNDER: u32 = 8;
export const FLAGS: u32 = 15;
// 12 bits: number of the record that last took views away from this entry, mod 4095, + 1
export const EPOCH_SHIFT: u32 = 4;

// ---- inner entry: 16 bytes
export const INNER_LAST: u32 = 0; // u64: last chunk << 16 of the child's last entry
export const INNER_TO: u32 = 8; // u32: its view id; bitmap store: its lowest bit, 64 for mask 0
export const INNER_CHILD: u32 = 12; // u32: block
export const INNER_BYTES: u32 = 16;
export const INNER_MAX: u32 = 252; // (4096 - 64) / 16

// ---- space map block: one bit a chunk, 1 = in use
export const GROUP_CHUNKS: u32 = 32256; // (4096 - 64) * 8

// ---- sum map block: a u32 a place: crc32c of its chunk, 0 = none (a crc of 0 is stored as 1)
export const SUM_PLACES: u32 = 1008; // (4096 - 64) / 4

// ---- superblock: 4096 bytes at 0 and at 4096
export const SUPER_MAGIC: u32 = 0; // u64 "MULTISNP"
export const SUPER_VERSION: u32 = 8; // u32
export const SUPER_CRC: u32 = 12; // u32, crc32c of the block with this field 0
export const SUPER_COMPATIBLE: u32 = 16; // u32, features that an older program may ignore
// u32, features that an older program may ignore when it only reads
export const SUPER_READ_COMPATIBLE: u32 = 20;
export const SUPER_INCOMPATIBLE: u32 = 24; // u32, features that an older program must refuse
export const SUPER_SLOT: u32 = 28; // u32, 0 or 1: which of the two
export const SUPER_UUID: u32 = 32; // 16 bytes
export const SUPER_GENERATION: u32 = 48; // u64, counts checkpoints
export const SUPER_CHUNK_SHIFT: u32 = 56; // u32, 12..20
export const SUPER_KIND: u32 = 60; // u32, 1 range, 2 bitmap
export const SUPER_SIZE: u32 = 64; // u64, bytes of the origin
export const SUPER_LIMIT: u32 = 72; // u64, bytes of the store at most, 0 none
export const SUPER_MODE: u32 = 80; // u32, 0 inline, 1 inline on a base, 2 attached
// u32, blocks of one journal area; the two follow the superblocks
export const SUPER_AREA_BLOCKS: u32 = 84;
export const SUPER_AREA: u32 = 88; // u32, 0 or 1: the area in use
export const SUPER_HEIGHT: u32 = 92; // u32, levels of the tree, 0 empty
export const SUPER_SEQUENCE: u32 = 96; // u64, of the first record after this checkpoint
export const SUPER_ENTRIES: u32 = 104; // u64, entries in the tree
export const SUPER_ROOT: u32 = 112; // u32, block
export const SUPER_NEXT_ID: u32 = 116; // u32, the next view's id
export const SUPER_TABLES: u32 = 120; // u64, device block of the tables stream
export const SUPER_TABLES_WORDS: u32 = 128; // u64, its length in 8-byte words
export const SUPER_VIEWS: u32 = 136; // u64, device block of the views stream
export const SUPER_VIEWS_WORDS: u32 = 144; // u64
export const SUPER_TOP: u32 = 152; // u64, chunks up to the highest in use
export const SUPER_USED: u32 = 160; // u64, chunks in use, metadata and fixed ones included
export const SUPER_DATA: u32 = 168; // u64, chunks in use for data
export const SUPER_META: u32 = 176; // u32, metadata blocks in use
export const SUPER_VIEW_COUNT: u32 = 180; // u32, views in the stream, deleted ones included
export const SUPER_CREATED: u32 = 184; // f64, milliseconds since 1970
export const SUPER_GROUPS: u32 = 192; // u32, groups of the space map
export const SUPER_SLABS: u32 = 196; // u32, slabs of metadata blocks
export const SUPER_SUM_GROUPS: u32 = 200; // u32, groups of the sum map
export const SUPER_POLICY: u32 = 204; // u32, what a full store does; bit 0: gives snapshots up
export const SUPER_SUMS: u32 = 208; // u64, device block of the sums stream
export const SUPER_ORIGIN_SEAT: u32 = 216; // u32, seat of the origin; 0: its id, which is 1
export const SUPER_ORIGIN_PATH: u32 = 512; // u16 length, then UTF-8
export const SUPER_BASE_PATH: u32 = 1536; // the same
export const SUPER_PATH_BYTES: u32 = 1024;
export const SUPER_VICTIMS: u32 = 2560; // u16 length, then UTF-8
export const SUPER_VICTIMS_BYTES: u32 = 512;
export const SUPER_BYTES: u32 = 4096;
export const VERSION: u32 = 1;
/** Of `read compatible`: chunks have checksums, which who changes the store must keep right. */
export const FEATURE_SUMS: u32 = 1;
/** Of `incompatible`: a view was rolled back, so seats are not all ids. */
export const FEATURE_SEATS: u32 = 1;
/** The same: views were changed by OP_SET, or have marks. */
export const FEATURE_MARKS: u32 = 2;
/** The same: views have more chunks than the origin's size tells. */
export const FEATURE_WIDE: u32 = 4;
export const FEATURES: u32 = 7; // of `incompatible`: those that are known
export const MODE_ATTACHED: u32 = 2;
export const KIND_RANGE: u32 = 1;
export const KIND_BITMAP: u32 = 2;

// ---- journal record: header of 64 bytes, operations, zeros up to a block
export const RECORD_CRC: u32 = 0; // u32, crc32c of bytes 4 .. length-1
export const RECORD_MAGIC: u32 = 4; // u32 "JRNL"
export const RECORD_LENGTH: u32 = 8; // u32, bytes in use, header included
// u32, crc of the record before (0 for the first after a checkpoint)
export const RECORD_CHAIN: u32 = 12;
export const RECORD_SEQUENCE: u32 = 16; // u64
export const RECORD_STORE: u32 = 24; // u64, first half of the store's uuid
export const RECORD_TOP: u32 = 32; // u64, chunks up to the highest ever in use
export const RECORD_HEADER: u32 = 64;
export const RECORD_NUMBER: u32 = 0x4c4e524a; // "JRNL"

// ---- operation: 24 bytes, CREATE, RENAME, ROLLBACK and SET followed by text padded to 8
export const OP_KIND: u32 = 0; // u8
export const OP_FLAGS: u32 = 1; // u8
export const OP_COUNT: u32 = 2; // u16, chunks or bytes of a name
export const OP_VIEW: u32 = 4; // u32
export const OP_CHUNK: u32 = 8; // u64
export const OP_PLACE: u32 = 16; // u64
export const OP_BYTES: u32 = 24;

export const OP_MAP: u32 = 1; // view's chunks -> place (or a hole)
export const OP_COPY_OUT: u32 = 2; // attached origin's old chunks -> place, for all who need them
/** OP_COPY_OUT: for the lowest gap of the chunk only; more operations follow. */
export const OP_PART: u32 = 4;
/** An operation before it has named the place, which is in use. */
export const OP_AGAIN: u32 = 8;
export const OP_CREATE: u32 = 3; // view = new id, chunk = parent's id, place = created (f64)
export const OP_DELETE: u32 = 4; // view
export const OP_RENAME: u32 = 5; // view, name
export const OP_SLAB: u32 = 6; // view = number of the slab, place = first chunk, count = blocks
export const OP_RECLAIM_BEGIN: u32 = 7;
export const OP_RECLAIM: u32 = 8; // one step from (chunk, view), count entries
export const OP_RECLAIM_END: u32 = 9;
export const OP_SUMS: u32 = 10; // place, count: so many sums follow, u32 each, padded to 8
export const OP_SUMS_MAX: u32 = 64; // (OP_MAX - OP_BYTES) / 4
// view becomes what another one is; chunk = that one's id | the new view's id << 32, place =
// created (f64); what it was is the new view, of the name that follows, or deleted without one
export const OP_ROLLBACK: u32 = 11;
export const OP_SET: u32 = 12; // view; what is set by flags, one of:
export const SET_SIZE: u32 = 1; // chunk = bytes
export const SET_READ_ONLY: u32 = 2; // chunk = 1, or 0
export const SET_MARKS: u32 = 4; // count = bytes of the marks that follow
/** A record at the end of an operation of at most this many bytes always has room; not so marks. */
export const OP_MAX: u32 = 24 + 256;

// ---- view in the views stream: 6 words, then the name padded to 8; in the order of the timeline
// id | parent<<32; flags | name bytes<<32; created; size; seat (0: the id); bytes of the marks,
// which follow the name, padded to 8
export const VIEW_WORDS: u32 = 6;
export const NAME_MAX: u32 = 255;
export const MARKS_MAX: u32 = 500;
