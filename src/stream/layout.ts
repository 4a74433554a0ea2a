/**
 * The stream of snapshots: every offset, as STREAM.md draws them. Little-endian; a test holds the
 * two against each other.
 */

// ---- header of a record: 40 bytes; a payload follows, padded with zeros to a multiple of 8
export const RECORD_CRC = 0; // u32, crc32c of all that follows, payload and padding included
export const RECORD_TYPE = 4; // u16
export const RECORD_FLAGS = 6; // u16
export const RECORD_STORED = 8; // u32, bytes of the payload
export const RECORD_RAW = 12; // u32, bytes of the payload when it is not compressed
export const RECORD_INDEX = 16; // u64, of the record in its stream, from 0
export const RECORD_OFFSET = 24; // u64, bytes of the snapshot
export const RECORD_LENGTH = 32; // u64, bytes of the snapshot
export const RECORD_HEADER = 40;

export const TYPE_STREAM = 1;
export const TYPE_SNAPSHOT = 2;
export const TYPE_DATA = 3;
export const TYPE_ZEROS = 4;
export const TYPE_SNAPSHOT_END = 5;
export const TYPE_END = 6;

export const FLAG_COMPRESSED = 1;

/** Bytes of the snapshot that a record of data has, at most. */
export const DATA_MAX = 2 ** 20;

// ---- payload of STREAM: 88 bytes
export const STREAM_MAGIC = 0; // 8 bytes, "MSNPSTRM"
export const STREAM_VERSION = 8; // u32
export const STREAM_COMPRESSION = 12; // u32
export const STREAM_TARGET = 16; // identity of the last snapshot
export const STREAM_FROM = 48; // identity of what the first one follows on, zeros: nothing
export const STREAM_COUNT = 80; // u32, snapshots that follow
export const STREAM_FLAGS = 84; // u32
export const STREAM_BYTES = 88;

export const MAGIC = "MSNPSTRM";
export const VERSION = 1;
export const STREAM_RESUMED = 1;

export const COMPRESSION_NONE = 0;
export const COMPRESSION_GZIP = 1;
export const COMPRESSION_ZSTD = 2;

// ---- payload of SNAPSHOT: 96 bytes, then the two names
export const SNAPSHOT_IDENTITY = 0; // 32 bytes
export const SNAPSHOT_BASE = 32; // 32 bytes, zeros where it stands on nothing
export const SNAPSHOT_SIZE = 64; // u64, bytes
export const SNAPSHOT_CREATED = 72; // f64, milliseconds since 1970
export const SNAPSHOT_CHUNK = 80; // u32, bytes of a chunk where it comes from
export const SNAPSHOT_FLAGS = 84; // u32
export const SNAPSHOT_NAME_BYTES = 88; // u16
export const SNAPSHOT_BASE_NAME_BYTES = 90; // u16
export const SNAPSHOT_NAMES = 96; // UTF-8, one after the other
export const NAME_MAX = 255;

export const SNAPSHOT_HAS_BASE = 1;

// ---- payload of SNAPSHOT_END and END
export const SUM_CRC = 0; // u32, crc32c of the crcs of all records before, in their order
export const SUM_RECORDS = 8; // u64, records before
export const SUM_BYTES = 16; // u64, bytes before
export const SUM_LENGTH = 24;
