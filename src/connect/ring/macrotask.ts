/**
 * The next turn of the event loop: everything that waits there comes first. `setTimeout` waits
 * milliseconds in a page; a message to oneself takes microseconds.
 */
const immediate: ((call: () => void) => unknown) | undefined =
  typeof setImmediate === "function" ? setImmediate : undefined;

/** Where there is one, many messages of a port may come in one turn. */
export const turnsAreLong = immediate !== undefined;

let channel: MessageChannel | null = null;
const calls: (() => void)[] = [];

export function nextTurn(call: () => void): void {
  if (immediate) {
    immediate(call);
    return;
  }
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => calls.shift()?.();
  }
  calls.push(call);
  channel.port2.postMessage(null);
}
