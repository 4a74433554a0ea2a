/**
 * Numbers of the NBD protocol (the NetworkBlockDevice project's doc/proto.md), as far as the server
 * knows them. Everything on the wire is big-endian.
 */
export const NBDMAGIC = "NBDMAGIC";
export const IHAVEOPT = "IHAVEOPT";
/** First four bytes of a request, of a simple and of a structured reply. */
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;
/** First eight bytes of a reply to an option, in two halves. */
export const OPTION_REPLY_MAGIC = [0x0003e889, 0x045565a9] as const;

/** magic 4, flags 2, type 2, cookie 8, offset 8, length 4. */
export const REQUEST_BYTES = 28;
/** magic 4, error 4, cookie 8. */
export const SIMPLE_REPLY_BYTES = 16;
/** magic 4, flags 2, type 2, cookie 8, length 4. */
export const CHUNK_HEAD_BYTES = 20;
/** IHAVEOPT 8, option 4, length 4. */
export const OPTION_HEAD_BYTES = 16;

// Of the greeting, and of the client's answer to it.
export const FLAG_FIXED_NEWSTYLE = 1;
export const FLAG_NO_ZEROES = 2;

// Options.
export const OPT_EXPORT_NAME = 1;
export const OPT_ABORT = 2;
export const OPT_LIST = 3;
export const OPT_STARTTLS = 5;
export const OPT_INFO = 6;
export const OPT_GO = 7;
export const OPT_STRUCTURED_REPLY = 8;
export const OPT_LIST_META_CONTEXT = 9;
export const OPT_SET_META_CONTEXT = 10;

// Replies to options.
export const REP_ACK = 1;
export const REP_SERVER = 2;
export const REP_INFO = 3;
export const REP_META_CONTEXT = 4;
export const REP_ERR_UNSUP = 0x80000001;
export const REP_ERR_INVALID = 0x80000003;
export const REP_ERR_TLS_REQD = 0x80000005;
export const REP_ERR_UNKNOWN = 0x80000006;
export const REP_ERR_TOO_BIG = 0x80000009;

// Pieces of information about an export.
export const INFO_EXPORT = 0;
export const INFO_NAME = 1;
export const INFO_DESCRIPTION = 2;
export const INFO_BLOCK_SIZE = 3;

// What an export can do.
export const EXPORT_HAS_FLAGS = 1 << 0;
export const EXPORT_READ_ONLY = 1 << 1;
export const EXPORT_SEND_FLUSH = 1 << 2;
export const EXPORT_SEND_FUA = 1 << 3;
export const EXPORT_SEND_TRIM = 1 << 5;
export const EXPORT_SEND_WRITE_ZEROES = 1 << 6;
export const EXPORT_SEND_DF = 1 << 7;
export const EXPORT_CAN_MULTI_CONN = 1 << 8;
export const EXPORT_SEND_CACHE = 1 << 10;
export const EXPORT_SEND_FAST_ZERO = 1 << 11;

// Commands.
export const CMD_READ = 0;
export const CMD_WRITE = 1;
export const CMD_DISC = 2;
export const CMD_FLUSH = 3;
export const CMD_TRIM = 4;
export const CMD_CACHE = 5;
export const CMD_WRITE_ZEROES = 6;
export const CMD_BLOCK_STATUS = 7;

// Flags of commands.
export const CMD_FUA = 1 << 0;
export const CMD_NO_HOLE = 1 << 1;
export const CMD_DF = 1 << 2;
export const CMD_REQ_ONE = 1 << 3;
export const CMD_FAST_ZERO = 1 << 4;

// Chunks of structured replies.
export const CHUNK_DONE = 1;
export const CHUNK_NONE = 0;
export const CHUNK_OFFSET_DATA = 1;
export const CHUNK_BLOCK_STATUS = 5;
export const CHUNK_ERROR = 0x8001;

// Errors in replies; the numbers are Linux's.
export const EPERM = 1;
export const EIO = 5;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ENOTSUP = 95;
export const ESHUTDOWN = 108;

// Block status: `base:allocation`, and what changed (as `qemu:dirty-bitmap` has it).
export const STATE_HOLE = 1;
export const STATE_ZERO = 2;
export const STATE_CHANGED = 1;

/** A name is at most this long (the protocol's own limit for strings). */
export const NAME_BYTES_MAX = 4096;
/** Of a read or a write: what the block size information says. */
export const PAYLOAD_BYTES_MAX = 32 * 2 ** 20;
