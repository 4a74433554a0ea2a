#!/usr/bin/env node
// The command-line program of the package; `npm run build` makes what it starts.
const PROGRAM = "../dist/program/main.cjs";

load().main(process.argv.slice(2));

function load() {
  try {
    return require(PROGRAM);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    console.error(`multisnap: Internal: not built (npm run build): ${error.message}`);
    process.exit(1);
  }
}
