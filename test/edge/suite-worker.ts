/**
 * The worker that runs a test file inside of a Durable Object and answers what it prints, as it
 * comes. The file is bundled in place of `test-file`.
 */
import engine from "../../src/engine/engine.wasm";
import { useEngine } from "../../src/engine/source.ts";
import { useStorage } from "./sql-medium.ts";

declare const TEST_ENV: Record<string, string>;
type Context = { storage: Parameters<typeof useStorage>[0] };
type Namespace = {
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(request: Request): Promise<Response> };
};

const encoder = new TextEncoder();
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const COLOURS = /\x1b\[[0-9;]*m/g;

export class Box {
  constructor(context: Context) {
    useStorage(context.storage);
    useEngine(engine);
  }

  fetch(): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const print = (...words: unknown[]) => {
      const text = words.map(String).join(" ").replace(COLOURS, "");
      void writer.write(encoder.encode(`${text}\n`));
    };
    void run(print)
      .catch((error) => print(`ended with ${(error as Error).stack ?? error}`))
      .finally(() => writer.close());
    return new Response(readable);
  }
}

async function run(print: (...words: unknown[]) => void): Promise<void> {
  Object.assign(console, { log: print, warn: print, error: print });
  Object.assign(process.env, TEST_ENV);
  // The suites are run from here, when all of the file has been read. No exit code, no stdout.
  Object.defineProperty(process, "stdout", { value: undefined, configurable: true });
  Object.assign(globalThis, { UVU_DEFER: true, UVU_INDEX: 0, UVU_QUEUE: [[null]] });
  Object.assign(globalThis, { setImmediate: quickly() });
  await import("test-file");
  const { exec } = (await import("uvu")) as unknown as { exec: () => Promise<void> };
  await exec();
}

/**
 * The platform's own takes a millisecond or two, and late media take many: most turns are those of
 * promises here.
 */
function quickly(): (callback: () => void) => void {
  const own = globalThis.setImmediate;
  let calls = 0;
  return (callback) => {
    if (++calls % 64 === 0) own(callback);
    else queueMicrotask(() => queueMicrotask(callback));
  };
}

export default {
  fetch(request: Request, env: { BOX: Namespace }): Promise<Response> {
    return env.BOX.get(env.BOX.idFromName("tests")).fetch(request);
  },
};
