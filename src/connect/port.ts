/**
 * What lies between two threads: anything like a `MessagePort`. What comes out of one is checked
 * here before anybody looks at it (I10).
 */
import { MultisnapError } from "../errors.ts";
import { PAYLOAD_BYTES_MAX, TYPE_CHANGED, TYPE_HELLO } from "./limits.ts";
import { type Head, type Message, NOTHING } from "./message.ts";

export interface Port {
  /** Throws what cannot be cloned. */
  post(message: unknown, transfer: Transferable[]): void;
  /** Called once, before anything is posted. `gone`: the other side is, and says nothing more. */
  listen(take: (data: unknown) => void, gone: (why: MultisnapError) => void): void;
  close(): void | Promise<void>;
  /** Somebody waits for an answer, or nobody does: then the process may end. */
  awake?(needed: boolean): void;
}

/** The part of a `MessagePort` that all platforms have. */
export interface MessagePortLike {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
  start?(): void;
  close(): void;
  ref?(): void;
  unref?(): void;
}

export function portOf(port: MessagePortLike): Port {
  return {
    post: (message, transfer) => port.postMessage(message, transfer),
    listen: (take, gone) => {
      port.addEventListener("message", ({ data }) => take(data));
      port.addEventListener("messageerror", () => gone(lost("sent what cannot be read here")));
      port.addEventListener("close", () => gone(lost("closed its port")));
      port.start?.();
    },
    close: () => port.close(),
    awake: (needed) => (needed ? port.ref?.() : port.unref?.()),
  };
}

export function lost(what: string): MultisnapError {
  return new MultisnapError(
    "Io",
    `the other side of the volume's port ${what}: what had no answer yet may have been done or not`,
  );
}

/** A message that carries the lowest number that its sender still waits for. */
export interface Posted extends Message {
  first: number;
}

/** Errors: `Invalid` for what is none. */
export function postedOf(data: unknown): Posted {
  if (typeof data !== "object" || data === null) throw broken(`it is ${typeof data}`);
  const { type, request, first = 0, head, payload = NOTHING } = data as Partial<Posted>;
  if (!isNumber(type) || type < TYPE_HELLO || type > TYPE_CHANGED) throw broken("its type");
  if (!isNumber(request)) throw broken("its number");
  if (!isNumber(first)) throw broken("the first number that it waits for");
  if (!isHead(head)) throw broken("its head");
  if (!(payload instanceof Uint8Array)) throw broken("its payload");
  if (payload.length > PAYLOAD_BYTES_MAX) throw broken(`a payload of ${payload.length} bytes`);
  return { type, request, first, head, payload };
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHead(value: unknown): value is Head {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function broken(why: string): MultisnapError {
  return new MultisnapError("Invalid", `not a message of a volume's port: ${why}`);
}
