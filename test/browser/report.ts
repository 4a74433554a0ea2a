/**
 * Before a test file in a page: what it prints goes to the server, and the environment comes from
 * the URL. uvu ends with the line of its duration.
 */
const parameters = new URL(import.meta.url).searchParams;
const channel = `../say/${parameters.get("channel")}`;
const env: Record<string, string> = JSON.parse(parameters.get("env") ?? "{}");

Object.assign(globalThis, { process: { env } });

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
