/** Of wa-sqlite's examples, which come without types: what the benchmark uses. */
declare module "wa-sqlite/src/examples/AccessHandlePoolVFS.js" {
  export class AccessHandlePoolVFS {
    constructor(directory: string);
    readonly isReady: Promise<void>;
    addCapacity(files: number): Promise<number>;
  }
}
