/**
 * Loaded before a test file: uvu counts what it skips, this says what and why (a skip's name is its
 * reason).
 */
import { test } from "uvu";

const skip = test.skip;
test.skip = (name, body) => {
  console.log(`skipped: ${name}`);
  skip(name, body);
};
