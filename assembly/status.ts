/**
 * What an operation answers when it cannot go on. Every operation finds all it needs first and
 * changes second, so that after any of these the host does what is asked and calls again from the
 * start.
 */

/**
 * Read block IO_BLOCK: IO_LENGTH bytes at IO_OFFSET of the store to IO_ADDRESS, then `cacheLoaded`.
 */
export const FAULT: i32 = -1;
/** Write IO_LENGTH bytes at IO_ADDRESS to IO_OFFSET, between `cacheWriting` and `cacheWritten`. */
export const WRITE_BACK: i32 = -2;
/** No place is left; nothing was changed (I8). */
export const NO_SPACE: i32 = -3;
/** Block IO_BLOCK is not what was written. */
export const CORRUPT: i32 = -4;
/** Memory wants IO_LENGTH more bytes: grow it, then `cacheGrow`. */
export const GROW: i32 = -5;
/** The open record is full: commit. */
export const COMMIT: i32 = -6;
/** Metadata blocks or the journal area run out: checkpoint. */
export const CHECKPOINT: i32 = -7;
export const NOT_FOUND: i32 = -8;
export const EXISTS: i32 = -9;
export const INVALID: i32 = -10;
export const UNSUPPORTED: i32 = -11;
/** Write zeros over IO_LENGTH bytes at IO_OFFSET, then `slabFilled` or `spaceRefused`. */
export const FILL: i32 = -12;
