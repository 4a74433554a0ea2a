/** What goes to standard output and error, and how the two stay apart. */
import { MultisnapError } from "../errors.ts";

export interface OutputOptions {
  /** One JSON document on standard output and nothing else there. */
  json?: boolean;
  /** No notices and no progress; what was asked for is still printed. */
  quiet?: boolean;
}

/** Says that something was done. */
export async function notice(options: OutputOptions, json: object, text: string): Promise<void> {
  if (options.json) await answer(options, json, text);
  else if (!options.quiet) await writeOut(`${text}\n`);
}

/** Prints what was asked for. */
export async function answer(options: OutputOptions, json: object, text: string): Promise<void> {
  await writeOut(options.json ? `${JSON.stringify(json, null, 2)}\n` : `${text}\n`);
}

let isListening = false;

/** Opened when it is first needed, which takes a while. */
export function stdout(): typeof process.stdout {
  // Without a listener, a reader that goes away would end us in the middle of a write; the write
  // itself reports it.
  if (!isListening) process.stdout.on("error", () => {});
  isListening = true;
  return process.stdout;
}

/** Returns when standard output has taken the bytes, so that a slow reader slows us down. */
export function writeOut(bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout().write(bytes, (cause) => {
      if (cause == null) resolve();
      else reject(new MultisnapError("Io", `standard output: ${cause.message}`, { cause }));
    });
  });
}

/** The one line on standard error: `multisnap: CODE: message`. */
export function writeError(error: unknown): void {
  const { code, message } =
    error instanceof MultisnapError ? error : { code: "Internal", message: describe(error) };
  process.stderr.write(`multisnap: ${code}: ${oneLine(message)}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Names and paths may hold anything; a terminal sees none of it. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, "0");
    return ESCAPES[character] ?? `\\u${code}`;
  });
}
