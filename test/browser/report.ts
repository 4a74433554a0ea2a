/**
 * Before a test file in a page: what it prints goes to the server, and the environment comes from
 * the URL. uvu ends with the line of its duration.
 */
const parameters = new URL(import.meta.url).searchParams;
const channel = `../say/${parameters.get("channel")}`;
const env: Record<string, string> = JSON.parse(parameters.get("env") ?? "{}");

/** As Node's: after what is already waiting, without the clamp of timers. */
const { port1, port2 } = new MessageChannel();
const tasks: (() => void)[] = [];
port1.onmessage = () => tasks.shift()?.();
const setImmediate = (task: () => void) => {
  tasks.push(task);
  port2.postMessage(null);
};

Object.assign(globalThis, { process: { env }, setImmediate });

const COLORS = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
let output = "";

console.log = (...values: unknown[]) => {
  output += values.join(" ").replaceAll(COLORS, "");
  // uvu writes piece by piece; only its end is worth a message.
  if (/^ {2}Duration: .*$/m.test(output)) tell();
};

function tell(): void {
  const body = JSON.stringify({ output, isolated: globalThis.crossOriginIsolated });
  output = "";
  fetch(channel, { method: "POST", body });
}

addEventListener("unhandledrejection", ({ reason }) => {
  output += `unhandled: ${reason?.stack ?? reason}\n`;
});
