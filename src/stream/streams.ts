/** What callers of the library use of streams. */
export { dropReceived, halfReceived } from "./half-way.ts";
export { receiveStream } from "./receive.ts";
export { sendStream } from "./send.ts";
