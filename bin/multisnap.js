#!/usr/bin/env node
// The command-line program of the package; `npm run build` makes what it starts.
const { main } = await import("../dist/program/main.js").catch((error) => {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  console.error(`multisnap: Internal: not built (npm run build): ${error.message}`);
  process.exit(1);
});

await main(process.argv.slice(2));
