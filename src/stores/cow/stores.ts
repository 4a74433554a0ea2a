/** What is loaded when a store on a COW device is made or opened. */
export { CowStore } from "./cow-store.ts";
export { PersistentStore } from "./persistent.ts";
export { TransientStore } from "./transient.ts";
