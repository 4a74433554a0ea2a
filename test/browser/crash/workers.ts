/** In a page: one worker after the other lives its life and is terminated when Node says so. */
const parameters = new URL(import.meta.url).searchParams;
const channel = parameters.get("channel");
const life = `../script/${encodeURIComponent("test/browser/crash/life.ts")}?channel=${channel}`;

/** Answers when the worker shall end; an empty answer: no further one. */
async function nextEnd(): Promise<boolean> {
  const answer = await fetch(`../say/${channel}-end`, { method: "POST", body: "null" });
  return (await answer.json()) === true;
}

for (let more = true; more; ) {
  const worker = new Worker(life, { type: "module" });
  more = await nextEnd();
  worker.terminate();
}
